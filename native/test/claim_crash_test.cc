// Slots whose owners were killed: what is told of them, and that none is lost, wherever the kill landed.

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "../core/platform.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

// A child that claims, says so, and waits to be killed.
struct Worker {
  Worker(const World& world, const std::string& id) {
    child = std::make_unique<Child>([&] {
      auto board = world.Open();
      Claimed claimed;
      CHECK_OK(Claim(*board, id, &claimed));
      PublishBytes(*board, 'w', 5);
      place->slot = static_cast<int>(claimed.slot);
      for (;;) pause();
    });
    CHECK(Eventually([&] { return place->slot >= 0; }));
  }
  struct Place {
    std::atomic<int> slot{-1};
  };
  Shared<Place> place;
  std::unique_ptr<Child> child;
};

// All slots can be had at once, each by exactly one, and given back.
void CheckEverySlotIsClaimable(const World& world) {
  std::vector<std::unique_ptr<Board>> boards;
  std::vector<bool> taken(world.Open()->file().geometry().slot_count, false);
  for (size_t i = 0; i < taken.size(); i++) {
    boards.push_back(world.Open());
    Claimed claimed;
    CHECK_OK(Claim(*boards[i], "id" + std::to_string(i), &claimed));
    CHECK(!taken[claimed.slot]);
    taken[claimed.slot] = true;
  }
  auto late = world.Open();
  CHECK_CODE(Claim(*late, "late"), Code::kBoardFull);
  const std::vector<Seen> seen = ScanAll(*late);
  CHECK_EQ(seen.size(), taken.size());
  for (const Seen& one : seen) {
    CHECK_EQ(one.verdict(), Verdict::kLive);
    CHECK_EQ(one.payload, "");
    CHECK_EQ(one.numbers.updates, 0);
  }
}

PROCESS_TEST("a dead worker is reported with its last status, retired once, and its slot used again") {
  World world(1);
  auto reader = world.Open(), next = world.Open();
  Worker worker(world, "worker");
  CHECK_CODE(Claim(*next, "next"), Code::kBoardFull);
  CHECK(RetireAll(*reader).empty());
  CHECK_EQ(ScanAll(*reader).at(0).verdict(), Verdict::kLive);

  worker.child->Signal(SIGKILL);
  worker.child->WaitForZombie();

  const std::vector<Seen> seen = ScanAll(*reader);
  CHECK_EQ(seen.size(), 1u);
  CHECK_EQ(seen[0].verdict(), Verdict::kDied);
  CHECK_EQ(seen[0].payload, "wwwww");
  Claimed claimed;
  CHECK_OK(Claim(*next, "worker", &claimed));
  CHECK(claimed.slot == 0 && claimed.epoch == 2 && claimed.ended_epoch == 1);
  CHECK(RetireAll(*reader).empty());
  CHECK(reader->EndedByDeath(0, 1));
}

PROCESS_TEST("cleaning retires the dead and the closed, tells how each ended, and spares the living") {
  World world(4);
  auto cleaner = world.Open(), closed = world.Open();
  Worker living(world, "living"), dying(world, "dying");
  CHECK_OK(Claim(*closed, "closed"));
  const uint32_t closed_slot = closed->slot();
  closed->Release();
  dying.child->Kill();

  const std::vector<Retired> retired = RetireAll(*cleaner);

  CHECK_EQ(retired.size(), 2u);
  CHECK(cleaner->EndedByDeath(static_cast<uint32_t>(dying.place->slot.load()), 1));
  CHECK(!cleaner->EndedByDeath(closed_slot, 1));
  const std::vector<Seen> seen = ScanAll(*cleaner);
  CHECK_EQ(seen.size(), 1u);
  CHECK_EQ(seen[0].verdict(), Verdict::kLive);
  CHECK(RetireAll(*cleaner).empty());
}

PROCESS_TEST("how an owner ended is known for 63 owners back, and taken for death beyond that") {
  World world(1);
  auto board = world.Open(), reader = world.Open(true);
  std::vector<bool> died = {false};
  for (uint64_t epoch = 1; epoch <= 80; epoch++) {
    died.push_back(RandomBetween(0, 3) == 0);
    if (died.back()) {
      Worker worker(world, "a");
      worker.child->Kill();
    } else {
      CHECK_OK(Claim(*board, "a"));
      board->Release();
    }
    for (uint64_t e = epoch > 63 ? epoch - 63 : 1; e <= epoch; e++) CHECK_EQ(reader->EndedByDeath(0, e), bool{died[e]});
    if (epoch > 64) CHECK(reader->EndedByDeath(0, epoch - 64));
  }
}

// What a claimer that was killed between two of its stores has left, made by hand: `stores` of
// them were done. The lock is free, as the kernel leaves it.
void LeaveHalfAClaim(Board& board, int stores) {
  SlotControl* control = board.file().control(0);
  const uint64_t epoch = control->epoch.load() + 1;
  if (stores >= 1) control->epoch.store(epoch);
  if (stores >= 2) {
    Identity identity = {};
    identity.pid = static_cast<uint32_t>(getpid());
    identity.pid_namespace = PidNamespace();
    identity.id_bytes = 4;
    memcpy(identity.id, "half", 4);
    uint64_t words[kIdentityWords];
    memcpy(words, &identity, sizeof identity);
    StoreWords(board.file().identity(0), words, kIdentityWords);
  }
  if (stores >= 3) control->state.store(static_cast<uint32_t>(SlotState::kOwned));
  if (stores >= 4) control->seq.fetch_add(1);
}

TEST("a claim that a kill cut short shows nothing of the owner before, and its slot is free") {
  for (int stores = 0; stores <= 4; stores++) {
    for (const bool retired : {false, true}) {
      World world(1);
      auto board = world.Open(), reader = world.Open();
      CHECK_OK(Claim(*board, "before"));
      PublishBytes(*board, 'x', 40);
      board->Release();
      if (retired || stores > 0) RetireAll(*reader);  // no claim goes on before that is done
      LeaveHalfAClaim(*board, stores);

      for (const Seen& one : ScanAll(*reader)) {
        if (one.numbers.epoch == 1) continue;
        CHECK_EQ(one.verdict(), Verdict::kDied);
        CHECK_EQ(one.payload, "");
        CHECK_EQ(one.numbers.updates, 0);
        CHECK_EQ(one.numbers.kind, static_cast<double>(RecordKind::kNone));
        CHECK_EQ(one.numbers.generation, 0);
      }
      Claimed claimed;
      CHECK_OK(Claim(*board, "half", &claimed));
      CHECK(claimed.epoch == 2u + (stores > 0));
      CHECK_EQ(ScanAll(*reader).at(0).verdict(), Verdict::kLive);
    }
  }
}

struct Arena {
  std::atomic<uint64_t> claims{0};
  std::atomic<uint64_t> doubles{0};
  std::atomic<uint64_t> owner[8] = {};
};

// Claims and releases for ever, and notices when somebody else believes to own the same slot.
void ClaimAgainAndAgain(const World& world, Arena& arena) {
  auto board = world.Open();
  const std::string id = std::to_string(getpid());
  for (uint64_t turn = 1;; turn++) {
    Claimed claimed;
    const Status status = board->TryClaim(id.data(), static_cast<uint32_t>(id.size()), 0, &claimed);
    if (!status.ok()) {
      CHECK(status.code == Code::kBusy || status.code == Code::kBoardFull);
      continue;
    }
    const uint64_t mark = static_cast<uint64_t>(getpid()) << 32 | turn;
    arena.owner[claimed.slot].store(mark);
    PublishBytes(*board, static_cast<uint8_t>(turn), static_cast<uint32_t>(turn % 65));
    if (turn % 3 == 0) sched_yield();
    if (arena.owner[claimed.slot].load() != mark) arena.doubles++;
    arena.claims++;
    board->Release();
  }
}

void KillClaimersAgainAndAgain(const World& world) {
  Shared<Arena> arena;
  auto cleaner = world.Open(), reader = world.Open(true);
  for (int round = 0; round < 60; round++) {
    std::vector<std::unique_ptr<Child>> claimers;
    for (int i = 0; i < 4; i++) {
      claimers.push_back(std::make_unique<Child>([&] { ClaimAgainAndAgain(world, *arena); }));
    }
    const uint64_t before = arena->claims.load();
    CHECK(Eventually([&] { return arena->claims.load() > before + 3; }));
    DawdleRandomly();
    for (auto& claimer : claimers) claimer->Signal(SIGKILL);
    for (auto& claimer : claimers) claimer->Wait();

    for (const Seen& one : ScanAll(*reader)) CHECK(one.verdict() == Verdict::kDied || one.verdict() == Verdict::kClosed);
    if (round % 2 == 0) RetireAll(*cleaner);
    CheckEverySlotIsClaimable(world);
    CHECK_EQ(arena->doubles.load(), 0u);
  }
}

PROCESS_TEST("claimers killed at any instruction lose no slot and never share one") {
  KillClaimersAgainAndAgain(World(3));
}

#ifdef __linux__
PROCESS_TEST("claimers of a large board killed at any instruction lose no slot and never share one") {
  KillClaimersAgainAndAgain(*World::Large(3));
}

PROCESS_TEST("on a large board, too, a successor of the same id gets the slot of the dead") {
  const auto world = World::Large(200);
  std::vector<std::unique_ptr<Board>> others;
  for (int i = 0; i < 70; i++) {
    others.push_back(world->Open());
    CHECK_OK(Claim(*others.back(), std::to_string(i)));
  }
  Worker worker(*world, "worker");
  auto next = world->Open();
  CHECK_CODE(Claim(*next, "worker"), Code::kIdInUse);
  others[3]->Release();
  worker.child->Signal(SIGKILL);
  worker.child->WaitForZombie();

  Claimed claimed;
  CHECK_OK(Claim(*next, "worker", &claimed));

  CHECK(claimed.slot == 70 && claimed.ended_epoch == 1);
  CHECK_OK(Claim(*others[3], "again", &claimed));
  CHECK(claimed.slot == 3 && claimed.epoch == 2);
}
#endif

}  // namespace
}  // namespace rollcall::test
