#pragma once
// Draws boxes on an image: detections solid, truth dashed.
//
//   detections   solid lines, a filled tag with class and score; the surest on top
//   truth        dashed lines over black or white, dots where the object is difficult
//
// A class has its colour, the same in every image and run; neighbouring labels differ in hue and lightness. Boxes are half-open, in pixels
// of this image; lines run along the inside of a box, what lies beyond the border is cut off there, and a box that does not meet the image
// is not drawn. A tag stands above its box, or inside, below or beside it, wherever it covers no surer tag and hides the fewest boxes; where
// most boxes are lower than a tag, the writing is small.
//
// Example: draw_detections(im, found, names) puts "dog 0.87" over the box of {{10, 20, 90, 80}, .87f, 1} when names[0] is "dog".
// Invariant: equal arguments give equal pixels. An image without pixels, or with fewer than its size says, is thrown as a frcnn::error.
#include "frcnn/core/finite.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/viz/shortened.hpp"
#include "frcnn/viz/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

struct draw_options {
  int line_width = 0;  // pixels; 0: from the size of the image (2 at 480 rows)
  int text_scale = 0;  // see text.hpp; 0: from the size of the image, at least 2, or 1 where most detections are lower than a tag
  bool labels = true;  // tags at all
  bool scores = true;  // in the tags of detections
};

// How light a colour looks, 0 to 255.
constexpr double lightness(rgb c) { return 0.299 * c.r + 0.587 * c.g + 0.114 * c.b; }

// Black or white, whichever reads better on the colour.
constexpr rgb text_colour(rgb on) { return lightness(on) > 140 ? rgb{0, 0, 0} : rgb{255, 255, 255}; }

// Hues a golden section of the circle apart, in three steps of saturation and brightness: of the first 20 labels, those of one step are at
// least 45 degrees apart. What would be too dark on a dark picture (blue) is mixed with white.
inline rgb class_colour(int label) {
  constexpr double saturation[] = {0.85, 0.55, 0.95}, brightness[] = {0.95, 1.00, 0.72}, darkest = 90;
  int const index = std::max(label, 1) - 1, step = index % 3;
  double const turns = 0.61803398874989485 * index, hue = 6 * (turns - std::floor(turns));
  auto const channel = [&](double offset) {
    double const at = std::fmod(offset + hue, 6.0), part = std::clamp(std::min(at, 4 - at), 0.0, 1.0);
    return static_cast<std::uint8_t>(std::lround(255 * brightness[step] * (1 - saturation[step] * part)));
  };
  rgb const pure{channel(5), channel(3), channel(1)};
  double const white = std::clamp((darkest - lightness(pure)) / (255 - lightness(pure)), 0.0, 1.0);
  auto const mixed = [&](std::uint8_t c) { return static_cast<std::uint8_t>(std::lround(c + white * (255 - c))); };
  return {mixed(pure.r), mixed(pure.g), mixed(pure.b)};
}

namespace detail {

// Whole pixels, [x1, x2) x [y1, y2).
struct pixel_box {
  int x1, y1, x2, y2;
  bool meets(pixel_box const& o) const { return x1 < o.x2 && o.x1 < x2 && y1 < o.y2 && o.y1 < y2; }
  std::int64_t area() const { return static_cast<std::int64_t>(x2 - x1) * (y2 - y1); }
  // Whether it covers more than half of the other.
  bool hides(pixel_box const& o) const {
    if (!meets(o)) return false;
    pixel_box const both{std::max(x1, o.x1), std::max(y1, o.y1), std::min(x2, o.x2), std::min(y2, o.y2)};
    return 2 * both.area() > o.area();
  }
};

// The part of a box that lies in the image, rounded, at least one pixel wide and high; false when there is none.
inline bool visible(image const& im, box<float> const& b, pixel_box& p) {
  float const w = static_cast<float>(im.width), h = static_cast<float>(im.height);
  if (is_nan(b.x1) || is_nan(b.y1) || is_nan(b.x2) || is_nan(b.y2)) return false;
  if (!(b.x1 < b.x2 && b.y1 < b.y2 && b.x1 < w && b.y1 < h && b.x2 > 0 && b.y2 > 0)) return false;
  auto const round = [](float v, float end) { return static_cast<int>(std::lround(std::clamp(v, 0.0f, end))); };
  p = {round(b.x1, w), round(b.y1, h), round(b.x2, w), round(b.y2, h)};
  if (p.x1 == p.x2) p.x1 = std::min(p.x1, im.width - 1), p.x2 = p.x1 + 1;
  if (p.y1 == p.y2) p.y1 = std::min(p.y1, im.height - 1), p.y2 = p.y1 + 1;
  return true;
}

// Dashes with a dash in both corners of every side; dash 0 is a solid line.
inline void outline(image& im, pixel_box const& b, int width, rgb colour, int dash, int gap) {
  auto const side = [&](int from, int to, auto paint) {
    int const room = to - from - dash;
    if (dash <= 0 || room <= 0) return paint(from, to);
    int const gaps = std::max(1, (room + (dash + gap) / 2) / (dash + gap));
    for (int i = 0; i <= gaps; ++i) {
      int const at = from + static_cast<int>(static_cast<long long>(room) * i / gaps);
      paint(at, at + dash);
    }
  };
  int const w = std::min({width, b.x2 - b.x1, b.y2 - b.y1});
  side(b.x1, b.x2, [&](int from, int to) { fill(im, from, b.y1, to, b.y1 + w, colour), fill(im, from, b.y2 - w, to, b.y2, colour); });
  side(b.y1, b.y2, [&](int from, int to) { fill(im, b.x1, from, b.x1 + w, to, colour), fill(im, b.x2 - w, from, b.x2, to, colour); });
}

struct tag {
  pixel_box where;
  std::string text;
};

// Above, inside or below the box (below, inside or above it), moved sideways into the image, or beside it: of the places that lie in the
// image and cover no other tag, the first that hides the fewest of `boxes`; without one, the first that lies in the image.
inline pixel_box place_tag(image const& im, pixel_box const& b, int width, int height, std::span<tag const> placed,
                           std::span<pixel_box const> boxes, bool below_first = false) {
  int const left = std::max(0, std::min(b.x1, im.width - width)), right = std::max(0, b.x2 - width);
  int const above = b.y1 - height, below = b.y2, outer = below_first ? below : above, inner = below_first ? b.y2 - height : b.y1;
  int const other = above + below - outer;
  std::array<std::array<int, 2>, 8> const corners{
      {{left, outer}, {left, inner}, {right, outer}, {right, inner}, {left, other}, {right, other}, {b.x2, b.y1}, {b.x1 - width, b.y1}}};
  pixel_box best{left, std::max(0, std::min(b.y1, im.height - height)), 0, 0};
  auto const worst = std::ssize(boxes) + 1;
  auto least = worst + 1;  // boxes that the best one hides; `worst`: it covers a tag
  for (auto const& [x, y] : corners) {
    pixel_box const p{x, y, x + width, y + height};
    if (p.x1 < 0 || p.x2 > std::max(width, im.width) || p.y1 < 0 || p.y2 > im.height) continue;
    auto const cost = std::any_of(placed.begin(), placed.end(), [&](tag const& t) { return t.where.meets(p); })
                          ? worst
                          : std::count_if(boxes.begin(), boxes.end(), [&](pixel_box const& o) { return p.hides(o); });
    if (cost < least) best = p, least = cost;
  }
  return {best.x1, best.y1, best.x1 + width, best.y1 + height};
}

inline std::string class_name(std::span<std::string const> names, int label) {
  return label >= 1 && static_cast<std::size_t>(label) <= names.size() ? names[static_cast<std::size_t>(label - 1)]
                                                                       : "class " + std::to_string(label);
}

inline std::string score_text(float score) {
  char digits[64];
  return std::string(" ").append(digits, std::to_chars(digits, digits + sizeof digits, score, std::chars_format::fixed, 2).ptr);
}

struct sizes {
  int line, text;
  sizes(image const& im, draw_options const& o) {
    double const side = std::min(im.width, im.height);
    line = o.line_width > 0 ? o.line_width : std::max(1, static_cast<int>(std::lround(side / 240)));
    text = o.text_scale > 0 ? o.text_scale : std::max(2, static_cast<int>(std::lround(side / 400)));
  }
};

// A filled tag round its text: 2 font pixels above and beside it, 3 below for what hangs under the line.
inline void draw_tag(image& im, tag const& t, int scale, rgb back, rgb front) {
  fill(im, t.where.x1, t.where.y1, t.where.x2, t.where.y2, back);
  draw_text(im, t.where.x1 + 2 * scale, t.where.y1 + 2 * scale, t.text, scale, front);
}
inline int tag_width(std::string_view text, int scale) { return text_width(text, scale) + 3 * scale; }
// A name and what stands behind it, shortened to the width of the image where it is longer.
inline std::string tag_text(image const& im, std::string const& name, std::string const& behind, int scale) {
  std::string text = name + behind;
  for (std::size_t most = name.size(); most > 3 && tag_width(text, scale) > im.width;) text = shortened(name, --most) + behind;
  return text;
}
inline int tag_height(int scale) { return (2 + text_ascent + 3) * scale; }
// Whether more than half of the boxes are lower than a tag.
inline bool lower_than_tags(std::span<pixel_box const> boxes, int scale) {
  auto const low = std::count_if(boxes.begin(), boxes.end(), [&](pixel_box const& b) { return b.y2 - b.y1 < tag_height(scale); });
  return 2 * low > std::ssize(boxes);
}

}  // namespace detail

// class_names[k] is label k + 1's; a label without a name reads "class 7".
inline void draw_detections(image& im, std::span<detection const> found, std::span<std::string const> class_names,
                            draw_options options = {}) {
  check_rgb(im);
  detail::sizes size(im, options);
  std::vector<std::size_t> order;  // of those that are seen, surest first
  detail::pixel_box where;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (detail::visible(im, found[i].where, where)) order.push_back(i);
  auto const sureness = [&](std::size_t i) { return is_nan(found[i].score) ? -HUGE_VALF : found[i].score; };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sureness(a) > sureness(b); });

  std::vector<detail::tag> tags;
  std::vector<rgb> colours;
  std::vector<detail::pixel_box> boxes;
  for (std::size_t const i : order) {
    detail::visible(im, found[i].where, where);
    boxes.push_back(where);
  }
  if (options.text_scale == 0 && detail::lower_than_tags(boxes, size.text)) size.text = 1;
  for (std::size_t k = 0; options.labels && k < order.size(); ++k) {
    detection const& d = found[order[k]];
    std::string text = detail::tag_text(im, detail::class_name(class_names, d.label),
                                        options.scores ? detail::score_text(d.score) : std::string(), size.text);
    auto const place = detail::place_tag(im, boxes[k], detail::tag_width(text, size.text), detail::tag_height(size.text), tags, boxes);
    tags.push_back({place, std::move(text)});
    colours.push_back(class_colour(d.label));
  }
  for (std::size_t k = order.size(); k-- > 0;) detail::outline(im, boxes[k], size.line, class_colour(found[order[k]].label), 0, 0);
  for (std::size_t k = tags.size(); k-- > 0;) detail::draw_tag(im, tags[k], size.text, colours[k], text_colour(colours[k]));
}

// truths: any range of objects with members where (a box), label and difficult, such as eval::truth_box. Call it before draw_detections.
template <class Truths>
void draw_truth(image& im, Truths const& truths, std::span<std::string const> class_names, draw_options options = {.labels = false}) {
  check_rgb(im);
  detail::sizes const size(im, options);
  std::vector<detail::tag> tags;
  detail::pixel_box where;
  for (auto const& t : truths) {
    if (!detail::visible(im, t.where.template as<float>(), where)) continue;
    rgb const colour = class_colour(t.label);
    detail::outline(im, where, size.line, text_colour(colour), 0, 0);
    detail::outline(im, where, size.line, colour, (t.difficult ? 1 : 4) * size.line, (t.difficult ? 2 : 3) * size.line);
    if (!options.labels) continue;
    std::string text = detail::tag_text(im, detail::class_name(class_names, t.label), {}, size.text);
    // Below the box first: above it is where the detection's tag goes.
    auto const place = detail::place_tag(im, where, detail::tag_width(text, size.text), detail::tag_height(size.text), tags, {}, true);
    tags.push_back({place, std::move(text)});
    detail::draw_tag(im, tags.back(), size.text, text_colour(colour), colour);
  }
}

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
