#include <cstring>

#include "../../core/layout.h"
#include "../fixture.h"
#include "targets.h"

namespace rollcall::test {
namespace {

constexpr size_t kPrefix = sizeof(uint64_t);

std::vector<uint8_t> ReadFirst(const std::string& path, size_t size) {
  std::vector<uint8_t> bytes(size);
  FILE* file = fopen(path.c_str(), "rb");
  CHECK(file != nullptr);
  bytes.resize(fread(bytes.data(), 1, size, file));
  fclose(file);
  return bytes;
}

}  // namespace

void FuzzHeader(const uint8_t* data, size_t size) {
  if (size < kPrefix) return;
  uint64_t actual_bytes;
  memcpy(&actual_bytes, data, kPrefix);
  // In a buffer of exactly its size: one byte read beyond it is an error.
  const std::vector<uint8_t> bytes(data + kPrefix, data + size);
  Geometry geometry;
  size_t needed = 0;
  const Status status = CheckHeader(bytes.data(), bytes.size(), actual_bytes, &geometry, &needed);
  if (status.code == Code::kTooLong) CHECK(needed > bytes.size() && needed <= actual_bytes && needed <= 16 * 65536);
  if (!status.ok()) return;
  CheckParts(geometry, kMinPage);
  CHECK(geometry.file_bytes <= actual_bytes);
  CHECK(geometry.slot_count >= kMinSlots && geometry.slot_count <= kMaxSlots);
  CHECK(geometry.inline_bytes >= kMinInline && geometry.inline_bytes <= kMaxInline);
  CHECK(geometry.counter_count <= kMaxCounters && geometry.shared_count <= kMaxCounters);
}

void SignHeaderInput(uint8_t* data, size_t size) {
  if (size < kPrefix + sizeof(FileHeader)) return;
  uint8_t* header = data + kPrefix;
  uint32_t header_bytes;
  memcpy(&header_bytes, header + offsetof(FileHeader, header_bytes), sizeof header_bytes);
  if (header_bytes < sizeof(FileHeader) || header_bytes > size - kPrefix) return;
  const uint32_t crc = HeaderCrc(header, header_bytes);
  memcpy(header + offsetof(FileHeader, crc32c), &crc, sizeof crc);
}

std::vector<Seed> HeaderSeeds() {
  std::vector<Seed> seeds;
  for (const uint32_t slots : {1u, 4u, 1024u}) {
    for (const uint32_t counters : {0u, 3u, kMaxCounters}) {
      const World world(slots, 64 + 8 * counters, counters);
      const uint64_t file_bytes = world.Open(true)->file().geometry().file_bytes;
      std::vector<uint8_t> bytes(kPrefix);
      memcpy(bytes.data(), &file_bytes, kPrefix);
      const std::vector<uint8_t> header = ReadFirst(world.scratch.board(), 2 * kMinPage);
      bytes.insert(bytes.end(), header.begin(), header.end());
      seeds.push_back({std::to_string(slots) + "-slots-" + std::to_string(counters) + "-counters", bytes});
    }
  }
  return seeds;
}

}  // namespace rollcall::test
