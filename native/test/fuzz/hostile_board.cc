#include "hostile_board.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "../../core/totals.h"
#include "targets.h"

namespace rollcall::test {
namespace {

std::vector<uint8_t> ReadAll(int fd) {
  struct stat st;
  CHECK(fstat(fd, &st) == 0);
  std::vector<uint8_t> bytes(static_cast<size_t>(st.st_size));
  CHECK(pread(fd, bytes.data(), bytes.size(), 0) == st.st_size);
  return bytes;
}

Base NewBoard() { return Base(World(1)); }

Base UsedBoard() {
  const World world(3, 72, 3);
  auto living = world.Open(), dead = world.Open(), gone = world.Open();
  CHECK_OK(Claim(*living, "living"));
  CHECK_OK(Claim(*dead, "dead"));
  CHECK_OK(Claim(*gone, "gone"));
  PublishBytes(*living, 'l', 5);
  PublishBytes(*dead, 'd', 70);
  (void)dead->PublishOverflow(Encoding::kUtf8, 16, 1, 5000, 0x12345678);
  dead.reset();
  PublishBytes(*gone, 'g', 72);
  gone->Release();
  return Base(world);
}

// Two workers before, and their counters in the retired totals; nobody now.
Base RetiredBoard() {
  const World world(2, 64, 2);
  for (const char* id : {"first", "second", "third"}) {
    auto board = world.Open();
    CHECK_OK(Claim(*board, id));
    board->file().counters(board->slot())[0].store(CounterWord(7), std::memory_order_relaxed);
    if (id[0] == 's') board->Release();
  }
  std::vector<Retired> retired;
  CHECK_OK(world.Open()->TryRetire({0, 1}, &retired));
  return Base(world);
}

}  // namespace

Base::Base(const World& world) {
  const auto board = world.Open(true);
  geometry = board->file().geometry();
  bytes = ReadAll(board->file().fd());
}

const Base& BaseOf(int number) {
  static const Base bases[kBases] = {NewBoard(), UsedBoard(), RetiredBoard()};
  return bases[number];
}

void HostileFile::Reset(const Base& base) {
  struct stat by_name, ours;
  const bool same = fd_ >= 0 && lstat(path_.c_str(), &by_name) == 0 && fstat(fd_, &ours) == 0 &&
                    by_name.st_ino == ours.st_ino;
  if (!same) {
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd_ >= 0);
  }
  Resize(base.bytes.size());
  Write(0, base.bytes);
}

void HostileFile::Resize(uint64_t bytes) { CHECK(ftruncate(fd_, static_cast<off_t>(bytes)) == 0); }

void HostileFile::Write(uint64_t at, const std::vector<uint8_t>& bytes) {
  CHECK(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(bytes.size()));
}

void HostileFile::WriteWord(uint64_t at, uint64_t value) {
  CHECK(pwrite(fd_, &value, sizeof value, static_cast<off_t>(at)) == sizeof value);
}

void HostileFile::Sign() {
  std::vector<uint8_t> bytes = Read();
  uint32_t size;
  if (bytes.size() < sizeof(FileHeader)) return;
  memcpy(&size, bytes.data() + offsetof(FileHeader, header_bytes), sizeof size);
  if (size < sizeof(FileHeader) || size > bytes.size()) return;
  const uint32_t crc = HeaderCrc(bytes.data(), size);
  CHECK(pwrite(fd_, &crc, sizeof crc, offsetof(FileHeader, crc32c)) == sizeof crc);
}

std::vector<uint8_t> HostileFile::Read() const { return ReadAll(fd_); }

std::vector<Seed> BoardSeeds() {
  const std::vector<std::pair<std::string, std::vector<uint8_t>>> programs = {
      {"read", {kOpen, kReader, kScan, kReader, 0, 255, 255, 7, 0, 4, kTotals, kReader}},
      {"changes", {kOpen, kReader, kScanChanges, kReader, kOpen, 0, kClaim, 0, 0, 'a', kScanChanges, kReader,
                   kPublish, 0, 5, 0, 'x', kScanChanges, kReader, kRelease, 0, kScanChanges, kReader}},
      {"claim", {kOpen, 0, kOpen, 1, kClaim, 0, 1, 'a', 'b', kClaim, 1, 0, 'c', kPublish, 0, 64, 0, 'x', kRelease, 0}},
      {"retire", {kOpen, 0, kRetire, 0, kClaim, 0, 0, 'a', kClose, 0, kOpen, 1, kRetire, 1, kTotals, 1}},
      {"held", {kHoldSlot, 0, kHoldSlot, 1, kOpen, kReader, kScanChanges, kReader, kScanChanges, kReader, kAsk,
                kReader, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
      {"signed", {kWriteHeader, 14, 4, 2, 0, 0, 0, kSign, kOpen, 0, kResize, 64, 0, kOpen, 0}},
      {"torn", {kWriteControl, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, kWriteRecord, 0, 0, 255, 255, 255, 255, 1, 9, 0, 0,
                kOpen, 0, kScan, 0, 0, 3, 0, 3, 0, 2, kClaim, 0, 0, 'z'}},
      {"wait", {kOpen, 0, kWait, 0, 255, 255, 255, 255, 0, 0, 0, 0, kWriteShared, 0, 1, 8, 255, 255, 255, 255, 255,
                255, 255, 255, kWait, 0, 1, 0, 0, 0, 0, 0, 0, 0}},
      {"earlier-boot", {kWriteHeader, 36, 8, 1, 2, 3, 4, 5, 6, 7, 8, kSign, kOpen, 0, kSupplant, 0, kClaim, 0, 0, 'a',
                        kOpen, 1, kClaim, 1, 0, 'b'}},
  };
  std::vector<Seed> seeds;
  for (uint8_t base = 0; base < kBases; base++) {
    for (const auto& [name, program] : programs) {
      std::vector<uint8_t> bytes{base};
      bytes.insert(bytes.end(), program.begin(), program.end());
      seeds.push_back({name + "-" + std::to_string(base), bytes});
    }
  }
  return seeds;
}

}  // namespace rollcall::test
