#pragma once
// What is in a data set beyond the counts of summary.hpp: of each class how many objects on how many images, and how large they are before
// and after resizing; how many objects an image has; what may be wrong.
//
//   inspection const of = inspect(data, resize)        resize(width, height): the resize_plan of an image
//   classes_without_boxes(train, test)                 classes with boxes in training, of which the test has none but difficult ones
//   equal_images(train, test, threads, progress)       images with equal bytes, within each set and between them
//
// The side of a box is the square root of its area. A box is tiny when a side of it has less than 8 pixels after resizing.
// Example: sides 4, 6, 20: spread_of gives least 4, low 4, median 6, high 20, most 20
#include "frcnn/data/duplicates.hpp"
#include "frcnn/data/summary.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <cmath>
#include <functional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// The least and the most of values, and those that a tenth, a half and nine tenths of them do not exceed. All 0 without values.
struct spread {
  double least = 0, low = 0, median = 0, high = 0, most = 0;
};

inline spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  auto const [least, most] = std::minmax_element(values.begin(), values.end());
  spread found{*least, 0, 0, 0, *most};
  auto from = values.begin();  // in front of it are the smallest
  auto const at = [&](double q) {
    double const rank = std::ceil(q * static_cast<double>(values.size()) - 1e-9);
    auto const here = values.begin() + (static_cast<std::ptrdiff_t>(std::max(rank, 1.)) - 1);
    std::nth_element(from, here, values.end());
    return *(from = here);
  };
  found.low = at(0.1), found.median = at(0.5), found.high = at(0.9);
  return found;
}

struct class_inspection {
  std::string name;
  std::size_t objects = 0, difficult = 0, images = 0, tiny = 0;
  spread side, resized_side;  // pixels
};

struct inspection {
  static constexpr double tiny_side = 8;  // pixels of the resized image

  data_summary summary;
  class_inspection all;                   // objects of all classes
  std::vector<class_inspection> classes;  // label i + 1 at i
  spread objects_per_image;
  std::vector<std::size_t> images_with;  // [n]: images with n objects
  box_repeats repeats;
  case_list tiny, without_objects;  // boxes, images
};

inline inspection inspect(dataset const& data, std::function<resize_plan(int, int)> const& resize) {
  inspection result;
  result.summary = summarise(data);
  std::size_t const k = data.classes.size();
  result.classes.resize(k);
  std::vector<std::vector<double>> side(k + 1), resized(k + 1);  // the last: of all classes
  std::vector<double> of_image;
  for (std::size_t c = 0; c < k; ++c) result.classes[c].name = data.classes[c];
  result.all.name = "all";
  for (sample const& s : data.samples) {
    resize_plan const plan = resize(s.width, s.height);
    std::vector<bool> here(k);
    for (object const& o : s.objects) {
      if (o.label <= 0 || static_cast<std::size_t>(o.label) > k) continue;
      std::size_t const c = static_cast<std::size_t>(o.label) - 1;
      double const w = o.where.width() * plan.scale_x, h = o.where.height() * plan.scale_y;
      bool const tiny = std::min(w, h) < inspection::tiny_side;
      if (tiny) result.tiny.add(s.image.string() + ", " + o.name + " " + to_string(o.where));
      for (class_inspection* const of : {&result.classes[c], &result.all}) {
        ++of->objects;
        of->difficult += o.difficult;
        of->tiny += tiny;
      }
      if (!here[c]) ++result.classes[c].images, here[c] = true;
      for (std::size_t const of : {c, k}) {
        side[of].push_back(std::sqrt(static_cast<double>(o.where.area())));
        resized[of].push_back(std::sqrt(w * h));
      }
    }
    result.all.images += !s.objects.empty();
    if (s.objects.empty()) result.without_objects.add(s.image.string());
    of_image.push_back(static_cast<double>(s.objects.size()));
    if (result.images_with.size() <= s.objects.size()) result.images_with.resize(s.objects.size() + 1);
    ++result.images_with[s.objects.size()];
  }
  for (std::size_t c = 0; c <= k; ++c) {
    class_inspection& of = c < k ? result.classes[c] : result.all;
    of.side = spread_of(std::move(side[c]));
    of.resized_side = spread_of(std::move(resized[c]));
  }
  result.objects_per_image = spread_of(std::move(of_image));
  result.repeats = repeated_boxes(data);
  return result;
}

// Of these AP says nothing. The test data is read with the classes of the training data.
inline std::vector<std::string> classes_without_boxes(inspection const& train, inspection const& test) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < train.classes.size(); ++c)
    if (train.classes[c].objects > 0 && (c >= test.classes.size() || test.classes[c].objects == test.classes[c].difficult))
      names.push_back(train.classes[c].name);
  return names;
}

struct equal_image_counts {
  case_list within;  // images that equal an earlier one of the first set
  case_list within_second;
  case_list between;  // images of the second set that equal one of the first
};

inline equal_image_counts equal_images(dataset const& first, dataset const& second, int threads = 0,
                                       std::function<void(std::size_t, std::size_t)> const& progress = {}) {
  std::vector<std::filesystem::path> files;
  for (dataset const* set : {&first, &second})
    for (sample const& s : set->samples) files.push_back(s.image);
  equal_image_counts counts;
  for (auto const& group : equal_files(files, threads, progress)) {
    auto const of_second = std::lower_bound(group.begin(), group.end(), first.size());
    auto const pair = [&](std::size_t i, std::size_t j) { return files[i].string() + " equals " + files[j].string(); };
    for (auto at = group.begin() + 1; at < of_second; ++at) counts.within.add(pair(*at, group.front()));
    for (auto at = of_second; at != group.end(); ++at) {
      if (of_second != group.begin()) counts.between.add(pair(*at, group.front()));
      if (at != of_second) counts.within_second.add(pair(*at, *of_second));
    }
  }
  return counts;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
