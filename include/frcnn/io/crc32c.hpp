#pragma once
// CRC-32C (Castagnoli), the checksum of model files, checkpoints and event files, and CRC-32, that of PNG.
//
// Example: crc32c("123456789") == 0xe3069283. In pieces: crc32c("6789", crc32c("12345")) is the same.   crc32("123456789") == 0xcbf43926
// Source: RFC 3720, appendix B.4 (polynomial 0x1edc6f41, reflected; initial and final complement); PNG specification, annex D (0x04c11db7).
#include "frcnn/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

// The instruction of SSE 4.2 takes eight bytes in three cycles. nvcc's front end does not know it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define FRCNN_CRC32C_INSTRUCTION 1
#else
#define FRCNN_CRC32C_INSTRUCTION 0
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {
namespace detail {

// table[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes are taken at a time (2.2 GB/s measured, bytewise
// 0.46).
using crc_table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr crc_table crc_table_of(std::uint32_t reflected) {
  crc_table table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t r = b;
    for (int bit = 0; bit < 8; ++bit) r = (r >> 1) ^ (r & 1 ? reflected : 0u);
    table[0][b] = r;
  }
  for (int k = 1; k < 8; ++k)
    for (int b = 0; b < 256; ++b) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 255];
  return table;
}
// No variable template: g++ 12 exports its instances from a shared object in spite of the namespace's visibility.
inline constexpr crc_table crc32c_table = crc_table_of(0x82f63b78u), crc32_table = crc_table_of(0xedb88320u);

constexpr std::uint32_t crc(crc_table const& table, std::string_view bytes, std::uint32_t before) {
  std::uint32_t r = ~before;
  std::size_t i = 0;
  auto const at = [&](std::size_t k) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k])); };
  for (; i + 8 <= bytes.size(); i += 8)
    r = table[7][(r ^ at(0)) & 255] ^ table[6][((r >> 8) ^ at(1)) & 255] ^ table[5][((r >> 16) ^ at(2)) & 255] ^
        table[4][((r >> 24) ^ at(3)) & 255] ^ table[3][at(4)] ^ table[2][at(5)] ^ table[1][at(6)] ^ table[0][at(7)];
  for (; i < bytes.size(); ++i) r = (r >> 8) ^ table[0][(r ^ at(0)) & 255];
  return ~r;
}

#if FRCNN_CRC32C_INSTRUCTION
[[gnu::target("sse4.2")]] inline std::uint32_t crc32c_by_instruction(std::string_view bytes, std::uint32_t before) {
  std::uint64_t r = ~before;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, bytes.data() + i, 8);
    r = __builtin_ia32_crc32di(r, eight);
  }
  auto last = static_cast<std::uint32_t>(r);
  for (; i < bytes.size(); ++i) last = __builtin_ia32_crc32qi(last, static_cast<unsigned char>(bytes[i]));
  return ~last;
}
#endif

}  // namespace detail

constexpr std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) {
#if FRCNN_CRC32C_INSTRUCTION
  if (!std::is_constant_evaluated() && __builtin_cpu_supports("sse4.2")) return detail::crc32c_by_instruction(bytes, before);
#endif
  return detail::crc(detail::crc32c_table, bytes, before);
}
constexpr std::uint32_t crc32(std::string_view bytes, std::uint32_t before = 0) { return detail::crc(detail::crc32_table, bytes, before); }

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
