// A latch: one writer publishes records, any number of readers copy the newest complete one.
// Two buffers take turns, so a reader always has a finished one, and a writer that dies in the
// middle of a write loses only that write. Linux knows this as seqcount_latch.
//
//   seq even   buf[(seq / 2) % 2] is the newest record, nothing is being written
//   seq odd    the other buffer is being written, or its writer died there
//
// Why each ordering is what it is (after Boehm, "Can seqlocks get along with programming
// language memory models?", 2012):
//
//   writer   seq.store(q + 1, release)  a reader that sees q + 1 copies the record published
//                                       by q; release makes that record visible to it also
//                                       when q + 2 never comes.
//            fence(release)             pairs with the reader's fence: a reader that saw any
//                                       new word must see at least q + 1 when it looks again.
//            words, relaxed             atomic, so that a lapped reader is no data race.
//            seq.store(q + 2, release)  a reader that sees q + 2 sees the whole record.
//   reader   seq.load(acquire)          pairs with the stores above.
//            words, relaxed
//            fence(acquire)             keeps the second look behind the words.
//            seq.load(relaxed)          buf is written again only after q + 3 is stored.
//
// ThreadSanitizer does not model fences. With ROLLCALL_FENCE_FREE the words themselves carry
// release and acquire: the same promises, bought at every word instead of once.
#pragma once

#include <sched.h>

#include <cstdint>

#include "layout.h"

namespace rollcall {

#ifdef ROLLCALL_FENCE_FREE
inline constexpr std::memory_order kWordStore = std::memory_order_release;
inline constexpr std::memory_order kWordLoad = std::memory_order_acquire;
inline void ReleaseFence() noexcept {}
inline void AcquireFence() noexcept {}
#else
inline constexpr std::memory_order kWordStore = std::memory_order_relaxed;
inline constexpr std::memory_order kWordLoad = std::memory_order_relaxed;
inline void ReleaseFence() noexcept { std::atomic_thread_fence(std::memory_order_release); }
inline void AcquireFence() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }
#endif

// Compilers leave loops over atomics as they are, so the unrolling is ours to ask for: it makes
// these two nearly three times as fast.
#if defined(__clang__)
#define ROLLCALL_UNROLL _Pragma("unroll 8")
#else
#define ROLLCALL_UNROLL _Pragma("GCC unroll 8")
#endif

inline void StoreWords(Word* to, const uint64_t* from, uint32_t count) noexcept {
  ROLLCALL_UNROLL
  for (uint32_t i = 0; i < count; i++) to[i].store(from[i], kWordStore);
}

inline void LoadWords(uint64_t* to, const Word* from, uint32_t count) noexcept {
  ROLLCALL_UNROLL
  for (uint32_t i = 0; i < count; i++) to[i] = from[i].load(kWordLoad);
}

class Latch {
 public:
  // Only a writer that makes progress causes retries; so many in a row mean a hostile one.
  static constexpr int kMaxTries = 10000;
  static constexpr int kTriesPerYield = 64;

  Latch(Word* seq, Word* buf0, Word* buf1) noexcept : seq_(seq), buf_{buf0, buf1} {}

  // Publishes `count` words and makes them the newest record.
  // REQUIRES: they fit into a buffer, and nobody else publishes here meanwhile.
  void Publish(const uint64_t* words, uint32_t count) noexcept {
    // Odd: an owner before us died while it wrote. Its half record is the one we overwrite.
    const uint64_t q = seq_->load(std::memory_order_relaxed) & ~uint64_t{1};
    seq_->store(q + 1, std::memory_order_release);
    ReleaseFence();
    StoreWords(buf_[((q >> 1) + 1) & 1], words, count);
    seq_->store(q + 2, std::memory_order_release);
  }

  // Calls `copy(buffer)` until it has run beside a record that stayed whole, and stores that
  // record's sequence number. False: the writer lapped us kMaxTries times.
  // REQUIRES: `copy` loads with LoadWords only, trusts nothing it loads, and may run again.
  template <typename Copy>
  [[nodiscard]] bool Read(uint64_t* seq, Copy copy) const noexcept {
    for (int tries = 1; tries <= kMaxTries; tries++) {
      const uint64_t a = seq_->load(std::memory_order_acquire) & ~uint64_t{1};
      copy(static_cast<const Word*>(buf_[(a >> 1) & 1]));
      AcquireFence();
      if (seq_->load(std::memory_order_relaxed) - a <= 2) {
        *seq = a;
        return true;
      }
      if (tries % kTriesPerYield == 0) sched_yield();
    }
    return false;
  }

  // Asks for the first two lines of the newest record, for a Read that is soon to come.
  void Prefetch() const noexcept {
    const Word* record = buf_[(seq_->load(std::memory_order_relaxed) >> 1) & 1];
    __builtin_prefetch(record);
    __builtin_prefetch(record + 8);
  }

 private:
  Word* seq_;
  Word* buf_[2];
};

}  // namespace rollcall
