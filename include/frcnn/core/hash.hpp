#pragma once
// FNV-1a, 64 bits: the same on every platform and in every run. Not against an adversary.
//
// Example: fnv1a("abc") == fnv1a("c", fnv1a("ab"))
#include "frcnn/config.hpp"

#include <cstdint>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t before = 14695981039346656037ull) {
  for (char const c : bytes) before = (before ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return before;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
