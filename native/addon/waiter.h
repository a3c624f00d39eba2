// Waiting for news of a board without polling and without a thread of libuv's pool.
//
// Two threads for each handle that somebody watches: one sleeps on the board's wake word, one on the
// pidfds of the workers. Each waits once when it is told to, tells JavaScript, and waits to be
// told again, so that a reader that is slow to look costs the writers nothing meanwhile.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "../core/layout.h"

namespace rollcall {

class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Starts the threads. `news` is called, without arguments, whenever it is time to look.
  // `shared` may be nullptr (no wake word: read-only), `deaths` may be -1 (no pidfds).
  bool Start(napi_env env, napi_value news, SharedArea* shared, int deaths);

  // Waits once. `seen` is what AnnounceWait returned before the caller looked for the last time.
  void Wait(uint32_t seen);

  // Whether waiting keeps the program running.
  void KeepsAlive(napi_env env, bool keeps);

  // Ends the threads and does not return before they have ended.
  void Stop() noexcept;

  bool running() const { return function_ != nullptr; }

 private:
  // One thread's turn-taking: asked to wait, or asked to stop.
  struct Turn {
    std::mutex mutex;
    std::condition_variable changed;
    bool requested = false;
    bool stop = false;

    void Request();
    void Stop();
    bool Next();  // false: stop
    bool stopping();
  };

  void SleepOnWakeWord();
  void Tell() noexcept;

  SharedArea* shared_ = nullptr;
  napi_threadsafe_function function_ = nullptr;
  std::atomic<uint32_t> seen_{0};
  int stop_descriptor_ = -1;
  Turn wake_turn_, death_turn_;
  std::thread wake_thread_, death_thread_;
};

}  // namespace rollcall
