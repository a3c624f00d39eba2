#include <node_api.h>
namespace rollcall { napi_value InitCloexec(napi_env env, napi_value exports); }
NAPI_MODULE_INIT() { return rollcall::InitCloexec(env, exports); }
