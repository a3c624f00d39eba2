// docs/FORMAT.md a second time, written from that page and not from the core, with offsets as numbers: what a header
// is worth and what the words of a board say. The fuzzers compare the core's answers with it. For one thread and
// a board that nobody changes meanwhile.
#pragma once

#include <cstdint>
#include <vector>

#include "../../core/board_file.h"

namespace rollcall::test {

struct HeaderReading {
  Code code = Code::kOk;
  size_t needed = 0;  // with kTooLong
  Geometry geometry;  // with kOk
};

// What CheckHeader has to say.
HeaderReading ReadHeader(const uint8_t* bytes, size_t size, uint64_t actual_bytes);

// Sets the sizes in a header to what its counts ask for. REQUIRES: 256 bytes.
void SetSizes(uint8_t* header, uint64_t page);

uint64_t LoadLittle(const uint8_t* at, int bytes);
void StoreLittle(uint8_t* at, int bytes, uint64_t value);

struct RecordReading {
  uint64_t length, kind, encoding, epoch, wall_ms, monotonic_ns, generation, whole_length, crc32c, updates;
  const uint8_t* payload;
};

struct SlotReading {
  uint64_t seq, epoch, state, folded_epoch, ends;
  uint64_t ended_ns, ending, heart_ns, heart_epoch, heart_every_ms;
  uint64_t pid, id_bytes;
  const uint8_t* identity;
  const uint8_t* counters;
  RecordReading record;

  bool owned() const { return state == 1; }
  // Its last owner's record says so, under the epoch of the slot.
  bool said_goodbye() const { return record.epoch == epoch && record.kind == 3; }
  bool worn_out() const { return epoch >= uint64_t{1} << 53 || seq >= uint64_t{1} << 53; }
  bool introduced() const { return record.epoch == epoch; }
  bool DiedAs(uint64_t asked) const;
  // How the owner of that epoch ended; 0: nothing was noted.
  uint64_t EndingOf(uint64_t asked) const { return ending >> 10 == asked ? ending & 0x3ff : 0; }
};

class BoardReading {
 public:
  // Geometry and kinds of counters are those that the handle took when it opened the file.
  BoardReading(const uint8_t* bytes, const BoardFile& file)
      : bytes_(bytes), g_(file.geometry()), names_(file.names()) {}

  const Geometry& geometry() const { return g_; }
  bool IsCounter(uint32_t index) const { return names_[index].kind == 1; }
  bool IsGauge(uint32_t index) const { return names_[index].kind == 2; }
  uint32_t used() const;  // slots below the mark
  SlotReading Slot(uint32_t slot) const;
  double Counter(uint32_t slot, uint32_t index) const;
  // Of all owners, gone or not. `magnitude` adds up the sizes of what was added.
  double Total(uint32_t index, double* magnitude) const;

  uint64_t SlotOffset(uint32_t slot) const;

 private:
  const uint8_t* Retired() const;

  const uint8_t* bytes_;
  const Geometry& g_;
  const std::vector<NameEntry>& names_;
};

}  // namespace rollcall::test
