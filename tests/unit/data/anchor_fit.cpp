#include "frcnn/data/anchor_fit.hpp"

#include "frcnn/data/anchor_report.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

#include <clocale>
#include <fstream>
#include <sstream>

using namespace frcnn;
using namespace frcnn::data;
using conventions::caffe;
using tv = conventions::torchvision;

namespace {

anchor_setting<1> halved(int short_side, int max_side) {  // torchvision: the map is a sixteenth of the padded input
  return {short_side, max_side, {16}, [](int, int h, int w) { return map_extent{h / 16, w / 16}; }};
}
anchor_setting<1> pooled(int short_side, int max_side) {  // caffe: four pools that round up
  return {short_side, max_side, {16}, [](int, int h, int w) {
            for (int i = 0; i < 4; ++i) h = (h + 1) / 2, w = (w + 1) / 2;
            return map_extent{h, w};
          }};
}

dataset images_of(int width, int height, std::vector<std::vector<box<float>>> const& boxes) {
  dataset set{{"a"}, {}};
  for (auto const& of_image : boxes) {
    sample s{std::to_string(set.size()), std::to_string(set.size()) + ".jpg", width, height, 1, {}};
    for (auto const& b : of_image) s.objects.push_back({b, "a", 1});
    set.samples.push_back(s);
  }
  return set;
}

// One image of tests/golden/anchor_fit.txt, against a data set of each of its boxes: counts tell IoUs at 0.5 and 0.7, the mean all digits.
template <class Rules>
void compare(dataset const& set, anchor_setting<1> const& setting, std::vector<double> const& sizes,
             std::vector<std::array<double, 4>> const& truth) {
  auto const anchors = make_anchors<Rules, 1>({sizes}, {.5, 1, 2});
  resize_plan const plan = Rules::resize(set.samples[0].width, set.samples[0].height, setting.short_side, setting.max_side);
  anchor_boxes<Rules, 1> const boxes(set, setting);
  auto const grids = boxes.grids_of(anchors);
  REQUIRE(boxes.size() == truth.size());
  std::vector<box<float>> resized;
  boxes.for_each(truth.size(), [&](box<float> const& b, std::int32_t, std::size_t place) {
    CHECK(place == 0);
    CHECK(b.x2 <= static_cast<float>(plan.w) + 1.f);
    resized.push_back(b);
  });
  std::vector<typename placed_anchor_grid<Rules, 1>::U> best;
  for (auto const& b : resized) best.push_back(grids[0].best(b, true));
  anchor_fit const fit = boxes.fit(anchors);
  std::size_t not_learned = 0, at_70 = 0;
  double mean = 0;
  for (std::size_t g = 0; g < truth.size(); ++g) {
    INFO("box ", g);
    CHECK(best[g] == doctest::Approx(truth[g][0]).epsilon(2e-6));
    CHECK(grids[0].best(resized[g], false) == doctest::Approx(truth[g][1]).epsilon(2e-6));
    CHECK(grids[0].overlaps(resized[g]).anywhere == doctest::Approx(truth[g][2]).epsilon(2e-6));
    CHECK(grids[0].learned(resized, best, g) == (truth[g][3] == 1));
    not_learned += truth[g][3] == 0;
    at_70 += truth[g][0] >= 0.7;
    mean += truth[g][0] / static_cast<double>(truth.size());
  }
  CHECK(fit.all.boxes == truth.size());
  CHECK(fit.all.not_learned == not_learned);
  CHECK(fit.out_of_reach.count + fit.taken.count == not_learned);
  CHECK(fit.all.best[1] == at_70);
  CHECK(fit.all.mean() == doctest::Approx(mean).epsilon(2e-6));
  std::size_t of_classes = 0;
  for (auto const& c : fit.of_class) of_classes += c.boxes;
  CHECK(of_classes == fit.all.boxes);
}

// Boxes of one shape after the other, at places of a fixed pseudo-random row.
template <class Shape>
dataset made_up(int images, Shape const& shape) {
  std::uint32_t state = 12345;
  auto const draw = [&](double low, double high) {
    state = state * 1664525u + 1013904223u;
    return low + (high - low) * (state >> 8) / 16777216.;
  };
  std::vector<std::vector<box<float>>> boxes(static_cast<std::size_t>(images));
  for (auto& of_image : boxes)
    for (int i = 0; i < 8; ++i) {
      auto const [w, h] = shape(draw);
      float const x = static_cast<float>(draw(0, 640 - w)), y = static_cast<float>(draw(0, 480 - h));
      of_image.push_back({x, y, x + static_cast<float>(w), y + static_cast<float>(h)});
    }
  return images_of(640, 480, boxes);
}

}  // namespace

TEST_CASE("anchor fit: every box's best anchors and whether one learns it, against brute force in NumPy") {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../golden/anchor_fit.txt");
  std::size_t images = 0;
  for (std::string line, word; std::getline(in, line); ++images) {
    std::istringstream fields(line);
    int rules, w, h, short_side, max_side, label;
    fields >> word >> rules >> w >> h >> short_side >> max_side;
    REQUIRE(fields.good());
    dataset set{{"a", "b", "c"}, {{"0", "0.jpg", w, h, 1, {}}}};
    std::vector<std::array<double, 4>> truth;
    for (box<float> b; fields >> label >> b.x1 >> b.y1 >> b.x2 >> b.y2;) {
      set.samples[0].objects.push_back({b, "", label});
      auto& t = truth.emplace_back();
      for (double& v : t) fields >> v;
    }
    CAPTURE(line.substr(0, 40));
    if (rules == 0) compare<tv>(set, halved(short_side, max_side), {24, 48, 96}, truth);
    else compare<caffe>(set, pooled(short_side, max_side), {32, 64, 128}, truth);
  }
  CHECK(images == 10);
}

TEST_CASE("anchor fit: strides, the border and difficult objects") {
  // In the middle between four cells of a stride of 16: 16 x 16 of 24 x 24 overlap.
  dataset set = images_of(320, 320, {{{156, 156, 180, 180}}, {{148, 148, 172, 172}}, {{-4, -4, 20, 20}}});
  set.samples[2].objects[0].where = {0, 0, 24, 24};
  auto const fit = anchor_boxes<tv, 1>(set, halved(320, 320)).fit(make_anchors<tv, 1>({{24}}, {1}));
  CHECK(fit.all.boxes == 3);
  CHECK(fit.all.anywhere == fit_counts::at_least{3, 3});
  CHECK(fit.all.best == fit_counts::at_least{2, 1});  // the second has the cell at 160; the third is 4 off on both axes: 20^2 / 752 = 0.53
  set.samples[0].objects[0].difficult = true;
  CHECK(anchor_boxes<tv, 1>(set, halved(320, 320)).size() == 2);
  CHECK(anchor_boxes<tv, 1>(set, halved(320, 320), difficult_objects::keep).size() == 3);
  // Under caffe the anchors at the border do not train: a box in the corner has none, and is out of reach.
  dataset const corner = images_of(320, 320, {{{0, 0, 12, 12}}, {{100, 100, 228, 228}}});
  auto const border = anchor_boxes<caffe, 1>(corner, pooled(320, 320)).fit(make_anchors<caffe, 1>({{128}}, {1}));
  CHECK(border.all.best == fit_counts::at_least{1, 1});
  CHECK(border.out_of_reach.count == 0);  // an anchor that may train still touches it
  auto const large = anchor_boxes<caffe, 1>(corner, pooled(320, 320)).fit(make_anchors<caffe, 1>({{512}}, {1}));
  CHECK(large.out_of_reach.count == 2);  // no anchor of 512 lies inside of 320 x 320
  CHECK(large.out_of_reach.cases.size() == 2);
  CHECK(large.out_of_reach.first == "0.jpg, box (0, 0, 12, 12) of the resized image");
  CHECK(large.all.best == fit_counts::at_least{0, 0});
}

TEST_CASE("anchor report: options and shares are written with points, whatever the locale") {
  std::string const before = std::setlocale(LC_NUMERIC, nullptr);
  std::setlocale(LC_NUMERIC, "de_DE.UTF-8");  // a comma where the locale is installed
  CHECK(to_options({{24, 48.5, 123456}, {0.25, 1}}) == "--anchors 24,48.5,123456 --ratios 0.25,1");
  CHECK(percent(0.125) == "12.5 %");
  CHECK(frcnn::data::detail::two_digits(0.7949) == 0.79);
  std::setlocale(LC_NUMERIC, before.c_str());
}

TEST_CASE("anchor fit: the proposal is never worse than what is there, and equal for equal data") {
  auto const tall = [](auto const& draw) {
    double const w = draw(20, 60);
    return std::pair{w, std::min(470., w * draw(4, 6))};
  };
  auto const tiny = [](auto const& draw) { return std::pair{draw(14, 30), draw(14, 30)}; };
  auto const mixed = [](auto const& draw) {
    double const size = std::exp(draw(std::log(20.), std::log(400.))), ratio = std::exp(draw(-1., 1.));
    return std::pair{size / std::sqrt(ratio), std::min(470., size * std::sqrt(ratio))};
  };
  anchor_shapes const preset{{24, 48, 96}, {.5, 1, 2}};
  auto const check = [&](dataset const& set, char const* name) {
    CAPTURE(name);
    auto const s = study_anchors<tv>(set, halved(300, 1000), preset);
    CHECK(s.fit_of_proposed.all.best[1] > s.fit.all.best[1]);
    CHECK(s.proposed.sizes.size() == 3);
    CHECK(s.proposed.ratios.size() == 3);
    CHECK(study_anchors<tv>(set, halved(300, 1000), preset).proposed == s.proposed);
    auto const lines = s.lines(false);
    CHECK(lines.size() == 5);
    CHECK(lines[4].find("proposed: " + to_options(s.proposed)) != std::string::npos);
    CHECK(s.lines(true)[1].find(to_options(s.proposed)) != std::string::npos);
  };
  check(made_up(60, tall), "tall");
  check(made_up(60, tiny), "tiny");
  check(made_up(60, mixed), "mixed");
  dataset const some = made_up(30, tall);
  auto const as_asked = study_anchors<tv>(some, halved(300, 1000), {{24, 48}, {.5, 1}}, false);
  CHECK(as_asked.proposed.ratios == std::vector<double>{.5, 1});
  CHECK(as_asked.proposed.sizes.size() == 2);
  // A rare class of large boxes beside a frequent one keeps an anchor.
  dataset two = images_of(640, 480, {});
  two.classes = {"frequent", "rare"};
  for (int i = 0; i < 100; ++i) {
    sample s{std::to_string(i), "", 640, 480, 1, {}};
    float const d = static_cast<float>(i);
    for (int k = 0; k < 9; ++k) s.objects.push_back({{d, 50.f * k, d + 40 + 3 * k, 50.f * k + 44}, "frequent", 1});
    if (i % 5 == 0) s.objects.push_back({{d, 20, d + 300, 320}, "rare", 2});
    two.samples.push_back(s);
  }
  auto const both = study_anchors<tv>(two, halved(300, 1000), preset);
  CHECK(both.fit_of_proposed.of_class[1].share(both.fit_of_proposed.of_class[1].best, 1) == 1);
  CHECK(both.fit_of_proposed.all.best[1] > both.fit.all.best[1]);
  // equal boxes, and none
  dataset const equal = images_of(640, 480, {{{100, 100, 200, 200}}, {{300, 100, 400, 200}}});
  CHECK(study_anchors<tv>(equal, halved(300, 1000), preset).fit_of_proposed.all.best[1] == 2);
  auto const none = study_anchors<tv>(images_of(640, 480, {{}}), halved(300, 1000), preset);
  CHECK(none.proposed == preset);
  CHECK(none.lines(false).size() == 5);
  CHECK(to_options(preset) == "--anchors 24,48,96 --ratios 0.5,1,2");
}
