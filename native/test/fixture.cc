#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace rollcall::test {
namespace {

constexpr std::chrono::seconds kDeadline{120};

void Pause(long nanoseconds) {
  const timespec time = {0, nanoseconds};
  nanosleep(&time, nullptr);
}

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(stream);
  return names;
}

NameEntry Name(CounterKind kind, const std::string& text) {
  NameEntry entry = {};
  entry.kind = static_cast<uint8_t>(kind);
  entry.length = static_cast<uint8_t>(text.size());
  memcpy(entry.name, text.data(), text.size());
  return entry;
}

}  // namespace

Scratch::Scratch() {
  const char* base = getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/tmp") + "/rollcall-test-XXXXXX";
  CHECK(mkdtemp(path.data()) != nullptr);
  directory_ = path;
}

Scratch::~Scratch() {
  for (const std::string& name : Names()) {
    if (unlink(Path(name).c_str()) != 0) rmdir(Path(name).c_str());
  }
  rmdir(directory_.c_str());
}

std::vector<std::string> Scratch::Names() const { return NamesIn(directory_); }

BoardPlan Scratch::Plan(uint32_t slots, uint32_t inline_bytes, uint32_t counters) const {
  BoardPlan plan;
  plan.path = board();
  plan.temporary = Path(".board." + std::to_string(getpid()) + "." + std::to_string(Random()));
  plan.slot_count = slots;
  plan.inline_bytes = inline_bytes;
  for (uint32_t i = 0; i < counters; i++) {
    const CounterKind kind = i + 1 == counters && counters > 1 ? CounterKind::kGauge : CounterKind::kCounter;
    plan.counters.push_back(Name(kind, "counter" + std::to_string(i)));
  }
  for (uint8_t& byte : plan.board_id) byte = static_cast<uint8_t>(Random());
  return plan;
}

World::World(uint32_t slots, uint32_t inline_bytes, uint32_t counters) {
  CHECK_OK(BoardFile::Create(scratch.Plan(slots, inline_bytes, counters)));
}

std::unique_ptr<World> World::Large(uint32_t slots) {
  std::unique_ptr<World> world(new World);
  BoardPlan plan = world->scratch.Plan(slots, 64);
  plan.max_small_slots = 0;
  CHECK_OK(BoardFile::Create(plan));
  return world;
}

std::unique_ptr<Board> World::Open(bool read_only) const {
  auto board = std::make_unique<Board>();
  CHECK_OK(board->file().Open(scratch.board(), read_only, false));
  board->Ready();
  return board;
}

Status Claim(Board& board, const std::string& id, Claimed* claimed) {
  Claimed unused;
  if (claimed == nullptr) claimed = &unused;
  Status status;
  Eventually([&] {
    status = board.TryClaim(id.data(), static_cast<uint32_t>(id.size()), 0, claimed);
    return status.code != Code::kBusy;
  });
  return status;
}

std::vector<uint32_t> AllSlots(const Board& board) {
  std::vector<uint32_t> slots(board.file().geometry().slot_count);
  std::iota(slots.begin(), slots.end(), 0);
  return slots;
}

std::vector<Retired> RetireAll(Board& board) {
  std::vector<Retired> retired;
  CHECK(Eventually([&] { return board.TryRetire(AllSlots(board), &retired).code != Code::kBusy; }));
  return retired;
}

void PublishBytes(Board& board, uint8_t byte, uint32_t length) {
  memset(board.staging(), byte, length);
  (void)board.Publish(RecordKind::kInline, Encoding::kBytes, length);
}

void CheckParts(const Geometry& g, uint32_t page) {
  CHECK(g.header_bytes % page == 0 && g.shared_bytes % page == 0 && g.file_bytes % page == 0);
  CHECK(g.header_bytes >= sizeof(FileHeader) + (g.counter_count + g.shared_count) * sizeof(NameEntry));
  CHECK(g.retired_offset >= sizeof(SharedArea));
  CHECK(g.retired_bytes >= 8 * (kRetiredHeaderWords + g.counter_count));
  CHECK(g.counters_offset >= g.retired_offset + 2 * g.retired_bytes);
  CHECK(g.shared_bytes >= g.counters_offset + g.shared_count * kLine);
  CHECK(g.claims_offset >= g.counters_offset + g.shared_count * kLine);
  CHECK(g.shared_bytes >= g.claims_offset + (g.large ? g.slot_count * sizeof(uint32_t) : 0));
  CHECK(g.slot_stride % kLine == 0 && g.records_offset % kLine == 0 && g.record_bytes % kLine == 0);
  CHECK(g.records_offset >= kCountersOffset + 8 * g.counter_count);
  CHECK(kIdentityOffset + sizeof(Identity) <= kCountersOffset);
  CHECK(g.record_bytes >= kRecordHeaderBytes + g.inline_bytes);
  CHECK(uint64_t{g.slot_stride} >= g.records_offset + uint64_t{2} * g.record_bytes);
  CHECK(g.SlotOffset(0) == uint64_t{g.header_bytes} + g.shared_bytes);
  CHECK(g.file_bytes >= g.SlotOffset(g.slot_count - 1) + g.slot_stride);
}

std::vector<Seen> ScanAll(Board& board, const std::vector<CursorEntry>* cursor) {
  const Geometry& g = board.file().geometry();
  std::vector<ScanEntry> entries(g.slot_count + 1);
  std::vector<uint64_t> payload(uint64_t{g.slot_count} * g.inline_bytes / 8);
  ScanRequest request;
  if (cursor != nullptr) {
    request.cursor = cursor->data();
    request.cursor_slots = static_cast<uint32_t>(cursor->size());
  }
  request.entries = entries.data();
  request.max_entries = static_cast<uint32_t>(entries.size());
  request.payload = reinterpret_cast<uint8_t*>(payload.data());
  request.payload_bytes = payload.size() * 8;
  board.liveness().Refresh();
  const ScanResult result = board.Scan(request);
  CHECK(result.complete);
  std::vector<Seen> seen;
  for (uint32_t i = 0; i < result.entries; i++) {
    const char* from = reinterpret_cast<const char*>(request.payload) + static_cast<size_t>(entries[i].offset);
    seen.push_back({entries[i], std::string(from, static_cast<size_t>(entries[i].length))});
  }
  return seen;
}

Child::Child(const std::function<void()>& body) {
  fflush(nullptr);
  const pid_t parent = getpid();
  const uint64_t seed = Random();
  pid_ = fork();
  CHECK(pid_ >= 0);
  if (pid_ > 0) return;
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) _exit(1);
  SeedRandom(seed);
  int code = 0;
  try {
    body();
  } catch (const Failure& failure) {
    fprintf(stderr, "in a child: %s\n", failure.what.c_str());
    code = 1;
  }
  _exit(code);
}

Child::~Child() {
  if (!reaped_) Kill();
}

void Child::Signal(int number) const { kill(pid_, number); }

void Child::Kill() {
  Signal(SIGKILL);
  Wait();
}

int Child::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  return status;
}

void Child::WaitForZombie() {
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    Pause(200000);
  }
  return true;
}

void DawdleRandomly() { Pause(static_cast<long>(RandomBetween(0, 1500000))); }

int CountDescriptors() { return static_cast<int>(NamesIn("/dev/fd").size()); }

void LimitDescriptors(unsigned count) {
  const rlimit few = {count, count};
  CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
}

void ExhaustDescriptors() {
  LimitDescriptors(64);
  while (open("/dev/null", O_RDONLY) >= 0) {
  }
  CHECK_EQ(errno, EMFILE);
}

}  // namespace rollcall::test
