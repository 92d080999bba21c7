#include "starting_weights.hpp"

void compare_anchors(std::string const& init, frcnn::model_config const& ours, frcnn::model_config const& theirs, bool are_told) {
  if (ours.anchor_sizes == theirs.anchor_sizes && ours.anchor_ratios == theirs.anchor_ratios) return;
  auto const per_cell = [](frcnn::model_config const& c) { return c.anchor_sizes.front().size() * c.anchor_ratios.size(); };
  auto const described = [&](frcnn::model_config const& c) {
    return fmt::format("{} ({} x {})", per_cell(c), fmt::join(c.anchor_list(), ","), fmt::join(c.anchor_ratios, ","));
  };
  if (per_cell(ours) != per_cell(theirs)) {
    if (!are_told) return;  // the shapes of its tensors decide
    throw frcnn::error(init, "a model of as many anchors a cell as --anchors and --ratios give, " + described(ours),
                       "one of " + described(theirs));
  }
  console::say((are_told ? "--init: its model has other anchors, " : "--init: its file does not say its anchors; the preset's are ") +
               described(theirs) + "; this run's are " + described(ours) + " (--anchors and --ratios change them)");
}
