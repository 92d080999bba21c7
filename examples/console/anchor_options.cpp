#include "anchor_options.hpp"

#include "console.hpp"
#include "options.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/detector/model_config.hpp>

#include <algorithm>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

template anchor_study study_anchors<conventions::caffe>(dataset const&, anchor_setting<1> const&, anchor_shapes const&, bool,
                                                        difficult_objects, int);
template anchor_study study_anchors<conventions::torchvision>(dataset const&, anchor_setting<1> const&, anchor_shapes const&, bool,
                                                              difficult_objects, int);
template anchor_study study_anchors<conventions::torchvision>(dataset const&, anchor_setting<5> const&, anchor_shapes const&, bool,
                                                              difficult_objects, int);

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END

namespace console {

void anchor_arguments::add_to(CLI::App& app, bool automatic) {
  auto const number = above(0, 16384);
  CLI::Validator const size_or_auto([=](std::string& text) { return automatic && text == "auto" ? std::string() : number(text); },
                                    number.get_description() + (automatic ? ", or auto" : ""));
  add_list(app, "--anchors", sizes_,
           std::string("square roots of anchor areas, pixels of the resized image; of several maps as many for each, the first's first "
                       "(the preset's)") +
               (automatic ? "; auto: from the training data" : ""),
           size_or_auto);
  add_numbers(app, "--ratios", ratios_, "anchor heights over widths (the preset's)", above(0, 1000));
}

void anchor_arguments::check() const {
  if (sizes_.size() > 1 && std::find(sizes_.begin(), sizes_.end(), "auto") != sizes_.end())
    throw frcnn::error("--anchors", "auto, or sizes", fmt::format("{}", fmt::join(sizes_, ",")));
}

void anchor_arguments::apply_to(frcnn::model_config& config) const {
  if (!sizes_.empty() && !automatic()) {
    std::vector<double> sizes(sizes_.size());
    for (std::size_t i = 0; i < sizes_.size(); ++i) detail::parse(sizes_[i], sizes[i]);  // checked
    config.set_anchors(sizes);
  }
  if (!ratios_.empty()) config.anchor_ratios = ratios_;
}

void anchor_arguments::settle(frcnn::data::anchor_study const& study, frcnn::model_config& config) const {
  for (auto const& line : study.lines(automatic())) say(line);
  if (!automatic()) return;
  config.set_anchors(study.proposed.sizes);
  config.anchor_ratios = study.proposed.ratios;
}

}  // namespace console
