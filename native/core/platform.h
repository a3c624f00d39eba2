// What differs between operating systems, behind one set of names.
#pragma once

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace rollcall {

// Clocks of the writers' fast path: a few nanoseconds to read, up to one tick (1 to 4 ms) old.
int64_t CoarseWallMs() noexcept;
uint64_t CoarseMonotonicNs() noexcept;

// The same clock to the nanosecond, for measuring what was spent.
uint64_t MonotonicNs() noexcept;

// Identifies this boot of the machine; all zero where the system cannot say.
void BootId(uint8_t out[16]) noexcept;

// When this process started, in clock ticks since boot; 0 where the system cannot say.
uint64_t ProcessStart() noexcept;

// Whether the calling thread is the one that this process began with.
bool OnFirstThread() noexcept;

// The kernel's number of the calling thread, in its pid namespace; 0 where there is no such thing.
uint32_t KernelThread() noexcept;

// What this thread has used of the processor.
uint64_t ThreadCpuNs() noexcept;

// Inode of this process's pid namespace; 0 where there is no such thing.
uint64_t PidNamespace() noexcept;

// Gives the first `bytes` bytes of the file real blocks, so that no later store into a mapping
// can meet a full disk (which would be a SIGBUS). kNoSpace for ENOSPC, EDQUOT and EFBIG.
Status Reserve(int fd, uint64_t bytes) noexcept;

// The same for `bytes` bytes from `from` on, of which nobody has used any. REQUIRES: kReservesParts.
Status ReservePart(int fd, uint64_t from, uint64_t bytes) noexcept;

// Whether a part of a file can be given blocks, the rest being a hole.
inline constexpr bool kReservesParts =
#ifdef __linux__
    true;
#else
    false;
#endif

// Lets the file system write the blocks of an empty file in their place, where it would give each rewrite a new block and
// so needs room for what is there already (btrfs). A no-op where there is no such thing.
void KeepBlocksInPlace(int fd) noexcept;

// Whether even reading a hole of this file through a mapping takes a block, as on tmpfs.
bool HolesNeedBlocks(int fd) noexcept;

// Whether a file lies where shared mappings and record locks do not reach all users of it.
Status RefuseNetworkFs(int fd) noexcept;
bool IsNetworkFsType(uint64_t type) noexcept;  // statfs's f_type; false for all where names are used instead

// Whether a file or directory, no link followed, has access rules beside its mode: then the bits of
// its group are those of anybody whom the rules name. True also where that cannot be told.
bool HasAcl(const char* path) noexcept;

// Whether a word of a shared mapping can be slept on.
inline constexpr bool kHasFutex =
#ifdef __linux__
    true;
#else
    false;
#endif

// Whether the mapping made from a descriptor can keep the descriptor's lock after close(): on most file systems.
inline constexpr bool kMappingKeepsLock =
#ifdef __linux__
    true;
#else
    false;
#endif

// Tells the kernel that a forked child shall not have this mapping. A no-op where it cannot be told.
void KeepFromChildren(void* address, size_t bytes) noexcept;

}  // namespace rollcall
