#pragma once
// Anti-aliased drawing for the demo scenes: regions given by a signed distance (negative inside, pixels), filled with a colour function.
//
// A pixel is covered by as much as clamp(1/2 - distance / softness, 0, 1) says of its centre. Colours run from 0 to 255.
// Example: canvas c(64, 64); c.fill(bounds_around({32, 32}, 20), ellipse{{32, 32}, 20, 20, 0}, [](point) { return colour{255, 0, 0}; });
#include "frcnn/core/image.hpp"
#include "frcnn/core/rng.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data::drawing {

struct point {
  double x, y;
  friend point operator+(point a, point b) { return {a.x + b.x, a.y + b.y}; }
  friend point operator-(point a, point b) { return {a.x - b.x, a.y - b.y}; }
  friend point operator*(point a, double s) { return {a.x * s, a.y * s}; }
};
inline double dot(point a, point b) { return a.x * b.x + a.y * b.y; }
inline double length(point a) { return std::sqrt(dot(a, a)); }

// p as seen from axes turned by `angle`.
inline point turned(point p, double angle) {
  double const c = std::cos(angle), s = std::sin(angle);
  return {c * p.x + s * p.y, c * p.y - s * p.x};
}

struct colour {
  double r, g, b;
  friend colour operator+(colour a, colour b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
  friend colour operator*(colour a, double s) { return {a.r * s, a.g * s, a.b * s}; }
};
inline colour mix(colour a, colour b, double t) { return a * (1 - t) + b * t; }

// hue in turns, the others 0 to 1.
inline colour from_hsv(double hue, double saturation, double value) {
  auto const channel = [&](double offset) {
    double const at = std::fmod(offset + 6 * (hue - std::floor(hue)), 6.0), part = std::clamp(std::min(at, 4 - at), 0.0, 1.0);
    return 255 * value * (1 - saturation * part);
  };
  return {channel(5), channel(3), channel(1)};
}

// Pixels [x1, x2) x [y1, y2); may reach beyond the canvas.
struct bounds {
  int x1, y1, x2, y2;
};
inline bounds bounds_of_line(point a, point b, double radius) {
  point const low{std::min(a.x, b.x), std::min(a.y, b.y)}, high{std::max(a.x, b.x), std::max(a.y, b.y)};
  return {static_cast<int>(low.x - radius) - 1, static_cast<int>(low.y - radius) - 1, static_cast<int>(high.x + radius) + 2,
          static_cast<int>(high.y + radius) + 2};
}
inline bounds bounds_around(point centre, double radius) {
  return {static_cast<int>(std::floor(centre.x - radius)) - 1, static_cast<int>(std::floor(centre.y - radius)) - 1,
          static_cast<int>(std::ceil(centre.x + radius)) + 1, static_cast<int>(std::ceil(centre.y + radius)) + 1};
}

// Regions: distance of a point from the border, negative inside.
//
// An ellipse with half axes rx, ry, turned. The distance is of first order, exact on the border and for circles.
struct ellipse {
  point centre;
  double rx, ry, angle;
  double operator()(point p) const {
    point const q = turned(p - centre, angle);
    double const k0 = length({q.x / rx, q.y / ry}), k1 = length({q.x / (rx * rx), q.y / (ry * ry)});
    return k1 > 0 ? k0 * (k0 - 1) / k1 : -std::min(rx, ry);
  }
};

// A rectangle with half sides hx, hy, turned.
struct rectangle {
  point centre;
  double hx, hy, angle;
  double operator()(point p) const {
    point const q = turned(p - centre, angle);
    double const dx = std::abs(q.x) - hx, dy = std::abs(q.y) - hy;
    return length({std::max(dx, 0.0), std::max(dy, 0.0)}) + std::min(std::max(dx, dy), 0.0);
  }
};

// A line from a to b with round ends.
struct stroke {
  point a, b;
  double radius;
  double operator()(point p) const {
    point const along = b - a, from = p - a;
    double const t = std::clamp(dot(from, along) / std::max(dot(along, along), 1e-9), 0.0, 1.0);
    return length(from - along * t) - radius;
  }
};

// A closed polygon, by the even-odd rule.
struct polygon {
  std::vector<point> corners;
  double operator()(point p) const {
    double nearest = 1e30;
    bool inside = false;
    for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
      point const a = corners[i], b = corners[j];
      nearest = std::min(nearest, stroke{a, b, 0}(p));
      if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x) inside = !inside;
    }
    return inside ? -nearest : nearest;
  }
};

// Smooth random values in about [-1, 1], `cell` pixels from one hill to the next.
class value_noise {
 public:
  value_noise(host_rng& rng, int width, int height, double cell)
      : cell_(cell),
        columns_(static_cast<int>(width / cell) + 3),
        grid_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(height / cell + 3)) {
    for (float& v : grid_) v = static_cast<float>(rng.uniform(-1, 1));
  }
  double operator()(double x, double y) const {
    double const u = x / cell_, v = y / cell_;
    int const i = static_cast<int>(u), j = static_cast<int>(v);
    double const fu = ease(u - i), fv = ease(v - j);
    return (at(i, j) * (1 - fu) + at(i + 1, j) * fu) * (1 - fv) + (at(i, j + 1) * (1 - fu) + at(i + 1, j + 1) * fu) * fv;
  }

 private:
  static double ease(double t) { return t * t * (3 - 2 * t); }
  double at(int i, int j) const {
    return grid_[static_cast<std::size_t>(j) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(i)];
  }

  double cell_;
  int columns_;
  std::vector<float> grid_;
};

class canvas {
 public:
  canvas(int width, int height)
      : width_(width), height_(height), pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {}
  int width() const { return width_; }
  int height() const { return height_; }
  colour& at(int x, int y) { return pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)]; }

  // distance(point) and paint(point) -> colour are asked at pixel centres inside `where`; visit(x, y, coverage) hears of every pixel that
  // is touched, also of those beyond the canvas.
  template <class Distance, class Paint, class Visit>
  void fill(bounds where, Distance const& distance, Paint const& paint, double opacity, double softness, Visit const& visit) {
    for (int y = where.y1; y < where.y2; ++y)
      for (int x = where.x1; x < where.x2; ++x) {
        point const p{x + 0.5, y + 0.5};
        double const coverage = std::clamp(0.5 - distance(p) / softness, 0.0, 1.0);
        if (coverage <= 0) continue;
        visit(x, y, coverage);
        if (x >= 0 && y >= 0 && x < width_ && y < height_) at(x, y) = mix(at(x, y), paint(p), coverage * opacity);
      }
  }
  template <class Distance, class Paint>
  void fill(bounds where, Distance const& distance, Paint const& paint, double opacity = 1, double softness = 1) {
    bounds const inside{std::max(where.x1, 0), std::max(where.y1, 0), std::min(where.x2, width_), std::min(where.y2, height_)};
    fill(inside, distance, paint, opacity, softness, [](int, int, double) {});
  }

  // With the noise of a sensor: the sum of a draw's four bytes is nearly normal, mean 510, deviation 147.8.
  image finish(host_rng& rng, double deviation) const {
    image out(width_, height_);
    std::uint8_t* to = out.pixels.data();
    for (colour const& c : pixels_)
      for (double v : {c.r, c.g, c.b}) {
        std::uint32_t const bits = rng.bits();
        int const sum = static_cast<int>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24));
        *to++ = static_cast<std::uint8_t>(std::clamp(v + deviation / 147.8 * (sum - 510), 0.0, 255.0) + 0.5);
      }
    return out;
  }

 private:
  int width_, height_;
  std::vector<colour> pixels_;
};

}  // namespace frcnn::inline FRCNN_ABI::data::drawing
FRCNN_HIDDEN_END
