#pragma once
// What one step or one detection is given: padded pixels, what is known of each image, and, in training, the truth.
//
//   N  images of the batch       H, W  padded size (pixels of the network's input)       G  capacity of truth boxes per image
#include "frcnn/core/counted.hpp"
#include "frcnn/geometry/box.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T>
struct image_info {
  T h, w;    // valid size inside the padded batch, pixels
  T h0, w0;  // original size, pixels
  T sx, sy;  // scale of boxes, resized = original * s, per axis
};

template <Real T, Backend B>
struct batch {
  view<T const, 4, B> pixels;                // [N, 3, H, W], normalised, zero right of and below each image
  view<image_info<T> const, 1, B> info;      // [N]
  view<std::uint64_t const, 1, B> id;        // [N], names the image to the random draws

  int size() const { return pixels.dims[0]; }
};

template <Real T, Backend B>
struct truth {
  counted<box<T> const, 2, B> boxes;         // [N, G], pixels of the network's input
  view<std::int32_t const, 2, B> label;      // [N, G]: 1..K a class; -1 an ignore region: it neither matches nor lets negatives lie on it

  FRCNN_HD int capacity() const { return boxes.rows.dims[1]; }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
