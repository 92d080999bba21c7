#pragma once
// What the descriptions of roi_align, roi_pool and roi_warp share: maps, regions and the levels that they read.
#include "frcnn/ops/roi_features.hpp"

#include "layers.hpp"
#include "op.hpp"

#include <type_traits>

namespace ops_described {

struct regions : operation {
  static std::string by(std::string_view column) {
    return column == "fast" ? "as portable" : column == "cuda" ? "yes; gradients gathered, a block a cell" : "yes";
  }
  static constexpr double tolerance = 1e-5;
  struct problem {
    shape<4> map;      // of level 0; level 1, where there is one, has half the extents, rounded up
    int levels, each;  // regions of an image
    int pooled, sampling = 2;
    double end_offset = 0;
    bool as_map = false;  // pooled regions as an activation, which a convolution reads
    int stride = 8;       // of level 0
    bool is_crowded = false;

    int rows() const { return map[0] * each; }
    shape<4> dims(int level) const { return level == 0 ? map : shape<4>{{map[0], map[1], (map[2] + 1) / 2, (map[3] + 1) / 2}}; }
    template <int L>
    roi_spec<L> spec() const {
      roi_spec<L> s;
      s.pooled = pooled, s.sampling = sampling, s.end_offset = end_offset;
      for (int l = 0; l < L; ++l) s.scale[l] = 1. / (stride << l);
      return s;
    }
    // A region whose rows are past its image's count is dead.
    int live(int image) const { return std::max(0, each - image % 3); }
    int level(int row) const { return levels == 1 ? 0 : row % 2; }
  };
  static std::vector<timed<problem>> measured() {
    shape<4> const small = layers_of_small(1, 300, 400).map, vgg = layers_of_vgg16_tv(1, 600, 800).map;
    auto const of = [](shape<4> map, int each) { return problem{map, 1, each, 7, 2, 0, false, 16, true}; };
    return {{of(vgg, 300), "vgg16_tv, detection"},
            {of(vgg, 128), "vgg16_tv, training", true},
            {of(small, 300), "small, detection"},
            {of({{2, small[1], small[2], small[3]}}, 128), "small, training", true}};
  }
  static std::string text(problem const& p) {
    return ops_described::text(p.map) + "-" + std::to_string(p.each) + (p.pooled == 7 ? "" : "-p" + std::to_string(p.pooled)) +
           (p.levels == 1 ? "" : "-levels" + std::to_string(p.levels)) + (p.as_map ? "-map" : "");
  }
  // Maps, then regions: inside, over and beyond the borders, tiny, turned inside out.
  static std::vector<array> inputs(problem const& p) {
    std::vector<array> all;
    for (int l = 0; l < p.levels; ++l) all.push_back({p.dims(l)});
    int const h = p.stride * p.map[2], w = p.stride * p.map[3];
    std::vector<float> where;
    if (p.is_crowded) {
      where = corners(crowded_boxes(p.rows(), h, w, 40));
    } else {
      stream s(7);
      auto const fh = static_cast<float>(h), fw = static_cast<float>(w);
      for (int i = 0; i < p.rows(); ++i) {
        float const x = s.in(-.3f * fw, fw), y = s.in(-.3f * fh, fh), size = i % 4 == 3 ? .05f : i % 4 == 2 ? 1.5f : .6f;
        where.insert(where.end(), {x, y, x + size * s.in(-.1f * fw, fw), y + size * s.in(-.1f * fh, fh)});
      }
    }
    all.push_back(plain(p.rows(), 4, where));
    return all;
  }
  static array pooled(problem const& p) {
    return p.as_map ? array{{{p.rows(), p.map[1], p.pooled, p.pooled}}} : plain(p.rows(), p.map[1] * p.pooled * p.pooled);
  }
  static std::vector<array> outputs(problem const& p) { return {pooled(p)}; }
  static std::vector<ints> indices(problem const& p) {
    ints counts, levels;
    for (int i = 0; i < p.map[0]; ++i) counts.push_back(p.live(i));
    for (int i = 0; i < p.rows(); ++i) levels.push_back(p.level(i));
    return {counts, levels};
  }
  static std::vector<std::vector<int>> linear_in(problem const& p) {
    return p.levels == 1 ? std::vector<std::vector<int>>{{0}} : std::vector<std::vector<int>>{{0, 1}};
  }

 protected:
  // Where an element of the output is.
  struct place {
    int row, image, channel, bin_y, bin_x, level;
    shape<4> map;
    double x1, y1, x2, y2;  // of the region, in pixels
    double const* cells;    // of the channel
    place(problem const& p, std::vector<doubles> const& in, std::size_t at) {
      std::size_t const bins = static_cast<std::size_t>(p.pooled) * p.pooled, channels = static_cast<std::size_t>(p.map[1]);
      row = static_cast<int>(at / bins / channels), image = row / p.each, channel = static_cast<int>(at / bins % channels);
      bin_y = static_cast<int>(at % bins) / p.pooled, bin_x = static_cast<int>(at % bins) % p.pooled;
      level = p.level(row);
      map = p.dims(level);
      double const* const b = in[static_cast<std::size_t>(p.levels)].data() + 4 * row;
      x1 = b[0], y1 = b[1], x2 = b[2], y2 = b[3];
      cells = in[static_cast<std::size_t>(level)].data() + (image * channels + channel) * map[2] * map[3];
    }
    bool is_live(problem const& p) const { return row % p.each < p.live(image); }
  };

  template <class T, class B, int L>
  static maps<T, L, B> maps_of(std::vector<operand<T, B>> const& some) {
    maps<T, L, B> all;
    for (int l = 0; l < L; ++l) all.level[l] = some[static_cast<std::size_t>(l)].map();
    return all;
  }
  template <class T, class B>
  static counted<box<T> const, 2, B> rois(operands<T, B> const& r, problem const& p) {
    return counted<box<T>, 2, B>{r.in[static_cast<std::size_t>(p.levels)].boxes(p.map[0]), r.index[0].row()};
  }
  template <class T, class B>
  static view<std::int32_t const, 2, B> level(operands<T, B> const& r, problem const& p) {
    if (p.levels == 1) return {};
    return r.index[1].shaped(shape<2>{{p.map[0], p.each}});
  }
  static shape<3> rows_of(problem const& p) { return {{p.rows(), p.map[1], p.pooled * p.pooled}}; }
  static shape<3> winners_of(problem const& p) { return {{p.rows(), p.pooled * p.pooled, p.map[1]}}; }
};

// An operation on regions. Op::pool<L>(r, p, out) and Op::give_back<L>(r, p, dout) are told rows or an activation, of L levels.
template <class Op>
struct region_operation : regions {
  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    auto const of = [&]<int L>(std::integral_constant<int, L>) {
      if (p.as_map) Op::template pool<L>(r, p, r.out[0].map());
      else Op::template pool<L>(r, p, r.out[0].shaped(rows_of(p)));
    };
    if (p.levels == 1) of(std::integral_constant<int, 1>{});
    else of(std::integral_constant<int, 2>{});
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    auto const of = [&]<int L>(std::integral_constant<int, L>) {
      if (p.as_map) Op::template give_back<L>(r, p, r.dout[0].map());
      else Op::template give_back<L>(r, p, view<T const, 3, B>(r.dout[0].shaped(rows_of(p))));
    };
    if (p.levels == 1) of(std::integral_constant<int, 1>{});
    else of(std::integral_constant<int, 2>{});
  }
};

}  // namespace ops_described
