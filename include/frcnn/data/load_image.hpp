#pragma once
// One image as a network takes it: decoded or found in a cache, resized, mirrored, with its boxes and regions in the resized image.
//
//   loaded         the result; its memory is reused from image to image
//   load_request   which image, mirrored or not, at which of several scales
// Boxes are mirrored in the original image and then scaled, as both releases do. Of difficult objects the caller decides: they are not
// there, or are ignore regions (label -1), or objects like others.
// Throws where the pixels are not of the size that the truth names, or have another number of channels.
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/image_cache.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/geometry/region.hpp"
#include "frcnn/geometry/resize_plan.hpp"
#include "frcnn/ops/resize.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// One image with its truth. Boxes are in pixels of the resized image as it lies in `pixels`.
struct loaded {
  image pixels;      // [plan.h, plan.w, channels]
  resize_plan plan;  // from the original to `pixels`
  int padded_width = 0, padded_height = 0;  // largest sides of the images of its batch, in training; of those too that another process has
  int original_width = 0, original_height = 0;
  std::vector<box<float>> boxes;        // [G]
  std::vector<std::int32_t> labels;     // [G] 1..K, or -1 for an ignore region
  std::vector<std::uint8_t> difficult;  // [G], as annotated
  std::vector<box<float>> regions;      // by descending score; none without a region_source
  std::size_t index = 0;                // in the data
  std::uint64_t id = 0;                 // names it to the random draws
  bool flipped = false;
};

namespace detail {

struct load_request {
  std::size_t index;
  bool flipped;
  int scale = 0;  // which of the short sides
  int padded_width = 0, padded_height = 0;
};

// How images are loaded: what does not change from one to the next.
struct load_options {
  difficult_objects difficult;
  std::vector<int> short_sides;  // one or more
  int max_side, channels;
};

// Width, height, channels and bits, and bytes for them; memory is reused.
inline void shape_image(image& im, int width, int height, int channels, int bits) {
  im.width = width, im.height = height, im.channels = channels, im.bits = bits;
  im.pixels.resize(checked::elements(shape<3>{{height, width, im.pixel_bytes()}}));
}

inline void mirror(image& im) {
  for (int y = 0; y < im.height; ++y)
    for (int left = 0, right = im.width - 1; left < right; ++left, --right)
      std::swap_ranges(im.at(left, y), im.at(left, y) + im.pixel_bytes(), im.at(right, y));
}

inline void mirror_copy(image const& from, image& to) {
  auto const copy = [&](auto bytes) {  // of a pixel; a constant for RGB
    for (int y = 0; y < from.height; ++y) {
      std::uint8_t const* source = from.at(from.width - 1, y);
      for (std::uint8_t *out = to.at(0, y), *end = out + std::ptrdiff_t{bytes} * from.width; out != end; out += bytes, source -= bytes)
        for (int k = 0; k < bytes; ++k) out[k] = source[k];
    }
  };
  if (from.pixel_bytes() == 3) copy(std::integral_constant<int, 3>());
  else copy(from.pixel_bytes());
}

// Adds its regions to an image whose other parts are loaded.
template <class Rules, DataSource Source>
void load_regions(Source const& data, region_source const& source, int most, loaded& out) {
  out.regions.clear();
  if (!source) return;
  auto regions = source(out.index, out.flipped);
  for (std::size_t r = 0; r < regions.size(); ++r)
    check_region(regions[r], out.original_width, out.original_height,
                 [&] { return name_of(data, out.index) + ", region " + std::to_string(r + 1); });
  best_regions(regions, most);
  for (region const& r : regions) out.regions.push_back(region_in_input<Rules>(r, out.original_width, out.flipped, out.plan));
}

// f(image_view) of image i, decoded where that is to be done.
template <DataSource Source, class F>
void with_pixels(Source const& data, std::size_t i, F&& f) {
  auto&& given = data.pixels(i);
  if constexpr (gives_files<Source>) {
    decoded_image const decoded = decode(given);
    f(image_view(decoded));
  } else {
    f(image_view(given));
  }
}

// Everything of `out` but regions; its memory is reused. cache: may be null; it has a place for each image at each scale.
template <class Rules, DataSource Source>
void load(Source const& data, load_request const& r, load_options const& o, image_cache* cache, ops::resizer& resize, loaded& out) {
  std::size_t const index = r.index, at = static_cast<std::size_t>(r.scale);
  bool const flipped = r.flipped;
  std::size_t const cached_as = index * o.short_sides.size() + at;
  int const channels = o.channels;
  auto const& truth = data.truth(index);
  out.plan = Rules::resize(truth.width, truth.height, o.short_sides[at], o.max_side);
  out.index = index;
  out.id = data.id(index);
  out.flipped = flipped;
  out.padded_width = r.padded_width;
  out.padded_height = r.padded_height;
  out.original_width = truth.width;
  out.original_height = truth.height;

  if (image const* cached = cache ? cache->find(cached_as) : nullptr) {
    shape_image(out.pixels, cached->width, cached->height, cached->channels, cached->bits);
    if (flipped) mirror_copy(*cached, out.pixels);
    else std::copy(cached->pixels.begin(), cached->pixels.end(), out.pixels.pixels.begin());
  } else {
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
      shape_image(out.pixels, out.plan.w, out.plan.h, channels, v.bits);
      if (v.bits == 16) resize(v, out.plan, out.pixels.at_16(0, 0), channels);
      else resize(v, out.plan, out.pixels.pixels.data(), channels);
    });
    if (cache) cache->store(cached_as, out.pixels);
    if (flipped) mirror(out.pixels);
  }

  out.boxes.clear();
  out.labels.clear();
  out.difficult.clear();
  for (auto const& object : truth.objects) {
    if (object.difficult && o.difficult == difficult_objects::drop) continue;
    box<float> const where = flipped ? Rules::flip_box(object.where, static_cast<float>(truth.width)) : object.where;
    out.boxes.push_back(Rules::scale_box(where, static_cast<float>(out.plan.scale_x), static_cast<float>(out.plan.scale_y)));
    out.labels.push_back(object.difficult && o.difficult == difficult_objects::ignore ? std::int32_t{-1} : object.label);
    out.difficult.push_back(object.difficult);
  }
}

}  // namespace detail

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
