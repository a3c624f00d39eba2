// A board under a hostile hand. An input is a small program: its first byte chooses a board (a new
// one, or one on which real workers lived, died and said good-bye), the rest is a list of steps, each
// a byte and its arguments. A step writes bytes into the file, as anybody may who may write it,
// signs the header, changes the file's length while nobody has it mapped, or makes a call on
// one of three handles. What runs out is 0.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "../../core/file_lock.h"
#include "../../core/platform.h"
#include "../../core/totals.h"
#include "../../core/wake.h"
#include "hostile_board.h"
#include "targets.h"

namespace rollcall::test {
namespace {

constexpr int kMaxSteps = 48;
constexpr uint64_t kMaxFileBytes = 256 * 1024;

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
  ~Session() {
    if (holder_ >= 0) close(holder_);
  }

  void Run() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      if (step < kOpen) {
        Tamper(step);
      } else {
        Call(step, input_.Byte() % kHandles);
      }
    }
  }

  // The same with what a reader calls only, on the handle that is open: many times as fast.
  void RunReader() {
    for (int steps = 0; steps < kMaxSteps && !input_.empty(); steps++) {
      const auto step = static_cast<Step>(input_.Byte() % kSteps);
      const bool reads = step == kScan || step == kScanChanges || step == kTotals || step == kAsk;
      if (step < kOpen) Tamper(step);
      if (reads) Call(step, kReader);
    }
  }

 private:
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
        return file_.Write(at, input_.Bytes(input_.Byte() % 9));
      }
      case kWriteSlot: {
        const uint64_t slot = Slot(input_.Byte());
        const uint64_t at = input_.Number(2) % (g.slot_stride - 8);
        return file_.Write(slot + at, input_.Bytes(input_.Byte() % 9));
      }
      case kWriteControl: {
        const uint64_t slot = Slot(input_.Byte());
        const uint64_t at = 8 * (input_.Byte() % 5);
        return file_.WriteWord(slot + at, input_.Word());
      }
      case kWriteRecord: {
        const uint64_t records = Slot(input_.Byte()) + g.records_offset;
        const uint64_t at = 8 * (input_.Byte() % kRecordHeaderWords);
        const uint64_t value = input_.Word();
        file_.WriteWord(records + at, value);
        return file_.WriteWord(records + g.record_bytes + at, value);
      }
      case kSign:
        return file_.Sign();
      case kResize: {
        const uint64_t bytes = uint64_t{input_.Number(2)} * 512;
        // A mapped file that is truncated is the one thing that cannot be survived.
        if (!IsMapped() && bytes <= kMaxFileBytes) file_.Resize(bytes);
        return;
      }
      case kHoldSlot:
        if (holder_ < 0) holder_ = open(file_.path().c_str(), O_RDWR | O_CLOEXEC);
        CHECK(holder_ >= 0);
        (void)TryLock(holder_, Slot(input_.Byte()));
        return;
      default:
        return;
    }
  }

  void Call(Step step, int handle) {
    if (step == kOpen) return Open(handle);
    if (step == kClose) return boards_[handle].reset();
    if (boards_[handle] == nullptr) return;
    Board& board = *boards_[handle];
    switch (step) {
      case kClaim:
        return ClaimSlot(board);
      case kPublish:
        return Publish(board);
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
    const std::vector<uint8_t> before = file_.Read();
    auto board = std::make_unique<Board>();
    const Status status = board->file().Open(file_.path(), handle == kReader, false);
    if (!status.ok()) {
      CHECK(file_.Read() == before);
      return;
    }
    CHECK(board->file().geometry().file_bytes <= before.size());
    board->Ready();
    boards_[handle] = std::move(board);
    cursors_[handle].clear();
  }

  void ClaimSlot(Board& board) {
    const std::vector<uint8_t> id = input_.Bytes(input_.Byte() % kMaxIdBytes + 1);
    if (board.has_slot() || board.file().read_only()) return;
    Claimed claimed;
    const auto* text = reinterpret_cast<const char*>(id.data());
    const auto length = static_cast<uint32_t>(id.size());
    if (!board.TryClaim(text, length, 0, &claimed).ok()) return;
    CHECK(claimed.epoch >= 1 && claimed.epoch <= kMaxExact);
    Identity identity;
    CHECK_OK(board.ReadIdentity(claimed.slot, claimed.epoch, &identity));
    CHECK(identity.id_bytes == length && memcmp(identity.id, text, length) == 0);
    CheckOwnEntry(board, RecordKind::kNone, {});
  }

  void Publish(Board& board) {
    const uint32_t length = input_.Number(2) % (board.file().geometry().inline_bytes + 1);
    const uint8_t byte = input_.Byte();
    if (!board.has_slot()) return;
    PublishBytes(board, byte, length);
    CheckOwnEntry(board, RecordKind::kInline, std::string(length, static_cast<char>(byte)));
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
    found.result = board.Scan(request);
    CheckFound(board, found);
    return found;
  }

  void CheckFound(const Board& board, const Found& found) {
    const Geometry& g = board.file().geometry();
    CHECK(found.result.entries <= found.entries.size());
    CHECK(found.result.payload_bytes <= found.payload.size() * 8);
    double next_slot = 0, next_offset = 0;
    for (uint32_t i = 0; i < found.result.entries; i++) {
      const ScanEntry& entry = found.entries[i];
      CHECK(entry.slot >= next_slot && entry.slot < g.slot_count);
      CHECK(entry.verdict >= 1 && entry.verdict <= static_cast<double>(Verdict::kBadDied));
      CHECK(entry.length <= g.inline_bytes && entry.offset >= next_offset);
      CHECK(entry.offset + entry.length <= static_cast<double>(found.result.payload_bytes));
      const auto verdict = static_cast<Verdict>(entry.verdict);
      const bool sane = verdict == Verdict::kLive || verdict == Verdict::kDied || verdict == Verdict::kClosed;
      if (sane) CHECK(entry.kind <= static_cast<double>(RecordKind::kClosed) && entry.encoding < kEncodings);
      next_slot = entry.slot + 1;
      next_offset = entry.offset + entry.length;
    }
  }

  void Scan(Board& board) {
    const uint32_t from = input_.Byte() % 8, to = input_.Number(2), entries = input_.Byte() % 8;
    ScanInto(board, from, to, entries, input_.Number(2));
  }

  void ScanChanges(Board& board, int handle) {
    const Geometry& g = board.file().geometry();
    std::vector<CursorEntry>& cursor = cursors_[handle];
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
    std::vector<double> sums(board.file().geometry().counter_count);
    CHECK(ReadTotals(board.file(), sums.data()));
    for (const double sum : sums) CHECK(!std::isnan(sum));
    std::fill(sums.begin(), sums.end(), 0.0);
    board.liveness().Refresh();
    board.AddGauges(sums.data());
    for (const double sum : sums) CHECK(!std::isnan(sum));
  }

  void Retire(Board& board) {
    if (board.file().read_only()) return;
    std::vector<uint32_t> slots;
    for (uint32_t slot = 0; slot < board.file().geometry().slot_count; slot++) slots.push_back(slot);
    slots.push_back(kMaxSlots);
    std::vector<Retired> retired;
    CHECK_OK(board.TryRetire(slots, &retired));
    for (const Retired& one : retired) {
      CHECK(one.slot < board.file().geometry().slot_count);
      CHECK(board.file().control(one.slot)->state.load() != static_cast<uint32_t>(SlotState::kOwned));
      CHECK(!board.liveness().HoldsLock(one.slot));
    }
  }

  void Ask(Board& board) {
    const uint32_t slot = input_.Byte() % board.file().geometry().slot_count;
    const uint64_t wanted = input_.Word();
    const uint64_t epoch = wanted != 0 ? wanted : board.file().control(slot)->epoch.load();
    Identity identity;
    if (board.ReadIdentity(slot, epoch, &identity).ok()) CHECK(identity.id_bytes <= kMaxIdBytes);
    std::vector<double> counters(board.file().geometry().counter_count);
    if (board.ReadCounters(slot, epoch, counters.data()).ok()) {
      for (const double counter : counters) CHECK(std::isfinite(counter));
    }
    (void)board.EndedByDeath(slot, epoch);
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
    (void)board.file().Supplant(file_.scratch().Plan(1, 64));
  }

  HostileFile& file_;
  const Base& base_;
  Input& input_;
  std::unique_ptr<Board>* boards_;
  std::vector<CursorEntry>* cursors_;
  int holder_ = -1;
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
