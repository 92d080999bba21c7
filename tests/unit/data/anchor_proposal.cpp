#include "frcnn/data/anchor_proposal.hpp"

#include "../sentence.hpp"
#include "frcnn/data/anchor_report.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using conventions::caffe;
using tv = conventions::torchvision;

namespace {

// Maps of the strides first, 2 first, 4 first and so on, as a feature pyramid has them. growth 1: all of one stride.
template <int L>
anchor_setting<L> pyramid(int first, int growth = 2, int short_side = 240) {
  anchor_setting<L> s{short_side, 1000, {}, {}};
  for (int l = 0, stride = first; l < L; ++l, stride *= growth) s.stride[static_cast<std::size_t>(l)] = stride;
  s.map = [strides = s.stride](int l, int h, int w) {
    int const stride = strides[static_cast<std::size_t>(l)];
    return map_extent{(h + stride - 1) / stride, (w + stride - 1) / stride};
  };
  return s;
}

struct pseudo_random {
  std::uint32_t state = 12345;
  double operator()(double low, double high) {
    state = state * 1664525u + 1013904223u;
    return low + (high - low) * (state >> 8) / 16777216.;
  }
};

// Six objects an image, of sides that shape(draw, i) gives for object i, anywhere. The images are resized to half of their sides.
template <class Shape>
dataset made_up(int images, Shape const& shape) {
  pseudo_random draw;
  dataset set{{"a", "b"}, {}};
  for (int n = 0; n < images; ++n) {
    sample s{std::to_string(n), std::to_string(n) + ".jpg", n % 4 ? 640 : 480, n % 4 ? 480 : 640, 1, {}};
    for (int i = 0; i < 6; ++i) {
      auto const [w, h] = shape(draw, i);
      float const x = static_cast<float>(draw(0, s.width - w)), y = static_cast<float>(draw(0, s.height - h));
      s.objects.push_back({{x, y, x + static_cast<float>(w), y + static_cast<float>(h)}, "", i == 0 ? 2 : 1});
    }
    set.samples.push_back(s);
  }
  return set;
}

auto const three_sizes = [](auto& draw, int i) {
  double const size = (i % 3 == 0 ? 40 : i % 3 == 1 ? 110 : 420) * draw(0.93, 1.07), ratio = draw(0.9, 1.1);
  return std::pair{size / ratio, size * ratio};
};
auto const tall = [](auto& draw, int) {
  double const w = draw(20, 80);
  return std::pair{w, std::min(470., w * draw(3, 5))};
};
auto const all_sizes = [](auto& draw, int) {
  double const size = std::exp(draw(std::log(16.), std::log(400.))), ratio = std::exp(draw(-1., 1.));
  return std::pair{size / std::sqrt(ratio), std::min(470., size * std::sqrt(ratio))};
};

template <class Rules, int L>
anchor_study checked_study(dataset const& set, anchor_setting<L> const& setting, anchor_shapes const& present, bool move_ratios = true) {
  auto const s = study_anchors<Rules>(set, setting, present, move_ratios);
  CAPTURE(to_options(present));
  CAPTURE(to_options(s.proposed));
  CHECK(s.fit_of_proposed.all.best[1] >= s.fit.all.best[1]);
  CHECK(s.fit_of_proposed.all.best == anchor_boxes<Rules, L>(set, setting).fit(anchors_of<Rules, L>(s.proposed)).all.best);
  REQUIRE(s.proposed.sizes.size() == present.sizes.size());
  CHECK(s.proposed.ratios.size() == present.ratios.size());
  if (!move_ratios) CHECK(s.proposed.ratios == present.ratios);
  std::size_t const of_map = present.sizes.size() / L;
  if (s.proposed != present)
    for (std::size_t k = 1; k < s.proposed.sizes.size(); ++k)
      CHECK((s.proposed.sizes[k - 1] < s.proposed.sizes[k] || (k % of_map && s.proposed.sizes[k - 1] == s.proposed.sizes[k])));
  return s;
}

double at_70(anchor_fit const& f) { return f.all.share(f.all.best, 1); }

}  // namespace

TEST_CASE("anchor fit of several maps: the best anchor of each box against all anchors of the grid") {
  auto const setting = pyramid<3>(8);
  auto const set = made_up(4, all_sizes);
  auto const anchors = anchors_of<tv, 3>({{16, 20, 50, 60, 120, 200}, {.5, 1, 2}});
  anchor_boxes<tv, 3> const boxes(set, setting);
  auto const grids = boxes.grids_of(anchors);
  std::vector<std::vector<placed_anchor_grid<tv, 1>>> of_map;  // each map's sizes on that map alone
  std::vector<std::vector<double>> const sizes{{16, 20}, {50, 60}, {120, 200}};
  for (int l = 0; l < 3; ++l)
    of_map.push_back(boxes.grids_of_map(l, make_anchors<tv, 1>({sizes[static_cast<std::size_t>(l)]}, {.5, 1, 2})));
  int const stride[] = {8, 16, 32};
  std::size_t seen = 0, on_last = 0;
  boxes.for_each(boxes.size(), [&](box<float> const& b, std::int32_t, std::size_t place) {
    int const h = seen / 6 % 4 ? 256 : 320, w = seen / 6 % 4 ? 320 : 256;  // padded: 240 x 320, and each fourth 320 x 240
    map_extent const extent[] = {{h / 8, w / 8}, {h / 16, w / 16}, {h / 32, w / 32}};
    auto const grid = make_anchor_grid<tv, 3>(h, w, extent, stride);
    float best[3] = {};
    for (int i = 0; i < grid.anchors(anchors.count); ++i) {
      cell const c = grid.cell_of(i, anchors.count);
      best[c.level] = std::max(best[c.level], iou(anchors.at<float>(c), b));
    }
    for (std::size_t l = 0; l < 3; ++l) CHECK(of_map[l][place].best(b, true) == doctest::Approx(best[l]).epsilon(2e-6));
    CHECK(grids[place].best(b, true) == doctest::Approx(std::max({best[0], best[1], best[2]})).epsilon(2e-6));
    on_last += best[2] > best[0] && best[2] > best[1];
    ++seen;
  });
  CHECK(seen == 24);
  CHECK(on_last > 0);
}

TEST_CASE("anchor proposal: maps of one stride have what one map has") {
  for (auto const& set : {made_up(20, all_sizes), made_up(20, tall)})
    for (bool const move_ratios : {true, false}) {
      anchor_shapes const present{{20, 30, 45, 70, 100, 150}, {.5, 1, 2}};
      auto const one = study_anchors<tv>(set, pyramid<1>(16), present, move_ratios),
                 three = study_anchors<tv>(set, pyramid<3>(16, 1), present, move_ratios);
      CHECK(one.proposed != present);
      CHECK(three.proposed == one.proposed);
      CHECK(three.fit_of_proposed.all.best == one.fit_of_proposed.all.best);
      CHECK(three.lines(false) == one.lines(false));
    }
}

TEST_CASE("anchor proposal: better on three and on five maps, with sizes that ascend over them") {
  auto const set = made_up(20, three_sizes);
  anchor_shapes const three{{32, 64, 128}, {.5, 1, 2}}, five{{32, 64, 128, 256, 512}, {.5, 1, 2}};
  auto const s = checked_study<tv>(set, pyramid<3>(4), three);
  CHECK(at_70(s.fit) < 0.4);
  CHECK(at_70(s.fit_of_proposed) > 0.85);
  // Halves of the three sizes, each on the map of its rank.
  for (std::size_t k = 0; k < 3; ++k) CHECK(s.proposed.sizes[k] == doctest::Approx(std::array{20, 55, 210}[k]).epsilon(0.15));
  CHECK(study_anchors<tv>(set, pyramid<3>(4), three).proposed == s.proposed);
  auto const lines = s.lines(false);
  REQUIRE(lines.size() == 5);
  CHECK(lines[2].find("strides of 4 to 16 cost") != std::string::npos);
  CHECK(lines[4] == "  proposed: " + to_options(s.proposed) + ": " + percent(s.fit_of_proposed.all.share(s.fit_of_proposed.all.best, 0)) +
                        ", " + percent(at_70(s.fit_of_proposed)) + " (--anchors auto takes them)");
  CHECK(s.lines(true)[1].find(to_options(s.proposed)) != std::string::npos);
  CHECK(s.lines(true)[4].find("taken from the data; " + to_options(three)) != std::string::npos);

  auto const high = checked_study<tv>(made_up(20, tall), pyramid<5>(4), five);
  CHECK(at_70(high.fit) < 0.1);
  CHECK(at_70(high.fit_of_proposed) > 0.6);
  CHECK(high.proposed.ratios[0] > 2);
  CHECK(at_70(checked_study<tv>(made_up(20, tall), pyramid<5>(4), five, false).fit_of_proposed) < at_70(high.fit_of_proposed));
  // Several sizes a map, and a convention whose anchors at the border do not train.
  auto const two_a_map = checked_study<tv>(made_up(20, all_sizes), pyramid<3>(4), {{16, 24, 32, 48, 64, 96}, {.5, 1, 2}});
  CHECK(at_70(two_a_map.fit_of_proposed) > at_70(two_a_map.fit) + 0.05);
  auto const inside = checked_study<caffe>(set, pyramid<3>(4), three);
  CHECK(at_70(inside.fit_of_proposed) > at_70(inside.fit) + 0.2);
}

TEST_CASE("anchor proposal: a size is judged on the map it stands on") {
  // Objects of 24 pixels: on a stride of 4 their anchor is never further than 2 pixels along an axis, on one of 64 it is chance.
  auto const set = made_up(20, [](auto& draw, int) { return std::pair{48 * draw(0.98, 1.02), 48 * draw(0.98, 1.02)}; });
  anchor_setting<3> const setting = pyramid<3>(4, 4);
  CHECK(at_70(study_anchors<tv>(set, setting, {{6, 12, 24}, {1}}, false).fit) < 0.3);
  for (anchor_shapes const& present : {anchor_shapes{{6, 12, 24}, {1}}, {{24, 100, 200}, {1}}, {{60, 61, 62}, {1}}, {{24, 12, 6}, {1}}}) {
    auto const s = checked_study<tv>(set, setting, present, false);
    CHECK(s.proposed.sizes[0] >= 20);
    CHECK(s.proposed.sizes[0] <= 26);
    CHECK(at_70(s.fit_of_proposed) > 0.95);
  }
}

TEST_CASE("anchor proposal on several maps: never fewer boxes at an IoU of 0.7, whatever is there") {
  pseudo_random draw;
  for (int k = 0; k < 12; ++k) {
    int const of_map = 1 + k % 2;
    anchor_shapes present{{}, {.5, 1, 2}};
    for (int i = 0; i < 3 * of_map; ++i) present.sizes.push_back(std::round(std::exp(draw(std::log(8.), std::log(300.)))));  // in any order
    if (k % 3 == 0) std::sort(present.sizes.begin(), present.sizes.end());
    if (k % 4 == 1) present.sizes.back() = present.sizes.front();  // one size on two maps
    checked_study<tv>(k < 6 ? made_up(6, all_sizes) : made_up(6, three_sizes), pyramid<3>(4 << k % 3), present, k % 2);
  }
  // A rare class of large objects weighs more than the objects of 96 pixels, of which there are more: their size stays all the same.
  auto const rare = made_up(30, [](auto&, int i) {
    double const size = i == 0 ? 440 : i < 4 ? 48 : 192;
    return std::pair{size, size};
  });
  CHECK(checked_study<tv>(rare, pyramid<2>(4), {{24, 96}, {1}}, false).proposed.sizes[1] < 110);
  // Objects of three sizes, on cells of both maps. A start that has one size on both maps gives no proposal that has.
  dataset on_cells{{"a"}, {}};
  for (int k = 0; k < 12; ++k) {
    sample of{std::to_string(k), "", 320, 320, 1, {}};
    float const size = static_cast<float>(k % 3 == 0 ? 20 : k % 3 == 1 ? 32 : 64), x = static_cast<float>(64 + 16 * k);
    of.objects.push_back({{x - size / 2, 128 - size / 2, x + size / 2, 128 + size / 2}, "", 1});
    on_cells.samples.push_back(of);
  }
  auto const apart = checked_study<tv>(on_cells, pyramid<2>(8, 2, 320), {{16, 32, 32, 64}, {1}}, false);
  CHECK(apart.proposed.sizes[1] < apart.proposed.sizes[2]);
  // Without boxes everything stays.
  auto const none = study_anchors<tv>(made_up(0, tall), pyramid<3>(4), {{128, 64, 32}, {1}});
  CHECK(none.proposed.sizes == std::vector<double>{128, 64, 32});
  CHECK(none.lines(false)[4] == "  none that were tried fit better");
}

TEST_CASE("anchor shapes of several maps: sizes that maps cannot share evenly are refused") {
  CHECK(sentence([] { anchors_of<tv, 3>({{8, 16, 32, 64}, {1}}); }) == "anchor sizes: expected as many for each of 3 maps, found 4 in all");
  CHECK(sentence([] { anchors_of<tv, 3>({{}, {1}}); }).find("anchor sizes: expected") == 0);
  CHECK(anchors_of<tv, 2>({{8, 16, 32, 64}, {1}}).base[1][0] == tv::base_anchor(32, 1).as<float>());
}
