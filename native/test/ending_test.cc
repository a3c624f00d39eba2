// How owners end: what is told of it, for how long their slots stay theirs, and who follows them.

#include <signal.h>
#include <sys/file.h>

#include "../core/platform.h"
#include "../core/totals.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

Status ClaimOn(Board& board, const std::string& id, const ClaimTerms& terms, Claimed* claimed) {
  Status status = Status::Of(Code::kBusy);
  while (status.code == Code::kBusy) {
    status = board.TryClaim(id.data(), static_cast<uint32_t>(id.size()), 0, claimed, terms);
  }
  return status;
}

uint32_t Packed(EndKind kind, uint8_t value) { return static_cast<uint32_t>(kind) << 8 | value; }

TEST("an owner that gives up without a word has died, and its last status and its way of ending are told") {
  World world(2);
  auto worker = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*worker, "w"));
  PublishBytes(*worker, 'x', 5);
  const uint64_t before = CoarseMonotonicNs();

  worker->Abandon({EndKind::kExited, 7});

  CHECK(!worker->has_slot());
  reader->liveness().Refresh();
  const std::vector<Seen> seen = ScanAll(*reader);
  CHECK_EQ(seen.size(), 1u);
  CHECK(seen[0].verdict() == Verdict::kDied);
  CHECK(seen[0].payload == "xxxxx");
  CHECK_EQ(seen[0].numbers.ending, Packed(EndKind::kExited, 7));
  CHECK(seen[0].numbers.ended_ns >= static_cast<double>(before));
}

TEST("whoever watches a living process sees at once that one of its owners has let go") {
  World world(2);
  auto worker = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*worker, "w"));
  reader->liveness().Refresh();
  std::vector<CursorEntry> cursor(1);
  cursor[0] = {1, ScanAll(*reader)[0].numbers.seq};
  CHECK(ScanAll(*reader, &cursor).empty());

  worker->Abandon({EndKind::kTerminated, 0});

  const std::vector<Seen> seen = ScanAll(*reader, &cursor);
  CHECK_EQ(seen.size(), 1u);
  CHECK(seen[0].verdict() == Verdict::kDied);
}

TEST("who follows has nothing of how the owner before it ended") {
  World world(1);
  auto first = world.Open(), reader = world.Open(true);
  CHECK_OK(Claim(*first, "a"));
  first->Abandon({EndKind::kExited, 1});
  {
    Child killed([&] {
      auto next = world.Open();
      CHECK_OK(Claim(*next, "b"));
      raise(SIGKILL);
    });
    killed.Wait();
  }

  reader->liveness().Refresh();
  const std::vector<Seen> seen = ScanAll(*reader);
  CHECK_EQ(seen.size(), 1u);
  CHECK(seen[0].verdict() == Verdict::kDied);
  CHECK_EQ(seen[0].numbers.epoch, 2);
  CHECK_EQ(seen[0].numbers.ending, 0);
  CHECK_EQ(seen[0].numbers.ended_ns, 0);
}

TEST("a parent's word about how a process ended reaches all its dead slots, and no living or other one") {
  World world(4);
  auto parent = world.Open(), stranger = world.Open();
  CHECK_OK(Claim(*stranger, "stranger"));
  Child child([&] {
    auto one = world.Open(), two = world.Open();
    CHECK_OK(Claim(*one, "one"));
    CHECK_OK(Claim(*two, "two"));
    one->Abandon({EndKind::kExited, 3});
    raise(SIGTERM);
  });
  const pid_t pid = child.pid();
  child.Wait();

  uint32_t slots = 0;
  CHECK_OK(parent->TryNoteEnd(static_cast<uint32_t>(pid), {EndKind::kSignalled, SIGTERM}, &slots));
  CHECK_EQ(slots, 2u);
  slots = 0;
  CHECK_OK(parent->TryNoteEnd(static_cast<uint32_t>(getpid()), {EndKind::kExited, 0}, &slots));

  CHECK_EQ(slots, 0u);
  parent->liveness().Refresh();
  const std::vector<Seen> seen = ScanAll(*parent);
  CHECK_EQ(seen.size(), 3u);
  CHECK(seen[0].verdict() == Verdict::kLive);
  CHECK_EQ(seen[1].numbers.ending, Packed(EndKind::kExited, 3));  // what the owner itself had said
  CHECK_EQ(seen[2].numbers.ending, Packed(EndKind::kSignalled, SIGTERM));
}

TEST("a successor of the same id has the place of its predecessor at once, though others are free") {
  World world(4);
  auto other = world.Open(), first = world.Open(), next = world.Open();
  CHECK_OK(Claim(*other, "other"));
  CHECK_OK(Claim(*first, "web"));
  first->Abandon({EndKind::kExited, 1});
  Claimed claimed;

  CHECK_OK(Claim(*next, "web", &claimed));

  CHECK_EQ(claimed.slot, 1u);
  CHECK_EQ(claimed.ended_epoch, 1u);
  CHECK_EQ(ScanAll(*next).size(), 2u);
}

TEST("a claim notes the end of processes that nobody saw ending") {
  World world(4);
  auto reader = world.Open();
  Child child([&] {
    auto worker = world.Open();
    CHECK_OK(Claim(*worker, "w"));
    raise(SIGKILL);
  });
  child.Wait();
  CHECK_EQ(ScanAll(*reader)[0].numbers.ended_ns, 0);

  CHECK_OK(Claim(*reader, "next"));

  const std::vector<Seen> seen = ScanAll(*reader);
  CHECK(seen[0].verdict() == Verdict::kDied);
  CHECK(seen[0].numbers.ended_ns > 0);
  CHECK(seen[1].verdict() == Verdict::kLive);
}

TEST("the slot of one who has been dead for long goes to the next, of one who has just died to the last") {
  World world(3);
  auto dead = world.Open(), next = world.Open(), another = world.Open();
  CHECK_OK(Claim(*dead, "dead"));
  dead->Abandon({EndKind::kExited, 1});
  Claimed claimed;

  CHECK_OK(ClaimOn(*next, "next", {}, &claimed));
  CHECK_EQ(claimed.slot, 1u);
  const uint64_t now = CoarseMonotonicNs();
  CHECK(Eventually([&] { return CoarseMonotonicNs() > now; }));
  ClaimTerms terms;
  terms.dead_for_ns = 1;
  CHECK_OK(ClaimOn(*another, "another", terms, &claimed));
  CHECK_EQ(claimed.slot, 0u);
}

TEST("a status that its owner asked to keep is given up only by whoever says that it is safe") {
  World world(1);
  auto worker = world.Open(), other = world.Open();
  ClaimTerms terms;
  terms.keeps_status = true;
  Claimed claimed;
  CHECK_OK(ClaimOn(*worker, "w", terms, &claimed));
  PublishBytes(*worker, 'k', 3);
  worker->Abandon({EndKind::kTerminated, 0});

  CHECK_CODE(Claim(*other, "w"), Code::kBoardFull);
  CHECK_CODE(Claim(*other, "other"), Code::kBoardFull);
  std::vector<Retired> retired;
  CHECK_OK(other->TryRetire({0}, &retired));
  CHECK(retired.empty());
  CHECK(ScanAll(*other)[0].payload == "kkk");
  CHECK_OK(other->TryRetire({0}, &retired, Kept::kInclude));

  CHECK_EQ(retired.size(), 1u);
  CHECK_OK(Claim(*other, "other"));
  other->Abandon({EndKind::kExited, 1});
  CHECK_OK(other->TryRetire({0}, &retired));
  CHECK_EQ(retired.size(), 2u);  // the next owner of the slot has not asked for it
}

TEST("a board that takes another's place goes on with the totals of the same name and kind") {
  World world(4, 64, 2);  // a counter c0, a gauge
  auto old = world.Open(), worker = world.Open();
  CHECK_OK(Claim(*worker, "w"));
  worker->file().counters(0)[0].store(CounterWord(41.5), std::memory_order_relaxed);
  worker->file().counters(0)[1].store(CounterWord(7), std::memory_order_relaxed);
  worker->Abandon({EndKind::kExited, 1});
  BoardPlan plan = world.scratch.Plan(8, 64, 1);
  const NameEntry added = plan.counters[0];
  plan.counters = old->file().names();
  plan.counters.insert(plan.counters.begin(), added);
  plan.counters[0].name[0] = 'Z';

  CHECK_OK(old->file().Supplant(plan));

  auto next = world.Open();
  double totals[3];
  CHECK(ReadTotals(next->file(), totals));
  CHECK_EQ(totals[0], 0);
  CHECK_EQ(totals[1], 41.5);
  CHECK_EQ(totals[2], 0);
  CHECK_OK(Claim(*next, "w"));
  next->file().counters(0)[1].store(CounterWord(0.5), std::memory_order_relaxed);
  next->Release();
  CHECK_EQ(RetireAll(*next).size(), 1u);
  CHECK(ReadTotals(next->file(), totals));
  CHECK_EQ(totals[1], 42);
}

TEST("a board that somebody has entered is not replaced, and one that is being replaced cannot be entered") {
  World world(2);
  auto one = world.Open(), two = world.Open(), reader = world.Open(true);
  CHECK_OK(one->file().Enter());
  CHECK_OK(reader->file().Enter());
  CHECK_CODE(two->file().Supplant(world.scratch.Plan(3, 64)), Code::kInUse);
  one->file().Close();
  CHECK(flock(two->file().fd(), LOCK_EX | LOCK_NB) == 0);
  auto late = world.Open();
  CHECK_CODE(late->file().Enter(), Code::kBusy);
  CHECK(flock(two->file().fd(), LOCK_UN) == 0);

  CHECK_OK(two->file().Supplant(world.scratch.Plan(3, 64)));

  CHECK_CODE(late->file().Enter(), Code::kReplaced);
}

}  // namespace
}  // namespace rollcall::test
