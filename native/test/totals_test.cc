// Totals: exact, and never less than before, whoever is killed while folding.

#include <signal.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "../core/latch.h"
#include "../core/totals.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kCounters = 3;  // two counters and a gauge

void Add(Board& board, uint32_t counter, double amount) {
  Word& word = board.file().counters(board.slot())[counter];
  const double value = CounterValue(word.load(std::memory_order_relaxed)) + amount;
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  word.store(bits, kWordStore);
}

double TotalOf(const Board& board, uint32_t counter = 0) {
  double totals[kCounters];
  CHECK(ReadTotals(board.file(), totals));
  return totals[counter];
}

TEST("totals count living, closed and retired owners once, and gauges not at all") {
  World world(2, 64, kCounters);
  auto a = world.Open(), b = world.Open(), reader = world.Open();
  CHECK_EQ(TotalOf(*reader), 0);
  CHECK_OK(Claim(*a, "a"));
  CHECK_OK(Claim(*b, "b"));
  Add(*a, 0, 5);
  Add(*b, 0, 7);
  Add(*b, 1, 1);
  Add(*a, 2, 100);
  CHECK_EQ(TotalOf(*reader, 0), 12);
  CHECK_EQ(TotalOf(*reader, 1), 1);
  CHECK_EQ(TotalOf(*reader, 2), 0);
  double gauges[kCounters] = {};
  reader->liveness().Refresh();
  reader->AddGauges(gauges);
  CHECK(gauges[2] == 100 && gauges[0] == 0);

  a->Release();
  CHECK_EQ(TotalOf(*reader), 12);
  double after[kCounters] = {};
  reader->AddGauges(after);
  CHECK_EQ(after[2], 0);
  RetireAll(*reader);
  CHECK_EQ(TotalOf(*reader), 12);
  CHECK_OK(Claim(*a, "a"));
  CHECK_EQ(TotalOf(*reader), 12);
  CHECK_EQ(a->file().counters(a->slot())[0].load(), 0u);
  Add(*a, 0, 1);
  CHECK_EQ(TotalOf(*reader), 13);
}

TEST("counters are told as their owner's or not at all, while the next one comes") {
  World world(1, 64, kCounters);
  auto a = world.Open(), reader = world.Open();
  CHECK_OK(Claim(*a, "a"));
  Add(*a, 0, 5);
  double seen[kCounters] = {};
  CHECK_OK(reader->ReadCounters(0, 1, seen));
  CHECK_EQ(seen[0], 5);

  a->Release();
  CHECK_OK(reader->ReadCounters(0, 1, seen));
  CHECK_EQ(seen[0], 5);
  RetireAll(*reader);
  // As far as the next claim comes before it raises the epoch.
  ClearCounters(reader->file(), 0);

  CHECK(reader->ReadCounters(0, 1, seen).code == Code::kGone);
  CHECK_OK(Claim(*a, "a"));
  CHECK(reader->ReadCounters(0, 1, seen).code == Code::kGone);
  CHECK_OK(reader->ReadCounters(0, 2, seen));
  CHECK_EQ(seen[0], 0);
}

TEST("a counter that is no number counts as nothing and spoils nothing") {
  World world(2, 64, kCounters);
  auto a = world.Open(), b = world.Open();
  CHECK_OK(Claim(*a, "a"));
  CHECK_OK(Claim(*b, "b"));
  Add(*b, 0, 3);
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    uint64_t bits;
    memcpy(&bits, &bad, sizeof bits);
    a->file().counters(a->slot())[0].store(bits);
    CHECK_EQ(TotalOf(*b), 3);
    a->Release();
    RetireAll(*b);
    CHECK_EQ(TotalOf(*b), 3);
    CHECK_OK(Claim(*a, "a"));
  }
}

TEST("a fold that a kill cut short before its mark is counted once, and the next folder completes it") {
  World world(2, 64, kCounters);
  auto a = world.Open(), b = world.Open();
  CHECK_OK(Claim(*a, "a"));
  CHECK_OK(Claim(*b, "b"));
  Add(*a, 0, 5);
  Add(*b, 0, 7);
  a->Release();
  b->Release();
  FoldCounters(a->file(), 0);
  // As if the folder had been killed after it published and before it marked the slot.
  a->file().control(0)->folded_epoch.store(0);
  CHECK_EQ(TotalOf(*a), 12);

  FoldCounters(a->file(), 1);

  CHECK_EQ(a->file().control(0)->folded_epoch.load(), 1u);
  CHECK_EQ(TotalOf(*a), 12);
  FoldCounters(a->file(), 0);
  FoldCounters(a->file(), 1);
  CHECK_EQ(TotalOf(*a), 12);
}

TEST("retired totals that name a slot which is not there harm nobody") {
  World world(1, 64, kCounters);
  auto a = world.Open();
  const uint64_t record[] = {uint64_t{1} << 40, 1, 0, 0, 0};
  a->file().retired_latch().Publish(record, 5);
  CHECK_OK(Claim(*a, "a"));
  Add(*a, 0, 2);
  a->Release();
  RetireAll(*a);
  CHECK_EQ(TotalOf(*a), 2);
}

TEST("totals are exact and never go backwards while owners come, count, and are folded") {
  World world(2, 64, kCounters);
  auto board = world.Open();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, busy{0};
  std::atomic<double> counted{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; i++) {
    readers.emplace_back([&] {
      double last = 0;
      while (!stop) {
        double totals[kCounters];
        const double at_least = counted.load();
        if (!ReadTotals(board->file(), totals)) {
          busy++;
          continue;
        }
        if (totals[0] < last || totals[0] < at_least) wrong++;
        last = totals[0];
      }
    });
  }
  double sum = 0;
  for (int i = 1; i <= 2000; i++) {
    CHECK_OK(Claim(*board, "a"));
    for (int k = 0; k < 3; k++) {
      Add(*board, 0, i);
      sum += i;
      counted = sum;
    }
    board->Release();
    if (i % 2 == 0) RetireAll(*board);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK_EQ(wrong.load(), 0);
  CHECK_EQ(busy.load(), 0);
  CHECK_EQ(TotalOf(*board), sum);
}

PROCESS_TEST("totals stay exact while cleaners are SIGKILLed at any instruction") {
  World world(3, 64, kCounters);
  auto reader = world.Open(true);
  std::vector<std::unique_ptr<Board>> workers;
  for (int i = 0; i < 3; i++) workers.push_back(world.Open());
  struct Progress {
    std::atomic<uint64_t> rounds{0};
  };
  Shared<Progress> progress;
  double sum = 0;
  for (int round = 0; round < 100; round++) {
    Child cleaner([&] {
      auto board = world.Open();
      for (;;) {
        std::vector<Retired> retired;
        (void)board->TryRetire(AllSlots(*board), &retired);
        progress->rounds++;
      }
    });
    const uint64_t before = progress->rounds.load();
    CHECK(Eventually([&] { return progress->rounds.load() > before; }));
    for (int turn = 0; turn < 15; turn++) {
      Board& worker = *workers[RandomBetween(0, workers.size() - 1)];
      if (worker.has_slot()) {
        worker.Release();
      } else {
        CHECK_OK(Claim(worker, std::to_string(turn) + "." + std::to_string(round)));
        for (uint64_t i = RandomBetween(1, 3); i > 0; i--) {
          const double amount = static_cast<double>(RandomBetween(1, 1000));
          Add(worker, 0, amount);
          sum += amount;
        }
      }
      CHECK_EQ(TotalOf(*reader), sum);
    }
    cleaner.Kill();
    CHECK_EQ(TotalOf(*reader), sum);
  }
}

PROCESS_TEST("what killed workers had counted is in the totals, exactly") {
  World world(3, 64, kCounters);
  auto reader = world.Open(), cleaner = world.Open();
  // Said before and after each count: the word itself says which of the two is true.
  struct Counted {
    std::atomic<uint64_t> before{0}, after{0};
  };
  Shared<Counted> counted;
  double at_least = 0, at_most = 0, total = 0;
  for (int round = 0; round < 60; round++) {
    counted->before = 0;
    counted->after = 0;
    Child worker([&] {
      auto board = world.Open();
      CHECK_OK(Claim(*board, "worker"));
      for (;;) {
        counted->before++;
        Add(*board, 0, 1);
        counted->after++;
      }
    });
    CHECK(Eventually([&] { return counted->after > 10; }));
    DawdleRandomly();
    worker.Kill();
    at_least = total + static_cast<double>(counted->after.load());
    at_most = total + static_cast<double>(counted->before.load());

    total = TotalOf(*reader);
    CHECK(total >= at_least && total <= at_most);
    if (round % 2 == 0) RetireAll(*cleaner);
    CHECK_EQ(TotalOf(*reader), total);
  }
}

}  // namespace
}  // namespace rollcall::test
