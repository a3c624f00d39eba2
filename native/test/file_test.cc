// Making, opening and replacing the file of a board.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "../core/file_lock.h"
#include "../core/latch.h"
#include "fixture.h"
#include "seam.h"

namespace rollcall::test {
namespace {

std::string Contents(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY);
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  close(fd);
  return text;
}

void Write(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
}

Code OpenCode(const std::string& path, bool read_only = false) {
  BoardFile file;
  return file.Open(path, read_only, false).code;
}

TEST("what is not a board is refused by its kind, unharmed, and leaves nothing open") {
  Scratch scratch;
  CHECK_OK(BoardFile::Create(scratch.Plan(2, 64)));
  const std::string whole = Contents(scratch.board());
  Write(scratch.Path("empty"), "");
  Write(scratch.Path("text"), "just some words");
  Write(scratch.Path("picture"), std::string("\x89PNG\r\n\x1a\n") + std::string(9000, '\1'));
  Write(scratch.Path("short"), whole.substr(0, 100));
  Write(scratch.Path("header"), whole.substr(0, 4096));
  Write(scratch.Path("cut"), whole.substr(0, whole.size() - 1));
  CHECK(symlink("board", scratch.Path("link").c_str()) == 0);
  CHECK(mkdir(scratch.Path("directory").c_str(), 0700) == 0);
  CHECK(mkfifo(scratch.Path("fifo").c_str(), 0600) == 0);
  const int before = CountDescriptors();
  const std::pair<const char*, Code> cases[] = {
      {"none", Code::kGone},          {"empty", Code::kNotABoard},     {"text", Code::kNotABoard},
      {"picture", Code::kNotABoard},  {"short", Code::kCorruptHeader}, {"header", Code::kCorruptHeader},
      {"cut", Code::kCorruptHeader},  {"link", Code::kInsecurePath},   {"directory", Code::kNotABoard},
      {"fifo", Code::kNotABoard},
  };
  for (const bool read_only : {false, true}) {
    for (const auto& [name, code] : cases) {
      const std::string path = scratch.Path(name);
      struct stat st;
      const bool regular = lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
      const std::string text = regular ? Contents(path) : "";

      CHECK_EQ(OpenCode(path, read_only), code);

      if (regular) CHECK(Contents(path) == text);
    }
  }
  CHECK_EQ(CountDescriptors(), before);
}

TEST("a board is made once, with the rights it was given, and leaves no temporary file") {
  Scratch scratch;
  const int before = CountDescriptors();
  BoardPlan plan = scratch.Plan(4, 100, 3);
  plan.mode = 0660;
  CHECK_OK(BoardFile::Create(plan));
  CHECK_CODE(BoardFile::Create(scratch.Plan(9, 64)), Code::kExists);
  CHECK_EQ(CountDescriptors(), before);

  CHECK_EQ(scratch.Names().size(), 1u);
  struct stat st;
  CHECK(stat(scratch.board().c_str(), &st) == 0);
  CHECK_EQ(st.st_mode & 07777, 0660u);
  BoardFile file;
  CHECK_OK(file.Open(scratch.board(), false, false));
  CHECK(file.geometry().slot_count == 4 && file.geometry().inline_bytes == 104);
  CHECK(file.names().size() == 3 && memcmp(file.header().board_id, plan.board_id, 16) == 0);
  CHECK(static_cast<uint64_t>(st.st_blocks) * 512 >= file.geometry().file_bytes);
  CHECK(!file.from_earlier_boot());
  CHECK_OK(file.CheckName());
}

TEST("a sparse copy of a board gets its blocks when it is opened for writing, and keeps its bytes") {
  Scratch scratch;
  CHECK_OK(BoardFile::Create(scratch.Plan(200, 1024)));
  const std::string whole = Contents(scratch.board());
  const std::string copy = scratch.Path("copy");
  Write(copy, whole.substr(0, 4096));
  CHECK(truncate(copy.c_str(), static_cast<off_t>(whole.size())) == 0);
  struct stat st;
  CHECK_EQ(OpenCode(copy, true), Code::kOk);
  CHECK(stat(copy.c_str(), &st) == 0 && static_cast<uint64_t>(st.st_blocks) * 512 < whole.size());

  CHECK_EQ(OpenCode(copy), Code::kOk);

  CHECK(stat(copy.c_str(), &st) == 0 && static_cast<uint64_t>(st.st_blocks) * 512 >= whole.size());
  CHECK(Contents(copy) == whole);
}

#ifdef __linux__
uint64_t BlocksOf(const std::string& path) {
  struct stat st = {};
  CHECK(stat(path.c_str(), &st) == 0);
  return static_cast<uint64_t>(st.st_blocks) * 512;
}

TEST("a large board gets blocks for its slots as they are first used, and no earlier") {
  Scratch scratch;
  BoardPlan plan = scratch.Plan(kMaxSlots, 1024);
  CHECK_OK(BoardFile::Create(plan));
  Board boards[kSlotsPerReserve + 1];
  uint64_t before = 0;
  for (Board& board : boards) {
    CHECK_OK(board.file().Open(scratch.board(), false, false));
    board.Ready();
    before = BlocksOf(scratch.board());
    const uint32_t slot = static_cast<uint32_t>(&board - boards);
    CHECK_OK(Claim(board, std::to_string(slot)));
    CHECK_EQ(board.slot(), slot);
    CHECK(BlocksOf(scratch.board()) >= board.file().geometry().BlockBytes(slot + 1));
  }
  const Geometry& g = boards[0].file().geometry();
  CHECK(before < 2 * 1024 * 1024 && g.file_bytes > 100 * 1024 * 1024);
  CHECK(BlocksOf(scratch.board()) > before);
}

TEST("a large board whose disk is full refuses what it has no blocks for, and serves the others") {
  Scratch scratch;
  BoardPlan plan = scratch.Plan(200, 64);
  plan.max_small_slots = 0;
  CHECK_OK(BoardFile::Create(plan));
  std::vector<std::unique_ptr<Board>> boards;
  system_calls.fallocate_error = ENOSPC;
  Code last = Code::kOk;
  while (last == Code::kOk) {
    boards.push_back(std::make_unique<Board>());
    CHECK_OK(boards.back()->file().Open(scratch.board(), false, false));
    boards.back()->Ready();
    last = Claim(*boards.back(), std::to_string(boards.size())).code;
  }
  CHECK_EQ(last, Code::kNoSpace);
  CHECK_EQ(boards.size(), kSlotsPerReserve + 1u);
  boards[5]->Release();
  CHECK_OK(Claim(*boards.back(), "in its place"));
  CHECK_EQ(boards.back()->slot(), 5u);

  system_calls.fallocate_error = EPERM;  // a sandbox that denies the call
  CHECK_OK(Claim(*boards[5], "beyond"));
  CHECK_EQ(boards[5]->slot(), kSlotsPerReserve);
  PublishBytes(*boards[5], 'x', 64);
  system_calls.fallocate_error = 0;
}

TEST("where blocks cannot be reserved a new board is written out, and one that exists is not touched") {
  Scratch scratch;
  system_calls.fallocate_error = EOPNOTSUPP;
  const Code made = BoardFile::Create(scratch.Plan(20, 64)).code;
  const std::string whole = Contents(scratch.board());
  struct stat st = {};
  stat(scratch.board().c_str(), &st);
  const std::string copy = scratch.Path("copy");
  Write(copy, whole.substr(0, 4096));
  CHECK(truncate(copy.c_str(), static_cast<off_t>(whole.size())) == 0);
  const Code opened = OpenCode(copy);
  system_calls.fallocate_error = 0;

  CHECK_EQ(made, Code::kOk);
  CHECK(static_cast<uint64_t>(st.st_blocks) * 512 >= whole.size());
  CHECK_EQ(OpenCode(scratch.board()), Code::kOk);
  CHECK_EQ(opened, Code::kOk);
  CHECK(stat(copy.c_str(), &st) == 0 && static_cast<uint64_t>(st.st_blocks) * 512 < whole.size());
}
#endif

PROCESS_TEST("where there is no space, making a board fails as such and leaves nothing") {
  Scratch scratch;
  Child child([&] {
    const rlimit small = {100000, 100000};
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const int before = CountDescriptors();
    CHECK_CODE(BoardFile::Create(scratch.Plan(1024, 1024)), Code::kNoSpace);
    CHECK_EQ(CountDescriptors(), before);
    CHECK_OK(BoardFile::Create(scratch.Plan(10, 64)));
  });
  CHECK_EQ(child.Wait(), 0);
  CHECK_EQ(scratch.Names().size(), 1u);
}

PROCESS_TEST("of many processes that make the same board at once one does, and all open that one") {
  struct Start {
    std::atomic<int> ready{0}, go{0}, made{0};
  };
  for (int round = 0; round < 15; round++) {
    Scratch scratch;
    Shared<Start> start;
    Shared<std::atomic<uint64_t>> id;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 6; i++) {
      children.push_back(std::make_unique<Child>([&] {
        const BoardPlan plan = scratch.Plan(3, 64);
        start->ready++;
        while (start->go == 0) sched_yield();
        const Code code = BoardFile::Create(plan).code;
        CHECK(code == Code::kOk || code == Code::kExists);
        if (code == Code::kOk) start->made++;
        BoardFile file;
        CHECK_OK(file.Open(scratch.board(), false, false));
        uint64_t mine, first = 0;
        memcpy(&mine, file.header().board_id, sizeof mine);
        CHECK(id->compare_exchange_strong(first, mine) || first == mine);
      }));
    }
    CHECK(Eventually([&] { return start->ready == 6; }));
    start->go = 1;
    for (auto& child : children) CHECK_EQ(child->Wait(), 0);
    CHECK_EQ(start->made.load(), 1);
    CHECK_EQ(scratch.Names().size(), 1u);
  }
}

PROCESS_TEST("a creator killed at any instruction leaves a whole board or none, and blocks nobody") {
  for (int round = 0; round < 60; round++) {
    Scratch scratch;
    Shared<std::atomic<int>> started;
    Child creator([&] {
      *started = 1;
      for (;;) {
        (void)BoardFile::Create(scratch.Plan(64, 64));
        unlink(scratch.board().c_str());
      }
    });
    CHECK(Eventually([&] { return *started == 1; }));
    DawdleRandomly();
    creator.Kill();

    const Code code = OpenCode(scratch.board());
    CHECK(code == Code::kOk || code == Code::kGone);
    const Code made = BoardFile::Create(scratch.Plan(64, 64)).code;
    CHECK_EQ(made, code == Code::kOk ? Code::kExists : Code::kOk);
    CHECK_EQ(OpenCode(scratch.board()), Code::kOk);
    for (const std::string& name : scratch.Names()) {
      if (name == "board") continue;
      CHECK(IsAbandoned(scratch.Path(name).c_str()));
    }
    CHECK(scratch.Names().size() <= 2);
  }
}

TEST("a temporary file is abandoned only when its creator is gone") {
  Scratch scratch;
  const std::string path = scratch.Path(".board.1");
  Write(path, "");
  CHECK(IsAbandoned(path.c_str()));
  const int fd = open(path.c_str(), O_RDWR);
  CHECK_OK(TryLock(fd, kCreateByte));
  CHECK(!IsAbandoned(path.c_str()));
  close(fd);
  CHECK(IsAbandoned(path.c_str()));
  CHECK(!IsAbandoned(scratch.Path("none").c_str()));
}

TEST("a board is replaced only when nobody holds anything of it, and by one only") {
  World world(2);
  auto old = world.Open(), worker = world.Open(), other = world.Open();
  CHECK_OK(Claim(*worker, "w"));
  CHECK_CODE(old->file().Supplant(world.scratch.Plan(3, 64)), Code::kInUse);
  worker->Release();
  CHECK_OK(TryLock(worker->file().fd(), kClaimByte));
  CHECK_CODE(old->file().Supplant(world.scratch.Plan(3, 64)), Code::kBusy);
  Unlock(worker->file().fd(), kClaimByte);

  CHECK_OK(old->file().Supplant(world.scratch.Plan(3, 64)));

  CHECK_EQ(world.scratch.Names().size(), 1u);
  CHECK_CODE(old->file().CheckName(), Code::kReplaced);
  CHECK_CODE(other->file().Supplant(world.scratch.Plan(4, 64)), Code::kReplaced);
  CHECK_CODE(Claim(*worker, "w"), Code::kReplaced);
  CHECK_EQ(world.Open()->file().geometry().slot_count, 3u);
}

}  // namespace
}  // namespace rollcall::test
