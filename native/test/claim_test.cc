// Claiming and releasing slots: who gets one, and what others see meanwhile.

#include <sched.h>

#include <cstring>
#include <thread>

#include "../core/latch.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kOwned = static_cast<uint32_t>(SlotState::kOwned);

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

#ifdef __linux__
TEST("what the claim words of a large board say gives no living worker's slot away, and loses none") {
  const auto world = World::Large(8);
  auto living = world->Open();
  CHECK_OK(Claim(*living, "living"));
  for (const uint32_t word : {0u, 1u, 2u, 3u, 0xffffffffu}) {
    std::vector<std::unique_ptr<Board>> boards;
    for (uint32_t i = 0; i < 7; i++) {
      for (uint32_t slot = 0; slot < 8; slot++) living->file().claim_words()[slot].store(word);
      boards.push_back(world->Open());
      Claimed claimed;
      CHECK_OK(Claim(*boards.back(), std::to_string(i), &claimed));
      CHECK(claimed.slot != living->slot());
    }
    auto late = world->Open();
    CHECK_CODE(Claim(*late, "late"), Code::kBoardFull);
    CHECK_EQ(ScanAll(*late).size(), 8u);
    for (auto& board : boards) board->Release();
  }
}
#endif

TEST("a claim is refused on a board whose name leads elsewhere by now") {
  World world(2);
  auto board = world.Open();
  CHECK(rename(world.scratch.board().c_str(), world.scratch.Path("old").c_str()) == 0);
  CHECK_CODE(Claim(*board, "a"), Code::kReplaced);
  CHECK_OK(BoardFile::Create(world.scratch.Plan(2, 64)));
  CHECK_CODE(Claim(*board, "a"), Code::kReplaced);
  CHECK(!board->has_slot());
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
