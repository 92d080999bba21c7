#pragma once
// Where a training begins: --init, a model of this library or a file of another program, or --seed's draw; and what the file settles of the
// configuration: anchors, shapes, pixel normalisation, box targets.
//   starting_weights<Family> weights(a, layout, published, read, config);   before the detector is made: its configuration
//   weights.initialise(d, a, preset, freeze);                               then: its weights
#include "../console/norm_epsilon.hpp"
#include "fine_tuning.hpp"
#include "options.hpp"
#include "pixel_settings.hpp"

#include <frcnn/data/voc_source.hpp>
#include <frcnn/detector/name_map.hpp>
#include <frcnn/detector/weights_file.hpp>
#include <frcnn/detector/widened_weights.hpp>

#include <optional>
#include <string>
#include <vector>

// Whether the predictors of --init's RPN are those of this run's anchors. A file of another program does not say its own: `theirs` are then
// the preset's, unless the number says that they are not.
void compare_anchors(std::string const& init, frcnn::model_config const& ours, frcnn::model_config const& theirs, bool are_told);

template <class Family>
class starting_weights {
 public:
  using config_type = typename Family::config_type;

  // layout: of this run's images. published: the preset's own configuration; read: that of a model of this library. Throws error where the
  // file cannot be begun from.
  starting_weights(arguments const& a, frcnn::pixel_layout const& layout, config_type const& published,
                   config_type (*read)(frcnn::weights_file const&), config_type& config)
      : layout_(layout), same_pixels_(layout == frcnn::pixel_layout()) {
    if (!a.init.empty()) file_.emplace(a.init, a.init_key);
    config.untrained_rpn = a.trains() == console::trained::head;  // but for one that --init has
    auto theirs = a.init_classes.empty() ? std::vector<std::string>() : frcnn::data::parse_class_list(a.init_classes);
    if (file_ && file_->is_ours()) take_ours(a, read, theirs, config);
    else if (file_) take_foreign(a, published, theirs, config);
    else if (!a.targets.empty()) config.head.empirical_targets = a.targets == "empirical";
    weights_are_bgr_ = config.normalisation.bgr;
    classes_ = frcnn::match_classes(config.classes, theirs);
    for (std::size_t k = 1; has_predictor_ && k < classes_.theirs.size(); ++k)
      if (classes_.theirs[k] < 0) drawn_labels_.push_back(static_cast<int>(k));
    if (!theirs.empty()) console::say_shared(a.init, classes_, a.strict);
    foreign_classes_ = std::move(theirs);
  }

  // Whether images are those that the weights, or the preset, are made for.
  bool same_pixels() const { return same_pixels_; }
  // Labels of the classes whose rows of a predictor are drawn, where others are the file's. Drawn ones learn in units of their own.
  std::vector<int> const& drawn_labels() const { return drawn_labels_; }
  // Whether the head's targets are to be measured on the training data: rows of the file keep theirs.
  bool measures_targets(config_type const& config) const {
    return config.head.empirical_targets && (!has_predictor_ || !drawn_labels_.empty());
  }

  // Draws the weights of a new detector and reads what the file has, which is closed then. preset: its name; freeze: fixes what of published
  // weights does not learn.
  void initialise(frcnn::detector<Family>& d, arguments const& a, char const* preset, void (*freeze)(typename Family::model&)) {
    auto& store = d.model().parameters();
    store.initialise(a.seed);
    auto const widened = file_ ? frcnn::widened_by(*file_, d) : std::vector<std::string>();
    if (file_ && file_->is_ours()) frcnn::read_by_class(frcnn::widened_weights(file_->source(), store, weights_are_bgr_), store, classes_);
    if (file_ && !file_->is_ours()) {
      auto const drawn = frcnn::read_known(*file_, d, foreign_classes_);
      console::say(fmt::format("{}: {} weights; {}", a.init, frcnn::name_map_of(file_->source()).of,
                               drawn.empty() ? classes_.drawn.empty() ? "nothing is drawn" : "nothing else is drawn"
                                             : fmt::format("--seed draws {}", fmt::join(drawn, ", "))));
    }
    if constexpr (requires { Family::expects_imagenet; }) {
      if (file_) freeze(d.model());
      else
        console::say(
            fmt::format("--preset {} expects ImageNet weights (--init); without them nothing is frozen, and convolutions start from "
                        "--seed's draw",
                        preset));
    }
    file_.reset();
    console::train_widened(store, widened, a.init, layout_.channels);
  }

 private:
  void take_ours(arguments const& a, config_type (*read)(frcnn::weights_file const&), std::vector<std::string>& classes,
                 config_type& config) {
    if (!classes.empty())
      throw frcnn::error("--init-classes", "a file of another program", "a model of this library, which names its classes");
    if (a.bn_eps) throw frcnn::error("--bn-eps", "a file of another program", "a model of this library, which says it");
    auto const theirs = read(*file_);
    classes = theirs.classes;
    has_predictor_ = true;
    config.untrained_rpn = config.untrained_rpn && theirs.untrained_rpn;
    compare_anchors(a.init, config, theirs, true);
    Family::take_shapes(config, theirs);
    same_pixels_ = console::compare_pixels(a.init, layout_, theirs.normalisation.layout());
    config.normalisation = theirs.normalisation;
    if (bool const empirical = config.head.empirical_targets; !a.targets.empty() && (a.targets == "empirical") != empirical)
      throw frcnn::error("--targets", std::string("those of ") + a.init + ", " + (empirical ? "empirical" : "fixed"), a.targets);
  }
  void take_foreign(arguments const& a, config_type const& published, std::vector<std::string>& classes, config_type& config) {
    frcnn::take_over<Family>(config, *file_, a.bn_eps);
    console::say_taken(frcnn::taken_unsaid<Family>(*file_, a.bn_eps));
    classes = frcnn::classes_of<Family>(*file_, classes);
    auto const map = frcnn::name_map_of(file_->source());
    has_predictor_ = map.is_detector;
    if (has_predictor_) compare_anchors(a.init, config, published, false);
    if (a.strict && !has_predictor_)
      throw frcnn::error("--strict", "a detector, whose classes are compared, in " + a.init, map.of + std::string(" weights"));
    if (!a.targets.empty()) config.head.empirical_targets = a.targets == "empirical";
    if (!has_predictor_) return;
    config.untrained_rpn = false;
    if (config.head.empirical_targets) throw frcnn::error("--targets", "fixed, those of the detector in " + a.init, "empirical");
  }

  std::optional<frcnn::weights_file> file_;
  frcnn::pixel_layout layout_;
  bool same_pixels_, has_predictor_ = false, weights_are_bgr_ = false;
  frcnn::class_match classes_;
  std::vector<std::string> foreign_classes_;
  std::vector<int> drawn_labels_;
};
