#pragma once
// From a data loader to the trainer's input: the feed that trainer::run asks for micro-batches.
#include "frcnn/data/loader.hpp"
#include "frcnn/detector/input.hpp"

#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Truth boxes of the fullest image: one capacity for a whole run.
template <data::DataSource Source>
int most_objects(Source const& set) {
  int most = 1;
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto const& truth = set.truth(i);
    most = std::max(most, static_cast<int>(std::ranges::distance(truth.objects)));
  }
  return most;
}

// Loaded images become the batch, which start() has made room for. with_regions: theirs too.
template <Real T, Backend B>
void fill(input_batch<T, B>& input, std::span<data::loaded const> images, bool with_regions) {
  int i = 0;
  for (auto const& im : images) {
    input.set_image(i, im.pixels, im.plan, im.original_width, im.original_height, im.id);
    input.set_truth(i, im.boxes, im.labels);
    if (with_regions) input.set_regions(i, im.regions);
    ++i;
  }
}

// Source: any DataSource, which outlives the feed.
template <class Rules, data::DataSource Source = data::dataset>
class data_feed {
 public:
  data_feed(Source const& set, data::training_options const& options)
      : loader_(set, options), names_pictures_(options.short_sides.size() < 2 && !options.augment.changes()), capacity_(most_objects(set)) {
    if (options.regions) regions_ = options.most_regions;
  }

  std::uint64_t batches_per_epoch() const { return loader_.batches_per_epoch(); }

  template <Real T, Backend B>
  void operator()(std::uint64_t micro_batch, input_batch<T, B>& input) {
    if (micro_batch != loader_.position()) loader_.seek(micro_batch);
    auto const images = loader_.next();
    input.start(static_cast<int>(images.size()), images.front().padded_height, images.front().padded_width, capacity_, regions_);
    fill(input, images, regions_.has_value());
    if (!names_pictures_) return;
    int i = 0;
    for (auto const& im : images) input.set_picture(i++, 2 * static_cast<std::uint64_t>(im.index) + im.flipped);
  }

 private:
  data::training_loader<Rules, Source> loader_;
  bool names_pictures_;         // the loader changes nothing about an image but that it mirrors it
  int capacity_;                // of truth boxes
  std::optional<int> regions_;  // of an image at most; nothing: batches come without
};

}  // namespace frcnn
FRCNN_HIDDEN_END
