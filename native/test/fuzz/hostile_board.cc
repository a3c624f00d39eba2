#include "hostile_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "../../core/totals.h"
#include "reference.h"
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

uint64_t Input::Word(int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= uint64_t{Byte()} << (8 * i);
  return value;
}

std::vector<uint8_t> Input::Bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = Byte();
  return bytes;
}

uint64_t Input::Value(uint64_t usual, const Geometry& geometry) {
  const uint8_t choice = Byte();
  if (choice < 128) return choice;
  if (choice == 255) return Word();
  const uint64_t anchors[] = {usual, geometry.inline_bytes, geometry.slot_count, uint64_t{1} << 31,
                              uint64_t{1} << 32, uint64_t{1} << 40, kMaxExact, uint64_t{1} << 63, 0};
  const size_t count = sizeof anchors / sizeof anchors[0];
  return anchors[choice % count] + (choice - 128) / count % 5 - 2;
}

HostileFile::~HostileFile() {
  if (bytes_ != nullptr) munmap(bytes_, kMaxBytes);
  if (fd_ >= 0) close(fd_);
}

void HostileFile::MakeAnew() {
  if (bytes_ != nullptr) munmap(bytes_, kMaxBytes);
  if (fd_ >= 0) close(fd_);
  unlink(path_.c_str());
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(fd_ >= 0);
  void* bytes = mmap(nullptr, kMaxBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  CHECK(bytes != MAP_FAILED);
  bytes_ = static_cast<uint8_t*>(bytes);
  size_ = 0;
  is_replaced_ = false;
}

void HostileFile::Reset(const Base& base) {
  if (is_replaced_) MakeAnew();
  if (size_ != base.bytes.size()) Resize(base.bytes.size());
  memcpy(bytes_, base.bytes.data(), base.bytes.size());
}

void HostileFile::Resize(uint64_t bytes) {
  CHECK(ftruncate(fd_, static_cast<off_t>(bytes)) == 0);
  size_ = bytes;
}

void HostileFile::Write(uint64_t at, const std::vector<uint8_t>& bytes) {
  if (bytes.empty() || at + bytes.size() > size_) return;
  memcpy(bytes_ + at, bytes.data(), bytes.size());
}

void HostileFile::WriteWord(uint64_t at, uint64_t value) {
  if (at + sizeof value <= size_) memcpy(bytes_ + at, &value, sizeof value);
}

void HostileFile::Sign() {
  if (size_ < sizeof(FileHeader)) return;
  const uint64_t size = LoadLittle(bytes_ + offsetof(FileHeader, header_bytes), 4);
  if (size < sizeof(FileHeader) || size > size_) return;
  StoreLittle(bytes_ + offsetof(FileHeader, crc32c), 4, HeaderCrc(bytes_, size));
}

void HostileFile::SetSizes() {
  if (size_ >= sizeof(FileHeader)) test::SetSizes(bytes_, kMinPage);
}

std::vector<Seed> BoardSeeds() {
  constexpr uint8_t usual = 128 + 18;  // Input::Value: what is there already, or belongs there
  const std::vector<std::pair<std::string, std::vector<uint8_t>>> programs = {
      {"read", {kOpen, kReader, kScan, kReader, 0, 255, 255, 7, 0, 4, kTotals, kReader}},
      {"changes", {kOpen, kReader, kScanChanges, kReader, kOpen, 0, kClaim, 0, 0, 'a', kScanChanges, kReader,
                   kPublish, 0, 5, 0, 'x', kScanChanges, kReader, kRelease, 0, kScanChanges, kReader}},
      {"claim", {kOpen, 0, kOpen, 1, kClaim, 0, 1, 'a', 'b', kClaim, 1, 0, 'c', kPublish, 0, 64, 0, 'x', kRelease, 0}},
      {"same-id", {kOpen, 0, kOpen, 1, kClaim, 0, 1, 'a', 'b', kClaim, 1, 1, 'a', 'b', kRelease, 0, kClaim, 1, 1, 'a',
                   'b'}},
      {"overflow", {kOpen, 0, kClaim, 0, 0, 'o', kPublishOverflow, 0, 16, 1, 255, 0, 16, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4,
                    kOpen, kReader, kScanChanges, kReader, kWriteRecord, 0, 5, 200, kScan, kReader, 0, 9, 0, 9, 0, 4}},
      {"retire", {kOpen, 0, kRetire, 0, kClaim, 0, 0, 'a', kClose, 0, kOpen, 1, kRetire, 1, kTotals, 1}},
      {"counted", {kOpen, 0, kClaim, 0, 0, 'a', kWriteCounter, 0, 0, 5, kTotals, 0, kClose, 0, kOpen, 1, kClaim, 1, 0,
                   'b', kTotals, 1, kRetire, 1, kTotals, 1}},
      {"named", {kWriteRetired, 0, 0, kWriteRetired, 1, 1, kWriteRetired, 2, 9, kOpen, 0, kTotals, 0, kRetire, 0}},
      {"held", {kHoldSlot, 0, kHoldSlot, 1, kOpen, kReader, kScanChanges, kReader, kScanChanges, kReader, kAsk,
                kReader, 0, 1, kLetGo, kScanChanges, kReader}},
      {"unborn", {kWriteControl, 0, 1, 5, kOpen, kReader, kScan, kReader, 0, 9, 0, 9, 0, 4, kHoldSlot, 0, kScan, kReader,
                  0, 9, 0, 9, 0, 4}},
      {"signed", {kWriteHeader, 12, 4, 2, 0, 0, 0, kSetSizes, kSign, kOpen, 0, kResize, 64, 0, kOpen, 0}},
      {"torn", {kWriteControl, 0, 0, 7, kWriteRecord, 0, 0, 255, 255, 255, 255, 1, 9, 0, 0, 0, kOpen, 0, kScan, 0, 0, 3,
                0, 3, 0, 2, kClaim, 0, 0, 'z'}},
      {"older-record", {kWriteControl, 1, 1, 9, kOpen, 0, kRetire, 0, kClaim, 0, 0, 'a'}},
      {"long-id", {kWriteIdBytes, 0, 8, kOpen, kReader, kAsk, kReader, 0, 0, kWriteCounter, 0, 0, 6, kTotals, kReader}},
      {"odd-kind", {kWriteKind, 0, 0, 2, kWriteKind, 1, 1, 3, kOpen, 0, kScan, 0, 0, 3, 0, 3, 0, 2, kTotals, 0}},
      {"intact", {kWriteRecord, 1, 1, usual, kWriteControl, 1, 1, usual, kOpen, 0, kScan, 0, 0, 3, 0, 3, 0, 2}},
      {"worn", {kWriteControl, 0, 1, 128 + 6 + 18, kOpen, 0, kClaim, 0, 0, 'z', kScan, 0, 0, 3, 0, 3, 0, 2}},
      // How the first owner ended: by signal 9, at a time after its last record.
      {"ended", {kWriteControl, 0, 5, 255, 0, 0, 0, 0, 0, 0, 0, 127, kWriteControl, 0, 6, 255, 9, 6, 0, 0, 0, 0, 0, 0,
                 kOpen, kReader, kScan, kReader, 0, 255, 255, 7, 0, 4, kScanChanges, kReader, kWriteControl, 0, 2, 3,
                 kWriteControl, 0, 4, 2, kScanChanges, kReader}},
      {"heart", {kHoldSlot, 0, kWriteControl, 0, 9, usual, kWriteControl, 0, 8, 77, kWriteControl, 0, 11, 10, kOpen,
                 kReader, kScan, kReader, 0, 255, 255, 7, 0, 4, kWriteControl, 0, 9, 0, kScan, kReader, 0, 255, 255, 7,
                 0, 4}},
      {"wait", {kOpen, 0, kWait, 0, 255, 255, 255, 255, 0, 0, 0, 0, kWriteShared, 0, 1, 200, kWait, 0, 1, 0, 0, 0, 0,
                0, 0, 0}},
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
