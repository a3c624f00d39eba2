#include "checked_writes.h"

#include <algorithm>
#include <cstring>

#include "../../core/platform.h"
#include "../../core/wake.h"

namespace rollcall::test {

void CheckedWrites::Call(Step step, Board& board) {
  switch (step) {
    case kClaim:
      return Claim(board);
    case kPublish:
      return Publish(board);
    case kPublishOverflow:
      return PublishOverflow(board);
    case kRelease:
      return board.Release();
    case kRetire:
      return Retire(board);
    case kWait:
      return Wait(board);
    default:
      CHECK_EQ(step, kSupplant);
      return Supplant(board);
  }
}

void CheckedWrites::Claim(Board& board) {
  const std::vector<uint8_t> id = input_.Bytes(input_.Byte() % kMaxIdBytes + 1);
  if (board.has_slot() || board.file().read_only()) return;
  const BoardReading reading(file_.bytes(), board.file());
  const ExpectedClaim expected = ExpectClaim(reading, id, witness_.LockedOn(board));
  const bool keeps_totals = expected.code == Code::kOk && expected.slot < reading.used() &&
                            (expected.ended_epoch != 0 || reading.Slot(expected.slot).epoch == 0);
  Before before(file_.bytes(), reading);
  const TotalsBefore totals(reading);
  const auto length = static_cast<uint32_t>(id.size());
  Claimed claimed;
  // Damaged claim words of a large board may hide slots, and the one of the same id; they give none away.
  const bool large = reading.geometry().large;
  std::vector<bool> locked;
  for (uint32_t slot = 0; large && slot < reading.geometry().slot_count; slot++) {
    locked.push_back(witness_.LockedOn(board)(slot));
  }

  const Status status = board.TryClaim(reinterpret_cast<const char*>(id.data()), length, 0, &claimed);

  if (!large) CHECK_CODE(status, expected.code);
  if (status.ok()) {
    const bool as_expected =
        claimed.slot == expected.slot && claimed.epoch == expected.epoch && claimed.ended_epoch == expected.ended_epoch;
    CHECK(large ? !locked[claimed.slot] : as_expected && claimed.ended_generation == expected.ended_generation);
    if (keeps_totals && !large) totals.CheckKept();
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

void CheckedWrites::Publish(Board& board) {
  const uint32_t length = input_.Number(2) % (board.file().geometry().inline_bytes + 1);
  const uint8_t byte = input_.Byte();
  if (!board.has_slot()) return;
  const BoardReading reading(file_.bytes(), board.file());
  Before before(file_.bytes(), reading);
  PublishBytes(board, byte, length);
  CheckPublished(board, before);
  CheckOwnEntry(board, RecordKind::kInline, std::string(length, static_cast<char>(byte)));
}

void CheckedWrites::PublishOverflow(Board& board) {
  const Geometry& g = board.file().geometry();
  const uint32_t length = input_.Byte() % (g.inline_bytes + 1);
  const uint64_t generation = input_.Value(1, g), whole_length = input_.Value(5000, g);
  const uint32_t crc = input_.Number(4);
  if (!board.has_slot()) return;
  const BoardReading reading(file_.bytes(), board.file());
  Before before(file_.bytes(), reading);
  memset(board.staging(), 'o', length);
  (void)board.PublishOverflow(Encoding::kUtf8, length, generation, whole_length, crc);
  CheckPublished(board, before);
  CheckOwnEntry(board, RecordKind::kOverflow, std::string(length, 'o'));
  const RecordReading record = reading.Slot(board.slot()).record;
  CHECK(record.generation == generation && record.whole_length == whole_length && record.crc32c == crc);
}

void CheckedWrites::CheckPublished(const Board& board, Before& before) {
  before.AllowShared(128, 4);
  before.AllowShared(256, 8);
  before.AllowSlot(board.slot(), 0, 8);
  const Geometry& g = board.file().geometry();
  before.AllowSlot(board.slot(), g.records_offset, g.slot_stride - g.records_offset);
  before.CheckUntouched();
}

// Who has just claimed or published is there to be read, whatever was there before. The slot's
// epoch and state may have been damaged since it was claimed: then the slot is lost, and no more.
void CheckedWrites::CheckOwnEntry(Board& board, RecordKind kind, const std::string& payload) {
  SlotControl* control = board.file().control(board.slot());
  const bool intact = control->epoch.load() == board.epoch() &&
                      control->state.load() == static_cast<uint32_t>(SlotState::kOwned) &&
                      board.file().high_water() > board.slot();
  if (!intact) return;
  const Found found = reads_.ScanInto(board, board.slot(), board.slot() + 1, 1, board.file().geometry().inline_bytes);
  CHECK(found.result.complete && found.result.entries == 1);
  CHECK(static_cast<Verdict>(found.entries[0].verdict) == Verdict::kLive);
  CHECK(static_cast<RecordKind>(found.entries[0].kind) == kind);
  CHECK(found.Payload(0) == payload);
}

void CheckedWrites::Retire(Board& board) {
  if (board.file().read_only()) return;
  std::vector<uint32_t> slots = AllSlots(board);
  slots.push_back(kMaxSlots);
  const BoardReading reading(file_.bytes(), board.file());
  const uint32_t own = board.slot();
  const std::vector<Retired> expected = ExpectRetired(reading, board.has_slot() ? &own : nullptr, witness_.LockedOn(board));
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

void CheckedWrites::Wait(Board& board) {
  const uint64_t wait_ns = input_.Word();
  if (board.file().read_only()) return;
  SharedArea* shared = board.file().shared();
  const uint32_t seen = AnnounceWait(shared, wait_ns);
  WakeWaiters(shared, CoarseMonotonicNs());
  (void)Sleep(shared, seen - 1, wait_ns);  // the word is not that, so nobody sleeps
}

void CheckedWrites::Supplant(Board& board) {
  if (board.file().read_only() || !board.file().from_earlier_boot()) return;
  if (board.file().Supplant(file_.scratch().Plan(1, 64)).ok()) file_.MarkReplaced();
}

}  // namespace rollcall::test
