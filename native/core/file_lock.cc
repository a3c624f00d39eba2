#include "file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform.h"

#if defined(__APPLE__) && !defined(F_OFD_SETLK)
// Darwin has had these commands since 10.15 and shows them only to itself.
#define F_OFD_SETLK 90
#define F_OFD_GETLK 92
#endif

namespace rollcall {
namespace {

struct flock ByteRange(short type, uint64_t from, uint64_t bytes) {
  struct flock range = {};  // l_pid must be 0 for these commands
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(from);
  range.l_len = static_cast<off_t>(bytes);
  return range;
}

Status LockFailure() {
  if (errno == EAGAIN || errno == EACCES) return Status::Of(Code::kBusy);
  const bool unsupported = errno == EINVAL || errno == ENOLCK || errno == ENOTSUP || errno == EOPNOTSUPP;
  return {unsupported ? Code::kLocksUnsupported : Code::kSystem, "fcntl", errno};
}

}  // namespace

Status TryLock(int fd, uint64_t byte) noexcept {
  struct flock range = ByteRange(F_WRLCK, byte, 1);
  return fcntl(fd, F_OFD_SETLK, &range) == 0 ? Status::Ok() : LockFailure();
}

void Unlock(int fd, uint64_t byte) noexcept {
  struct flock range = ByteRange(F_UNLCK, byte, 1);
  fcntl(fd, F_OFD_SETLK, &range);
}

Status IsLocked(int fd, uint64_t from, uint64_t bytes, bool* locked) noexcept {
  struct flock range = ByteRange(F_WRLCK, from, bytes);
  if (fcntl(fd, F_OFD_GETLK, &range) != 0) return LockFailure();
  *locked = range.l_type != F_UNLCK;
  return Status::Ok();
}

namespace {

Status TryFlock(int fd, int operation) {
  if (flock(fd, operation | LOCK_NB) == 0) return Status::Ok();
  // File systems without such locks say so in several ways; there this protection is not to be had.
  return errno == EWOULDBLOCK ? Status::Of(Code::kBusy) : Status::Ok();
}

}  // namespace

Status TryShareFile(int fd) noexcept { return TryFlock(fd, LOCK_SH); }

Status TryOwnFile(int fd) noexcept { return TryFlock(fd, LOCK_EX); }

void UnlockFile(int fd) noexcept { flock(fd, LOCK_UN); }

int ShareDirectory(const char* path) noexcept {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_SH | LOCK_NB) == 0) return fd;
  close(fd);
  return -1;
}

namespace {

// Of nobody else: far behind every board, and another one each time.
uint64_t ProbeByte(const void* who) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t salt = static_cast<uint64_t>(now.tv_nsec) << 20 ^ reinterpret_cast<uintptr_t>(who) >> 4;
  return (uint64_t{1} << 61) + (salt & ((uint64_t{1} << 60) - 1));
}

}  // namespace

Status HeldLock::Open(const char* path, uint64_t device, uint64_t inode) noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd_ < 0) return errno == ENOENT || errno == ELOOP ? Status::Of(Code::kReplaced) : Status::System("open");
  struct stat st;
  if (fstat(fd_, &st) != 0) return Status::System("fstat");
  if (static_cast<uint64_t>(st.st_dev) != device || st.st_ino != inode) return Status::Of(Code::kReplaced);
  return Status::Ok();
}

Status HeldLock::Map() noexcept {
  page_bytes_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* page = mmap(nullptr, page_bytes_, PROT_READ, MAP_SHARED, fd_, 0);
  if (page == MAP_FAILED) return Status::System("mmap");
  page_ = page;
  KeepFromChildren(page_, page_bytes_);
  return Status::Ok();
}

void HeldLock::Unmap() noexcept {
  if (page_ != nullptr) munmap(page_, page_bytes_);
  page_ = nullptr;
}

// Tried, not looked up: a file system that lies on another one (overlayfs, the root of every container) maps the file
// below, so that close() ends the description and its locks.
Status HeldLock::Probe(const char* path, uint64_t device, uint64_t inode) noexcept {
  const uint64_t byte = ProbeByte(this);
  Status status = Map();
  if (status.ok()) status = TryLock(fd_, byte);
  if (status.ok()) status = Open(path, device, inode);
  bool kept = false;
  if (status.ok()) status = IsLocked(fd_, byte, 1, &kept);
  Unmap();
  if (!status.ok()) return status;
  probed_device_ = device;
  mapping_keeps_ = kept;
  return Status::Ok();
}

Status HeldLock::Prepare(const char* path, uint64_t device, uint64_t inode) noexcept {
  Release();
  Status status = Open(path, device, inode);
  if (!status.ok() || !kMappingKeepsLock) return status;
  if (probed_device_ != device) status = Probe(path, device, inode);
  return status.ok() && mapping_keeps_ ? Map() : status;
}

Status HeldLock::Take(uint64_t byte) noexcept {
  const Status taken = TryLock(fd_, byte);
  held_ = taken.ok();
  return taken;
}

void HeldLock::Settle() noexcept {
  if (page_ == nullptr || fd_ < 0) return;
  close(fd_);
  fd_ = -1;
}

void HeldLock::Release() noexcept {
  Unmap();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  held_ = false;
}

}  // namespace rollcall
