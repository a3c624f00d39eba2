// The header of a board: what CheckHeader lets through, and what not.

#include <cstring>

#include "../core/crc32c.h"
#include "fixture.h"

namespace rollcall::test {
namespace {

constexpr uint32_t kSlots = 4, kInline = 72, kOwn = 2, kSharedCounters = 1;

struct Header {
  std::vector<uint8_t> bytes;
  uint64_t file_bytes;

  FileHeader Get() const {
    FileHeader header;
    memcpy(&header, bytes.data(), sizeof header);
    return header;
  }
  // Puts it back, with a checksum that is right: a damaged header is one thing, a lying one another.
  void Set(FileHeader header) {
    header.crc32c = 0;
    memcpy(bytes.data(), &header, sizeof header);
    Seal();
  }
  void Seal() {
    const uint32_t crc = HeaderCrc(bytes.data(), bytes.size());
    memcpy(bytes.data() + offsetof(FileHeader, crc32c), &crc, sizeof crc);
  }
  Code Check(Geometry* geometry = nullptr) const { return Check(bytes.size(), file_bytes, geometry); }
  Code Check(size_t size, uint64_t actual_bytes, Geometry* geometry = nullptr) const {
    Geometry unused;
    size_t needed = 0;
    return CheckHeader(bytes.data(), size, actual_bytes, geometry != nullptr ? geometry : &unused, &needed).code;
  }
};

Header HonestHeader(uint32_t slots = kSlots, uint32_t inline_bytes = kInline, uint32_t own = kOwn,
                    uint32_t shared = kSharedCounters, uint32_t page = kMinPage) {
  const Geometry g = Geometry::Of(slots, inline_bytes, own, shared, page, false);
  Header header{std::vector<uint8_t>(g.header_bytes, 0), g.file_bytes};
  for (uint32_t i = 0; i < own + shared; i++) {
    NameEntry entry = {};
    entry.kind = static_cast<uint8_t>(i < own ? CounterKind::kCounter : CounterKind::kShared);
    entry.length = 1;
    entry.name[0] = static_cast<char>('a' + i % 26);
    memcpy(header.bytes.data() + sizeof(FileHeader) + i * sizeof entry, &entry, sizeof entry);
  }
  FileHeader h = {};
  h.magic = kMagic;
  h.layout_major = kLayoutMajor;
  h.layout_minor = kLayoutMinor;
  h.header_bytes = g.header_bytes;
  h.slot_count = g.slot_count;
  h.slot_stride = g.slot_stride;
  h.inline_bytes = g.inline_bytes;
  h.shared_bytes = g.shared_bytes;
  h.counter_count = static_cast<uint16_t>(own);
  h.shared_count = static_cast<uint16_t>(shared);
  h.file_bytes = g.file_bytes;
  header.Set(h);
  return header;
}

TEST("a board's parts neither overlap nor leave the file, at every limit") {
  for (const uint32_t slots : {kMinSlots, 2u, 1024u, kMaxSlots}) {
    for (const uint32_t inline_bytes : {kMinInline, 65u, 71u, 72u, 1024u, kMaxInline - 1, kMaxInline}) {
      for (const uint32_t own : {0u, 1u, 14u, 15u, 16u, kMaxCounters}) {
        for (const uint32_t shared : {0u, 1u, kMaxCounters}) {
          for (const uint32_t page : {4096u, 16384u, 65536u}) {
            const Geometry g = Geometry::Of(slots, inline_bytes, own, shared, page, page == 16384);
            CheckParts(g, page);
            CHECK(g.inline_bytes % 8 == 0 && g.inline_bytes >= inline_bytes && g.inline_bytes < inline_bytes + 8);
          }
        }
      }
    }
  }
}

TEST("an honest header is accepted at every limit and says what the board is") {
  for (const uint32_t slots : {kMinSlots, kMaxSlots}) {
    for (const uint32_t inline_bytes : {kMinInline, kMaxInline}) {
      for (const uint32_t own : {0u, kMaxCounters}) {
        for (const uint32_t shared : {0u, kMaxCounters}) {
          for (const uint32_t page : {4096u, 16384u, 65536u}) {
            const Header header = HonestHeader(slots, inline_bytes, own, shared, page);
            Geometry g;

            CHECK_EQ(header.Check(&g), Code::kOk);

            CHECK(g.slot_count == slots && g.inline_bytes == inline_bytes);
            CHECK(g.counter_count == own && g.shared_count == shared);
            CHECK_EQ(g.file_bytes, header.file_bytes);
          }
        }
      }
    }
  }
}

TEST("a header with any one bit wrong is refused") {
  const Header honest = HonestHeader();
  for (size_t at = 0; at < honest.bytes.size(); at++) {
    for (int bit = 0; bit < 8; bit++) {
      Header damaged = honest;
      damaged.bytes[at] ^= static_cast<uint8_t>(1 << bit);

      const Code code = damaged.Check();

      const bool in_magic = at < 8, in_major = at == 8 || at == 9;
      if (in_magic) CHECK_EQ(code, Code::kNotABoard);
      if (in_major) CHECK_EQ(code, Code::kVersion);
      // kTooLong: the damage is in header_bytes and asks for more of the file than we gave.
      if (!in_magic && !in_major) CHECK(code == Code::kCorruptHeader || code == Code::kTooLong);
    }
  }
}

TEST("a header that is cut off anywhere is refused") {
  const Header honest = HonestHeader();
  for (size_t size = 0; size < honest.bytes.size(); size++) CHECK(honest.Check(size, size) != Code::kOk);
  CHECK_EQ(honest.Check(honest.bytes.size(), honest.file_bytes - 1), Code::kCorruptHeader);
  CHECK_EQ(honest.Check(honest.bytes.size(), honest.bytes.size()), Code::kCorruptHeader);
  CHECK_EQ(honest.Check(honest.bytes.size(), 0), Code::kCorruptHeader);
}

TEST("a header of the other byte order is told apart from a file that is no board") {
  Header header = HonestHeader();
  for (int i = 0; i < 4; i++) std::swap(header.bytes[i], header.bytes[7 - i]);

  CHECK_EQ(header.Check(), Code::kEndian);
  CHECK_EQ(Header({std::vector<uint8_t>(4096, 0), 4096}).Check(), Code::kNotABoard);
}

TEST("another major version and an unknown incompatible feature are refused, the compatible are not") {
  struct Case {
    void (*change)(FileHeader&);
    Code expected;
  };
  const Case cases[] = {
      {[](FileHeader& h) { h.layout_major = 2; }, Code::kVersion},
      {[](FileHeader& h) { h.layout_major = 0; }, Code::kVersion},
      {[](FileHeader& h) { h.incompatible_features = 0x80000000; }, Code::kVersion},
      {[](FileHeader& h) { h.layout_minor = 7; }, Code::kOk},
      {[](FileHeader& h) { h.compatible_features = 0xffffffff; }, Code::kOk},
  };
  for (const Case& one : cases) {
    Header header = HonestHeader();
    FileHeader h = header.Get();
    one.change(h);
    header.Set(h);
    CHECK_EQ(header.Check(), one.expected);
  }
}

TEST("a header with an honest checksum and a dishonest geometry is refused") {
  void (*const lies[])(FileHeader&) = {
      [](FileHeader& h) { h.slot_count = 0; },
      [](FileHeader& h) { h.slot_count++; },
      [](FileHeader& h) { h.slot_count = kMaxSlots + 1; },
      [](FileHeader& h) { h.slot_count = UINT32_MAX; },
      [](FileHeader& h) { h.slot_stride = 0; },
      [](FileHeader& h) { h.slot_stride -= 8; },
      [](FileHeader& h) { h.slot_stride += kLine; },
      [](FileHeader& h) { h.slot_stride = UINT32_MAX; },
      [](FileHeader& h) { h.inline_bytes = 0; },
      [](FileHeader& h) { h.inline_bytes += 4; },
      [](FileHeader& h) { h.inline_bytes = 1024; },
      [](FileHeader& h) { h.inline_bytes = kMaxInline + 8; },
      [](FileHeader& h) { h.inline_bytes = UINT32_MAX & ~7u; },
      [](FileHeader& h) { h.shared_bytes = 0; },
      [](FileHeader& h) { h.shared_bytes += kMinPage; },
      [](FileHeader& h) { h.counter_count = kMaxCounters + 1; },
      [](FileHeader& h) { h.counter_count = UINT16_MAX; },
      [](FileHeader& h) { h.counter_count--; },
      [](FileHeader& h) { h.shared_count = UINT16_MAX; },
      [](FileHeader& h) { h.file_bytes = 0; },
      [](FileHeader& h) { h.file_bytes -= kMinPage; },
      [](FileHeader& h) { h.file_bytes = UINT64_MAX; },
  };
  for (const auto lie : lies) {
    Header header = HonestHeader();
    FileHeader h = header.Get();
    lie(h);
    header.Set(h);
    CHECK_EQ(header.Check(), Code::kCorruptHeader);
  }
}

TEST("a header with a senseless table of counters is refused") {
  struct Case {
    uint32_t entry;
    uint8_t kind, length;
  };
  const Case cases[] = {{0, 0, 1}, {0, 3, 1}, {1, 9, 1}, {2, 1, 1}, {0, 1, 0}, {0, 1, 63}, {2, 3, 255}};
  for (const Case& one : cases) {
    Header header = HonestHeader();
    uint8_t* entry = header.bytes.data() + sizeof(FileHeader) + one.entry * sizeof(NameEntry);
    entry[0] = one.kind;
    entry[1] = one.length;
    header.Seal();
    CHECK_EQ(header.Check(), Code::kCorruptHeader);
  }
}

TEST("random headers with an honest checksum never describe more than the file has") {
  for (int round = 0; round < 8000; round++) {
    Header header = HonestHeader();
    for (uint64_t i = RandomBetween(1, 4); i > 0; i--) {
      // Not the magic and not the major version: those would end the matter at once.
      header.bytes[RandomBetween(10, sizeof(FileHeader) + 3 * sizeof(NameEntry))] = static_cast<uint8_t>(Random());
    }
    header.Seal();
    Geometry g;
    const uint64_t actual_bytes = RandomBetween(0, 2 * header.file_bytes);

    if (header.Check(header.bytes.size(), actual_bytes, &g) != Code::kOk) continue;

    CHECK(g.file_bytes <= actual_bytes);
    CheckParts(g, kMinPage);
  }
}

uint32_t CrcOf(const std::vector<uint8_t>& bytes) { return Crc32c(0, bytes.data(), bytes.size()); }

TEST("CRC32C gives the published values") {
  std::vector<uint8_t> rising(32), falling(32);
  for (uint8_t i = 0; i < 32; i++) {
    rising[i] = i;
    falling[i] = static_cast<uint8_t>(31 - i);
  }
  // RFC 3720, B.4
  CHECK_EQ(CrcOf(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
  CHECK_EQ(CrcOf(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  CHECK_EQ(CrcOf(rising), 0x46dd794eu);
  CHECK_EQ(CrcOf(falling), 0x113fdb5cu);
  CHECK_EQ(Crc32c(0, reinterpret_cast<const uint8_t*>("123456789"), 9), 0xe3069283u);
  CHECK_EQ(Crc32c(0, nullptr, 0), 0u);
}

TEST("CRC32C is the same with and without the instruction of the processor") {
  std::vector<uint8_t> bytes(200);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Random());
  for (size_t from = 0; from < 9; from++) {
    for (size_t size = 0; from + size <= bytes.size(); size++) {
      const uint32_t crc = static_cast<uint32_t>(Random());
      CHECK_EQ(Crc32c(crc, bytes.data() + from, size), Crc32cPortable(crc, bytes.data() + from, size));
    }
  }
}

TEST("CRC32C is the same wherever the bytes lie and however they are cut") {
  std::vector<uint8_t> bytes(300);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Random());
  const uint32_t whole = CrcOf(bytes);
  for (size_t cut = 0; cut <= bytes.size(); cut++) {
    CHECK_EQ(Crc32c(Crc32c(0, bytes.data(), cut), bytes.data() + cut, bytes.size() - cut), whole);
  }
}

}  // namespace
}  // namespace rollcall::test
