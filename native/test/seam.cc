#include "seam.h"

#include <cerrno>
#include <cstdarg>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/types.h>
#endif

namespace rollcall::test {
SystemCalls system_calls;
}

#ifdef __linux__
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

extern "C" long __real_syscall(long number, ...);

extern "C" long __wrap_syscall(long number, ...) {
  using rollcall::test::system_calls;
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && a[1] == FUTEX_WAKE) system_calls.futex_wakes++;
  if (number == SYS_futex && system_calls.futex_error != 0) {
    errno = system_calls.futex_error;
    return -1;
  }
  if (number == SYS_pidfd_open) {
    system_calls.pidfd_opens++;
    if (system_calls.pidfd_error != 0) {
      errno = system_calls.pidfd_error;
      return -1;
    }
  }
  return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

extern "C" int __real_fallocate(int fd, int mode, off_t offset, off_t bytes);

extern "C" int __wrap_fallocate(int fd, int mode, off_t offset, off_t bytes) {
  if (rollcall::test::system_calls.fallocate_error == 0) return __real_fallocate(fd, mode, offset, bytes);
  errno = rollcall::test::system_calls.fallocate_error;
  return -1;
}
#endif
