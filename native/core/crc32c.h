// CRC32C (Castagnoli), as in iSCSI and ext4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rollcall {

// Continues `crc` (0 to start with) over `size` bytes.
[[nodiscard]] uint32_t Crc32c(uint32_t crc, const uint8_t* bytes, size_t size) noexcept;

}  // namespace rollcall
