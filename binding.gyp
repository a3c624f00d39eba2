{ "targets": [ { "target_name": "rollcall", "sources": [ "native/addon/cloexec.cc", "native/addon/cloexec-module.cc" ], "cflags_cc": [ "-std=c++20", "-Wall", "-Wextra" ] } ] }
