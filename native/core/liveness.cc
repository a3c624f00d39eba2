#include "liveness.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "file_lock.h"
#include "platform.h"

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/syscall.h>
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#endif

namespace rollcall {
namespace {

constexpr uint64_t kProbeRoundNs = 1000000000;

// At most one part in so many of a reader's time goes into probing. The kernel walks a list of all
// locks for each probe, so with thousands of workers a whole round takes longer than a second; what
// pidfds tell is not delayed by that.
constexpr uint64_t kProbeShare = 50;

// ... and no more than this at once, for somebody waits for the answer: whoever looks once a second must not pay
// a fiftieth of that second. The growing part keeps a round among thousands to minutes.
constexpr uint64_t kMostProbingNs = 50000;
constexpr uint64_t kMostProbingNsPerWatch = 100;
constexpr int kEventsPerCall = 64;

// The program around us needs descriptors too. The kernel gives the lowest free number, so one in the
// last quarter says that three are taken, by whichever of the readers in this process.
bool IsLastQuarter(int descriptor) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return descriptor >= 512;
  return static_cast<rlim_t>(descriptor) >= limit.rlim_cur - limit.rlim_cur / 4;
}

}  // namespace

bool Liveness::HoldsLock(uint32_t slot) const noexcept {
  bool locked = false;
  // What cannot be asked about cannot be called dead: a wrong "dead" would free a living slot.
  return !IsLocked(file_.fd(), file_.lock_byte(slot), 1, &locked).ok() || locked;
}

bool Liveness::StillHoldsLock(uint32_t slot) {
  if (HoldsLock(slot)) return true;
  Unwatch(slot);
  return false;
}

bool Liveness::IsAlive(uint32_t slot, uint64_t epoch, uint32_t pid, uint64_t pid_namespace) {
  if (slot < watches_.size() && watches_[slot].epoch != 0) {
    // One that was found dead stays watched as dead until the slot has a new owner.
    if (watches_[slot].epoch == epoch) return watches_[slot].alive;
    Unwatch(slot);
  }
  if (pid_namespace_ == 0) pid_namespace_ = PidNamespace();
  if (pid_namespace != 0 && pid_namespace == pid_namespace_ && Pin(slot, epoch, pid)) return true;
  return HoldsLock(slot);
}

#if defined(__linux__)

int Liveness::descriptor() {
  if (epoll_ < 0 && !unavailable_) epoll_ = epoll_create1(EPOLL_CLOEXEC);
  return epoll_;
}

int Liveness::OpenPidfd(uint32_t pid) {
  if (unavailable_ || descriptor() < 0 || CoarseMonotonicNs() < full_until_ns_) return -1;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    unavailable_ = errno == ENOSYS || errno == EPERM;
    return -1;
  }
  if (IsLastQuarter(pidfd)) {
    close(pidfd);
    full_until_ns_ = CoarseMonotonicNs() + kProbeRoundNs;
    return -1;
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u32 = pid;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, pidfd, &event) != 0) {
    close(pidfd);
    return -1;
  }
  return pidfd;
}

// Out of the set by word and not by closing: a forked child has a copy, with which the kernel
// would keep it there, and readable for ever.
void Liveness::ClosePidfd(int pidfd) noexcept {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, pidfd, nullptr);
  close(pidfd);
}

bool Liveness::Pin(uint32_t slot, uint64_t epoch, uint32_t pid) {
  auto known = processes_.find(pid);
  if (known == processes_.end()) {
    const int pidfd = OpenPidfd(pid);
    if (pidfd < 0) return false;
    known = processes_.emplace(pid, Process{pidfd, 0}).first;
  }
  // A pidfd we hold already may be of a process that has ended since the last Refresh, and the
  // slot of another one with the same number: then it is readable now, and the next Refresh will
  // call this worker dead. The lock, probed again then, is what HoldsLock tells the caller.
  const bool held = HoldsLock(slot);
  // After the probe, which is a system call: an epoch that has not moved by now was the holder's.
  const bool same = file_.control(slot)->epoch.load(std::memory_order_acquire) == epoch;
  epoll_event event;
  const bool stale = known->second.slots > 0 && epoll_wait(epoll_, &event, 1, 0) > 0;
  if (!held || !same || stale) {
    if (known->second.slots == 0) {
      ClosePidfd(known->second.pidfd);
      processes_.erase(known);
    }
    return false;
  }
  if (watches_.size() <= slot) watches_.resize(std::max<size_t>(slot + 1, file_.high_water()));
  watches_[slot] = {epoch, pid, true};
  known->second.slots++;
  watched_++;
  return true;
}

bool Liveness::ReapEnded() {
  bool found = false;
  epoll_event events[kEventsPerCall];
  for (;;) {
    const int count = epoll_ < 0 ? 0 : epoll_wait(epoll_, events, kEventsPerCall, 0);
    for (int i = 0; i < count; i++) {
      const uint32_t pid = events[i].data.u32;
      const auto ended = processes_.find(pid);
      if (ended == processes_.end()) continue;
      ClosePidfd(ended->second.pidfd);
      processes_.erase(ended);
      for (Watch& watch : watches_) {
        if (watch.pid != pid || !watch.alive) continue;
        watch.alive = false;
        watched_--;
      }
      found = true;
    }
    if (count < kEventsPerCall) return found;
  }
}

#else

int Liveness::descriptor() { return -1; }
int Liveness::OpenPidfd(uint32_t) { return -1; }
void Liveness::ClosePidfd(int) noexcept {}
bool Liveness::Pin(uint32_t, uint64_t, uint32_t) { return false; }
bool Liveness::ReapEnded() { return false; }

#endif

bool Liveness::Refresh() {
  const bool ended = ReapEnded();
  return ProbeSome() || ended;
}

bool Liveness::ProbeSome() {
  if (watched_ == 0) return false;
  const uint64_t now = CoarseMonotonicNs();
  if (probed_at_ns_ == 0) probed_at_ns_ = now;
  const uint64_t elapsed = std::min(now - probed_at_ns_, kProbeRoundNs);
  const uint64_t due = elapsed * watches_.size() / kProbeRoundNs;
  if (due == 0) return false;
  bool found = false;
  const uint64_t most = std::min(elapsed / kProbeShare, std::max(kMostProbingNs, kMostProbingNsPerWatch * watches_.size()));
  const uint64_t started = MonotonicNs();
  for (uint64_t i = 0; i < due; i++) {
    if (next_probe_ >= watches_.size()) next_probe_ = 0;
    const uint32_t slot = next_probe_++;
    if (watches_[slot].alive && !StillHoldsLock(slot)) found = true;  // IsAlive will ask the lock
    if (MonotonicNs() - started > most) break;
  }
  probed_at_ns_ = CoarseMonotonicNs();
  return found;
}

void Liveness::Unwatch(uint32_t slot) {
  Watch& watch = watches_[slot];
  if (watch.alive) {
    watched_--;
    const auto process = processes_.find(watch.pid);
    if (process != processes_.end() && --process->second.slots == 0) {
      ClosePidfd(process->second.pidfd);
      processes_.erase(process);
    }
  }
  watch = {};
}

void Liveness::Reset() noexcept {
  for (auto& [pid, process] : processes_) ClosePidfd(process.pidfd);
  processes_.clear();
  watches_.clear();
  watched_ = 0;
  if (epoll_ >= 0) close(epoll_);
  epoll_ = -1;
}

}  // namespace rollcall
