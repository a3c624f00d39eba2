// Who is alive: what a pidfd sees, what it cannot see, and what happens where there is none.

#include "../core/liveness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "../core/latch.h"
#include "../core/platform.h"
#include "fixture.h"
#include "seam.h"

namespace rollcall::test {
namespace {

// A child that claims, says so, and then does `next`.
struct Worker {
  struct Place {
    std::atomic<int> slot{-1};
  };
  Shared<Place> place;
  std::unique_ptr<Child> child;

  explicit Worker(const World& world, const std::function<void(std::unique_ptr<Board>&)>& next = {}) {
    child = std::make_unique<Child>([&] {
      auto board = world.Open();
      Claimed claimed;
      CHECK_OK(Claim(*board, std::to_string(getpid()), &claimed));
      PublishBytes(*board, 'w', 5);
      place->slot = static_cast<int>(claimed.slot);
      if (next) next(board);
      for (;;) pause();
    });
    CHECK(Eventually([&] { return place->slot >= 0; }));
  }
  uint32_t slot() const { return static_cast<uint32_t>(place->slot.load()); }
};

// What a scan says of a slot now.
Verdict VerdictOn(Board& reader, uint32_t slot) {
  for (const Seen& one : ScanAll(reader)) {
    if (one.numbers.slot == slot) return one.verdict();
  }
  Fail(__FILE__, __LINE__, "the slot is not in the scan");
}

long PidfdOpens() { return system_calls.pidfd_opens; }

#ifdef __linux__

PROCESS_TEST("a death is seen through the pidfd at once, and told by the descriptor") {
  World world(4);
  auto reader = world.Open(true);
  Worker worker(world);
  CHECK_EQ(VerdictOn(*reader, worker.slot()), Verdict::kLive);
  const long opened = PidfdOpens();
  CHECK_EQ(VerdictOn(*reader, worker.slot()), Verdict::kLive);
  CHECK_EQ(PidfdOpens(), opened);  // watched: nothing more to open
  CHECK(!reader->liveness().Refresh());

  worker.child->Signal(SIGKILL);
  worker.child->WaitForZombie();

  pollfd poll_for = {reader->liveness().descriptor(), POLLIN, 0};
  CHECK_EQ(poll(&poll_for, 1, 60000), 1);
  CHECK(reader->liveness().Refresh());
  CHECK_EQ(VerdictOn(*reader, worker.slot()), Verdict::kDied);
  CHECK_EQ(poll(&poll_for, 1, 0), 0);
}

PROCESS_TEST("all slots of one process die with it, and each can be lost alone before") {
  World world(3);
  auto reader = world.Open(true);
  Shared<std::atomic<int>> lose;
  Worker worker(world, [&](std::unique_ptr<Board>& first) {
    auto second = world.Open(), third = world.Open();
    CHECK_OK(Claim(*second, "second"));
    CHECK_OK(Claim(*third, "third"));
    *lose = 1;
    while (*lose == 1) sched_yield();
    first.reset();  // no good-bye
    *lose = 3;
    for (;;) pause();
  });
  CHECK(Eventually([&] { return *lose == 1; }));
  for (uint32_t slot = 0; slot < 3; slot++) CHECK_EQ(VerdictOn(*reader, slot), Verdict::kLive);

  *lose = 2;

  // The process lives, so only the probe of the lock can tell, in its turn.
  CHECK(Eventually([&] { return VerdictOn(*reader, 0) == Verdict::kDied; }));
  CHECK_EQ(VerdictOn(*reader, 1), Verdict::kLive);
  CHECK_EQ(VerdictOn(*reader, 2), Verdict::kLive);
  worker.child->Kill();
  for (uint32_t slot = 0; slot < 3; slot++) CHECK_EQ(VerdictOn(*reader, slot), Verdict::kDied);
}

PROCESS_TEST("an owner that becomes another program by exec is noticed as lost") {
  World world(1);
  auto reader = world.Open(true);
  Shared<std::atomic<int>> go;
  Worker worker(world, [&](std::unique_ptr<Board>&) {
    while (*go == 0) sched_yield();
    execl("/proc/self/exe", "test", "--pause", static_cast<char*>(nullptr));
    Fail(__FILE__, __LINE__, "exec failed");
  });
  CHECK_EQ(VerdictOn(*reader, 0), Verdict::kLive);

  *go = 1;

  CHECK(Eventually([&] { return VerdictOn(*reader, 0) == Verdict::kDied; }));
  CHECK_EQ(kill(worker.child->pid(), 0), 0);
}

// Rewrites a worker's identity through the documented format.
void Forge(const World& world, uint32_t slot, uint32_t pid, uint64_t pid_namespace) {
  auto board = world.Open();
  Word* words = board->file().identity(slot);
  Identity identity;
  uint64_t copy[kIdentityWords];
  LoadWords(copy, words, kIdentityWords);
  memcpy(&identity, copy, sizeof identity);
  identity.pid = pid;
  identity.pid_namespace = pid_namespace;
  memcpy(copy, &identity, sizeof identity);
  StoreWords(words, copy, kIdentityWords);
}

PROCESS_TEST("an owner in another pid namespace is judged by its lock, whoever has its number here") {
  World world(1);
  auto reader = world.Open(true);
  Worker worker(world);
  // Number 1 of a container. Ours is somebody else, and alive.
  Forge(world, 0, static_cast<uint32_t>(getpid()), PidNamespace() + 1);
  const long before = PidfdOpens();

  CHECK_EQ(VerdictOn(*reader, 0), Verdict::kLive);
  worker.child->Kill();
  CHECK_EQ(VerdictOn(*reader, 0), Verdict::kDied);

  CHECK_EQ(PidfdOpens(), before);
}

PROCESS_TEST("a dead owner stays dead when its pid is somebody else's by now") {
  World world(1);
  Worker worker(world);
  worker.child->Kill();
  Forge(world, 0, static_cast<uint32_t>(getpid()), PidNamespace());
  auto reader = world.Open(true);
  for (int i = 0; i < 3; i++) CHECK_EQ(VerdictOn(*reader, 0), Verdict::kDied);
}

PROCESS_TEST("senseless pids are judged by the lock") {
  for (const uint32_t pid : {0u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
    World world(1);
    auto reader = world.Open(true);
    Worker worker(world);
    Forge(world, 0, pid, PidNamespace());
    CHECK_EQ(VerdictOn(*reader, 0), Verdict::kLive);
    worker.child->Kill();
    CHECK_EQ(VerdictOn(*reader, 0), Verdict::kDied);
  }
}

PROCESS_TEST("where a pidfd cannot be had, locks are asked instead") {
  const int usual = system_calls.pidfd_error;
  for (const int error : {ENOSYS, EPERM, EMFILE, ENOMEM}) {
    World world(2);
    auto reader = world.Open(true);
    Worker dying(world), living(world);
    system_calls.pidfd_error = error;
    const Verdict before = VerdictOn(*reader, dying.slot());
    dying.child->Kill();
    const Verdict dead = VerdictOn(*reader, dying.slot()), alive = VerdictOn(*reader, living.slot());
    system_calls.pidfd_error = usual;
    CHECK_EQ(before, Verdict::kLive);
    CHECK_EQ(dead, Verdict::kDied);
    CHECK_EQ(alive, Verdict::kLive);
  }
}

PROCESS_TEST("a reader that has no descriptors left still tells the living from the dead") {
  World world(2);
  Worker dying(world), living(world);
  struct Talk {
    std::atomic<int> step{0};
  };
  Shared<Talk> talk;
  Child child([&] {
    auto reader = world.Open(true);
    ExhaustDescriptors();
    CHECK_EQ(VerdictOn(*reader, dying.slot()), Verdict::kLive);
    CHECK_EQ(reader->liveness().descriptor(), -1);
    talk->step = 1;
    while (talk->step == 1) sched_yield();
    CHECK_EQ(VerdictOn(*reader, dying.slot()), Verdict::kDied);
    CHECK_EQ(VerdictOn(*reader, living.slot()), Verdict::kLive);
  });
  CHECK(Eventually([&] { return talk->step == 1; }));
  dying.child->Kill();
  talk->step = 2;
  CHECK_EQ(child.Wait(), 0);
}

PROCESS_TEST("readers leave a quarter of the descriptors to the program around them, and see everybody") {
  constexpr int kWorkers = 24;
  World world(kWorkers);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kWorkers; i++) workers.push_back(std::make_unique<Worker>(world));
  Child child([&] {
    LimitDescriptors(64);
    std::vector<decltype(world.Open(true))> readers;
    for (int i = 0; i < 3; i++) {
      readers.push_back(world.Open(true));
      for (const auto& worker : workers) CHECK_EQ(VerdictOn(*readers.back(), worker->slot()), Verdict::kLive);
    }
    CHECK(CountDescriptors() > 40);  // some are watched
    for (int i = 0; i < 10; i++) CHECK(open("/dev/null", O_RDONLY) >= 0);
  });
  CHECK_EQ(child.Wait(), 0);
}

PROCESS_TEST("watching costs one descriptor a process, and none stays behind") {
  World world(8);
  const int before = CountDescriptors();
  {
    auto reader = world.Open(true);
    for (int round = 0; round < 10; round++) {
      Worker a(world), b(world);
      CHECK_EQ(VerdictOn(*reader, a.slot()), Verdict::kLive);
      CHECK_EQ(VerdictOn(*reader, b.slot()), Verdict::kLive);
      CHECK_EQ(CountDescriptors(), before + 4);  // the board, the set, two processes
      a.child->Kill();
      b.child->Kill();
      reader->liveness().Refresh();
      CHECK_EQ(CountDescriptors(), before + 2);
    }
    Worker last(world);
    VerdictOn(*reader, last.slot());
    reader->liveness().Reset();
    CHECK_EQ(CountDescriptors(), before + 1);
    CHECK_EQ(VerdictOn(*reader, last.slot()), Verdict::kLive);
  }
  CHECK_EQ(CountDescriptors(), before);
}

PROCESS_TEST("a fork that holds copies of the pidfds does not make the reader hang on the dead") {
  constexpr uint32_t kMany = 66;  // more than one epoll_wait reports
  World world(kMany);
  auto reader = world.Open(true);
  std::vector<std::unique_ptr<Worker>> workers;
  for (uint32_t i = 0; i < kMany; i++) workers.push_back(std::make_unique<Worker>(world));
  for (const Seen& one : ScanAll(*reader)) CHECK_EQ(one.verdict(), Verdict::kLive);
  Child holder([] {
    for (;;) pause();
  });
  for (auto& worker : workers) worker->child->Kill();

  CHECK(reader->liveness().Refresh());

  for (const Seen& one : ScanAll(*reader)) CHECK_EQ(one.verdict(), Verdict::kDied);
  pollfd poll_for = {reader->liveness().descriptor(), POLLIN, 0};
  CHECK_EQ(poll(&poll_for, 1, 0), 0);
}

#endif

}  // namespace
}  // namespace rollcall::test
