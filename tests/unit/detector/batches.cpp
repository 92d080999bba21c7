// Several images in one call: batches of one padded size, the bits of each as if it came alone; and regions from outside.
#include "frcnn/detector/batches.hpp"

#include "../engines.hpp"
#include "frcnn/detector/proposer.hpp"
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

struct zero_weights {
  template <class P>
  void operator()(P& p) const {
    std::fill_n(p.value.data, p.size(), 0.f);
    ++p.version;
  }
  void enter(std::string const&) const {}
  void leave() const {}
};

}  // namespace

TEST_CASE("batches: one padded size each, in order; or consecutive ones") {
  using indices = std::vector<std::vector<std::size_t>>;
  shape<3> const a{{64, 96, 0}}, b{{96, 64, 0}}, c{{64, 96, 128}};
  std::vector<shape<3>> const padded{a, b, a, a};
  CHECK(batches_of(padded, {.most = 2}) == indices{{0, 2}, {3}, {1}});
  CHECK(batches_of(padded, {.most = 8}) == indices{{0, 2, 3}, {1}});
  CHECK(batches_of(padded, {.most = 2, .pad_to_largest = true}) == indices{{0, 1}, {2, 3}});
  CHECK(batches_of(std::vector<shape<3>>{a, c, a, c}, {}) == indices{{0, 2}, {1, 3}});  // with regions: of one number
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
      for (std::size_t i = 0; i < images.size(); ++i) CHECK(together[i] == alone[i]);
      auto const hidden = any_detector(lively_detector(options)).detect(views, o, {.most = most});
      for (std::size_t i = 0; i < images.size(); ++i) CHECK(hidden[i] == alone[i]);
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
  CHECK_FALSE(padded[0] == d.detect(images[0], o));  // features beside the padding differ
  for (std::size_t i = 0; i < 2; ++i)
    for (auto const& hit : padded[i]) {
      CHECK(hit.where.x2 <= static_cast<float>(views[i].width));
      CHECK(hit.where.y2 <= static_cast<float>(views[i].height));
    }
  std::vector<image_view> const same{images[0], images[3]};
  CHECK(d.detect(same, o, {.pad_to_largest = true})[1] == d.detect(images[3], o));
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

  // A session has the normalisation of its own detector.
  auto const other = lively_detector(tests::engines(1)[0]);
  typename std::remove_cvref_t<decltype(d)>::session of_other(other);
  CHECK_THROWS_WITH_AS(d.detect(of_other, images[0]), "session: expected one that was made of this detector, found another detector's",
                       error);
}

TEST_CASE("detect on regions: the head looks at them, in pixels of the image, and nobody asks the RPN") {
  auto const images = pictures();
  std::vector<image_view> const views(images.begin(), images.end());
  auto d = lively_detector(tests::engines(1)[0]);
  detect_options const o{.score = .01f, .max_detections = 20};
  // The proposals of the RPN, given back to the head, are what it looks at by itself, up to the rounding of a scale and its inverse.
  std::vector<std::vector<region>> lists;
  for (auto const& im : images) lists.push_back(regions_of(d.propose(im)));
  std::vector<std::vector<detection>> alone;
  for (std::size_t i = 0; i < images.size(); ++i) {
    alone.push_back(d.detect(images[i], lists[i], o));
    auto const own = d.detect(images[i], o);
    REQUIRE(alone[i].size() == own.size());
    for (std::size_t k = 0; k < own.size(); ++k) CHECK(alone[i][k].score == doctest::Approx(own[k].score).epsilon(1e-3));
  }
  REQUIRE(alone[0].size() > 3);
  // Boxes without scores do as well; in a batch, with lists of different lengths, the bits are the same.
  CHECK(d.detect(images[0], d.propose(images[0]), o) == alone[0]);
  lists[3].resize(2);
  alone[3] = d.detect(images[3], lists[3], o);
  lists[4].clear();
  alone[4] = {};
  for (int const most : {1, 8}) {
    auto const together = d.detect(views, lists, o, {.most = most});
    auto const hidden = any_detector(lively_detector(tests::engines(1)[0])).detect(views, lists, o, {.most = most});
    for (std::size_t i = 0; i < images.size(); ++i) {
      CAPTURE(i);
      CHECK(together[i] == alone[i]);
      CHECK(hidden[i] == alone[i]);
    }
  }
  CHECK(any_detector(lively_detector(tests::engines(1)[0])).detect(images[0], lists[0], o) == alone[0]);
  CHECK(d.detect(images[0], std::vector<region>{}, o).empty());

  for (auto const& e : d.model().parameters().entries())
    if (e.name.starts_with("rpn")) d.model().parameters().set(e, std::vector<float>(e.p->size(), std::numeric_limits<float>::quiet_NaN()));
  CHECK(d.detect(images[0], lists[0], o) == alone[0]);
}

TEST_CASE("detect on regions: wrong ones are named before anything is computed") {
  auto const images = pictures();
  std::vector<image_view> const views(images.begin(), images.end());
  auto const d = lively_detector(tests::engines(1)[0]);
  std::vector<box<float>> const beside{{1, 1, 20, 20}, {96, 0, 120, 20}};
  CHECK_THROWS_WITH_AS(d.detect(images[0], beside),
                       "region 2: expected a box that meets its image of 96 x 64 pixels, found (96, 0, 120, 20)", error);
  std::vector<std::vector<box<float>>> lists(views.size());
  CHECK(d.detect(views, lists)[0].empty());
  lists[5] = {{5, 5, 5, 9}};
  CHECK_THROWS_WITH_AS(d.detect(views, lists),
                       "image 5 of 7, region 1: expected a box of finite corners with x1 < x2 and y1 < y2, found (5, 5, 5, 9)", error);
  lists.pop_back();
  CHECK_THROWS_WITH_AS(d.detect(views, lists), "detect: expected a list of regions for each of 7 images, found 6", error);
}

TEST_CASE("detect on regions of a pyramid: each at the scale that suits it, suppressed together") {
  auto const images = pictures();
  auto const at = [](std::vector<int> sides, int short_side) {
    auto config = preset::config();
    config.max_side = 256;
    config.short_side = short_side;
    config.pyramid = {std::move(sides), 48};
    detector<preset> d(config, 1);
    liven(d.model());
    return d;
  };
  auto const d = at({64, 128}, 96), low = at({}, 64), high = at({}, 128);
  detect_options const o{.score = .01f, .nms = .3f, .max_detections = 12}, raw{.score = .01f, .nms = 1.f, .max_detections = 1000};
  std::vector<image_view> const views(images.begin(), images.end());
  std::vector<std::vector<region>> lists(images.size());
  for (std::size_t i = 0; i < 2; ++i) lists[i] = regions_of(low.propose(images[i]));
  for (std::size_t i = 0; i < 2; ++i) {
    double const scale = 64. / std::min(images[i].width, images[i].height);
    std::vector<region> small, large;
    for (auto const& r : lists[i]) {
      double const area = static_cast<double>(r.where.area()) * scale * scale;
      (std::abs(area - 48 * 48) <= std::abs(4 * area - 48 * 48) ? large : small).push_back(r);
    }
    REQUIRE(small.size() > 2);
    REQUIRE(large.size() > 2);
    auto all = low.detect(images[i], large, raw);
    for (auto const& f : high.detect(images[i], small, raw)) all.push_back(f);
    std::ranges::stable_sort(all, [](auto const& a, auto const& b) { return a.score > b.score; });
    std::vector<detection> expected;
    for (auto const& f : all)
      if (expected.size() < 12 &&
          std::ranges::none_of(expected, [&](auto const& e) { return e.label == f.label && iou(e.where, f.where) > .3f; }))
        expected.push_back(f);
    REQUIRE(expected.size() > 3);
    CHECK(d.detect(images[i], lists[i], o) == expected);
  }
  auto const together = d.detect(views, lists, o);
  for (std::size_t i = 0; i < images.size(); ++i) CHECK(together[i] == d.detect(images[i], lists[i], o));
  CHECK(together[2].empty());
  // Of one scale, the one of the configuration, it is what it is without; the RPN's proposals are looked at at the one scale.
  auto const one = at({64}, 64);
  CHECK(one.detect(images[0], lists[0], o) == low.detect(images[0], lists[0], o));
  CHECK(one.detect(images[0], o) == low.detect(images[0], o));
}

TEST_CASE("proposer: the proposals of detect, with scores and anchors; other limits") {
  auto const d = lively_detector({.threads = 2});
  auto limits = proposer<preset>::defaults(d);
  CHECK(limits.limit.after_nms == 30);
  CHECK(limits.nms_iou == .7);
  proposer<preset> as_in_detect(d, limits), all(d, {{10'000, 10'000}, 1});
  for (image const& im : pictures()) {
    auto const expected = d.propose(im);
    auto const found = as_in_detect(im), raw = all(im);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      auto const where = found[i].what.where;
      auto const score = found[i].what.score;
      auto const& e = expected[i];
      float const w = static_cast<float>(im.width), h = static_cast<float>(im.height);
      CHECK(where == box<float>{std::max(e.x1, 0.f), std::max(e.y1, 0.f), std::min(e.x2, w), std::min(e.y2, h)});
      CHECK(score > 0);
      CHECK(score < 1);
      if (i) CHECK(score <= found[i - 1].what.score);
      CHECK((found[i].anchor.size == 24 || found[i].anchor.size == 48 || found[i].anchor.size == 96));
      CHECK((found[i].anchor.ratio == .5 || found[i].anchor.ratio == 1 || found[i].anchor.ratio == 2));
      // It is one of the unsuppressed ones, with its score and anchor.
      CHECK(std::ranges::any_of(
          raw, [&](proposed const& p) { return p.what.where == where && p.what.score == score && p.anchor == found[i].anchor; }));
    }
    CHECK(raw.size() > found.size());
    for (std::size_t i = 1; i < raw.size(); ++i) CHECK(raw[i].what.score <= raw[i - 1].what.score);
  }
  // Untrained deltas are none: each proposal is its anchor, whose area and ratio are those it names.
  detector<preset> blank(preset::config());
  blank.model().parameters().initialise(0);
  blank.model().for_each_param(zero_weights());
  proposer<preset> of_anchors(blank, {{10'000, 10'000}, 1});
  image const large(128, 128);
  int whole = 0;
  for (auto const& [what, anchor] : of_anchors(large)) {
    auto const& b = what.where;
    if (b.x1 == 0 || b.y1 == 0 || b.x2 == 128 || b.y2 == 128) continue;  // clipped
    ++whole;
    CHECK(std::abs(std::sqrt(b.area()) - 2 * anchor.size) < 4);  // the network sees half of it
    CHECK(std::abs(b.height() / b.width() - anchor.ratio) < .2);
    CHECK(what.score == .5f);
  }
  CHECK(whole > 10);
  CHECK_THROWS_AS((proposer<preset>(d, {{0, 10}, .7})), error);
  CHECK_THROWS_AS((proposer<preset>(d, {{10, 10}, 1.5})), error);
}
