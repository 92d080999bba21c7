#pragma once
// How programs are told which anchors to take, and what they say about them:
//   --anchors S,..|auto   --ratios R,..
// auto: sizes, and without --ratios ratios too, from the boxes of the training data (data/anchor_proposal.hpp).
#include "console.hpp"
#include "options.hpp"

#include <frcnn/data/anchor_report.hpp>

#include <string>
#include <vector>

namespace console {

class anchor_arguments {
 public:
  void add_to(CLI::App& app, bool automatic) {
    auto const number = above(0, 16384);
    CLI::Validator const size_or_auto([=](std::string& text) { return automatic && text == "auto" ? std::string() : number(text); },
                                      number.get_description() + (automatic ? ", or auto" : ""));
    add_list(app, "--anchors", sizes_,
             std::string("square roots of anchor areas, pixels of the resized image (the preset's)") +
                 (automatic ? "; auto: from the training data" : ""),
             size_or_auto);
    add_numbers(app, "--ratios", ratios_, "anchor heights over widths (the preset's)", above(0, 1000));
  }

  bool automatic() const { return sizes_.size() == 1 && sizes_[0] == "auto"; }
  bool gives_ratios() const { return !ratios_.empty(); }
  void check() const {
    if (sizes_.size() > 1 && std::find(sizes_.begin(), sizes_.end(), "auto") != sizes_.end())
      throw frcnn::error("--anchors", "auto, or sizes", fmt::format("{}", fmt::join(sizes_, ",")));
  }

  // What is given in numbers; the rest of the configuration stays.
  template <class Config>
  void apply_to(Config& config) const {
    if (!sizes_.empty() && !automatic()) {
      std::vector<double> sizes(sizes_.size());
      for (std::size_t i = 0; i < sizes_.size(); ++i) detail::parse(sizes_[i], sizes[i]);  // checked
      config.set_anchors(sizes);
    }
    if (!ratios_.empty()) config.anchor_ratios = ratios_;
  }

 private:
  std::vector<std::string> sizes_;
  std::vector<double> ratios_;
};

// How the anchors of a configuration fit the data, with a proposal. Family: of presets (Preset::family).
template <class Family>
frcnn::data::anchor_study study_anchors(frcnn::data::dataset const& data, typename Family::config_type const& config,
                                        [[maybe_unused]] bool move_ratios, frcnn::data::difficult_objects how, int threads) {
  auto const backbone = Family::new_backbone(config);
  auto const setting = frcnn::data::setting_of(backbone, config.short_side, config.max_side);
  if constexpr (Family::model::levels > 1)
    return frcnn::data::study_anchors<typename Family::convention>(data, setting, config.anchor_sizes, config.anchor_ratios, how, threads);
  else
    return frcnn::data::study_anchors<typename Family::convention>(data, setting, {config.anchor_sizes.front(), config.anchor_ratios},
                                                                   move_ratios, how, threads);
}

// Of the training data, on stderr. --anchors auto: takes the proposal.
template <class Family>
frcnn::data::anchor_study settle_anchors(anchor_arguments const& told, frcnn::data::dataset const& data,
                                         typename Family::config_type& config, frcnn::data::difficult_objects how, int threads) {
  if (Family::model::levels > 1 && told.automatic())
    throw frcnn::error("--anchors auto", "a preset of one map", fmt::format("{}, of {}", config.preset, Family::model::levels));
  auto study = study_anchors<Family>(data, config, !told.gives_ratios(), how, threads);
  for (auto const& line : study.lines(told.automatic())) say(line);
  if (told.automatic()) {
    config.set_anchors(study.proposed.sizes);
    config.anchor_ratios = study.proposed.ratios;
  }
  return study;
}

}  // namespace console
