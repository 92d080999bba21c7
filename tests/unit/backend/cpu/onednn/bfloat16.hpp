#pragma once
// Rounding to bf16 as the format is defined, for tests of kernels that do it.
#include <cstdint>
#include <cstring>
#include <vector>

namespace cpu_tests {

inline std::vector<float> rounded(std::vector<float> v) {  // 8 bits of mantissa, ties to even
  for (float& x : v) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
    std::memcpy(&x, &bits, 4);
  }
  return v;
}

}  // namespace cpu_tests
