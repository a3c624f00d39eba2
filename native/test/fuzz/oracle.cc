#include "oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../fixture.h"

namespace rollcall::test {
namespace {

double Number(uint64_t word) { return static_cast<double>(static_cast<int64_t>(word)); }

// Goes through the slots of a request as a reader has to, beside the entries that a scan gave.
class ScanCheck {
 public:
  ScanCheck(const BoardReading& board, const ScanRequest& request, const ScanResult& result,
            const AliveFunction& is_alive, const LockedFunction& is_locked)
      : board_(board), request_(request), result_(result), is_alive_(is_alive), is_locked_(is_locked) {}

  void Run() {
    const uint32_t end = std::min(request_.to_slot, board_.used());
    bool complete = true;
    for (uint32_t slot = request_.from_slot; slot < end && complete; slot++) complete = Check(slot);
    CHECK_EQ(result_.complete, complete);
    CHECK_EQ(result_.entries, next_);
    CHECK_EQ(result_.payload_bytes, used_);
  }

 private:
  // False: a buffer is full.
  bool Check(uint32_t slot) {
    const SlotReading s = board_.Slot(slot);
    if (IsKnown(slot, s)) return true;
    if (next_ == request_.max_entries) return false;
    if (s.epoch == 0) return true;
    if (!s.owned()) {
      CheckFree(slot, s);
      return true;
    }
    return CheckOwned(slot, s, IsAlive(slot, s));
  }

  // Without a first record of its own, the lock alone says whether an owner is there.
  bool IsAlive(uint32_t slot, const SlotReading& s) const {
    if (!s.introduced()) return is_locked_(slot);
    const Alive alive = is_alive_(slot, s);
    if (alive != Alive::kUnknown) return alive == Alive::kYes;
    // Both answers would be right: the one that was given.
    return !IsGiven(slot) || (Entry().verdict != static_cast<double>(Verdict::kDied) &&
                              Entry().verdict != static_cast<double>(Verdict::kBadDied));
  }

  bool IsKnown(uint32_t slot, const SlotReading& s) const {
    if (request_.cursor == nullptr || slot >= request_.cursor_slots) return false;
    const CursorEntry& known = request_.cursor[slot];
    if (known.epoch != Number(s.epoch)) return s.epoch == 0 || known.epoch == -Number(s.epoch);
    if (!s.owned() || known.seq != Number(s.seq & ~uint64_t{1})) return false;
    const Alive alive = is_alive_(slot, s);
    return alive == Alive::kYes || (alive == Alive::kUnknown && !IsGiven(slot));
  }

  bool IsGiven(uint32_t slot) const { return next_ < result_.entries && Entry().slot == slot; }

  void CheckFree(uint32_t slot, const SlotReading& s) {
    if (request_.cursor == nullptr || slot >= request_.cursor_slots) return;
    const double known = request_.cursor[slot].epoch;
    if (known < 1 || known > static_cast<double>(kMaxExact)) return;
    ScanEntry expected = {};
    expected.slot = slot;
    expected.epoch = known;
    expected.offset = static_cast<double>(used_);
    const bool died = s.DiedAs(static_cast<uint64_t>(known));
    expected.verdict = static_cast<double>(died ? Verdict::kDied : Verdict::kClosed);
    if (died) expected.ending = Number(s.EndingOf(static_cast<uint64_t>(known)));
    CheckEntry(expected);
  }

  bool CheckOwned(uint32_t slot, const SlotReading& s, bool alive) {
    const uint64_t limit = board_.geometry().inline_bytes;
    const uint64_t copied = std::min(s.record.length, limit);
    if (used_ + (copied + 7) / 8 * 8 > request_.payload_bytes) return false;
    const bool newborn = !s.introduced() && !alive && s.record.epoch < s.epoch;
    const bool sane = s.introduced() ? s.record.length <= limit && s.record.kind <= 3 && s.record.encoding <= 3 : newborn;
    Verdict verdict = alive ? Verdict::kLive : Verdict::kDied;
    if (!sane) verdict = alive ? Verdict::kBad : Verdict::kBadDied;
    if (sane && s.introduced() && s.record.kind == 3) verdict = Verdict::kClosed;
    ScanEntry expected = Describe(slot, s, verdict, s.introduced() ? copied : 0);
    if (alive && s.heart_epoch == s.epoch && s.heart_every_ms != 0) {
      expected.heart_ns = Number(s.heart_ns);
      expected.heart_every_ms = Number(s.heart_every_ms);
    }
    if (!alive && s.introduced()) {
      expected.ended_ns = s.ended_ns >= s.record.monotonic_ns ? Number(s.ended_ns) : 0;
      expected.ending = Number(s.EndingOf(s.epoch));
    }
    CheckEntry(expected);
    return true;
  }

  ScanEntry Describe(uint32_t slot, const SlotReading& s, Verdict verdict, uint64_t length) {
    ScanEntry e = {};
    e.slot = slot;
    e.verdict = static_cast<double>(verdict);
    e.epoch = Number(s.epoch);
    e.seq = Number(s.seq & ~uint64_t{1});
    e.offset = static_cast<double>(used_);
    e.length = static_cast<double>(length);
    const uint8_t* payload = request_.payload + used_;
    CHECK(length == 0 || memcmp(payload, s.record.payload, length) == 0);
    used_ += (length + 7) / 8 * 8;
    if (!s.introduced()) return e;
    const RecordReading& r = s.record;
    e.kind = Number(r.kind);
    e.encoding = Number(r.encoding);
    e.updates = Number(r.updates);
    e.wall_ms = Number(r.wall_ms);
    e.monotonic_ns = Number(r.monotonic_ns);
    e.generation = Number(r.generation);
    e.whole_length = Number(r.whole_length);
    e.crc32c = Number(r.crc32c);
    return e;
  }

  const ScanEntry& Entry() const { return request_.entries[next_]; }

  void CheckEntry(const ScanEntry& expected) {
    CHECK(next_ < result_.entries);
    static constexpr const char* kNames[] = {"slot",         "verdict",    "epoch",          "seq",     "kind",
                                             "encoding",     "offset",     "length",         "updates", "wall_ms",
                                             "monotonic_ns", "generation", "whole_length",   "crc32c",  "ended_ns",
                                             "ending",       "heart_ns",   "heart_every_ms"};
    static_assert(sizeof kNames / sizeof *kNames == kScanEntryNumbers, "a field of ScanEntry has no expectation here");
    double wanted[kScanEntryNumbers], given[kScanEntryNumbers];
    memcpy(wanted, &expected, sizeof expected);
    memcpy(given, &Entry(), sizeof expected);
    for (uint32_t i = 0; i < kScanEntryNumbers; i++) {
      if (wanted[i] == given[i]) continue;
      Fail(__FILE__, __LINE__, std::string(kNames[i]) + " of slot " + std::to_string(expected.slot) + " is " +
                                   std::to_string(given[i]) + ", expected " + std::to_string(wanted[i]));
    }
    next_++;
  }

  const BoardReading& board_;
  const ScanRequest& request_;
  const ScanResult& result_;
  const AliveFunction& is_alive_;
  const LockedFunction& is_locked_;
  uint32_t next_ = 0;
  size_t used_ = 0;
};

std::vector<uint8_t>& SharedBytes() {
  static std::vector<uint8_t> bytes;
  return bytes;
}

bool HasId(const SlotReading& s, const std::vector<uint8_t>& id) {
  return s.id_bytes == id.size() && memcmp(s.identity + 40, id.data(), id.size()) == 0;
}

}  // namespace

void CheckScan(const BoardReading& board, const ScanRequest& request, const ScanResult& result,
               const AliveFunction& is_alive, const LockedFunction& is_locked) {
  ScanCheck(board, request, result, is_alive, is_locked).Run();
}

ExpectedClaim ExpectClaim(const BoardReading& board, const std::vector<uint8_t>& id, const LockedFunction& is_locked) {
  ExpectedClaim expected;
  for (uint32_t slot = 0; slot < board.used(); slot++) {
    const SlotReading s = board.Slot(slot);
    if (!s.owned() || s.said_goodbye() || !is_locked(slot) || !HasId(s, id)) continue;
    expected.code = Code::kIdInUse;
    return expected;
  }
  // Those that are free by their own word come before the dead.
  for (const bool dead_too : {false, true}) {
    for (uint32_t slot = 0; slot < board.geometry().slot_count; slot++) {
      const SlotReading s = board.Slot(slot);
      const bool free = !s.owned() || s.said_goodbye() || dead_too;
      if (!free || is_locked(slot) || s.worn_out()) continue;
      expected = {Code::kOk, slot, s.epoch + 1, s.owned() ? s.epoch : 0,
                  s.owned() && s.introduced() ? s.record.generation : 0};
      return expected;
    }
  }
  return expected;
}

std::vector<Retired> ExpectRetired(const BoardReading& board, const uint32_t* own, const LockedFunction& is_locked) {
  std::vector<Retired> expected;
  for (uint32_t slot = 0; slot < board.geometry().slot_count; slot++) {
    const SlotReading s = board.Slot(slot);
    if (!s.owned() || is_locked(slot) || (own != nullptr && slot == *own)) continue;
    expected.push_back({slot, s.epoch, s.introduced() ? s.record.generation : 0});
  }
  return expected;
}

void CheckTotals(const BoardReading& board, const std::vector<double>& totals) {
  for (uint32_t i = 0; i < totals.size(); i++) {
    double magnitude;
    const double expected = board.Total(i, &magnitude);
    // Sums of the largest numbers have no value of their own: infinite, or none at all.
    CHECK(totals[i] == expected || (std::isnan(totals[i]) && std::isnan(expected)));
  }
}

Before::Before(const uint8_t* bytes, const BoardReading& board) : now_(bytes), board_(board), bytes_(SharedBytes()) {
  bytes_.assign(bytes, bytes + board.geometry().file_bytes);
}

void Before::Allow(uint64_t from, uint64_t bytes) { memcpy(bytes_.data() + from, now_ + from, bytes); }

void Before::AllowShared(uint64_t from, uint64_t bytes) { Allow(board_.geometry().header_bytes + from, bytes); }

void Before::AllowSlot(uint32_t slot, uint64_t from, uint64_t bytes) { Allow(board_.SlotOffset(slot) + from, bytes); }

void Before::AllowHousekeeping() {
  const Geometry& g = board_.geometry();
  AllowShared(0, 4);
  AllowShared(128, 4);
  AllowShared(256, 8);
  AllowShared(384, 8);
  AllowShared(512, 2 * uint64_t{g.retired_bytes});
  if (g.large) AllowShared(g.claims_offset, 4 * uint64_t{g.slot_count});
  for (uint32_t slot = 0; slot < g.slot_count; slot++) {
    const SlotReading s = board_.Slot(slot);
    if (s.folded_epoch == s.epoch) AllowSlot(slot, 24, 8);
  }
}

void Before::CheckUntouched() const { CHECK(memcmp(bytes_.data(), now_, bytes_.size()) == 0); }

TotalsBefore::TotalsBefore(const BoardReading& board) : board_(board) {
  for (uint32_t i = 0; i < board.geometry().counter_count; i++) {
    double magnitude;
    totals_.push_back(board.Total(i, &magnitude));
    magnitudes_.push_back(magnitude);
  }
}

void TotalsBefore::CheckKept() const {
  for (uint32_t i = 0; i < totals_.size(); i++) {
    double magnitude;
    const double total = board_.Total(i, &magnitude);
    const bool summable = magnitudes_[i] < 1e300;
    if (summable) CHECK(std::fabs(total - totals_[i]) <= 1e-9 * magnitudes_[i]);
  }
}

}  // namespace rollcall::test
