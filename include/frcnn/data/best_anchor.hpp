#pragma once
// The anchors over one image, asked for the best of a box, in time that does not grow with the map.
//
//   placed_anchor_grid<Rules, L> const grid(anchors, cells, h, w)     h, w: of the resized image in its padded input
//   grid.best(box, true)        highest IoU with an anchor that may train; false: with any
//   grid.overlaps(box)          both, and the same if anchors could stand at any place
//   grid.learned(boxes, best, g)    whether an anchor that is labelled positive overlaps box g more than any other box of the image
//
// Rules::may_train has to be a condition on x and one on y, as in both conventions: the best cell is then found along each axis for itself.
// IoU is computed as targets have it (Rules::target_iou).
#include "frcnn/geometry/anchors.hpp"
#include "frcnn/geometry/iou.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

template <class Rules, int L>
class placed_anchor_grid {
 public:
  using U = typename Rules::template target_iou<float>;

  // h, w: of the resized image in its padded input.
  placed_anchor_grid(grid_anchors<L> const& anchors, anchor_grid<L> const& grid, int h, int w) : anchors_(anchors), grid_(grid) {
    for (int l = 0; l < L; ++l)
      for (int k = 0; k < anchors.count; ++k) {
        box<float> const& a = anchors.base[l][k];
        auto const inside = [&](int cells, int stride, auto const& moved) {
          range r{cells, -1};
          for (int i = 0; i < cells; ++i)
            if (Rules::may_train(moved(static_cast<float>(i * stride)), static_cast<float>(h), static_cast<float>(w)))
              r = {std::min(r.first, i), i};
          return r;
        };
        level_grid const& g = grid.level[l];
        ranges const r{inside(g.w, g.stride_x,
                              [&](float x) {
                                return box<float>{a.x1 + x, 0, a.x2 + x, 0};
                              }),
                       inside(g.h, g.stride_y, [&](float y) {
                         return box<float>{0, a.y1 + y, 0, a.y2 + y};
                       })};
        all_may_train_ = all_may_train_ && r.x.first == 0 && r.x.last == g.w - 1 && r.y.first == 0 && r.y.last == g.h - 1;
        may_train_.push_back(r);
      }
  }

  // With the best anchor; of all, or of those that may train.
  U best(box<float> const& b, bool that_may_train) const { return best(b, that_may_train, bounds_of(b)); }

  // Of one box: best(b, true), best(b, false), and the same as if anchors could stand anywhere: centres agree.
  struct box_overlaps {
    U best, on_grid;
    double anywhere;
  };
  box_overlaps overlaps(box<float> const& b) const {
    bounds const of = bounds_of(b);
    U const trained = best(b, true, of);
    return {trained, all_may_train_ ? trained : best(b, false, of), of.most};
  }

  // Whether an anchor learns box g of the image's. best: that_may_train, of each box.
  bool learned(std::vector<box<float>> const& boxes, std::vector<U> const& best_of, std::size_t g) const {
    if (!(best_of[g] > 0)) return false;
    bool found = false;
    box<float> const& b = boxes[g];
    for_each_shape([&](int l, int k, ranges const& trained) {
      if (found || aligned(anchors_.base[l][k], b) < static_cast<double>(best_of[g]) - 1e-6) return;
      for_each_nearest(l, k, trained, b, true, [&](box<float> const& a) { found = found || learns(a, boxes, best_of, g); });
    });
    if (found) return true;
    for_each_shape([&](int l, int k, ranges const& within) {
      level_grid const& grid = grid_.level[l];
      box<float> const& a = anchors_.base[l][k];
      range const x = touching(b.x1 - a.x2, b.x2 - a.x1, grid.stride_x, within.x),
                  y = touching(b.y1 - a.y2, b.y2 - a.y1, grid.stride_y, within.y);
      for (int j = y.first; j <= y.last && !found; ++j)
        for (int i = x.first; i <= x.last && !found; ++i) found = learns(at(l, k, i, j), boxes, best_of, g);
    });
    return found;
  }

 private:
  struct range {
    int first, last;
    bool empty() const { return first > last; }
  };
  struct ranges {
    range x, y;
  };

  // What the anchors of each shape overlap a box with at most, and the shape that this is most for.
  struct bounds {
    double of_shape[static_cast<std::size_t>(L) * grid_anchors<L>::max_per_cell];
    double most = 0;
    std::size_t first = 0;
  };
  bounds bounds_of(box<float> const& b) const {
    bounds found;
    std::size_t shape = 0;
    for_each_shape([&](int l, int k, ranges const&) {
      double const bound = found.of_shape[shape] = aligned(anchors_.base[l][k], b);
      if (bound > found.most) found.most = bound, found.first = shape;
      ++shape;
    });
    return found;
  }
  // That shape is looked at first: few others can be better then.
  U best(box<float> const& b, bool that_may_train, bounds const& of) const {
    U most = 0;
    auto const look = [&](int l, int k, ranges const& trained) {
      for_each_nearest(l, k, trained, b, that_may_train, [&](box<float> const& a) { most = std::max(most, overlap(a, b)); });
    };
    int const count = anchors_.count, first = static_cast<int>(of.first);
    if (!may_train_.empty()) look(first / count, first % count, may_train_[of.first]);
    std::size_t shape = 0;
    for_each_shape([&](int l, int k, ranges const& trained) {
      if (std::size_t const here = shape++; here != of.first && of.of_shape[here] >= static_cast<double>(most) - 1e-6) look(l, k, trained);
    });
    return most;
  }
  template <class F>
  void for_each_shape(F const& f) const {
    for (int l = 0; l < L; ++l)
      for (int k = 0; k < anchors_.count; ++k) f(l, k, may_train_[static_cast<std::size_t>(l * anchors_.count + k)]);
  }
  static double aligned(box<float> const& anchor, box<float> const& b) {
    box<double> const a = anchor.as<double>(), c = b.as<double>();
    double const both = std::min(a.width(), c.width()) * std::min(a.height(), c.height());
    return both / (a.area() + c.area() - both);
  }
  // The anchors of a shape around the place that is best for it: along an axis the overlap rises up to where both centres agree, and falls
  // behind it.
  template <class F>
  void for_each_nearest(int l, int k, ranges const& trained, box<float> const& b, bool that_may_train, F const& f) const {
    level_grid const& g = grid_.level[l];
    box<float> const& a = anchors_.base[l][k];
    ranges const within = that_may_train ? trained : ranges{{0, g.w - 1}, {0, g.h - 1}};
    if (within.x.empty() || within.y.empty()) return;
    auto const x = nearest((b.x1 + b.x2 - a.x1 - a.x2) / 2, g.stride_x, within.x);
    auto const y = nearest((b.y1 + b.y2 - a.y1 - a.y2) / 2, g.stride_y, within.y);
    for (int i = x.first; i <= x.last; ++i)
      for (int j = y.first; j <= y.last; ++j) f(at(l, k, i, j));
  }
  box<float> at(int l, int k, int x, int y) const {
    level_grid const& g = grid_.level[l];
    return anchors_.template at<float>(cell{l, g.stride_y, g.stride_x, y, x, k});
  }
  static U overlap(box<float> const& a, box<float> const& b) { return iou(a.as<U>(), b.as<U>()); }
  static range nearest(float shift, int stride, range within) {
    int const below = static_cast<int>(std::floor(shift / static_cast<float>(stride)));
    return {std::clamp(below, within.first, within.last), std::clamp(below + 1, within.first, within.last)};
  }
  // The cells of a range whose shift lies between low and high.
  static range touching(float low, float high, int stride, range within) {
    return {std::max(within.first, static_cast<int>(std::floor(low / static_cast<float>(stride)))),
            std::min(within.last, static_cast<int>(std::ceil(high / static_cast<float>(stride))))};
  }
  bool learns(box<float> const& a, std::vector<box<float>> const& boxes, std::vector<U> const& best_of, std::size_t g) const {
    U const own = overlap(a, boxes[g]);
    if (!(own > 0)) return false;
    bool positive = Rules::is_positive_anchor(own, static_cast<U>(Rules::rpn_positive_iou));
    for (std::size_t h = 0; h < boxes.size(); ++h) {
      U const v = h == g ? own : overlap(a, boxes[h]);
      if (v > own || (v == own && h < g)) return false;
      positive = positive || (v > 0 && v == best_of[h]);
    }
    return positive;
  }

  grid_anchors<L> anchors_;
  anchor_grid<L> grid_;
  std::vector<ranges> may_train_;  // cells
  bool all_may_train_ = true;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
