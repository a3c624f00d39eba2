#include "checked_reads.h"

#include <algorithm>
#include <cstring>

#include "../../core/totals.h"

namespace rollcall::test {

std::string Found::Payload(uint32_t entry) const {
  const char* from = reinterpret_cast<const char*>(payload.data()) + static_cast<size_t>(entries[entry].offset);
  return std::string(from, static_cast<size_t>(entries[entry].length));
}

void CheckedReads::Call(Step step, Board& board, std::vector<CursorEntry>& cursor) {
  switch (step) {
    case kScan:
      return Scan(board);
    case kScanChanges:
      return ScanChanges(board, cursor);
    case kTotals:
      return Total(board);
    default:
      CHECK_EQ(step, kAsk);
      return Ask(board);
  }
}

Found CheckedReads::ScanInto(Board& board, uint32_t from, uint32_t to, uint32_t max_entries, size_t room,
                             const std::vector<CursorEntry>* cursor) {
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
  const BoardReading reading(file_.bytes(), board.file());
  const Before before(file_.bytes(), reading);
  found.result = board.Scan(request);
  before.CheckUntouched();
  const auto lives = [&](uint32_t slot, const SlotReading& s) { return witness_.Lives(board, slot, s); };
  CheckScan(reading, request, found.result, lives, witness_.LockedOn(board));
  return found;
}

void CheckedReads::Scan(Board& board) {
  const uint32_t from = input_.Byte() % 8, to = input_.Number(2), entries = input_.Byte() % 8;
  const uint32_t room = input_.Number(2);
  ScanInto(board, from, to, entries, room);
}

void CheckedReads::ScanChanges(Board& board, std::vector<CursorEntry>& cursor) {
  const Geometry& g = board.file().geometry();
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

void CheckedReads::Total(Board& board) {
  const BoardReading reading(file_.bytes(), board.file());
  std::vector<double> sums(board.file().geometry().counter_count);
  CHECK(ReadTotals(board.file(), sums.data()));
  CheckTotals(reading, sums);
  std::fill(sums.begin(), sums.end(), 0.0);
  board.liveness().Refresh();
  board.AddGauges(sums.data());
  CheckGauges(board, reading, sums);
}

void CheckedReads::CheckGauges(const Board& board, const BoardReading& reading, const std::vector<double>& sums) {
  for (uint32_t i = 0; i < sums.size(); i++) {
    double expected = 0;
    for (uint32_t slot = 0; slot < reading.used(); slot++) {
      const SlotReading s = reading.Slot(slot);
      const Alive alive = witness_.Lives(board, slot, s);
      if (alive == Alive::kUnknown) return;
      const bool counts = reading.IsGauge(i) && s.epoch != 0 && s.owned() && !s.said_goodbye();
      if (counts && alive == Alive::kYes) expected += reading.Counter(slot, i);
    }
    CHECK(sums[i] == expected);
  }
}

void CheckedReads::Ask(Board& board) {
  const Geometry& g = board.file().geometry();
  const uint32_t slot = input_.Byte() % g.slot_count;
  const uint64_t wanted = input_.Value(1, g);
  const BoardReading reading(file_.bytes(), board.file());
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

}  // namespace rollcall::test
