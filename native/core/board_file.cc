#include "board_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "file_lock.h"
#include "platform.h"
#include "totals.h"

namespace rollcall {
namespace {

// A FIFO must not hang an open, nor a symbolic link lead it astray.
constexpr int kOpenFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

bool IsZero(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// Reads until `size` bytes are there or the file ends.
ssize_t ReadAt(int fd, uint8_t* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, out + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

Status WriteAll(int fd, const void* from, size_t size, uint64_t offset) {
  const uint8_t* bytes = static_cast<const uint8_t*>(from);
  for (size_t done = 0; done < size;) {
    const ssize_t n = pwrite(fd, bytes + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
      return {full ? Code::kNoSpace : Code::kSystem, "pwrite", errno};
    }
    done += static_cast<size_t>(n);
  }
  return Status::Ok();
}

std::vector<uint8_t> MakeHeader(const BoardPlan& plan, const Geometry& g) {
  FileHeader h = {};
  h.magic = kMagic;
  h.layout_major = kLayoutMajor;
  h.layout_minor = kLayoutMinor;
  h.header_bytes = g.header_bytes;
  h.slot_count = g.slot_count;
  h.slot_stride = g.slot_stride;
  h.inline_bytes = g.inline_bytes;
  h.shared_bytes = g.shared_bytes;
  h.counter_count = static_cast<uint16_t>(g.counter_count);
  h.shared_count = static_cast<uint16_t>(g.shared_count);
  h.file_bytes = g.file_bytes;
  h.incompatible_features = g.large ? kFeatureLarge : 0;
  memcpy(h.board_id, plan.board_id, sizeof h.board_id);
  BootId(h.boot_id);
  h.created_at_ms = CoarseWallMs();

  std::vector<uint8_t> bytes(g.header_bytes, 0);
  memcpy(bytes.data(), &h, sizeof h);
  uint8_t* table = bytes.data() + sizeof h;
  for (const auto* list : {&plan.counters, &plan.shared_counters}) {
    if (list->empty()) continue;
    memcpy(table, list->data(), list->size() * sizeof(NameEntry));
    table += list->size() * sizeof(NameEntry);
  }
  h.crc32c = HeaderCrc(bytes.data(), bytes.size());
  memcpy(bytes.data() + offsetof(FileHeader, crc32c), &h.crc32c, sizeof h.crc32c);
  return bytes;
}

// Retired totals and shared counters that do not begin with 0. The latch of a new board shows record 0.
Status WriteCarried(int fd, const BoardPlan& plan, const Geometry& g) {
  const uint64_t shared = g.header_bytes;
  const uint64_t totals_at = shared + g.retired_offset + 8 * kRetiredHeaderWords;
  Status status = WriteAll(fd, plan.totals.data(), plan.totals.size() * sizeof(double), totals_at);
  for (size_t i = 0; status.ok() && i < plan.shared_values.size(); i++) {
    status = WriteAll(fd, &plan.shared_values[i], sizeof(int64_t), shared + g.counters_offset + i * kLine);
  }
  return status;
}

Status FillTemporary(int fd, const BoardPlan& plan) {
  Status status = TryLock(fd, kCreateByte);
  if (!status.ok()) return status;
  if (!plan.any_filesystem) {
    status = RefuseNetworkFs(fd);
    if (!status.ok()) return status;
  }
  // The umask is for programs that were not told which bits to use.
  if (fchmod(fd, static_cast<mode_t>(plan.mode)) != 0) return Status::System("fchmod");

  const Geometry g = Geometry::Of(plan.slot_count, plan.inline_bytes, static_cast<uint32_t>(plan.counters.size()),
                                  static_cast<uint32_t>(plan.shared_counters.size()),
                                  static_cast<uint32_t>(sysconf(_SC_PAGESIZE)),
                                  kReservesParts && plan.slot_count > plan.max_small_slots);
  KeepBlocksInPlace(fd);
  status = Reserve(fd, g.BlockBytes(0));
  if (!status.ok()) return status;
  if (g.large && ftruncate(fd, static_cast<off_t>(g.file_bytes)) != 0) return Status::System("ftruncate");
  const std::vector<uint8_t> header = MakeHeader(plan, g);
  status = WriteAll(fd, header.data(), header.size(), 0);
  if (status.ok()) status = WriteCarried(fd, plan, g);
  if (!status.ok()) return status;
  // After a power cut the name must not lead to a file without a header.
  return fsync(fd) == 0 ? Status::Ok() : Status::System("fsync");
}

// Makes the whole file under its temporary name, lets `publish` give it its real one, and
// removes the temporary name again.
template <typename Publish>
Status MakeAndPublish(const BoardPlan& plan, Publish publish) {
  const char* temporary = plan.temporary.c_str();
  const int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | kOpenFlags, 0600);
  if (fd < 0) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return {full ? Code::kNoSpace : Code::kSystem, "open", errno};
  }
  Status status = FillTemporary(fd, plan);
  if (status.ok()) status = publish(temporary, plan.path.c_str());
  unlink(temporary);
  close(fd);
  return status;
}

}  // namespace

Status BoardFile::Create(const BoardPlan& plan) {
  return MakeAndPublish(plan, [](const char* temporary, const char* path) {
    if (link(temporary, path) == 0) return Status::Ok();
    if (errno == EEXIST) return Status::Of(Code::kExists);
    return errno == ENOENT ? Status::Of(Code::kGone) : Status::System("link");
  });
}

Status BoardFile::Open(const std::string& path, bool read_only, bool any_filesystem) {
  Close();
  path_ = path;
  read_only_ = read_only;
  fd_ = open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | kOpenFlags);
  if (fd_ < 0) {
    if (errno == ENOENT) return Status::Of(Code::kGone);
    if (errno == ELOOP) return Status::Of(Code::kInsecurePath);
    const bool no_file = errno == EISDIR || errno == ENXIO || errno == ENODEV;
    return no_file ? Status::Of(Code::kNotABoard) : Status::System("open");
  }
  struct stat st = {};
  Status status = fstat(fd_, &st) == 0 ? Status::Ok() : Status::System("fstat");
  if (status.ok() && !S_ISREG(st.st_mode)) status = Status::Of(Code::kNotABoard);
  if (status.ok() && !any_filesystem) status = RefuseNetworkFs(fd_);
  if (status.ok()) {
    device_ = static_cast<uint64_t>(st.st_dev);
    inode_ = st.st_ino;
    uid_ = st.st_uid;
    links_ = st.st_nlink;
    status = ReadHeader(static_cast<uint64_t>(st.st_size));
  }
  bool locked;
  if (status.ok()) status = IsLocked(fd_, kClaimByte, 1, &locked);  // are there such locks at all?
  if (status.ok()) status = GiveBlocks(static_cast<uint64_t>(st.st_blocks) * 512);
  if (status.ok()) status = Map();
  if (!status.ok()) Close();
  return status;
}

// A sparse copy of a board would meet a full disk in the middle of a store, which is a SIGBUS.
Status BoardFile::GiveBlocks(uint64_t present) noexcept {
  uint32_t used = 0;
  const uint64_t at = geometry_.header_bytes + offsetof(SharedArea, high_water);
  if (geometry_.large && pread(fd_, &used, sizeof used, static_cast<off_t>(at)) != sizeof used) return Status::System("pread");
  const uint64_t needed = geometry_.BlockBytes(used < geometry_.slot_count ? used : geometry_.slot_count);
  if (present >= needed) return Status::Ok();
  if (!read_only_) return Reserve(fd_, needed);
  return HolesNeedBlocks(fd_) ? Status::Of(Code::kNoSpace) : Status::Ok();
}

Status BoardFile::ReserveSlot(uint32_t slot) noexcept {
  const uint64_t present = geometry_.BlockBytes(high_water());
  const uint64_t needed = geometry_.BlockBytes(slot + 1);
  return needed > present ? ReservePart(fd_, present, needed - present) : Status::Ok();
}

Status BoardFile::ReadHeader(uint64_t actual_bytes) {
  std::vector<uint8_t> bytes(kMinPage);
  for (;;) {
    const ssize_t n = ReadAt(fd_, bytes.data(), bytes.size());
    if (n < 0) return Status::System("pread");
    size_t needed = 0;
    const Status status = CheckHeader(bytes.data(), static_cast<size_t>(n), actual_bytes, &geometry_, &needed);
    if (status.code == Code::kTooLong && needed > bytes.size()) {
      bytes.resize(needed);
      continue;
    }
    if (status.code == Code::kTooLong) return Status::Of(Code::kCorruptHeader);
    if (!status.ok()) return status;
    memcpy(&header_, bytes.data(), sizeof header_);
    names_.resize(geometry_.counter_count + geometry_.shared_count);
    if (!names_.empty()) memcpy(names_.data(), bytes.data() + sizeof header_, names_.size() * sizeof(NameEntry));
    return Status::Ok();
  }
}

Status BoardFile::Map() {
  const int protection = read_only_ ? PROT_READ : PROT_READ | PROT_WRITE;
  const size_t bytes = static_cast<size_t>(geometry_.file_bytes);
  if (bytes != geometry_.file_bytes) return {Code::kSystem, "mmap", ENOMEM};  // where pointers have 32 bits
  void* base = mmap(nullptr, bytes, protection, MAP_SHARED, fd_, 0);
  if (base == MAP_FAILED) return Status::System("mmap");
  base_ = static_cast<uint8_t*>(base);
  KeepFromChildren(base_, geometry_.file_bytes);
  return Status::Ok();
}

Status BoardFile::Enter() noexcept {
  if (!read_only_) {
    const Status status = TryShareFile(fd_);
    if (!status.ok()) return status;
  }
  // After the lock: who replaces it had it alone until the name led to the new one.
  return CheckName();
}

Status BoardFile::CarryOver(BoardPlan* plan) const {
  std::vector<double> sums(geometry_.counter_count);
  if (!ReadTotals(*this, sums.data())) return Status::Of(Code::kBusy);
  plan->totals.assign(plan->counters.size(), 0);
  plan->shared_values.assign(plan->shared_counters.size(), 0);
  for (uint32_t i = 0; i < names_.size(); i++) {
    const bool shared = i >= geometry_.counter_count;
    const std::vector<NameEntry>& wanted = shared ? plan->shared_counters : plan->counters;
    for (size_t j = 0; j < wanted.size(); j++) {
      // All of the entry: the same name with another kind is another number.
      if (memcmp(&wanted[j], &names_[i], sizeof(NameEntry)) != 0) continue;
      if (!shared) {
        plan->totals[j] = sums[i];
      } else {
        const uint64_t word = shared_counter(i - geometry_.counter_count)->load(std::memory_order_relaxed);
        plan->shared_values[j] = static_cast<int64_t>(word);
      }
    }
  }
  return Status::Ok();
}

Status BoardFile::Supplant(BoardPlan plan) {
  Status status = TryLock(fd_, kClaimByte);
  if (!status.ok()) return status;
  // Under the old file's claim lock nobody can claim in it, and nobody else can replace it; while we have
  // the whole file for ourselves nobody can enter it.
  status = CheckName();
  bool locked = false;
  if (status.ok()) status = IsLocked(fd_, 0, 0, &locked);
  if (status.ok() && (locked || !TryOwnFile(fd_).ok())) status = Status::Of(Code::kInUse);
  if (status.ok()) status = CarryOver(&plan);
  if (status.ok()) {
    status = MakeAndPublish(plan, [](const char* temporary, const char* path) {
      if (rename(temporary, path) == 0) return Status::Ok();
      return errno == ENOENT ? Status::Of(Code::kGone) : Status::System("rename");
    });
  }
  UnlockFile(fd_);
  Unlock(fd_, kClaimByte);
  return status;
}

void BoardFile::Close() noexcept {
  if (base_ != nullptr) munmap(base_, geometry_.file_bytes);
  if (fd_ >= 0) {
    // By word: a child between fork and exec has a copy of the descriptor for a moment.
    UnlockFile(fd_);
    close(fd_);
  }
  base_ = nullptr;
  fd_ = -1;
}

Status BoardFile::CheckName() const noexcept {
  struct stat st;
  if (lstat(path_.c_str(), &st) != 0) {
    const bool gone = errno == ENOENT || errno == ENOTDIR;
    return gone ? Status::Of(Code::kReplaced) : Status::System("lstat");
  }
  const bool same = static_cast<uint64_t>(st.st_dev) == device_ && st.st_ino == inode_;
  return same ? Status::Ok() : Status::Of(Code::kReplaced);
}

bool BoardFile::from_earlier_boot() const {
  uint8_t now[16];
  BootId(now);
  // Where the system cannot name its boots, no board is ever stale.
  return !IsZero(now, sizeof now) && memcmp(now, header_.boot_id, sizeof now) != 0;
}

Latch BoardFile::retired_latch() const {
  uint8_t* records = reinterpret_cast<uint8_t*>(shared()) + geometry_.retired_offset;
  return Latch(&shared()->retired.seq, reinterpret_cast<Word*>(records),
               reinterpret_cast<Word*>(records + geometry_.retired_bytes));
}

Word* BoardFile::shared_counter(uint32_t index) const {
  uint8_t* counters = reinterpret_cast<uint8_t*>(shared()) + geometry_.counters_offset;
  return reinterpret_cast<Word*>(counters + uint64_t{index} * kLine);
}

uint32_t BoardFile::high_water() const noexcept {
  // Acquire: whoever sees the mark raised sees the file as it was before. Bounded, because the
  // word lies where anybody who may write the board can write it.
  const uint32_t mark = shared()->high_water.value.load(std::memory_order_acquire);
  return mark < geometry_.slot_count ? mark : geometry_.slot_count;
}

bool IsAbandoned(const char* temporary) noexcept {
  const int fd = open(temporary, O_RDONLY | kOpenFlags);
  if (fd < 0) return false;
  bool locked = true;
  const Status status = IsLocked(fd, kCreateByte, 1, &locked);
  close(fd);
  return status.ok() && !locked;
}

}  // namespace rollcall
