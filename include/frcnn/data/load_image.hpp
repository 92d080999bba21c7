#pragma once
// One image as a network takes it: decoded or found in a cache, resized, mirrored or changed otherwise, with its boxes and regions there.
//
//   loaded         the result; its memory is reused from image to image
//   load_request   which image, mirrored or not, at which of several scales, and what else changes (data/augment.hpp)
// Boxes are mirrored in the original image and then scaled, as both releases do. Of difficult objects the caller decides: they are not
// there, or are ignore regions (label -1), or objects like others.
// Throws where the pixels are not of the size that the truth names, or have another number of channels.
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/core/abandon.hpp"
#include "frcnn/data/augment_pixels.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/image_cache.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/geometry/region.hpp"
#include "frcnn/geometry/resize_plan.hpp"
#include "frcnn/ops/resize.hpp"

#include <algorithm>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// One image with its truth. Boxes are in pixels of the resized image as it lies in `pixels`.
struct loaded {
  image pixels;         // [plan.h, plan.w, channels]
  resize_plan plan;     // from the original, turned as `pixels` are, to `pixels`; w and h are those of the change's window
  resize_plan whole;    // the same of all of the image
  image_change change;  // what made `pixels` of the image as resized
  int padded_width = 0, padded_height = 0;  // largest sides of the images of its batch, in training; of those too that another process has
  int original_width = 0, original_height = 0;  // turned as `pixels` are
  std::vector<box<float>> boxes;                // [G]
  std::vector<std::int32_t> labels;             // [G] 1..K, or -1 for an ignore region
  std::vector<std::uint8_t> difficult;          // [G], as annotated
  std::vector<box<float>> regions;              // by descending score; none without a region_source
  std::size_t index = 0;                        // in the data
  std::uint64_t id = 0;                         // names it to the random draws
  bool flipped = false;
};

namespace detail {

struct load_request {
  std::size_t index = 0;
  bool flipped = false;
  int scale = 0;  // which of the short sides
  int copy = 0;   // of an image that an epoch shows more than once
  int padded_width = 0, padded_height = 0;
  image_change change{.orientation = flipped ? 2 : 1};
};

// How images are loaded: what does not change from one to the next.
struct load_options {
  difficult_objects difficult;
  std::vector<int> short_sides;  // one or more
  int max_side, channels;
  double window_keeps = 0;  // least share of an object that a window leaves of it
};

// What a thread that loads images keeps from one to the next.
struct load_memory {
  ops::resizer resize;
  image resized;  // where what is given is a part of it, or turned
};

// Width, height, channels and bits, and bytes for them; memory is reused.
inline void shape_image(image& im, int width, int height, int channels, int bits) {
  im.width = width, im.height = height, im.channels = channels, im.bits = bits;
  im.pixels.resize(checked::elements(shape<3>{{height, width, im.pixel_bytes()}}));
}

// Adds its regions to an image whose other parts are loaded. keeps: least share of a region that its window leaves of it.
template <class Rules, DataSource Source>
void load_regions(Source const& data, region_source const& source, int most, double keeps, loaded& out) {
  out.regions.clear();
  if (!source) return;
  auto regions = source(out.index, out.flipped);
  auto const& truth = data.truth(out.index);
  int const w = truth.width, h = truth.height;
  for (std::size_t r = 0; r < regions.size(); ++r)
    check_region(regions[r], w, h, [&] { return name_of(data, out.index) + ", region " + std::to_string(r + 1); });
  auto const& change = out.change;
  for (region& r : regions)
    r.where = Rules::clip(box_in_turned<Rules>(r.where, w, h, change.orientation, out.whole), static_cast<float>(out.whole.h),
                          static_cast<float>(out.whole.w));
  if (change.crops()) std::erase_if(regions, [&](region const& r) { return share_in(r.where, change.window) < static_cast<float>(keeps); });
  best_regions(regions, most);
  for (region const& r : regions) out.regions.push_back(change.crops() ? box_in_window(r.where, change.window) : r.where);
}

// f(image_view) of image i, decoded where that is to be done.
template <DataSource Source, class F>
void with_pixels(Source const& data, std::size_t i, F&& f) {
  auto&& given = data.pixels(i);
  if constexpr (gives_files<Source>) {
    stop_if_abandoned();
    decoded_image const decoded = decode(given);
    f(image_view(decoded));
  } else {
    f(image_view(given));
  }
}

// Everything of `out` but regions; its memory is reused. cache: may be null; it has a place for each image at each scale.
template <class Rules, DataSource Source>
void load(Source const& data, load_request const& r, load_options const& o, image_cache* cache, load_memory& memory, loaded& out) {
  std::size_t const index = r.index, at = static_cast<std::size_t>(r.scale);
  auto const& change = r.change;
  bool const moves = change.orientation > 1 || change.crops();
  std::size_t const cached_as = index * o.short_sides.size() + at;
  int const channels = o.channels;
  auto const& truth = data.truth(index);
  resize_plan const plan = Rules::resize(truth.width, truth.height, o.short_sides[at], o.max_side);
  out.plan = out.whole = turned_plan(plan, change.orientation);
  if (change.crops()) out.plan.w = change.window.width(), out.plan.h = change.window.height();
  out.change = change;
  out.index = index;
  out.id = data.id(index);
  out.flipped = r.flipped;
  out.padded_width = r.padded_width;
  out.padded_height = r.padded_height;
  bool const swaps = turning::of(change.orientation).swaps;
  out.original_width = swaps ? truth.height : truth.width;
  out.original_height = swaps ? truth.width : truth.height;
  auto const copy_part = [&](image const& from) {
    shape_image(out.pixels, out.plan.w, out.plan.h, from.channels, from.bits);
    copy_changed(from, change.orientation, change.crops() ? change.window : box<int>{0, 0, out.plan.w, out.plan.h}, out.pixels);
  };

  if (image const* cached = cache ? cache->find(cached_as) : nullptr) {
    copy_part(*cached);
  } else {
    image& resized = moves ? memory.resized : out.pixels;
    with_pixels(data, index, [&](image_view const& v) {
      try {
        check(v);
      } catch (error const& e) {
        throw e.in(name_of(data, index));
      }
      auto const size = [](int w, int h) { return std::to_string(w) + " x " + std::to_string(h) + " pixels"; };
      if (v.width != truth.width || v.height != truth.height)
        throw error(name_of(data, index),
                    size(truth.width, truth.height) + (gives_files<Source> ? " as when the data was read" : " as its truth has it"),
                    size(v.width, v.height));
      if (!has_channels(v, channels))
        throw error(name_of(data, index), std::to_string(channels) + (channels == 1 ? " channel" : " channels"),
                    std::to_string(v.channels()));
      shape_image(resized, plan.w, plan.h, channels, v.bits);
      if (v.bits == 16) memory.resize(v, plan, resized.at_16(0, 0), channels);
      else memory.resize(v, plan, resized.pixels.data(), channels);
    });
    stop_if_abandoned();
    if (cache) cache->store(cached_as, resized);
    if (moves) copy_part(resized);
  }
  recolour(out.pixels, change.colour);

  out.boxes.clear();
  out.labels.clear();
  out.difficult.clear();
  for (auto const& object : truth.objects) {
    if (object.difficult && o.difficult == difficult_objects::drop) continue;
    box<float> where = box_in_turned<Rules>(object.where, truth.width, truth.height, change.orientation, out.whole);
    std::int32_t label = object.difficult && o.difficult == difficult_objects::ignore ? std::int32_t{-1} : object.label;
    if (change.crops()) {
      float const share = share_in(where, change.window);
      if (share <= 0) continue;
      if (share < static_cast<float>(o.window_keeps)) label = -1;
      where = box_in_window(where, change.window);
    }
    out.boxes.push_back(where);
    out.labels.push_back(label);
    out.difficult.push_back(object.difficult);
  }
}

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
