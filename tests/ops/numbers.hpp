#pragma once
// Numbers that tests and benchmarks of operations compute with: all functions of a seed, cheap enough for a hundred million of them.
#include "frcnn/geometry/box.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ops_described {

// A stream of numbers (splitmix64).
class stream {
 public:
  explicit stream(std::uint64_t seed = 0) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  float in(float low, float high) { return low + (high - low) * (static_cast<float>(bits() >> 40) * 0x1p-24f); }
  int below(int n) { return static_cast<int>((bits() >> 32) * static_cast<std::uint64_t>(n) >> 32); }
  // Mean 0, deviation 1: the sum of four uniform numbers of 16 bits.
  float bell() {
    std::uint64_t const b = bits();
    auto const part = [b](int i) { return static_cast<float>(b >> (16 * i) & 0xffff); };
    return (part(0) + part(1) + part(2) + part(3) - 131070.f) * 2.6429e-5f;
  }

 private:
  std::uint64_t state_;
};

// Boxes inside h x w as an RPN gives them: many around few centres, so that suppression has work. Sides from 16 to half the image.
inline std::vector<frcnn::box<float>> crowded_boxes(int n, int h, int w, int centres, std::uint64_t seed = 0) {
  stream s(seed);
  struct object {
    float x, y, w, h;
  };
  std::vector<object> at(static_cast<std::size_t>(centres));
  for (auto& o : at)
    o = {s.in(0, static_cast<float>(w)), s.in(0, static_cast<float>(h)), s.in(16, static_cast<float>(w) / 2),
         s.in(16, static_cast<float>(h) / 2)};
  std::vector<frcnn::box<float>> boxes(static_cast<std::size_t>(n));
  for (auto& b : boxes) {
    auto const& o = at[static_cast<std::size_t>(s.below(centres))];
    float const bw = o.w * std::exp(s.in(-.4f, .4f)), bh = o.h * std::exp(s.in(-.4f, .4f));
    float const x = o.x + s.in(-.25f, .25f) * o.w, y = o.y + s.in(-.25f, .25f) * o.h;
    auto const inside = [](float v, int extent) { return std::min(std::max(v, 0.f), static_cast<float>(extent)); };
    b = {inside(x - bw / 2, w), inside(y - bh / 2, h), inside(x + bw / 2, w), inside(y + bh / 2, h)};
    if (!(b.x2 - b.x1 > 1)) b.x1 = inside(b.x1 - 16, w), b.x2 = b.x1 + 16;
    if (!(b.y2 - b.y1 > 1)) b.y1 = inside(b.y1 - 16, h), b.y2 = b.y1 + 16;
  }
  return boxes;
}

// x1 y1 x2 y2 of each, as an array has them.
inline std::vector<float> corners(std::vector<frcnn::box<float>> const& boxes) {
  std::vector<float> all;
  for (auto const& b : boxes) all.insert(all.end(), {b.x1, b.y1, b.x2, b.y2});
  return all;
}

}  // namespace ops_described
