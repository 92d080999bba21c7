// COCO evaluation of sets that tests/parity/test_coco_metrics.py has made: every match, precision, recall and score, for it to compare.
//
// FRCNN_PARITY_COCO/<n>.gt.json, <n>.dt.json and <n>.options, lines of a word and numbers; written: <n>.ours, a line for each category,
// range of areas and image that has objects or detections (category, range, image, then per threshold the place of the object of each
// detection, whether each is found and whether it is ignored), and lines precision, score, recall, stats.
#include "frcnn/eval/coco_report.hpp"
#include "frcnn/io/coco_json.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace frcnn;

namespace {

eval::coco_options options_of(std::filesystem::path const& path) {
  eval::coco_options o;
  std::ifstream in(path);
  for (std::string line, word; std::getline(in, line);) {
    std::istringstream fields(line);
    fields >> word;
    std::vector<double> values;
    for (std::string v; fields >> v;) values.push_back(std::stod(v));
    if (word == "exact") o.pycocotools_exact = true;
    if (word == "limits") o.limits.assign(values.begin(), values.end());
    if (word == "iou") o.iou_thresholds = values;
    if (word == "areas") {
      o.areas.clear();
      for (std::size_t i = 0; i < values.size(); i += 2) o.areas.push_back({"range", values[i], values[i + 1]});
    }
  }
  return o;
}

void write(std::ostream& out, char const* name, std::vector<double> const& values) {
  out << name;
  char digits[32];
  for (double const v : values) out << ' ' << std::string_view(digits, std::to_chars(digits, digits + sizeof digits, v).ptr);
  out << '\n';
}

}  // namespace

TEST_CASE("COCO evaluation of the sets in FRCNN_PARITY_COCO") {
  char const* const folder = std::getenv("FRCNN_PARITY_COCO");
  if (!folder) {
    MESSAGE("skipped: FRCNN_PARITY_COCO names no folder that tests/parity/test_coco_metrics.py has filled");
    return;
  }
  for (int n = 0;; ++n) {
    auto const named = [&](char const* end) { return std::filesystem::path(folder) / (std::to_string(n) + end); };
    if (!std::filesystem::exists(named(".gt.json"))) break;
    auto const truth = io::read_coco_instances(named(".gt.json"));
    auto const found = io::read_coco_results(named(".dt.json"));
    auto const o = options_of(named(".options"));
    std::vector<std::int64_t> images, categories;
    for (auto const& im : truth.images) images.push_back(im.id);
    for (auto const& c : truth.categories) categories.push_back(c.id);

    std::ofstream out(named(".ours"));
    std::span<io::coco_annotation const> const objects(truth.annotations);
    std::span<io::coco_result const> const detections(found);
    eval::coco_id_index const image_at("images", images), category_at("categories", categories);
    auto const of_truth = eval::group_coco("object", objects, image_at, category_at, false);
    auto of_found = eval::group_coco("detection", detections, image_at, category_at, true);
    eval::rank_coco(of_found, detections, static_cast<std::size_t>(o.limits.back()));
    eval::coco_matcher matcher;
    for (std::uint32_t k = 0; k < category_at.size(); ++k)
      for (std::uint32_t i = 0; i < image_at.size(); ++i) {
        auto const theirs = of_truth.group(k, i), ours = of_found.group(k, i);
        if (theirs.empty() && ours.empty()) continue;
        matcher.set(objects, theirs, detections, ours);
        for (std::size_t a = 0; a < o.areas.size(); ++a) {
          matcher.match(o.areas[a], o.iou_thresholds, o.pycocotools_exact);
          out << "match " << category_at.ids()[k] << ' ' << a << ' ' << image_at.ids()[i];
          for (auto const d : ours) out << ' ' << d + 1;
          for (std::size_t at = 0; at < matcher.object_of_detection().size(); ++at) {
            auto const g = matcher.object_of_detection()[at];
            out << ' ' << (g < 0 ? -1 : objects[theirs[static_cast<std::size_t>(g)]].id) << ' ' << int(matcher.detection_found()[at]) << ' '
                << int(matcher.detection_ignored()[at]);
          }
          for (auto const d : matcher.detection_of_object()) out << ' ' << (d < 0 ? 0 : ours[static_cast<std::size_t>(d)] + 1);
          out << '\n';
        }
      }
    auto const e = eval::evaluate_coco(images, categories, objects, detections, o);
    write(out, "precision", e.precision);
    write(out, "score", e.score);
    write(out, "recall", e.recall);
    write(out, "stats", eval::coco_stats(e));
    REQUIRE(out.flush());
  }
}
