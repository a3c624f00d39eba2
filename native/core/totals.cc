#include "totals.h"

#include <cmath>
#include <cstring>

namespace rollcall {
namespace {

constexpr int kMaxTries = 10000;
constexpr uint32_t kMaxWords = kRetiredHeaderWords + kMaxCounters;

bool IsCounter(const BoardFile& file, uint32_t index) {
  return file.names()[index].kind == static_cast<uint8_t>(CounterKind::kCounter);
}

// Completes the fold that the newest record of the retired totals speaks of.
void CompleteMark(const BoardFile& file, const uint64_t* record) noexcept {
  const uint64_t slot = record[0], epoch = record[1];
  if (epoch == 0 || slot >= file.geometry().slot_count) return;
  SlotControl* control = file.control(static_cast<uint32_t>(slot));
  // Release: whoever sees the mark sees the totals that the slot is in.
  if (control->epoch.load(std::memory_order_relaxed) == epoch) control->folded_epoch.store(epoch, std::memory_order_release);
}

bool ReadRetired(const BoardFile& file, uint64_t* record, uint64_t* seq) noexcept {
  const uint32_t words = kRetiredHeaderWords + file.geometry().counter_count;
  return file.retired_latch().Read(seq, [&](const Word* buffer) { LoadWords(record, buffer, words); });
}

}  // namespace

double CounterValue(uint64_t word) noexcept {
  double value;
  memcpy(&value, &word, sizeof value);
  // The owner writes this word as it likes. One that is no number must not spoil the sum.
  return std::isfinite(value) ? value : 0;
}

uint64_t CounterWord(double value) noexcept {
  uint64_t word;
  memcpy(&word, &value, sizeof word);
  return word;
}

void FoldCounters(const BoardFile& file, uint32_t slot) noexcept {
  uint64_t record[kMaxWords], seq;
  if (!ReadRetired(file, record, &seq)) return;
  CompleteMark(file, record);

  SlotControl* control = file.control(slot);
  const uint64_t epoch = control->epoch.load(std::memory_order_relaxed);
  if (control->folded_epoch.load(std::memory_order_relaxed) == epoch) return;
  const uint32_t counters = file.geometry().counter_count;
  for (uint32_t i = 0; i < counters; i++) {
    if (!IsCounter(file, i)) continue;
    uint64_t& sum = record[kRetiredHeaderWords + i];
    sum = CounterWord(CounterValue(sum) + CounterValue(file.counters(slot)[i].load(std::memory_order_relaxed)));
  }
  record[0] = slot;
  record[1] = epoch;
  file.retired_latch().Publish(record, kRetiredHeaderWords + counters);
  CompleteMark(file, record);
}

void ClearCounters(const BoardFile& file, uint32_t slot) noexcept {
  // A reader of totals that meets one of these zeros must find that the retired totals have moved,
  // a reader of this slot's counters that their owner was retired.
  ReleaseFence();
  for (uint32_t i = 0; i < file.geometry().counter_count; i++) file.counters(slot)[i].store(0, kWordStore);
}

bool ReadTotals(const BoardFile& file, double* out) noexcept {
  const uint32_t counters = file.geometry().counter_count;
  for (int tries = 1; tries <= kMaxTries; tries++) {
    uint64_t record[kMaxWords], seq;
    if (!ReadRetired(file, record, &seq)) return false;
    for (uint32_t i = 0; i < counters; i++) out[i] = CounterValue(record[kRetiredHeaderWords + i]);

    const uint32_t used = file.high_water();
    for (uint32_t slot = 0; slot < used; slot++) {
      const SlotControl* control = file.control(slot);
      // Acquire: a new owner's epoch comes with the zeros it started from.
      const uint64_t epoch = control->epoch.load(std::memory_order_acquire);
      if (epoch == 0 || control->folded_epoch.load(std::memory_order_acquire) == epoch) continue;
      if (record[0] == slot && record[1] == epoch) continue;
      for (uint32_t i = 0; i < counters; i++) {
        if (IsCounter(file, i)) out[i] += CounterValue(file.counters(slot)[i].load(kWordLoad));
      }
    }
    AcquireFence();
    if ((file.shared()->retired.seq.load(std::memory_order_relaxed) & ~uint64_t{1}) == seq) return true;
    if (tries % Latch::kTriesPerYield == 0) sched_yield();
  }
  return false;
}

}  // namespace rollcall
