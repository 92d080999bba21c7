#pragma once
// Tiled detection: small objects in large images, found by looking at overlapping square pieces at full resolution.
//
//   plan_tiles      where the tiles of an image lie: all of one size, spread evenly, neighbours share at least `overlap` pixels
//   merge_passes    what all passes found, each object once
//   detect_tiled    the plan, the passes and the merging, with any detector
//
// 1. tiles of side x side pixels (less where the image is smaller) go through the detector in batches, as views of the image: no pixel is
//    copied, and memory is that of one batch, however large the image is
// 2. one pass more sees the whole image, for objects that no tile holds. An image of one tile has no such pass
// 3. a detection is *second-hand* where another pass sees its object better: it is cut, which is when it lies at an edge of its tile inside
//    of the image; or it is of the whole image and fits into the overlap, so that some tile holds it at a higher resolution
// 4. non-maximum suppression over all passes: second-hand ones come after the others, within both by descending score. Two boxes are of
//    one object where `measure` of them is above `threshold`; a cut box is a part of its object and is always measured over the smaller
//
// Example: 100 x 50 pixels, side 50, overlap 10: x from 0, 25, 50; y from 0
// Invariant: every box with sides up to `overlap` lies whole in some tile; the result is by descending score, at most `most`.
// Source of the idea: Akyon et al., "Slicing Aided Hyper Inference", ICIP 2022; F. Ozge Unel et al., "The Power of Tiling", CVPRW 2019.
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/geometry/detect_options.hpp"
#include "frcnn/geometry/iou.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline constexpr std::size_t most_tiles = 1'000'000;  // of an image: beyond, the sides are a mistake

enum class overlap_measure { iou, smaller };  // intersection over union, or over the smaller box

struct tile_options {
  int side = 800, overlap = 200;  // pixels of the image; 0 <= overlap < side
  bool whole_image = true;        // step 2
  overlap_measure measure = overlap_measure::iou;
  double threshold = 0.5;
  bool across_classes = false;              // whether boxes of different classes may be of one object, in a pass too
  std::size_t most = std::size_t{1} << 20;  // detections of the result; detect_options limits those of a pass
};

inline void check(tile_options const& o) {
  if (o.side < 1) throw error("tile_options.side", "1 pixel or more", std::to_string(o.side));
  if (o.overlap < 0 || o.overlap >= o.side)
    throw error("tile_options.overlap", "0 to " + std::to_string(o.side - 1) + " pixels, less than the tile's side",
                std::to_string(o.overlap));
  if (!(o.threshold >= 0 && o.threshold <= 1)) throw error("tile_options.threshold", "0 to 1", std::to_string(o.threshold));
}

struct tile {
  int x = 0, y = 0, width = 0, height = 0;  // pixels of the image
  friend bool operator==(tile const&, tile const&) = default;
};

namespace detail {

// How many tiles lie along one side of the image.
inline int tiles_along(int length, int side, int overlap) {
  return length <= side ? 1 : (length - overlap + (side - overlap) - 1) / (side - overlap);
}

// Where they begin.
inline std::vector<int> tile_starts(int length, int side, int overlap) {
  int const count = tiles_along(length, side, overlap);
  if (count == 1) return {0};
  std::vector<int> starts;
  for (int k = 0; k < count; ++k)
    starts.push_back(static_cast<int>(static_cast<long long>(length - side) * k / (count - 1)));  // the last ends where the image does
  return starts;
}

}  // namespace detail

// Of an image; the pass over the whole is not among them.
inline std::size_t number_of_tiles(int width, int height, tile_options const& o) {
  check(o);
  return static_cast<std::size_t>(detail::tiles_along(width, o.side, o.overlap)) *
         static_cast<std::size_t>(detail::tiles_along(height, o.side, o.overlap));
}

// Row by row. Throws error for more than most_tiles.
inline std::vector<tile> plan_tiles(int width, int height, tile_options const& o) {
  if (auto const n = number_of_tiles(width, height, o); n > most_tiles)
    throw error("tile_options", "at most " + std::to_string(most_tiles) + " tiles of an image",
                std::to_string(n) + " of side " + std::to_string(o.side) + " with overlap " + std::to_string(o.overlap));
  std::vector<tile> plan;
  for (int const y : detail::tile_starts(height, o.side, o.overlap))
    for (int const x : detail::tile_starts(width, o.side, o.overlap))
      plan.push_back({x, y, std::min(o.side, width), std::min(o.side, height)});
  return plan;
}

// The tile of the image, as a view into it.
inline image_view view_of(image_view image, tile const& t) {
  image_view part = image;
  part.row_stride = image.stride();
  part.data = image.row(t.y) + std::ptrdiff_t{t.x} * image.pixel_bytes();
  part.width = t.width, part.height = t.height;
  return part;
}

// A detection of one pass, in pixels of the image.
struct pass_detection {
  detection what;
  bool cut = false, second_hand = false;  // step 3; what is cut is second-hand
};

// Step 3 for what a tile's pass found, in pixels of the tile.
inline pass_detection seen_by_tile(detection d, tile const& t, int width, int height) {
  // Boxes of cut objects end at the edge, or a little before it.
  float const margin = std::max(2.0f, 0.01f * static_cast<float>(std::max(t.width, t.height)));
  auto const w = static_cast<float>(t.width), h = static_cast<float>(t.height);
  bool const cut = (t.x > 0 && d.where.x1 < margin) || (t.y > 0 && d.where.y1 < margin) ||
                   (t.x + t.width < width && d.where.x2 > w - margin) || (t.y + t.height < height && d.where.y2 > h - margin);
  auto const x = static_cast<float>(t.x), y = static_cast<float>(t.y);
  d.where = {d.where.x1 + x, d.where.y1 + y, d.where.x2 + x, d.where.y2 + y};
  return {d, cut, cut};
}

// Step 3 for what the pass over the whole image found.
inline pass_detection seen_as_whole(detection const& d, tile_options const& o) {
  return {d, false, std::max(d.where.width(), d.where.height()) <= static_cast<float>(o.overlap)};
}

// Step 4. By descending score.
inline std::vector<detection> merge_passes(std::vector<pass_detection> all, tile_options const& o) {
  std::stable_sort(all.begin(), all.end(), [](pass_detection const& a, pass_detection const& b) {
    return a.second_hand != b.second_hand ? b.second_hand : a.what.score > b.what.score;
  });
  std::vector<detection> survivors;
  for (pass_detection const& d : all) {
    bool const over_smaller = d.cut || o.measure == overlap_measure::smaller;
    auto const is_one_object = [&](detection const& s) {
      if (!o.across_classes && s.label != d.what.label) return false;
      if (!over_smaller) return iou(s.where, d.what.where) > o.threshold;  // in double: torchvision::nms_threshold
      float const both = intersection(s.where, d.what.where);
      return both > 0 && both > o.threshold * std::min(s.where.area(), d.what.where.area());
    };
    if (std::none_of(survivors.begin(), survivors.end(), is_one_object)) survivors.push_back(d.what);
  }
  std::stable_sort(survivors.begin(), survivors.end(), [](detection const& a, detection const& b) { return a.score > b.score; });
  return survivors;
}

struct tiled_detections {
  std::vector<detection> found;
  std::size_t passes = 0;        // tiles, and the whole image
  std::size_t at_the_limit = 0;  // passes that found options.max_detections, where it is set: they may have left objects out
};

// What a pass finds at most before boxes of different classes put each other aside.
inline constexpr int most_candidates = 20'000;

// options: of each pass. Across classes a pass has no limit where options.max_detections says none. batch.most: tiles that are computed
// together. done(n, of): passes so far. Throws what the detector does, and error for tile options that cannot be meant.
template <class Detector>
tiled_detections detect_tiled(Detector const& detector, image_view image, detect_options const& options, tile_options const& tiles,
                              batch_options const& batch = {.most = 1}, std::function<void(std::size_t, std::size_t)> const& done = {}) {
  check(image), check(options), check(batch);
  auto const plan = plan_tiles(image.width, image.height, tiles);
  bool const whole = tiles.whole_image && plan.size() > 1;
  // Across classes: all candidates, none of which another of its class has put aside.
  detect_options of_pass = options;
  if (tiles.across_classes) of_pass.nms = 1.0, of_pass.max_detections = std::max(options.max_detections.value_or(0), most_candidates);
  tiled_detections result;
  std::vector<pass_detection> all;
  auto const take = [&](std::vector<detection> found, auto const& as_seen) {
    ++result.passes;
    bool full = of_pass.max_detections && found.size() >= static_cast<std::size_t>(*of_pass.max_detections);
    if (tiles.across_classes) {
      std::vector<pass_detection> alone;
      for (detection const& d : found) alone.push_back({d});
      found = merge_passes(std::move(alone), tiles);
      if (auto const most = static_cast<std::size_t>(options.max_detections.value_or(most_candidates)); found.size() >= most)
        full = true, found.resize(most);
    }
    result.at_the_limit += full;
    for (detection const& d : found) all.push_back(as_seen(d));
    if (done) done(result.passes, plan.size() + (whole ? 1 : 0));
  };
  std::vector<image_view> views;
  for (std::size_t first = 0; first < plan.size(); first += views.size()) {
    views.clear();
    for (std::size_t i = first; i < plan.size() && views.size() < static_cast<std::size_t>(batch.most); ++i)
      views.push_back(view_of(image, plan[i]));
    auto found = detector.detect(std::span<image_view const>(views), of_pass, batch);
    for (std::size_t i = 0; i < found.size(); ++i)
      take(std::move(found[i]), [&](detection const& d) { return seen_by_tile(d, plan[first + i], image.width, image.height); });
  }
  if (whole && batch.stop.stop_requested()) throw stopped();
  if (whole) take(detector.detect(image, of_pass), [&](detection const& d) { return seen_as_whole(d, tiles); });
  if (plan.size() == 1) {
    for (auto const& d : all) result.found.push_back(d.what);  // one pass has nothing to merge
  } else {
    result.found = merge_passes(std::move(all), tiles);
  }
  if (result.found.size() > tiles.most) result.found.resize(tiles.most);
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
