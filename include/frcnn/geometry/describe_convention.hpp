#pragma once
// Writes the numbers of a convention that change detections into a model file's spec (detector/spec.hpp), and refuses a file that has
// others: they are constants of the code.
//
// A coder of one's own is written by its static `name`, or as "own": a file cannot hold its arithmetic.
#include "frcnn/geometry/conventions.hpp"

#include <string>
#include <type_traits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
template <class Spec, class Coder>
void describe_coder(Spec& spec, Coder const& coder) {
  if constexpr (std::is_same_v<Coder, box_coder>) {
    spec.constant("weight", std::vector<double>(coder.weight, coder.weight + 4));
    spec.constant("mean", std::vector<double>(coder.mean, coder.mean + 4));
    if (coder.log_cap == box_coder::no_cap) spec.constant("log_cap", "none");  // JSON knows no infinity
    else spec.constant("log_cap", coder.log_cap);
    spec.constant("far_edge", coder.far_edge);
  } else if constexpr (requires { std::string(Coder::name); }) {
    spec.constant("name", std::string(Coder::name));
  } else {
    spec.constant("name", "own");
  }
}
}  // namespace detail

template <class Rules, class Spec>
void describe_convention(Spec& spec) {
  spec.constant("name", Rules::name);
  spec.constant("size_divisor", Rules::size_divisor);
  spec.constant("objectness", Rules::objectness == conventions::objectness_kind::softmax ? "softmax" : "sigmoid");
  spec.constant("filters_before_top_n", Rules::filters_before_top_n);
  spec.constant("selects_per_level", Rules::selects_per_level);
  spec.constant("proposal_min_side", Rules::template proposal_min_side<double>(1));  // of an image that is not resized
  spec.constant("detection_min_side", Rules::template detection_min_side<double>());
  spec.constant("decodes_in_original_pixels", Rules::decodes_in_original_pixels);
  spec.constant("roi_pool_end_offset", Rules::roi_pool_end_offset);
  spec.constant("ceil_pooling", Rules::ceil_pooling);
  spec.group("rpn_coder", [&] { detail::describe_coder(spec, Rules::rpn_coder()); });
  spec.group("head_coder", [&] { detail::describe_coder(spec, Rules::head_coder()); });
}

}  // namespace frcnn
FRCNN_HIDDEN_END
