// Open-file-description locks on single bytes of a board: the only truth about who is alive.
//
// The kernel releases such a lock however its holder ends, keeps it while the holder is stopped,
// and does not lose it when somebody else in the process closes the same file (POSIX locks
// are lost then). It belongs to the description that open() made, so two handles in one process
// exclude each other without any table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace rollcall {

// The byte that guards claiming and retiring. Slots are locked at their own first byte.
inline constexpr uint64_t kClaimByte = 0;

// The byte that a creator holds on its temporary file, so that nobody sweeps it away.
inline constexpr uint64_t kCreateByte = 1;

// Takes the byte without waiting. kBusy: another description holds it.
Status TryLock(int fd, uint64_t byte) noexcept;

void Unlock(int fd, uint64_t byte) noexcept;

// Whether another description holds a lock in [from, from + bytes); bytes = 0: to the end of the
// universe. Takes nothing, and works on a descriptor that may only read.
Status IsLocked(int fd, uint64_t from, uint64_t bytes, bool* locked) noexcept;

// BSD locks, which are for whole files and know nothing of the locks above. They never fail where there are none.

// Shared and without waiting: kBusy: another description has it for itself.
Status TryShareFile(int fd) noexcept;

// The same for itself alone; a lock that this description has is given up for it, whether it succeeds or not.
Status TryOwnFile(int fd) noexcept;

void UnlockFile(int fd) noexcept;

// Holds a shared BSD lock on a directory, by which systemd-tmpfiles knows not to age what lies in it.
// Returns the descriptor to be closed for its end; -1 where it cannot be had, which hurts nobody at once.
int ShareDirectory(const char* path) noexcept;

// One lock that costs no descriptor while it is held: taken on an open() of its own, kept by
// a mapping of one page that a forked child does not get, released by munmap or by the end of
// the process. Where a mapping does not keep a lock, the descriptor stays open.
class HeldLock {
 public:
  HeldLock() = default;
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;
  ~HeldLock() { Release(); }

  // Opens `path`, which must still lead to the inode (`device`, `inode`), and gets everything
  // ready, so that Take cannot fail for lack of a descriptor or of memory.
  Status Prepare(const char* path, uint64_t device, uint64_t inode) noexcept;

  // REQUIRES: Prepare succeeded. kBusy: another description holds the byte.
  Status Take(uint64_t byte) noexcept;

  // Closes what Prepare opened and Take does not need any more.
  void Settle() noexcept;

  void Release() noexcept;
  bool held() const { return held_; }

 private:
  Status Open(const char* path, uint64_t device, uint64_t inode) noexcept;
  Status Map() noexcept;
  void Unmap() noexcept;
  Status Probe(const char* path, uint64_t device, uint64_t inode) noexcept;

  int fd_ = -1;
  void* page_ = nullptr;
  size_t page_bytes_ = 0;
  // Whether a mapping keeps a lock on that device; 0: nobody has tried yet.
  uint64_t probed_device_ = 0;
  bool mapping_keeps_ = false;
  bool held_ = false;
};

}  // namespace rollcall
