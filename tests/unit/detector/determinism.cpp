// A run is a function of its seed and its number of threads, bit for bit; an image's draws do not depend on its company.
#include "../engines.hpp"
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/parity.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using whole_preset = narrow_preset<cpu, float, whole_chain>;

template <class Preset>
std::vector<std::vector<float>> trained(std::uint64_t seed, cpu_options const& options, int steps = 6) {
  auto const model = Preset::make(Preset::config());
  liven(*model);
  cpu::context c(options);
  trainer t(*model, c, empty_input<typename Preset::model>(),
            {.seed = seed, .rate = {.lr = .001, .steps = steps}, .optimiser = {.clip_norm = 10}, .accumulate = 2});
  t.run(memory_feed(memory_feed::eight_sizes()));
  return all_values(*model);
}

}  // namespace

TEST_CASE_TEMPLATE("equal seeds train to equal bits, other seeds do not", P, preset, whole_preset) {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const once = trained<P>(1, options);
    CHECK(same_bits(trained<P>(1, options), once));
    CHECK_FALSE(same_bits(trained<P>(2, options), once));
    CHECK_FALSE(same_bits(trained<P>(1, options, 5), once));
  }
}

TEST_CASE_TEMPLATE("neither the number of threads nor the engine changes more than rounding", P, preset, whole_preset) {
  auto const one = trained<P>(1, tests::engines(1)[0]);
  for (auto const& options : tests::engines(3)) {
    CAPTURE(tests::name(options));
    auto const three = trained<P>(1, options);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(testing::compare(three[i], one[i], 1e-4).ok);
    CHECK(same_bits(trained<P>(1, options), three));
  }
}

TEST_CASE("initial values are a function of the seed and the name") {
  auto const model = preset::make(preset::config()), other = preset::make(preset::config());
  model->parameters().initialise(1);
  other->parameters().initialise(1);
  CHECK(same_bits(all_values(*model), all_values(*other)));
  other->parameters().initialise(2);
  CHECK_FALSE(same_bits(all_values(*model), all_values(*other)));
}

TEST_CASE("the order of images in a batch changes nothing of what is decided for each") {
  for (double const dropout : {0., .5}) {
    auto const model =
        parts<double>::make(narrow_chain::make(), narrow_rpn<conventions::torchvision>(), narrow_head<conventions::torchvision>(dropout));
    liven(*model);
    model->parameters().enable_gradients();
    cpu::context c(2);
    scene<double> one({{64, 64}, {64, 64}, {64, 64}}), turned = one;
    // Images 0, 1, 2 become 2, 0, 1: everything that belongs to an image moves with it.
    auto const turn = [](auto& v) { std::rotate(v.begin(), v.end() - static_cast<std::ptrdiff_t>(v.size() / 3), v.end()); };
    turn(turned.pixels);
    turn(turned.id);
    turn(turned.boxes);
    turn(turned.label);
    std::remove_reference_t<decltype(*model)>::tape a, b;
    auto const losses = losses_of_step(*model, c, one, a), losses_turned = losses_of_step(*model, c, turned, b);
    CHECK(testing::compare(losses_turned, losses, 1e-12).ok);
    auto const d = testing::record(c, a), e = testing::record(c, b);
    auto const turned_back = [&](auto v) {
      std::rotate(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 3), v.end());
      return v;
    };
    CHECK(turned_back(e.anchor_label.values) == d.anchor_label.values);
    CHECK(turned_back(e.anchor_match.values) == d.anchor_match.values);
    CHECK(turned_back(e.roi_label.values) == d.roi_label.values);
    CHECK(turned_back(e.roi_count.values) == d.roi_count.values);
    CHECK(turned_back(e.mask6.values) == d.mask6.values);
    CHECK(turned_back(e.mask7.values) == d.mask7.values);
    CHECK(d.anchor_label.values != e.anchor_label.values);  // they did move

    // The same image under another id draws otherwise.
    scene<double> renamed = one;
    renamed.id[1] += 1000;
    losses_of_step(*model, c, renamed, b);
    auto const f = testing::record(c, b);
    auto const image = [](auto const& v, std::size_t n) {
      auto const part = v.size() / 3;
      return std::vector(v.begin() + static_cast<std::ptrdiff_t>(n * part), v.begin() + static_cast<std::ptrdiff_t>((n + 1) * part));
    };
    CHECK(image(f.anchor_label.values, 0) == image(d.anchor_label.values, 0));
    CHECK(image(f.anchor_label.values, 1) != image(d.anchor_label.values, 1));
    CHECK(image(f.anchor_label.values, 2) == image(d.anchor_label.values, 2));
  }
}

TEST_CASE("an image's detections have the same bits alone and in a batch, whatever its company is") {
  auto rpn = narrow_rpn<conventions::torchvision>();
  rpn.test = {200, 100};  // rows of fc6 that are worth products by quarters
  auto head = narrow_head<conventions::torchvision>();
  head.fc6 = 2048;
  auto const model = parts<float>::make(whole_chain::make(), rpn, head);
  liven(*model);
  detect_options const o{.score = 0, .max_detections = 50};
  auto const found = [&](cpu::context& c, scene<float> s) {
    int const n = s.dims[0];
    std::vector<scored_box<float>> hits(static_cast<std::size_t>(n * *o.max_detections));
    std::vector<std::int32_t> count(static_cast<std::size_t>(n));
    model->detect(c, s.images(), o, {{hits.data(), {{n, *o.max_detections}}}, {count.data(), {{n}}}});
    std::vector<std::vector<float>> images;
    for (int i = 0; i < n; ++i) {
      auto& all = images.emplace_back();
      for (int j = 0; j < count[std::size_t(i)]; ++j) {
        auto const& h = hits[std::size_t(i * *o.max_detections + j)];
        all.insert(all.end(), {h.where.x1, h.where.y1, h.where.x2, h.where.y2, h.score, float(h.label)});
      }
    }
    return images;
  };
  scene<float> const batch({{96, 128}, {96, 128}, {96, 128}});
  std::size_t const pixels = batch.pixels.size() / 3;
  auto all_options = tests::engines(2);
#if FRCNN_HAS_ONEDNN
  if (cpu_backend::onednn::has_bf16()) all_options.push_back({.threads = 2, .precision = compute::bf16});
#endif
  for (auto const& options : all_options) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    auto broken = batch;
    for (std::size_t i = 0; i < pixels; ++i) broken.pixels[i] *= 1e6f;
    broken.pixels[2 * pixels + 5] = std::numeric_limits<float>::quiet_NaN();
    auto const together = found(c, batch), beside = found(c, broken);
    for (std::size_t i = 0; i < 3; ++i) {
      scene<float> one({{96, 128}});
      std::copy_n(batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * pixels), pixels, one.pixels.begin());
      auto const alone = found(c, one);
      REQUIRE(alone[0].size() > 60);
      CHECK(same_bits(together[i], alone[0]));
    }
    CHECK(same_bits(beside[1], together[1]));
  }
}
