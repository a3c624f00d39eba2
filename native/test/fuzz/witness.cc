#include "witness.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace rollcall::test {

bool Handles::any_open() const {
  return std::any_of(std::begin(boards), std::end(boards), [](const auto& board) { return board != nullptr; });
}

bool Witness::IsLocked(const Board& board, uint32_t slot) const {
  const uint64_t byte = board.file().lock_byte(slot);
  for (const std::unique_ptr<Board>& other : handles_.boards) {
    if (other != nullptr && other->has_slot() && other->file().lock_byte(other->slot()) == byte) return true;
  }
  const std::vector<uint64_t>& held = hand_.held_locks();
  return std::find(held.begin(), held.end(), byte) != held.end();
}

Alive Witness::Lives(const Board& board, uint32_t slot, const SlotReading& s) const {
  if (board.has_slot() && board.slot() == slot) return s.epoch == board.epoch() ? Alive::kYes : Alive::kNo;
  // A forged pid may be of a process that ends just now.
  const bool is_ours = s.pid == static_cast<uint64_t>(getpid());
  if (IsLocked(board, slot)) return is_ours ? Alive::kYes : Alive::kUnknown;
  const uint64_t byte = board.file().lock_byte(slot);
  const bool was_locked = std::find(ever_locked_.begin(), ever_locked_.end(), byte) != ever_locked_.end();
  return was_locked ? Alive::kUnknown : Alive::kNo;
}

void Witness::RememberLocks(const Board& board) {
  for (uint32_t slot = 0; slot < board.file().geometry().slot_count; slot++) {
    if (IsLocked(board, slot)) ever_locked_.push_back(board.file().lock_byte(slot));
  }
}

LockedFunction Witness::LockedOn(const Board& board) const {
  return [this, &board](uint32_t slot) { return IsLocked(board, slot); };
}

}  // namespace rollcall::test
