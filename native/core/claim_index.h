// Which slots a claim has to look at, on a large board: one word for each slot, side by side, so that a claim among
// ten thousand reads ten pages and not one for each slot.
//
// It only lets a claim skip slots. Whatever it does not skip is decided as on a small board, by the slot's own words and
// by the kernel's lock; so a wrong word here (its writer was killed between two stores, or is hostile) never gives
// a living worker's slot away. What it can hide for a while is a free slot, which is found when no other is.
//
// Everything is relaxed. Claimers, retirers and cleaners write under the claim byte. An owner writes its own word as long
// as it holds its slot byte, and only whoever has found that byte free writes it after the owner: the kernel's
// list of locks, which has a lock of its own, orders the two.
#pragma once

#include "board_file.h"

namespace rollcall {

class ClaimIndex {
 public:
  enum State : uint32_t {
    kFree = 0,   // never owned, or retired
    kOwned = 1,
    kLeft = 2,   // its owner said good-bye
    kEnded = 3,  // somebody has noted that its owner ended
  };

  explicit ClaimIndex(const BoardFile& file) : words_(file.geometry().large ? file.claim_words() : nullptr) {}

  // 30 bits of FNV-1a: two ids with the same only make a claim look twice.
  static uint32_t HashOf(const char* id, uint32_t bytes) noexcept {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < bytes; i++) hash = (hash ^ static_cast<uint8_t>(id[i])) * 16777619u;
    return hash >> 2;
  }

  bool MayBeOf(uint32_t slot, uint32_t hash) const noexcept {
    return words_ == nullptr || words_[slot].load(std::memory_order_relaxed) >> 2 == hash;
  }

  bool MayBeFree(uint32_t slot) const noexcept {
    return words_ == nullptr || (words_[slot].load(std::memory_order_relaxed) & 3) != kOwned;
  }

  void SetOwner(uint32_t slot, uint32_t hash) const noexcept {
    if (words_ != nullptr) words_[slot].store(hash << 2 | kOwned, std::memory_order_relaxed);
  }

  // The id stays, for a successor of the same.
  void SetState(uint32_t slot, State state) const noexcept {
    if (words_ == nullptr) return;
    const uint32_t word = words_[slot].load(std::memory_order_relaxed);
    words_[slot].store((word & ~3u) | state, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint32_t>* const words_;  // nullptr: a small board, or an older one, where nothing is skipped
};

}  // namespace rollcall
