// What a worker or a cleaner calls on a hostile board: each answer compared with what oracle.h expects, and no byte
// written but what the call may write.
#pragma once

#include <string>

#include "../../core/board.h"
#include "checked_reads.h"
#include "hostile_board.h"
#include "oracle.h"
#include "witness.h"

namespace rollcall::test {

class CheckedWrites {
 public:
  CheckedWrites(HostileFile& file, Input& input, const Witness& witness, CheckedReads& reads)
      : file_(file), input_(input), witness_(witness), reads_(reads) {}

  // Calls whose answer is not compared with the bytes of the file.
  static bool IsBlind(Step step) { return step == kRelease || step == kWait || step == kSupplant; }

  // REQUIRES: IsBlind(step), or the board is open on the file.
  void Call(Step step, Board& board);

 private:
  void Claim(Board& board);
  void Publish(Board& board);
  void PublishOverflow(Board& board);
  void CheckPublished(const Board& board, Before& before);
  void CheckOwnEntry(Board& board, RecordKind kind, const std::string& payload);
  void Retire(Board& board);
  void Wait(Board& board);
  void Supplant(Board& board);

  HostileFile& file_;
  Input& input_;
  const Witness& witness_;
  CheckedReads& reads_;
};

}  // namespace rollcall::test
