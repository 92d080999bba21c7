#pragma once
// detector<Preset>: a trained model with sessions; takes images and gives labelled boxes in their pixels.
//
//   auto d = frcnn::load<presets::small_net<cpu>>("m.safetensors");                     (frcnn/load.hpp)
//   std::vector<detection> boxes = d.detect(image, {.score = .5f});
//   std::vector<std::vector<detection>> all = d.detect(images);          a span of image_view: batches of images of one padded size
//   d.detect(image, regions), d.detect(images, lists)                    Fast R-CNN: the head looks at these alone (geometry/region.hpp),
//                                                                        at the scales of the configuration's pyramid, where it has one
//
// Boxes are in pixels of the image given, and on the CPU the same, bit for bit, whether it comes alone or among others (batch_options); on
// CUDA the same within rounding, since cuDNN takes other algorithms for other batches. One const
// detector serves several threads: detect(image) borrows a session from a pool (and makes one when all are in use); detect(session, image)
// uses the caller's own, one a thread. trim() gives the memory of sessions back that wait.
// any_detector (detector/any_detector.hpp) hides the preset: what frcnn::load_detector(path) returns.
// Presets that differ in data alone are of one family (detector/family.hpp): detector<preset> is then a detector<preset::family>, which has
// all members, compiled once for all of them.
// Throws frcnn::error for images and options that are none, before anything is computed, and from a detector that was moved from; stopped
// where batch_options.stop asks for it. After an exception, of memory too, the detector and the session are as good as before.
#include "frcnn/concepts/roi_head.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/core/page_allocator.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/core/recorded.hpp"
#include "frcnn/detector/any_detector.hpp"
#include "frcnn/detector/batches.hpp"
#include "frcnn/detector/family.hpp"
#include "frcnn/detector/input.hpp"
#include "frcnn/detector/model_config.hpp"
#include "frcnn/detector/pyramid.hpp"
#include "frcnn/detector/session_pool.hpp"
#include "frcnn/geometry/detect_options.hpp"
#include "frcnn/geometry/phase.hpp"
#include "frcnn/geometry/region.hpp"
#include "frcnn/ops/resize.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// *p, where p is not what a move has left behind.
template <class Pointer>
auto& not_moved_from(Pointer const& p) {
  if (!p) throw error("detector", "a detector", "one that was moved from");
  return *p;
}

}  // namespace detail

template <class Preset>
class proposer;  // detector/proposer.hpp

template <class Preset>
class detector {
 public:
  using model_type = typename Preset::model;
  using convention = typename Preset::convention;
  using config_type = typename detail::config_of<Preset>::type;
  using T = typename model_type::scalar;
  using B = typename model_type::device;

  // Whether a number of threads is among a context's options.
  static constexpr bool has_threads = requires(typename B::options o) { o.threads = 1; };

  // One thread's working memory, of this detector: a context and the buffers of one image.
  class session {
   public:
    explicit session(detector const& d) : session(d, d.options_) {}
    session(detector const& d, typename B::options options) : context_(options), input_(d.make_input()), of_(&d.model()) {
      of_->parameters().check_reachable(context_);
    }
    session(detector const& d, int threads) requires(has_threads) : session(d, with_threads(d.options_, threads)) {}
    typename B::context& context() { return context_; }

   private:
    friend detector;
    friend proposer<Preset>;
    typename B::context context_;
    ops::resizer resizer_;
    std::vector<float, page_allocator<float>> resized_;
    std::vector<box<float>> regions_;
    input_batch<T, B> input_;
    model_type const* of_;  // whose normalisation the input has
    buffer<scored_box<T>, B> hits_;
    buffer<box<T>, B> proposals_;
    buffer<std::int32_t, B> count_;
    buffer<detect_thresholds, B> thresholds_;
    staging<detect_thresholds, B> staged_thresholds_;
    readback<scored_box<T>, B> found_hits_;
    readback<box<T>, B> found_proposals_;
    readback<std::int32_t, B> found_count_;
  };

  // Parameters are undefined until they are initialised or loaded. options: of the sessions that detect(image) makes. Throws error for a
  // configuration that no model can be made of, and for one of another network than the preset's.
  explicit detector(config_type config, typename B::options options = {})
      : config_((detail::check_fixed<Preset>(config), std::move(config))),
        model_(detail::make_model<Preset>(config_, options)),
        options_(options) {}
  // model: made of the configuration.
  detector(config_type config, std::unique_ptr<model_type> model, typename B::options options)
      : config_(std::move(config)), model_(std::move(model)), options_(options) {}
  detector(config_type config, int threads) requires(has_threads) : detector(std::move(config), with_threads({}, threads)) {}

  std::vector<detection> detect(image_view im, detect_options const& o = {}) const {
    auto const s = borrowed();
    return detect(*s, im, o);
  }

  std::vector<detection> detect(session& s, image_view im, detect_options const& o = {}) const {
    check(o);
    check_image(im);
    return detect_one(s, im, nullptr, o);
  }

  // Where the RoI head looks, in pixels of the image: region or box<float>; the RPN does not run. Nowhere: nothing is found.
  template <RegionList R>
  std::vector<detection> detect(image_view im, R const& regions, detect_options const& o = {}) const {
    auto const s = borrowed();
    return detect(*s, im, regions, o);
  }
  template <RegionList R>
  std::vector<detection> detect(session& s, image_view im, R const& regions, detect_options const& o = {}) const {
    check(o);
    check_image(im);
    std::vector<std::vector<region>> const list{regions_of(regions)};
    check_regions(im, list[0], {});
    return detect_one(s, im, &list, o);
  }

  // [I] lists, in the order of the images.
  std::vector<std::vector<detection>> detect(std::span<image_view const> images, detect_options const& o = {},
                                             batch_options const& b = {}) const {
    auto const s = borrowed();
    return detect(*s, images, o, b);
  }
  std::vector<std::vector<detection>> detect(session& s, std::span<image_view const> images, detect_options const& o = {},
                                             batch_options const& b = {}) const {
    return detect_all(s, images, nullptr, o, b);
  }

  // A list of regions for each image.
  template <RegionLists L>
  std::vector<std::vector<detection>> detect(std::span<image_view const> images, L const& lists, detect_options const& o = {},
                                             batch_options const& b = {}) const {
    auto const s = borrowed();
    return detect(*s, images, lists, o, b);
  }
  template <RegionLists L>
  std::vector<std::vector<detection>> detect(session& s, std::span<image_view const> images, L const& lists, detect_options const& o = {},
                                             batch_options const& b = {}) const {
    auto const regions = regions_of(lists);
    return detect_all(s, images, &regions, o, b);
  }

  // The RPN's proposals, by descending objectness, in pixels of the image.
  std::vector<box<float>> propose(image_view im, phase ph = phase::test) const {
    auto const s = borrowed();
    return propose(*s, im, ph);
  }
  FRCNN_NOINLINE std::vector<box<float>> propose(session& s, image_view im, phase ph = phase::test) const {
    check_image(im);
    std::size_t const first = 0;
    auto const input = prepare(s, {&im, 1}, {&first, 1}, nullptr);
    auto const plan = plan_of(im);
    int const capacity = model().generator().capacity(ph);
    counted<box<T>, 2, B> const rois{s.proposals_.shaped(s.context_, shape<2>{{1, capacity}}), s.count_.shaped(s.context_, shape<1>{{1}})};
    model().propose(s.context_, input, ph, rois);
    s.found_count_.start(s.context_, rois.count.data, 1);
    s.found_proposals_.start(s.context_, rois.rows.data, rois.rows.size());
    auto const host = s.found_proposals_.get();
    auto const live = static_cast<std::size_t>(s.found_count_.get()[0]);
    std::vector<box<float>> result;
    for (std::size_t i = 0; i < live; ++i)
      result.push_back(convention::unscale_box(host[i], static_cast<T>(plan.scale_x), static_cast<T>(plan.scale_y)).template as<float>());
    return result;
  }

  // What a trainer of this model fills: an empty batch of its normalisation and its convention's divisor.
  input_batch<T, B> make_input() const { return input_batch<T, B>(config_.normalisation, convention::size_divisor); }

  config_type const& config() const { return config_; }
  // Of detect, where a call does not say.
  detect_defaults defaults() const {
    if constexpr (requires { model().head().defaults(); }) return model().head().defaults();
    else return {};
  }
  std::vector<std::string> const& classes() const { return config_.classes; }
  std::string const& class_name(std::int32_t label) const { return frcnn::class_name(config_, label); }
  model_type const& model() const { return detail::not_moved_from(model_); }
  model_type& model() { return detail::not_moved_from(model_); }

  // How many sessions wait between calls at most: as many as the machine has processors, 2 to 16, unless it is said here. trim() destroys
  // those that wait now.
  void keep_sessions(std::size_t most) { pool().keep(most); }
  void trim() const { pool().trim(); }

 protected:
  static typename B::options with_threads(typename B::options o, [[maybe_unused]] int threads) {
    if constexpr (has_threads) o.threads = threads;  // clang instantiates members whose constraints do not hold
    return o;
  }

 private:
  friend proposer<Preset>;
  session_pool<session>& pool() const { return detail::not_moved_from(pool_); }
  auto borrowed() const {
    return typename session_pool<session>::loan(pool(), [this] { return std::make_unique<session>(*this); });
  }

  void check_image(image_view im) const {
    check(im);
    check_channels(im, config_.normalisation.channels);
  }

  // short_side 0: the configuration's.
  resize_plan plan_of(image_view im, int short_side = 0) const {
    return convention::resize(im.width, im.height, short_side ? short_side : config_.short_side, config_.max_side);
  }

  static void check_regions(image_view im, std::vector<region> const& regions, std::string const& name) {
    for (std::size_t r = 0; r < regions.size(); ++r)
      check_region(regions[r], im.width, im.height, [&] { return name + "region " + std::to_string(r + 1); });
  }

  // Rounded up: the last bits of a product depend on how many rows it has, and those of an image must not depend on who shares its batch.
  static int room_for(std::vector<region> const& regions) {
    constexpr std::size_t step = 64;
    return checked::extent(std::max<std::size_t>(1, (regions.size() + step - 1) / step) * step);
  }

  std::vector<std::vector<detection>> detect_all(session& s, std::span<image_view const> images,
                                                 std::vector<std::vector<region>> const* regions, detect_options const& o,
                                                 batch_options const& b) const {
    check(o);
    check(b);
    if (regions && regions->size() != images.size())
      throw error("detect", "a list of regions for each of " + std::to_string(images.size()) + " images", std::to_string(regions->size()));
    std::vector<shape<3>> sizes;
    for (auto const& im : images) {
      auto const name = [&] { return "image " + std::to_string(sizes.size()) + " of " + std::to_string(images.size()); };
      try {
        check_image(im);
      } catch (error const& e) {
        throw e.in(name());
      }
      if (regions) check_regions(im, (*regions)[sizes.size()], name() + ", ");
      auto const plan = plan_of(im);
      sizes.push_back({{s.input_.padded(plan.h), s.input_.padded(plan.w), regions ? room_for((*regions)[sizes.size()]) : 0}});
    }
    std::vector<std::vector<detection>> found(images.size());
    for (auto const& indices : batches_of(sizes, b)) {
      if (b.stop.stop_requested()) throw stopped();
      detect_batch(s, images, indices, regions, o, found);
    }
    return found;
  }

  // The images of these indices as one batch; regions: one list per image, or none.
  batch<T, B> prepare(session& s, std::span<image_view const> images, std::span<std::size_t const> indices,
                      std::vector<std::vector<region>> const* regions, int short_side = 0) const {
    if (s.of_ != &model()) throw error("session", "one that was made of this detector", "another detector's");
    profiled const timed(s.context_, "image");
    int h = 0, w = 0;
    int most = 0;
    for (std::size_t const i : indices) {
      auto const plan = plan_of(images[i], short_side);
      h = std::max(h, plan.h);
      w = std::max(w, plan.w);
      if (regions) most = std::max(most, room_for((*regions)[i]));
    }
    s.input_.start(static_cast<int>(indices.size()), h, w, 0, regions ? std::optional(most) : std::nullopt);
    for (std::size_t n = 0; n < indices.size(); ++n) {
      image_view const im = images[indices[n]];
      auto const plan = plan_of(im, short_side);
      int const channels = config_.normalisation.channels;
      s.resized_.resize(checked::elements(shape<3>{{plan.h, plan.w, channels}}));
      s.resizer_(im, plan, s.resized_.data(), channels);
      s.input_.set_image(static_cast<int>(n), s.resized_.data(), plan, im.width, im.height, 0, im.bits == 16 ? T(65535) : T(255));
      if (!regions) continue;
      s.regions_.clear();
      for (region const& r : (*regions)[indices[n]]) s.regions_.push_back(region_in_input<convention>(r, im.width, false, plan));
      s.input_.set_regions(static_cast<int>(n), s.regions_);
    }
    return s.input_.upload(s.context_);
  }

  std::vector<detection> detect_one(session& s, image_view im, std::vector<std::vector<region>> const* regions,
                                    detect_options const& o) const {
    std::size_t const first = 0;
    std::vector<std::vector<detection>> found(1);
    detect_batch(s, {&im, 1}, {&first, 1}, regions, o, found);
    return std::move(found[0]);
  }

  // found[i] for each of these indices. short_side: of the images, where it is not the configuration that says at which scales they are
  // looked at.
  FRCNN_NOINLINE void detect_batch(session& s, std::span<image_view const> images, std::span<std::size_t const> indices,
                                   std::vector<std::vector<region>> const* regions, detect_options const& told,
                                   std::vector<std::vector<detection>>& found, int short_side = 0) const {
    auto const o = complete(told, model().head());
    if (regions && config_.pyramid.is_there() && !short_side) {
      for (std::size_t const i : indices)
        found[i] = detect_on_pyramid<convention>(
            config_.pyramid, (*regions)[i], o, classes().size(), [&](int side) { return plan_of(images[i], side); },
            [&](int side, std::vector<region> const& some, detect_options const& all) {
              std::size_t const first = 0;
              std::vector<std::vector<region>> const list{some};
              std::vector<std::vector<detection>> here(1);
              detect_batch(s, {&images[i], 1}, {&first, 1}, &list, all, here, side);
              return std::move(here[0]);
            });
      return;
    }
    auto const input = prepare(s, images, indices, regions, short_side);
    view<scored_box<T>, 2, B> const rows = s.hits_.shaped(s.context_, shape<2>{{input.size(), *o.max_detections}});
    view<std::int32_t, 1, B> const count = s.count_.shaped(s.context_, shape<1>{{input.size()}});
    auto const now = detect_thresholds::of<std::remove_cvref_t<decltype(model().head())>>(o);
    view<detect_thresholds, 1, B> const thresholds = s.thresholds_.shaped(s.context_, shape<1>{{1}});
    s.staged_thresholds_.send(s.context_, {&now, 1}, thresholds.data);
    recorded(
        s.context_,
        [&](call_key& key) {
          key.add(&model());
          key.add(model().parameters().gradient_layout());  // layers that learn are computed otherwise (backend/cuda/conv2d.hpp)
          add_to(key, input);
          key.add(thresholds);
          key.add(rows);
          key.add(count);
        },
        [&] {
          model().detect(s.context_, input, view<detect_thresholds const, 1, B>(thresholds), {rows, count});
          return std::uint64_t{0};
        });
    s.found_count_.start(s.context_, count.data, count.size());
    s.found_hits_.start(s.context_, rows.data, rows.size());
    auto const host = s.found_hits_.get();  // the one wait: what was copied before it is there too
    auto const live = s.found_count_.get();
    for (std::size_t n = 0; n < indices.size(); ++n) {
      auto& result = found[indices[n]];
      result.reserve(static_cast<std::size_t>(live[n]));
      auto const* const row = host.data() + n * static_cast<std::size_t>(*o.max_detections);
      for (std::int32_t i = 0; i < live[n]; ++i)
        result.push_back({row[i].where.template as<float>(), static_cast<float>(row[i].score), row[i].label});
    }
  }

  config_type config_;
  std::unique_ptr<model_type> model_;
  typename B::options options_;
  std::unique_ptr<session_pool<session>> pool_ = std::make_unique<session_pool<session>>();
};

}  // namespace frcnn
FRCNN_HIDDEN_END
