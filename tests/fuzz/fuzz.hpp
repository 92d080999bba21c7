#pragma once
// A fuzz target of libFuzzer: FUZZ_TARGET(bytes) { ... } may return or throw frcnn::error; all else is a fault. scripts/fuzz builds and runs
// them.
#include "frcnn/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

void fuzz_one(std::span<std::byte const> bytes);

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  try {
    fuzz_one({reinterpret_cast<std::byte const*>(data), size});
  } catch (frcnn::error const&) {
  }
  return 0;
}

// Reads every tensor that has no more elements than the file could hold.
template <class Source>
void read_all(Source const& file, std::size_t bytes) {
  for (auto const& name : file.names()) {
    try {
      std::size_t n = 1;
      for (auto const d : file.shape(name))
        if (d < 0 || __builtin_mul_overflow(n, static_cast<std::size_t>(d), &n) || n > 8 * bytes + 64) n = 8 * bytes + 65;
      if (n > 8 * bytes + 64) continue;  // stride 0
      std::vector<float> values(n);
      file.read_part(name, 0, std::span<float>(values));
      std::vector<double> half(n / 2);
      file.read_part(name, n - half.size(), std::span<double>(half));
    } catch (frcnn::error const&) {
    }
  }
}
