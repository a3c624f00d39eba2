// The file of a board: made whole or not at all, checked before it is mapped, mapped once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latch.h"
#include "layout.h"

namespace rollcall {

// What a new board shall be. Counter names come as a table of NameEntry, own before shared.
struct BoardPlan {
  std::string path;       // of the board
  std::string temporary;  // beside it, a name that nobody else uses
  uint32_t slot_count = 0;
  uint32_t inline_bytes = 0;
  uint32_t max_small_slots = kMaxSmallSlots;  // one with more slots is made large
  std::vector<NameEntry> counters;
  std::vector<NameEntry> shared_counters;
  uint8_t board_id[16] = {};
  uint32_t mode = 0600;
  bool any_filesystem = false;
  // What the retired totals and the shared counters begin with, in the order of the names; empty: with 0.
  std::vector<double> totals;
  std::vector<int64_t> shared_values;
};

class BoardFile {
 public:
  BoardFile() = default;
  BoardFile(const BoardFile&) = delete;
  BoardFile& operator=(const BoardFile&) = delete;
  ~BoardFile() { Close(); }

  // Makes a board where there is none. kExists: somebody was first, and theirs is good to open.
  // kGone: the temporary file was swept away under our hands; try again with another name.
  // A creator killed anywhere leaves at most its temporary file, which blocks nobody.
  static Status Create(const BoardPlan& plan);

  // Checks the file and maps it. No byte of it changes. kGone: there is no file of that name.
  Status Open(const std::string& path, bool read_only, bool any_filesystem);

  // Says that this handle means to use the board and not to replace it: from here on nobody else replaces it
  // either. kBusy: somebody is just replacing it, open the name again. kReplaced: somebody has.
  // A handle that only reads promises nothing and hinders nobody.
  Status Enter() noexcept;

  // Puts a new board in this one's place, if nobody has a slot of it and nobody has entered it. What counters
  // of the same name and kind have come to is carried over. kInUse: somebody has. kReplaced: somebody
  // else has done it. kBusy: somebody is at it. In each case the caller opens the name again
  // or uses this board as it is.
  // REQUIRES: open for writing, not entered.
  Status Supplant(BoardPlan plan);

  void Close() noexcept;

  // kReplaced: the name leads to another file than this one, or to none.
  Status CheckName() const noexcept;

  bool is_open() const { return base_ != nullptr; }
  bool read_only() const { return read_only_; }
  bool from_earlier_boot() const;
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  uint64_t device() const { return device_; }
  uint64_t inode() const { return inode_; }
  uint32_t uid() const { return uid_; }
  // How many names the file had when it was opened.
  uint64_t links() const { return links_; }
  const Geometry& geometry() const { return geometry_; }
  const FileHeader& header() const { return header_; }
  const std::vector<NameEntry>& names() const { return names_; }

  SharedArea* shared() const { return reinterpret_cast<SharedArea*>(base_ + geometry_.header_bytes); }
  SlotControl* control(uint32_t slot) const { return reinterpret_cast<SlotControl*>(Slot(slot)); }
  Word* identity(uint32_t slot) const { return reinterpret_cast<Word*>(Slot(slot) + kIdentityOffset); }
  Word* counters(uint32_t slot) const { return reinterpret_cast<Word*>(Slot(slot) + kCountersOffset); }
  Latch latch(uint32_t slot) const {
    uint8_t* records = Slot(slot) + geometry_.records_offset;
    return Latch(&control(slot)->seq, reinterpret_cast<Word*>(records),
                 reinterpret_cast<Word*>(records + geometry_.record_bytes));
  }
  // REQUIRES: a large board. See claim_index.h.
  std::atomic<uint32_t>* claim_words() const {
    return reinterpret_cast<std::atomic<uint32_t>*>(reinterpret_cast<uint8_t*>(shared()) + geometry_.claims_offset);
  }
  Latch retired_latch() const;
  Word* shared_counter(uint32_t index) const;
  uint64_t lock_byte(uint32_t slot) const { return geometry_.SlotOffset(slot); }

  // Gives a slot its blocks, where nobody has had it before. Killed halfway, it has some that nobody uses yet.
  // REQUIRES: open for writing, the claim byte.
  Status ReserveSlot(uint32_t slot) noexcept;

  // Slots at and above this index have never been used, and on a large board must not be touched: they may be a hole.
  uint32_t high_water() const noexcept;

 private:
  Status CarryOver(BoardPlan* plan) const;
  uint8_t* Slot(uint32_t slot) const { return base_ + geometry_.SlotOffset(slot); }
  Status ReadHeader(uint64_t actual_bytes);
  Status Map();
  Status GiveBlocks(uint64_t present) noexcept;

  std::string path_;
  bool read_only_ = true;
  int fd_ = -1;
  uint8_t* base_ = nullptr;
  uint64_t device_ = 0, inode_ = 0, links_ = 0;
  uint32_t uid_ = 0;
  Geometry geometry_;
  FileHeader header_ = {};        // a private copy: the mapping's own is never read
  std::vector<NameEntry> names_;  // likewise
};

// Whether a temporary file was left by a creator that is gone.
bool IsAbandoned(const char* temporary) noexcept;

}  // namespace rollcall
