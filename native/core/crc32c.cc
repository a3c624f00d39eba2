#include "crc32c.h"

#include <array>
#include <cstring>

namespace rollcall {
namespace {

// "Slicing by 8" (Kounavis and Berry, 2005): eight tables advance eight bytes at a time. The
// processor's own instruction would be quicker, and is not on every machine we compile for.
constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (size_t k = 1; k < 8; k++) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}();

uint32_t ReadLittleEndian(const uint8_t* p) {
  return p[0] | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
}

}  // namespace

uint32_t Crc32c(uint32_t crc, const uint8_t* p, size_t size) noexcept {
  crc = ~crc;
  for (; size >= 8; p += 8, size -= 8) {
    const uint32_t low = crc ^ ReadLittleEndian(p), high = ReadLittleEndian(p + 4);
    crc = kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][high >> 8 & 0xff] ^
          kTables[1][high >> 16 & 0xff] ^ kTables[0][high >> 24];
  }
  for (; size > 0; p++, size--) crc = crc >> 8 ^ kTables[0][(crc ^ *p) & 0xff];
  return ~crc;
}

}  // namespace rollcall
