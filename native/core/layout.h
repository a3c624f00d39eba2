// The bytes of a board file. docs/FORMAT.md draws them; this header is what the code uses.
//
//   header        whole pages, written once before the file gets its name, CRC32C over all of it
//   shared area   whole pages: words that any worker may change
//   slots         slot_count times slot_stride
//
// Host byte order, fixed-width words, naturally aligned, no pointers, never resized. Geometry
// comes from a private copy of the header and is never read from the mapping again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "status.h"

namespace rollcall {

// "rollcall" when read as bytes on a little-endian machine, "llacllor" on a big-endian one.
inline constexpr uint64_t kMagic = 0x6c6c61636c6c6f72ULL;
inline constexpr uint16_t kLayoutMajor = 1;
inline constexpr uint16_t kLayoutMinor = 1;

// Incompatible features. A large board has claim words, and its slots get their blocks when they are first used: a
// program that does not know it would claim beside the words and meet a hole.
inline constexpr uint32_t kFeatureLarge = 1;
inline constexpr uint32_t kKnownIncompatible = kFeatureLarge;

// Boards with more slots than this are made large.
inline constexpr uint32_t kMaxSmallSlots = 2048;

// Of a large board so many slots have their blocks from the beginning, and always a multiple of so many.
inline constexpr uint32_t kSlotsPerReserve = 64;

// Two 64-byte lines are fetched together on x86, and some Arm lines are 128 bytes long.
inline constexpr uint32_t kLine = 128;
inline constexpr uint32_t kMinPage = 4096;

inline constexpr uint32_t kMinSlots = 1, kMaxSlots = 65535;
inline constexpr uint32_t kMinInline = 64, kMaxInline = 1048576;
inline constexpr uint32_t kMaxCounters = 64;
inline constexpr uint32_t kMaxNameBytes = 62;
inline constexpr uint32_t kMaxIdBytes = 128;

// Epochs and sequence numbers cross into JavaScript as doubles, which are exact up to here.
inline constexpr uint64_t kMaxExact = uint64_t{1} << 53;

using Word = std::atomic<uint64_t>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

struct FileHeader {
  uint64_t magic;
  uint16_t layout_major;
  uint16_t layout_minor;
  uint32_t header_bytes;
  uint32_t incompatible_features;
  uint32_t compatible_features;
  uint32_t slot_count;
  uint32_t slot_stride;
  uint32_t inline_bytes;
  uint32_t shared_bytes;
  uint16_t counter_count;
  uint16_t shared_count;
  uint32_t reserved0;
  uint64_t file_bytes;
  uint8_t board_id[16];
  uint8_t boot_id[16];
  int64_t created_at_ms;
  uint8_t reserved1[156];
  uint32_t crc32c;  // of all header_bytes, with this field zero
};
static_assert(sizeof(FileHeader) == 256 && offsetof(FileHeader, crc32c) == 252);

enum class CounterKind : uint8_t { kCounter = 1, kGauge = 2, kShared = 3 };

// The counter table: follows the FileHeader, workers' counters first, then the shared ones.
struct NameEntry {
  uint8_t kind;
  uint8_t length;
  char name[kMaxNameBytes];
};
static_assert(sizeof(NameEntry) == 64);

enum class SlotState : uint32_t {
  kUnused = 0,  // never owned
  kOwned = 1,   // has, or had, an owner; whether it lives is the lock's to say
  kClosed = 2,  // retired, its last owner had said good-bye; free
  kDied = 3,    // retired, its last owner had not; free
};

enum class RecordKind : uint8_t {
  kNone = 0,      // claimed, nothing published yet
  kInline = 1,    // the payload is the status
  kOverflow = 2,  // the payload is its first bytes, the status is in an overflow file
  kClosed = 3,    // the owner said good-bye
};

// What the eight words before a record's payload say.
struct RecordHeader {
  uint32_t length;        // bytes of payload
  uint8_t kind;           // RecordKind
  uint8_t encoding;       // lib/scoreboard/codec.ts
  uint64_t epoch;         // of the owner that wrote it
  int64_t wall_ms;        // since the Unix epoch
  uint64_t monotonic_ns;  // since boot
  uint64_t generation;    // of the newest overflow file this owner wrote; 0: none yet
  uint64_t whole_length;  // bytes of the whole status
  uint32_t crc32c;        // of the overflow file's bytes
  uint64_t updates;       // how many statuses this owner has published
};
inline constexpr uint32_t kRecordHeaderBytes = 64;
inline constexpr uint32_t kRecordHeaderWords = kRecordHeaderBytes / 8;

// Words that hold so many bytes.
constexpr uint32_t WordsFor(uint32_t bytes) { return (bytes + 7) / 8; }

// Word by word, never by memcpy of a struct: bytes written one at a time and read back eight at a
// time stall the processor longer than the rest of an update takes.
//
//   word 0   length, bits 0 to 31; kind, bits 32 to 39; encoding, bits 40 to 47
//   1 to 7   epoch, wall_ms, monotonic_ns, generation, whole_length, crc32c, updates
inline RecordHeader UnpackHeader(const uint64_t* words) noexcept {
  RecordHeader h;
  h.length = static_cast<uint32_t>(words[0]);
  h.kind = static_cast<uint8_t>(words[0] >> 32);
  h.encoding = static_cast<uint8_t>(words[0] >> 40);
  h.epoch = words[1];
  h.wall_ms = static_cast<int64_t>(words[2]);
  h.monotonic_ns = words[3];
  h.generation = words[4];
  h.whole_length = words[5];
  h.crc32c = static_cast<uint32_t>(words[6]);
  h.updates = words[7];
  return h;
}

// Who owns a slot, as it lies there: words, so that they can be copied without a data race.
struct Identity {
  uint32_t pid;
  uint32_t thread_id;  // 0 in the main thread of a process
  uint64_t process_start;  // clock ticks since boot; with the pid this names one process for ever
  uint64_t pid_namespace;  // inode of /proc/self/ns/pid
  int64_t claimed_wall_ms;
  uint32_t uid;
  uint32_t id_bytes;
  char id[kMaxIdBytes];
};
inline constexpr uint32_t kIdentityWords = sizeof(Identity) / 8;
static_assert(sizeof(Identity) == 168);

// First line of a slot.
struct alignas(kLine) SlotControl {
  Word seq;    // of the slot's latch; never goes backwards, not even with a new owner
  Word epoch;  // grows by one with each owner
  std::atomic<uint32_t> state;
  std::atomic<uint32_t> reserved0;
  Word folded_epoch;  // the owner up to whom counters are in the retired totals
  Word ends;          // bit e % 64: owner e died (1) or closed (0); set when e is retired
  // Since 1.1. Each says by itself whether it is about the owner of now: a program that does not know
  // these words leaves them as they were.
  Word ended_ns;    // monotonic ns by which somebody had seen that the owner had ended; see EndedAt
  Word ending;      // how it ended: see PackEnding
  Word kept_epoch;  // the owner of this epoch asked that its status outlives it until somebody has it
  // The heart: written by the owner, but for inspected_ns. All of it is about the owner of heart_epoch.
  Word heart_ns;                            // monotonic ns at which its event loop last turned
  Word heart_epoch;
  Word inspected_ns;                        // until when somebody may have its inspector open; 0: nobody has
  std::atomic<uint32_t> heart_every_ms;     // how often it beats; 0: not at all, and heart_ns says nothing
  std::atomic<uint32_t> kernel_thread;      // that claimed, in its pid namespace; 0: unknown
  std::atomic<uint32_t> handles_sigusr1;    // 1: its program has a use of its own for the signal
};
static_assert(sizeof(SlotControl) == kLine);
static_assert(offsetof(SlotControl, heart_ns) == 64 && offsetof(SlotControl, handles_sigusr1) == 96);

// How an owner ended, where somebody knew who could say.
enum class EndKind : uint8_t {
  kUnknown = 0,
  kExited = 1,      // with the exit code `value`
  kSignalled = 2,   // by the signal of number `value`
  kTerminated = 3,  // its thread was ended from outside, or its environment without an exit
};

struct Ending {
  EndKind kind = EndKind::kUnknown;
  uint8_t value = 0;
};

constexpr uint64_t PackEnding(uint64_t epoch, Ending how) {
  return epoch << 10 | uint64_t{static_cast<uint8_t>(how.kind)} << 8 | how.value;
}

// The kind and the value of what was noted about the owner of `epoch`; 0: nothing was.
constexpr uint32_t EndingOf(uint64_t word, uint64_t epoch) {
  return word >> 10 == epoch ? static_cast<uint32_t>(word & 0x3ff) : 0;
}

// When an owner was seen to have ended, whose newest record is of `published_ns`; 0: nobody has noted it.
// A claim clears the word. Where a program of 1.0 has claimed, which does not, it is older than the record.
constexpr uint64_t EndedAt(uint64_t ended_ns, uint64_t published_ns) {
  return ended_ns >= published_ns ? ended_ns : 0;
}

// Offsets inside a slot.
inline constexpr uint32_t kIdentityOffset = kLine;
inline constexpr uint32_t kCountersOffset = kIdentityOffset + 2 * kLine;

// The shared area. Words that different parties change never share a line.
struct SharedArea {
  struct alignas(kLine) {
    std::atomic<uint32_t> value;  // slots below this index may have been used
  } high_water;
  struct alignas(kLine) {
    std::atomic<uint32_t> value;  // futex: grows when somebody waiting must look again
  } wake;
  struct alignas(kLine) {
    Word value;  // monotonic ns until which somebody waits; 0 or past: nobody does
  } deadline;
  struct alignas(kLine) {
    Word seq;  // of the latch of the retired totals
  } retired;
  // then: two records of the retired totals, then one line for each shared counter, then on a large board
  // one 32-bit claim word for each slot (claim_index.h)
};
static_assert(sizeof(SharedArea) == 4 * kLine);

// One record of the retired totals: these words, then one word for each counter.
struct RetiredHeader {
  uint64_t slot;   // folded last
  uint64_t epoch;  // ... and whose; 0: nothing was ever folded
};
inline constexpr uint32_t kRetiredHeaderWords = 2;

// Everything a handle needs to find its way, computed from four numbers.
struct Geometry {
  uint32_t slot_count = 0;
  uint32_t inline_bytes = 0;  // a multiple of 8
  uint32_t counter_count = 0;
  uint32_t shared_count = 0;
  uint32_t large = 0;  // 1: with claim words, and blocks for slots as they are used; no bool, so that there is no padding

  uint32_t header_bytes = 0;
  uint32_t shared_bytes = 0;
  uint32_t slot_stride = 0;
  uint32_t record_bytes = 0;
  uint32_t records_offset = 0;   // inside a slot
  uint32_t retired_bytes = 0;    // of one record of the retired totals
  uint32_t retired_offset = 0;   // inside the shared area
  uint32_t counters_offset = 0;  // of the shared counters, inside the shared area
  uint32_t claims_offset = 0;    // of the claim words, inside the shared area
  uint64_t file_bytes = 0;

  // REQUIRES: the numbers are inside the limits above; page_bytes is a power of two >= kMinPage.
  static Geometry Of(uint32_t slot_count, uint32_t inline_bytes, uint32_t counter_count,
                     uint32_t shared_count, uint32_t page_bytes, bool large);

  // How much of the file must have blocks when slots below `used` have been owned.
  uint64_t BlockBytes(uint32_t used) const;

  uint64_t SlotOffset(uint32_t slot) const {
    return uint64_t{header_bytes} + shared_bytes + uint64_t{slot} * slot_stride;
  }
};

// Checks a header that was read from a file of `actual_bytes` bytes, and says what it describes.
// `bytes` holds the first `size` bytes of the file; kTooLong means that *needed bytes are.
Status CheckHeader(const uint8_t* bytes, size_t size, uint64_t actual_bytes, Geometry* geometry,
                   size_t* needed);

// CRC32C of a whole header, its own field counted as zero.
uint32_t HeaderCrc(const uint8_t* bytes, size_t size);

}  // namespace rollcall
