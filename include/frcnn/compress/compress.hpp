#pragma once
// A trained detector with cheaper fully connected layers: truncated SVD of fc6 and fc7, everything else as it was.
//
//   auto const small = compress(load<presets::vgg16_tv<cpu>>("m.safetensors"), {1024, 256});
//   save(small.model, "c.safetensors");   small.layers[0].error   |W - W_t| / |W| of fc6
//
// fc6's W [u, v] becomes two layers with nothing between them: S_t V_t^T without a bias, then U_t with W's bias (nn/low_rank_linear.hpp).
// Columns are the logical ones, as files have them. The result trains like any other model.
// Throws error where the model is compressed already (the product of a product would hide its loss), no rank is given, or one is out of
// range: named with its layer.
// Source: Fast R-CNN, sections 3.1 and 4.4: fc6 at 1024 and fc7 at 256 of 4096 cost it 0.3 points of mAP.
#include "frcnn/compress/truncated_svd.hpp"

#if FRCNN_HAS_BLAS
#include "frcnn/detector/detector.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// What became of one layer.
struct compressed_layer {
  std::string name;      // "fc6"
  int out, in, rank;     // W [out, in]
  double error;          // |W - W_t| / |W|, Frobenius
  double largest, last;  // singular values 1 and t
  std::size_t weights_before() const { return static_cast<std::size_t>(out) * static_cast<std::size_t>(in); }
  std::size_t weights_after() const {
    return static_cast<std::size_t>(rank) * (static_cast<std::size_t>(out) + static_cast<std::size_t>(in));
  }
};

template <class Preset>
struct compressed {
  detector<Preset> model;
  std::vector<compressed_layer> layers;
};

// ranks: of fc6 and fc7, 0: as it is. options: the result's; their threads factor too.
template <class Preset>
compressed<Preset> compress(detector<Preset> const& d, std::array<int, 2> ranks, typename Preset::device::options options = {}) {
  using T = typename Preset::scalar;
  auto config = d.config();
  if (config.head.fc6_rank || config.head.fc7_rank)
    throw error("fully connected layers", "full ones",
                "a model compressed to ranks " + std::to_string(config.head.fc6_rank) + " and " + std::to_string(config.head.fc7_rank));
  if (ranks == std::array{0, 0}) throw error("ranks", "one of fc6 or fc7 above 0", "0 and 0");

  auto const& from = d.model().parameters();
  std::string const box_head = "roi_heads.box_head.";
  std::array<std::string, 2> const names{config.head.names[0], config.head.names[1]};
  if (int const there = config.head.layers(); there < 2 && (ranks[1] || (there < 1 && ranks[0])))
    throw error("ranks", "one for each fully connected layer, 0 for those that are not there", std::to_string(there) + " such layers");
  for (std::size_t i = 0; i < static_cast<std::size_t>(config.head.layers()); ++i) {  // all before one is factored, which takes its time
    auto const shape = from.at(box_head + names[i] + ".weight").file_shape();
    if (auto const most = std::min(shape[0], shape[1]); ranks[i] < 0 || ranks[i] > most)
      throw error("rank of " + names[i] + ", a " + std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " matrix",
                  "1 to " + std::to_string(most) + ", or 0 for the full layer", std::to_string(ranks[i]));
  }

  config.head.fc6_rank = ranks[0];
  config.head.fc7_rank = ranks[1];
  compressed<Preset> result{detector<Preset>(config, options), {}};
  auto& to = result.model.model().parameters();
  for (std::size_t i = 0; i < 2; ++i) {
    if (!ranks[i]) continue;
    std::string const layer = box_head + names[i];
    auto const& whole = from.at(layer + ".weight");
    int const out = static_cast<int>(whole.file_shape()[0]), in = static_cast<int>(whole.file_shape()[1]);
    auto const w = from.get(whole);
    low_rank<T> factors;
    try {
      factors = truncated_svd(std::span<T const>(w), out, in, ranks[i], options.threads);
    } catch (error const& e) {
      throw e.in(whole.name);
    }
    to.set(to.at(layer + ".0.weight"), factors.first);
    to.set(to.at(layer + ".1.weight"), factors.second);
    to.set(to.at(layer + ".1.bias"), from.get(from.at(layer + ".bias")));
    result.layers.push_back({names[i], out, in, ranks[i], factors.error, factors.values.front(), factors.values.back()});
  }
  auto const factored = [&](std::string const& name) {
    for (std::size_t i = 0; i < 2; ++i)
      if (ranks[i] && name.starts_with(box_head + names[i] + ".")) return true;
    return false;
  };
  for (auto const& e : to.entries())
    if (!factored(e.name)) to.set(e, from.get(from.at(e.name)));
  return result;
}

}  // namespace frcnn
FRCNN_HIDDEN_END

#endif
