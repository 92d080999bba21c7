#pragma once
// evaluate's work on COCO files: the twelve numbers of a results file, without a model and without images.
#include "console.hpp"

#include <frcnn/eval/coco_report.hpp>
#include <frcnn/io/coco_json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace console {

// Prints AP of each category and the twelve numbers; json: where they are written in full precision, or empty.
inline void evaluate_coco_files(std::string const& results, std::string const& test, std::string const& json, bool pycocotools_exact,
                                int threads) {
  auto const truth = frcnn::io::read_coco_instances(test, [&](std::string const& text) { warn(test + ": " + text); });
  auto const found = frcnn::io::read_coco_results(results);
  std::vector<std::int64_t> images, categories;
  for (auto const& im : truth.images) images.push_back(im.id);
  for (auto const& c : truth.categories) categories.push_back(c.id);
  frcnn::eval::coco_options o;
  o.pycocotools_exact = pycocotools_exact;
  o.threads = threads;
  o.progress = [show = progress()](std::size_t done, std::size_t all) mutable {
    if (done < all) show(fmt::format("{} of {} categories", done, all));
  };
  auto const e = [&] {
    try {
      return frcnn::eval::evaluate_coco(images, categories, truth.annotations, found, o);
    } catch (frcnn::error const& problem) {
      throw problem.in(results + ", " + problem.where());
    }
  }();
  if (e.other_categories)
    warn(fmt::format("{}: {} of {} detections are of categories that {} does not have, and are not judged", results, e.other_categories,
                     found.size(), test));
  std::map<std::int64_t, std::string> name;
  for (auto const& c : truth.categories) name[c.id] = c.name;
  std::vector<std::string> names;
  for (auto const id : e.categories) names.push_back(name[id]);
  fmt::print("{}{}", frcnn::eval::coco_report_by_category(e, names), frcnn::eval::coco_report(e));
  if (!json.empty()) frcnn::io::write_coco_stats(json, frcnn::eval::coco_stats(e));
}

}  // namespace console
