// Locks on single bytes, and the one that costs no descriptor.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file_lock.h"
#include "../core/platform.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint64_t kByte = 12345;

struct LockFile {
  Scratch scratch;
  std::string path = scratch.Path("file");
  int fd = -1;
  struct stat st = {};

  LockFile() {
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 65536) == 0 && fstat(fd, &st) == 0);
  }
  ~LockFile() { close(fd); }
  Status Prepare(HeldLock& lock) const { return lock.Prepare(path.c_str(), static_cast<uint64_t>(st.st_dev), st.st_ino); }
  // Also what a process sees that may only read.
  bool IsHeld(uint64_t byte = kByte) const {
    const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    bool held = false, held_to_reader = false;
    CHECK_OK(IsLocked(fd, byte, 1, &held));
    CHECK_OK(IsLocked(reader, byte, 1, &held_to_reader));
    close(reader);
    CHECK_EQ(held, held_to_reader);
    return held;
  }
};

// Takes the lock in a child; returns when it has it.
std::unique_ptr<Child> StartOwner(const LockFile& file, const std::function<void()>& then) {
  auto owner = std::make_unique<Child>([&file, then] {
    HeldLock lock;
    CHECK_OK(file.Prepare(lock));
    CHECK_OK(lock.Take(kByte));
    lock.Settle();
    then();
  });
  CHECK(Eventually([&] { return file.IsHeld(); }));
  return owner;
}

void WaitForEver() {
  for (;;) pause();
}

TEST("a held lock survives the closing of its descriptor and of every other one on the file") {
  LockFile file;
  const int before = CountDescriptors();
  HeldLock lock;
  CHECK_OK(file.Prepare(lock));
  CHECK_OK(lock.Take(kByte));
  lock.Settle();
  if (kMappingKeepsLock) CHECK_EQ(CountDescriptors(), before);
  for (int i = 0; i < 3; i++) close(open(file.path.c_str(), O_RDWR));

  CHECK(file.IsHeld());
  CHECK(!file.IsHeld(kByte - 1) && !file.IsHeld(kByte + 1));

  lock.Release();
  CHECK(!file.IsHeld());
  CHECK_EQ(CountDescriptors(), before);
}

TEST("two descriptions in one process exclude each other, and a lock can be taken again") {
  LockFile file;
  HeldLock first, second;
  CHECK_OK(file.Prepare(first));
  CHECK_OK(file.Prepare(second));

  CHECK_OK(first.Take(kByte));
  CHECK_CODE(second.Take(kByte), Code::kBusy);
  CHECK(!second.held());
  first.Release();
  CHECK_OK(second.Take(kByte));

  second.Release();
  for (int i = 0; i < 100; i++) {
    CHECK_OK(file.Prepare(first));
    CHECK_OK(first.Take(kByte));
    first.Settle();
  }
}

TEST("nothing is left open when a lock cannot be prepared") {
  LockFile file;
  const int before = CountDescriptors();
  HeldLock lock;

  CHECK_CODE(lock.Prepare(file.scratch.Path("none").c_str(), 1, 1), Code::kReplaced);
  CHECK_CODE(lock.Prepare(file.path.c_str(), 1, 1), Code::kReplaced);
  CHECK(symlink("file", file.scratch.Path("link").c_str()) == 0);
  CHECK_CODE(lock.Prepare(file.scratch.Path("link").c_str(), static_cast<uint64_t>(file.st.st_dev), file.st.st_ino),
             Code::kReplaced);
  lock.Release();

  CHECK_EQ(CountDescriptors(), before);
}

PROCESS_TEST("a lock ends with its holder, also while that is a zombie, and not before") {
  LockFile file;
  auto owner = StartOwner(file, WaitForEver);
  owner->Signal(SIGSTOP);
  CHECK(file.IsHeld());

  owner->Signal(SIGKILL);
  owner->WaitForZombie();

  CHECK(!file.IsHeld());
}

PROCESS_TEST("a forked child does not inherit a lock, so it cannot keep a dead parent alive") {
  LockFile file;
  Shared<std::atomic<int>> grandchild;
  auto owner = StartOwner(file, [&] {
    const pid_t pid = fork();
    if (pid == 0) WaitForEver();
    *grandchild = pid;
    WaitForEver();
  });
  CHECK(Eventually([&] { return grandchild->load() != 0; }));
  CHECK(file.IsHeld());

  owner->Kill();

  const bool held = file.IsHeld();
  const bool child_lives = kill(grandchild->load(), 0) == 0;
  kill(grandchild->load(), SIGKILL);
  CHECK(!held);
  CHECK(child_lives);
}

PROCESS_TEST("where descriptors are exhausted, a lock cannot be prepared, and nothing else happens") {
  LockFile file;
  Child child([&] {
    ExhaustDescriptors();
    HeldLock lock;
    CHECK_CODE(file.Prepare(lock), Code::kSystem);
    CHECK(!lock.held());
  });
  CHECK_EQ(child.Wait(), 0);
}

TEST("asking about locks finds any lock in a range, and not one's own") {
  LockFile file;
  HeldLock lock;
  CHECK_OK(file.Prepare(lock));
  CHECK_OK(lock.Take(kByte));
  bool locked = false;

  CHECK_OK(IsLocked(file.fd, 0, 0, &locked));
  CHECK(locked);
  CHECK_OK(TryLock(file.fd, 7));
  CHECK_OK(IsLocked(file.fd, 7, 1, &locked));
  CHECK(!locked);
  CHECK_OK(IsLocked(file.fd, kByte + 1, 0, &locked));
  CHECK(!locked);
  CHECK_CODE(IsLocked(-1, 0, 1, &locked), Code::kSystem);
}

#ifdef __linux__
TEST("network file systems are known by their type, local ones are not refused") {
  for (const uint64_t network : {0x6969ull, 0x517bull, 0xff534d42ull, 0xfe534d42ull, 0x01021997ull, 0x00c36400ull,
                                 0x0bd00bd0ull, 0x65735546ull, 0xffffffffff534d42ull}) {
    CHECK(IsNetworkFsType(network));
  }
  for (const uint64_t local : {0xef53ull, 0x01021994ull, 0x58465342ull, 0x9123683eull, 0x794c7630ull, 0x858458f6ull,
                               0x2fc12fc1ull, 0xf2f52010ull, 0ull}) {
    CHECK(!IsNetworkFsType(local));
  }
}
#endif

}  // namespace
}  // namespace rollcall::test
