// A board under a hostile hand. An input is a small program: its first byte chooses a board (a new
// one, or one on which real workers lived, died and said good-bye), the rest is a list of steps, each
// a byte and its arguments. A step writes bytes into the file, as anybody may who may write it,
// signs the header, changes the file's length while nobody has it mapped, or makes a call on
// one of three handles. What runs out is 0. Each answer is compared with what oracle.h expects.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "../../core/file_lock.h"
#include "../../core/platform.h"
#include "../../core/totals.h"
#include "../../core/wake.h"
#include "hostile_board.h"
#include "oracle.h"
#include "targets.h"

namespace rollcall::test {
namespace {

constexpr int kMaxSteps = 20;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kCounterValues[] = {1, 2.5, -3, 1e15, 1e308, -1e308, kInfinity, -kInfinity, NAN};
constexpr size_t kCounterValueCount = sizeof kCounterValues / sizeof kCounterValues[0];

struct Handles {
  std::unique_ptr<Board> boards[kHandles];
  std::vector<CursorEntry> cursors[kHandles];
};

class Session {
 public:
  Session(HostileFile& file, const Base& base, Input& input, Handles& handles)
      : file_(file), base_(base), input_(input), boards_(handles.boards), cursors_(handles.cursors) {
    file_.Reset(base);
  }
  ~Session() { LetGo(); }

  void Run() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      if (step < kFirstCall) {
        Tamper(step);
      } else {
        Call(step, input_.Byte() % kHandles);
      }
    }
  }

  // The same with what a reader calls only, on the handle that is open: faster.
  void RunReader() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      const bool reads = step == kScan || step == kScanChanges || step == kTotals || step == kAsk;
      if (step < kFirstCall) Tamper(step);
      if (reads) Call(step, kReader);
    }
  }

 private:
  // --- what somebody hostile does

  uint64_t Slot(uint32_t slot) const { return base_.geometry.SlotOffset(slot % base_.geometry.slot_count); }

  bool IsMapped() const {
    for (int handle = 0; handle < kHandles; handle++) {
      if (boards_[handle] != nullptr) return true;
    }
    return false;
  }

  void Tamper(Step step) {
    const Geometry& g = base_.geometry;
    switch (step) {
      case kWriteHeader: {
        const uint64_t at = input_.Byte() * 2;  // the counter table too
        return file_.Write(at, input_.Bytes(input_.Byte() % 9));
      }
      case kWriteShared: {
        const uint64_t at = g.header_bytes + input_.Number(2) % (g.shared_bytes - 8);
        return file_.WriteWord(at, input_.Value(0, g));
      }
      case kWriteSlot: {
        const uint64_t slot = Slot(input_.Byte());
        const uint64_t at = input_.Number(2) % (g.slot_stride - 8);
        return file_.Write(slot + at, input_.Bytes(input_.Byte() % 9));
      }
      case kWriteRetired: {
        const uint64_t at = g.header_bytes + g.retired_offset + input_.Byte() % (g.retired_bytes / 8) * 8;
        const uint64_t value = input_.Value(1, g);
        file_.WriteWord(at, value);
        return file_.WriteWord(at + g.retired_bytes, value);
      }
      case kSetSizes:
        return file_.SetSizes();
      case kSign:
        return file_.Sign();
      case kResize: {
        const uint64_t bytes = uint64_t{input_.Number(2)} * 512;
        // A mapped file that is truncated is the one thing that cannot be survived.
        if (!IsMapped() && bytes <= HostileFile::kMaxBytes) file_.Resize(bytes);
        return;
      }
      case kHoldSlot:
        return HoldSlot(Slot(input_.Byte()));
      case kLetGo:
        return LetGo();
      default:
        return TamperWithSlot(step, Slot(input_.Byte()));
    }
  }

  void TamperWithSlot(Step step, uint64_t slot) {
    const Geometry& g = base_.geometry;
    const uint64_t epoch = slot + 16 <= file_.size() ? LoadLittle(file_.bytes() + slot + 8, 8) : 0;
    if (step == kWriteControl) {
      const uint64_t at = slot + 8 * (input_.Byte() % 5);
      return file_.WriteWord(at, input_.Value(epoch, g));
    }
    if (step == kWriteIdentity) {
      const uint64_t at = slot + kIdentityOffset + 8 * (input_.Byte() % kIdentityWords);
      return file_.WriteWord(at, input_.Value(getpid(), g));
    }
    if (step == kWriteCounter) {
      const uint64_t at = slot + kCountersOffset + 8 * (input_.Byte() % (g.counter_count + 1));
      const uint64_t value = input_.Value(0, g);
      return file_.WriteWord(at, value < 128 ? CounterWord(kCounterValues[value % kCounterValueCount]) : value);
    }
    if (step == kWriteKind) {
      const uint64_t at = slot + g.records_offset + 4 + input_.Byte() % 2;
      const std::vector<uint8_t> value(1, input_.Byte() % 8);
      file_.Write(at, value);
      return file_.Write(at + g.record_bytes, value);
    }
    if (step == kWriteIdBytes) {
      const std::vector<uint8_t> length(1, static_cast<uint8_t>(kMaxIdBytes - 8 + input_.Byte() % 16));
      return file_.Write(slot + kIdentityOffset + 36, length);
    }
    CHECK(step == kWriteRecord);
    const uint64_t at = slot + g.records_offset + 8 * (input_.Byte() % kRecordHeaderWords);
    const uint64_t value = input_.Value(epoch, g);
    file_.WriteWord(at, value);
    file_.WriteWord(at + g.record_bytes, value);
  }

  void HoldSlot(uint64_t byte) {
    if (holder_ < 0) holder_ = open(file_.path().c_str(), O_RDWR | O_CLOEXEC);
    CHECK(holder_ >= 0);
    if (TryLock(holder_, byte).ok()) held_.push_back(byte);
  }

  void LetGo() {
    if (holder_ >= 0) close(holder_);
    holder_ = -1;
    held_.clear();
  }

  // --- who holds what, as far as readers are concerned

  bool IsLocked(const Board& board, uint32_t slot) const {
    const uint64_t byte = board.file().lock_byte(slot);
    for (int handle = 0; handle < kHandles; handle++) {
      const Board* other = boards_[handle].get();
      if (other != nullptr && other->has_slot() && other->file().lock_byte(other->slot()) == byte) return true;
    }
    return std::find(held_.begin(), held_.end(), byte) != held_.end();
  }

  Alive Lives(const Board& board, uint32_t slot, const SlotReading& s) const {
    if (board.has_slot() && board.slot() == slot) return s.epoch == board.epoch() ? Alive::kYes : Alive::kNo;
    // A forged pid may be of a process that ends just now.
    const bool is_ours = s.pid == static_cast<uint64_t>(getpid());
    if (IsLocked(board, slot)) return is_ours ? Alive::kYes : Alive::kUnknown;
    const uint64_t byte = board.file().lock_byte(slot);
    const bool was_locked = std::find(ever_locked_.begin(), ever_locked_.end(), byte) != ever_locked_.end();
    return was_locked ? Alive::kUnknown : Alive::kNo;
  }

  void RememberLocks(const Board& board) {
    for (uint32_t slot = 0; slot < board.file().geometry().slot_count; slot++) {
      if (IsLocked(board, slot)) ever_locked_.push_back(board.file().lock_byte(slot));
    }
  }

  LockedFunction LockedOn(const Board& board) const {
    return [this, &board](uint32_t slot) { return IsLocked(board, slot); };
  }

  // What lies in the file is what a handle sees, unless another file has taken its place.
  bool IsChecked() const { return !file_.is_replaced(); }

  BoardReading Reading(const Board& board) const { return {file_.bytes(), board.file()}; }

  // --- what the three handles do

  void Call(Step step, int handle) {
    if (step == kOpen) return Open(handle);
    if (step == kClose) return boards_[handle].reset();
    if (boards_[handle] == nullptr) return;
    Board& board = *boards_[handle];
    if (IsChecked()) RememberLocks(board);
    switch (step) {
      case kClaim:
        return ClaimSlot(board);
      case kPublish:
        return Publish(board);
      case kPublishOverflow:
        return PublishOverflow(board);
      case kRelease:
        return board.Release();
      case kScan:
        return Scan(board);
      case kScanChanges:
        return ScanChanges(board, handle);
      case kTotals:
        return Total(board);
      case kRetire:
        return Retire(board);
      case kAsk:
        return Ask(board);
      case kWait:
        return Wait(board);
      case kSupplant:
        return Supplant(handle);
      default:
        return;
    }
  }

  void Open(int handle) {
    boards_[handle].reset();
    const bool checked = IsChecked();
    const std::vector<uint8_t> before(file_.bytes(), file_.bytes() + file_.size());
    auto board = std::make_unique<Board>();

    const Status status = board->file().Open(file_.path(), handle == kReader, false);

    CHECK(std::equal(before.begin(), before.end(), file_.bytes()));
    if (checked) CheckOpened(*board, status, ReadHeader(before.data(), before.size(), before.size()));
    if (!status.ok()) return;
    board->Ready();
    boards_[handle] = std::move(board);
    cursors_[handle].clear();
  }

  void CheckOpened(const Board& board, const Status& status, const HeaderReading& expected) {
    // Holes in a file in memory may not be filled any more.
    const bool no_space = expected.code == Code::kOk && status.code == Code::kNoSpace;
    if (!no_space) CHECK_CODE(status, expected.code);
    if (!status.ok()) return;
    CHECK(memcmp(&board.file().geometry(), &expected.geometry, sizeof expected.geometry) == 0);
    CHECK(memcmp(&board.file().header(), file_.bytes(), sizeof(FileHeader)) == 0);
    const auto& names = board.file().names();
    CHECK(names.size() == expected.geometry.counter_count + expected.geometry.shared_count);
    CHECK(names.empty() || memcmp(names.data(), file_.bytes() + 256, 64 * names.size()) == 0);
  }

  void ClaimSlot(Board& board) {
    const std::vector<uint8_t> id = input_.Bytes(input_.Byte() % kMaxIdBytes + 1);
    if (board.has_slot() || board.file().read_only() || !IsChecked()) return;
    const BoardReading reading = Reading(board);
    const ExpectedClaim expected = ExpectClaim(reading, id, LockedOn(board));
    const bool keeps_totals = expected.code == Code::kOk && expected.slot < reading.used() &&
                              (expected.ended_epoch != 0 || reading.Slot(expected.slot).epoch == 0);
    Before before(file_.bytes(), reading);
    const TotalsBefore totals(reading);
    const auto length = static_cast<uint32_t>(id.size());
    Claimed claimed;

    const Status status = board.TryClaim(reinterpret_cast<const char*>(id.data()), length, 0, &claimed);

    CHECK_CODE(status, expected.code);
    if (status.ok()) {
      CHECK(claimed.slot == expected.slot && claimed.epoch == expected.epoch);
      CHECK(claimed.ended_epoch == expected.ended_epoch && claimed.ended_generation == expected.ended_generation);
      if (keeps_totals) totals.CheckKept();
      before.AllowHousekeeping();
      before.AllowSlot(claimed.slot);
    }
    before.CheckUntouched();
    if (!status.ok()) return;
    Identity identity;
    CHECK_OK(board.ReadIdentity(claimed.slot, claimed.epoch, &identity));
    CHECK(identity.id_bytes == length && memcmp(identity.id, id.data(), length) == 0);
    CheckOwnEntry(board, RecordKind::kNone, {});
  }

  void Publish(Board& board) {
    const uint32_t length = input_.Number(2) % (board.file().geometry().inline_bytes + 1);
    const uint8_t byte = input_.Byte();
    if (!board.has_slot() || !IsChecked()) return;
    const BoardReading reading = Reading(board);
    Before before(file_.bytes(), reading);
    PublishBytes(board, byte, length);
    CheckPublished(board, before);
    CheckOwnEntry(board, RecordKind::kInline, std::string(length, static_cast<char>(byte)));
  }

  void PublishOverflow(Board& board) {
    const Geometry& g = board.file().geometry();
    const uint32_t length = input_.Byte() % (g.inline_bytes + 1);
    const uint64_t generation = input_.Value(1, g), whole_length = input_.Value(5000, g);
    const uint32_t crc = input_.Number(4);
    if (!board.has_slot() || !IsChecked()) return;
    const BoardReading reading = Reading(board);
    Before before(file_.bytes(), reading);
    memset(board.staging(), 'o', length);
    (void)board.PublishOverflow(Encoding::kUtf8, length, generation, whole_length, crc);
    CheckPublished(board, before);
    CheckOwnEntry(board, RecordKind::kOverflow, std::string(length, 'o'));
    const RecordReading record = reading.Slot(board.slot()).record;
    CHECK(record.generation == generation && record.whole_length == whole_length && record.crc32c == crc);
  }

  void CheckPublished(const Board& board, Before& before) {
    before.AllowShared(128, 4);
    before.AllowShared(256, 8);
    before.AllowSlot(board.slot(), 0, 8);
    const Geometry& g = board.file().geometry();
    before.AllowSlot(board.slot(), g.records_offset, g.slot_stride - g.records_offset);
    before.CheckUntouched();
  }

  // Who has just claimed or published is there to be read, whatever was there before. The slot's
  // epoch and state may have been damaged since it was claimed: then the slot is lost, and no more.
  void CheckOwnEntry(Board& board, RecordKind kind, const std::string& payload) {
    SlotControl* control = board.file().control(board.slot());
    const bool intact = control->epoch.load() == board.epoch() &&
                        control->state.load() == static_cast<uint32_t>(SlotState::kOwned) &&
                        board.file().high_water() > board.slot();
    if (!intact) return;
    const Found found = ScanInto(board, board.slot(), board.slot() + 1, 1, board.file().geometry().inline_bytes);
    CHECK(found.result.complete && found.result.entries == 1);
    CHECK(static_cast<Verdict>(found.entries[0].verdict) == Verdict::kLive);
    CHECK(static_cast<RecordKind>(found.entries[0].kind) == kind);
    CHECK(found.Payload(0) == payload);
  }

  struct Found {
    std::vector<ScanEntry> entries;
    std::vector<uint64_t> payload;
    ScanResult result;
    std::string Payload(uint32_t entry) const {
      const char* from = reinterpret_cast<const char*>(payload.data()) + static_cast<size_t>(entries[entry].offset);
      return std::string(from, static_cast<size_t>(entries[entry].length));
    }
  };

  // Into buffers of exactly the size it is told.
  Found ScanInto(Board& board, uint32_t from, uint32_t to, uint32_t max_entries, size_t room,
                 const std::vector<CursorEntry>* cursor = nullptr) {
    Found found;
    found.entries.resize(max_entries);
    found.payload.resize(room / 8);
    ScanRequest request;
    request.from_slot = from;
    request.to_slot = to;
    if (cursor != nullptr) {
      request.cursor = cursor->data();
      request.cursor_slots = static_cast<uint32_t>(cursor->size());
    }
    request.entries = found.entries.data();
    request.max_entries = max_entries;
    request.payload = reinterpret_cast<uint8_t*>(found.payload.data());
    request.payload_bytes = found.payload.size() * 8;
    board.liveness().Refresh();
    const BoardReading reading = Reading(board);
    const Before before(file_.bytes(), reading);
    found.result = board.Scan(request);
    before.CheckUntouched();
    const auto lives = [&](uint32_t slot, const SlotReading& s) { return Lives(board, slot, s); };
    CheckScan(reading, request, found.result, lives, LockedOn(board));
    return found;
  }

  void Scan(Board& board) {
    const uint32_t from = input_.Byte() % 8, to = input_.Number(2), entries = input_.Byte() % 8;
    const uint32_t room = input_.Number(2);
    if (IsChecked()) ScanInto(board, from, to, entries, room);
  }

  void ScanChanges(Board& board, int handle) {
    const Geometry& g = board.file().geometry();
    std::vector<CursorEntry>& cursor = cursors_[handle];
    if (!IsChecked()) return;
    const Found found = ScanInto(board, 0, kMaxSlots, g.slot_count, size_t{g.slot_count} * g.inline_bytes, &cursor);
    CHECK(found.result.complete);
    for (uint32_t i = 0; i < found.result.entries; i++) {
      const ScanEntry& entry = found.entries[i];
      const auto slot = static_cast<size_t>(entry.slot);
      if (cursor.size() <= slot) cursor.resize(slot + 1);
      const auto verdict = static_cast<Verdict>(entry.verdict);
      const bool ended = verdict == Verdict::kDied || verdict == Verdict::kClosed || verdict == Verdict::kBadDied;
      cursor[slot] = {ended ? -entry.epoch : entry.epoch, entry.seq};
    }
  }

  void Total(Board& board) {
    if (!IsChecked()) return;
    const BoardReading reading = Reading(board);
    std::vector<double> sums(board.file().geometry().counter_count);
    CHECK(ReadTotals(board.file(), sums.data()));
    CheckTotals(reading, sums);
    std::fill(sums.begin(), sums.end(), 0.0);
    board.liveness().Refresh();
    board.AddGauges(sums.data());
    CheckGauges(board, reading, sums);
  }

  void CheckGauges(const Board& board, const BoardReading& reading, const std::vector<double>& sums) {
    for (uint32_t i = 0; i < sums.size(); i++) {
      double expected = 0;
      for (uint32_t slot = 0; slot < reading.used(); slot++) {
        const SlotReading s = reading.Slot(slot);
        const Alive alive = Lives(board, slot, s);
        if (alive == Alive::kUnknown) return;
        const bool counts = reading.IsGauge(i) && s.epoch != 0 && s.owned() && !s.said_goodbye();
        if (counts && alive == Alive::kYes) expected += reading.Counter(slot, i);
      }
      CHECK(sums[i] == expected);
    }
  }

  void Retire(Board& board) {
    if (board.file().read_only() || !IsChecked()) return;
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < board.file().geometry().slot_count; slot++) slots.push_back(slot);
    slots.push_back(kMaxSlots);
    const BoardReading reading = Reading(board);
    const uint32_t own = board.slot();
    const std::vector<Retired> expected = ExpectRetired(reading, board.has_slot() ? &own : nullptr, LockedOn(board));
    Before before(file_.bytes(), reading);
    const TotalsBefore totals(reading);
    bool keeps_totals = true, closed[256] = {};
    for (const Retired& one : expected) {
      closed[one.slot % 256] = reading.Slot(one.slot).said_goodbye();
      if (one.slot >= reading.used() || one.epoch == 0) keeps_totals = false;
    }
    std::vector<Retired> retired;

    CHECK_OK(board.TryRetire(slots, &retired));

    CHECK_EQ(retired.size(), expected.size());
    for (size_t i = 0; i < retired.size(); i++) {
      const Retired& one = retired[i];
      CHECK(one.slot == expected[i].slot && one.epoch == expected[i].epoch && one.generation == expected[i].generation);
      const SlotReading s = reading.Slot(one.slot);
      const bool is_closed = closed[one.slot % 256];
      CHECK_EQ(s.state, is_closed ? 2u : 3u);
      CHECK_EQ(s.ends >> (one.epoch % 64) & 1, is_closed ? 0u : 1u);
      if (one.epoch != 0) CHECK_EQ(s.folded_epoch, one.epoch);
      before.AllowSlot(one.slot, 16, 4);
      before.AllowSlot(one.slot, 32, 8);
    }
    if (keeps_totals) totals.CheckKept();
    before.AllowHousekeeping();
    before.CheckUntouched();
  }

  void Ask(Board& board) {
    const Geometry& g = board.file().geometry();
    const uint32_t slot = input_.Byte() % g.slot_count;
    const uint64_t wanted = input_.Value(1, g);
    if (!IsChecked()) return;
    const BoardReading reading = Reading(board);
    const SlotReading s = reading.Slot(slot);
    const uint64_t epoch = wanted != 0 ? wanted : s.epoch;
    Identity identity;
    CHECK_EQ(board.ReadIdentity(slot, epoch, &identity).ok(), epoch == s.epoch);
    if (epoch == s.epoch) {
      const bool sane = s.id_bytes >= 1 && s.id_bytes <= kMaxIdBytes;
      CHECK_EQ(identity.id_bytes, sane ? s.id_bytes : 0);
      CHECK_EQ(identity.pid, s.pid);
      CHECK(memcmp(identity.id, s.identity + 40, kMaxIdBytes) == 0);
    }
    std::vector<double> counters(g.counter_count);
    CHECK_EQ(board.ReadCounters(slot, epoch, counters.data()).ok(), s.owned() && epoch == s.epoch);
    for (uint32_t i = 0; i < g.counter_count; i++) CHECK(counters[i] == reading.Counter(slot, i));
    CHECK_EQ(board.EndedByDeath(slot, epoch), s.DiedAs(epoch));
  }

  void Wait(Board& board) {
    const uint64_t wait_ns = input_.Word();
    if (board.file().read_only()) return;
    SharedArea* shared = board.file().shared();
    const uint32_t seen = AnnounceWait(shared, wait_ns);
    WakeWaiters(shared, CoarseMonotonicNs());
    (void)Sleep(shared, seen - 1, wait_ns);  // the word is not that, so nobody sleeps
  }

  void Supplant(int handle) {
    Board& board = *boards_[handle];
    if (board.file().read_only() || !board.file().from_earlier_boot()) return;
    if (board.file().Supplant(file_.scratch().Plan(1, 64)).ok()) file_.MarkReplaced();
  }

  HostileFile& file_;
  const Base& base_;
  Input& input_;
  std::unique_ptr<Board>* boards_;
  std::vector<CursorEntry>* cursors_;
  int holder_ = -1;
  std::vector<uint64_t> held_;         // bytes, through holder_
  std::vector<uint64_t> ever_locked_;  // bytes, by anybody, in this session
};

// A board that stays open from one input to the next, for reading.
struct OpenBoard {
  HostileFile file;
  Handles handles;

  explicit OpenBoard(const Base& base) {
    file.Reset(base);
    auto& reader = handles.boards[kReader];
    reader = std::make_unique<Board>();
    CHECK_OK(reader->file().Open(file.path(), true, false));
    reader->Ready();
  }
};

}  // namespace

void FuzzBoard(const uint8_t* data, size_t size) {
  static HostileFile file;
  Input input(data, size);
  const Base& base = BaseOf(input.Byte() % kBases);
  Handles handles;
  Session(file, base, input, handles).Run();
}

void FuzzSlots(const uint8_t* data, size_t size) {
  static OpenBoard boards[kBases] = {OpenBoard(BaseOf(0)), OpenBoard(BaseOf(1)), OpenBoard(BaseOf(2))};
  Input input(data, size);
  const int number = input.Byte() % kBases;
  Handles& handles = boards[number].handles;
  handles.cursors[kReader].clear();
  handles.boards[kReader]->liveness().Reset();
  Session(boards[number].file, BaseOf(number), input, handles).RunReader();
}

}  // namespace rollcall::test
