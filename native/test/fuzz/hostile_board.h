// What an input of the board fuzzers is made of, and the file it works on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../fixture.h"

namespace rollcall::test {

// Arguments are one byte each, but for those called values: Input::Value.
enum Step : uint8_t {
  kWriteHeader,    // at, length, bytes
  kWriteShared,    // at (2 bytes), value
  kWriteSlot,      // slot, at (2 bytes), length, bytes
  kWriteControl,   // slot, word, value
  kWriteIdentity,  // slot, word, value
  kWriteCounter,   // slot, counter, value: which of some doubles, or its bits
  kWriteRecord,    // slot, word, value: into both records
  kWriteKind,      // slot, 0: kind, 1: encoding; which: into both records
  kWriteIdBytes,   // slot, length of its owner's id: 0 to 15 are 120 to 135
  kWriteRetired,   // word, value: into both records of the retired totals
  kSetSizes,       // of the header, to what its counts ask for
  kSign,
  kResize,    // length in units of 512 bytes (2 bytes)
  kHoldSlot,  // slot: somebody has its lock
  kLetGo,     // ... and all of them are free again
  kOpen,      // handle
  kClose,     // handle
  kClaim,     // handle, id
  kPublish,   // handle, length (2 bytes), byte
  kPublishOverflow,  // handle, length, generation (value), whole length (value), checksum (4 bytes)
  kRelease,   // handle
  kScan,      // handle, from, to (2 bytes), entries, room (2 bytes)
  kScanChanges,  // handle
  kTotals,    // handle
  kRetire,    // handle
  kAsk,       // handle, slot, epoch (value; 0: the slot's)
  kWait,      // handle, length (8 bytes)
  kSupplant,  // handle
  kSteps,
};
inline constexpr Step kFirstCall = kOpen;

inline constexpr int kReader = 2, kHandles = 3;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  uint8_t Byte() { return empty() ? 0 : *at_++; }
  uint32_t Number(int bytes) { return static_cast<uint32_t>(Word(bytes)); }
  uint64_t Word(int bytes = 8);
  std::vector<uint8_t> Bytes(size_t size);

  // One byte: a small number, or one at which something could go wrong, as an offset from `usual` or from a limit; or
  // 255 and eight bytes.
  uint64_t Value(uint64_t usual, const Geometry& geometry);

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

// The file of all inputs, made anew only when an input has replaced it. Written through a mapping: a system call for
// each byte would take most of the fuzzers' time.
class HostileFile {
 public:
  static constexpr uint64_t kMaxBytes = 256 * 1024;

  HostileFile() = default;
  HostileFile(const HostileFile&) = delete;
  HostileFile& operator=(const HostileFile&) = delete;
  ~HostileFile();

  const std::string& path() const { return path_; }
  const Scratch& scratch() const { return scratch_; }
  const uint8_t* bytes() const { return bytes_; }
  uint64_t size() const { return size_; }

  void Reset(const Base& base);
  void Resize(uint64_t bytes);
  void Write(uint64_t at, const std::vector<uint8_t>& bytes);
  void WriteWord(uint64_t at, uint64_t value);

  // As somebody hostile would: a checksum proves nothing but that nothing was damaged.
  void Sign();
  void SetSizes();

  // Somebody has put another file in the place of this one.
  void MarkReplaced() { is_replaced_ = true; }
  bool is_replaced() const { return is_replaced_; }

 private:
  void MakeAnew();

  Scratch scratch_;
  std::string path_ = scratch_.board();
  int fd_ = -1;
  uint8_t* bytes_ = nullptr;
  uint64_t size_ = 0;
  bool is_replaced_ = true;
};

}  // namespace rollcall::test
