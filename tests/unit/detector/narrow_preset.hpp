#pragma once
// The narrow detector as a preset, and a trainer's feed from memory: pictures of several sizes with boxes.
#include "frcnn/detector/detector.hpp"
#include "frcnn/presets/plain_torchvision.hpp"
#include "frcnn/train/trainer.hpp"
#include "narrow.hpp"

namespace detector_tests {

template <class B = cpu, Real T = float, class Chain = narrow_chain>
struct narrow_preset : presets::plain_torchvision<any_channels, B, T> {
  using base = presets::plain_torchvision<any_channels, B, T>;
  static constexpr char const* name = "narrow";

  static typename base::config_type config(std::vector<std::string> classes = {"disc", "bar", "ring"}) {
    auto c = base::config_of(name, Chain::make(), std::move(classes));
    c.anchor_sizes = {{24, 48, 96}};
    c.short_side = 64;
    c.max_side = 128;
    c.proposals = narrow_rpn<conventions::torchvision>();
    c.head = narrow_head<conventions::torchvision>(.5);
    return c;
  }
};

// Micro-batch m holds pictures 2m and 2m + 1 of an endless row; picture i has size number i % sizes, pixels and boxes of its own.
struct memory_feed {
  struct picture {
    int w, h;
    std::vector<std::uint8_t> pixels;
    std::vector<box<float>> boxes;
    std::vector<std::int32_t> labels;
    std::vector<box<float>> regions{};
  };
  std::vector<picture> pictures;
  std::optional<int> most_regions{};  // with it, batches have regions

  explicit memory_feed(std::vector<std::pair<int, int>> const& sizes) {
    std::uint64_t stream = 0;
    for (auto const& [w, h] : sizes) {
      host_rng draws(9, draw::test, stream++);
      picture p{w, h, std::vector<std::uint8_t>(static_cast<std::size_t>(w) * h * 3), {}, {}, {}};
      for (auto& v : p.pixels) v = static_cast<std::uint8_t>(draws.integer(0, 255));
      for (int g = 0; g < 1 + static_cast<int>(stream % 3); ++g) {
        float const bw = static_cast<float>(draws.uniform(16, w * .6)), bh = static_cast<float>(draws.uniform(16, h * .6));
        float const x = static_cast<float>(draws.uniform(0, w - bw)), y = static_cast<float>(draws.uniform(0, h - bh));
        p.boxes.push_back({x, y, x + bw, y + bh});
        p.labels.push_back(1 + g);
      }
      pictures.push_back(std::move(p));
    }
  }
  static std::vector<std::pair<int, int>> eight_sizes() {
    return {{96, 64}, {64, 96}, {112, 64}, {64, 64}, {80, 72}, {128, 80}, {72, 100}, {90, 90}};
  }

  // Neighbours of different sizes share a batch, which is padded to both.
  template <Real T, Backend B>
  void operator()(std::uint64_t micro_batch, input_batch<T, B>& input) const {
    auto const at = [&](std::uint64_t i) -> picture const& {
      return pictures[(micro_batch + i * (1 + micro_batch % 3)) % pictures.size()];
    };
    input.start(2, std::max(at(0).h, at(1).h), std::max(at(0).w, at(1).w), 3, most_regions);
    for (std::uint64_t i = 0; i < 2; ++i) {
      auto const& p = at(i);
      input.set_image(static_cast<int>(i), p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h,
                      static_cast<std::uint64_t>(&p - pictures.data()));
      input.set_truth(static_cast<int>(i), p.boxes, p.labels);
      if (most_regions) input.set_regions(static_cast<int>(i), p.regions);
    }
  }
};

// What a trainer of this model fills.
template <class Model>
input_batch<typename Model::scalar, cpu> empty_input() {
  return input_batch<typename Model::scalar, cpu>(pixel_normalisation::imagenet(), conventions::torchvision::size_divisor);
}

template <class Model>
std::vector<std::vector<typename Model::scalar>> all_values(Model const& model) {
  std::vector<std::vector<typename Model::scalar>> all;
  for (auto const& e : model.parameters().entries()) all.push_back(model.parameters().get(e));
  return all;
}

// Random pixels, the same in every test.
inline image noise(int w, int h) {
  image im(w, h);
  host_rng draws(4, draw::test);
  for (auto& v : im.pixels) v = static_cast<std::uint8_t>(draws.bits());
  return im;
}

}  // namespace detector_tests
