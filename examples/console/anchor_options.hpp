#pragma once
// How programs are told which anchors to take, and what they say about them:
//   --anchors S,..|auto   --ratios R,..
// auto: sizes, and without --ratios ratios too, from the boxes of the training data (data/anchor_proposal.hpp).
#include "cli_names.hpp"

#include <frcnn/data/anchor_report.hpp>
#include <frcnn/fwd.hpp>
#include <frcnn/geometry/conventions.hpp>

#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Compiled once, for the conventions and the numbers of maps of the presets.
extern template anchor_study study_anchors<conventions::caffe>(dataset const&, anchor_setting<1> const&, anchor_shapes const&, bool,
                                                               difficult_objects, int);
extern template anchor_study study_anchors<conventions::torchvision>(dataset const&, anchor_setting<1> const&, anchor_shapes const&, bool,
                                                                     difficult_objects, int);
extern template anchor_study study_anchors<conventions::torchvision>(dataset const&, anchor_setting<5> const&, anchor_shapes const&, bool,
                                                                     difficult_objects, int);

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END

namespace console {

class anchor_arguments {
 public:
  void add_to(CLI::App& app, bool automatic);

  bool automatic() const { return sizes_.size() == 1 && sizes_[0] == "auto"; }
  bool gives_ratios() const { return !ratios_.empty(); }
  void check() const;

  // What is given in numbers; the rest of the configuration stays.
  void apply_to(frcnn::model_config& config) const;
  // Says how anchors fit. --anchors auto: takes the proposal.
  void settle(frcnn::data::anchor_study const& study, frcnn::model_config& config) const;

 private:
  std::vector<std::string> sizes_;
  std::vector<double> ratios_;
};

// How the anchors of a configuration fit the data, with a proposal. Family: of presets (Preset::family).
template <class Family>
frcnn::data::anchor_study study_anchors(frcnn::data::dataset const& data, typename Family::config_type const& config, bool move_ratios,
                                        frcnn::data::difficult_objects how, int threads) {
  auto const backbone = Family::new_backbone(config);
  auto const setting = frcnn::data::setting_of(backbone, config.short_side, config.max_side);
  return frcnn::data::study_anchors<typename Family::convention>(data, setting, {config.anchor_list(), config.anchor_ratios}, move_ratios,
                                                                 how, threads);
}

// Of the training data, on stderr. --anchors auto: takes the proposal.
template <class Family>
frcnn::data::anchor_study settle_anchors(anchor_arguments const& told, frcnn::data::dataset const& data,
                                         typename Family::config_type& config, frcnn::data::difficult_objects how, int threads) {
  auto study = study_anchors<Family>(data, config, !told.gives_ratios(), how, threads);
  told.settle(study, config);
  return study;
}

}  // namespace console
