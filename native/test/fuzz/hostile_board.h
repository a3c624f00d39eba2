// What an input of the board fuzzers is made of, and the file it works on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../fixture.h"

namespace rollcall::test {

enum Step : uint8_t {
  kWriteHeader,   // at, length, bytes
  kWriteShared,   // at (2), length, bytes
  kWriteSlot,     // slot, at (2), length, bytes
  kWriteControl,  // slot, word, value (8)
  kWriteRecord,   // slot, word, value (8): into both records
  kSign,
  kResize,   // length in units of 512 bytes
  kHoldSlot,  // slot: somebody has its lock
  kOpen,      // handle
  kClose,     // handle
  kClaim,     // handle, id
  kPublish,   // handle, length, byte
  kRelease,   // handle
  kScan,      // handle, from, to, entries, room
  kScanChanges,  // handle
  kTotals,    // handle
  kRetire,    // handle
  kAsk,       // handle, slot, epoch (8)
  kWait,      // handle, length
  kSupplant,  // handle
  kSteps,
};

inline constexpr int kReader = 2, kHandles = 3;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  uint8_t Byte() { return empty() ? 0 : *at_++; }
  uint32_t Number(int bytes) { return static_cast<uint32_t>(Word(bytes)); }
  uint64_t Word(int bytes = 8) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= uint64_t{Byte()} << (8 * i);
    return value;
  }
  std::vector<uint8_t> Bytes(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = Byte();
    return bytes;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// What a board looks like to begin with, and where its parts are.
struct Base {
  std::vector<uint8_t> bytes;
  Geometry geometry;

  explicit Base(const World& world);
};

// A new board; one on which workers live, died and said good-bye; one whose workers are retired.
inline constexpr int kBases = 3;
const Base& BaseOf(int number);

// The file of all inputs: made anew only when an input has replaced it.
class HostileFile {
 public:
  const std::string& path() const { return path_; }
  const Scratch& scratch() const { return scratch_; }

  void Reset(const Base& base);
  void Resize(uint64_t bytes);
  std::vector<uint8_t> Read() const;
  void Write(uint64_t at, const std::vector<uint8_t>& bytes);
  void WriteWord(uint64_t at, uint64_t value);

  // As somebody hostile would: a checksum proves nothing but that nothing was damaged.
  void Sign();

 private:
  Scratch scratch_;
  std::string path_ = scratch_.board();
  int fd_ = -1;
};

}  // namespace rollcall::test
