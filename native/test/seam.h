// A view on some system calls of the core, and a way to let them fail: the linker puts our function in
// its place (--wrap), so nothing in the shipped binary knows of it.
#pragma once

#include <atomic>

namespace rollcall::test {

struct SystemCalls {
  SystemCalls();

  std::atomic<long> futex_wakes{0};
  std::atomic<long> pidfd_opens{0};
  // Not 0: pidfd_open fails with it. ENOSYS from the start with ROLLCALL_TEST_PIDFD=none.
  std::atomic<int> pidfd_error;
  std::atomic<int> pidfd_signal_error{0};
  std::atomic<int> futex_error{0};
  std::atomic<int> fallocate_error{0};
};
extern SystemCalls system_calls;

}  // namespace rollcall::test
