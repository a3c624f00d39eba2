#include "wake.h"

#include <cerrno>
#include <climits>

#include "platform.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace rollcall {

#if defined(__linux__)

// Not FUTEX_PRIVATE_FLAG: waiters and wakers are different processes.
void WakeAll(std::atomic<uint32_t>* word) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

bool Sleep(SharedArea* shared, uint32_t seen, uint64_t wait_ns) noexcept {
  // No longer than a deadline can tell the writers: what comes after it wakes nobody.
  if (wait_ns > kMaxWaitNs) wait_ns = kMaxWaitNs;
  timespec limit;
  limit.tv_sec = static_cast<time_t>(wait_ns / 1000000000u);
  limit.tv_nsec = static_cast<long>(wait_ns % 1000000000u);
  const long slept = syscall(SYS_futex, &shared->wake.value, FUTEX_WAIT, seen, &limit, nullptr, 0);
  return slept == 0 || (errno != ENOSYS && errno != EPERM);
}

#else

void WakeAll(std::atomic<uint32_t>*) noexcept {}
bool Sleep(SharedArea*, uint32_t, uint64_t) noexcept { return false; }

#endif

uint32_t AnnounceWait(SharedArea* shared, uint64_t wait_ns) noexcept {
  // Before the deadline, whose release keeps it so: a writer that sees the deadline changes this
  // word afterwards, so the kernel will find it changed and not put us to sleep.
  const uint32_t seen = shared->wake.value.load(std::memory_order_acquire);
  const uint64_t until = CoarseMonotonicNs() + (wait_ns < kMaxWaitNs ? wait_ns : kMaxWaitNs);
  Word& deadline = shared->deadline.value;
  uint64_t known = deadline.load(std::memory_order_relaxed);
  while (known < until && !deadline.compare_exchange_weak(known, until, std::memory_order_acq_rel)) {
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // see WakeWaiters
  return seen;
}

}  // namespace rollcall
