// What a reader calls on a hostile board, each answer compared with what oracle.h expects of the bytes.
#pragma once

#include <string>
#include <vector>

#include "../../core/board.h"
#include "hostile_board.h"
#include "oracle.h"
#include "witness.h"

namespace rollcall::test {

struct Found {
  std::vector<ScanEntry> entries;
  std::vector<uint64_t> payload;
  ScanResult result;

  std::string Payload(uint32_t entry) const;
};

class CheckedReads {
 public:
  CheckedReads(const HostileFile& file, Input& input, const Witness& witness)
      : file_(file), input_(input), witness_(witness) {}

  static bool Knows(Step step) { return step == kScan || step == kScanChanges || step == kTotals || step == kAsk; }

  // REQUIRES: Knows(step), and the board is open on the file.
  void Call(Step step, Board& board, std::vector<CursorEntry>& cursor);

  // Into buffers of exactly the size it is told.
  Found ScanInto(Board& board, uint32_t from, uint32_t to, uint32_t max_entries, size_t room,
                 const std::vector<CursorEntry>* cursor = nullptr);

 private:
  void Scan(Board& board);
  void ScanChanges(Board& board, std::vector<CursorEntry>& cursor);
  void Total(Board& board);
  void CheckGauges(const Board& board, const BoardReading& reading, const std::vector<double>& sums);
  void Ask(Board& board);

  const HostileFile& file_;
  Input& input_;
  const Witness& witness_;
};

}  // namespace rollcall::test
