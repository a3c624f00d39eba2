{
  "variables": {
    "zookeeper_client%": "<!(node native/zookeeper/sources.js)"
  },
  "target_defaults": {
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    "cflags_cc": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden"],
    "xcode_settings": {
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "CLANG_CXX_LIBRARY": "libc++"
    }
  },
  "targets": [
    {
      "target_name": "rollcall",
      "sources": [
        "native/addon/counters.cc",
        "native/addon/handle.cc",
        "native/addon/heart.cc",
        "native/addon/module.cc",
        "native/addon/owner.cc",
        "native/addon/process.cc",
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
      ]
    },
    {
      "target_name": "rollcall-supervisor",
      "type": "executable",
      "sources": ["native/supervisor/commands.c", "native/supervisor/supervisor.c"],
      "cflags": ["-Wall", "-Wextra"],
      "cflags_c": ["-std=c11"]
    }
  ],
  "conditions": [
    ["zookeeper_client!=''", {
      "targets": [
        {
          "target_name": "rollcall_zookeeper",
          "sources": [
            "native/zookeeper/module.cc",
            "native/zookeeper/session.cc",
            "native/zookeeper/sockets.cc",
            "<(zookeeper_client)/generated/zookeeper.jute.c",
            "<(zookeeper_client)/src/addrvec.c",
            "<(zookeeper_client)/src/hashtable/hashtable.c",
            "<(zookeeper_client)/src/hashtable/hashtable_itr.c",
            "<(zookeeper_client)/src/recordio.c",
            "<(zookeeper_client)/src/st_adaptor.c",
            "<(zookeeper_client)/src/zk_hashtable.c",
            "<(zookeeper_client)/src/zk_log.c",
            "<(zookeeper_client)/src/zookeeper.c"
          ],
          "include_dirs": [
            "native/zookeeper",
            "<(zookeeper_client)/generated",
            "<(zookeeper_client)/include",
            "<(zookeeper_client)/src"
          ],
          "cflags_c": ["-w", "-fvisibility=hidden", "-D_GNU_SOURCE"]
        }
      ]
    }]
  ]
}
