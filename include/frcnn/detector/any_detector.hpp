#pragma once
// A trained detector behind an interface: neither the preset nor the backend is in its type, and neither is included here. It is the border
// between files of a program, or shared objects, that are compiled with different flags or compilers: what frcnn::load_detector returns.
//
//   any_detector d(load<presets::small_net<cpu>>("m.safetensors"));           whatever has the members below
//   any_detector e(std::make_unique<my_detector>(...));                       or derives from detector_interface
// Boxes are in pixels of the image given. One const detector serves several threads (detector/detector.hpp).
// Throws frcnn::error where the detector inside does, and where it was moved from.
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/detector/model_config.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/geometry/detect_options.hpp"
#include "frcnn/geometry/region.hpp"

#include <memory>
#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

// Its order of members is what makes different builds fit together: additions are made behind the last, in a version of their own.
class FRCNN_VISIBLE detector_interface {
 public:
  virtual ~detector_interface() = default;
  virtual std::vector<detection> detect(image_view, detect_options const&) const = 0;
  virtual std::vector<std::vector<detection>> detect(std::span<image_view const>, detect_options const&, batch_options const&) const = 0;
  virtual std::vector<box<float>> propose(image_view) const = 0;  // the RPN's, by descending objectness
  virtual model_config const& config() const = 0;
  virtual void keep_sessions(std::size_t most) = 0;  // how many wait between calls
  virtual void trim() const = 0;                     // destroys those that wait now
  virtual std::vector<detection> detect(image_view, std::vector<region> const&, detect_options const&) const = 0;
  virtual std::vector<std::vector<detection>> detect(std::span<image_view const>, std::vector<std::vector<region>> const&,
                                                     detect_options const&, batch_options const&) const = 0;
  virtual detect_defaults defaults() const = 0;  // of detect, where a call does not say
};

class any_detector {
 public:
  FRCNN_PER_BUILD explicit any_detector(std::unique_ptr<detector_interface> d) : self_(std::move(d)) {}
  template <class Detector>
  requires requires(Detector& mine, Detector const& d, image_view im, std::span<image_view const> all, std::vector<region> const& regions,
                    std::vector<std::vector<region>> const& lists, detect_options const& o, batch_options const& b) {
    d.detect(im, o), d.detect(all, o, b), d.detect(im, regions, o), d.detect(all, lists, o, b);
    d.propose(im), d.config(), mine.keep_sessions(std::size_t{1}), d.trim();
  }
  FRCNN_PER_BUILD explicit any_detector(Detector d) : self_(std::make_unique<holder<Detector>>(std::move(d))) {}

  FRCNN_PER_BUILD std::vector<detection> detect(image_view im, detect_options const& o = {}) const { return self().detect(im, o); }
  FRCNN_PER_BUILD std::vector<std::vector<detection>> detect(std::span<image_view const> images, detect_options const& o = {},
                                                             batch_options const& b = {}) const {
    return self().detect(images, o, b);
  }
  // Where the RoI head looks, in place of the RPN's proposals: geometry/region.hpp.
  template <RegionList R>
  FRCNN_PER_BUILD std::vector<detection> detect(image_view im, R const& regions, detect_options const& o = {}) const {
    return self().detect(im, regions_of(regions), o);
  }
  template <RegionLists L>
  FRCNN_PER_BUILD std::vector<std::vector<detection>> detect(std::span<image_view const> images, L const& lists,
                                                             detect_options const& o = {}, batch_options const& b = {}) const {
    return self().detect(images, regions_of(lists), o, b);
  }
  FRCNN_PER_BUILD std::vector<box<float>> propose(image_view im) const { return self().propose(im); }
  FRCNN_PER_BUILD model_config const& config() const { return self().config(); }
  FRCNN_PER_BUILD detect_defaults defaults() const { return self().defaults(); }
  FRCNN_PER_BUILD std::vector<std::string> const& classes() const { return config().classes; }
  FRCNN_PER_BUILD std::string const& class_name(std::int32_t label) const { return frcnn::class_name(config(), label); }
  FRCNN_PER_BUILD void keep_sessions(std::size_t most) { self().keep_sessions(most); }
  FRCNN_PER_BUILD void trim() const { self().trim(); }

  // What is inside, for a caller that passes it on as a pointer; nothing is left here.
  FRCNN_PER_BUILD std::unique_ptr<detector_interface> release() { return std::move(self_); }

 private:
  template <class Detector>
  struct holder final : detector_interface {
    explicit holder(Detector d) : d(std::move(d)) {}
    std::vector<detection> detect(image_view im, detect_options const& o) const override { return d.detect(im, o); }
    std::vector<std::vector<detection>> detect(std::span<image_view const> images, detect_options const& o,
                                               batch_options const& b) const override {
      return d.detect(images, o, b);
    }
    std::vector<box<float>> propose(image_view im) const override { return d.propose(im); }
    model_config const& config() const override { return d.config(); }
    void keep_sessions(std::size_t most) override { d.keep_sessions(most); }
    void trim() const override { d.trim(); }
    std::vector<detection> detect(image_view im, std::vector<region> const& regions, detect_options const& o) const override {
      return d.detect(im, regions, o);
    }
    std::vector<std::vector<detection>> detect(std::span<image_view const> images, std::vector<std::vector<region>> const& regions,
                                               detect_options const& o, batch_options const& b) const override {
      return d.detect(images, regions, o, b);
    }
    detect_defaults defaults() const override {
      if constexpr (requires { d.defaults(); }) return d.defaults();
      else return {};
    }
    Detector d;
  };
  FRCNN_PER_BUILD detector_interface& self() const {
    if (!self_) throw error("detector", "a detector", "one that was moved from");
    return *self_;
  }

  std::unique_ptr<detector_interface> self_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
