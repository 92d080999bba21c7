#pragma once
// A detector over a whole data set: detections and truth of every image, in the order of the data set, in original pixels. The data is any
// DataSource.
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/epoch_plan.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/data/prefetch.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/eval/voc_ap.hpp"

#include <functional>
#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// visit(index, image) for every image in order, or for every N-th, where N processes share them. Files are decoded ahead by a background
// thread and come as an `image`; pixels come as they are given.
template <data::DataSource Source, class F>
void for_each_image(Source const& set, F&& visit, data::batch_share share = {}) {
  std::size_t const ours = share.count(set.size());
  if constexpr (data::gives_files<Source>) {
    data::prefetcher<image, std::size_t> images(
        [&](std::uint64_t batch, std::vector<std::size_t>& requests) {
          if (batch < ours) requests.push_back(share.index(static_cast<std::size_t>(batch)));
        },
        [&](std::size_t const& i, image& out) { out = data::copy_of(data::decode(set.pixels(i))); });
    for (std::size_t k = 0; k < ours; ++k) visit(share.index(k), images.next().front());
  } else {
    for (std::size_t k = 0; k < ours; ++k) visit(share.index(k), set.pixels(share.index(k)));
  }
}

// [I] lists of detections. done(n) after each image. regions: where the head looks, in place of the RPN's proposals. share: which images; the
// lists of the others stay empty (train/shared_evaluation.hpp).
template <class Detector, data::DataSource Source>
std::vector<std::vector<detection>> detect_all(Detector const& d, Source const& set, detect_options const& o = {},
                                               std::function<void(std::size_t)> const& done = {}, region_source const& regions = {},
                                               data::batch_share share = {}) {
  std::vector<std::vector<detection>> found(set.size());
  for_each_image(
      set,
      [&](std::size_t i, image_view const& im) {
        found[i] = regions ? d.detect(im, regions(i, false), o) : d.detect(im, o);
        if (done) done(i + 1);
      },
      share);
  return found;
}

// [I] lists of objects, with the labels of the data set.
template <data::DataSource Source>
std::vector<std::vector<eval::truth_box>> truth_of(Source const& set) {
  std::vector<std::vector<eval::truth_box>> truths(set.size());
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto const& truth = set.truth(i);
    for (auto const& o : truth.objects) truths[i].push_back({o.where, o.label, o.difficult});
  }
  return truths;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
