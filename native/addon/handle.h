// What the functions of one open board share. Each function carries a pointer to its handle, so
// a call needs no `this` and no unwrapping, and nothing is global: two copies of the package in
// one process, or ten threads, never meet.
//
// A handle lives until the last of its functions is collected. One that owns a slot lives on until
// it is closed or its environment ends: garbage collection never ends a worker.
#pragma once

#include <napi.h>

#include "../core/board.h"

namespace rollcall {

struct Handle {
  explicit Handle(napi_env environment) : env(environment) {}

  napi_env env;
  Board board;
  uint32_t text_limit = 0;  // bytes of text that publishing takes inline
  uint32_t functions = 0;   // how many point here
  bool closed = false;
  bool hooked = false;  // an environment cleanup hook will visit us

  // Gives everything back to the system. Calls on a closed handle answer kClosed.
  void Close() noexcept;
};

using HandleFunction = Napi::Value (*)(Handle&, const Napi::CallbackInfo&);

// Adds a function bound to `handle` to `object`.
void Bind(Napi::Object object, const char* name, napi_callback function, Handle* handle);

template <HandleFunction function>
napi_value Call(napi_env env, napi_callback_info raw) {
  Napi::CallbackInfo info(env, raw);
  return function(*static_cast<Handle*>(info.Data()), info);
}

// A failure as JavaScript sees it: { code, syscall?, errno? }; undefined for success.
Napi::Value Failure(napi_env env, const Status& status);

// Throws a TypeError and returns an empty value. For arguments that would endanger memory;
// lib/ has checked what a user can get wrong.
Napi::Value Misuse(napi_env env, const char* message);

// The functions of an open board, by subject.
void BindOwner(Napi::Object object, Handle* handle);
void BindReader(Napi::Object object, Handle* handle);

}  // namespace rollcall
