#include "crc32c.h"

#include <array>
#include <cstring>

#if defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace rollcall {
namespace {

// "Slicing by 8" (Kounavis and Berry, 2005): eight tables advance eight bytes at a time. For
// processors without an instruction of their own; on the others it is five times slower.
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

uint32_t BySlicing(uint32_t crc, const uint8_t* p, size_t size) noexcept {
  for (; size >= 8; p += 8, size -= 8) {
    const uint32_t low = crc ^ ReadLittleEndian(p), high = ReadLittleEndian(p + 4);
    crc = kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][high >> 8 & 0xff] ^
          kTables[1][high >> 16 & 0xff] ^ kTables[0][high >> 24];
  }
  for (; size > 0; p++, size--) crc = crc >> 8 ^ kTables[0][(crc ^ *p) & 0xff];
  return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) uint32_t ByInstruction(uint32_t crc, const uint8_t* p, size_t size) noexcept {
  uint64_t wide = crc;
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; p++, size--) crc = __builtin_ia32_crc32qi(crc, *p);
  return crc;
}

bool HasInstruction() { return __builtin_cpu_supports("sse4.2"); }

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("+crc"))) uint32_t ByInstruction(uint32_t crc, const uint8_t* p, size_t size) noexcept {
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    crc = __crc32cd(crc, word);
  }
  for (; size > 0; p++, size--) crc = __crc32cb(crc, *p);
  return crc;
}

bool HasInstruction() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

#else

uint32_t ByInstruction(uint32_t crc, const uint8_t* p, size_t size) noexcept { return BySlicing(crc, p, size); }
bool HasInstruction() { return false; }

#endif

}  // namespace

uint32_t Crc32c(uint32_t crc, const uint8_t* bytes, size_t size) noexcept {
  static const bool has_instruction = HasInstruction();
  return ~(has_instruction ? ByInstruction(~crc, bytes, size) : BySlicing(~crc, bytes, size));
}

uint32_t Crc32cPortable(uint32_t crc, const uint8_t* bytes, size_t size) noexcept {
  return ~BySlicing(~crc, bytes, size);
}

}  // namespace rollcall
