// Scans with a cursor: each change is told once.

#include "fixture.h"

namespace rollcall::test {
namespace {

// A reader that hears of everything and asks for the next.
class Follower {
 public:
  explicit Follower(Board& board) : board_(board), cursor_(board.file().geometry().slot_count) {}

  std::vector<Seen> News() {
    const std::vector<Seen> news = ScanAll(board_, &cursor_);
    for (const Seen& one : news) {
      const bool live = one.verdict() == Verdict::kLive;
      cursor_[static_cast<size_t>(one.numbers.slot)] = {live ? one.numbers.epoch : -one.numbers.epoch, one.numbers.seq};
    }
    return news;
  }

 private:
  Board& board_;
  std::vector<CursorEntry> cursor_;
};

TEST("a cursor that met a slot in the middle of a claim does not lose the new owner") {
  World world(1);
  auto board = world.Open(), reader = world.Open();
  CHECK_OK(Claim(*board, "before"));
  Follower follower(*reader);
  CHECK_EQ(follower.News().at(0).verdict(), Verdict::kLive);
  CHECK(follower.News().empty());
  board->Release();
  RetireAll(*reader);
  reader->file().control(0)->epoch.store(2);  // as far as a claimer may be when the reader comes by

  const std::vector<Seen> gone = follower.News();
  CHECK_EQ(gone.size(), 1u);
  CHECK_EQ(gone[0].verdict(), Verdict::kClosed);  // it is "before" that ended
  CHECK_EQ(gone[0].numbers.epoch, 1);
  CHECK(follower.News().empty());

  // The claimer goes on: same epoch.
  reader->file().control(0)->epoch.store(1);
  CHECK_OK(Claim(*board, "after"));
  const std::vector<Seen> come = follower.News();
  CHECK_EQ(come.size(), 1u);
  CHECK_EQ(come[0].verdict(), Verdict::kLive);
  CHECK_EQ(come[0].numbers.epoch, 2);
}

TEST("a cursor tells of each change once: new, updated, gone") {
  World world(4);
  auto a = world.Open(), b = world.Open(), reader = world.Open();
  Follower follower(*reader);
  CHECK_OK(Claim(*a, "a"));
  CHECK_OK(Claim(*b, "b"));
  CHECK_EQ(follower.News().size(), 2u);
  CHECK(follower.News().empty());
  PublishBytes(*b, 'b', 3);
  PublishBytes(*b, 'c', 3);
  const std::vector<Seen> updated = follower.News();
  CHECK_EQ(updated.size(), 1u);
  CHECK(updated[0].numbers.slot == 1 && updated[0].numbers.updates == 2 && updated[0].payload == "ccc");
  a->Release();
  const std::vector<Seen> gone = follower.News();
  CHECK_EQ(gone.size(), 1u);
  CHECK_EQ(gone[0].verdict(), Verdict::kClosed);
  CHECK(follower.News().empty());
  RetireAll(*reader);
  CHECK(follower.News().empty());
  CHECK_OK(Claim(*a, "a"));
  CHECK_EQ(follower.News().size(), 1u);
}

}  // namespace
}  // namespace rollcall::test
