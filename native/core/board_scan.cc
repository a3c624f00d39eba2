// The reader's side of a Board: copying slots, and deciding what each of them says.

#include <cstring>

#include "board.h"
#include "totals.h"

namespace rollcall {
namespace {

// Converting a signed number is one instruction, an unsigned one a dozen. What does not fit is a
// hostile file's, and comes out negative.
inline double Exact(uint64_t value) { return static_cast<double>(static_cast<int64_t>(value)); }

}  // namespace

bool Board::ReadRecordHeader(uint32_t slot, RecordHeader* out) const noexcept {
  uint64_t seq, words[kRecordHeaderWords];
  const Latch latch = file_.latch(slot);
  if (!latch.Read(&seq, [&](const Word* record) { LoadWords(words, record, kRecordHeaderWords); })) return false;
  *out = UnpackHeader(words);
  return true;
}

Status Board::ReadIdentity(uint32_t slot, uint64_t epoch, Identity* out) const noexcept {
  SlotControl* control = file_.control(slot);
  uint64_t words[kIdentityWords];
  LoadWords(words, file_.identity(slot), kIdentityWords);
  AcquireFence();
  // The owner stores the epoch before the identity. So the words are at most as new as this.
  if (control->epoch.load(std::memory_order_relaxed) != epoch) return Status::Of(Code::kGone);
  memcpy(out, words, sizeof *out);
  const bool sane = out->id_bytes >= 1 && out->id_bytes <= kMaxIdBytes;
  if (!sane) out->id_bytes = 0;
  return Status::Ok();
}

Status Board::ReadCounters(uint32_t slot, uint64_t epoch, double* out) const noexcept {
  SlotControl* control = file_.control(slot);
  for (uint32_t i = 0; i < file_.geometry().counter_count; i++) {
    out[i] = CounterValue(file_.counters(slot)[i].load(kWordLoad));
  }
  // A claim marks the old owner retired, clears its counters and only then raises the epoch. So both
  // words are asked. The fence pairs with the one in ClearCounters: who copied a zero of the next
  // owner's sees at least the mark; acquire: who sees the next owner's mark sees its epoch.
  AcquireFence();
  const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
  const bool same = control->epoch.load(std::memory_order_relaxed) == epoch;
  return owned && same ? Status::Ok() : Status::Of(Code::kGone);
}

bool Board::ReadCountersOf(const ScanEntry& entry, double* out) const noexcept {
  if (!(entry.slot >= 0 && entry.slot < file_.geometry().slot_count)) return false;
  if (!(entry.epoch >= 1 && entry.epoch <= static_cast<double>(kMaxExact))) return false;
  return ReadCounters(static_cast<uint32_t>(entry.slot), static_cast<uint64_t>(entry.epoch), out).ok();
}

uint32_t Board::ReadHearts(HeartEntry* out, uint32_t count) const noexcept {
  const uint32_t used = file_.high_water() < count ? file_.high_water() : count;
  for (uint32_t slot = 0; slot < used; slot++) {
    const SlotControl* control = file_.control(slot);
    out[slot] = {};
    const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
    const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
    // A beat of the next owner under the name of this one only makes it look better, until the next look.
    if (!owned || control->heart_epoch.load(std::memory_order_acquire) != epoch) continue;
    const uint32_t every_ms = control->heart_every_ms.load(std::memory_order_acquire);
    if (every_ms == 0) continue;
    out[slot] = {Exact(epoch), Exact(control->heart_ns.load(std::memory_order_relaxed)), static_cast<double>(every_ms)};
  }
  return used;
}

bool Board::ReadInspection(uint32_t slot, uint64_t epoch, Inspection* out) const noexcept {
  const SlotControl* control = file_.control(slot);
  if (control->heart_epoch.load(std::memory_order_acquire) != epoch) return false;
  out->kernel_thread = control->kernel_thread.load(std::memory_order_relaxed);
  out->handles_sigusr1 = control->handles_sigusr1.load(std::memory_order_relaxed) != 0;
  out->inspected_ns = control->inspected_ns.load(std::memory_order_relaxed);
  // The fence pairs with the one in Introduce: who has copied a word of the next owner sees its epoch.
  AcquireFence();
  return control->epoch.load(std::memory_order_relaxed) == epoch;
}

// The word may be the next owner's by the time it is stored: then that one closes an inspector that it has not got.
bool Board::NoteInspection(uint32_t slot, uint64_t epoch, uint64_t until_ns) noexcept {
  SlotControl* control = file_.control(slot);
  if (control->heart_epoch.load(std::memory_order_acquire) != epoch) return false;
  if (control->epoch.load(std::memory_order_relaxed) != epoch) return false;
  control->inspected_ns.store(until_ns, std::memory_order_relaxed);
  return true;
}

bool Board::EndedByDeath(uint32_t slot, uint64_t epoch) const noexcept {
  SlotControl* control = file_.control(slot);
  // Acquire: a state that says "free" comes with the note about its last owner.
  const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
  if (owned && control->epoch.load(std::memory_order_acquire) == epoch) {
    if (SaidGoodbye(slot, epoch)) return false;
    // The record may be the next owner's already: then the epoch has moved, and the bit is set.
    if (control->epoch.load(std::memory_order_acquire) == epoch) return true;
  }
  const uint64_t now = control->epoch.load(std::memory_order_acquire);
  if (now - epoch >= 64) return true;
  return (control->ends.load(std::memory_order_relaxed) >> (epoch % 64) & 1) != 0;
}

bool Board::OwnerLives(uint32_t slot, uint64_t epoch) {
  if (has_slot() && slot == slot_) return epoch == epoch_;
  // Its process may live and the owner have let go, which it has noted then. The note is a hint, the lock decides:
  // whoever looks between the two is woken once more, or looks again, and finds it free.
  const bool noted = file_.control(slot)->ended_ns.load(std::memory_order_relaxed) != 0;
  if (liveness_.IsWatchedAndAlive(slot, epoch) && (!noted || liveness_.StillHoldsLock(slot))) return true;
  Identity identity;
  if (!ReadIdentity(slot, epoch, &identity).ok()) return false;
  return liveness_.IsAlive(slot, epoch, identity.pid, identity.pid_namespace);
}

bool Board::BeingClaimed() const noexcept {
  bool locked = false;
  return !IsLocked(file_.fd(), kClaimByte, 1, &locked).ok() || locked;
}

Board::RecordCopy Board::CopyRecord(uint32_t slot, uint8_t* payload, size_t room) const noexcept {
  RecordCopy copy = {};
  const uint32_t capacity = file_.geometry().inline_bytes;
  uint64_t words[kRecordHeaderWords];
  copy.torn = !file_.latch(slot).Read(&copy.seq, [&](const Word* record) {
    LoadWords(words, record, kRecordHeaderWords);
    copy.header = UnpackHeader(words);
    copy.length = copy.header.length < capacity ? copy.header.length : capacity;
    copy.fits = WordsFor(copy.length) * 8 <= room;
    if (copy.fits) LoadWords(reinterpret_cast<uint64_t*>(payload), record + kRecordHeaderWords, WordsFor(copy.length));
  });
  if (copy.torn) {
    copy.header = {};
    copy.length = 0;
  }
  return copy;
}

bool Board::IsSane(const RecordCopy& copy) const noexcept {
  const RecordHeader& h = copy.header;
  return h.length == copy.length && h.kind <= static_cast<uint8_t>(RecordKind::kClosed) && h.encoding < kEncodings;
}

// Nobody has the slot, or somebody is just claiming it. Whom the cursor knows is gone in any case;
// the entry speaks of that owner, because the next one, whose epoch may be there already, is to
// be told of when it has introduced itself.
Board::Look Board::LookAtFree(uint32_t slot, const ScanRequest& request, ScanResult* result) {
  if (request.cursor == nullptr || slot >= request.cursor_slots) return Look::kNothing;
  const double known = request.cursor[slot].epoch;
  if (!(known >= 1 && known <= static_cast<double>(kMaxExact))) return Look::kNothing;
  ScanEntry& entry = request.entries[result->entries];
  entry = {};
  entry.slot = slot;
  entry.epoch = known;
  entry.offset = Exact(result->payload_bytes);  // empty, and in order: the last entry ends the payload
  const bool died = EndedByDeath(slot, static_cast<uint64_t>(known));
  entry.verdict = static_cast<double>(died ? Verdict::kDied : Verdict::kClosed);
  const uint64_t ending = file_.control(slot)->ending.load(std::memory_order_relaxed);
  if (died) entry.ending = EndingOf(ending, static_cast<uint64_t>(known));
  return Look::kEntry;
}

// The next slot, from `slot` on, where something differs from what the reader knows. All that a
// poll of an idle board does: two words and a watch for each slot, and no call.
uint32_t Board::SkipUnchanged(uint32_t slot, uint32_t end, const ScanRequest& request) {
  constexpr uint32_t kAhead = 8;
  const uint32_t known_end = end < request.cursor_slots ? end : request.cursor_slots;
  const size_t stride = file_.geometry().slot_stride;
  const uint8_t* at = reinterpret_cast<const uint8_t*>(file_.control(slot));
  for (; slot < known_end; slot++, at += stride) {
    __builtin_prefetch(at + kAhead * stride);  // harmless where there is nothing
    const SlotControl* control = reinterpret_cast<const SlotControl*>(at);
    const CursorEntry& known = request.cursor[slot];
    const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
    if (known.epoch != Exact(epoch)) {
      if (epoch == 0 || known.epoch == -Exact(epoch)) continue;
      break;
    }
    const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
    const uint64_t seq = control->seq.load(std::memory_order_relaxed) & ~uint64_t{1};
    if (!owned || known.seq != Exact(seq)) break;
    const bool noted = control->ended_ns.load(std::memory_order_relaxed) != 0;
    if ((noted || !liveness_.IsWatchedAndAlive(slot, epoch)) && !OwnerLives(slot, epoch)) break;
  }
  return slot;
}

// The order matters: epoch, record, identity and lock, then the epoch once more. A claim raises
// the epoch before it takes the lock, so an unchanged epoch means that all of them belong together.
Board::Look Board::LookAt(uint32_t slot, int tries, const ScanRequest& request, ScanResult* result) {
  SlotControl* control = file_.control(slot);
  const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
  if (epoch == 0) return Look::kNothing;
  const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
  if (!owned) return LookAtFree(slot, request, result);

  RecordCopy copy =
      CopyRecord(slot, request.payload + result->payload_bytes, request.payload_bytes - result->payload_bytes);
  if (!copy.torn && !copy.fits) return Look::kNoRoom;
  const bool introduced = copy.torn || copy.header.epoch == epoch;
  // Until its first record says who owns the slot, the lock alone is asked: a claim may be half done.
  const bool alive = introduced ? OwnerLives(slot, epoch) : liveness_.HoldsLock(slot);
  if (!introduced && alive && BeingClaimed()) return Look::kNothing;
  // Keeps this second look behind the first. The lock was asked about with a system call, or is
  // known from the last Refresh, which was before all of this.
  // Acquire: with the owner's own epoch come its own words, with its interval the first beat.
  const bool has_heart = alive && control->heart_epoch.load(std::memory_order_acquire) == epoch;
  const uint32_t heart_every_ms = has_heart ? control->heart_every_ms.load(std::memory_order_acquire) : 0;
  const uint64_t heart_ns = heart_every_ms != 0 ? control->heart_ns.load(std::memory_order_relaxed) : 0;
  AcquireFence();
  if (control->epoch.load(std::memory_order_relaxed) != epoch) return Look::kAgain;
  // A good-bye between our copy and our question must not be told as a death.
  const bool moved = (control->seq.load(std::memory_order_relaxed) & ~uint64_t{1}) != copy.seq;
  if (!alive && !copy.torn && moved) return Look::kAgain;
  if (!introduced && alive && tries < 3) return Look::kAgain;

  // Killed after it had the slot and before its first record. What lies there is an older
  // owner's and not shown under the name of this one.
  const bool unborn = !introduced && !alive && copy.header.epoch < epoch;
  if (!introduced) {
    copy.header = {};
    copy.length = 0;
  }
  const bool sane = (introduced || unborn) && !copy.torn && IsSane(copy);
  const RecordHeader& h = copy.header;
  ScanEntry& entry = request.entries[result->entries];
  Verdict verdict = alive ? Verdict::kLive : Verdict::kDied;
  if (!sane) verdict = !alive ? Verdict::kBadDied : copy.torn ? Verdict::kBusy : Verdict::kBad;
  if (sane && h.kind == static_cast<uint8_t>(RecordKind::kClosed)) verdict = Verdict::kClosed;
  entry.slot = slot;
  entry.verdict = static_cast<double>(verdict);
  entry.epoch = Exact(epoch);
  entry.seq = Exact(copy.seq);
  entry.kind = h.kind;
  entry.encoding = h.encoding;
  entry.offset = Exact(result->payload_bytes);
  entry.length = copy.length;
  entry.updates = Exact(h.updates);
  entry.wall_ms = static_cast<double>(h.wall_ms);
  entry.monotonic_ns = Exact(h.monotonic_ns);
  entry.generation = Exact(h.generation);
  entry.whole_length = Exact(h.whole_length);
  entry.crc32c = h.crc32c;
  // After the lock was found free: what the owner noted before it let go is here by now.
  const bool ended = !alive && introduced;
  entry.ended_ns = ended ? Exact(EndedAt(control->ended_ns.load(std::memory_order_relaxed), h.monotonic_ns)) : 0;
  entry.ending = ended ? EndingOf(control->ending.load(std::memory_order_relaxed), epoch) : 0;
  entry.heart_ns = Exact(heart_ns);
  entry.heart_every_ms = heart_every_ms;
  result->payload_bytes += WordsFor(copy.length) * 8;
  return Look::kEntry;
}

// A scan steps from slot to slot by more than a page, where the processor does not follow by itself:
// most of its time would be spent waiting for the first line of each record.
inline void Board::Prefetch(uint32_t slot, uint32_t end) const noexcept {
  constexpr uint32_t kControlsAhead = 8, kRecordsAhead = 4;
  if (slot + kControlsAhead < end) __builtin_prefetch(file_.control(slot + kControlsAhead));
  if (slot + kRecordsAhead < end) file_.latch(slot + kRecordsAhead).Prefetch();
}

ScanResult Board::Scan(const ScanRequest& request) {
  ScanResult result;
  const uint32_t used = file_.high_water();
  const uint32_t end = request.to_slot < used ? request.to_slot : used;
  for (uint32_t slot = request.from_slot; slot < end; slot++) {
    if (request.cursor != nullptr) slot = SkipUnchanged(slot, end, request);
    if (slot >= end) break;
    if (result.entries == request.max_entries) return result;
    Prefetch(slot, end);
    // A slot changes owners a few times at most while we look; a hostile one could do it for ever.
    Look look = Look::kAgain;
    for (int tries = 0; tries < 100 && look == Look::kAgain; tries++) look = LookAt(slot, tries, request, &result);
    if (look == Look::kNoRoom) return result;
    if (look == Look::kEntry) result.entries++;
  }
  result.complete = true;
  return result;
}

void Board::AddGauges(double* sums) {
  const uint32_t used = file_.high_water();
  for (uint32_t slot = 0; slot < used; slot++) {
    SlotControl* control = file_.control(slot);
    const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
    const bool owned = control->state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::kOwned);
    if (epoch == 0 || !owned || SaidGoodbye(slot, epoch) || !OwnerLives(slot, epoch)) continue;
    for (uint32_t i = 0; i < file_.geometry().counter_count; i++) {
      if (file_.names()[i].kind != static_cast<uint8_t>(CounterKind::kGauge)) continue;
      sums[i] += CounterValue(file_.counters(slot)[i].load(std::memory_order_relaxed));
    }
  }
}

}  // namespace rollcall
