// Draws: the numbers of earlier versions where ids are small, and different ones for different purposes, whatever the ids.
#include "frcnn/core/rng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace frcnn;

namespace {

// As draws were made before purposes had bits of their own.
std::uint32_t earlier(std::uint64_t seed, std::uint64_t step, std::uint64_t image, draw purpose, std::uint64_t index) {
  std::uint64_t const key = seed ^ (step * 0x9E3779B97F4A7C15ull);
  auto const low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  auto const high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  return philox::of(low(image), high(image) ^ (static_cast<std::uint32_t>(purpose) << 24), low(index), low(step) ^ high(step), low(key),
                    high(key))
      .x[0];
}

constexpr draw purposes[] = {draw::anchor_sample, draw::roi_sample, draw::dropout6, draw::dropout7, draw::flip,
                             draw::shuffle,       draw::initialise, draw::demo,     draw::test,     draw::proposal,
                             draw::scale,         draw::geometry,   draw::colour};

std::uint64_t name_hash(char const* name) {
  std::uint64_t h = 1469598103934665603ull;
  for (; *name; ++name) h = (h ^ static_cast<unsigned char>(*name)) * 1099511628211ull;
  return h;
}

}  // namespace

TEST_CASE("rng: Philox gives its published numbers") {  // Random123's kat_vectors, philox4x32 10
  auto const zero = philox::of(0, 0, 0, 0, 0, 0), ones = philox::of(~0u, ~0u, ~0u, ~0u, ~0u, ~0u);
  CHECK(zero.x[0] == 0x6627e8d5u);
  CHECK(zero.x[3] == 0x9b00dbd8u);
  CHECK(ones.x[0] == 0x408f276du);
}

TEST_CASE("rng: small ids, and weights by name, draw what they have always drawn") {
  std::uint64_t const ids[] = {0, 1, 877, std::uint64_t{1} << 32, (std::uint64_t{1} << 56) - 1};
  for (draw const p : purposes)
    for (std::uint64_t const id : ids)
      for (std::uint64_t const step : {std::uint64_t{0}, std::uint64_t{12345}})
        for (std::uint64_t const index : {std::uint64_t{0}, std::uint64_t{4096} * 128})
          CHECK(random_bits(7, step, id, p, index) == earlier(7, step, id, p, index));
  for (char const* name : {"backbone.0.weight", "roi_heads.box_head.fc6.weight", "rpn.head.conv.0.0.weight"})
    CHECK(random_bits(7, 0, name_hash(name), draw::initialise, 3) == earlier(7, 0, name_hash(name), draw::initialise, 3));
}

TEST_CASE("rng: two purposes, or two images, never see the same numbers") {
  // Ids that differ in their top bytes alone: xored with purposes, as they were, 16 of each 256 meet.
  std::vector<std::uint32_t> seen, before;
  std::uint64_t const rest = 0x00123456789abcdeull;
  for (draw const p : purposes)
    for (std::uint64_t top = 0; top < 256; ++top) {
      seen.push_back(random_bits(3, 0, top << 56 | rest, p, 1));
      before.push_back(earlier(3, 0, top << 56 | rest, p, 1));
    }
  auto const meetings = [](std::vector<std::uint32_t> v) {
    std::sort(v.begin(), v.end());
    return static_cast<std::size_t>(v.end() - std::unique(v.begin(), v.end()));
  };
  CHECK(meetings(before) > 1000);
  CHECK(meetings(seen) == 0);
  // Nor do indices above 32 bits meet ids.
  CHECK(random_bits(3, 0, 5, draw::test, std::uint64_t{1} << 32) != random_bits(3, 0, 5 | std::uint64_t{1} << 32, draw::test, 0));
}
