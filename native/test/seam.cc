#include "seam.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/types.h>
#endif

namespace rollcall::test {
namespace {

int UsualPidfdError() {
  const char* wanted = getenv("ROLLCALL_TEST_PIDFD");
  return wanted != nullptr && strcmp(wanted, "none") == 0 ? ENOSYS : 0;
}

}  // namespace

SystemCalls::SystemCalls() : pidfd_error(UsualPidfdError()) {}

SystemCalls system_calls;

}

#ifdef __linux__
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

// Not variadic as the real one is: reading arguments that were not given is what sanitizers are for.
// The calling conventions of 64-bit Linux pass these in the same places.
extern "C" long __real_syscall(long number, long a, long b, long c, long d, long e, long f);

extern "C" long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  using rollcall::test::system_calls;
  if (number == SYS_futex && b == FUTEX_WAKE) system_calls.futex_wakes++;
  if (number == SYS_futex && system_calls.futex_error != 0) {
    errno = system_calls.futex_error;
    return -1;
  }
  if (number == SYS_pidfd_send_signal && system_calls.pidfd_signal_error != 0) {
    errno = system_calls.pidfd_signal_error;
    return -1;
  }
  if (number == SYS_pidfd_open) {
    system_calls.pidfd_opens++;
    if (system_calls.pidfd_error != 0) {
      errno = system_calls.pidfd_error;
      return -1;
    }
  }
  return __real_syscall(number, a, b, c, d, e, f);
}

extern "C" int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);

extern "C" int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes) {
  if (rollcall::test::system_calls.fallocate_error == 0) return __real_fallocate(fd, mode, offset, bytes);
  errno = rollcall::test::system_calls.fallocate_error;
  return -1;
}
#endif
