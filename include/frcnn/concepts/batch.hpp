#pragma once
// What one step or one detection is given: padded pixels, what is known of each image, and, in training, the truth.
//
//   N  images of the batch       H, W  padded size (pixels of the network's input)       C  channels of the images, mostly 3
//   G  capacity of truth boxes per image
//   R  capacity of regions per image: where the head looks, if the RPN shall not say (geometry/region.hpp)
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/recorded.hpp"
#include "frcnn/geometry/box.hpp"

#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T>
struct image_info {
  T h, w;    // valid size inside the padded batch, pixels
  T h0, w0;  // original size, pixels
  T sx, sy;  // scale of boxes, resized = original * s, per axis
};

// Images of equal numbers have equal pixels, in this batch and in others.
struct known_picture {
  std::uint64_t number = 0;
  int h = 0, w = 0;  // the sides that it is padded to where it is alone in a batch, pixels
};

template <Real T, Backend B>
struct batch {
  view<T const, 4, B> pixels;            // [N, C, H, W], normalised, zero right of and below each image
  view<image_info<T> const, 1, B> info;  // [N]
  view<std::uint64_t const, 1, B> id;    // [N], names the image to the random draws
  // [N, R], pixels of the network's input. rows.data == nullptr: none are given, the RPN proposes. A count of 0: that image has none.
  counted<box<T> const, 2, B> regions{};
  std::span<known_picture const> pictures{};  // [N], host memory. Empty: not known, as under augmentation
  // Where it is a process's share of a larger batch: the processes that have the others. A number that losses are divided by is a sum over
  // all of them (sum_over_batch). nullptr: it is the whole.
  any_communicator<B>* shared_with = nullptr;

  int size() const { return pixels.dims[0]; }
  bool has_regions() const { return regions.rows.data != nullptr; }
};

// Counts of this batch, in device memory, become those of the whole batch that it is a share of.
template <Backend B>
void sum_over_batch(typename B::context& c, any_communicator<B>* shared_with, view<double, 1, B> counts) {
  if (!shared_with) return;
  shared_with->sum(c, std::span<double>(counts.data, counts.size()));
  shared_with->settle(c);
}

template <Real T, Backend B>
struct truth {
  counted<box<T> const, 2, B> boxes;     // [N, G], pixels of the network's input
  view<std::int32_t const, 2, B> label;  // [N, G]: 1..K a class; -1 an ignore region: it neither matches nor lets negatives lie on it

  FRCNN_HD int capacity() const { return boxes.rows.dims[1]; }
};

// What recorded work on it depends on (core/recorded.hpp).
template <Real T, Backend B>
void add_to(call_key& key, batch<T, B> const& im) {
  key.add(im.pixels);
  key.add(im.info);
  key.add(im.id);
  key.add(im.regions);
  key.add(static_cast<void const*>(im.shared_with));
}
template <Real T, Backend B>
void add_to(call_key& key, truth<T, B> const& gt) {
  key.add(gt.boxes);
  key.add(gt.label);
}

// Throws where a detector of `classes` classes (0: not known) cannot learn a truth object. name(): the object's; asked only then.
template <Real T, class Name>
void check_object(box<T> const& b, std::int32_t label, int classes, Name const& name) {
  if (!is_finite(b) || !is_finite(b.area()) || !(b.x1 < b.x2) || !(b.y1 < b.y2))
    throw error(name(), "a box of finite corners with x1 < x2 and y1 < y2", to_string(b));
  if (label != -1 && (label < 1 || (classes > 0 && label > classes)))
    throw error(
        name(),
        "a label " + (classes > 0 ? "from 1 to " + std::to_string(classes) : std::string("of 1 or more")) + ", or -1 for an ignore region",
        std::to_string(label));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
