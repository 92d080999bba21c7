#pragma once
// COCO's evaluation of detections on a data set that was read from COCO files: results with the file's own ids (of several files joined, with
// those of dataset::coco), judged by what the files say (areas of outlines, crowds, boxes that are not clipped).
//
// Example: auto const results = coco_results_of(set, detect_all(d, set));  auto const e = evaluate_coco(set, results);
#include "frcnn/data/dataset.hpp"
#include "frcnn/eval/coco_report.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// id_of(sample): nothing where the image is of no matter.
template <class IdOf>
std::vector<io::coco_result> coco_results(data::dataset const& set, std::span<std::vector<detection> const> found,
                                          std::vector<io::coco_category> const& categories, IdOf const& id_of) {
  std::map<std::string, std::int64_t> category_of;
  for (auto const& c : categories) category_of.emplace(c.name, c.id);
  std::vector<io::coco_result> results;
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::optional<std::int64_t> const id = id_of(set.samples.at(i));
    if (!id) continue;
    for (detection const& d : found[i]) {
      auto const category = category_of.find(set.classes.at(static_cast<std::size_t>(d.label - 1)));
      if (category == category_of.end()) continue;
      results.push_back({*id, category->second, eval::coco_box_of(d.where), d.score});
    }
  }
  return results;
}

}  // namespace detail

// In the order of the data set. found: a list of each image. Detections of classes that the file does not have are left out.
inline std::vector<io::coco_result> coco_results_of(data::dataset const& set, std::span<std::vector<detection> const> found) {
  if (!set.coco) throw error("COCO's results", "data of COCO files alone", "other data");
  return detail::coco_results(set, found, set.coco->categories, [](data::sample const& s) { return std::optional(s.number); });
}

// Those on the images of one of its COCO files, with that file's ids of images and categories.
inline std::vector<io::coco_result> coco_results_of(data::dataset const& set, std::span<std::vector<detection> const> found,
                                                    data::coco_part const& part) {
  return detail::coco_results(set, found, part.categories, [&](data::sample const& s) -> std::optional<std::int64_t> {
    if (part.has_own_numbers) return s.number;
    auto const id = part.id_of_number.find(s.number);
    return id == part.id_of_number.end() ? std::nullopt : std::optional(id->second);
  });
}

// On the images and the classes of the data set, but those of the labels that are left out.
inline eval::coco_evaluation evaluate_coco(data::dataset const& set, std::span<io::coco_result const> results,
                                           eval::coco_options const& options = {}, std::span<std::int32_t const> left_out = {}) {
  if (!set.coco) throw error("COCO's evaluation", "data of COCO files alone", "other data");
  std::vector<std::int64_t> images, categories;
  for (auto const& s : set.samples) images.push_back(s.number);
  for (auto const& c : set.coco->categories)
    if (auto const label = set.label_of(c.name); label && std::find(left_out.begin(), left_out.end(), label) == left_out.end())
      categories.push_back(c.id);
  std::set<std::int64_t> const of_image(images.begin(), images.end()), of_category(categories.begin(), categories.end());
  std::vector<io::coco_annotation> objects;
  for (auto const& a : set.coco->annotations)
    if (of_image.contains(a.image) && of_category.contains(a.category)) objects.push_back(a);
  return eval::evaluate_coco(images, categories, objects, results, options);
}

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
