// Detectors of images that are not RGB of 8 bits, from images in memory to the first convolution: trained, saved, loaded, detecting.
#include "frcnn/load.hpp"

#include "../engines.hpp"
#include "../io/scratch.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/train/data_feed.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<>;

preset::config_type config_of(int channels) {
  auto c = preset::config();
  c.normalisation = {.mean = {.5, .4, .3, .2, .1}, .deviation = {.2, .25, .3, .35, .4}, .channels = channels};
  return c;
}

detector<preset> lively(preset::config_type const& config, cpu::options options) {
  detector<preset> d(config, options);
  liven(d.model());
  return d;
}

// Channel c of a pixel is a draw of its own, the same for images of any number of channels and bits.
image noise(int w, int h, int channels, int bits, std::uint64_t stream = 0) {
  image im(w, h, channels, bits);
  for (int c = 0; c < channels; ++c) {
    host_rng draws(4, draw::test, stream * 16 + static_cast<std::uint64_t>(c));
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        int const v = draws.integer(0, 255);
        if (bits == 16) im.at_16(x, y)[c] = static_cast<std::uint16_t>(257 * v);
        else im.at(x, y)[c] = static_cast<std::uint8_t>(v);
      }
  }
  return im;
}

data::memory_source pictures(int channels, int bits) {
  data::memory_source set({"disc", "bar", "ring"});
  for (std::uint64_t i = 0; i < 6; ++i)
    set.add(noise(100 + 8 * static_cast<int>(i), 90, channels, bits, i), {{.where = {10, 12, 60, 70}, .name = "bar"}});
  return set;
}

std::vector<float> numbers(std::vector<detection> const& found) {
  std::vector<float> all;
  for (auto const& f : found) all.insert(all.end(), {f.where.x1, f.where.y1, f.where.x2, f.where.y2, f.score, static_cast<float>(f.label)});
  return all;
}
bool near(std::vector<detection> const& a, std::vector<detection> const& b) {
  auto const x = numbers(a), y = numbers(b);
  REQUIRE(x.size() > 0);
  if (x.size() != y.size()) return false;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::abs(x[i] - y[i]) > 1e-3 * (1 + std::abs(y[i]))) return false;
  return true;
}

// The weight of the first convolution, [O, C, 3, 3].
constexpr char const* first = "backbone.0.weight";
auto const& entry_of(preset::model const& m) {
  return *std::ranges::find_if(m.parameters().entries(), [](auto const& e) { return e.name == first; });
}
std::vector<float> first_weight(preset::model const& m) { return m.parameters().get(entry_of(m)); }

// All weights but these are those of `from`, these are given.
void copy(preset::model const& from, preset::model& to, std::vector<float> const& first_ones) {
  for (std::size_t i = 0; i < to.parameters().entries().size(); ++i)
    if (auto const& e = to.parameters().entries()[i]; e.name != first)
      to.parameters().set(e, from.parameters().get(from.parameters().entries()[i]));
  to.parameters().set(entry_of(to), first_ones);
}

// A few steps; the losses of all, in order.
std::vector<double> train(detector<preset>& d, data::memory_source const& set, int channels) {
  data_feed<preset::convention, data::memory_source> feed(
      set, {.short_side = 64, .max_side = 128, .batch = 2, .seed = 3, .cache_mb = 1, .workers = 0, .channels = channels});
  cpu::context c{1};
  trainer<preset::model> t(d.model(), c, d.make_input(), {.rate = {.lr = .001, .steps = 4}});
  std::vector<double> losses;
  t.hooks.on_step = [&](step_report const& r) { losses.push_back(r.total()); };
  t.run(feed);
  return losses;
}

}  // namespace

TEST_CASE("five channels of 16 bits in memory are trained on and detected in, and the file says so") {
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    auto d = lively(config_of(5), options);
    auto const before = first_weight(d.model());
    REQUIRE(before.size() == 4 * 5 * 9);
    for (double const loss : train(d, pictures(5, 16), 5)) CHECK(is_finite(loss));
    auto const after = first_weight(d.model());
    for (std::size_t c = 0; c < 5; ++c) {
      bool learned = false;
      for (std::size_t o = 0; o < 4; ++o) learned |= before[(o * 5 + c) * 9] != after[(o * 5 + c) * 9];
      CHECK(learned);
    }

    image const im = noise(150, 90, 5, 16);
    auto const found = d.detect(im, {.score = .1f});
    CHECK(found.size() > 0);
    ::scratch const folder;
    save(d, folder / "m.safetensors");
    auto const back = load<preset>(folder / "m.safetensors", options);
    CHECK(back.config().normalisation == d.config().normalisation);
    CHECK(numbers(back.detect(im, {.score = .1f})) == numbers(found));
    CHECK(numbers(back.detect(std::vector<image_view>{im, im}, {.score = .1f})[1]) == numbers(found));
    CHECK(near(d.detect(noise(150, 90, 5, 8), {.score = .1f}), found));  // the same values, of 8 bits

    CHECK(sentence([&] { d.detect(noise(20, 20, 3, 8)); }) == "image: expected 5 channels, which the model reads, found 3");
    CHECK(sentence([&] { d.detect(noise(20, 20, 1, 16)); }) == "image: expected 5 channels, which the model reads, found 1");
    CHECK(sentence([&] { d.detect(std::vector<image_view>{im, noise(20, 20, 3, 8)}); }).find("image 1 of 2: expected 5 channels") == 0);
    CHECK(sentence([&] { train(d, pictures(3, 8), 5); }).find(": expected 5 channels, found 3") != std::string::npos);
    CHECK(sentence([&] { train(d, pictures(3, 8), 3); }).find(",5] pixels and channels, found [") != std::string::npos);
  }
}

TEST_CASE("channels that weigh nothing change nothing: five of 8 or 16 bits are the RGB detector's three") {
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    auto const rgb = lively(config_of(3), options);
    auto five = lively(config_of(5), options);
    auto const three = first_weight(rgb.model());
    std::vector<float> wide(4 * 5 * 9);
    for (std::size_t o = 0; o < 4; ++o)
      std::copy_n(three.begin() + static_cast<std::ptrdiff_t>(o * 27), 27, wide.begin() + static_cast<std::ptrdiff_t>(o * 45));
    copy(rgb.model(), five.model(), wide);

    auto const expected = rgb.detect(noise(150, 90, 3, 8), {.score = .1f});
    CHECK(near(five.detect(noise(150, 90, 5, 8), {.score = .1f}), expected));
    CHECK(near(five.detect(noise(150, 90, 5, 16), {.score = .1f}), expected));
    CHECK(near(rgb.detect(noise(150, 90, 3, 16), {.score = .1f}), expected));
  }
}

TEST_CASE("three channels are RGB, whatever the format is called, bit for bit") {
  auto const options = tests::engines(1).front();
  image const im = noise(150, 90, 3, 8);
  image_view same = im;
  same.format = pixel_format::multichannel;
  auto a = lively(config_of(3), options), b = lively(config_of(3), options);
  CHECK(numbers(a.detect(im, {.score = .1f})) == numbers(a.detect(same, {.score = .1f})));

  auto const set = pictures(3, 8);
  data::memory_source views({"disc", "bar", "ring"});
  for (std::size_t i = 0; i < set.size(); ++i) {
    image_view v = set.pixels(i);
    v.format = pixel_format::multichannel;
    auto const objects = set.truth(i).objects;
    views.add(v, {objects.begin(), objects.end()});
  }
  CHECK(train(a, set, 3) == train(b, views, 3));
  CHECK(all_values(a.model()) == all_values(b.model()));
}

TEST_CASE("a detector of one channel on grey images is the RGB detector whose first weights add up to its") {
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    auto config = config_of(3);
    config.normalisation = {.mean = {.5, .5, .5}, .deviation = {.25, .25, .25}, .channels = 3};
    auto const rgb = lively(config, options);
    config.normalisation = {.mean = {.5}, .deviation = {.25}, .channels = 1};
    auto one = lively(config, options);
    auto const three = first_weight(rgb.model());
    std::vector<float> sums(4 * 9);
    for (std::size_t i = 0; i < 4 * 27; ++i) sums[i / 27 * 9 + i % 9] += three[i];
    copy(rgb.model(), one.model(), sums);

    for (int const bits : {8, 16})
      CHECK(near(one.detect(noise(150, 90, 1, bits), {.score = .1f}), rgb.detect(noise(150, 90, 1, bits), {.score = .1f})));
    for (double const loss : train(one, pictures(1, 16), 1)) CHECK(is_finite(loss));
    CHECK(sentence([&] { one.detect(noise(20, 20, 3, 8)); }) == "image: expected 1 channel, which the model reads, found 3");
  }
}
