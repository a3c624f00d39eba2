// Calling JavaScript from a callback of the event loop.
#pragma once

#include <node_api.h>

#include <initializer_list>

namespace rollcall {

// Calls the function that `callback` refers to, as a turn of its own. What it throws is an uncaught exception.
// REQUIRES: an open handle scope.
inline void CallBack(napi_env env, napi_ref callback, std::initializer_list<napi_value> arguments) {
  napi_value function = nullptr, global = nullptr, result;
  if (callback == nullptr || napi_get_reference_value(env, callback, &function) != napi_ok) return;
  napi_get_global(env, &global);
  const napi_status status =
      napi_make_callback(env, nullptr, global, function, arguments.size(), arguments.begin(), &result);
  if (status != napi_pending_exception) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace rollcall
