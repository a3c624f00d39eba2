// What a board has to say, worked out from its bytes and from who holds which locks: see reference.h.
#pragma once

#include <functional>
#include <vector>

#include "../../core/board.h"
#include "reference.h"

namespace rollcall::test {

enum class Alive {
  kNo,
  kYes,
  kUnknown,  // a reader may be told up to a second late
};
using AliveFunction = std::function<Alive(uint32_t slot, const SlotReading& reading)>;
using LockedFunction = std::function<bool(uint32_t slot)>;

// Fails unless the entries, payloads and `complete` are what the request asks for.
void CheckScan(const BoardReading& board, const ScanRequest& request, const ScanResult& result,
               const AliveFunction& is_alive, const LockedFunction& is_locked);

// Which slot a claim has to take, or why it must fail.
struct ExpectedClaim {
  Code code = Code::kBoardFull;
  uint32_t slot = 0;
  uint64_t epoch = 0, ended_epoch = 0, ended_generation = 0;
};
ExpectedClaim ExpectClaim(const BoardReading& board, const std::vector<uint8_t>& id, const LockedFunction& is_locked);

// Whom a cleaning has to retire of all slots but `own`.
std::vector<Retired> ExpectRetired(const BoardReading& board, const uint32_t* own, const LockedFunction& is_locked);

// Fails where totals are not what the bytes say.
void CheckTotals(const BoardReading& board, const std::vector<double>& totals);

// The bytes of a board at one time, to see afterwards that nothing was written but what a call may write. One at a
// time: they share their memory.
class Before {
 public:
  Before(const uint8_t* bytes, const BoardReading& board);

  // What claiming and retiring may write beside the slots themselves: marks of folded owners, shared words.
  void AllowHousekeeping();
  void AllowShared(uint64_t from, uint64_t bytes);
  void AllowSlot(uint32_t slot, uint64_t from, uint64_t bytes);
  void AllowSlot(uint32_t slot) { AllowSlot(slot, 0, board_.geometry().slot_stride); }

  void CheckUntouched() const;

 private:
  void Allow(uint64_t from, uint64_t bytes);

  const uint8_t* now_;
  const BoardReading& board_;
  std::vector<uint8_t>& bytes_;
};

class TotalsBefore {
 public:
  explicit TotalsBefore(const BoardReading& board);

  // Fails if totals are not what they were, but for what rounding does.
  void CheckKept() const;

 private:
  const BoardReading& board_;
  std::vector<double> totals_, magnitudes_;
};

}  // namespace rollcall::test
