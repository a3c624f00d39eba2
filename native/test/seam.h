// A view on some system calls of the core, and a way to let them fail: the linker puts our function in
// its place (--wrap), so nothing in the shipped binary knows of it.
#pragma once

#include <atomic>

namespace rollcall::test {

struct SystemCalls {
  std::atomic<long> futex_wakes{0};
  std::atomic<long> pidfd_opens{0};
  std::atomic<int> pidfd_error{0};  // not 0: pidfd_open fails with it
  std::atomic<int> futex_error{0};
  std::atomic<int> fallocate_error{0};
};
extern SystemCalls system_calls;

}  // namespace rollcall::test
