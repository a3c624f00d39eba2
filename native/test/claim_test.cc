// Claiming, releasing and retiring slots: who gets one, and what a kill leaves.

#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "../core/latch.h"
#include "../core/platform.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kOwned = static_cast<uint32_t>(SlotState::kOwned);

std::vector<uint32_t> AllSlots(const Board& board) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < board.file().geometry().slot_count; slot++) slots.push_back(slot);
  return slots;
}

// Waits while somebody else claims or cleans.
std::vector<Retired> RetireAll(Board& board) {
  std::vector<Retired> retired;
  CHECK(Eventually([&] { return board.TryRetire(AllSlots(board), &retired).code != Code::kBusy; }));
  return retired;
}

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

TEST("an id that a living worker has cannot be had again, one that was given back can") {
  World world(4);
  auto first = world.Open(), second = world.Open();
  CHECK_OK(Claim(*first, "web"));

  CHECK_CODE(Claim(*second, "web"), Code::kIdInUse);
  CHECK(!second->has_slot());
  CHECK_OK(Claim(*second, "we"));
  second->Release();
  CHECK_OK(Claim(*second, "web2"));
  second->Release();
  first->Release();
  CHECK_OK(Claim(*second, "web"));
  CHECK_EQ(second->slot(), 0u);
}

TEST("a board is full when every slot belongs to the living, and not before") {
  World world(3);
  std::vector<std::unique_ptr<Board>> boards;
  for (int i = 0; i < 3; i++) {
    boards.push_back(world.Open());
    CHECK_OK(Claim(*boards.back(), std::to_string(i)));
  }
  auto late = world.Open();
  const int before = CountDescriptors();

  CHECK_CODE(Claim(*late, "late"), Code::kBoardFull);
  CHECK_EQ(CountDescriptors(), before);
  boards[1]->Release();
  Claimed claimed;
  CHECK_OK(Claim(*late, "late", &claimed));
  CHECK(claimed.slot == 1 && claimed.epoch == 2);
}

TEST("each owner of a slot has an epoch of its own, and no epoch comes twice") {
  World world(1);
  auto board = world.Open();
  for (uint64_t epoch = 1; epoch <= 200; epoch++) {
    Claimed claimed;
    CHECK_OK(Claim(*board, "a", &claimed));
    CHECK_EQ(claimed.epoch, epoch);
    CHECK_EQ(board->epoch(), epoch);
    board->Release();
  }
}

TEST("a new owner's slot shows none of the bytes of the one before") {
  World world(1);
  auto board = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*board, "old"));
  PublishBytes(*board, 'x', 64);
  PublishBytes(*board, 'x', 64);
  board->Release();
  CHECK_OK(Claim(*board, "new"));

  const std::vector<Seen> seen = ScanAll(*reader);

  CHECK_EQ(seen.size(), 1u);
  CHECK_EQ(seen[0].verdict(), Verdict::kLive);
  CHECK_EQ(seen[0].numbers.kind, static_cast<double>(RecordKind::kNone));
  CHECK_EQ(seen[0].payload, "");
  Identity identity;
  CHECK_OK(reader->ReadIdentity(0, 2, &identity));
  CHECK_EQ(std::string(identity.id, identity.id_bytes), "new");
  CHECK_CODE(reader->ReadIdentity(0, 1, &identity), Code::kGone);
}

TEST("a slot whose counts a hostile file has worn out is left alone, the others serve") {
  for (const bool epoch : {true, false}) {
    for (const uint64_t value : {kMaxExact, UINT64_MAX - 1, UINT64_MAX}) {
      World world(2);
      auto board = world.Open(), reader = world.Open(true);
      SlotControl* control = board->file().control(0);
      (epoch ? control->epoch : control->seq).store(value);

      Claimed claimed;
      CHECK_OK(Claim(*board, "a", &claimed));

      CHECK(claimed.slot == 1 && claimed.epoch == 1);
      CHECK_EQ(ScanAll(*reader).size(), 1u);
      CHECK_EQ((epoch ? control->epoch : control->seq).load(), value);
    }
  }
}

TEST("a claim is refused on a board whose name leads elsewhere by now") {
  World world(2);
  auto board = world.Open();
  CHECK(rename(world.scratch.board().c_str(), world.scratch.Path("old").c_str()) == 0);
  CHECK_CODE(Claim(*board, "a"), Code::kReplaced);
  CHECK_OK(BoardFile::Create(world.scratch.Plan(2, 64)));
  CHECK_CODE(Claim(*board, "a"), Code::kReplaced);
  CHECK(!board->has_slot());
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

// --- killed claimers

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
  if (stores >= 3) control->state.store(kOwned);
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

PROCESS_TEST("claimers killed at any instruction lose no slot and never share one") {
  World world(3);
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

PROCESS_TEST("of two processes that claim the same id at once exactly one gets it") {
  World world(8);
  struct Race {
    std::atomic<int> ready{0}, won{0}, in_use{0}, go{0};
  };
  for (int round = 0; round < 40; round++) {
    Shared<Race> race;
    std::vector<std::unique_ptr<Child>> claimers;
    for (int i = 0; i < 2; i++) {
      claimers.push_back(std::make_unique<Child>([&] {
        auto board = world.Open();
        race->ready++;
        while (race->go == 0) sched_yield();
        const Code code = Claim(*board, "same").code;
        if (code == Code::kOk) race->won++;
        if (code == Code::kIdInUse) race->in_use++;
        while (race->won + race->in_use < 2) sched_yield();
      }));
    }
    CHECK(Eventually([&] { return race->ready == 2; }));
    race->go = 1;
    for (auto& claimer : claimers) CHECK_EQ(claimer->Wait(), 0);
    CHECK_EQ(race->won.load(), 1);
    CHECK_EQ(race->in_use.load(), 1);
  }
}

// --- cursors

TEST("a cursor that met a slot in the middle of a claim does not lose the new owner") {
  World world(1);
  auto board = world.Open(), reader = world.Open();
  CHECK_OK(Claim(*board, "before"));
  std::vector<CursorEntry> cursor(1);
  const auto follow = [&] {
    const std::vector<Seen> news = ScanAll(*reader, &cursor);
    for (const Seen& one : news) {
      const bool live = one.verdict() == Verdict::kLive;
      cursor[0] = {live ? one.numbers.epoch : -one.numbers.epoch, one.numbers.seq};
    }
    return news;
  };
  CHECK_EQ(follow().at(0).verdict(), Verdict::kLive);
  CHECK(follow().empty());
  board->Release();
  RetireAll(*reader);
  LeaveHalfAClaim(*board, 1);  // as far as a claimer may be when the reader comes by

  const std::vector<Seen> gone = follow();
  CHECK_EQ(gone.size(), 1u);
  CHECK_EQ(gone[0].verdict(), Verdict::kClosed);  // it is "before" that ended
  CHECK_EQ(gone[0].numbers.epoch, 1);
  CHECK(follow().empty());

  // The claimer goes on: same epoch.
  reader->file().control(0)->epoch.store(1);
  CHECK_OK(Claim(*board, "after"));
  const std::vector<Seen> come = follow();
  CHECK_EQ(come.size(), 1u);
  CHECK_EQ(come[0].verdict(), Verdict::kLive);
  CHECK_EQ(come[0].numbers.epoch, 2);
}

TEST("a cursor tells of each change once: new, updated, gone") {
  World world(4);
  auto a = world.Open(), b = world.Open(), reader = world.Open();
  std::vector<CursorEntry> cursor(4);
  const auto follow = [&] {
    const std::vector<Seen> news = ScanAll(*reader, &cursor);
    for (const Seen& one : news) {
      const bool live = one.verdict() == Verdict::kLive;
      cursor[static_cast<size_t>(one.numbers.slot)] = {live ? one.numbers.epoch : -one.numbers.epoch, one.numbers.seq};
    }
    return news;
  };
  CHECK_OK(Claim(*a, "a"));
  CHECK_OK(Claim(*b, "b"));
  CHECK_EQ(follow().size(), 2u);
  CHECK(follow().empty());
  PublishBytes(*b, 'b', 3);
  PublishBytes(*b, 'c', 3);
  const std::vector<Seen> updated = follow();
  CHECK_EQ(updated.size(), 1u);
  CHECK(updated[0].numbers.slot == 1 && updated[0].numbers.updates == 2 && updated[0].payload == "ccc");
  a->Release();
  const std::vector<Seen> gone = follow();
  CHECK_EQ(gone.size(), 1u);
  CHECK_EQ(gone[0].verdict(), Verdict::kClosed);
  CHECK(follow().empty());
  RetireAll(*reader);
  CHECK(follow().empty());
  CHECK_OK(Claim(*a, "a"));
  CHECK_EQ(follow().size(), 1u);
}

// --- one mapping, several threads: what ThreadSanitizer can watch

TEST("an identity is whole as soon as its epoch is owned, while owners come and go") {
  World world(2);
  auto board = world.Open();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; i++) {
    readers.emplace_back([&] {
      while (!stop) {
        const uint64_t epoch = board->file().control(0)->epoch.load(std::memory_order_acquire);
        const bool owned = board->file().control(0)->state.load(std::memory_order_acquire) == kOwned;
        Identity identity;
        if (epoch == 0 || !owned || !board->ReadIdentity(0, epoch, &identity).ok()) continue;
        // An owned slot of an unchanged epoch has the identity of that epoch.
        if (std::string(identity.id, identity.id_bytes) != "owner" + std::to_string(epoch)) wrong++;
      }
    });
  }
  for (uint64_t epoch = 1; epoch <= 1500; epoch++) {
    CHECK_OK(Claim(*board, "owner" + std::to_string(epoch)));
    PublishBytes(*board, 'x', 8);
    board->Release();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST("an owner that closed is never told as dead while the next one comes") {
  World world(1);
  auto board = world.Open();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, asked{0};
  std::thread reader([&] {
    while (!stop) {
      uint64_t seq, words[kRecordHeaderWords];
      RecordHeader record;
      const Latch latch = board->file().latch(0);
      if (!latch.Read(&seq, [&](const Word* buffer) { LoadWords(words, buffer, kRecordHeaderWords); })) continue;
      memcpy(&record, words, sizeof record);
      if (record.kind != static_cast<uint8_t>(RecordKind::kClosed)) continue;
      asked++;
      const bool died = board->EndedByDeath(0, record.epoch);
      const uint64_t now = board->file().control(0)->epoch.load(std::memory_order_acquire);
      if (died && now - record.epoch < 64) wrong++;
    }
  });
  for (int i = 0; i < 4000; i++) {
    CHECK_OK(Claim(*board, "a"));
    board->Release();
  }
  stop = true;
  reader.join();
  CHECK(asked > 0);
  CHECK_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace rollcall::test
