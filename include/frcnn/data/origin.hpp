#pragma once
// Where the coordinates of VOC files are counted from: what can be done about it, and what the data itself says.
//
//                     first pixel   last pixel of a row of W   half-open box of xmin .. xmax     written so by
//     voc                       1   W                          xmin - 1 .. xmax                  VOC, labelImg (half-open, its 0 turned to 1)
//     zero                      0   W (its outer border)       xmin .. xmax                      Datumaro, Label Studio, globox,
//                                                                                                pascal-voc-writer
//     zero_inclusive            0   W - 1                      xmin .. xmax + 1                  scripts that number pixels from 0
//
// Evidence, counted in boxes (origin_evidence):
//   a coordinate from 0 to below 1   VOC has none. 0 where a box touches the left or upper border is what counting from 0 gives
//   a 1 and no 0                     VOC, or labelImg
//   W or W - 1 at the right border   all touching boxes at W - 1: inclusive from 0; any at W: not that
//   W + 1                            supervision adds 1 to both corners of half-open boxes: read as VOC's they end a pixel late
//   fractions, no 0 and no 1         computed by a converter, which mostly counts from 0. VOC itself has a few
// likely() decides: zero where boxes with a 0 are more than those with a 1, or fractions stand in most boxes and neither is there.
//
// Example: boxes 0 .. 50 and 10 .. 100 in an image 100 wide: likely() is zero; 0 .. 50 and 10 .. 99: zero_inclusive; 1 .. 50: voc
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/geometry/box.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

enum class coordinate_origin : std::uint8_t { voc, zero, zero_inclusive };

inline char const* name_of(coordinate_origin from) {
  return from == coordinate_origin::voc ? "voc" : from == coordinate_origin::zero ? "zero" : "zero-inclusive";
}

// "voc", "zero", "zero-inclusive"; nothing for "auto". Throws error for anything else.
inline std::optional<coordinate_origin> parse_origin(std::string const& text) {
  for (auto const from : {coordinate_origin::voc, coordinate_origin::zero, coordinate_origin::zero_inclusive})
    if (text == name_of(from)) return from;
  if (text == "auto") return std::nullopt;
  throw error("origin", "voc, zero, zero-inclusive or auto", excerpt(text));
}

// As written to half-open, in pixels; not clipped.
constexpr box<double> half_open(coordinate_origin from, double xmin, double ymin, double xmax, double ymax) {
  if (from == coordinate_origin::zero) return {xmin, ymin, xmax, ymax};
  if (from == coordinate_origin::zero_inclusive) return {xmin, ymin, xmax + 1, ymax + 1};
  return {xmin - 1, ymin - 1, xmax, ymax};
}

// Counts of boxes. Boxes in 0..1 as a whole, which are fractions of their image, and boxes with swapped corners are none of them.
struct origin_evidence {
  std::size_t boxes = 0;
  std::size_t at_zero = 0, at_one = 0;                   // xmin or ymin: from 0 to below 1; 1 and the other not below
  std::size_t to_last = 0, to_size = 0, beyond_one = 0;  // xmax or ymax: W - 1, W, W + 1 (H)
  std::size_t fractions = 0;                             // a coordinate that is no whole number

  // width, height: of the image that the box is meant in.
  void add(double xmin, double ymin, double xmax, double ymax, double width, double height) {
    auto const fraction_of_image = [](double v) { return v >= 0 && v <= 1; };
    if (xmin > xmax || ymin > ymax || (fraction_of_image(xmax) && fraction_of_image(ymax))) return;
    auto const below_one = [](double v) { return v >= 0 && v < 1; };
    auto const whole = [](double v) { return v == std::floor(v); };
    ++boxes;
    bool const from_zero = below_one(xmin) || below_one(ymin);
    at_zero += from_zero;
    at_one += !from_zero && (xmin == 1 || ymin == 1);
    to_last += xmax == width - 1 || ymax == height - 1;
    to_size += xmax == width || ymax == height;
    beyond_one += xmax == width + 1 || ymax == height + 1;
    fractions += !(whole(xmin) && whole(ymin) && whole(xmax) && whole(ymax));
  }
  void add(origin_evidence const& e) {
    boxes += e.boxes, at_zero += e.at_zero, at_one += e.at_one, to_last += e.to_last, to_size += e.to_size;
    beyond_one += e.beyond_one, fractions += e.fractions;
  }

  bool mostly_fractions() const { return at_zero + at_one == 0 && 2 * fractions > boxes; }
  coordinate_origin likely() const {
    if (at_zero <= at_one && !mostly_fractions()) return coordinate_origin::voc;
    return to_size == 0 && to_last > 0 ? coordinate_origin::zero_inclusive : coordinate_origin::zero;
  }

  // "of 120 boxes 7 begin at 0, 1 at 1; 6 end at the image's size, 0 a pixel before it"
  std::string sentence() const {
    auto const n = [](std::size_t count) { return std::to_string(count); };
    std::string text = "of " + n(boxes) + (boxes == 1 ? " box " : " boxes ") + n(at_zero) + " begin at 0, " + n(at_one) + " at 1; " +
                       n(to_size) + " end at their image's size, " + n(to_last) + " a pixel before it";
    if (beyond_one) text += ", " + n(beyond_one) + " a pixel beyond it";
    if (fractions) text += "; " + n(fractions) + " have fractions of pixels";
    return text;
  }
};

// Why boxes that are read as `used` has them may be meant otherwise; empty: nothing says so.
inline std::string doubt_of(coordinate_origin used, origin_evidence const& e) {
  coordinate_origin const likely = e.likely();
  if (used == coordinate_origin::voc && likely == used && e.at_one > 0 && e.beyond_one > 0 && e.to_size == 0)
    return e.sentence() + ", as where 1 was added to half-open corners (supervision does): boxes are read a pixel too wide and too high";
  if (e.boxes == 0 || used == likely || (likely == coordinate_origin::voc && e.at_one == 0)) return {};
  return e.sentence() + ", as --origin " + name_of(likely) + " reads them";
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
