#pragma once
// The loader: decodes, resizes and changes images on the host, a batch ahead, and gives them with their truth. Images are RGB unless the
// options say how many channels the network reads, and keep their bits.
//
//   training_loader<Rules, Source>     endless, shuffled; batch b of a run is a function of (data, options, b) alone, whatever the number
//                                      of workers: data/epoch_plan.hpp
//   evaluation_loader<Rules, Source>   every image once, in the order of the data, never mirrored
//   load_one<Rules>                    one image, in the calling thread
// Source: any DataSource, a VOC folder's `dataset` unless it is named. It outlives the loader.
//
// What becomes of an image: data/load_image.hpp. Where the options name a region_source, its regions come along, the best `most_regions` of
// each image (geometry/region.hpp).
// Resized images stay in memory, unchanged, up to cache_mb: after the first epoch such an image costs one copy, and what augmentation does.
//
// Example: training_loader<conventions::torchvision> loader(data, {.short_side = 300, .batch = 2});
//          for (loaded const& image : loader.next()) ...   // valid until the next call
// Source: Faster R-CNN, section 3.3 (scale); conventions.hpp, row 1.
#include "frcnn/data/epoch_plan.hpp"
#include "frcnn/data/load_image.hpp"
#include "frcnn/data/prefetch.hpp"

#include <algorithm>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct evaluation_options {
  int short_side = 600, max_side = 1000;  // pixels
  int batch = 1;                          // the last one may be shorter
  int workers = 1;
  region_source regions{};  // as in training
  int most_regions = 2000;
  int channels = 3;
  difficult_objects difficult = difficult_objects::keep;
  batch_share share{};  // a process of several loads its part of each batch
};

// next() and seek() belong to one thread.
template <class Rules, DataSource Source = dataset>
class training_loader {
 public:
  training_loader(Source const& data, training_options const& o)
      : plan_(detail::trainable(data, o), o),
        cache_(data.size() * std::max<std::size_t>(1, o.short_sides.size()), o.cache_mb << 20),
        batches_([this](std::uint64_t batch, std::vector<detail::load_request>& requests) { plan_(batch, requests); },
                 [this, &data, o, how = options_of(o), memory = detail::load_memory()](detail::load_request const& r, loaded& out) mutable {
                   detail::load<Rules>(data, r, how, &cache_, memory, out);
                   detail::load_regions<Rules>(data, o.regions, o.most_regions, o.augment.crop_keeps, out);
                 },
                 o.workers) {}

  // Batch position() of the run; then position() is one more.
  std::span<loaded const> next() { return batches_.next(); }
  // Goes on as a run that has taken so many batches would.
  void seek(std::uint64_t batch_index) { batches_.seek(batch_index); }
  std::uint64_t position() const { return batches_.position(); }
  std::uint64_t batches_per_epoch() const { return plan_.batches(); }

 private:
  static detail::load_options options_of(training_options const& o) {
    return {o.difficult, o.short_sides.empty() ? std::vector<int>{o.short_side} : o.short_sides, o.max_side, o.channels,
            o.augment.crop_keeps};
  }

  detail::epoch_plan<Rules, Source> plan_;
  image_cache cache_;
  prefetcher<loaded, detail::load_request> batches_;  // last: its threads use the others
};

// next() and rewind() belong to one thread.
template <class Rules, DataSource Source = dataset>
class evaluation_loader {
 public:
  evaluation_loader(Source const& data, evaluation_options const& o)
      : batches_(
            [&data, size = checked(o), share = o.share](std::uint64_t batch, std::vector<detail::load_request>& requests) {
              std::size_t const first = std::min<std::size_t>(batch * size, data.size()),
                                end = std::min<std::size_t>(first + size, data.size());
              for (std::size_t k = 0; k < share.count(end - first); ++k) requests.push_back({first + share.index(k), false});
            },
            [&data, o, how = detail::load_options{o.difficult, {o.short_side}, o.max_side, o.channels}, memory = detail::load_memory()](
                detail::load_request const& r, loaded& out) mutable {
              detail::load<Rules>(data, r, how, nullptr, memory, out);
              detail::load_regions<Rules>(data, o.regions, o.most_regions, 0, out);
            },
            o.workers) {}

  // Empty at the end.
  std::span<loaded const> next() { return batches_.next(); }
  void rewind() { batches_.seek(0); }

 private:
  static std::size_t checked(evaluation_options const& o) {
    detail::check_options(o.short_side, o.max_side, o.batch, o.workers, o.most_regions, o.channels);
    detail::check_share(o.share, o.batch);
    return static_cast<std::size_t>(o.batch);
  }

  prefetcher<loaded, detail::load_request> batches_;
};

// Image `index` of the data with all its objects, as evaluation sees it.
template <class Rules, DataSource Source>
loaded load_one(Source const& data, std::size_t index, int short_side, int max_side, int channels = 3) {
  detail::check_options(short_side, max_side, 1, 0, 1, channels);
  detail::load_memory memory;
  loaded result;
  detail::load<Rules>(data, {index, false}, {difficult_objects::keep, {short_side}, max_side, channels}, nullptr, memory, result);
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
