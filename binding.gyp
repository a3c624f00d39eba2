{
  "targets": [
    {
      "target_name": "rollcall",
      "sources": [
        "native/addon/cloexec.cc",
        "native/addon/counters.cc",
        "native/addon/handle.cc",
        "native/addon/module.cc",
        "native/addon/owner.cc",
        "native/addon/reader.cc",
        "native/addon/waiter.cc",
        "native/core/board.cc",
        "native/core/board_file.cc",
        "native/core/board_scan.cc",
        "native/core/crc32c.cc",
        "native/core/file_lock.cc",
        "native/core/layout.cc",
        "native/core/liveness.cc",
        "native/core/platform.cc",
        "native/core/process.cc",
        "native/core/totals.cc",
        "native/core/wake.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden"],
      "xcode_settings": {
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "CLANG_CXX_LIBRARY": "libc++"
      }
    },
    {
      "target_name": "rollcall-supervisor",
      "type": "executable",
      "sources": ["native/supervisor/commands.c", "native/supervisor/supervisor.c"],
      "cflags": ["-Wall", "-Wextra"],
      "cflags_c": ["-std=c11"],
      "xcode_settings": {"MACOSX_DEPLOYMENT_TARGET": "11.0"}
    }
  ]
}
