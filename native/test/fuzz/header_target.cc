#include <cstring>

#include "../../core/layout.h"
#include "../fixture.h"
#include "reference.h"
#include "targets.h"

namespace rollcall::test {
namespace {

// Chance finds no checksum, and no four sizes that fit each other. So an input's first byte says what is put right
// about the header that follows; an input without any of these is taken as it is.
enum Flag : uint8_t {
  kSized = 1,    // its sizes are those that its counts ask for
  kNamed = 2,    // entries of the counter table behind the input's end are sound, but for the one that the reserved
                 // bytes of the header describe: which, its kind, its length (0: leave it)
  kWhole = 4,    // zeros follow up to its end
  kSigned = 8,   // its checksum is right
  kExact = 16,   // the file is as long as it says
  kShort = 32,   // ... less one byte
  kPageBits = 6  // and up: one of four page sizes
};
constexpr uint64_t kPages[] = {4096, 8192, 16384, 65536};
constexpr size_t kPrefix = 1 + 8;  // the flags, and how long the file is
// The checksum of a longer one costs more than it could show.
constexpr size_t kMostWhole = 16384;

struct HeaderInput {
  std::vector<uint8_t> bytes;
  uint64_t actual_bytes;

  HeaderInput(const uint8_t* data, size_t size) : bytes(data + kPrefix, data + size) {
    const uint8_t flags = data[0];
    actual_bytes = LoadLittle(data + 1, 8);
    if (bytes.size() < sizeof(FileHeader)) return;
    if (flags & kSized) SetSizes(bytes.data(), kPages[flags >> kPageBits]);
    if (flags & kNamed) AddNames();
    const uint64_t header_bytes = LoadLittle(&bytes[12], 4);
    if ((flags & kWhole) && header_bytes > bytes.size() && header_bytes <= kMostWhole) bytes.resize(header_bytes);
    const bool signable = header_bytes >= sizeof(FileHeader) && header_bytes <= bytes.size();
    if ((flags & kSigned) && signable) StoreLittle(&bytes[252], 4, HeaderCrc(bytes.data(), header_bytes));
    if (flags & kExact) actual_bytes = LoadLittle(&bytes[48], 8) - (flags & kShort ? 1 : 0);
  }

 private:
  void AddNames() {
    const uint64_t counters = LoadLittle(&bytes[40], 2), all = counters + LoadLittle(&bytes[42], 2);
    if (all > 2 * kMaxCounters) return;
    for (uint64_t i = (bytes.size() - 256 + 63) / 64; i < all; i++) {
      bytes.resize(256 + 64 * (i + 1));
      bytes[256 + 64 * i] = i < counters ? 1 + i % 2 : 3;
      bytes[256 + 64 * i + 1] = static_cast<uint8_t>(1 + i % kMaxNameBytes);
    }
    if (all == 0 || bytes.size() < 256 + 64 * all) return;
    uint8_t* odd = &bytes[256 + 64 * (bytes[44] % all)];
    for (const int field : {0, 1}) {
      if (bytes[45 + field] != 0) odd[field] = bytes[45 + field];
    }
  }
};

}  // namespace

void FuzzHeader(const uint8_t* data, size_t size) {
  if (size < kPrefix) return;
  HeaderInput input(data, size);
  input.bytes.shrink_to_fit();  // of exactly its size: one byte read beyond it is an error
  const HeaderReading expected = ReadHeader(input.bytes.data(), input.bytes.size(), input.actual_bytes);
  Geometry geometry;
  size_t needed = 0;

  const Status status = CheckHeader(input.bytes.data(), input.bytes.size(), input.actual_bytes, &geometry, &needed);

  CHECK_CODE(status, expected.code);
  if (status.code == Code::kTooLong) CHECK_EQ(needed, expected.needed);
  if (!status.ok()) return;
  CHECK(memcmp(&geometry, &expected.geometry, sizeof geometry) == 0);
  CheckParts(geometry, kMinPage);
}

std::vector<Seed> HeaderSeeds() {
  std::vector<Seed> seeds;
  for (const uint32_t slots : {1u, 1024u}) {
    for (const uint32_t counters : {0u, 3u, kMaxCounters}) {
      const World world(slots, 64 + 8 * counters, counters);
      const auto board = world.Open(true);
      const std::string name = std::to_string(slots) + "-slots-" + std::to_string(counters) + "-counters";
      const uint8_t* header = reinterpret_cast<const uint8_t*>(&board->file().header());
      for (const uint8_t flags : {kSized | kNamed | kWhole | kSigned | kExact, kWhole | kSigned, kNamed | kSigned}) {
        std::vector<uint8_t> bytes(kPrefix);
        bytes[0] = static_cast<uint8_t>(flags);
        StoreLittle(&bytes[1], 8, board->file().geometry().file_bytes);
        bytes.insert(bytes.end(), header, header + sizeof(FileHeader));
        const uint8_t* names = reinterpret_cast<const uint8_t*>(board->file().names().data());
        if ((flags & kNamed) == 0) bytes.insert(bytes.end(), names, names + counters * sizeof(NameEntry));
        seeds.push_back({name + "-" + std::to_string(flags), bytes});
        if ((flags & kNamed) == 0) continue;
        memcpy(&bytes[kPrefix + 44], "\1\2\76", 3);  // its second one a gauge with the longest name
        seeds.push_back({name + "-" + std::to_string(flags) + "-odd", bytes});
      }
    }
  }
  return seeds;
}

}  // namespace rollcall::test
