// The heart of a slot's owner: as long as its event loop turns, its slot says so.
//
// By a timer of the event loop itself, so that no JavaScript runs for it: an idle worker wakes for half of what a timer
// of JavaScript costs.
#pragma once

#include <napi.h>
#include <signal.h>
#include <uv.h>

namespace rollcall {

struct Handle;

class Heart {
 public:
  // Beats every `every_ms`, until Stop or the end of the environment, and keeps no process alive. `attend` is called
  // after a beat that needs JavaScript: with how many beats in a row found an inspector left open, and with 0 when SIGUSR1
  // is handled by somebody else than at the beat before.
  // REQUIRES: `handle` has a slot and no heart.
  static void Start(Handle* handle, uint32_t every_ms, Napi::Function attend);

  // The heart of `handle` goes, if it has one.
  static void Stop(Handle* handle) noexcept;

 private:
  using SignalHandler = void (*)(int);

  static void OnTimer(uv_timer_t* timer);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data);
  static void OnClosed(uv_handle_t* timer);
  static SignalHandler HandlerOfSigusr1();

  Handle* handle_ = nullptr;  // nullptr: it has stopped
  uv_timer_t timer_;
  napi_ref attend_ = nullptr;
  // An environment that ends waits for the timer to be closed.
  napi_async_cleanup_hook_handle hook_ = nullptr;
  SignalHandler handler_ = nullptr;
  uint32_t left_open_ = 0;
};

}  // namespace rollcall
