#pragma once
// What an epoch of training shows: which image, mirrored or not, at which scale, in which batch. A function of (data, options, batch) alone.
//
// 1. each epoch is a permutation drawn from (seed, epoch); an incomplete last batch is dropped
// 2. an image is mirrored when random_unit(seed, epoch, id, draw::flip, 0) < .5; where the convention doubles the data set, each epoch
//    holds every image and its mirror image instead
// 3. where the convention says so, a batch holds only wide images or only tall ones, and images without boxes are left out
// 4. of several short sides one is drawn for each batch, from (seed, epoch, id, draw::scale, mirrored) of its first image: Fast R-CNN's
//    training on an image pyramid, and jitter. Images of several sides would be padded to the largest: a batch of two cost 1.16 times as much
// 5. what else changes is drawn as data/augment.hpp says. Where sides are swapped (quarter turns), 3. goes by the turned image, and an epoch
//    has the number of batches that every one can have, whichever images are turned
// 6. with a repeat threshold an epoch shows images of rare classes more often (data/repeat_factors.hpp): image i r(i) times on average, where
//    one draw of the epoch rounds the running sum of all r; each time with draws of its own. Its number of batches is fixed
// 7. where several processes share a batch, each loads every N-th image of it from its own number on; the batch is the same whatever N is
//
// Example: batches_per_epoch<conventions::torchvision>(data, {.batch = 2}) is 3 for 7 images
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/data/augment.hpp"
#include "frcnn/data/batch_share.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/load_image.hpp"
#include "frcnn/data/repeat_factors.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct training_options {
  int short_side = 600, max_side = 1000;  // pixels
  int batch = 2;
  std::uint64_t seed = 0;
  bool flip = true;
  difficult_objects difficult = difficult_objects::drop;
  std::size_t cache_mb = 512;
  int workers = 1;                 // background threads; 0: everything happens in next()
  region_source regions{};         // empty: images come without
  int most_regions = 2000;         // of an image
  int channels = 3;                // that the network reads (pixel_normalisation); grey images fill three
  std::vector<int> short_sides{};  // of an image pyramid, or jitter, one of which is drawn for each batch; none: short_side
  batch_share share{};             // `batch` is the whole
  augmentation augment{};
  double repeat_threshold = 0;  // of repeat-factor sampling; 0: every image once
};

namespace detail {

inline void check_options(int short_side, int max_side, int batch, int workers = 0, int most_regions = 1, int channels = 3) {
  if (short_side < 1 || max_side < short_side || max_side > 1 << 16)
    throw error("sides", "1 <= short side <= longest side <= 65536", std::to_string(short_side) + " and " + std::to_string(max_side));
  if (workers < 0 || workers > 1024) throw error("workers", "0 to 1024 threads", std::to_string(workers));
  if (batch < 1) throw error("batch", "at least 1", std::to_string(batch));
  if (channels < 1 || channels > most_channels) throw error("channels", "1 to " + std::to_string(most_channels), std::to_string(channels));
  if (most_regions < 1) throw error("most_regions", "at least 1", std::to_string(most_regions));
}

inline void check_share(batch_share share, int batch) {
  auto const [process, processes] = share;
  if (processes < 1 || process < 0 || process >= processes)
    throw error("share of a batch", "a process from 0 to below their number", std::to_string(process) + " of " + std::to_string(processes));
  if (batch % processes != 0)
    throw error("batch", "a multiple of the " + std::to_string(processes) + " processes that share it", std::to_string(batch));
}

// Whether an image is trained on: one without boxes is where the convention learns from those.
template <class Rules>
bool is_trained_on(TruthOfImage auto const& truth, difficult_objects how) {
  return Rules::learns_from_empty_images ||
         std::ranges::any_of(truth.objects, [&](auto const& x) { return !x.difficult || how == difficult_objects::keep; });
}

}  // namespace detail

// The images that are trained on, in order.
template <class Rules, DataSource Source>
std::vector<std::size_t> images_of_training(Source const& data, difficult_objects how) {
  std::vector<std::size_t> images;
  for (std::size_t i = 0; i < data.size(); ++i)
    if (detail::is_trained_on<Rules>(data.truth(i), how)) images.push_back(i);
  return images;
}

namespace detail {

// What an epoch shows, batch by batch; a batch may be anything that the convention allows.
template <class Rules, DataSource Source>
class epoch_plan {
 public:
  epoch_plan(Source const& data, training_options const& o)
      : data_(data), options_(o), images_(images_of_training<Rules>(data, o.difficult)) {
    if (o.repeat_threshold > 0) repeats_ = repeat_factors_of(data, images_, o.repeat_threshold, o.difficult).of_image;
    begin(0);
    if (batches_ == 0)
      throw error("training data", "enough images for one batch of " + std::to_string(o.batch),
                  std::to_string(images_.size()) + " (--batch takes fewer at a time)");
  }

  std::uint64_t batches() const { return batches_; }

  void operator()(std::uint64_t batch, std::vector<load_request>& requests) {
    if (batch / batches_ != epoch_) begin(batch / batches_);
    auto const size = static_cast<std::size_t>(options_.batch);
    auto const first = order_.begin() + static_cast<std::ptrdiff_t>(batch % batches_ * size);
    int width = 0, height = 0;
    for (auto r = first; r != first + options_.batch; ++r) {
      r->scale = first->scale;
      auto const& truth = data_.truth(r->index);
      auto const& sides = options_.short_sides;
      auto plan =
          turned_plan(Rules::resize(truth.width, truth.height,
                                    sides.empty() ? options_.short_side : sides[static_cast<std::size_t>(r->scale)], options_.max_side),
                      r->change.orientation);
      if (options_.augment.crops() || options_.augment.recolours()) {
        auto const draws = draws_of(*r);
        bool const trains_difficult = options_.difficult == difficult_objects::keep;
        r->change.window = draws.template window<Rules>(options_.augment, truth, trains_difficult, r->change.orientation, plan);
        r->change.colour = draws.colour(options_.augment);
      }
      if (r->change.crops()) plan.w = r->change.window.width(), plan.h = r->change.window.height();
      width = std::max(width, plan.w), height = std::max(height, plan.h);
    }
    requests.clear();
    for (int i = options_.share.process; i < options_.batch; i += options_.share.processes) {
      auto& r = requests.emplace_back(first[i]);
      r.padded_width = width, r.padded_height = height;
    }
  }

 private:
  static constexpr bool doubles = Rules::flips_double_the_dataset;

  void begin(std::uint64_t epoch) {
    epoch_ = epoch;
    order_.clear();
    float const rounds = random_unit(options_.seed, epoch, 0, draw::repeat, 0);
    for (int pass = 0; pass < (doubles && options_.flip ? 2 : 1); ++pass) {
      double sum = rounds;
      for (std::size_t k = 0; k < images_.size(); ++k) {
        double const before = std::floor(sum);
        sum += repeats_.empty() ? 1 : repeats_[k];
        for (int copy = 0; copy < static_cast<int>(std::floor(sum) - before); ++copy) {
          auto& r = order_.emplace_back(load_request{images_[k], false, 0, copy});
          bool const heads = random_unit(options_.seed, epoch, id_of(r), draw::flip, 0) < 0.5f;
          r.flipped = options_.flip && (doubles ? pass == 1 : heads);
          r.scale = scale_of(r);
          r.change.orientation = options_.augment.turns() ? draws_of(r).orientation(options_.augment) : r.flipped ? 2 : 1;
        }
      }
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
    order_.resize(std::min(order_.size(), images_of_epoch()));  // the sum of all r may be rounded up
    if constexpr (Rules::pairs_by_orientation) {
      tall_.clear();
      auto wide_end = order_.begin();
      for (load_request const& r : order_) {
        auto const& truth = data_.truth(r.index);
        bool const turns = turning::of(r.change.orientation).swaps;
        if (turns ? truth.height >= truth.width : truth.width >= truth.height) *wide_end++ = r;
        else tall_.push_back(r);
      }
      wide_end -= (wide_end - order_.begin()) % options_.batch;  // wide ones that fill no batch
      order_.erase(wide_end, order_.end());
      order_.insert(order_.end(), tall_.begin(), tall_.end());
      shuffle(order_.size() / batch, batch);
    }
    batches_ = order_.size() / batch;
    if (Rules::pairs_by_orientation && (options_.augment.quarter_turns || !repeats_.empty())) {
      // Of n images, those that fill no batch are at most 2 (batch - 1): there are n / batch batches, or one less.
      std::size_t const images = images_of_epoch();
      batches_ = images / batch - (images % batch == batch - 1 || images < batch ? 0 : 1);
    }
  }

  std::size_t images_of_epoch() const {
    double sum = 0;
    for (double const r : repeats_) sum += r;
    return (repeats_.empty() ? images_.size() : static_cast<std::size_t>(sum)) * (doubles && options_.flip ? 2 : 1);
  }
  // What draws go by.
  std::uint64_t id_of(load_request const& r) const {
    return data_.id(r.index) + static_cast<std::uint64_t>(r.copy) * 0x9E3779B97F4A7C15ull;
  }
  change_draws draws_of(load_request const& r) const { return {options_.seed, epoch_, id_of(r), r.flipped}; }

  int scale_of(load_request const& r) const {
    auto const scales = options_.short_sides.size();
    if (scales < 2) return 0;
    return static_cast<int>(random_unit(options_.seed, epoch_, id_of(r), draw::scale, r.flipped) * static_cast<float>(scales));
  }

  Source const& data_;
  training_options options_;
  std::vector<std::size_t> images_;         // that may be trained on
  std::vector<double> repeats_;             // of each of them; none: once
  std::vector<load_request> order_, tall_;  // of epoch_
  std::uint64_t epoch_ = 0, batches_ = 0;
};

template <DataSource Source>
Source const& trainable(Source const& data, training_options const& o) {
  check_options(o.short_side, o.max_side, o.batch, o.workers, o.most_regions, o.channels);
  for (int const side : o.short_sides) check_options(side, o.max_side, o.batch);
  check(o.augment, o.channels);
  if (!(o.repeat_threshold >= 0 && o.repeat_threshold <= 1))
    throw error("repeat threshold", "a share of the images, from 0 to 1", std::to_string(o.repeat_threshold));
  check_share(o.share, o.batch);
  require_trainable(data, "training data", o.difficult);
  return data;
}

}  // namespace detail

// Of a loader with these options. Throws as it does.
template <class Rules, DataSource Source>
std::uint64_t batches_per_epoch(Source const& data, training_options const& o) {
  return detail::epoch_plan<Rules, Source>(detail::trainable(data, o), o).batches();
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
