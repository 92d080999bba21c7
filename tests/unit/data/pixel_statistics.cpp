#include "frcnn/data/pixel_statistics.hpp"

#include "../sentence.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

namespace {

memory_source noise(int images, int channels, int bits) {
  memory_source set({"a"});
  std::uint32_t state = 1;
  for (int i = 0; i < images; ++i) {
    image im(20 + i, 11, channels, bits);
    for (auto& p : im.pixels) state = state * 1664525 + 1013904223, p = static_cast<std::uint8_t>(state >> 24);
    set.add(std::move(im));
  }
  return set;
}

}  // namespace

TEST_CASE("mean and deviation of a small image, of 8 and 16 bits, of grey read as three channels and of BGR") {
  for (int const bits : {8, 16}) {
    memory_source set({"a"});
    image im(4, 1, 1, bits);
    for (int x = 2; x < 4; ++x) bits == 16 ? void(*im.at_16(x, 0) = 65535) : void(*im.at(x, 0) = 255);
    set.add(im);
    auto const s = measure_pixels(set, 1);
    CHECK((s.channels == 1 && s.pixels == 4 && s.mean[0] == .5 && s.deviation[0] == .5));
    auto const three = measure_pixels(set, 3);
    CHECK((three.mean[1] == .5 && three.mean[2] == .5 && three.deviation[2] == .5));
  }
  std::uint8_t const pixels[] = {255, 0, 51};
  memory_source set({"a"});
  set.add(image_view{.data = pixels, .width = 1, .height = 1, .format = pixel_format::bgr});
  auto const s = measure_pixels(set, 3);
  CHECK((s.mean[0] == 51. / 255 && s.mean[1] == 0 && s.mean[2] == 1));
}

TEST_CASE("a channel of one value has deviation 0, exactly, over images of all sizes and bits") {
  for (int value = 0; value < 256; ++value) {
    memory_source set({"a"});
    for (int i = 0; i < 5; ++i) {
      image im(50 + 7 * i, 37, 1, i % 2 ? 16 : 8);
      for (auto& p : im.pixels) p = static_cast<std::uint8_t>(value);  // twice in 16 bits: 257 * value
      set.add(std::move(im));
    }
    auto const s = measure_pixels(set, 1);
    CHECK(s.deviation[0] == 0);
    CHECK(s.mean[0] == value / 255.);
    CHECK(normalised_by(pixel_normalisation::imagenet(), s, 8).deviation[0] == 1);
  }
}

#if FRCNN_HAS_TIFF
TEST_CASE("statistics of files of 8 and 16 bits together are NumPy's") {
  dataset set;
  set.layout = {5, 16};
  for (char const* name : {"five8.tif", "five16.tif"})
    set.samples.push_back({.id = name, .image = std::string("tests/golden/tiff/") + name, .width = 18, .height = 13, .objects = {}});
  auto const s = measure_pixels(set, 5);
  auto const expected = io::safetensors_file("tests/golden/tiff.safetensors").read<double>("statistics");
  CHECK(s.pixels == 2 * 18 * 13);
  for (std::size_t c = 0; c < 5; ++c) {
    CHECK(s.mean[c] == doctest::Approx(expected[c]).epsilon(1e-13));
    CHECK(s.deviation[c] == doctest::Approx(expected[5 + c]).epsilon(1e-12));
  }
  CHECK(sentence([&] { measure_pixels(set, 4); }).find("five") != std::string::npos);
}
#endif

TEST_CASE("the statistics are the same on any number of threads, and progress counts every image") {
  auto const set = noise(40, 5, 16);
  std::size_t told = 0;
  auto const one = measure_pixels(set, 5, 1, [&](std::size_t done, std::size_t all) { CHECK((done == ++told && all == 40)); });
  CHECK(told == 40);
  for (int const threads : {2, 3, 7}) {
    auto const other = measure_pixels(set, 5, threads);
    CHECK(other.mean == one.mean);
    CHECK(other.deviation == one.deviation);
  }
  CHECK(sentence([&] { measure_pixels(set, 3); }) == "image 0: expected 3 channels, which the model reads, found 5");
  CHECK(sentence([&] { measure_pixels(memory_source({"a"}), 1); }) == "pixel statistics: expected at least one image, found none");
  CHECK(sentence([&] { measure_pixels(set, 17); }) == "image: expected 1 to 16 channels, found 17");
}

TEST_CASE("the statistics are the same by several processes, each of which reads its share") {
  auto const set = noise(41, 5, 16);
  auto const alone = measure_pixels(set, 5, 1);
  std::vector<double> of_others(41 * 11);
  std::size_t told = 0;
  auto const count = [&](std::size_t done, std::size_t all) { CHECK((done == ++told && all == 20)); };
  auto const add = [](std::span<double const> from, std::span<double> to) {
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
  };
  measure_pixels(set, 5, 2, count, {{1, 2}, [&](std::span<double> values) { add(values, of_others); }});
  CHECK(told == 20);
  auto const both = measure_pixels(set, 5, 2, {}, {{0, 2}, [&](std::span<double> values) { add(of_others, values); }});
  CHECK(both.pixels == alone.pixels);
  CHECK(both.mean == alone.mean);
  CHECK(both.deviation == alone.deviation);
}

TEST_CASE("a network sees what it was made for: spread 1 of torchvision's presets, that of photographs of the authors'") {
  auto const set = noise(6, 5, 16);
  auto const s = measure_pixels(set, 5);
  auto const n = normalised_by(pixel_normalisation::imagenet(), s, 16);
  CHECK((n.channels == 5 && n.layout() == pixel_layout{5, 16} && n.bits == 0 && !n.bgr && n.range == 1));
  for (int c = 0; c < 5; ++c) {
    auto const at = static_cast<std::size_t>(c);
    CHECK(n(65535 * (s.mean[at] + s.deviation[at]), c, 65535.) == doctest::Approx(1));
    CHECK(std::abs(n(65535 * s.mean[at], c, 65535.)) < 1e-12);
  }
  auto const authors = normalised_by(pixel_normalisation::caffe(), s, 16);
  CHECK((!authors.bgr && authors.range == 255));
  CHECK(authors(65535 * (s.mean[4] + s.deviation[4]), 4, 65535.) == doctest::Approx(255 * .226));

  pixel_statistics rgb{3, 1, {.1, .2, .3}, {.01, .02, 0}};
  auto const bgr = normalised_by(pixel_normalisation::caffe(), rgb, 16);
  CHECK((bgr.bgr && bgr.bits == 16 && bgr.layout() == pixel_layout{3, 16}));
  CHECK(bgr.mean[0] == doctest::Approx(255 * .3));
  CHECK(bgr.mean[2] == doctest::Approx(255 * .1));
  CHECK(bgr.deviation[0] == 1);  // constant
  CHECK(normalised_by(pixel_normalisation::imagenet(), rgb, 8).bits == 0);
}
