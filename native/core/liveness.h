// Who is alive. The lock on a slot's byte is the truth; asking the kernel about it costs a system
// call for each slot, and the kernel walks a list of all locks on the file for each answer. So
// every process that owns a slot is also watched through a pidfd, all of them in one epoll set:
// one call answers for all.
//
// Why a pidfd may stand in for the lock: it is opened first, then the slot's lock is seen held and
// its epoch and pid unchanged. The owner was alive then and had that pid all the time, so the
// pidfd is its process. When that process ends, its locks are gone too.
//
// What a pidfd cannot see: exec, and slots lost inside a living process. So each slot's lock is
// probed again about once a second, in rotation (with hundreds of workers less often: kProbeShare). Slots
// whose process cannot have a pidfd (another pid namespace, too few descriptors, an old kernel, macOS) are
// probed each time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "board_file.h"

namespace rollcall {

class Liveness {
 public:
  explicit Liveness(const BoardFile& file) : file_(file) {}
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;
  ~Liveness() { Reset(); }

  // Asks about all watched processes at once, and about some locks. Returns whether any owner
  // was found dead since the last call. REQUIRES: the file is open.
  bool Refresh();

  // Whether the owner of that epoch is alive: for a watched one as of the last Refresh, else as
  // of now. The caller makes sure afterwards that the slot's epoch is still `epoch`.
  // REQUIRES: pid and pid_namespace are from the identity that belongs to `epoch`.
  bool IsAlive(uint32_t slot, uint64_t epoch, uint32_t pid, uint64_t pid_namespace);

  // The same for an owner that IsAlive has been asked about before; false if it has not.
  bool IsWatchedAndAlive(uint32_t slot, uint64_t epoch) const {
    return slot < watches_.size() && watches_[slot].epoch == epoch && watches_[slot].alive;
  }

  // Asks the lock itself.
  bool HoldsLock(uint32_t slot) const noexcept;

  // The same for a watched owner, which is watched no more when it has lost the lock.
  bool StillHoldsLock(uint32_t slot);

  // A descriptor that polls readable when a watched process has ended; -1 where there is none.
  int descriptor();

  // Forgets everything and closes every descriptor.
  void Reset() noexcept;

 private:
  struct Watch {
    uint64_t epoch = 0;  // 0: this slot is not watched
    uint32_t pid = 0;
    bool alive = false;
  };
  struct Process {
    int pidfd = -1;
    uint32_t slots = 0;  // watches that lean on it
  };

  bool Pin(uint32_t slot, uint64_t epoch, uint32_t pid);
  void Unwatch(uint32_t slot);
  bool ReapEnded();
  bool ProbeSome();
  int OpenPidfd(uint32_t pid);
  void ClosePidfd(int pidfd) noexcept;

  const BoardFile& file_;
  std::vector<Watch> watches_;  // by slot
  std::unordered_map<uint32_t, Process> processes_;
  int epoll_ = -1;
  bool unavailable_ = false;  // this kernel has no pidfds
  uint32_t watched_ = 0;
  uint64_t pid_namespace_ = 0;
  uint64_t full_until_ns_ = 0;  // until then no descriptor is to be had, and none is asked for
  uint64_t probed_at_ns_ = 0;
  uint32_t next_probe_ = 0;
};

}  // namespace rollcall
