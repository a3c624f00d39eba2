// One handle on a board: at most one slot of its own to write, all slots to read.
//
// Who may do what: the owner of a slot holds its lock and alone writes its latch and counters.
// Epochs, states, identities and the retired totals change only under the claim lock. Readers
// take nothing, write nothing and wait for nobody.
//
// A handle belongs to one thread. Two handles in one process are strangers to each other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "board_file.h"
#include "file_lock.h"
#include "liveness.h"

namespace rollcall {

// How a record's bytes are to be read. lib/scoreboard/codec.ts has the same numbers.
enum class Encoding : uint8_t { kUtf8 = 0, kAscii = 1, kBytes = 2, kJson = 3 };
inline constexpr uint8_t kEncodings = 4;

// What a scan found in a slot.
enum class Verdict : uint32_t {
  kLive = 1,    // its owner lives
  kDied = 2,    // its owner ended without a word
  kClosed = 3,  // its owner said good-bye, or is just doing so
  kBusy = 4,    // its writer lapped us again and again; the owner lives
  kBad = 5,     // the record makes no sense; the owner lives
  kBadDied = 6,
};

// One slot as a scan reports it: numbers, so that they cross into JavaScript as they are.
struct ScanEntry {
  double slot;
  double verdict;
  double epoch;
  double seq;
  double kind;
  double encoding;
  double offset;  // of the payload
  double length;  // of the payload
  double updates;
  double wall_ms;
  double monotonic_ns;
  double generation;
  double whole_length;
  double crc32c;
  double ended_ns;  // by when somebody had seen that a dead owner had ended; 0: nobody has noted it
  double ending;    // how a dead owner ended: its EndKind times 256, plus the value; 0: nobody has said
  double heart_ns;        // when a living owner's event loop last turned; 0: it has no heart
  double heart_every_ms;  // how often that is noted
};
inline constexpr uint32_t kScanEntryNumbers = sizeof(ScanEntry) / sizeof(double);

// The heart of a slot's owner, in numbers as above.
struct HeartEntry {
  double epoch;  // 0: nobody is there, or it has no heart
  double heart_ns;
  double every_ms;
};
inline constexpr uint32_t kHeartNumbers = sizeof(HeartEntry) / sizeof(double);

// What else the owner's line says, for whoever is about to look into its process.
struct Inspection {
  uint32_t kernel_thread;
  bool handles_sigusr1;
  uint64_t inspected_ns;
};

// What a reader knows already about a slot: nothing newer than this is "unchanged".
struct CursorEntry {
  double epoch = 0;  // 0: never seen; negative: of an owner whose end has been told
  double seq = 0;
};

struct ScanRequest {
  uint32_t from_slot = 0;
  uint32_t to_slot = kMaxSlots;
  const CursorEntry* cursor = nullptr;  // report only what differs from it; nullptr: everything
  uint32_t cursor_slots = 0;            // slots at and above it have never been seen
  ScanEntry* entries = nullptr;
  uint32_t max_entries = 0;
  uint8_t* payload = nullptr;  // 8-byte aligned
  size_t payload_bytes = 0;
};

struct ScanResult {
  uint32_t entries = 0;
  size_t payload_bytes = 0;  // used
  bool complete = false;     // false: a buffer was too small; call again with larger ones
};

struct Claimed {
  uint32_t slot = 0;
  uint64_t epoch = 0;
  uint64_t ended_epoch = 0;  // of the dead owner who had to be retired for it; 0: nobody
  uint64_t ended_generation = 0;
};

// What a claimer wants beside its id.
struct ClaimTerms {
  // Its last status is not given up when it ends, before somebody says that it is safe elsewhere.
  bool keeps_status = false;
  // Slots of those who have been dead for longer are as good as free ones. The others are taken only when
  // there is no free slot, and by a successor of the same id.
  uint64_t dead_for_ns = UINT64_MAX;
};

// Whether statuses that their owners asked to keep are given up too.
enum class Kept : uint8_t { kSpare, kInclude };

struct Retired {
  uint32_t slot;
  uint64_t epoch;
  uint64_t generation;  // of its newest overflow file
};

class Board {
 public:
  Board() : liveness_(file_) {}

  BoardFile& file() { return file_; }
  const BoardFile& file() const { return file_; }
  Liveness& liveness() { return liveness_; }

  // Called once, after file().Open.
  void Ready();

  // --- the owner's side

  // Takes a slot: that of a dead worker of the same id, else a free one, else a dead worker's.
  // kBusy: somebody else is claiming or cleaning, try again in a moment. kIdInUse: a living worker
  // has this id. kBoardFull: all slots belong to the living, or have a status to keep.
  // kReplaced: this is not the board any more that its name leads to.
  // REQUIRES: open for writing, no slot yet, 1 to kMaxIdBytes bytes of id.
  Status TryClaim(const char* id, uint32_t id_bytes, uint32_t thread_id, Claimed* out,
                  const ClaimTerms& terms = {});

  // Where the next payload goes before it is published: room for inline_bytes + 8. What lies behind
  // it up to the next whole word is published too and read by nobody.
  char* staging() { return reinterpret_cast<char*>(staging_.data() + kRecordHeaderWords); }

  // Publishes what lies in staging(). kReplaced is noticed within a second, after publishing.
  // REQUIRES: has_slot(), length <= inline_bytes.
  Status Publish(RecordKind kind, Encoding encoding, uint32_t length) noexcept;

  // The same for the preview of an overflow file.
  Status PublishOverflow(Encoding encoding, uint32_t preview_length, uint64_t generation, uint64_t whole_length,
                         uint32_t crc32c) noexcept;

  // Says good-bye and gives the slot up. Its status is not readable any more.
  void Release() noexcept;

  // Gives the slot up without a word: the owner has died, and its last status stays readable.
  void Abandon(Ending how) noexcept;

  // From now on the owner says every so often that its event loop turns. REQUIRES: has_slot().
  void StartHeart(uint32_t every_ms) noexcept;

  // Says so. True: somebody has opened the inspector of this process, and has not closed it in time.
  // REQUIRES: has_slot().
  bool Beat() noexcept;

  // Notes that nobody has it open any more. REQUIRES: has_slot().
  void EndInspection() noexcept;

  // Says whether the program has a use of its own for SIGUSR1. REQUIRES: has_slot().
  void NoteSigusr1(bool handles) noexcept;

  bool has_slot() const { return lock_.held(); }
  uint32_t slot() const { return slot_; }
  uint64_t epoch() const { return epoch_; }

  // --- the reader's side

  // Copies slots into the caller's buffers. REQUIRES: Refresh of liveness() before.
  ScanResult Scan(const ScanRequest& request);

  // Copies the identity that belongs to `epoch`. kGone: the slot has another owner by now.
  Status ReadIdentity(uint32_t slot, uint64_t epoch, Identity* out) const noexcept;

  // Copies the counters of the owner of `epoch`. kGone: it was retired, they may be another's.
  // REQUIRES: `out` has room for counter_count numbers.
  Status ReadCounters(uint32_t slot, uint64_t epoch, double* out) const noexcept;

  // The hearts of slots 0 to before `count`, or to the last that was ever used. Returns how many that are.
  uint32_t ReadHearts(HeartEntry* out, uint32_t count) const noexcept;

  // False: it is another owner's by now, or its program is older than these words.
  bool ReadInspection(uint32_t slot, uint64_t epoch, Inspection* out) const noexcept;

  // Notes until when somebody may have its inspector open; 0: nobody has. False: as above.
  // REQUIRES: open for writing.
  bool NoteInspection(uint32_t slot, uint64_t epoch, uint64_t until_ns) noexcept;

  // The same for what a scan has found. The entry may have been anywhere since: it is not trusted.
  bool ReadCountersOf(const ScanEntry& entry, double* out) const noexcept;

  // How the owner of `epoch` ended: true: died. Reaches back 63 owners; beyond, "died".
  bool EndedByDeath(uint32_t slot, uint64_t epoch) const noexcept;

  // Adds up the gauges of the living. REQUIRES: Refresh of liveness() before, and room for
  // counter_count numbers.
  void AddGauges(double* sums);

  // Retires those of `slots` whose owners are gone. kBusy: somebody else is at it.
  Status TryRetire(const std::vector<uint32_t>& slots, std::vector<Retired>* out, Kept kept = Kept::kSpare);

  // Notes how a process of our pid namespace ended, for all its slots. What the owner itself has said stays.
  // kBusy: somebody else is claiming or cleaning.
  Status TryNoteEnd(uint32_t pid, Ending how, uint32_t* slots);

  // kReplaced, looked at no more than once a second.
  Status CheckNameSometimes(uint64_t now_ns) noexcept;

 private:
  enum class Look {
    kNothing,  // nobody there, or nothing new
    kEntry,    // the entry is filled
    kNoRoom,   // the payload does not fit into what is left
    kAgain,    // the slot changed owners under our eyes
  };
  // What differs from one record of an owner to the next.
  struct RecordHead {
    uint32_t length;
    RecordKind kind;
    Encoding encoding;
    uint64_t whole_length;
    uint32_t crc32c;

    uint64_t Pack() const {
      return uint64_t{length} | static_cast<uint64_t>(kind) << 32 | static_cast<uint64_t>(encoding) << 40;
    }
  };
  // A record as it was copied: nothing in it is trusted but `length`, which is bounded.
  struct RecordCopy {
    RecordHeader header;
    uint64_t seq;
    uint32_t length;
    bool fits;
    bool torn;  // the writer lapped us too often
  };

  Status Claim(const char* id, uint32_t id_bytes, uint32_t thread_id, Claimed* out, const ClaimTerms& terms);
  bool IsStillFull(const char* id, uint32_t id_bytes) const noexcept;
  bool HasLivingOwner(const char* id, uint32_t id_bytes, uint32_t* predecessor);
  void NoteSomeEnds();
  Status TakeFreeSlot(Claimed* out, uint64_t dead_for_ns);
  Status TakeDeadSlot(Claimed* out);
  Status TakeSlot(uint32_t slot, Claimed* out);
  void Introduce(const char* id, uint32_t id_bytes, uint32_t thread_id, bool keeps_status);
  bool IsOwned(uint32_t slot) const noexcept;
  bool IsKept(uint32_t slot, uint64_t epoch) const noexcept;
  bool IsLongDead(uint32_t slot, uint64_t dead_for_ns) const noexcept;
  uint64_t EndedNs(uint32_t slot, uint64_t epoch) const noexcept;
  void NoteEnd(uint32_t slot, uint64_t epoch, Ending how) noexcept;
  bool SaidGoodbye(uint32_t slot, uint64_t epoch) const noexcept;
  bool Retire(uint32_t slot, Retired* out) noexcept;
  bool ReadRecordHeader(uint32_t slot, RecordHeader* out) const noexcept;
  void Prefetch(uint32_t slot, uint32_t end) const noexcept;
  uint32_t SkipUnchanged(uint32_t slot, uint32_t end, const ScanRequest& request);
  Look LookAt(uint32_t slot, int tries, const ScanRequest& request, ScanResult* result);
  Look LookAtFree(uint32_t slot, const ScanRequest& request, ScanResult* result);
  RecordCopy CopyRecord(uint32_t slot, uint8_t* payload, size_t room) const noexcept;
  bool IsSane(const RecordCopy& copy) const noexcept;
  bool OwnerLives(uint32_t slot, uint64_t epoch);
  bool BeingClaimed() const noexcept;
  void ReadWallClock() noexcept;
  uint64_t PublishStaged(const RecordHead& head) noexcept;  // returns the time it put into the record

  BoardFile file_;
  Liveness liveness_;
  HeldLock lock_;
  uint32_t slot_ = 0;
  uint64_t epoch_ = 0;
  uint64_t updates_ = 0;
  Latch own_latch_{nullptr, nullptr, nullptr};
  uint64_t name_checked_ns_ = 0;
  // Reading one clock is a tenth of an update. So a record's wall-clock time is its monotonic time
  // plus this, which follows a clock that is set within a second, like the name.
  int64_t wall_at_boot_ms_ = 0;
  bool replaced_ = false;
  uint64_t full_until_ns_ = 0;  // a board was full when it was last searched, and is not searched again before this
  std::vector<uint64_t> staging_;  // a record: header words, then payload
};

}  // namespace rollcall
