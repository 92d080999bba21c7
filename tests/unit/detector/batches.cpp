// Several images in one call: batches of one padded size, the bits of each as if it came alone.
#include "frcnn/detector/batches.hpp"

#include "../engines.hpp"
#include "frcnn/testing/parity.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;

detector<preset> lively_detector(cpu_options const& options) {
  detector<preset> d(preset::config(), options);
  liven(d.model());
  return d;
}

// Two of four padded sizes, in turns; and one that is small and grey.
std::vector<image> pictures() {
  std::vector<image> all;
  std::uint64_t stream = 0;
  for (auto const& [w, h] : {std::pair{96, 64}, {64, 96}, {100, 66}, {96, 64}, {128, 64}, {64, 96}, {20, 20}}) {
    host_rng draws(5, draw::test, stream++);
    image im(w, h);
    for (auto& v : im.pixels) v = static_cast<std::uint8_t>(draws.integer(0, 255));
    all.push_back(std::move(im));
  }
  return all;
}

bool equal(std::vector<detection> const& a, std::vector<detection> const& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](detection const& x, detection const& y) {
    return x.label == y.label && x.score == y.score && x.where.x1 == y.where.x1 && x.where.y1 == y.where.y1 && x.where.x2 == y.where.x2 &&
           x.where.y2 == y.where.y2;
  });
}

}  // namespace

TEST_CASE("batches: one padded size each, in order; or consecutive ones") {
  using indices = std::vector<std::vector<std::size_t>>;
  shape<2> const a{{64, 96}}, b{{96, 64}};
  std::vector<shape<2>> const padded{a, b, a, a};
  CHECK(batches_of(padded, {.most = 2}) == indices{{0, 2}, {3}, {1}});
  CHECK(batches_of(padded, {.most = 8}) == indices{{0, 2, 3}, {1}});
  CHECK(batches_of(padded, {.most = 2, .pad_to_largest = true}) == indices{{0, 1}, {2, 3}});
  CHECK(batches_of({}, {}).empty());
}

TEST_CASE("detect: images of a batch have the bits that each has alone") {
  auto const images = pictures();
  std::vector<image_view> const views(images.begin(), images.end());
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const d = lively_detector(options);
    detect_options const o{.score = .01f, .max_detections = 20};
    std::vector<std::vector<detection>> alone;
    for (auto const& im : images) alone.push_back(d.detect(im, o));
    REQUIRE(alone[0].size() > 3);
    for (int const most : {1, 2, 8}) {
      CAPTURE(most);
      auto const together = d.detect(views, o, {.most = most});
      REQUIRE(together.size() == images.size());
      for (std::size_t i = 0; i < images.size(); ++i) CHECK(equal(together[i], alone[i]));
      auto const hidden = any_detector(lively_detector(options)).detect(views, o, {.most = most});
      for (std::size_t i = 0; i < images.size(); ++i) CHECK(equal(hidden[i], alone[i]));
    }
    CHECK(d.detect(std::span<image_view const>()).empty());
  }
}

TEST_CASE("detect: padded to the largest, an image of the largest size has its own bits, and others the boxes of their own size") {
  auto const images = pictures();
  std::vector<image_view> const views{images[0], images[1]};  // 96 x 64 and 64 x 96: both padded to 96 x 96
  auto const d = lively_detector(tests::engines(1)[0]);
  detect_options const o{.score = .01f};
  auto const padded = d.detect(views, o, {.pad_to_largest = true});
  REQUIRE(padded.size() == 2);
  CHECK_FALSE(equal(padded[0], d.detect(images[0], o)));  // features beside the padding differ
  for (std::size_t i = 0; i < 2; ++i)
    for (auto const& hit : padded[i]) {
      CHECK(hit.where.x2 <= static_cast<float>(views[i].width));
      CHECK(hit.where.y2 <= static_cast<float>(views[i].height));
    }
  std::vector<image_view> const same{images[0], images[3]};
  CHECK(equal(d.detect(same, o, {.pad_to_largest = true})[1], d.detect(images[3], o)));
}

TEST_CASE("detect: stops on request, and a wrong image is named before anything is computed") {
  auto const images = pictures();
  std::vector<image_view> views(images.begin(), images.end());
  auto const d = lively_detector(tests::engines(1)[0]);
  std::stop_source source;
  CHECK(d.detect(views, {}, {.stop = source.get_token()}).size() == views.size());
  source.request_stop();
  CHECK_THROWS_AS(d.detect(views, {}, {.stop = source.get_token()}), stopped);
  views[2] = image_view{};
  CHECK_THROWS_WITH_AS(d.detect(views), "image 2 of 7: expected pixels, found none", error);
  CHECK_THROWS_WITH_AS(d.detect(views, {}, {.most = 0}), "batch_options.most: expected 1 to 1024 images, found 0", error);
}
