// CRC32C (Castagnoli), as in iSCSI and ext4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rollcall {

// Continues `crc` (0 to start with) over `size` bytes.
[[nodiscard]] uint32_t Crc32c(uint32_t crc, const uint8_t* bytes, size_t size) noexcept;

// The same without the processor's own instruction: what machines without it run.
[[nodiscard]] uint32_t Crc32cPortable(uint32_t crc, const uint8_t* bytes, size_t size) noexcept;

}  // namespace rollcall
