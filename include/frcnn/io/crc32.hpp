#pragma once
// CRC-32 of zip archives for weights: fast enough to check what is read, and in pieces that are read in any order.
//
//   fast_crc32(bytes, before)               crc32() of io/crc32c.hpp, by carry-less products where the processor has them
//   crc32_of_both(a, b, n)                  the CRC of A followed by B, of the CRCs of both and the n bytes of B
//
// Example: crc32_of_both(crc32("1234"), crc32("56789"), 5) == crc32("123456789") == 0xcbf43926
// Source: V. Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel 2009: four folds of 128 bits with
// x^(4*128+32), x^(4*128-32), then one with x^(128+32), x^(128-32), modulo the polynomial and reflected.
#include "frcnn/io/crc32c.hpp"

#if FRCNN_CRC32C_INSTRUCTION
#include <smmintrin.h>
#include <wmmintrin.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {
namespace detail {

#if FRCNN_CRC32C_INSTRUCTION
[[gnu::target("pclmul,sse4.1")]] inline __m128i crc_folded(__m128i x, __m128i by) {
  return _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11));
}
[[gnu::target("pclmul,sse4.1")]] inline std::uint32_t crc32_by_products(std::string_view bytes, std::uint32_t before) {
  auto const* at = reinterpret_cast<__m128i const*>(bytes.data());
  std::size_t blocks = bytes.size() / 64;
  __m128i const by_four = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), by_one = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  __m128i x[4];
  for (int i = 0; i < 4; ++i) x[i] = _mm_loadu_si128(at++);
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(static_cast<int>(~before)));
  for (std::size_t b = 1; b < blocks; ++b)
    for (int i = 0; i < 4; ++i) x[i] = _mm_xor_si128(crc_folded(x[i], by_four), _mm_loadu_si128(at++));
  for (int i = 1; i < 4; ++i) x[i] = _mm_xor_si128(crc_folded(x[i - 1], by_one), x[i]);
  char rest[16];  // congruent to all bytes so far
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), x[3]);
  return crc(crc32_table, bytes.substr(64 * blocks), crc(crc32_table, {rest, 16}, ~0u));
}
#endif

// The product of two polynomials modulo that of CRC-32; bit 31 is x^0.
constexpr std::uint32_t crc32_product(std::uint32_t a, std::uint32_t b) {
  std::uint32_t p = 0;
  for (int bit = 31; bit >= 0; --bit) {
    if (a >> bit & 1) p ^= b;
    b = (b >> 1) ^ (b & 1 ? 0xedb88320u : 0u);
  }
  return p;
}

}  // namespace detail

inline std::uint32_t fast_crc32(std::string_view bytes, std::uint32_t before = 0) {
#if FRCNN_CRC32C_INSTRUCTION
  if (bytes.size() >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
    return detail::crc32_by_products(bytes, before);
#endif
  return crc32(bytes, before);
}

constexpr std::uint32_t crc32_of_both(std::uint32_t a, std::uint32_t b, std::uint64_t bytes_of_b) {
  std::uint32_t power = 1u << 23;  // x^8
  for (; bytes_of_b != 0; bytes_of_b >>= 1, power = detail::crc32_product(power, power))
    if (bytes_of_b & 1) a = detail::crc32_product(a, power);
  return a ^ b;
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
