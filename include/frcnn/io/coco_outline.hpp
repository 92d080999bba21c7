#pragma once
// Outlines of COCO objects: the area and the box of polygons and of run-length encoded masks.
//
//   polygon   x1, y1, x2, y2, ...; an object may have several
//   mask      lengths of runs of 0, 1, 0, ... down the columns of an image of `height` rows; in JSON a list, or text of 6 bits a character:
//             5 bits of the number, lowest first, and one that says that more follow; from the fourth run on the difference to the run two before
//
// Example: in an image of 3 rows the runs 1, 2, 3 are the pixels (column 0, rows 1 and 2): area 2, box (0, 1, 1, 2)
// Source: pycocotools 2.0.11, common/maskApi.c, rleFrString, rleArea and rleToBbox.
#include "frcnn/io/coco_records.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct coco_outline {
  double area = 0;
  coco_box box;
};

// The runs of a mask as text; nothing where it is none: a number that does not end, is negative or beyond any image.
inline std::optional<std::vector<std::int64_t>> runs_of_text(std::string_view text) {
  constexpr std::int64_t most = std::int64_t{1} << 48;  // no image is larger, and sums of it do not overflow
  std::vector<std::int64_t> runs;
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t value = 0;
    for (int shift = 0;; shift += 5) {
      if (at == text.size() || shift > 55) return {};
      int const bits = text[at++] - 48;
      if (bits < 0 || bits > 63) return {};
      value |= static_cast<std::int64_t>(bits & 31) << shift;
      if (bits & 32) continue;
      if (bits & 16) value -= std::int64_t{1} << (shift + 5);
      break;
    }
    if (runs.size() > 2) value += runs[runs.size() - 2];
    if (value < 0 || value > most) return {};
    runs.push_back(value);
  }
  return runs;
}

// Nothing where the runs are not those of an image of that size.
inline std::optional<coco_outline> outline_of_runs(std::span<std::int64_t const> runs, std::int64_t width, std::int64_t height) {
  if (width <= 0 || height <= 0 || width > 1 << 24 || height > 1 << 24) return {};
  std::int64_t at = 0, area = 0, left = width, right = -1, top = height, bottom = -1;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i] < 0 || runs[i] > width * height - at) return {};
    std::int64_t const begin = at, end = at += runs[i];
    if (i % 2 == 0 || begin == end) continue;
    area += end - begin;
    std::int64_t const first = begin / height, last = (end - 1) / height;
    left = std::min(left, first);
    right = std::max(right, last);
    top = first < last ? 0 : std::min(top, begin % height);
    bottom = first < last ? height - 1 : std::max(bottom, (end - 1) % height);
  }
  if (at != width * height) return {};
  if (area == 0) return coco_outline{};
  return coco_outline{
      static_cast<double>(area),
      {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right - left + 1), static_cast<double>(bottom - top + 1)}};
}

// The sum of the polygons' areas, and the box around all. Nothing where a polygon has fewer than three corners, or half a one.
inline std::optional<coco_outline> outline_of_polygons(std::span<std::vector<double> const> polygons) {
  if (polygons.empty()) return {};
  double area = 0, x1 = HUGE_VAL, y1 = HUGE_VAL, x2 = -HUGE_VAL, y2 = -HUGE_VAL;
  for (auto const& p : polygons) {
    if (p.size() < 6 || p.size() % 2) return {};
    double twice = 0;
    for (std::size_t i = 0; i < p.size(); i += 2) {
      std::size_t const next = i + 2 < p.size() ? i + 2 : 0;
      twice += p[i] * p[next + 1] - p[next] * p[i + 1];
      x1 = std::min(x1, p[i]), x2 = std::max(x2, p[i]);
      y1 = std::min(y1, p[i + 1]), y2 = std::max(y2, p[i + 1]);
    }
    area += std::abs(twice) / 2;
  }
  return coco_outline{area, {x1, y1, x2 - x1, y2 - y1}};
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
