// What counters have come to, also those of workers that are gone.
//
//   total = retired totals + every owner not yet folded into them
//
// The retired totals are a latch whose record also names whom it folded last. Publishing that
// record is the one commit of a fold; marking the slot comes after it. A folder killed between
// the two leaves a slot that the record names and whose mark is missing: readers skip it for
// the name's sake, and the next folder completes the mark first. So nobody is counted twice.
#pragma once

#include <cstdint>

#include "board_file.h"

namespace rollcall {

// Adds what the ended owner of `slot` counted to the retired totals, exactly once.
// REQUIRES: the caller holds the claim lock, and nobody writes to the slot any more.
void FoldCounters(const BoardFile& file, uint32_t slot) noexcept;

// Zeroes the counters for a new owner.
// REQUIRES: the caller holds the claim lock, and the slot is folded or was never used.
void ClearCounters(const BoardFile& file, uint32_t slot) noexcept;

// Stores the sum of each counter over everybody who ever worked here; gauges come out as 0.
// False: folding went on and on beside us.
// REQUIRES: `out` has room for the board's counter_count numbers.
[[nodiscard]] bool ReadTotals(const BoardFile& file, double* out) noexcept;

// A counter word as a number that may be added up.
double CounterValue(uint64_t word) noexcept;

// The word that says `value`.
uint64_t CounterWord(double value) noexcept;

}  // namespace rollcall
