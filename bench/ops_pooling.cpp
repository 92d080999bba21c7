// Ops of pooling: maxima over maps, RoIAlign, RoI max pooling and RoI warping, and rows between activations and plain arrays; on the shapes
// that `small` (300 x 400, batches of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "data.hpp"
#include "layers.hpp"
#include "suite.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace bench {
namespace {

using frcnn::writing;

constexpr auto us = benchmark::kMicrosecond;

// Maxima against their definition at a few places; x, y: [N, C, H, W].
std::string wrong_maxima(pool_layer const& l, values const& x, values const& y) {
  shape<4> const xs = l.x, ys = l.spec.out_shape(xs);
  stream places(4);
  for (int i = 0; i < 100; ++i) {
    int const plane = places.below(ys[0] * ys[1]), oy = places.below(ys[2]), ox = places.below(ys[3]);
    float best = -1;
    for (int ky = 0; ky < l.spec.kernel; ++ky)
      for (int kx = 0; kx < l.spec.kernel; ++kx) {
        int const iy = oy * l.spec.stride - l.spec.pad + ky, ix = ox * l.spec.stride - l.spec.pad + kx;
        if (iy >= 0 && iy < xs[2] && ix >= 0 && ix < xs[3])
          best = std::max(best, x[(static_cast<std::size_t>(plane) * xs[2] + iy) * xs[3] + ix]);
      }
    float const found = y[(static_cast<std::size_t>(plane) * ys[2] + oy) * ys[3] + ox];
    if (auto const wrong = not_equal("a maximum", found, best); !wrong.empty()) return wrong;
  }
  return "";
}

void add_pool(pool_layer const& l) {
  std::string const name = text(l.x) + "-k" + std::to_string(l.spec.kernel) + "s" + std::to_string(l.spec.stride);
  shape<4> const ys = l.spec.out_shape(l.x);
  double const in = elements(l.x), out = elements(ys);
  using op = frcnn::ops::max_pool<device>;
  struct pool_case {
    values x_host;
    activation x, y;
    view<std::int32_t, 1, device> argmax;
  };
  auto const make = [=](context& c) {
    pool_case p{
        numbers(l.x.size(), 0, 1), {}, c.make<float>(ys), frcnn::scratch<std::int32_t, device>(c, shape<1>{{static_cast<int>(ys.size())}})};
    p.x = activated(c, l.x, p.x_host);
    op::forward<float>(c, l.spec, p.x, p.y, p.argmax);
    return std::make_shared<pool_case>(std::move(p));
  };
  auto const add_forward = [&](char const* what, bool winners) {
    add(op_name(what, name), us, [=](context& c) {
      auto const p = make(c);
      return job{.run = [=, &c] { op::forward<float>(c, l.spec, p->x, p->y, winners ? p->argmax : view<std::int32_t, 1, device>{}); },
                 .wrong = [=, &c] { return wrong_maxima(l, p->x_host, downloaded(c, p->y)); },
                 .bytes = bytes(in + (winners ? 2 : 1) * out),
                 .label = l.where};
    });
  };
  add_forward("max_pool_forward", false);
  add_forward("max_pool_forward_argmax", true);
  add(op_name("max_pool_backward", name), us, [=](context& c) {
    auto const p = make(c);
    auto const dy = activated(c, ys, numbers(ys.size(), .5f, 1, 5)), dx = c.make<float>(l.x);
    return job{.run = [=, &c] { op::backward<float>(c, l.spec, p->argmax, dy, dx, writing::set); },
               .wrong = [=, &c] { return not_adjoint(downloaded(c, dy), downloaded(c, p->y), downloaded(c, dx), p->x_host); },
               .bytes = bytes(in + 2 * out),
               .label = l.where};
  });
}

struct region_case {
  values x_host;
  frcnn::maps<float, 1, device> x{}, dx{};
  counted<box<float> const, 2, device> rois{};
  view<float, 3, device> out{}, dout{};
  view<std::int32_t, 3, device> argmax{};
  view<std::uint8_t, 3, device> winner{};
  frcnn::roi_spec<1> spec{};

  region_case(context& c, shape<4> map, int each) {
    constexpr int stride = 16;
    spec.scale[0] = 1. / stride;
    x_host = numbers(map.size(), 0, 1);
    x.level[0] = activated(c, map, x_host);
    dx.level[0] = c.make<float>(map);
    rois = uploaded_boxes(c, map[0], crowded_boxes(map[0] * each, stride * map[2], stride * map[3], 40));
    int const bins = spec.pooled * spec.pooled;
    shape<3> const rows{{map[0] * each, map[1], bins}};
    out = frcnn::scratch<float, device>(c, rows);
    argmax = frcnn::scratch<std::int32_t, device>(c, shape<3>{{map[0] * each, bins, map[1]}});
    winner = frcnn::scratch<std::uint8_t, device>(c, argmax.dims);
    dout = uploaded(c, rows, numbers(rows.size(), .5f, 1, 5));
  }
  // One output of each op by its definition; x, y run over the map.
  double aligned(float const* map, int h, int w, box<float> const& b, int bin_y, int bin_x) const {
    auto const along = [&](double low, double high, int bin, int sample) {
      double const side = std::max(high - low, 1.) / spec.pooled;
      return low + (bin + (sample + .5) / spec.sampling) * side;
    };
    double sum = 0;
    for (int i = 0; i < spec.sampling; ++i)
      for (int j = 0; j < spec.sampling; ++j) {
        double y = along(b.y1 * spec.scale[0], b.y2 * spec.scale[0], bin_y, i),
               x = along(b.x1 * spec.scale[0], b.x2 * spec.scale[0], bin_x, j);
        if (y < -1 || y > h || x < -1 || x > w) continue;
        y = std::clamp(y, 0., h - 1.), x = std::clamp(x, 0., w - 1.);
        int const y0 = static_cast<int>(y), x0 = static_cast<int>(x), y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
        double const fy = y - y0, fx = x - x0;
        sum +=
            (1 - fy) * ((1 - fx) * map[y0 * w + x0] + fx * map[y0 * w + x1]) + fy * ((1 - fx) * map[y1 * w + x0] + fx * map[y1 * w + x1]);
      }
    return sum / (spec.sampling * spec.sampling);
  }
  double pooled(float const* map, int h, int w, box<float> const& b, int bin_y, int bin_x) const {
    auto const scale = static_cast<float>(spec.scale[0]);
    auto const range = [&](float low, float high, int bin, int extent) {
      int const start = static_cast<int>(std::round(low * scale)),
                size = std::max(static_cast<int>(std::round(high * scale)) - start + 1, 1);
      float const step = static_cast<float>(size) / static_cast<float>(spec.pooled);
      auto const at = [&](float v) { return std::clamp(static_cast<int>(v) + start, 0, extent); };
      return std::pair(at(std::floor(static_cast<float>(bin) * step)), at(std::ceil(static_cast<float>(bin + 1) * step)));
    };
    auto const [y0, y1] = range(b.y1, b.y2, bin_y, h);
    auto const [x0, x1] = range(b.x1, b.x2, bin_x, w);
    float best = y0 < y1 && x0 < x1 ? -1.f : 0.f;
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x) best = std::max(best, map[y * w + x]);
    return best;
  }
  double warped(float const* map, int h, int w, box<float> const& b, int bin_y, int bin_x) const {
    int const each = spec.sampling, n = spec.pooled * each;
    auto const at = [&](double low, double high, int k) { return (low + (k + .5) / n * (high - low)) * spec.scale[0]; };
    double best = -1;
    for (int i = 0; i < each * each; ++i) {
      double const y = at(b.y1, b.y2, bin_y * each + i / each), x = at(b.x1, b.x2, bin_x * each + i % each);
      double sum = 0;
      for (int cy = std::max(0, static_cast<int>(y) - 1); cy < std::min(h, static_cast<int>(y) + 2); ++cy)
        for (int cx = std::max(0, static_cast<int>(x) - 1); cx < std::min(w, static_cast<int>(x) + 2); ++cx)
          sum += std::max(0., 1 - std::abs(y - cy)) * std::max(0., 1 - std::abs(x - cx)) * map[cy * w + cx];
      best = std::max(best, sum);
    }
    return best;
  }
  using definition = double (region_case::*)(float const*, int, int, box<float> const&, int, int) const;
  std::string wrong_forward(definition defined) const {
    auto const found = frcnn::to_host(out);
    auto const boxes = frcnn::to_host(rois.rows);
    shape<4> const s = x.level[0].dims;
    int const p = spec.pooled;
    stream places(4);
    for (int i = 0; i < 200; ++i) {
      int const r = places.below(static_cast<int>(boxes.size())), by = places.below(p), bx = places.below(p), ch = places.below(s[1]);
      float const* const map = x_host.data() + (static_cast<std::size_t>(r / rois.rows.dims[1]) * s[1] + ch) * s[2] * s[3];
      double const expected = (this->*defined)(map, s[2], s[3], boxes[static_cast<std::size_t>(r)], by, bx);
      auto const at = ((static_cast<std::size_t>(r) * s[1] + ch) * p + by) * p + bx;
      if (auto const wrong = not_equal("an output", found[at], expected, 1e-4); !wrong.empty()) return wrong;
    }
    return not_finite(found);
  }

  void align(context& c) { frcnn::ops::roi_align<device>::forward(c, spec, x, rois, view<std::int32_t const, 2, device>{}, out); }
  void align_back(context& c) {
    frcnn::ops::roi_align<device>::backward(c, spec, view<float const, 3, device>(dout), rois, view<std::int32_t const, 2, device>{}, dx,
                                            writing::set);
  }
  void warp(context& c) { frcnn::ops::roi_warp<device>::forward(c, spec, x, rois, view<std::int32_t const, 2, device>{}, out, winner); }
  void warp_back(context& c) {
    frcnn::ops::roi_warp<device>::backward(c, spec, view<float const, 3, device>(dout), view<std::uint8_t const, 3, device>(winner), rois,
                                           view<std::int32_t const, 2, device>{}, dx, writing::set);
  }
  void pool(context& c) { frcnn::ops::roi_pool<device>::forward(c, spec, x, rois, view<std::int32_t const, 2, device>{}, out, argmax); }
  void pool_back(context& c) {
    frcnn::ops::roi_pool<device>::backward(c, spec, view<float const, 3, device>(dout), view<std::int32_t const, 3, device>(argmax), rois,
                                           view<std::int32_t const, 2, device>{}, dx, writing::set);
  }
};

void add_regions(shape<4> map, int each, std::string const& where) {
  std::string const name = text(map) + "-" + std::to_string(each);
  double const in = elements(map), out = static_cast<double>(map[0]) * each * 49 * map[1];
  using method = void (region_case::*)(context&);
  auto const add_both = [&](std::string const& op, method forward, method backward, region_case::definition defined, double kept) {
    add(op_name(op + "_forward", name), us, [=](context& c) {
      auto const r = std::make_shared<region_case>(c, map, each);
      return job{.run = [=, &c] { (*r.*forward)(c); },
                 .wrong = [=] { return r->wrong_forward(defined); },
                 .bytes = bytes(in + kept * out),
                 .label = where};
    });
    add(op_name(op + "_backward", name), us, [=](context& c) {
      auto const r = std::make_shared<region_case>(c, map, each);
      (*r.*forward)(c);
      return job{
          .run = [=, &c] { (*r.*backward)(c); },
          .wrong = [=,
                    &c] { return not_adjoint(frcnn::to_host(r->dout), frcnn::to_host(r->out), downloaded(c, r->dx.level[0]), r->x_host); },
          .bytes = bytes(in + kept * out),
          .label = where};
    });
  };
  add_both("roi_align", &region_case::align, &region_case::align_back, &region_case::aligned, 1);
  add_both("roi_warp", &region_case::warp, &region_case::warp_back, &region_case::warped, 1.25);  // a byte for each winner
  add_both("roi_pool", &region_case::pool, &region_case::pool_back, &region_case::pooled, 2);
}

void add_rows(shape<4> s, std::string const& where) {
  shape<3> const rows{{s[0], s[2] * s[3], s[1]}};
  add(op_name("rows_gather", text(s)), us, [=](context& c) {
    auto const host = numbers(s.size(), 0, 1);
    auto const a = activated(c, s, host);
    auto const out = frcnn::scratch<float, device>(c, rows);
    return job{.run = [=, &c] { frcnn::ops::rows<device>::gather<float>(c, a, out, 0, 0); },
               .wrong =
                   [=] {  // row y*W + x holds the channels
                     auto const found = frcnn::to_host(out);
                     std::size_t const last = host.size() - 1, channels = static_cast<std::size_t>(s[1]),
                                       cells = host.size() / channels / static_cast<std::size_t>(s[0]);
                     return not_equal("the last row", found[last], host[last]) + not_equal("row 1", found[channels + 1], host[cells + 1]);
                   },
               .bytes = bytes(2 * elements(s)),
               .label = where};
  });
  add(op_name("rows_scatter", text(s)), us, [=](context& c) {
    auto const host = numbers(s.size(), 0, 1);
    auto const in = uploaded(c, rows, host);
    auto const a = c.make<float>(s);
    return job{.run = [=, &c] { frcnn::ops::rows<device>::scatter<float>(c, view<float const, 3, device>(in), 0, a, 0); },
               .wrong = [=, &c] { return not_equal("the last cell", downloaded(c, a).back(), host.back()); },
               .bytes = bytes(2 * elements(s)),
               .label = where};
  });
}

}  // namespace

void add_pooling_ops() {
  auto const vgg = layers_of_vgg16_tv(1, 600, 800);
  for (auto const& l : vgg.pools) add_pool(l);
  auto const small_map = layers_of_small(1, 300, 400).map;
  add_regions(small_map, 300, "small, detection");
  add_regions({{2, small_map[1], small_map[2], small_map[3]}}, 128, "small, training");
  add_regions(vgg.map, 300, "vgg16_tv, detection");
  add_regions(vgg.map, 128, "vgg16_tv, training");
  add_rows({{1, 36, small_map[2], small_map[3]}}, "small bbox_pred");
  add_rows({{1, 36, vgg.map[2], vgg.map[3]}}, "vgg16_tv bbox_pred");
}

}  // namespace bench
