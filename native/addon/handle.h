// What the functions of one open board share. Each function carries a pointer to its handle, so
// a call needs no `this` and no unwrapping, and nothing is global: two copies of the package in
// one process, or ten threads, never meet.
//
// A handle lives until the last of its functions is collected. One that owns a slot lives on until
// it is closed or its environment ends: garbage collection never ends a worker.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "../core/board.h"
#include "counters.h"
#include "heart.h"
#include "waiter.h"

namespace rollcall {

struct Handle;

// The handles of one environment by number, for functions that serve all of them. V8 calls one
// function of ours quickly from one place in the code, and eight functions from that place at
// twice the price. A program with one handle uses its bound function, the handles after it these.
using HandleTable = std::vector<Handle*>;

struct Handle {
  Handle(napi_env environment, std::shared_ptr<HandleTable> handles);
  ~Handle() { (*table)[number] = nullptr; }

  napi_env env;
  std::shared_ptr<HandleTable> table;  // outlives the environment's end, in whatever order things end
  uint32_t number;
  Board board;
  CounterView view;
  Waiter waiter;
  Heart* heart = nullptr;  // owns itself: its timer may outlive the handle by a turn of the loop
  uint32_t text_limit = 0;  // bytes of text that publishing takes inline
  std::vector<char16_t> wide;  // text_limit + 2
  uint32_t functions = 0;   // how many point here
  bool closed = false;
  bool hooked = false;  // an environment cleanup hook will visit us

  // Makes the cleanup hook the last one added, so that it runs before all others.
  void HookLast();

  // Says good-bye and gives everything back to the system. Calls on a closed handle answer kClosed.
  void Close() noexcept;

  // The same without a good-bye: what has a slot has died.
  void Abandon(Ending how) noexcept;

 private:
  void GiveBack() noexcept;
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

// Arguments as they are, without JavaScript's conversions: those can fail while a worker thread is
// being terminated, in the middle of a call. What is no number comes out as 0.
uint32_t Uint32At(const Napi::CallbackInfo& info, size_t index);
uint64_t Uint64At(const Napi::CallbackInfo& info, size_t index);
bool BooleanAt(const Napi::CallbackInfo& info, size_t index);
double DoubleAt(const Napi::CallbackInfo& info, size_t index);
std::string StringAt(const Napi::CallbackInfo& info, size_t index);  // empty if it is none

// The elements of a typed array of one type; nullptr if it is of another.
template <typename Element>
Element* ElementsOf(const Napi::Value& value, napi_typedarray_type type, size_t* length) {
  napi_typedarray_type actual;
  void* data;
  const napi_status status = napi_get_typedarray_info(value.Env(), value, &actual, length, &data, nullptr, nullptr);
  if (status != napi_ok || actual != type) return nullptr;
  alignas(8) static Element none{};  // an empty array has no memory of its own
  return *length > 0 ? static_cast<Element*>(data) : &none;
}

// The functions of an open board, by subject.
void BindOwner(Napi::Object object, Handle* handle);
void BindReader(Napi::Object object, Handle* handle);
void BindCounters(Napi::Object object, Handle* handle);
void BindWaiter(Napi::Object object, Handle* handle);

// Those that need none.
void ExportOwner(Napi::Object exports, const std::shared_ptr<HandleTable>& table);
void ExportProcess(Napi::Object exports);

}  // namespace rollcall
