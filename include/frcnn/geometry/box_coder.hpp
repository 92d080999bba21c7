#pragma once
// The parametrisation of boxes that the detector regresses, eq. (2), and its vector-Jacobian products.
//
//   dx = (cx' - cx) / w    dy = (cy' - cy) / h    dw = log(w' / w)    dh = log(h' / h)      encoded = (raw - mean) * weight
//
// c, w, h are the centre and the sides of the box that is corrected (`from`: an anchor or a RoI), primed ones those of `to`. Boxes are
// in pixels of any one image; both need positive sides. decode caps raw dw and dh from above at log_cap, where the derivative becomes 0.
//
// Example: from (0,0,100,50), to (10,5,120,65): (.15, .2, .0953102, .1823216); with weight 10,10,5,5: (1.5, 2, .4765509, .9116078)
// Invariant: decode(from, encode(from, to)) == to, where log_cap does not bite and far_edge == 0.
// Source: Faster R-CNN, section 3.1.2; the order of float operations is torchvision's. What differs: conventions.hpp, row 3.
#include "frcnn/geometry/box.hpp"

#include <cmath>
#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct box_coder {
  static constexpr double no_cap = std::numeric_limits<double>::infinity();

  double weight[4] = {1, 1, 1, 1};  // 1 / standard deviation of the raw deltas
  double mean[4] = {0, 0, 0, 0};    // of the raw deltas
  double log_cap = no_cap;
  double far_edge = 0;  // pixels added to the decoded x2 and y2

  template <class T>
  FRCNN_HD delta<T> encode(box<T> const& from, box<T> const& to) const {
    using std::log;
    T const w = from.width(), h = from.height(), tw = to.width(), th = to.height();
    T const right = (to.x1 + T(0.5) * tw) - (from.x1 + T(0.5) * w);
    T const down = (to.y1 + T(0.5) * th) - (from.y1 + T(0.5) * h);
    return {T(weight[0]) * (right - T(mean[0]) * w) / w, T(weight[1]) * (down - T(mean[1]) * h) / h,  // one division, as torchvision
            T(weight[2]) * (log(tw / w) - T(mean[2])), T(weight[3]) * (log(th / h) - T(mean[3]))};
  }

  template <class T>
  FRCNN_HD box<T> decode(box<T> const& from, delta<T> const& d) const {
    using std::exp;
    delta<T> const r = raw(d);
    T const w = from.width(), h = from.height();
    T const cx = r.dx * w + (from.x1 + T(0.5) * w), cy = r.dy * h + (from.y1 + T(0.5) * h);
    T const half_w = T(0.5) * (exp(capped(r.dw)) * w), half_h = T(0.5) * (exp(capped(r.dh)) * h);
    return {cx - half_w, cy - half_h, cx + half_w + T(far_edge), cy + half_h + T(far_edge)};
  }

  // d(loss)/d(d), given dout = d(loss)/d(decode(from, d))
  template <class T>
  FRCNN_HD delta<T> decode_vjp(box<T> const& from, delta<T> const& d, box<T> const& dout) const {
    delta<T> const r = raw(d);
    T const w = from.width(), h = from.height();
    return {w * (dout.x1 + dout.x2) / T(weight[0]), h * (dout.y1 + dout.y2) / T(weight[1]),
            half_growth(r.dw) * w * (dout.x2 - dout.x1) / T(weight[2]), half_growth(r.dh) * h * (dout.y2 - dout.y1) / T(weight[3])};
  }

  // d(loss)/d(from), given dout = d(loss)/d(decode(from, d))
  template <class T>
  FRCNN_HD box<T> decode_vjp_from(box<T> const& from, delta<T> const& d, box<T> const& dout) const {
    using std::exp;
    (void)from;  // decode is linear in it
    delta<T> const r = raw(d);
    T const dcx = dout.x1 + dout.x2, dcy = dout.y1 + dout.y2;
    T const dw = r.dx * dcx + T(0.5) * exp(capped(r.dw)) * (dout.x2 - dout.x1);
    T const dh = r.dy * dcy + T(0.5) * exp(capped(r.dh)) * (dout.y2 - dout.y1);
    return corners(dcx, dcy, dw, dh);
  }

  // d(loss)/d(from), given dout = d(loss)/d(encode(from, to))
  template <class T>
  FRCNN_HD box<T> encode_vjp_from(box<T> const& from, box<T> const& to, delta<T> const& dout) const {
    T const w = from.width(), h = from.height();
    T const right = (to.x1 + T(0.5) * to.width()) - (from.x1 + T(0.5) * w);
    T const down = (to.y1 + T(0.5) * to.height()) - (from.y1 + T(0.5) * h);
    T const dcx = -T(weight[0]) / w * dout.dx, dcy = -T(weight[1]) / h * dout.dy;
    T const dw = dcx * right / w - T(weight[2]) / w * dout.dw;
    T const dh = dcy * down / h - T(weight[3]) / h * dout.dh;
    return corners(dcx, dcy, dw, dh);
  }

 private:
  template <class T>
  FRCNN_HD delta<T> raw(delta<T> const& d) const {
    return {d.dx / T(weight[0]) + T(mean[0]), d.dy / T(weight[1]) + T(mean[1]), d.dw / T(weight[2]) + T(mean[2]),
            d.dh / T(weight[3]) + T(mean[3])};
  }
  template <class T>
  FRCNN_HD T capped(T log_ratio) const {
    return log_ratio > T(log_cap) ? T(log_cap) : log_ratio;  // NaN stays NaN
  }
  // d(half a side)/d(raw dw), per unit of the source's side
  template <class T>
  FRCNN_HD T half_growth(T log_ratio) const {
    using std::exp;
    return log_ratio > T(log_cap) ? T(0) : T(0.5) * exp(log_ratio);
  }
  // From derivatives by centre and sides to derivatives by corners: c = (x1 + x2) / 2, w = x2 - x1.
  template <class T>
  FRCNN_HD static box<T> corners(T dcx, T dcy, T dw, T dh) {
    return {T(0.5) * dcx - dw, T(0.5) * dcy - dh, T(0.5) * dcx + dw, T(0.5) * dcy + dh};
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
