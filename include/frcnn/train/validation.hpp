#pragma once
// The losses of a detector on images that it does not learn from: beside those of training, they show when it begins to learn its images
// by heart.
//
//   auto const losses = validation_losses(context, d, set, {.difficult = data::difficult_objects::ignore});
//   losses[0] .. losses[3]     objectness, rpn box, class, head box: means over the images of their losses, each a batch of its own
// They are those of a training step (faster_rcnn::losses) on the image resized as the detector's configuration says, neither mirrored nor
// changed otherwise. Samples and dropout are drawn by (seed, 0, id of the image): each call draws the same. So the result is a function of
// model, data and options alone, whatever the order of the images and the number of threads or processes.
// Images that training would leave out are left out. With regions the head's losses on them are taken, and the first two are 0.
// Throws error where no image is left. A loss that is not finite makes the mean NaN.
#include "frcnn/core/finite.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/ops/sum_on_host.hpp"
#include "frcnn/train/data_feed.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct validation_options {
  data::difficult_objects difficult = data::difficult_objects::drop;  // as in training
  region_source regions{};                                            // where the head looks; empty: the RPN's proposals
  int most_regions = 2000;                                            // of an image
  std::uint64_t seed = 0;
};

namespace detail {

// The same whatever the order of the values, which it changes.
inline double mean_of(std::vector<double>& values) {
  if (!std::ranges::all_of(values, [](double v) { return is_finite(v); })) return std::numeric_limits<double>::quiet_NaN();
  std::ranges::sort(values);
  double sum = 0;
  for (double const v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

}  // namespace detail

// done(n) after each image; it may throw, to leave. others: processes with the same model and data, which share the images; all of them get
// the same losses. What changed the model's parameters in another context has been waited for.
template <class Preset, data::DataSource Source>
std::array<double, 4> validation_losses(typename Preset::device::context& c, detector<Preset> const& d, Source const& set,
                                        validation_options const& o = {}, std::function<void(std::size_t)> const& done = {},
                                        any_communicator<typename Preset::device>* others = nullptr) {
  using model = typename Preset::model;
  using rules = typename Preset::convention;
  using T = typename model::scalar;
  using B = typename Preset::device;
  auto const& config = d.config();
  auto const share = data::batch_share::of(others);

  auto input = d.make_input();
  input.expect_classes(static_cast<int>(config.classes.size()));
  typename model::tape tape;
  buffer<std::uint64_t, B> state(c, 2);
  buffer<T, B> loss(c, 4);
  staging<std::uint64_t, B> staged;
  readback<T, B> found;
  std::uint64_t const draws[2] = {o.seed, 0};
  staged.send(c, draws, state.data());
  int const capacity = most_objects(set);

  // Of each image four losses and whether it counts, on the process that has it.
  std::vector<double> values(5 * set.size(), 0.0);
  data::evaluation_loader<rules, Source> loader(set, {.short_side = config.short_side,
                                                      .max_side = config.max_side,
                                                      .batch = share.processes,
                                                      .regions = o.regions,
                                                      .most_regions = o.most_regions,
                                                      .channels = config.normalisation.channels,
                                                      .difficult = o.difficult,
                                                      .share = share});
  for (std::size_t n = 0; n < share.count(set.size()); ++n) {
    std::size_t const i = share.index(n);
    auto const images = loader.next();
    if (data::detail::is_trained_on<rules>(set.truth(i), o.difficult)) {
      auto const& plan = images.front().plan;
      if (o.regions) input.start(1, plan.h, plan.w, capacity, o.most_regions);
      else input.start(1, plan.h, plan.w, capacity);
      fill(input, images, static_cast<bool>(o.regions));
      auto const batch = input.upload(c);
      auto const truth = input.upload_truth(c);
      d.model().losses(c, batch, truth, rng<B>{{state.data(), {{2}}}}, tape, view<T, 1, B>{loss.data(), {{4}}});
      found.start(c, loss.data(), 4);
      auto const host = found.get();
      for (std::size_t k = 0; k < 4; ++k) values[5 * i + k] = static_cast<double>(host[k]);
      values[5 * i + 4] = 1;
    }
    if (done) done(i + 1);
  }
  if (others) sum_on_host<B>(c, *others, values);

  std::array<double, 4> means{};
  for (std::size_t k = 0; k < 4; ++k) {
    std::vector<double> of_images;
    for (std::size_t i = 0; i < set.size(); ++i)
      if (values[5 * i + 4] > 0) of_images.push_back(values[5 * i + k]);
    if (of_images.empty()) throw error("validation data", "an image that could be trained on", "none of " + std::to_string(set.size()));
    means[k] = detail::mean_of(of_images);
  }
  return means;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
