#include "reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "../../core/crc32c.h"

namespace rollcall::test {
namespace {

constexpr uint64_t Ceil(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

struct Sizes {
  uint64_t header, shared, stride, file;
};

// Sections 1, 1.3 and 2.
Sizes SizesFor(uint64_t slots, uint64_t inline_bytes, uint64_t counters, uint64_t shared, uint64_t page, bool large) {
  Sizes sizes;
  sizes.header = Ceil(256 + 64 * (counters + shared), page);
  sizes.shared = Ceil(512 + 2 * Ceil(16 + 8 * counters, 128) + 128 * shared + (large ? 4 * slots : 0), page);
  sizes.stride = 384 + Ceil(8 * counters, 128) + 2 * Ceil(64 + inline_bytes, 128);
  sizes.file = Ceil(sizes.header + sizes.shared + slots * sizes.stride, page);
  return sizes;
}

struct Counts {
  uint64_t slots, inline_bytes, counters, shared;
  bool large;

  explicit Counts(const uint8_t* header)
      : slots(LoadLittle(header + 24, 4)),
        inline_bytes(LoadLittle(header + 32, 4)),
        counters(LoadLittle(header + 40, 2)),
        shared(LoadLittle(header + 42, 2)),
        large(LoadLittle(header + 16, 4) == 1) {}
  bool InLimits() const {
    return slots >= 1 && slots <= 65535 && inline_bytes >= 64 && inline_bytes <= 1048576 && inline_bytes % 8 == 0 &&
           counters <= 64 && shared <= 64;
  }
  Sizes SizesWith(uint64_t page) const { return SizesFor(slots, inline_bytes, counters, shared, page, large); }
};

bool ChecksumIsRight(const uint8_t* bytes, size_t size) {
  std::vector<uint8_t> copy(bytes, bytes + size);
  memset(copy.data() + 252, 0, 4);
  return Crc32c(0, copy.data(), size) == LoadLittle(bytes + 252, 4);
}

bool TableIsSane(const uint8_t* table, const Counts& counts) {
  for (uint64_t i = 0; i < counts.counters + counts.shared; i++) {
    const uint8_t kind = table[64 * i], length = table[64 * i + 1];
    const bool fits = i < counts.counters ? kind == 1 || kind == 2 : kind == 3;
    if (!fits || length < 1 || length > 62) return false;
  }
  return true;
}

Geometry Describe(const Counts& counts, const Sizes& sizes) {
  Geometry g;
  g.slot_count = static_cast<uint32_t>(counts.slots);
  g.inline_bytes = static_cast<uint32_t>(counts.inline_bytes);
  g.counter_count = static_cast<uint32_t>(counts.counters);
  g.shared_count = static_cast<uint32_t>(counts.shared);
  g.header_bytes = static_cast<uint32_t>(sizes.header);
  g.shared_bytes = static_cast<uint32_t>(sizes.shared);
  g.slot_stride = static_cast<uint32_t>(sizes.stride);
  g.record_bytes = static_cast<uint32_t>(Ceil(64 + counts.inline_bytes, 128));
  g.records_offset = static_cast<uint32_t>(384 + Ceil(8 * counts.counters, 128));
  g.retired_bytes = static_cast<uint32_t>(Ceil(16 + 8 * counts.counters, 128));
  g.retired_offset = 512;
  g.counters_offset = 512 + 2 * g.retired_bytes;
  g.claims_offset = static_cast<uint32_t>(g.counters_offset + 128 * counts.shared);
  g.large = counts.large ? 1 : 0;
  g.file_bytes = sizes.file;
  return g;
}

double FiniteAt(const uint8_t* at) {
  double value;
  memcpy(&value, at, sizeof value);
  return std::isfinite(value) ? value : 0;
}

}  // namespace

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

uint64_t LoadLittle(const uint8_t* at, int bytes) {
  uint64_t value = 0;
  memcpy(&value, at, static_cast<size_t>(bytes));
  return value;
}

void StoreLittle(uint8_t* at, int bytes, uint64_t value) {
  memcpy(at, &value, static_cast<size_t>(bytes));
}

// Section 1.1.
HeaderReading ReadHeader(const uint8_t* bytes, size_t size, uint64_t actual_bytes) {
  const auto refused = [](Code code, size_t needed = 0) { return HeaderReading{code, needed, {}}; };
  if (size < 8) return refused(Code::kNotABoard);
  if (memcmp(bytes, "llacllor", 8) == 0) return refused(Code::kEndian);
  if (memcmp(bytes, "rollcall", 8) != 0) return refused(Code::kNotABoard);
  if (size < 256) return refused(Code::kCorruptHeader);
  if (LoadLittle(bytes + 8, 2) != 1) return refused(Code::kVersion);
  const uint64_t header_bytes = LoadLittle(bytes + 12, 4);
  const bool possible = header_bytes >= 4096 && header_bytes <= 1048576 && header_bytes % 4096 == 0;
  if (!possible || header_bytes > actual_bytes) return refused(Code::kCorruptHeader);
  if (header_bytes > size) return refused(Code::kTooLong, header_bytes);
  if (!ChecksumIsRight(bytes, header_bytes)) return refused(Code::kCorruptHeader);
  if (LoadLittle(bytes + 16, 4) > 1) return refused(Code::kVersion);
  const Counts counts(bytes);
  if (!counts.InLimits()) return refused(Code::kCorruptHeader);
  for (uint64_t page = 4096; page <= 1048576; page *= 2) {
    const Sizes sizes = counts.SizesWith(page);
    const bool same = sizes.header == header_bytes && sizes.stride == LoadLittle(bytes + 28, 4) &&
                      sizes.shared == LoadLittle(bytes + 36, 4) && sizes.file == LoadLittle(bytes + 48, 8);
    if (!same) continue;
    if (actual_bytes < sizes.file || !TableIsSane(bytes + 256, counts)) break;
    return {Code::kOk, 0, Describe(counts, sizes)};
  }
  return refused(Code::kCorruptHeader);
}

void SetSizes(uint8_t* header, uint64_t page) {
  const Sizes sizes = Counts(header).SizesWith(page);
  StoreLittle(header + 12, 4, sizes.header);
  StoreLittle(header + 28, 4, sizes.stride);
  StoreLittle(header + 36, 4, sizes.shared);
  StoreLittle(header + 48, 8, sizes.file);
}

bool SlotReading::DiedAs(uint64_t asked) const {
  if (owned() && epoch == asked) return !said_goodbye();
  return epoch - asked >= 64 || (ends >> (asked % 64) & 1) != 0;
}

uint64_t BoardReading::SlotOffset(uint32_t slot) const {
  return uint64_t{g_.header_bytes} + g_.shared_bytes + uint64_t{slot} * g_.slot_stride;
}

uint32_t BoardReading::used() const {
  return static_cast<uint32_t>(std::min<uint64_t>(LoadLittle(bytes_ + g_.header_bytes, 4), g_.slot_count));
}

// Section 2.
SlotReading BoardReading::Slot(uint32_t slot) const {
  const uint8_t* at = bytes_ + SlotOffset(slot);
  SlotReading s;
  s.seq = LoadLittle(at, 8);
  s.epoch = LoadLittle(at + 8, 8);
  s.state = LoadLittle(at + 16, 4);
  s.folded_epoch = LoadLittle(at + 24, 8);
  s.ends = LoadLittle(at + 32, 8);
  s.ended_ns = LoadLittle(at + 40, 8);
  s.ending = LoadLittle(at + 48, 8);
  s.heart_ns = LoadLittle(at + 64, 8);
  s.heart_epoch = LoadLittle(at + 72, 8);
  s.heart_every_ms = LoadLittle(at + 88, 4);
  s.identity = at + 128;
  s.pid = LoadLittle(at + 128, 4);
  s.id_bytes = LoadLittle(at + 164, 4);
  s.counters = at + 384;
  const uint8_t* records = s.counters + Ceil(8 * g_.counter_count, 128);
  const uint8_t* r = records + (s.seq >> 1 & 1) * Ceil(64 + g_.inline_bytes, 128);
  s.record = {LoadLittle(r, 4),      r[4],                  r[5],
              LoadLittle(r + 8, 8),  LoadLittle(r + 16, 8), LoadLittle(r + 24, 8),
              LoadLittle(r + 32, 8), LoadLittle(r + 40, 8), LoadLittle(r + 48, 4),
              LoadLittle(r + 56, 8), r + 64};
  return s;
}

double BoardReading::Counter(uint32_t slot, uint32_t index) const { return FiniteAt(Slot(slot).counters + 8 * index); }

// Section 1.3.
const uint8_t* BoardReading::Retired() const {
  const uint8_t* shared = bytes_ + g_.header_bytes;
  return shared + 512 + (LoadLittle(shared + 384, 8) >> 1 & 1) * Ceil(16 + 8 * g_.counter_count, 128);
}

double BoardReading::Total(uint32_t index, double* magnitude) const {
  const uint8_t* retired = Retired();
  double total = FiniteAt(retired + 16 + 8 * index);
  *magnitude = std::fabs(total);
  for (uint32_t slot = 0; IsCounter(index) && slot < used(); slot++) {
    const SlotReading s = Slot(slot);
    const bool named = LoadLittle(retired, 8) == slot && LoadLittle(retired + 8, 8) == s.epoch;
    if (s.epoch == 0 || s.folded_epoch == s.epoch || named) continue;
    total += FiniteAt(s.counters + 8 * index);
    *magnitude += std::fabs(FiniteAt(s.counters + 8 * index));
  }
  return total;
}

}  // namespace rollcall::test
