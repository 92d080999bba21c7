#pragma once
// Parity of two results: tensors within a relative tolerance, detections one by one, close decisions excused.
//
//   tensors      max |a - b| <= tolerance * max |b|; b is the reference
//   detections   every box of one list is in the other: same label, score within `tolerance`, corners within `tolerance` * largest corner.
//                One that is missing, or out of order, is excused where a decision was close: its score at the threshold, its score at
//                the end of a full list, its IoU with a box of its class at the NMS threshold, or a neighbour of almost the same score,
//                each within `margin`. At most one box in 200 is excused; everything else fails. What was excused is listed, to be looked
//                at: a box that has moved looks like a neighbour kept instead.
//
// Example: compare(std::vector{1.f, 2.00001f}, std::vector{1.f, 2.f}, 1e-5).worst == 5e-6, and ok
#include "frcnn/core/finite.hpp"
#include "frcnn/geometry/iou.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::testing {

struct parity_report {
  bool ok = false;
  double worst = 0;  // max |a - b| / max |b|
  std::size_t index = 0;
  double a = 0, b = 0;     // there
  double relative_l2 = 0;  // |a - b|_2 / |b|_2
  std::size_t a_size = 0, b_size = 0;

  explicit operator bool() const { return ok; }
  std::string describe() const {
    char text[256];
    if (a_size != b_size) std::snprintf(text, sizeof text, "differs: %zu elements, the reference has %zu", a_size, b_size);
    else
      std::snprintf(text, sizeof text, "%s: worst at %zu of %zu: %.9g, reference %.9g, relative difference %.3g (L2 %.3g)",
                    ok ? "equal" : "differs", index, a_size, a, b, worst, relative_l2);
    return text;
  }
};

// NaN is equal to nothing; infinities are equal to themselves.
template <class T, class U>
parity_report compare(std::span<T const> a, std::span<U const> b, double tolerance) {
  parity_report report;
  report.a_size = a.size(), report.b_size = b.size();
  if (a.size() != b.size()) return report;
  double scale = 0, worst = -1, off2 = 0, b2 = 0;
  for (U const v : b)
    if (is_finite(v)) scale = std::max(scale, std::abs(static_cast<double>(v)));
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    double const off = x == y ? 0 : std::abs(x - y);
    if (!(off <= worst) && !is_nan(worst)) worst = off, report.index = i, report.a = x, report.b = y;
    off2 += off * off;
    if (is_finite(y)) b2 += y * y;
  }
  report.ok = a.empty() || worst <= tolerance * scale;
  report.worst = worst <= 0 ? 0 : worst / scale;
  report.relative_l2 = off2 == 0 ? 0 : std::sqrt(off2 / b2);
  return report;
}
template <class A, class B>
requires requires(A const& a, B const& b) { std::data(a), std::size(a), std::data(b), std::size(b); }
parity_report compare(A const& a, B const& b, double tolerance) {
  return compare(std::span<std::remove_reference_t<decltype(*std::data(a))> const>(std::data(a), std::size(a)),
                 std::span<std::remove_reference_t<decltype(*std::data(b))> const>(std::data(b), std::size(b)), tolerance);
}

// How the lists were made, and what counts as close.
struct detection_rule {
  double score_threshold = 0.05, nms_iou = 0.5;
  std::size_t limit = 100;  // boxes of an image
  double tolerance = 1e-4;  // of scores, and of corners relative to the largest
  double margin = 1e-4;     // of the scores and IoUs that decide
};

struct detection_report {
  std::size_t boxes = 0;
  std::vector<std::string> excused, failures;  // a sentence each

  bool ok() const { return failures.empty() && excused.size() * 200 <= boxes; }
  explicit operator bool() const { return ok(); }
  // Images add up: the 1 in 200 is of them all.
  detection_report& operator+=(detection_report const& other) {
    boxes += other.boxes;
    excused.insert(excused.end(), other.excused.begin(), other.excused.end());
    failures.insert(failures.end(), other.failures.begin(), other.failures.end());
    return *this;
  }
  std::string describe() const {
    std::string text =
        std::to_string(boxes) + " boxes, " + std::to_string(excused.size()) + " excused, " + std::to_string(failures.size()) + " differ";
    for (auto const& f : failures) text += "\n  differs: " + f;
    for (auto const& e : excused) text += "\n  excused: " + e;
    return text;
  }
};

// Both lists of one image, by descending score; b is the reference.
inline detection_report compare_detections(std::span<detection const> a, std::span<detection const> b, detection_rule const& rule = {}) {
  auto const text = [](char const* list, detection const& d) {
    char buffer[160];
    std::snprintf(buffer, sizeof buffer, "%s: label %d, score %.6f, box (%.3f, %.3f, %.3f, %.3f)", list, static_cast<int>(d.label), d.score,
                  d.where.x1, d.where.y1, d.where.x2, d.where.y2);
    return std::string(buffer);
  };
  double extent = 0;
  for (auto const& d : b)
    extent = std::max(
        {extent, std::abs(double{d.where.x1}), std::abs(double{d.where.y1}), std::abs(double{d.where.x2}), std::abs(double{d.where.y2})});
  auto const corner = [&](float p, float q) { return std::abs(double{p} - q) <= rule.tolerance * extent; };
  auto const close = [&](double p, double q) { return std::abs(p - q) <= rule.margin; };
  auto const same = [&](detection const& p, detection const& q) {
    return p.label == q.label && std::abs(double{p.score} - q.score) <= rule.tolerance && corner(p.where.x1, q.where.x1) &&
           corner(p.where.y1, q.where.y1) && corner(p.where.x2, q.where.x2) && corner(p.where.y2, q.where.y2);
  };

  // Pair each box of b with the first free equal of a; -1 is alone.
  constexpr std::size_t alone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> of_a(a.size(), alone), of_b(b.size(), alone);
  for (std::size_t j = 0; j < b.size(); ++j)
    for (std::size_t i = 0; i < a.size() && of_b[j] == alone; ++i)
      if (of_a[i] == alone && same(a[i], b[j])) of_a[i] = j, of_b[j] = i;

  detection_report report;
  report.boxes = std::max(a.size(), b.size());

  // A box that one list lacks: which decision about it was close?
  auto const judge = [&](char const* name, detection const& d, std::span<detection const> own, std::span<detection const> other,
                         std::vector<std::size_t> const& pair_of_other) {
    std::string const line = text(name, d);
    if (close(d.score, rule.score_threshold)) return report.excused.push_back(line + ": score at the threshold");
    if (other.size() == rule.limit && close(d.score, other.back().score))
      return report.excused.push_back(line + ": score at the end of a full list");
    for (auto const list : {own, other})
      for (auto const& e : list)
        if (e.label == d.label && close(iou(e.where.as<double>(), d.where.as<double>()), rule.nms_iou))
          return report.excused.push_back(line + ": IoU at the NMS threshold");
    for (std::size_t k = 0; k < other.size(); ++k)
      if (pair_of_other[k] == alone && other[k].label == d.label && close(other[k].score, d.score) &&
          iou(other[k].where.as<double>(), d.where.as<double>()) > rule.nms_iou)
        return report.excused.push_back(line + ": a neighbour of almost the same score was kept instead");
    report.failures.push_back(line + ": only there");
  };
  for (std::size_t i = 0; i < a.size(); ++i)
    if (of_a[i] == alone) judge("ours", a[i], a, b, of_b);
  for (std::size_t j = 0; j < b.size(); ++j)
    if (of_b[j] == alone) judge("reference", b[j], b, a, of_a);

  // Pairs in another order: a swap of two that are close is excused, and counts once for the box that has moved back.
  std::size_t last = alone;  // position in b of the furthest pair so far
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (of_a[i] == alone) continue;
    if (last != alone && of_a[i] < last)
      (close(b[of_a[i]].score, b[last].score) ? report.excused : report.failures).push_back(text("ours", a[i]) + ": in another order");
    else last = of_a[i];
  }
  return report;
}

}  // namespace frcnn::inline FRCNN_ABI::testing
FRCNN_HIDDEN_END
