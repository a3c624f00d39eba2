{
  "target_defaults": {
    "include_dirs": ["../../native/core"],
    "sources": ["<!@(ls ../../native/core/*.cc)"],
    "cflags_cc": ["-O3", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden"]
  },
  "targets": [
    { "target_name": "floor", "sources": ["floor.cc"], "defines": ["NAPI_VERSION=9"] },
    { "target_name": "crowd", "type": "executable", "sources": ["crowd.cc"] }
  ]
}
