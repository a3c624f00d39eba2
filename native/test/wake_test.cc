// Waking waiters: none sleeps through news, and one that was killed costs nobody anything.

#include "../core/wake.h"

#include <signal.h>

#include <chrono>
#include <thread>

#include "../core/platform.h"
#include "fixture.h"
#include "seam.h"

namespace rollcall::test {
namespace {

#ifdef __linux__

struct Table {
  SharedArea area;
  alignas(kLine) std::atomic<uint64_t> ping{0};
  alignas(kLine) std::atomic<uint64_t> pong{0};
};

// Waits until `news` is `wanted`. False: it was there and nobody ever changed the wake word.
bool WaitFor(Table& table, std::atomic<uint64_t>& news, uint64_t wanted) {
  const auto there = [&] { return news.load(std::memory_order_acquire) >= wanted; };
  for (;;) {
    if (there()) return true;
    const uint32_t seen = AnnounceWait(&table.area, kMaxWaitNs);
    if (there()) return true;
    (void)Sleep(&table.area, seen, kMaxWaitNs);
    // Woken by time, with news there: either the other one is just about to wake us, or it never
    // will. It waits for us now, so it has all the time it needs.
    const std::atomic<uint32_t>& wake = table.area.wake.value;
    if (there() && wake.load() == seen) return Eventually([&] { return wake.load() != seen; });
  }
}

void Tell(Table& table, std::atomic<uint64_t>& news, uint64_t value) {
  news.store(value, std::memory_order_release);
  WakeWaiters(&table.area, CoarseMonotonicNs());
}

bool Serve(Table& table, uint64_t turns) {
  for (uint64_t i = 1; i <= turns; i++) {
    Tell(table, table.ping, i);
    if (!WaitFor(table, table.pong, i)) return false;
  }
  return true;
}

bool Answer(Table& table, uint64_t turns) {
  for (uint64_t i = 1; i <= turns; i++) {
    if (!WaitFor(table, table.ping, i)) return false;
    Tell(table, table.pong, i);
  }
  return true;
}

// Each turn is two pieces of news.
constexpr uint64_t kProcessTurns = 50000, kThreadTurns = 15000;

TEST("two threads tell each other thirty thousand pieces of news and sleep through none") {
  auto table = std::make_unique<Table>();
  bool answered = false;
  std::thread other([&] { answered = Answer(*table, kThreadTurns); });
  const bool served = Serve(*table, kThreadTurns);
  other.join();
  CHECK(served && answered);
}

PROCESS_TEST("two processes tell each other a hundred thousand pieces of news and sleep through none") {
  Shared<Table> table;
  Child other([&] { CHECK(Answer(*table, kProcessTurns)); });
  CHECK(Serve(*table, kProcessTurns));
  CHECK_EQ(other.Wait(), 0);
}

// One look of a waiter beside one update of a writer, and nothing else: the instructions between
// which a wake-up can be lost are a few nanoseconds apart, and sleeping would hide them.
struct Glance {
  SharedArea area;
  alignas(kLine) std::atomic<uint64_t> news{0};
  alignas(kLine) std::atomic<uint64_t> started{0};
  alignas(kLine) std::atomic<uint64_t> told{0};
};

void SpinUntil(const std::atomic<uint64_t>& word, uint64_t value) {
  for (int spins = 1; word.load(std::memory_order_acquire) < value; spins++) {
    if (spins % 1000 == 0) sched_yield();  // the other one may need this processor
  }
}

TEST("a writer and a waiter that meet never overlook each other") {
  constexpr uint64_t kRounds = 200000;
  auto glance = std::make_unique<Glance>();
  std::thread writer([&] {
    for (uint64_t i = 1; i <= kRounds; i++) {
      SpinUntil(glance->started, i);
      glance->news.store(i, std::memory_order_release);
      WakeWaiters(&glance->area, 1);
      glance->told.store(i, std::memory_order_release);
    }
  });
  uint64_t lost = 0;
  for (uint64_t i = 1; i <= kRounds; i++) {
    glance->area.deadline.value = 0;
    glance->started.store(i, std::memory_order_release);
    // The other one hears of it after the time that a cache line takes to travel.
    for (uint64_t delay = i % 512; delay > 0; delay--) std::atomic_signal_fence(std::memory_order_seq_cst);
    const uint32_t seen = AnnounceWait(&glance->area, kMaxWaitNs);
    const bool saw = glance->news.load(std::memory_order_relaxed) == i;
    SpinUntil(glance->told, i);
    if (!saw && glance->area.wake.value == seen) lost++;
  }
  writer.join();
  CHECK_EQ(lost, 0u);
}

TEST("writers make no call while nobody waits") {
  World world(1);
  auto board = world.Open();
  CHECK_OK(Claim(*board, "a"));
  const long before = system_calls.futex_wakes;
  for (int i = 0; i < 1000; i++) PublishBytes(*board, 'x', 8);
  CHECK_EQ(system_calls.futex_wakes - before, 0);
}

PROCESS_TEST("a waiter that was SIGKILLed costs one call at most, and none after its deadline") {
  Shared<Table> table;
  SharedArea* area = &table->area;
  {
    Child waiter([&] {
      const uint32_t seen = AnnounceWait(area, kMaxWaitNs);
      for (;;) (void)Sleep(area, seen, kMaxWaitNs);
    });
    CHECK(Eventually([&] { return area->deadline.value.load() != 0; }));
    waiter.Kill();
  }
  const uint64_t deadline = area->deadline.value.load();
  CHECK(deadline <= CoarseMonotonicNs() + kMaxWaitNs);
  const long before = system_calls.futex_wakes;

  for (int i = 0; i < 1000; i++) WakeWaiters(area, deadline + static_cast<uint64_t>(i));
  CHECK_EQ(system_calls.futex_wakes - before, 0);
  CHECK_EQ(area->wake.value.load(), 0u);

  for (int i = 0; i < 1000; i++) WakeWaiters(area, deadline - 1);
  CHECK_EQ(system_calls.futex_wakes - before, 1);
  CHECK_EQ(area->wake.value.load(), 1u);
}

TEST("of many updates while somebody waits only the first makes a call, a good-bye too") {
  World world(1);
  auto board = world.Open();
  CHECK_OK(Claim(*board, "a"));
  AnnounceWait(board->file().shared(), kMaxWaitNs);
  const long before = system_calls.futex_wakes;
  for (int i = 0; i < 1000; i++) PublishBytes(*board, 'x', 8);
  CHECK_EQ(system_calls.futex_wakes - before, 1);
  AnnounceWait(board->file().shared(), kMaxWaitNs);
  board->Release();
  CHECK_EQ(system_calls.futex_wakes - before, 2);
}

TEST("an announcement is bounded, and a longer one of somebody else stays") {
  SharedArea area = {};
  AnnounceWait(&area, UINT64_MAX);
  const uint64_t longest = area.deadline.value.load();
  CHECK(longest <= CoarseMonotonicNs() + kMaxWaitNs);
  AnnounceWait(&area, 1);
  CHECK_EQ(area.deadline.value.load(), longest);
}

TEST("sleeping ends at once when the wake word has moved, and when the time is up") {
  SharedArea area = {};
  area.wake.value = 5;
  CHECK(Sleep(&area, 4, kMaxWaitNs));
  CHECK(Sleep(&area, 5, 1000));
}

TEST("where there is no futex, sleeping says so, and the caller polls") {
  SharedArea area = {};
  system_calls.futex_error = ENOSYS;
  const bool slept = Sleep(&area, 0, 1000);
  system_calls.futex_error = 0;
  CHECK(!slept);
}

#endif

}  // namespace
}  // namespace rollcall::test
