#pragma once
// Dropout on rows, in both forms: activations are scaled in training, or in testing.
//
//   inverted     in training values that stay are multiplied by 1/(1-p); in testing nothing happens (Caffe's default, PyTorch)
//   in_testing   in training values that stay are as they were; in testing all are multiplied by 1-p (Caffe's scale_train: false, ZF's)
//   x [N*R, K]; mask [N*R, K] of 0/1. The draw of element (r, k) of image n is a function of (seed, step, image id, purpose, r*K + k).
#include "frcnn/core/executor.hpp"
#include "frcnn/core/rng.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::nn {

enum class dropout_form : std::uint8_t { inverted, in_testing };

namespace detail {
template <Backend B>
struct draw_mask {
  view<std::uint8_t, 2, B> mask;
  view<std::uint64_t const, 1, B> id;
  rng<B> r;
  draw purpose;
  float p;
  std::size_t per_image;
  FRCNN_HD void operator()(std::size_t i) const { mask.data[i] = r.unit(id.data[i / per_image], purpose, i % per_image) >= p; }
};
template <Real T, Backend B>
struct apply_mask {
  view<T, 2, B> x;
  view<std::uint8_t const, 2, B> mask;
  T scale;
  FRCNN_HD void operator()(std::size_t i) const { x.data[i] = mask.data[i] ? x.data[i] * scale : T(0); }
};
template <Real T, Backend B>
struct scale_all {
  view<T, 2, B> x;
  T by;
  FRCNN_HD void operator()(std::size_t i) const { x.data[i] *= by; }
};
}  // namespace detail

// Draws a mask for `images` images, equally many rows each.
template <Backend B>
void dropout_mask(typename B::context& c, view<std::uint64_t const, 1, B> id, rng<B> r, draw purpose, double p,
                  view<std::uint8_t, 2, B> mask) {
  exec<B>::for_each(c, mask.size(), detail::draw_mask<B>{mask, id, r, purpose, static_cast<float>(p), mask.size() / id.size()});
}

// In place, for activations on the way forward and for gradients on the way back: the operation is its own derivative.
template <Real T, Backend B>
void apply_dropout(typename B::context& c, view<T, 2, B> x, view<std::uint8_t const, 2, B> mask, double p,
                   dropout_form form = dropout_form::inverted) {
  exec<B>::for_each(c, x.size(), detail::apply_mask<T, B>{x, mask, static_cast<T>(form == dropout_form::inverted ? 1.0 / (1.0 - p) : 1.0)});
}

// In place, in testing.
template <Real T, Backend B>
void dropout_in_testing(typename B::context& c, view<T, 2, B> x, double p, dropout_form form) {
  if (form == dropout_form::in_testing && p > 0) exec<B>::for_each(c, x.size(), detail::scale_all<T, B>{x, static_cast<T>(1.0 - p)});
}

}  // namespace frcnn::nn
FRCNN_HIDDEN_END
