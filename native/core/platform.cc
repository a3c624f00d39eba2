#include "platform.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#elif defined(__APPLE__)
#include <pthread.h>
#include <sys/acl.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <sys/sysctl.h>
#else
#error "rollcall supports Linux and macOS"
#endif

namespace rollcall {
namespace {

#if defined(__linux__)
constexpr clockid_t kCoarseWall = CLOCK_REALTIME_COARSE, kCoarseMonotonic = CLOCK_MONOTONIC_COARSE;
#else
constexpr clockid_t kCoarseWall = CLOCK_REALTIME, kCoarseMonotonic = CLOCK_MONOTONIC;
#endif

bool ParseUuid(const char* text, uint8_t out[16]) {
  int digits = 0;
  for (; *text && digits < 32; text++) {
    const char c = *text;
    if (c == '-') continue;
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (value < 0) return false;
    out[digits / 2] = static_cast<uint8_t>(out[digits / 2] << 4 | value);
    digits++;
  }
  return digits == 32;
}

#if defined(__linux__)
// Returns an errno.
int WriteZeros(int fd, uint64_t at, uint64_t end) {
  static constexpr char kZeros[4096] = {};
  while (at < end) {
    const size_t size = end - at < sizeof kZeros ? static_cast<size_t>(end - at) : sizeof kZeros;
    const ssize_t n = pwrite(fd, kZeros, size, static_cast<off_t>(at));
    if (n < 0 && errno != EINTR) return errno;
    if (n > 0) at += static_cast<uint64_t>(n);
  }
  return 0;
}

// The same for what the file lacks: what it has already is not touched.
int LengthenWithZeros(int fd, uint64_t bytes) {
  struct stat st;
  return fstat(fd, &st) == 0 ? WriteZeros(fd, static_cast<uint64_t>(st.st_size), bytes) : errno;
}

// EPERM: a sandbox that denies unknown calls; a file that may not be written says so to the next call too.
bool CannotAllocate(int error) { return error == EOPNOTSUPP || error == ENOSYS || error == EPERM; }

// Reads the beginning of a small file of /proc; returns its length, or -1.
ssize_t ReadSmallFile(const char* path, char* out, size_t size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t n = read(fd, out, size - 1);
  close(fd);
  if (n >= 0) out[n] = '\0';
  return n;
}
#endif

}  // namespace

int64_t CoarseWallMs() noexcept {
  timespec t;
  clock_gettime(kCoarseWall, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1000000;
}

uint64_t CoarseMonotonicNs() noexcept {
  timespec t;
  clock_gettime(kCoarseMonotonic, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t MonotonicNs() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t ThreadCpuNs() noexcept {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

void BootId(uint8_t out[16]) noexcept {
  memset(out, 0, 16);
  char text[64] = {0};
#if defined(__linux__)
  if (ReadSmallFile("/proc/sys/kernel/random/boot_id", text, sizeof text) < 0) return;
#else
  size_t size = sizeof text - 1;
  if (sysctlbyname("kern.bootsessionuuid", text, &size, nullptr, 0) != 0) return;
#endif
  if (!ParseUuid(text, out)) memset(out, 0, 16);
}

uint64_t ProcessStart() noexcept {
#if defined(__linux__)
  char text[1024];
  if (ReadSmallFile("/proc/self/stat", text, sizeof text) < 0) return 0;
  // The second field is the program's name in parentheses and may hold anything, so count from the last ')'.
  const char* p = strrchr(text, ')');
  for (int field = 2; p != nullptr && field < 22; field++) p = strchr(p + 1, ' ');
  return p == nullptr ? 0 : strtoull(p + 1, nullptr, 10);
#else
  return 0;
#endif
}

bool OnFirstThread() noexcept {
#if defined(__linux__)
  return syscall(SYS_gettid) == getpid();
#else
  return pthread_main_np() != 0;
#endif
}

uint32_t KernelThread() noexcept {
#if defined(__linux__)
  return static_cast<uint32_t>(syscall(SYS_gettid));
#else
  return 0;
#endif
}

uint64_t PidNamespace() noexcept {
#if defined(__linux__)
  struct stat st;
  return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
#else
  return 0;
#endif
}

namespace {

#if defined(__linux__)
int Allocate(int fd, uint64_t from, uint64_t bytes) {
  int error;
  do {
    error = fallocate(fd, 0, static_cast<off_t>(from), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  } while (error == EINTR);
  return error;
}
#endif

Status Reserved(int error) {
  if (error == 0) return Status::Ok();
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {full ? Code::kNoSpace : Code::kSystem, "fallocate", error};
}

}  // namespace

Status ReservePart([[maybe_unused]] int fd, [[maybe_unused]] uint64_t from, [[maybe_unused]] uint64_t bytes) noexcept {
#if defined(__linux__)
  int error = Allocate(fd, from, bytes);
  if (CannotAllocate(error)) error = WriteZeros(fd, from, from + bytes);
  return Reserved(error);
#else
  return Reserved(ENOTSUP);
#endif
}

Status Reserve(int fd, uint64_t bytes) noexcept {
#if defined(__linux__)
  int error = Allocate(fd, 0, bytes);
  // Not posix_fallocate: where the file system cannot do it, that reads and writes back a byte of
  // each block, and in a board that is in use such a write can undo a worker's.
  if (CannotAllocate(error)) error = LengthenWithZeros(fd, bytes);
#else
  fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, static_cast<off_t>(bytes), 0};
  int error = fcntl(fd, F_PREALLOCATE, &store) == 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
#endif
  return Reserved(error);
}

void KeepBlocksInPlace([[maybe_unused]] int fd) noexcept {
#if defined(__linux__)
  int flags = 0;  // the kernel reads and writes an int, whatever the name of the call says
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_NOCOW_FL;
  (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
#endif
}

bool HolesNeedBlocks([[maybe_unused]] int fd) noexcept {
#if defined(__linux__)
  constexpr uint32_t kTmpfs = 0x01021994;
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 && static_cast<uint32_t>(fs.f_type) == kTmpfs;
#else
  return false;
#endif
}

bool IsNetworkFsType(uint64_t type) noexcept {
  // From linux/magic.h and the file systems' own sources. FUSE is here because sshfs, s3fs and
  // gcsfuse are FUSE and nothing tells them from a local one.
  static constexpr uint32_t kTypes[] = {
      0x6969,      // NFS
      0x517b,      // SMB
      0xff534d42,  // CIFS
      0xfe534d42,  // SMB2
      0x01021997,  // 9P
      0x00c36400,  // Ceph
      0x0bd00bd0,  // Lustre
      0x01161970,  // GFS2
      0x7461636f,  // OCFS2
      0x5346414f,  // OpenAFS
      0x6b414653,  // kAFS
      0x73757245,  // Coda
      0x65735546,  // FUSE
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
  };
  for (const uint32_t known : kTypes) {
    if (static_cast<uint32_t>(type) == known) return true;
  }
  return false;
}

Status RefuseNetworkFs(int fd) noexcept {
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0) return Status::System("fstatfs");
#if defined(__linux__)
  const bool network = IsNetworkFsType(static_cast<uint64_t>(fs.f_type));
#else
  const bool network = (fs.f_flags & MNT_LOCAL) == 0;
#endif
  return network ? Status::Of(Code::kUnsupportedFs) : Status::Ok();
}

void KeepFromChildren([[maybe_unused]] void* address, [[maybe_unused]] size_t bytes) noexcept {
#if defined(__linux__)
  madvise(address, bytes, MADV_DONTFORK);
#endif
}

bool HasAcl(const char* path) noexcept {
#if defined(__linux__)
  const ssize_t size = lgetxattr(path, "system.posix_acl_access", nullptr, 0);
  return size >= 0 || (errno != ENODATA && errno != EOPNOTSUPP);
#else
  const acl_t acl = acl_get_link_np(path, ACL_TYPE_EXTENDED);
  if (acl == nullptr) return errno != ENOENT;
  acl_free(acl);
  return true;
#endif
}

}  // namespace rollcall
