#include "layout.h"

#include <cstring>

#include "crc32c.h"

namespace rollcall {
namespace {

constexpr uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

constexpr uint64_t SwapBytes(uint64_t value) {
  uint64_t swapped = 0;
  for (int i = 0; i < 8; i++) swapped = swapped << 8 | (value >> (8 * i) & 0xff);
  return swapped;
}

bool IsPageSize(uint32_t bytes) {
  return bytes >= kMinPage && bytes <= 16 * 65536 && (bytes & (bytes - 1)) == 0;
}

bool NamesAreSane(const uint8_t* table, uint32_t counters, uint32_t shared) {
  for (uint32_t i = 0; i < counters + shared; i++) {
    NameEntry entry;
    memcpy(&entry, table + i * sizeof entry, sizeof entry);
    const auto kind = static_cast<CounterKind>(entry.kind);
    const bool shared_kind = kind == CounterKind::kShared;
    if (shared_kind != (i >= counters)) return false;
    if (!shared_kind && kind != CounterKind::kCounter && kind != CounterKind::kGauge) return false;
    if (entry.length == 0 || entry.length > kMaxNameBytes) return false;
  }
  return true;
}

}  // namespace

Geometry Geometry::Of(uint32_t slot_count, uint32_t inline_bytes, uint32_t counter_count,
                      uint32_t shared_count, uint32_t page_bytes, bool large) {
  Geometry g;
  g.slot_count = slot_count;
  g.inline_bytes = static_cast<uint32_t>(RoundUp(inline_bytes, 8));
  g.counter_count = counter_count;
  g.shared_count = shared_count;
  g.large = large ? 1 : 0;

  const uint64_t names = uint64_t{counter_count} + shared_count;
  g.header_bytes = static_cast<uint32_t>(RoundUp(sizeof(FileHeader) + names * sizeof(NameEntry), page_bytes));
  g.retired_offset = sizeof(SharedArea);
  g.retired_bytes = static_cast<uint32_t>(RoundUp(8 * (kRetiredHeaderWords + counter_count), kLine));
  g.counters_offset = g.retired_offset + 2 * g.retired_bytes;
  g.claims_offset = g.counters_offset + shared_count * kLine;
  const uint64_t claim_bytes = large ? uint64_t{slot_count} * sizeof(uint32_t) : 0;
  g.shared_bytes = static_cast<uint32_t>(RoundUp(g.claims_offset + claim_bytes, page_bytes));

  g.records_offset = kCountersOffset + static_cast<uint32_t>(RoundUp(8 * counter_count, kLine));
  g.record_bytes = static_cast<uint32_t>(RoundUp(kRecordHeaderBytes + g.inline_bytes, kLine));
  g.slot_stride = g.records_offset + 2 * g.record_bytes;
  g.file_bytes = RoundUp(g.SlotOffset(slot_count), page_bytes);
  return g;
}

uint64_t Geometry::BlockBytes(uint32_t used) const {
  if (!large) return file_bytes;
  const uint64_t slots = RoundUp(used == 0 ? 1 : used, kSlotsPerReserve);
  return slots < slot_count ? SlotOffset(static_cast<uint32_t>(slots)) : file_bytes;
}

uint32_t HeaderCrc(const uint8_t* bytes, size_t size) {
  constexpr size_t at = offsetof(FileHeader, crc32c);
  const uint8_t zero[4] = {0, 0, 0, 0};
  uint32_t crc = Crc32c(0, bytes, at);
  crc = Crc32c(crc, zero, sizeof zero);
  return Crc32c(crc, bytes + at + sizeof zero, size - at - sizeof zero);
}

Status CheckHeader(const uint8_t* bytes, size_t size, uint64_t actual_bytes, Geometry* geometry,
                   size_t* needed) {
  FileHeader h;
  if (size < sizeof h.magic) return Status::Of(Code::kNotABoard);
  memcpy(&h, bytes, size < sizeof h ? size : sizeof h);
  if (h.magic == SwapBytes(kMagic)) return Status::Of(Code::kEndian);
  if (h.magic != kMagic) return Status::Of(Code::kNotABoard);
  if (size < sizeof h) return Status::Of(Code::kCorruptHeader);
  // Before the checksum: a later major version may keep it elsewhere.
  if (h.layout_major != kLayoutMajor) return Status::Of(Code::kVersion);

  const bool header_sane = h.header_bytes >= kMinPage && h.header_bytes % kMinPage == 0 &&
                           h.header_bytes <= 16 * 65536 && h.header_bytes <= actual_bytes;
  if (!header_sane) return Status::Of(Code::kCorruptHeader);
  if (size < h.header_bytes) {
    *needed = h.header_bytes;
    return Status::Of(Code::kTooLong);
  }
  if (HeaderCrc(bytes, h.header_bytes) != h.crc32c) return Status::Of(Code::kCorruptHeader);
  if ((h.incompatible_features & ~kKnownIncompatible) != 0) return Status::Of(Code::kVersion);

  // A checksum proves that nothing was damaged, not that the writer was honest.
  const bool numbers_sane = h.slot_count >= kMinSlots && h.slot_count <= kMaxSlots &&
                            h.inline_bytes >= kMinInline && h.inline_bytes <= kMaxInline &&
                            h.inline_bytes % 8 == 0 && h.counter_count <= kMaxCounters &&
                            h.shared_count <= kMaxCounters;
  if (!numbers_sane) return Status::Of(Code::kCorruptHeader);
  const bool large = (h.incompatible_features & kFeatureLarge) != 0;
  for (uint32_t page = kMinPage; IsPageSize(page); page *= 2) {
    const Geometry g = Geometry::Of(h.slot_count, h.inline_bytes, h.counter_count, h.shared_count, page, large);
    const bool same = g.header_bytes == h.header_bytes && g.shared_bytes == h.shared_bytes &&
                      g.slot_stride == h.slot_stride && g.file_bytes == h.file_bytes;
    if (!same) continue;
    if (actual_bytes < g.file_bytes) return Status::Of(Code::kCorruptHeader);
    if (!NamesAreSane(bytes + sizeof h, h.counter_count, h.shared_count)) break;
    *geometry = g;
    return Status::Ok();
  }
  return Status::Of(Code::kCorruptHeader);
}

}  // namespace rollcall
