#include "waiter.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../core/platform.h"
#include "../core/wake.h"
#include "handle.h"

namespace rollcall {
namespace {

// Less than what AnnounceWait announces, so that the next announcement comes before it ends; and
// about once a second a reader has to look in any case, for deaths that no pidfd tells.
constexpr uint64_t kSleepNs = 1000000000;

}  // namespace

void Waiter::Turn::Request() {
  {
    const std::lock_guard<std::mutex> guard(mutex);
    requested = true;
  }
  changed.notify_one();
}

void Waiter::Turn::Stop() {
  {
    const std::lock_guard<std::mutex> guard(mutex);
    stop = true;
  }
  changed.notify_one();
}

bool Waiter::Turn::Next() {
  std::unique_lock<std::mutex> guard(mutex);
  changed.wait(guard, [this] { return requested || stop; });
  requested = false;
  return !stop;
}

bool Waiter::Turn::stopping() {
  const std::lock_guard<std::mutex> guard(mutex);
  return stop;
}

bool Waiter::Start(napi_env env, napi_value news, SharedArea* shared, int deaths) {
  napi_value name;
  napi_create_string_utf8(env, "rollcall.watch", NAPI_AUTO_LENGTH, &name);
  // A queue of one: many wake-ups before JavaScript looks are one.
  const napi_status made = napi_create_threadsafe_function(env, news, nullptr, name, 1, 1, nullptr, nullptr, nullptr,
                                                           nullptr, &function_);
  if (made != napi_ok) {
    function_ = nullptr;
    return false;
  }
  shared_ = shared;
  int pipe_ends[2] = {-1, -1};
  if (deaths >= 0 && pipe(pipe_ends) == 0) {
    fcntl(pipe_ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(pipe_ends[1], F_SETFD, FD_CLOEXEC);
    stop_descriptor_ = pipe_ends[1];
    death_thread_ = std::thread([this, deaths, end = pipe_ends[0]] {
      for (bool stopped = false; !stopped && death_turn_.Next();) {
        pollfd watched[2] = {{deaths, POLLIN, 0}, {end, POLLIN, 0}};
        poll(watched, 2, -1);
        stopped = watched[1].revents != 0;
        if (!stopped) Tell();
      }
      close(end);
    });
  }
  if (shared_ != nullptr) wake_thread_ = std::thread([this] { SleepOnWakeWord(); });
  return true;
}

void Waiter::SleepOnWakeWord() {
  while (wake_turn_.Next()) {
    Sleep(shared_, seen_.load(std::memory_order_relaxed), kSleepNs);
    if (wake_turn_.stopping()) return;
    Tell();
  }
}

void Waiter::Wait(uint32_t seen) {
  seen_.store(seen, std::memory_order_relaxed);  // the mutex in Request orders it
  wake_turn_.Request();
  death_turn_.Request();
}

void Waiter::Tell() noexcept { napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking); }

void Waiter::KeepsAlive(napi_env env, bool keeps) {
  if (keeps) {
    napi_ref_threadsafe_function(env, function_);
  } else {
    napi_unref_threadsafe_function(env, function_);
  }
}

void Waiter::Stop() noexcept {
  if (!running()) return;
  wake_turn_.Stop();
  death_turn_.Stop();
  if (stop_descriptor_ >= 0) close(stop_descriptor_);  // the other end polls readable
  if (wake_thread_.joinable()) {
    // Changed first, so that a thread just about to sleep does not. Others who wait on this
    // board look once for nothing.
    shared_->wake.value.fetch_add(1, std::memory_order_release);
    WakeAll(&shared_->wake.value);
    wake_thread_.join();
  }
  if (death_thread_.joinable()) death_thread_.join();
  stop_descriptor_ = -1;
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
  wake_turn_.stop = death_turn_.stop = false;
  wake_turn_.requested = death_turn_.requested = false;
}

namespace {

// startWaiting(news: () => void) -> whether there is anything that could wake
Napi::Value StartWaiting(Handle& handle, const Napi::CallbackInfo& info) {
  const BoardFile& file = handle.board.file();
  if (handle.closed || handle.waiter.running() || !info[0].IsFunction()) {
    return Misuse(info.Env(), "Expected an open board that does not wait yet, and a function");
  }
  SharedArea* shared = file.read_only() || !kHasFutex ? nullptr : file.shared();
  handle.waiter.Start(info.Env(), info[0], shared, handle.board.liveness().descriptor());
  return Napi::Boolean::New(info.Env(), shared != nullptr);
}

// announceWait() -> the wake word, to be given to wait() after one more look
Napi::Value Announce(Handle& handle, const Napi::CallbackInfo& info) {
  if (handle.closed || handle.board.file().read_only()) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(info.Env(), AnnounceWait(handle.board.file().shared(), kMaxWaitNs));
}

// wait(seen)
Napi::Value Wait(Handle& handle, const Napi::CallbackInfo& info) {
  if (handle.closed || !handle.waiter.running()) return info.Env().Undefined();
  handle.waiter.Wait(Uint32At(info, 0));
  return info.Env().Undefined();
}

// keepAlive(whether)
Napi::Value KeepAlive(Handle& handle, const Napi::CallbackInfo& info) {
  if (handle.waiter.running()) handle.waiter.KeepsAlive(info.Env(), BooleanAt(info, 0));
  return info.Env().Undefined();
}

// stopWaiting()
Napi::Value StopWaiting(Handle& handle, const Napi::CallbackInfo& info) {
  handle.waiter.Stop();
  return info.Env().Undefined();
}

}  // namespace

void BindWaiter(Napi::Object object, Handle* handle) {
  Bind(object, "startWaiting", Call<StartWaiting>, handle);
  Bind(object, "announceWait", Call<Announce>, handle);
  Bind(object, "wait", Call<Wait>, handle);
  Bind(object, "keepAlive", Call<KeepAlive>, handle);
  Bind(object, "stopWaiting", Call<StopWaiting>, handle);
}

}  // namespace rollcall
