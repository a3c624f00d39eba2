#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/syscall.h>
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#endif

namespace rollcall {
namespace {

// 0 and below name groups of processes, and ours among them.
bool NamesProcess(uint32_t pid) noexcept { return pid != 0 && pid <= INT32_MAX; }

Status Signal(uint32_t pid, int signal) noexcept {
  if (kill(static_cast<pid_t>(pid), signal) == 0) return Status::Ok();
  return errno == ESRCH ? Status::Of(Code::kGone) : Status::System("kill");
}

}  // namespace

bool IsGone(uint32_t pid) noexcept {
  return !NamesProcess(pid) || (kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH);
}

uint32_t TicksPerSecond() noexcept { return static_cast<uint32_t>(sysconf(_SC_CLK_TCK)); }

#if defined(__linux__)

Status ReadProcess(uint32_t pid, uint32_t thread, ProcessStat* out) noexcept {
  char path[64], text[1024];
  if (thread == 0) {
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
  } else {
    snprintf(path, sizeof path, "/proc/%u/task/%u/stat", pid, thread);
  }
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    const bool gone = (error == ENOENT || error == ESRCH) && (thread != 0 || IsGone(pid));
    return gone ? Status::Of(Code::kGone) : Status{Code::kSystem, "open", error};
  }
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return Status::Of(Code::kGone);
  text[n] = '\0';
  // The second field is the program's name in parentheses and may hold anything, so count from the last ')'.
  const char* p = strrchr(text, ')');
  if (p == nullptr || p[1] != ' ') return Status::Of(Code::kGone);
  p += 2;
  static const uint64_t page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  *out = {};
  out->state = *p;
  for (int field = 3; p != nullptr && field <= 24; field++) {
    const uint64_t value = strtoull(p, nullptr, 10);
    if (field == 14 || field == 15) out->cpu_ticks += value;
    if (field == 20) out->threads = static_cast<uint32_t>(value);
    if (field == 22) out->start_ticks = value;
    if (field == 24) out->rss_bytes = value * page_bytes;
    p = strchr(p, ' ');
    if (p != nullptr) p++;
  }
  return p == nullptr ? Status::Of(Code::kGone) : Status::Ok();
}

Status SignalProcess(uint32_t pid, uint64_t start_ticks, int signal) noexcept {
  if (!NamesProcess(pid)) return Status::Of(Code::kGone);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
  if (pidfd < 0 && errno == ESRCH) return Status::Of(Code::kGone);
  ProcessStat stat;
  Status status = start_ticks == 0 ? Status::Ok() : ReadProcess(pid, 0, &stat);
  if (status.ok() && start_ticks != 0 && stat.start_ticks != start_ticks) status = Status::Of(Code::kGone);
  if (status.ok()) {
    const bool sent = pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
    // Linux before 5.3, or a sandbox without the call, says ENOSYS or EPERM, the latter as for a process that is not ours,
    // where kill() will say so again: then there is a moment in which the pid could change hands.
    if (!sent) status = pidfd >= 0 && errno == ESRCH ? Status::Of(Code::kGone) : Signal(pid, signal);
  }
  if (pidfd >= 0) close(pidfd);
  return status;
}

#else

Status ReadProcess(uint32_t, uint32_t, ProcessStat*) noexcept { return Status::Of(Code::kGone); }

Status SignalProcess(uint32_t pid, uint64_t, int signal) noexcept {
  return NamesProcess(pid) ? Signal(pid, signal) : Status::Of(Code::kGone);
}

#endif

Status SendDatagram(const char* path, const char* text, size_t bytes) noexcept {
  sockaddr_un address = {};
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return {Code::kSystem, "sendto", ENAMETOOLONG};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0) return Status::System("socket");
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  ssize_t sent;
  do {
    sent = sendto(fd, text, bytes, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address), size);
  } while (sent < 0 && errno == EINTR);
  const Status status = sent < 0 ? Status::System("sendto") : Status::Ok();
  close(fd);
  return status;
}

}  // namespace rollcall
