#pragma once
// Which published experiments a run follows: --protocol voc, the preset's own settings, or coco, those of MS COCO (section 4.2 of the paper).
#include "../console/console.hpp"

#include <frcnn/presets/training_defaults.hpp>

#include <string>
#include <vector>

namespace console {

// What coco changes of a preset's configuration; voc changes nothing. Other options may change it further.
template <class Preset>
void apply_protocol(std::string const& protocol, typename Preset::config_type& config) {
  if (protocol != "coco") return;
  if constexpr (requires { Preset::coco_protocol::apply_to(config); }) Preset::coco_protocol::apply_to(config);
  else throw frcnn::error("--protocol coco", "--preset zf or vgg16, whose settings the paper and its release have", Preset::name);
}

// What steps train: RPN and head together; the RPN and the head in turns; the head alone, on regions of a file (Fast R-CNN).
enum class trained { together, in_turns, head };

namespace detail {

template <class Published>
std::vector<frcnn::presets::training_defaults> solvers_apart(trained what) {
  if (what == trained::head) return {Published::training_of_fast_rcnn()};
  return {Published::training_of_rpn(), Published::training_of_head()};
}

}  // namespace detail

// One solver, or that of the RPN's steps and that of the head's.
template <class Family>
std::vector<frcnn::presets::training_defaults> solvers_of(std::string const& protocol, trained what,
                                                          frcnn::presets::training_defaults const& of_preset) {
  if constexpr (requires { Family::coco_protocol::training(); }) {
    using coco = typename Family::coco_protocol;
    if (protocol == "coco") return what == trained::together ? std::vector{coco::training()} : detail::solvers_apart<coco>(what);
  }
  if constexpr (requires { Family::training_of_rpn(); })
    if (what != trained::together) return detail::solvers_apart<Family>(what);
  return std::vector(what == trained::in_turns ? 2 : 1, of_preset);
}

// What a run of --protocol coco takes, after all other options.
template <class Config>
std::string protocol_settings(Config const& c) {
  auto const& target = c.head.target;
  return fmt::format("--protocol coco: anchors {} x {}; background IoU [{}, {}); short side {}, longer at most {}; dropout {}",
                     fmt::join(c.anchor_list(), ","), fmt::join(c.anchor_ratios, ","), target.background_low, target.background_high,
                     c.short_side, c.max_side, c.head.dropout);
}
inline std::string solver_settings(std::string const& of, frcnn::schedule const& rate, int images) {
  std::vector<std::string> drops;
  for (double const d : rate.drops) drops.push_back(fmt::format("{:.0f}", d * static_cast<double>(rate.steps)));
  return fmt::format("--protocol coco: {}{} steps of {} images, rate {}, times {} after {}", of, rate.steps, images, rate.lr, rate.gamma,
                     drops.empty() ? "none" : fmt::format("{}", fmt::join(drops, ",")));
}

}  // namespace console
