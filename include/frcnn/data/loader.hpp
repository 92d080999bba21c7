#pragma once
// The loader: decodes, resizes and mirrors images on the host, a batch ahead, and gives them with their truth. Images are RGB unless the
// options say how many channels the network reads, and keep their bits.
//
//   training_loader<Rules, Source>     endless, shuffled; batch b of a run is a function of (data, options, b) alone, whatever the number
//                                      of workers
//   evaluation_loader<Rules, Source>   every image once, in the order of the data, never mirrored
//   load_one<Rules>                    one image, in the calling thread
// Source: any DataSource, a VOC folder's `dataset` unless it is named. It outlives the loader.
//
// How a training batch comes about:
// 1. each epoch is a permutation drawn from (seed, epoch); an incomplete last batch is dropped
// 2. an image is mirrored when random_unit(seed, epoch, id, draw::flip, 0) < .5; where the convention doubles the data set, each epoch
//    holds every image and its mirror image instead
// 3. where the convention says so, a batch holds only wide images or only tall ones, and images without boxes are left out
// 4. boxes are mirrored in the original image and then scaled, as both releases do; of difficult objects the options decide: they are not
//    there, or are ignore regions (label -1), or objects like others
// 5. where the options name a region_source, its regions come along, the best `most_regions` of each image (geometry/region.hpp)
// Resized images stay in memory, unmirrored, up to cache_mb: after the first epoch such an image costs one copy.
//
// Example: training_loader<conventions::torchvision> loader(data, {.short_side = 300, .batch = 2});
//          for (loaded const& image : loader.next()) ...   // valid until the next call
// Source: Faster R-CNN, section 3.3 (scale); conventions.hpp, row 1.
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/image_cache.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/data/prefetch.hpp"
#include "frcnn/geometry/region.hpp"
#include "frcnn/geometry/resize_plan.hpp"
#include "frcnn/ops/resize.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// One image with its truth. Boxes are in pixels of the resized image as it lies in `pixels`.
struct loaded {
  image pixels;      // [plan.h, plan.w, channels]
  resize_plan plan;  // from the original to `pixels`
  int original_width = 0, original_height = 0;
  std::vector<box<float>> boxes;        // [G]
  std::vector<std::int32_t> labels;     // [G] 1..K, or -1 for an ignore region
  std::vector<std::uint8_t> difficult;  // [G], as annotated
  std::vector<box<float>> regions;      // by descending score; none without a region_source
  std::size_t index = 0;                // in the data
  std::uint64_t id = 0;                 // names it to the random draws
  bool flipped = false;
};

struct training_options {
  int short_side = 600, max_side = 1000;  // pixels
  int batch = 2;
  std::uint64_t seed = 0;
  bool flip = true;
  difficult_objects difficult = difficult_objects::drop;
  std::size_t cache_mb = 512;
  int workers = 1;          // background threads; 0: everything happens in next()
  region_source regions{};  // empty: images come without
  int most_regions = 2000;  // of an image
  int channels = 3;         // that the network reads (pixel_normalisation); grey images fill three
};

struct evaluation_options {
  int short_side = 600, max_side = 1000;  // pixels
  int batch = 1;                          // the last one may be shorter
  int workers = 1;
  region_source regions{};  // as in training
  int most_regions = 2000;
  int channels = 3;
};

namespace detail {

// Width, height, channels and bits, and bytes for them; memory is reused.
inline void shape_image(image& im, int width, int height, int channels, int bits) {
  im.width = width, im.height = height, im.channels = channels, im.bits = bits;
  im.pixels.resize(checked::elements(shape<3>{{height, width, im.pixel_bytes()}}));
}

inline void mirror(image& im) {
  for (int y = 0; y < im.height; ++y)
    for (int left = 0, right = im.width - 1; left < right; ++left, --right)
      std::swap_ranges(im.at(left, y), im.at(left, y) + im.pixel_bytes(), im.at(right, y));
}

inline void mirror_copy(image const& from, image& to) {
  auto const copy = [&](auto bytes) {  // of a pixel; a constant for RGB
    for (int y = 0; y < from.height; ++y) {
      std::uint8_t const* source = from.at(from.width - 1, y);
      for (std::uint8_t *out = to.at(0, y), *end = out + std::ptrdiff_t{bytes} * from.width; out != end; out += bytes, source -= bytes)
        for (int k = 0; k < bytes; ++k) out[k] = source[k];
    }
  };
  if (from.pixel_bytes() == 3) copy(std::integral_constant<int, 3>());
  else copy(from.pixel_bytes());
}

// Adds its regions to an image whose other parts are loaded.
template <class Rules, DataSource Source>
void load_regions(Source const& data, region_source const& source, int most, loaded& out) {
  out.regions.clear();
  if (!source) return;
  auto regions = source(out.index, out.flipped);
  for (std::size_t r = 0; r < regions.size(); ++r)
    check_region(regions[r], out.original_width, out.original_height,
                 [&] { return name_of(data, out.index) + ", region " + std::to_string(r + 1); });
  best_regions(regions, most);
  for (region const& r : regions) out.regions.push_back(region_in_input<Rules>(r, out.original_width, out.flipped, out.plan));
}

// f(image_view) of image i, decoded where that is to be done.
template <DataSource Source, class F>
void with_pixels(Source const& data, std::size_t i, F&& f) {
  auto&& given = data.pixels(i);
  if constexpr (gives_files<Source>) {
    decoded_image const decoded = decode(given);
    f(image_view(decoded));
  } else {
    f(image_view(given));
  }
}

// Everything of `out` but regions; its memory is reused. cache: may be null.
template <class Rules, DataSource Source>
void load(Source const& data, std::size_t index, bool flipped, difficult_objects how, int short_side, int max_side, int channels,
          image_cache* cache, ops::resizer& resize, loaded& out) {
  auto const& truth = data.truth(index);
  out.plan = Rules::resize(truth.width, truth.height, short_side, max_side);
  out.index = index;
  out.id = data.id(index);
  out.flipped = flipped;
  out.original_width = truth.width;
  out.original_height = truth.height;

  if (image const* cached = cache ? cache->find(index) : nullptr) {
    shape_image(out.pixels, cached->width, cached->height, cached->channels, cached->bits);
    if (flipped) mirror_copy(*cached, out.pixels);
    else std::copy(cached->pixels.begin(), cached->pixels.end(), out.pixels.pixels.begin());
  } else {
    with_pixels(data, index, [&](image_view const& v) {
      try {
        check(v);
      } catch (error const& e) {
        throw e.in(name_of(data, index));
      }
      auto const size = [](int w, int h) { return std::to_string(w) + " x " + std::to_string(h) + " pixels"; };
      if (v.width != truth.width || v.height != truth.height)
        throw error(name_of(data, index),
                    size(truth.width, truth.height) + (gives_files<Source> ? " as when the data was read" : " as its truth has it"),
                    size(v.width, v.height));
      if (!has_channels(v, channels))
        throw error(name_of(data, index), std::to_string(channels) + (channels == 1 ? " channel" : " channels"),
                    std::to_string(v.channels()));
      shape_image(out.pixels, out.plan.w, out.plan.h, channels, v.bits);
      if (v.bits == 16) resize(v, out.plan, out.pixels.at_16(0, 0), channels);
      else resize(v, out.plan, out.pixels.pixels.data(), channels);
    });
    if (cache) cache->store(index, out.pixels);
    if (flipped) mirror(out.pixels);
  }

  out.boxes.clear();
  out.labels.clear();
  out.difficult.clear();
  for (auto const& o : truth.objects) {
    if (o.difficult && how == difficult_objects::drop) continue;
    box<float> const where = flipped ? Rules::flip_box(o.where, static_cast<float>(truth.width)) : o.where;
    out.boxes.push_back(Rules::scale_box(where, static_cast<float>(out.plan.scale_x), static_cast<float>(out.plan.scale_y)));
    out.labels.push_back(o.difficult && how == difficult_objects::ignore ? std::int32_t{-1} : o.label);
    out.difficult.push_back(o.difficult);
  }
}

struct load_request {
  std::size_t index;
  bool flipped;
};

inline void check_options(int short_side, int max_side, int batch, int workers = 0, int most_regions = 1, int channels = 3) {
  if (short_side < 1 || max_side < short_side || max_side > 1 << 16)
    throw error("sides", "1 <= short side <= longest side <= 65536", std::to_string(short_side) + " and " + std::to_string(max_side));
  if (workers < 0 || workers > 1024) throw error("workers", "0 to 1024 threads", std::to_string(workers));
  if (batch < 1) throw error("batch", "at least 1", std::to_string(batch));
  if (channels < 1 || channels > most_channels) throw error("channels", "1 to " + std::to_string(most_channels), std::to_string(channels));
  if (most_regions < 1) throw error("most_regions", "at least 1", std::to_string(most_regions));
}

// What an epoch shows, batch by batch; a batch may be anything that the convention allows.
template <class Rules, DataSource Source>
class epoch_plan {
 public:
  epoch_plan(Source const& data, training_options const& o) : data_(data), options_(o) {
    for (std::size_t i = 0; i < data.size(); ++i) {
      auto const& truth = data.truth(i);
      bool const has_boxes =
          std::ranges::any_of(truth.objects, [&](auto const& x) { return !x.difficult || o.difficult == difficult_objects::keep; });
      if (has_boxes || Rules::learns_from_empty_images) images_.push_back(i);
    }
    begin(0);
    if (batches_ == 0)
      throw error("training data", "enough images for one batch of " + std::to_string(o.batch), std::to_string(images_.size()));
  }

  std::uint64_t batches() const { return batches_; }

  void operator()(std::uint64_t batch, std::vector<load_request>& requests) {
    if (batch / batches_ != epoch_) begin(batch / batches_);
    auto const size = static_cast<std::size_t>(options_.batch);
    auto const first = order_.begin() + static_cast<std::ptrdiff_t>(batch % batches_ * size);
    requests.assign(first, first + options_.batch);
  }

 private:
  static constexpr bool doubles = Rules::flips_double_the_dataset;

  void begin(std::uint64_t epoch) {
    epoch_ = epoch;
    order_.clear();
    for (int pass = 0; pass < (doubles && options_.flip ? 2 : 1); ++pass)
      for (std::size_t const i : images_) {
        bool const heads = random_unit(options_.seed, epoch, data_.id(i), draw::flip, 0) < 0.5f;
        order_.push_back({i, options_.flip && (doubles ? pass == 1 : heads)});
      }
    host_rng rng(options_.seed, draw::shuffle, epoch);
    auto const shuffle = [&](std::size_t items, std::size_t width) {  // items of `width` neighbours each
      for (std::size_t i = items; i-- > 1;) {
        auto const j = static_cast<std::size_t>(rng.integer(0, static_cast<int>(i)));
        if (i != j) std::swap_ranges(&order_[i * width], &order_[i * width] + width, &order_[j * width]);
      }
    };
    auto const batch = static_cast<std::size_t>(options_.batch);
    shuffle(order_.size(), 1);
    if constexpr (Rules::pairs_by_orientation) {
      tall_.clear();
      auto wide_end = order_.begin();
      for (load_request const& r : order_) {
        auto const& truth = data_.truth(r.index);
        if (truth.width >= truth.height) *wide_end++ = r;
        else tall_.push_back(r);
      }
      wide_end -= (wide_end - order_.begin()) % options_.batch;  // wide ones that fill no batch
      order_.erase(wide_end, order_.end());
      order_.insert(order_.end(), tall_.begin(), tall_.end());
      shuffle(order_.size() / batch, batch);
    }
    batches_ = order_.size() / batch;
  }

  Source const& data_;
  training_options options_;
  std::vector<std::size_t> images_;         // that may be trained on
  std::vector<load_request> order_, tall_;  // of epoch_
  std::uint64_t epoch_ = 0, batches_ = 0;
};

}  // namespace detail

// next() and seek() belong to one thread.
template <class Rules, DataSource Source = dataset>
class training_loader {
 public:
  training_loader(Source const& data, training_options const& o)
      : plan_(checked(data, o), o),
        cache_(data.size(), o.cache_mb << 20),
        batches_([this](std::uint64_t batch, std::vector<detail::load_request>& requests) { plan_(batch, requests); },
                 [this, &data, o, resize = ops::resizer()](detail::load_request const& r, loaded& out) mutable {
                   detail::load<Rules>(data, r.index, r.flipped, o.difficult, o.short_side, o.max_side, o.channels, &cache_, resize, out);
                   detail::load_regions<Rules>(data, o.regions, o.most_regions, out);
                 },
                 o.workers) {}

  // Batch position() of the run; then position() is one more.
  std::span<loaded const> next() { return batches_.next(); }
  // Goes on as a run that has taken so many batches would.
  void seek(std::uint64_t batch_index) { batches_.seek(batch_index); }
  std::uint64_t position() const { return batches_.position(); }
  std::uint64_t batches_per_epoch() const { return plan_.batches(); }

 private:
  static Source const& checked(Source const& data, training_options const& o) {
    detail::check_options(o.short_side, o.max_side, o.batch, o.workers, o.most_regions, o.channels);
    require_trainable(data, "training data", o.difficult);
    return data;
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
            [&data, size = checked(o)](std::uint64_t batch, std::vector<detail::load_request>& requests) {
              for (std::size_t i = batch * size; i < std::min<std::size_t>(data.size(), (batch + 1) * size); ++i)
                requests.push_back({i, false});
            },
            [&data, o, resize = ops::resizer()](detail::load_request const& r, loaded& out) mutable {
              detail::load<Rules>(data, r.index, r.flipped, difficult_objects::keep, o.short_side, o.max_side, o.channels, nullptr, resize,
                                  out);
              detail::load_regions<Rules>(data, o.regions, o.most_regions, out);
            },
            o.workers) {}

  // Empty at the end.
  std::span<loaded const> next() { return batches_.next(); }
  void rewind() { batches_.seek(0); }

 private:
  static std::size_t checked(evaluation_options const& o) {
    detail::check_options(o.short_side, o.max_side, o.batch, o.workers, o.most_regions, o.channels);
    return static_cast<std::size_t>(o.batch);
  }

  prefetcher<loaded, detail::load_request> batches_;
};

// Image `index` of the data with all its objects, as evaluation sees it.
template <class Rules, DataSource Source>
loaded load_one(Source const& data, std::size_t index, int short_side, int max_side, int channels = 3) {
  detail::check_options(short_side, max_side, 1, 0, 1, channels);
  ops::resizer resize;
  loaded result;
  detail::load<Rules>(data, index, false, difficult_objects::keep, short_side, max_side, channels, nullptr, resize, result);
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
