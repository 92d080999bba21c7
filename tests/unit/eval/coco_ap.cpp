#include "frcnn/eval/coco_ap.hpp"

#include "frcnn/eval/coco_report.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace frcnn;
using namespace frcnn::eval;
using frcnn::io::coco_annotation;
using frcnn::io::coco_result;

namespace {

struct coco_set {
  std::vector<int> limits;
  std::vector<std::int64_t> images, categories;
  std::vector<coco_annotation> truths;
  std::vector<coco_result> found;
  double precision = 0;  // each with its place as weight
  std::vector<double> stats;

  coco_evaluation evaluate(coco_options o = {}) const {
    if (!limits.empty()) o.limits = limits;
    return evaluate_coco(images, categories, truths, found, o);
  }
};

std::map<std::string, coco_set> const& golden_sets() {
  static auto const sets = [] {
    std::map<std::string, coco_set> read;
    coco_set* s = nullptr;
    std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../golden/coco.txt");
    for (std::string line, what; std::getline(in, line);) {
      std::istringstream fields(line);
      fields >> what;
      if (what == "set") {
        fields >> what;
        s = &read[what];
        continue;
      }
      std::vector<double> v;
      for (double x; fields >> x;) v.push_back(x);
      auto const whole = [&](std::size_t i) { return static_cast<std::int64_t>(v.at(i)); };
      if (what == "limits") s->limits.assign(v.begin(), v.end());
      else if (what == "image") s->images.push_back(whole(0));
      else if (what == "category") s->categories.push_back(whole(0));
      else if (what == "truth")
        s->truths.push_back({whole(0), whole(1), whole(2), {v.at(3), v.at(4), v.at(5), v.at(6)}, v.at(7), v.at(8) != 0, false});
      else if (what == "detection") s->found.push_back({whole(0), whole(1), {v.at(2), v.at(3), v.at(4), v.at(5)}, v.at(6)});
      else if (what == "precision") s->precision = v.at(0);
      else s->stats = v;
    }
    return read;
  }();
  REQUIRE(sets.size() == 15);
  return sets;
}

constexpr io::coco_box here{10, 10, 40, 40}, there{100, 10, 40, 40};

}  // namespace

TEST_CASE("coco_ap: the twelve numbers and the curves are pycocotools'") {
  for (auto const& golden : golden_sets()) {
    auto const& name = golden.first;
    auto const& set = golden.second;
    CAPTURE(name);
    coco_options o;
    o.pycocotools_exact = true;
    o.threads = 1 + static_cast<int>(name.size() % 2);
    auto const e = set.evaluate(o);
    auto const stats = coco_stats(e);
    REQUIRE(stats.size() == 12);
    for (std::size_t i = 0; i < 12; ++i) {
      CAPTURE(i);
      CHECK(std::abs(stats[i] - set.stats.at(i)) <= 1e-12);
    }
    double sum = 0;
    for (std::size_t i = 0; i < e.precision.size(); ++i) sum += static_cast<double>(i + 1) * e.precision[i];
    CHECK(std::abs(sum - set.precision) <= 1e-12 * std::max(1., std::abs(set.precision)));
  }
}

TEST_CASE("coco_ap: 7 of 10 perfect detections are 70 of 101 recalls, not 71") {
  CHECK(std::abs(coco_ap(golden_sets().at("7_of_10").evaluate()) - 70 / 101.) < 1e-12);
  auto const recalls = coco_options{}.recalls;
  REQUIRE(recalls.size() == 101);
  std::vector<int> above;
  for (int i = 0; i <= 100; ++i)
    if (recalls[static_cast<std::size_t>(i)] != i / 100.) {
      CHECK(recalls[static_cast<std::size_t>(i)] == std::nextafter(i / 100., 2.));
      above.push_back(i);
    }
  CHECK(above == std::vector<int>{35, 41, 47, 57, 69, 70, 82, 83, 94, 95});
}

TEST_CASE("coco_ap: thresholds are NumPy's, the ninth 0.8999999999999999") {
  auto const t = coco_options{}.iou_thresholds;
  REQUIRE(t.size() == 10);
  CHECK(t[0] == .5);
  CHECK(t[5] == .75);
  CHECK(t[7] == .85);
  CHECK(t[8] == 0.8999999999999999);
  CHECK(t[9] == .95);
}

TEST_CASE("coco_ap: an object with annotation id 0 is found, but not where pycocotools is to be equalled") {
  auto const& set = golden_sets().at("annotation_id_0");
  CHECK(std::abs(coco_ap(set.evaluate()) - 1) < 1e-12);
  coco_options o;
  o.pycocotools_exact = true;
  CHECK(std::abs(coco_ap(set.evaluate(o)) - 0.2524752475247525) < 1e-12);
}

TEST_CASE("coco_ap: no detections give 0, no objects -1") {
  auto const& set = golden_sets().at("no_results");
  CHECK(coco_ap(set.evaluate()) == 0);
  CHECK(coco_ar(set.evaluate()) == 0);
  std::int64_t const one[] = {1};
  auto const e = evaluate_coco(one, one, {}, std::vector<coco_result>{{1, 1, here, .5}});
  CHECK(coco_ap(e) == -1);
  CHECK(coco_ar(e) == -1);
  CHECK(coco_report_by_category(e, std::vector<std::string>{"cat"}) == "AP cat n/a\n");
}

TEST_CASE("coco_ap: the limit is per image and category, and AP is taken at the largest one") {
  std::int64_t const image[] = {1}, both[] = {1, 2};
  std::vector<coco_annotation> const t{{1, 1, 1, here, 1600, false, false}, {2, 1, 2, here, 1600, false, false}};
  std::vector<coco_result> const d{{1, 1, here, .9}, {1, 2, here, .8}};
  coco_options o;
  o.limits = {1};
  auto const e = evaluate_coco(image, both, t, d, o);
  CHECK(std::abs(coco_ap(e) - 1) < 1e-12);
  auto const& few = golden_sets().at("limits_of_50");
  CHECK(coco_stats(few.evaluate())[0] == doctest::Approx(1).epsilon(1e-12));
  CHECK(coco_numbers(e).size() == 10);  // one limit: one AR in place of three
}

TEST_CASE("coco_ap: any thresholds, ranges and limits; per category; what is not among them is -1") {
  coco_options o;
  o.iou_thresholds = {.3, .75};
  o.areas = {{"all", 0, 1e10}, {"thin", 0, 100}};
  o.limits = {2, 5};
  std::int64_t const image[] = {1}, both[] = {2, 1};
  std::vector<coco_annotation> const t{{1, 1, 1, here, 1600, false, false}, {2, 1, 2, here, 90, false, false}};
  std::vector<coco_result> const d{{1, 1, {10, 10, 40, 20}, .9}, {1, 2, here, .8}, {1, 7, here, .8}};
  auto const e = evaluate_coco(image, both, t, d, o);
  CHECK(e.categories == std::vector<std::int64_t>{1, 2});
  CHECK(e.other_categories == 1);
  CHECK(e.objects == std::vector<std::size_t>{1, 0, 1, 1});
  CHECK(std::abs(coco_ap(e, {0, {}, {}, 0}) - .5) < 1e-12);  // IoU 0.5: found at 0.3 alone
  CHECK(std::abs(coco_ap(e, {1, {}, {}, 1}) - 1) < 1e-12);
  auto const n = coco_numbers(e);
  REQUIRE(n.size() == 7);
  CHECK(n[1].value == -1);  // no IoU of 0.5 among the thresholds
  CHECK(std::abs(n[2].value - .5) < 1e-12);
  for (double const p : e.curve(0, 0, 1, 0)) CHECK(p == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("coco_ap: equal results whatever the number of threads; progress is told") {
  auto const& set = golden_sets().at("random_5");
  coco_options one, four;
  one.threads = 1, four.threads = 4;
  std::size_t told = 0;
  four.progress = [&](std::size_t done, std::size_t all) {
    CHECK(done == ++told);
    CHECK(all == 3);  // detections to match, and two categories
  };
  auto const a = set.evaluate(one), b = set.evaluate(four);
  CHECK(told == 3);
  CHECK(a.precision == b.precision);
  CHECK(a.recall == b.recall);
  CHECK(a.score == b.score);
}

TEST_CASE("coco_ap: the report is in pycocotools' lines") {
  auto const report = coco_report(golden_sets().at("7_of_10").evaluate());
  CHECK(
      report.starts_with(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.693\n"
                         " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.693\n"));
  CHECK(report.find(" Average Recall     (AR) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.700\n") != report.npos);
  CHECK(std::count(report.begin(), report.end(), '\n') == 12);
}

TEST_CASE("coco_ap: what cannot be judged is refused by name") {
  std::int64_t const one[] = {1}, twice[] = {1, 1};
  std::vector<coco_annotation> const t{{1, 1, 1, here, 1600, false, false}};
  auto const judge = [&](std::vector<coco_result> d, coco_options o = {}) { evaluate_coco(one, one, t, d, o); };
  CHECK_THROWS_WITH(judge({{1, 1, here, .5}, {9, 1, here, .5}}), "result 1: expected the id of one of the images, found 9");
  CHECK_THROWS_WITH(judge({{1, 1, here, std::nan("")}}), "result 0: expected finite numbers, found NaN or infinity");
  CHECK_THROWS_WITH(evaluate_coco(twice, one, t, {}), "images: expected ids that differ, found 1 twice");
  CHECK_THROWS_WITH(evaluate_coco(one, one, std::vector<coco_annotation>{{4, 1, 3, here, 9, false, false}}, {}),
                    "object 0: expected the id of one of the categories, found 3");
  coco_options none, mixed;
  none.limits.clear(), mixed.recalls = {1, 0};
  CHECK_THROWS_AS(judge({}, none), error);
  CHECK_THROWS_AS(judge({}, mixed), error);
}

TEST_CASE("coco_match: the last of equals, real ones before ignored ones, crowds again and again") {
  coco_area_range const all{"all", 0, 1e10}, small{"small", 0, 1024};
  double const half[] = {.5};
  std::uint32_t const at[] = {0, 1, 2};
  coco_matcher m;
  auto const match = [&](std::vector<coco_annotation> const& t, std::vector<coco_result> const& d, coco_area_range const& range) {
    m.set(t, std::span(at).first(t.size()), d, std::span(at).first(d.size()));
    m.match(range, half);
    return std::vector<std::int32_t>(m.object_of_detection().begin(), m.object_of_detection().end());
  };
  using places = std::vector<std::int32_t>;
  std::vector<coco_result> const twice{{1, 1, here, .9}, {1, 1, here, .8}};
  CHECK(match({{1, 1, 1, here, 1600, false, false}, {2, 1, 1, here, 1600, false, false}}, twice, all) == places{1, 0});
  // A crowd fits as well as the object: the object is taken first, then the crowd, as often as one likes.
  CHECK(match({{1, 1, 1, here, 1600, true, false}, {2, 1, 1, here, 1600, false, false}}, twice, all) == places{1, 0});
  CHECK(m.detection_ignored()[0] == 0);
  CHECK(m.detection_ignored()[1] == 1);
  CHECK(match({{1, 1, 1, here, 1600, true, false}}, twice, all) == places{0, 0});
  CHECK(m.detection_of_object()[0] == 1);
  // Ignored by its area: once; the second detection has nothing, and is ignored by its own area.
  CHECK(match({{1, 1, 1, here, 1600, false, false}}, twice, small) == places{0, coco_matcher::none});
  CHECK(m.detection_ignored()[1] == 1);
  // `ignore` without a crowd does nothing.
  CHECK(match({{1, 1, 1, here, 1600, false, true}}, twice, all) == places{0, coco_matcher::none});
  CHECK(m.object_ignored()[0] == 0);
  CHECK(m.detection_ignored()[0] == 0);
}

TEST_CASE("coco_match: the IoU with a crowd is the share that lies in it; without extent it is 0") {
  CHECK(coco_iou({0, 0, 10, 10}, {0, 0, 20, 20}, true) == 1);
  CHECK(coco_iou({0, 0, 10, 10}, {0, 0, 20, 20}, false) == .25);
  CHECK(coco_iou({5, 5, 0, 0}, {5, 5, 0, 0}, false) == 0);
  CHECK(coco_iou(here, there, false) == 0);
}
