// What the tests share: directories that vanish, boards to work on, processes to kill, memory
// that outlives them.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../core/board.h"
#include "harness.h"

namespace rollcall::test {

// A new directory with a file name in it for a board; both are gone at the end.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string board() const { return Path("board"); }
  std::vector<std::string> Names() const;

  // A plan for this directory; each has a temporary name and a board id of its own.
  BoardPlan Plan(uint32_t slots, uint32_t inline_bytes, uint32_t counters = 0) const;

 private:
  std::string directory_;
};

// A board in a directory of its own. Counter 0, 1, ... are counters, the last one is a gauge.
struct World {
  explicit World(uint32_t slots, uint32_t inline_bytes = 64, uint32_t counters = 0);
  // A large board, however few its slots.
  static std::unique_ptr<World> Large(uint32_t slots);
  std::unique_ptr<Board> Open(bool read_only = false) const;
  Scratch scratch;

 private:
  World() = default;
};

// Claims and waits while somebody else claims or cleans.
Status Claim(Board& board, const std::string& id, Claimed* claimed = nullptr);

std::vector<uint32_t> AllSlots(const Board& board);

// Retires whoever is dead or closed; waits while somebody else claims or cleans.
std::vector<Retired> RetireAll(Board& board);

// Publishes `length` times `byte`.
void PublishBytes(Board& board, uint8_t byte, uint32_t length);

// No two parts of a board may overlap, and none may leave the file.
void CheckParts(const Geometry& g, uint32_t page);

// Copies of what a scan said.
struct Seen {
  ScanEntry numbers;
  std::string payload;
  Verdict verdict() const { return static_cast<Verdict>(static_cast<uint32_t>(numbers.verdict)); }
};
std::vector<Seen> ScanAll(Board& board, const std::vector<CursorEntry>* cursor = nullptr);

// Memory that children made by fork share with their parent. T has only atomics.
template <typename T>
class Shared {
 public:
  Shared() {
    void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    value_ = new (memory) T{};
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { munmap(value_, sizeof(T)); }
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

// A process that runs `body` and ends with code 0, or with 1 after a failed check. It dies with
// us, and has nothing of our boards: their mappings are not inherited. Killed and reaped at the
// end of the scope if it was not before.
class Child {
 public:
  explicit Child(const std::function<void()>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  void Kill();           // SIGKILL, and reaps it
  int Wait();            // until it ends by itself; its wait status
  void WaitForZombie();  // until it has ended, and leaves it unreaped

 private:
  pid_t pid_;
  bool reaped_ = false;
};

// Waits for a condition that must come true; the deadline is for tests that would hang.
bool Eventually(const std::function<bool()>& condition);

// Lets a random, short time pass: where a kill lands must not be where the killer is.
void DawdleRandomly();

int CountDescriptors();

// Allows this process only so many descriptors: only for children.
void LimitDescriptors(unsigned count);

// Uses up all descriptors of this process: only for children.
void ExhaustDescriptors();

}  // namespace rollcall::test
