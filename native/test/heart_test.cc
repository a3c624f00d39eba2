// Hearts: who has one, whose it is, and what a beat does.

#include <time.h>
#include <unistd.h>

#include "../core/platform.h"
#include "../core/process.h"
#include "fixture.h"
#include "seam.h"

namespace rollcall::test {
namespace {

void SleepMs(int ms) {
  const timespec t = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&t, nullptr);
}

TEST("an owner has no heart until it starts one, and then one that has just beaten") {
  World world(2);
  auto worker = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*worker, "w"));
  reader->liveness().Refresh();
  CHECK_EQ(ScanAll(*reader)[0].numbers.heart_every_ms, 0);
  HeartEntry hearts[2];
  CHECK_EQ(reader->ReadHearts(hearts, 2), 1u);
  CHECK_EQ(hearts[0].epoch, 0);

  const uint64_t before = CoarseMonotonicNs();
  worker->StartHeart(1000);

  const std::vector<Seen> seen = ScanAll(*reader);
  CHECK_EQ(seen[0].numbers.heart_every_ms, 1000);
  CHECK(seen[0].numbers.heart_ns >= static_cast<double>(before));
  CHECK_EQ(reader->ReadHearts(hearts, 2), 1u);
  CHECK_EQ(hearts[0].epoch, 1);
  CHECK_EQ(hearts[0].heart_ns, seen[0].numbers.heart_ns);
}

TEST("a beat moves the heart, and nothing else that a reader compares") {
  World world(1);
  auto worker = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*worker, "w"));
  worker->StartHeart(1000);
  reader->liveness().Refresh();
  const Seen before = ScanAll(*reader)[0];
  SleepMs(10);

  worker->NoteSigusr1(true);
  CHECK(!worker->Beat());

  const Seen after = ScanAll(*reader)[0];
  CHECK(after.numbers.heart_ns > before.numbers.heart_ns);
  CHECK_EQ(after.numbers.seq, before.numbers.seq);
  Inspection inspection;
  CHECK(reader->ReadInspection(0, 1, &inspection));
  CHECK(inspection.handles_sigusr1);
  CHECK_EQ(inspection.kernel_thread, KernelThread());
}

TEST("the next owner has nothing of the heart before it, nor has one that knows no hearts") {
  World world(1);
  auto first = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*first, "a"));
  first->StartHeart(7);
  first->NoteSigusr1(true);
  CHECK(first->NoteInspection(0, 1, 1));
  first->Abandon({});
  auto next = world.Open();
  CHECK_OK(Claim(*next, "b"));

  reader->liveness().Refresh();
  CHECK_EQ(ScanAll(*reader)[0].numbers.heart_every_ms, 0);
  Inspection inspection;
  CHECK(!reader->ReadInspection(0, 1, &inspection));
  CHECK(reader->ReadInspection(0, 2, &inspection));
  CHECK(!inspection.handles_sigusr1 && inspection.inspected_ns == 0);

  // What a program of 1.0 leaves: an epoch of its own, and these words as they were.
  next->StartHeart(7);
  next->file().control(0)->heart_epoch.store(1, std::memory_order_relaxed);
  CHECK_EQ(ScanAll(*reader)[0].numbers.heart_every_ms, 0);
  CHECK(!reader->ReadInspection(0, 2, &inspection));
}

TEST("an owner is told of an inspection that has not ended in time, until it is over") {
  World world(1);
  auto worker = world.Open(), other = world.Open();
  CHECK_OK(Claim(*worker, "w"));
  worker->StartHeart(1000);
  CHECK(other->NoteInspection(0, 1, CoarseMonotonicNs() + 60000000000u));
  CHECK(!worker->Beat());

  CHECK(other->NoteInspection(0, 1, 1));

  CHECK(worker->Beat());
  CHECK(worker->Beat());
  worker->EndInspection();
  CHECK(!worker->Beat());
  CHECK(!other->NoteInspection(0, 2, 1));
}

TEST("a beat that comes late wakes whoever watches") {
  World world(1);
  auto worker = world.Open();
  CHECK_OK(Claim(*worker, "w"));
  worker->StartHeart(1);
  SharedArea* shared = worker->file().shared();
  const auto announce = [&] { shared->deadline.value.store(CoarseMonotonicNs() + 60000000000u); };

  worker->StartHeart(60000);
  announce();
  worker->Beat();
  const uint32_t quiet = shared->wake.value.load();
  worker->StartHeart(1);
  SleepMs(20);
  worker->Beat();

  CHECK_EQ(shared->wake.value.load(), quiet + 1);
}

TEST("a signal reaches the process that was meant, and no other of its pid") {
  ProcessStat self;
  CHECK_OK(ReadProcess(static_cast<uint32_t>(getpid()), 0, &self));
  CHECK_EQ(self.start_ticks, ProcessStart());
  CHECK(self.rss_bytes > 100000 && self.threads >= 1);

  CHECK_OK(SignalProcess(static_cast<uint32_t>(getpid()), self.start_ticks, 0));
  CHECK_CODE(SignalProcess(static_cast<uint32_t>(getpid()), self.start_ticks + 1, 0), Code::kGone);
  CHECK_CODE(SignalProcess(0, 0, 0), Code::kGone);
  CHECK_CODE(SignalProcess(4294967295u, 0, 0), Code::kGone);

  system_calls.pidfd_signal_error = EPERM;  // a sandbox that denies the call
  const Status by_kill = SignalProcess(static_cast<uint32_t>(getpid()), self.start_ticks, 0);
  const Status other = SignalProcess(static_cast<uint32_t>(getpid()), self.start_ticks + 1, 0);
  system_calls.pidfd_signal_error = 0;
  CHECK_OK(by_kill);
  CHECK_CODE(other, Code::kGone);
}

}  // namespace
}  // namespace rollcall::test
