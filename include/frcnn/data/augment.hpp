#pragma once
// Augmentation: how training changes an image each time it shows it, beside the mirroring that training_options::flip asks for.
//
//   augmentation      what may happen to an image; nothing unless it is asked for
//   jittered_sides    scale jitter: sides for training_options::short_sides, of which one is drawn for each batch
//   image_change      what happens to one image of one epoch, in this order; its pixels: data/augment_pixels.hpp
// 1. it is turned: mirrored left to right, top to bottom, by quarter turns. The eight results are numbered as EXIF does (data/exif.hpp)
// 2. it is resized to the drawn short side
// 3. a window of it is cut out; half of the images stay whole
// 4. its colours are changed: brightness, contrast, saturation, hue
// Each is drawn from (seed, epoch, id, draw::geometry or draw::colour, 2 number + mirrored): never from a thread or a place in a batch.
//
// Boxes are turned and scaled as the convention does it, then clipped to the window. An object of which the window leaves less than the
// share crop_keeps is not trained on: what is left of it is an ignore region (label -1), so that it is no background either, and nothing
// where nothing is left. An ignore region stays one as long as any of it is left. Of up to eight windows the first is taken that cuts no
// object below that share, else the one that cuts fewest; one that would leave no object of an image that has some is not taken. Regions
// from outside are turned, scaled and clipped likewise; one of which less than that share is left is dropped.
//
// Example: an image of 100 x 50, turned clockwise (6): the box (10, 0, 30, 20) is (30, 10, 50, 30) of 50 x 100
#include "frcnn/core/error.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Factors are drawn uniformly from [1 - x, 1 + x]. Saturation and hue are of images of three channels; the rest is of all images.
struct augmentation {
  bool flip_vertical = false;  // half of the images, top to bottom
  bool quarter_turns = false;  // by 0, 90, 180 or 270 degrees
  double crop = 1;             // least side of a window as a share of the image's; 1: no windows
  double crop_keeps = 0.3;     // least share of its area that a window leaves of an object that is trained on
  double brightness = 0;       // pixels are multiplied
  double contrast = 0;         // distances from a channel's mean are
  double saturation = 0;       // distances from grey are
  double hue = 0;              // colours turn round grey by [-x, x] of the circle

  bool turns() const { return flip_vertical || quarter_turns; }
  bool crops() const { return crop < 1; }
  bool recolours() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
  bool changes() const { return turns() || crops() || recolours(); }

  // Saturation and hue are 0 for images of other than three channels. What turns an object over is left to who knows the objects.
  static augmentation light(int channels = 3) {
    augmentation a{.brightness = 0.15, .contrast = 0.15};
    if (channels == 3) a.saturation = 0.15, a.hue = 0.015;
    return a;
  }
  static augmentation strong(int channels = 3) {
    augmentation a{.crop = 0.5, .brightness = 0.3, .contrast = 0.3};
    if (channels == 3) a.saturation = 0.4, a.hue = 0.05;
    return a;
  }
};

inline void check(augmentation const& a, int channels) {
  struct setting {
    char const *name, *range;
    double value, least, most;
  };
  for (auto const& [name, range, value, least, most] : {setting{"crop", "a share from 0.1 to 1", a.crop, 0.1, 1},
                                                        {"crop_keeps", "a share from 0.01 to 1", a.crop_keeps, 0.01, 1},
                                                        {"brightness", "a number from 0 to 0.95", a.brightness, 0, 0.95},
                                                        {"contrast", "a number from 0 to 0.95", a.contrast, 0, 0.95},
                                                        {"saturation", "a number from 0 to 1", a.saturation, 0, 1},
                                                        {"hue", "a number from 0 to 0.5", a.hue, 0, 0.5}})
    if (!(value >= least && value <= most)) throw error(std::string("augmentation, ") + name, range, std::to_string(value));
  if (channels != 3 && (a.saturation > 0 || a.hue > 0))
    throw error("augmentation", "no changes of saturation and hue, which are of three channels",
                "them for images of " + std::to_string(channels));
}

// Five sides from `low` to `high` times the short side, evenly spaced; none above the longest side that images may have.
inline std::vector<int> jittered_sides(int short_side, int max_side, double low, double high) {
  std::vector<int> sides;
  for (int k = 0; k < 5; ++k) {
    int const side = std::clamp(static_cast<int>(std::lround(short_side * (low + (high - low) * k / 4))), 1, max_side);
    if (sides.empty() || sides.back() != side) sides.push_back(side);
  }
  return sides;
}

struct colour_change {
  float brightness = 1, contrast = 1, saturation = 1;  // factors
  float hue = 0;                                       // of the circle
  friend bool operator==(colour_change const&, colour_change const&) = default;
};

struct image_change {
  int orientation = 1;          // 1 to 8, EXIF's; 2 is the mirror image
  box<int> window{0, 0, 0, 0};  // of the image turned and resized, pixels; without area: all of it
  colour_change colour{};

  bool crops() const { return window.x2 > window.x1; }
  friend bool operator==(image_change const&, image_change const&) = default;
};

// Of the eight ways to turn an image: whether sides are swapped, and whether a row, a column begins at its other end.
struct turning {
  bool swaps, from_right, from_below;

  static constexpr turning of(int orientation) {
    auto const one_of = [=](int a, int b, int c, int d) {
      return orientation == a || orientation == b || orientation == c || orientation == d;
    };
    return {orientation >= 5, one_of(2, 3, 7, 8), one_of(3, 4, 6, 7)};
  }
  // Mirrored left to right, then top to bottom, then turned clockwise so many times.
  static constexpr int orientation(bool left_right, bool top_bottom, int quarters) {
    constexpr int numbers[2][2][2] = {{{1, 4}, {2, 3}}, {{5, 6}, {8, 7}}};  // swaps, from right, from below
    bool const half = quarters >= 2, swaps = quarters % 2 == 1;
    return numbers[swaps][left_right != half][top_bottom != (half != swaps)];
  }
};

// A box of an image of w x h pixels where it lies in the image as turned.
template <class Rules, class T>
constexpr box<T> turned_box(box<T> b, T w, T h, int orientation) {
  auto const how = turning::of(orientation);
  auto const transposed = [](box<T> const& of) { return box<T>{of.y1, of.x1, of.y2, of.x2}; };
  if (how.from_right) b = Rules::flip_box(b, w);
  if (how.from_below) b = transposed(Rules::flip_box(transposed(b), h));
  return how.swaps ? transposed(b) : b;
}

// Of the image as turned, from that of the image as it is.
constexpr resize_plan turned_plan(resize_plan const& p, int orientation) {
  return turning::of(orientation).swaps ? resize_plan{p.h, p.w, p.scale_y, p.scale_x, p.step_y, p.step_x} : p;
}

// A box of an image of w x h pixels where it lies in the image as turned and resized. plan: of that.
template <class Rules>
constexpr box<float> box_in_turned(box<float> const& b, int w, int h, int orientation, resize_plan const& plan) {
  return Rules::scale_box(turned_box<Rules>(b, static_cast<float>(w), static_cast<float>(h), orientation), static_cast<float>(plan.scale_x),
                          static_cast<float>(plan.scale_y));
}

// The part of a box that lies in the window; without area where there is none.
inline box<float> part_in(box<float> const& b, box<int> const& window) {
  auto const w = window.as<float>();
  return {std::max(b.x1, w.x1), std::max(b.y1, w.y1), std::min(b.x2, w.x2), std::min(b.y2, w.y2)};
}
// The share of its area that lies there, 0 to 1.
inline float share_in(box<float> const& b, box<int> const& window) {
  box<float> const part = part_in(b, window);
  return part.x1 < part.x2 && part.y1 < part.y2 ? part.area() / b.area() : 0.0f;
}
// In pixels of the window.
inline box<float> box_in_window(box<float> const& b, box<int> const& window) {
  box<float> const part = part_in(b, window);
  float const x = static_cast<float>(window.x1), y = static_cast<float>(window.y1);
  return {part.x1 - x, part.y1 - y, part.x2 - x, part.y2 - y};
}

// The random numbers of one image of one epoch; its mirror image has others.
class change_draws {
 public:
  change_draws(std::uint64_t seed, std::uint64_t epoch, std::uint64_t id, bool mirrored)
      : seed_(seed), epoch_(epoch), id_(id), mirrored_(mirrored) {}

  int orientation(augmentation const& a) const {
    bool const upside_down = a.flip_vertical && unit(draw::geometry, 0) < 0.5f;
    int const quarters = a.quarter_turns ? static_cast<int>(4 * unit(draw::geometry, 1)) : 0;
    return turning::orientation(mirrored_, upside_down, quarters);
  }

  // Of an image of w x h pixels, turned and resized. Without area: the image stays whole.
  template <class Rules, class Truth>
  box<int> window(augmentation const& a, Truth const& truth, bool trains_difficult, int orientation, resize_plan const& plan) const {
    box<int> best{0, 0, 0, 0};
    if (!a.crops() || unit(draw::geometry, 2) < 0.5f) return best;
    constexpr std::uint64_t windows = 8;
    for (std::uint64_t n = 0, least_cut = ~std::uint64_t{0}; n < windows && least_cut > 0; ++n) {
      auto const span = [&](int extent, std::uint64_t number, int& begin, int& end) {
        double const share = a.crop + (1 - a.crop) * unit(draw::geometry, number);
        int const side = std::max(1, static_cast<int>(std::lround(extent * share)));
        begin = static_cast<int>((extent - side + 1) * static_cast<double>(unit(draw::geometry, number + 1)));
        end = begin + side;
      };
      box<int> w{};
      span(plan.w, 3 + 4 * n, w.x1, w.x2);
      span(plan.h, 5 + 4 * n, w.y1, w.y2);
      std::uint64_t objects = 0, inside = 0, cut = 0;
      for (auto const& object : truth.objects) {
        if (object.difficult && !trains_difficult) continue;
        ++objects;
        float const share = share_in(box_in_turned<Rules>(object.where, truth.width, truth.height, orientation, plan), w);
        if (share >= static_cast<float>(a.crop_keeps)) ++inside;
        else if (share > 0) ++cut;
      }
      if (objects > 0 && inside == 0) continue;
      if (cut < least_cut) best = w, least_cut = cut;
    }
    return best;
  }

  colour_change colour(augmentation const& a) const {
    auto const spread = [&](double by, std::uint64_t number) {
      return static_cast<float>(by * (2 * static_cast<double>(unit(draw::colour, number)) - 1));
    };
    return {1 + spread(a.brightness, 0), 1 + spread(a.contrast, 1), 1 + spread(a.saturation, 2), spread(a.hue, 3)};
  }

 private:
  float unit(draw purpose, std::uint64_t number) const { return random_unit(seed_, epoch_, id_, purpose, 2 * number + mirrored_); }

  std::uint64_t seed_, epoch_, id_;
  bool mirrored_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
