// Waking those who wait for news, at a price that writers do not feel while nobody waits.
//
// A waiter reads the wake word, raises the deadline word to how long it will wait at most,
// looks once more, and sleeps in the kernel on the wake word. A writer publishes and looks at
// the deadline: only when it lies ahead does it swap it to 0, and only who swapped it adds 1
// to the wake word and wakes. A deadline instead of a count of waiters: one that is SIGKILLed
// expires by itself, and of many updates while somebody waits only the first pays a system call.
#pragma once

#include <cstdint>

#include "layout.h"

namespace rollcall {

// Longest time a waiter may announce: how long a killed one can cost the writers one call.
inline constexpr uint64_t kMaxWaitNs = 2000000000;

void WakeAll(std::atomic<uint32_t>* word) noexcept;

// Called by whoever has just published something. `now_ns` may be a coarse clock's.
inline void WakeWaiters(SharedArea* shared, uint64_t now_ns) noexcept {
  // Store (of the news), then load (of the deadline): only a sequentially consistent fence keeps
  // that order. It pairs with the waiter's, between raising the deadline and looking again:
  // one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Word& deadline = shared->deadline.value;
  if (deadline.load(std::memory_order_relaxed) <= now_ns) return;
  // Acquire: pairs with the waiter's raise, so that its look at the wake word came before our addition.
  // Who finds 0 leaves the call to the writer that put it there.
  if (deadline.exchange(0, std::memory_order_acq_rel) == 0) return;
  // Release: a waiter that finds the word moved finds the news.
  shared->wake.value.fetch_add(1, std::memory_order_release);
  WakeAll(&shared->wake.value);
}

// Announces a wait of at most `wait_ns` from now on (kMaxWaitNs at most) and returns the wake
// word as it was before. The caller looks for news once more, then calls Sleep with that word.
uint32_t AnnounceWait(SharedArea* shared, uint64_t wait_ns) noexcept;

// Sleeps until the wake word is not `seen` any more, or `wait_ns` (kMaxWaitNs at most) have passed,
// or for no reason. False where there is no such call, or none is allowed: then poll.
bool Sleep(SharedArea* shared, uint32_t seen, uint64_t wait_ns) noexcept;

}  // namespace rollcall
