#pragma once
// Random draws that are a function of (seed, step, image id, purpose, index), never of a position in the batch, a thread or a process:
// so that a run is a function of its seed, resumes exactly, and replays on any device.
//
// The function is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the key is (seed, step mixed
// in), the counter is (image id, purpose, index). Under one seed no two of (step, image id, purpose, index) share a counter and a key, for
// any 64 bits of an id, a hash too, and indices below 2^60:
//   word 0   low 32 bits of the id          word 1   high 32 bits of the id, the purpose xored into the top byte
//   word 2   low 32 bits of the index       word 3   the folded step, high bits of the index, and the purpose where word 1 does not tell it
// Word 1's top byte is the purpose alone where the id is under 2^56. Above that it is anything, and the purpose is xored into word 3. (Of
// initialise, whose ids are hashes of names, it is left out of word 3 where that byte is no purpose: names have always drawn these
// numbers.)
#include "frcnn/core/view.hpp"

#include <cmath>
#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// What a draw is for; two purposes never see the same numbers. At most 15.
enum class draw : std::uint32_t {
  anchor_sample = 1,
  roi_sample,
  dropout6,
  dropout7,
  flip,
  shuffle,
  initialise,
  demo,
  test,
  proposal,
  scale,
  geometry,
  colour,
  repeat
};

struct philox {
  std::uint32_t x[4];

  FRCNN_HD static constexpr philox of(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3, std::uint32_t k0,
                                      std::uint32_t k1) {
    philox r{{c0, c1, c2, c3}};
    for (int round = 0; round < 10; ++round) {
      std::uint64_t const a = 0xD2511F53ull * r.x[0], b = 0xCD9E8D57ull * r.x[2];
      r = {{static_cast<std::uint32_t>(b >> 32) ^ r.x[1] ^ k0, static_cast<std::uint32_t>(b),
            static_cast<std::uint32_t>(a >> 32) ^ r.x[3] ^ k1, static_cast<std::uint32_t>(a)}};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return r;
  }
};

// 32 uniform bits.
FRCNN_HD constexpr std::uint32_t random_bits(std::uint64_t seed, std::uint64_t step, std::uint64_t image, draw purpose,
                                             std::uint64_t index) {
  std::uint64_t const key = seed ^ (step * 0x9E3779B97F4A7C15ull);
  auto const low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  auto const high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  std::uint32_t const number = static_cast<std::uint32_t>(purpose), second = high(image) ^ number << 24;
  bool const is_told = image >> 56 == 0 || (purpose == draw::initialise && second >> 24 > 15);
  std::uint32_t const last = low(step) ^ high(step) ^ high(index) << 4 ^ (is_told ? 0 : number);
  return philox::of(low(image), second, low(index), last, low(key), high(key)).x[0];
}

// Uniform in [0, 1), 24 bits, so that it is exact in float.
FRCNN_HD constexpr float random_unit(std::uint64_t seed, std::uint64_t step, std::uint64_t image, draw purpose, std::uint64_t index) {
  return static_cast<float>(random_bits(seed, step, image, purpose, index) >> 8) * (1.0f / 16777216.0f);
}

// The state of a run as the device sees it: {seed, step}. It lies in device memory, so that a captured step replays with new draws.
template <Backend B>
struct rng {
  view<std::uint64_t const, 1, B> state;

  FRCNN_HD std::uint32_t bits(std::uint64_t image, draw purpose, std::uint64_t index) const {
    return random_bits(state.data[0], state.data[1], image, purpose, index);
  }
  FRCNN_HD float unit(std::uint64_t image, draw purpose, std::uint64_t index) const {
    return random_unit(state.data[0], state.data[1], image, purpose, index);
  }
};

// On the host: a stream of numbers for one purpose, for initialisation, shuffling and the demo scenes.
class host_rng {
 public:
  host_rng(std::uint64_t seed, draw purpose, std::uint64_t stream = 0) : seed_(seed), stream_(stream), purpose_(purpose) {}

  std::uint32_t bits() { return random_bits(seed_, 0, stream_, purpose_, index_++); }
  double unit() { return bits() * (1.0 / 4294967296.0); }                                                            // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * unit(); }                                    // [low, high)
  int integer(int low, int high) { return low + static_cast<int>(unit() * (static_cast<double>(high) - low + 1)); }  // [low, high]
  double normal() {  // mean 0, deviation 1 (Box-Muller)
    double const r = std::sqrt(-2.0 * std::log(1.0 - unit())), angle = 6.283185307179586 * unit();
    return r * std::cos(angle);
  }

 private:
  std::uint64_t seed_, stream_, index_ = 0;
  draw purpose_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
