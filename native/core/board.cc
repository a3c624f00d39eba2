#include "board.h"

#include <unistd.h>

#include <cstring>

#include "claim_index.h"
#include "platform.h"
#include "process.h"
#include "totals.h"
#include "wake.h"

namespace rollcall {
namespace {

constexpr uint64_t kNameCheckNs = 1000000000;

// So many owners a claim looks after, for their ends. With more of them the claims take turns.
constexpr uint32_t kNotedAtOnce = 128;

// A full board is searched for owners who have lost their locks. That costs the longer the more locks there are, under
// the claim byte; so on a large board a claim asks about some locks, from anywhere on, and whoever comes again and again
// spends a fiftieth of its time on it.
constexpr uint32_t kLocksAtLeast = 16;
constexpr uint64_t kMostSearchNs = 1000000;
constexpr uint64_t kSearchShare = 50;
constexpr uint32_t kSearchedAlways = 64;

// No owner would ever count that far, but a hostile file can: epoch + 1 could be 0, which means
// "never owned", and readers could not tell one sequence number from the next.
bool IsWornOut(const SlotControl& control) {
  return control.epoch.load(std::memory_order_relaxed) >= kMaxExact ||
         control.seq.load(std::memory_order_relaxed) >= kMaxExact;
}

// Whether processes of our pid namespace have ended, for a walk over slots: those of one process often lie
// side by side, and the kernel is asked once about each.
class EndedProcesses {
 public:
  bool Has(const Identity& owner) {
    if (owner.pid_namespace != pid_namespace_ || owner.pid_namespace == 0 || owner.pid == 0) return false;
    if (owner.pid != pid_) {
      pid_ = owner.pid;
      ended_ = IsGone(pid_);
    }
    return ended_;
  }

 private:
  const uint64_t pid_namespace_ = PidNamespace();
  uint32_t pid_ = static_cast<uint32_t>(getpid());
  bool ended_ = false;
};

}  // namespace

void Board::Ready() {
  staging_.assign(kRecordHeaderWords + WordsFor(file_.geometry().inline_bytes) + 1, 0);
}

// --- claiming, all of it under the claim lock

Status Board::TryClaim(const char* id, uint32_t id_bytes, uint32_t thread_id, Claimed* out,
                       const ClaimTerms& terms) {
  if (IsStillFull(id, id_bytes)) return Status::Of(Code::kBoardFull);
  // Everything that can fail for want of a descriptor or of memory comes before the first change.
  Status status = lock_.Prepare(file_.path().c_str(), file_.device(), file_.inode());
  if (status.ok()) status = TryLock(file_.fd(), kClaimByte);
  if (status.ok()) {
    status = Claim(id, id_bytes, thread_id, out, terms);
    Unlock(file_.fd(), kClaimByte);
  }
  if (status.ok()) {
    lock_.Settle();
  } else {
    lock_.Release();
  }
  return status;
}

// Large boards only, and without any lock, each of which takes longer there than this: it was full when we last searched
// it, and by its claim words nothing is free since, nor anybody's of this id. They are read as hints: who frees
// a slot right now is seen the next time.
bool Board::IsStillFull(const char* id, uint32_t id_bytes) const noexcept {
  if (!file_.geometry().large || MonotonicNs() >= full_until_ns_) return false;
  const ClaimIndex index(file_);
  const uint32_t hash = ClaimIndex::HashOf(id, id_bytes);
  for (uint32_t slot = 0; slot < file_.geometry().slot_count; slot++) {
    if (index.MayBeFree(slot) || index.MayBeOf(slot, hash)) return false;
  }
  return true;
}

Status Board::Claim(const char* id, uint32_t id_bytes, uint32_t thread_id, Claimed* out, const ClaimTerms& terms) {
  // A board that was replaced while we waited must not get new workers.
  Status status = file_.CheckName();
  if (!status.ok()) return status;
  uint32_t predecessor = kMaxSlots;
  if (HasLivingOwner(id, id_bytes, &predecessor)) return Status::Of(Code::kIdInUse);
  NoteSomeEnds();
  status = predecessor < kMaxSlots ? TakeSlot(predecessor, out) : Status::Of(Code::kInUse);
  if (status.code == Code::kInUse) status = TakeFreeSlot(out, terms.dead_for_ns);
  if (!status.ok()) return status;
  slot_ = out->slot;
  epoch_ = out->epoch;
  updates_ = 0;
  own_latch_ = file_.latch(slot_);
  staging_[1] = epoch_;
  staging_[4] = 0;  // no overflow file yet
  ReadWallClock();
  Introduce(id, id_bytes, thread_id, terms.keeps_status);
  return Status::Ok();
}

bool Board::IsOwned(uint32_t slot) const noexcept {
  return file_.control(slot)->state.load(std::memory_order_relaxed) == static_cast<uint32_t>(SlotState::kOwned);
}

bool Board::HasLivingOwner(const char* id, uint32_t id_bytes, uint32_t* predecessor) {
  const uint32_t used = file_.high_water();
  const ClaimIndex index(file_);
  const uint32_t hash = ClaimIndex::HashOf(id, id_bytes);
  for (uint32_t slot = 0; slot < used; slot++) {
    if (!index.MayBeOf(slot, hash) || !IsOwned(slot)) continue;
    Identity identity;
    const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_acquire);
    if (!ReadIdentity(slot, epoch, &identity).ok()) continue;
    if (identity.id_bytes != id_bytes || memcmp(identity.id, id, id_bytes) != 0) continue;
    if (!SaidGoodbye(slot, epoch) && liveness_.HoldsLock(slot)) return true;
    *predecessor = slot;
  }
  return false;
}

// Notes the end of those whose processes are there no more: readers write nothing, and without a note nobody could say
// for how long somebody has been dead. Claims of one moment look at the same owners, those of the next at others.
void Board::NoteSomeEnds() {
  const uint32_t used = file_.high_water();
  if (used == 0) return;
  const uint64_t turn = CoarseMonotonicNs() / 4000000;
  const uint32_t from = used <= kNotedAtOnce ? 0 : static_cast<uint32_t>(turn * kNotedAtOnce % used);
  const uint32_t count = used <= kNotedAtOnce ? used : kNotedAtOnce;
  EndedProcesses ended;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t slot = (from + i) % used;
    if (!IsOwned(slot)) continue;
    Identity identity;
    const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_acquire);
    if (!ReadIdentity(slot, epoch, &identity).ok() || !ended.Has(identity)) continue;
    const bool alive = !SaidGoodbye(slot, epoch) && liveness_.HoldsLock(slot);
    if (!alive && EndedNs(slot, epoch) == 0) NoteEnd(slot, epoch, {});
  }
}

Status Board::TakeFreeSlot(Claimed* out, uint64_t dead_for_ns) {
  const uint32_t count = file_.geometry().slot_count;
  const uint32_t used = file_.high_water();
  const ClaimIndex index(file_);
  for (uint32_t slot = 0; slot < count; slot++) {
    if (!index.MayBeFree(slot)) continue;
    if (slot < used && IsOwned(slot)) {
      const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_relaxed);
      if (!SaidGoodbye(slot, epoch) && !IsLongDead(slot, dead_for_ns)) continue;
    }
    const Status status = TakeSlot(slot, out);
    if (status.code != Code::kInUse) return status;
  }
  return TakeDeadSlot(out);
}

// None is free by its own word. First those whose processes are gone, for which nobody has to ask for a lock; then, by
// their locks, zombies and slots that a living process has lost.
Status Board::TakeDeadSlot(Claimed* out) {
  const uint32_t count = file_.geometry().slot_count;
  if (MonotonicNs() < full_until_ns_) return Status::Of(Code::kBoardFull);
  // The time of the processor: to have been interrupted is no reason to look less often.
  const uint64_t started = ThreadCpuNs();
  EndedProcesses ended;
  for (uint32_t slot = 0; slot < file_.high_water(); slot++) {
    Identity identity;
    const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_acquire);
    if (!ReadIdentity(slot, epoch, &identity).ok() || !ended.Has(identity)) continue;
    const Status status = TakeSlot(slot, out);
    if (status.code != Code::kInUse) return status;
  }
  const bool large = file_.geometry().large;
  const uint32_t from = large ? static_cast<uint32_t>(MonotonicNs() / 1000 % count) : 0;
  for (uint32_t i = 0; i < count; i++) {
    const Status status = TakeSlot((from + i) % count, out);
    if (status.code != Code::kInUse) return status;
    if (large && i >= kLocksAtLeast && ThreadCpuNs() - started > kMostSearchNs) break;
  }
  if (count > kSearchedAlways) full_until_ns_ = MonotonicNs() + kSearchShare * (ThreadCpuNs() - started);
  return Status::Of(Code::kBoardFull);
}

// kInUse: somebody holds this slot's lock, or nobody can use it any more.
Status Board::TakeSlot(uint32_t slot, Claimed* out) {
  SlotControl* control = file_.control(slot);
  // Where nobody has ever been nobody is asked for: with ten thousand locks each question costs a quarter of a claim.
  if (slot < file_.high_water() && liveness_.HoldsLock(slot)) return Status::Of(Code::kInUse);
  const Status reserved = file_.ReserveSlot(slot);
  if (!reserved.ok()) return reserved;
  if (IsWornOut(*control)) return Status::Of(Code::kInUse);
  if (IsOwned(slot) && IsKept(slot, control->epoch.load(std::memory_order_relaxed))) return Status::Of(Code::kInUse);
  *out = {};
  Retired ended;
  if (Retire(slot, &ended)) {
    out->ended_epoch = ended.epoch;
    out->ended_generation = ended.generation;
  }
  if (file_.high_water() <= slot) {
    // Before the epoch and the state, which are released later: whoever has heard of the new owner finds
    // its slot below the mark. Release here costs nothing and pairs with high_water().
    file_.shared()->high_water.value.store(slot + 1, std::memory_order_release);
  }
  ClearCounters(file_, slot);
  control->ended_ns.store(0, std::memory_order_relaxed);  // comes with the epoch, as the counters do
  const uint64_t epoch = control->epoch.load(std::memory_order_relaxed) + 1;
  // The epoch first, then the lock: whoever finds the lock held and the old epoch unchanged
  // afterwards has seen the old owner's lock. What keeps that order is the kernel, which guards its
  // list of locks with a lock of its own; release, which this includes, is for ReadTotals: who sees
  // this epoch sees the cleared counters. Killed in between, we leave a free slot.
  control->epoch.store(epoch, std::memory_order_seq_cst);
  const Status taken = lock_.Take(file_.lock_byte(slot));
  if (taken.code == Code::kBusy) return Status::Of(Code::kInUse);
  if (!taken.ok()) return taken;
  out->slot = slot;
  out->epoch = epoch;
  return Status::Ok();
}

void Board::Introduce(const char* id, uint32_t id_bytes, uint32_t thread_id, bool keeps_status) {
  Identity identity = {};
  identity.pid = static_cast<uint32_t>(getpid());
  identity.thread_id = thread_id;
  identity.process_start = ProcessStart();
  identity.pid_namespace = PidNamespace();
  identity.claimed_wall_ms = CoarseWallMs();
  identity.uid = static_cast<uint32_t>(geteuid());
  identity.id_bytes = id_bytes;
  memcpy(identity.id, id, id_bytes);
  uint64_t words[kIdentityWords];
  memcpy(words, &identity, sizeof identity);
  // A reader that copied any of these words must see the new epoch when it looks again.
  ReleaseFence();
  StoreWords(file_.identity(slot_), words, kIdentityWords);

  SlotControl* control = file_.control(slot_);
  // Relaxed, as all of this line but what is said below: only holders of the claim lock ask for it.
  if (keeps_status) control->kept_epoch.store(epoch_, std::memory_order_relaxed);
  control->heart_every_ms.store(0, std::memory_order_relaxed);
  control->inspected_ns.store(0, std::memory_order_relaxed);
  control->handles_sigusr1.store(0, std::memory_order_relaxed);
  control->kernel_thread.store(KernelThread(), std::memory_order_relaxed);
  // Release: whoever sees that the heart is this owner's sees none of the words of the owner before.
  control->heart_epoch.store(epoch_, std::memory_order_release);
  // Release: whoever sees this epoch owned sees its whole identity. Until here a kill leaves a
  // free slot, from here on a dead worker that never published: the record is an older owner's.
  control->state.store(static_cast<uint32_t>(SlotState::kOwned), std::memory_order_release);
  // Last: killed before, we are a dead worker whose slot looks free. Claims see that it is not, and cleaners retire us.
  ClaimIndex(file_).SetOwner(slot_, ClaimIndex::HashOf(id, id_bytes));
  (void)Publish(RecordKind::kNone, Encoding::kUtf8, 0);
}

// --- retiring, under the claim lock too

bool Board::SaidGoodbye(uint32_t slot, uint64_t epoch) const noexcept {
  RecordHeader record;
  return ReadRecordHeader(slot, &record) && record.epoch == epoch &&
         record.kind == static_cast<uint8_t>(RecordKind::kClosed);
}

bool Board::IsKept(uint32_t slot, uint64_t epoch) const noexcept {
  return file_.control(slot)->kept_epoch.load(std::memory_order_relaxed) == epoch && !SaidGoodbye(slot, epoch);
}

// When the owner of `epoch` was seen to have ended; 0: nobody has noted it, or it has never published.
uint64_t Board::EndedNs(uint32_t slot, uint64_t epoch) const noexcept {
  RecordHeader record;
  if (!ReadRecordHeader(slot, &record) || record.epoch != epoch) return 0;
  return EndedAt(file_.control(slot)->ended_ns.load(std::memory_order_relaxed), record.monotonic_ns);
}

bool Board::IsLongDead(uint32_t slot, uint64_t dead_for_ns) const noexcept {
  const SlotControl* control = file_.control(slot);
  if (control->ended_ns.load(std::memory_order_relaxed) == 0) return false;
  const uint64_t ended = EndedNs(slot, control->epoch.load(std::memory_order_relaxed));
  const uint64_t now = CoarseMonotonicNs();
  return ended != 0 && now >= ended && now - ended >= dead_for_ns;
}

// REQUIRES: we are that owner, or it is dead and we have the claim lock. Two stores, each of which means
// something without the other. Whoever finds the owner dead by its lock sees what it had noted before: the
// kernel's own lock orders that, as it does for the epoch (TakeSlot).
void Board::NoteEnd(uint32_t slot, uint64_t epoch, Ending how) noexcept {
  SlotControl* control = file_.control(slot);
  if (how.kind != EndKind::kUnknown) control->ending.store(PackEnding(epoch, how), std::memory_order_relaxed);
  control->ended_ns.store(CoarseMonotonicNs(), std::memory_order_relaxed);
  ClaimIndex(file_).SetState(slot, ClaimIndex::kEnded);
}

Status Board::TryNoteEnd(uint32_t pid, Ending how, uint32_t* slots) {
  Status status = TryLock(file_.fd(), kClaimByte);
  if (!status.ok()) return status;
  const uint64_t pid_namespace = PidNamespace();
  const uint32_t used = file_.high_water();
  for (uint32_t slot = 0; slot < used; slot++) {
    Identity identity;
    const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_acquire);
    if (!IsOwned(slot) || !ReadIdentity(slot, epoch, &identity).ok()) continue;
    if (identity.pid != pid || identity.pid_namespace != pid_namespace) continue;
    if (SaidGoodbye(slot, epoch) || liveness_.HoldsLock(slot)) continue;
    const uint64_t said = file_.control(slot)->ending.load(std::memory_order_relaxed);
    if (EndingOf(said, epoch) == 0) NoteEnd(slot, epoch, how);
    (*slots)++;
  }
  Unlock(file_.fd(), kClaimByte);
  return Status::Ok();
}

// Each step may be the last and may be done twice: fold, note how it ended, then mark it free.
// REQUIRES: nobody holds the slot's lock; it stays so, because claims need the claim lock.
bool Board::Retire(uint32_t slot, Retired* out) noexcept {
  SlotControl* control = file_.control(slot);
  if (control->state.load(std::memory_order_relaxed) != static_cast<uint32_t>(SlotState::kOwned)) return false;
  const uint64_t epoch = control->epoch.load(std::memory_order_relaxed);
  RecordHeader record = {};
  const bool closed = SaidGoodbye(slot, epoch);
  const bool known = ReadRecordHeader(slot, &record) && record.epoch == epoch;
  FoldCounters(file_, slot);

  const uint64_t bit = uint64_t{1} << (epoch % 64);
  const uint64_t ends = control->ends.load(std::memory_order_relaxed);
  control->ends.store(closed ? ends & ~bit : ends | bit, std::memory_order_relaxed);
  ClaimIndex(file_).SetState(slot, ClaimIndex::kFree);  // before it is: killed in between, it looks so and is looked at
  // Release: whoever sees the slot free sees how its owner ended.
  const SlotState state = closed ? SlotState::kClosed : SlotState::kDied;
  control->state.store(static_cast<uint32_t>(state), std::memory_order_release);
  *out = {slot, epoch, known ? record.generation : 0};
  return true;
}

Status Board::TryRetire(const std::vector<uint32_t>& slots, std::vector<Retired>* out, Kept kept) {
  Status status = TryLock(file_.fd(), kClaimByte);
  if (!status.ok()) return status;
  for (const uint32_t slot : slots) {
    if (slot >= file_.geometry().slot_count || (has_slot() && slot == slot_)) continue;
    const uint64_t epoch = file_.control(slot)->epoch.load(std::memory_order_relaxed);
    if (kept == Kept::kSpare && IsKept(slot, epoch)) continue;
    Retired retired;
    if (!liveness_.HoldsLock(slot) && Retire(slot, &retired)) out->push_back(retired);
  }
  Unlock(file_.fd(), kClaimByte);
  return Status::Ok();
}

// --- publishing

// Every nanosecond here is paid by every update, so what stays the same for an owner is prepared when
// it claims: its latch, and the epoch in the staged header.
uint64_t Board::PublishStaged(const RecordHead& head) noexcept {
  const uint64_t now = CoarseMonotonicNs();
  uint64_t* words = staging_.data();
  words[0] = head.Pack();
  words[2] = static_cast<uint64_t>(wall_at_boot_ms_) + now / 1000000;
  words[3] = now;
  words[5] = head.whole_length;
  words[6] = head.crc32c;
  words[7] = updates_;
  own_latch_.Publish(words, kRecordHeaderWords + WordsFor(head.length));
  WakeWaiters(file_.shared(), now);
  return now;
}

Status Board::Publish(RecordKind kind, Encoding encoding, uint32_t length) noexcept {
  if (kind == RecordKind::kInline) updates_++;
  return CheckNameSometimes(PublishStaged({length, kind, encoding, length, 0}));
}

Status Board::PublishOverflow(Encoding encoding, uint32_t preview_length, uint64_t generation, uint64_t whole_length,
                              uint32_t crc32c) noexcept {
  staging_[4] = generation;
  updates_++;
  return CheckNameSometimes(PublishStaged({preview_length, RecordKind::kOverflow, encoding, whole_length, crc32c}));
}

void Board::StartHeart(uint32_t every_ms) noexcept {
  SlotControl* control = file_.control(slot_);
  control->heart_ns.store(CoarseMonotonicNs(), std::memory_order_relaxed);
  // Release: whoever sees that there is a heart sees its first beat.
  control->heart_every_ms.store(every_ms, std::memory_order_release);
}

// Relaxed, for each word says all that it says by itself; nothing is read because of a beat.
bool Board::Beat() noexcept {
  SlotControl* control = file_.control(slot_);
  const uint64_t now = CoarseMonotonicNs();
  const uint64_t before = control->heart_ns.load(std::memory_order_relaxed);
  const uint64_t every_ns = uint64_t{control->heart_every_ms.load(std::memory_order_relaxed)} * 1000000;
  control->heart_ns.store(now, std::memory_order_relaxed);
  // Somebody may watch it for being blocked, and would not hear of its coming back otherwise.
  if (now - before >= 2 * every_ns) WakeWaiters(file_.shared(), now);
  const uint64_t inspected = control->inspected_ns.load(std::memory_order_relaxed);
  return inspected != 0 && inspected <= now;
}

void Board::EndInspection() noexcept { file_.control(slot_)->inspected_ns.store(0, std::memory_order_relaxed); }

void Board::NoteSigusr1(bool handles) noexcept {
  file_.control(slot_)->handles_sigusr1.store(handles ? 1 : 0, std::memory_order_relaxed);
}

void Board::Release() noexcept {
  if (!has_slot()) return;
  ClaimIndex(file_).SetState(slot_, ClaimIndex::kLeft);  // before it is, as in Retire
  (void)PublishStaged({0, RecordKind::kClosed, Encoding::kUtf8, 0, 0});
  lock_.Release();
}

void Board::Abandon(Ending how) noexcept {
  if (!has_slot()) return;
  NoteEnd(slot_, epoch_, how);
  lock_.Release();
  // Afterwards, so that who wakes finds the lock free.
  WakeWaiters(file_.shared(), CoarseMonotonicNs());
}

void Board::ReadWallClock() noexcept {
  wall_at_boot_ms_ = CoarseWallMs() - static_cast<int64_t>(CoarseMonotonicNs() / 1000000);
}

Status Board::CheckNameSometimes(uint64_t now_ns) noexcept {
  if (now_ns - name_checked_ns_ >= kNameCheckNs) {
    name_checked_ns_ = now_ns;
    ReadWallClock();
    replaced_ = file_.CheckName().code == Code::kReplaced;
  }
  return replaced_ ? Status::Of(Code::kReplaced) : Status::Ok();
}

}  // namespace rollcall
