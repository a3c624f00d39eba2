// What somebody does who may write a board's file and means harm: bytes anywhere, a right checksum over wrong words,
// another length, locks on slots that are not his.
#pragma once

#include <vector>

#include "hostile_board.h"

namespace rollcall::test {

class HostileHand {
 public:
  HostileHand(HostileFile& file, const Base& base, Input& input) : file_(file), base_(base), input_(input) {}
  HostileHand(const HostileHand&) = delete;
  HostileHand& operator=(const HostileHand&) = delete;
  ~HostileHand() { LetGo(); }

  // REQUIRES: step < kFirstCall. `is_mapped`: by anybody who would have to survive it.
  void Tamper(Step step, bool is_mapped);

  // Bytes of the file.
  const std::vector<uint64_t>& held_locks() const { return held_; }

 private:
  uint64_t Slot(uint32_t slot) const { return base_.geometry.SlotOffset(slot % base_.geometry.slot_count); }
  void TamperWithSlot(Step step, uint64_t slot);
  void HoldSlot(uint64_t byte);
  void LetGo();

  HostileFile& file_;
  const Base& base_;
  Input& input_;
  int holder_ = -1;
  std::vector<uint64_t> held_;  // through holder_
};

}  // namespace rollcall::test
