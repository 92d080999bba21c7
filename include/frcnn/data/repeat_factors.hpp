#pragma once
// Repeat-factor sampling for classes with few images (LVIS, Gupta et al. 2019, arXiv 1908.03195, appendix B.2).
//
//   f(c)   share of the training images that hold an object of class c
//   r(c)   max(1, sqrt(t / f(c)))          t: the threshold; a class in a share of t or more of the images is not repeated
//   r(i)   the largest r(c) of the classes in image i, 1 without objects: how often an epoch shows it, on average
//
// Example: 1,000 images, a class in 10 of them, t = .04: each of the 10 is shown twice an epoch.
#include "frcnn/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct repeat_factors {
  struct of_class {
    std::size_t images = 0;
    double share = 0, factor = 1;
  };
  std::vector<of_class> classes;  // label i + 1 at i
  std::vector<double> of_image;   // in the order of the images that were given
};

// images: those that are trained on. Difficult objects count where they are kept.
template <DataSource Source>
repeat_factors repeat_factors_of(Source const& data, std::vector<std::size_t> const& images, double threshold, difficult_objects how) {
  repeat_factors r;
  std::vector<std::set<std::int32_t>> labels(images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (auto const& o : data.truth(images[i]).objects)
      if (o.label > 0 && (!o.difficult || how == difficult_objects::keep)) labels[i].insert(o.label);
    for (auto const label : labels[i]) {
      if (static_cast<std::size_t>(label) > r.classes.size()) r.classes.resize(static_cast<std::size_t>(label));
      ++r.classes[static_cast<std::size_t>(label) - 1].images;
    }
  }
  for (auto& c : r.classes) {
    c.share = static_cast<double>(c.images) / static_cast<double>(std::max<std::size_t>(images.size(), 1));
    if (c.images) c.factor = std::max(1.0, std::sqrt(threshold / c.share));
  }
  for (auto const& of : labels) {
    double most = 1;
    for (auto const label : of) most = std::max(most, r.classes[static_cast<std::size_t>(label) - 1].factor);
    r.of_image.push_back(most);
  }
  return r;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
