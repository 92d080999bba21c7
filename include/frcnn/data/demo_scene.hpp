#pragma once
// One picture of the demo data: a few objects of three classes on a cluttered table, with the truth about them.
//
//   target  a disk with rings       crate  a box with diagonal stripes and a frame       star  five points, one colour, an outline
// Each class has a hue that it varies around (green, blue, red), so that a small network learns it from a few hundred pictures; plain
// disks, boxes, triangles and lines of all hues, those included, lie about that are nothing at all. Objects cover each other, are covered
// by strokes, and leave the picture.
//
// 1. background: gradient, noise, sometimes planks or tiles        3. objects, 16 to 200 pixels or as told, each with a soft shadow
// 2. clutter                                                       4. strokes and blobs over some of them; noise of the sensor
// A box is what the object covers within the picture, hidden parts included. difficult: less than 45 % of it is seen, or its longer side is
// below 20 pixels, and below half of the least where sizes are told. truncated: more than 5 % of it lies outside.
//
// Invariant: the scene is a function of (seed, index, sizes).
#include "frcnn/data/canvas.hpp"
#include "frcnn/data/dataset.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct demo_scene {
  image pixels;
  std::vector<object> objects;
};

inline constexpr std::array<char const*, 3> demo_classes{"crate", "star", "target"};

// Diameters of the circles around objects in pixels, least to most, as many of each octave; at most four fifths of the picture. 0: mostly 24
// to 100, some from 16 and up to 200.
struct demo_sizes {
  double least = 0, most = 0;
};

namespace drawing {

class scene_painter {
 public:
  scene_painter(std::uint64_t seed, std::uint64_t index, demo_sizes sizes)
      : sizes_(sizes),
        rng_(seed, draw::demo, index),
        picture_(blank(rng_)),
        owner_(static_cast<std::size_t>(picture_.width()) * static_cast<std::size_t>(picture_.height()), nobody),
        hue_(rng_.unit()) {}

  demo_scene paint() {
    background();
    for (int i = rng_.integer(4, 10); i > 0; --i) clutter();
    for (int i = rng_.integer(3, 7); i > 0; --i) place_object();
    for (int i = rng_.integer(0, 3); i > 0; --i) cover();
    demo_scene scene;
    scene.objects = truth();
    scene.pixels = picture_.finish(rng_, rng_.uniform(1, 3));
    return scene;
  }

 private:
  static constexpr int nobody = -1;

  struct placed {
    int kind;  // index in demo_classes
    point centre;
    double radius;                          // of the circle around it
    double area = 0, inside = 0, seen = 0;  // pixels: all of it, within the picture, not covered
    int x1 = std::numeric_limits<int>::max(), y1 = x1, x2 = 0, y2 = 0;
  };

  static canvas blank(host_rng& rng) {
    constexpr int sizes[4][2] = {{320, 240}, {400, 300}, {300, 400}, {480, 360}};
    int const* size = sizes[rng.integer(0, 3)];
    return {size[0], size[1]};
  }

  double w() const { return picture_.width(); }
  double h() const { return picture_.height(); }
  point anywhere() { return {rng_.uniform(0, w()), rng_.uniform(0, h())}; }
  // Half of the colours lie near the hue of the picture.
  colour any_colour() {
    double const hue = rng_.unit() < 0.5 ? hue_ + 0.08 * rng_.normal() : rng_.unit();
    return from_hsv(hue, rng_.uniform(0.25, 0.95), rng_.uniform(0.25, 0.95));
  }

  // crate, star, target
  colour object_colour(int kind) {
    constexpr double hue[3] = {0.30, 0.60, 0.98};
    return from_hsv(hue[kind] + 0.03 * rng_.normal(), rng_.uniform(0.6, 0.95), rng_.uniform(0.5, 0.95));
  }

  void background() {
    colour const a = from_hsv(hue_ + 0.05 * rng_.normal(), rng_.uniform(0.05, 0.3), rng_.uniform(0.3, 0.85));
    colour const b = from_hsv(hue_ + 0.10 * rng_.normal(), rng_.uniform(0.05, 0.3), rng_.uniform(0.3, 0.85));
    double const angle = rng_.uniform(0, 6.283), turn = rng_.uniform(-0.3, 0.3), pitch = rng_.uniform(18, 60);
    int const pattern = rng_.integer(0, 3);  // 1: planks, 2: tiles, else plain
    value_noise const hills(rng_, picture_.width(), picture_.height(), 70), bumps(rng_, picture_.width(), picture_.height(), 17),
        grain(rng_, picture_.width(), picture_.height(), 3.5);
    double const strong = rng_.uniform(8, 30), middle = rng_.uniform(4, 16), fine = rng_.uniform(2, 9);
    for (int y = 0; y < picture_.height(); ++y)
      for (int x = 0; x < picture_.width(); ++x) {
        point const along = turned({x - w() / 2, y - h() / 2}, angle), on = turned({x + 0.0, y + 0.0}, turn);
        double light = strong * hills(x, y) + middle * bumps(x, y) + fine * grain(x, y);
        auto const gap = [&](double v) { return std::abs(v / pitch - std::floor(v / pitch) - 0.5) * pitch < 1.2 ? -28.0 : 0.0; };
        if (pattern == 1) light += gap(on.y) + 9 * std::sin(on.x / 40 + 12.9 * std::floor(on.y / pitch + 0.5));
        if (pattern == 2) light += std::min(gap(on.x), gap(on.y));
        picture_.at(x, y) = mix(a, b, std::clamp(along.x / w() + 0.5, 0.0, 1.0)) + colour{light, light, light};
      }
  }

  // Things that are no objects.
  void clutter() {
    point const c = anywhere();
    double const size = rng_.uniform(5, 45), angle = rng_.uniform(0, 3.1416);
    colour const ink = any_colour();
    auto const plain = [&](point) { return ink; };
    switch (rng_.integer(0, 4)) {
      case 0: return line(ink, rng_.uniform(0.7, 3));
      case 1:
        return picture_.fill(bounds_around(c, size), ellipse{c, size, size * rng_.uniform(0.5, 1), angle}, plain, rng_.uniform(0.5, 1));
      case 2:
        return picture_.fill(bounds_around(c, size), rectangle{c, size * 0.7, size * rng_.uniform(0.2, 0.7), angle}, plain,
                             rng_.uniform(0.5, 1));
      case 3:
        return picture_.fill(bounds_around(c, 1.7 * size), ellipse{c, size, size * rng_.uniform(0.4, 1), angle}, plain, 0.6,
                             size);  // a smudge
      default: return picture_.fill(bounds_around(c, size), ragged(c, size, rng_.integer(3, 4)), plain, rng_.uniform(0.6, 1));
    }
  }

  void line(colour ink, double radius) {
    point const a = anywhere(), b = anywhere();
    picture_.fill(
        bounds_of_line(a, b, radius), stroke{a, b, radius}, [&](point) { return ink; }, 0.9);
  }

  polygon ragged(point c, double size, int corners) {
    polygon p;
    double const turn = rng_.uniform(0, 6.283);
    for (int i = 0; i < corners; ++i) p.corners.push_back(c + turned({size * rng_.uniform(0.6, 1), 0}, turn + 6.283185307 * i / corners));
    return p;
  }

  double object_size() {
    double const kind = rng_.unit();
    double low = kind < 0.06 ? 16 : kind < 0.82 ? 26 : 100, high = kind < 0.06 ? 26 : kind < 0.82 ? 100 : 200;
    if (sizes_.least > 0) low = sizes_.least, high = sizes_.most;
    return std::min(low * std::pow(high / low, rng_.unit()), 0.8 * std::min(w(), h()));
  }

  void place_object() {
    for (int attempt = 0; attempt < 30; ++attempt) {
      double const radius = object_size() / 2;
      bool const cut = rng_.unit() < 0.15;  // may reach beyond the border
      double const margin = cut ? radius * rng_.uniform(-0.1, 0.6) : radius + 1;
      point const c{rng_.uniform(margin, w() - margin), rng_.uniform(margin, h() - margin)};
      bool const crowded = std::any_of(placed_.begin(), placed_.end(), [&](placed const& o) {
        return length(o.centre - c) < 0.75 * (o.radius + radius) || length(o.centre - c) < std::max(o.radius, radius);
      });
      if (crowded) continue;
      placed_.push_back({rng_.integer(0, 2), c, radius});
      draw_object(placed_.back(), static_cast<int>(placed_.size()) - 1);
      return;
    }
  }

  template <class Distance, class Paint>
  void draw_shape(placed& o, int index, Distance const& distance, Paint const& paint) {
    bounds const where = bounds_around(o.centre, o.radius);
    point const fall{0.10 * o.radius, 0.14 * o.radius};
    picture_.fill(
        bounds_around(o.centre + fall, 1.3 * o.radius), [&](point p) { return distance(p - fall); },
        [](point) {
          return colour{10, 10, 15};
        },
        0.4, std::max(2.0, 0.35 * o.radius));
    double const light = rng_.uniform(0, 6.283), depth = rng_.uniform(0.05, 0.3);
    auto const shaded = [&](point p) { return paint(p) * (1 + depth * turned(p - o.centre, light).x / o.radius); };
    picture_.fill(where, distance, shaded, 1, 1, [&](int x, int y, double coverage) {
      o.area += coverage;
      if (x < 0 || y < 0 || x >= picture_.width() || y >= picture_.height()) return;
      o.inside += coverage;
      if (coverage < 0.5) return;
      o.x1 = std::min(o.x1, x), o.y1 = std::min(o.y1, y), o.x2 = std::max(o.x2, x + 1), o.y2 = std::max(o.y2, y + 1);
      owner(x, y) = index;
    });
  }

  void draw_object(placed& o, int index) {
    double const angle = rng_.uniform(0, 6.283), r = o.radius;
    colour const a = object_colour(o.kind), dark = a * 0.35;
    colour const b = rng_.unit() < 0.5 ? mix(a, {255, 255, 255}, rng_.uniform(0.6, 0.9)) : mix(a, {0, 0, 0}, rng_.uniform(0.55, 0.8));
    if (o.kind == 0) {
      double const aspect = rng_.uniform(0.6, 1), hx = r / std::sqrt(1 + aspect * aspect), hy = hx * aspect, pitch = r / rng_.uniform(2, 3);
      double const lean = rng_.unit() < 0.5 ? 0.785 : -0.785, frame = std::max(1.0, 0.1 * r);
      rectangle const shape{o.centre, hx, hy, rng_.unit() < 0.5 ? 0.2 * rng_.normal() : angle};
      draw_shape(o, index, shape, [&](point p) {
        double const v = turned(p - o.centre, shape.angle + lean).x / pitch,
                     edge = std::abs(v - std::floor(v) - 0.5) * pitch - 0.25 * pitch;
        return mix(mix(a, b, std::clamp(0.5 - edge, 0.0, 1.0)), dark, std::clamp(shape(p) + frame + 0.5, 0.0, 1.0));
      });
    } else if (o.kind == 1) {
      polygon shape;
      double const inner = rng_.uniform(0.42, 0.52), border = std::max(1.0, 0.07 * r);
      for (int i = 0; i < 10; ++i) shape.corners.push_back(o.centre + turned({i % 2 ? inner * r : r, 0}, angle + 0.6283185307 * i));
      draw_shape(o, index, shape, [&](point p) {
        return mix(mix(b, a, std::min(1.0, length(p - o.centre) / (0.7 * r))), dark, std::clamp(shape(p) + border + 0.5, 0.0, 1.0));
      });
    } else {
      double const squash = rng_.uniform(0.75, 1), pitch = r / rng_.integer(2, 3);
      ellipse const shape{o.centre, r, r * squash, angle};
      draw_shape(o, index, shape, [&](point p) {
        point const q = turned(p - o.centre, angle);
        double const v = length({q.x, q.y / squash}) / pitch, edge = std::abs(v - std::floor(v) - 0.5) * pitch - 0.25 * pitch;
        return mix(a, b, std::clamp(0.5 - edge, 0.0, 1.0));
      });
    }
  }

  // Lies over the objects.
  void cover() {
    colour const ink = any_colour();
    auto const hide = [&](int x, int y, double coverage) {
      if (coverage >= 0.5 && x >= 0 && y >= 0 && x < picture_.width() && y < picture_.height()) owner(x, y) = nobody;
    };
    if (rng_.unit() < 0.5 || placed_.empty()) {
      point const a = anywhere(), b = anywhere();
      stroke const bar{a, b, rng_.uniform(1, 5)};
      return picture_.fill(
          bounds_of_line(a, b, bar.radius), bar, [&](point) { return ink; }, 1, 1, hide);
    }
    placed const& victim = placed_[static_cast<std::size_t>(rng_.integer(0, static_cast<int>(placed_.size()) - 1))];
    point const c = victim.centre + turned({victim.radius * rng_.uniform(0.4, 1.1), 0}, rng_.uniform(0, 6.283));
    double const size = victim.radius * rng_.uniform(0.4, 0.9);
    picture_.fill(
        bounds_around(c, size), ragged(c, size, 5), [&](point) { return ink; }, 1, 1, hide);
  }

  std::vector<object> truth() {
    for (int i : owner_)
      if (i != nobody) placed_[static_cast<std::size_t>(i)].seen += 1;
    std::vector<object> objects;
    for (placed const& o : placed_) {
      if (o.x1 >= o.x2 || o.seen < 0.05 * o.inside) continue;
      object t;
      t.where = box<int>{o.x1, o.y1, o.x2, o.y2}.as<float>();
      t.name = demo_classes[static_cast<std::size_t>(o.kind)];
      t.label = o.kind + 1;
      t.difficult =
          o.seen < 0.45 * o.area || std::max(o.x2 - o.x1, o.y2 - o.y1) < (sizes_.least > 0 ? std::min(20., sizes_.least / 2) : 20.);
      t.truncated = o.inside < 0.95 * o.area;
      objects.push_back(std::move(t));
    }
    return objects;
  }

  int& owner(int x, int y) {
    return owner_[static_cast<std::size_t>(y) * static_cast<std::size_t>(picture_.width()) + static_cast<std::size_t>(x)];
  }

  demo_sizes sizes_;
  host_rng rng_;
  canvas picture_;
  std::vector<int> owner_;  // [h, w]: which object is seen there
  std::vector<placed> placed_;
  double hue_;  // of the picture
};

}  // namespace drawing

inline demo_scene render_demo_scene(std::uint64_t seed, std::uint64_t index, demo_sizes sizes = {}) {
  return drawing::scene_painter(seed, index, sizes).paint();
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
