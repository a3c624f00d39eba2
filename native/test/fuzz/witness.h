// Who has which lock while an input runs, and so what a reader may say about who lives.
#pragma once

#include <memory>
#include <vector>

#include "../../core/board.h"
#include "hostile_board.h"
#include "hostile_hand.h"
#include "oracle.h"

namespace rollcall::test {

// The three handles that an input's calls are made on.
struct Handles {
  std::unique_ptr<Board> boards[kHandles];
  std::vector<CursorEntry> cursors[kHandles];

  bool any_open() const;
};

class Witness {
 public:
  Witness(const Handles& handles, const HostileHand& hand) : handles_(handles), hand_(hand) {}

  bool IsLocked(const Board& board, uint32_t slot) const;
  LockedFunction LockedOn(const Board& board) const;
  Alive Lives(const Board& board, uint32_t slot, const SlotReading& s) const;

  // Call before each call on a board: a lock that is let go of may still count for a moment.
  void RememberLocks(const Board& board);

 private:
  const Handles& handles_;
  const HostileHand& hand_;
  std::vector<uint64_t> ever_locked_;  // bytes, by anybody
};

}  // namespace rollcall::test
