#pragma once
// A chain of layers in strips: convolutions of one size (3x3, stride 1, pad 1), and the 2x2 pool behind the last of them, run together,
// each worker down its own band of rows. Maps in between live in rings of three rows of tiles, which stay in cache: the first maps of a
// network never exist whole.
//
//   produce(l, t)   row t of tiles of convolution l; first whatever it reads: rows of tiles up to t + 1 of convolution l - 1
// A band recomputes at most one row of tiles per convolution that its neighbour computes too. What is not such a run goes layer by layer.
#include "frcnn/backend/cpu/conv2d.hpp"
#include "frcnn/backend/cpu/max_pool.hpp"
#include "frcnn/ops/conv_chain.hpp"

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::fast {

// Convolutions first ... first + count of the chain, then a pool where `pooled`.
struct strip_run {
  static constexpr int most = 8;
  static constexpr int tall = 20;  // rows of tiles for each thread: where there are fewer, too much is computed twice
  struct part {
    conv2d_spec spec;
    float const* weights;  // converted
    float const* bias;
    bool tiled;  // Winograd; else the direct kernel, row by row
  };
  part parts[most];
  int count = 0;
  bool pooled = false;
  int height = 0, width = 0;
};

// One worker on one image's band of rows of tiles.
class strip_worker {
 public:
  static constexpr int side = winograd::outputs, ring_rows = 3 * side;

  static std::size_t size(strip_run const& r) {
    std::size_t rings = 0, work = 0;
    for (int l = 0; l < r.count; ++l) {
      auto const& s = r.parts[l].spec;
      if (l + 1 < r.count) rings += static_cast<std::size_t>(ring_rows) * r.width * s.out_channels;
      work = std::max(work, r.parts[l].tiled ? winograd::workspace::size(s.in_channels) : direct::workspace(s));
    }
    return rings + work;
  }

  strip_worker(strip_run const& r, float* memory, float const* x, float* y)
      : run_(r), x_(x), y_(y), tiles_y_(winograd::tiles_along(r.height)) {
    for (int l = 0; l + 1 < r.count; ++l) {
      ring_[l] = memory;
      memory += static_cast<std::ptrdiff_t>(ring_rows) * r.width * r.parts[l].spec.out_channels;
    }
    work_ = memory;
  }

  // Rows [first, last) of tiles. Those that follow the ones before them find what they read in the rings.
  void band(int first, int last) {
    if (first != next_[run_.count - 1]) begin_at(first);
    for (int t = first; t < last; ++t) produce(run_.count - 1, t);
    simd::stream_done();
  }

 private:
  void begin_at(int first) {
    for (int l = run_.count - 1; l >= 0; --l) {
      next_[l] = first;
      first = std::max(0, first - 1);
    }
  }
  void produce(int l, int t) {
    if (l > 0)
      for (int const needed = std::min(t + 1, tiles_y_ - 1); next_[l - 1] <= needed;) produce(l - 1, next_[l - 1]);
    if (run_.parts[l].tiled) tile_row(l, t);
    else plain_rows(l, t);
    next_[l] = t + 1;
  }

  // Row y of what convolution l reads; nullptr outside the map.
  float const* source(int l, int y) const {
    if (y < 0 || y >= run_.height) return nullptr;
    std::ptrdiff_t const line = static_cast<std::ptrdiff_t>(run_.width) * run_.parts[l].spec.in_channels;
    return l == 0 ? x_ + y * line : ring_[l - 1] + y % ring_rows * line;
  }
  // Row y of what it writes; pooled: of the pooled map.
  float* target(int l, int y) const {
    bool const last = l + 1 == run_.count;
    std::ptrdiff_t const line =
        static_cast<std::ptrdiff_t>(last && run_.pooled ? run_.width / 2 : run_.width) * run_.parts[l].spec.out_channels;
    return last ? y_ + y * line : ring_[l] + y % ring_rows * line;
  }

  void tile_row(int l, int t) {
    auto const& p = run_.parts[l];
    bool const last = l + 1 == run_.count, pool = run_.pooled && last;
    int const height = pool ? run_.height / 2 : run_.height, width = pool ? run_.width / 2 : run_.width, out = pool ? side / 2 : side;
    int const rows = winograd::outputs_of(t, run_.height), whole = winograd::whole_tiles(run_.width);
    auto const kind_of = [&](int i) { return winograd::tile_kind{rows, winograd::outputs_of(i, run_.width)}; };
    winograd::tile_groups tiles;
    tiles.add(kind_of(0), 0, static_cast<std::size_t>(whole));
    tiles.add(kind_of(whole), static_cast<std::size_t>(whole), winograd::last_tile(run_.width) > 0);
    winograd::window w{{}, 0, run_.width, p.spec.in_channels};
    for (int i = 0; i < winograd::inputs; ++i) w.row[i] = source(l, t * side - 1 + i);
    bool const around = last && simd::goes_past_cache(y_, static_cast<std::size_t>(height) * width * p.spec.out_channels);
    winograd::block_target to{{}, std::min(out, height - t * out), 0, 0, p.spec.out_channels, around};
    for (int i = 0; i < to.rows; ++i) to.row[i] = target(l, t * out + i);
    winograd::workspace(work_, p.spec.in_channels)
        .run(
            {p.spec.in_channels, p.spec.out_channels, p.weights, {.bias = p.bias, .relu = p.spec.relu, .pool = pool}}, tiles,
            [&](std::size_t i) {
              w.kind = kind_of(static_cast<int>(i));
              w.x0 = static_cast<int>(i) * side - 1;
              return w;
            },
            [&](std::size_t i) {
              to.kind = kind_of(static_cast<int>(i));
              to.x0 = static_cast<int>(i) * out;
              to.columns = std::min(out, width - to.x0);
              return to;
            });
  }

  void plain_rows(int l, int t) {
    auto const& p = run_.parts[l];
    for (int y = t * side; y < std::min(run_.height, (t + 1) * side); ++y) {
      float const* const rows[3] = {source(l, y - 1), source(l, y), source(l, y + 1)};
      direct::convolve_row(p.spec, rows, run_.width, p.weights, p.bias, {target(l, y), run_.width}, work_);
    }
  }

  strip_run const& run_;
  float const* x_;
  float* y_;
  int tiles_y_;
  int next_[strip_run::most] = {};  // rows of tiles below it are done, or not wanted
  float* ring_[strip_run::most] = {};
  float* work_ = nullptr;
};

// x [N, H, W, C] through the run to y.
inline void convolve_strips(cpu::context& c, strip_run const& r, float const* x, int images, float* y) {
  int const rows = winograd::tiles_along(r.height);
  auto const& out = r.parts[r.count - 1].spec;
  std::ptrdiff_t const in_map = static_cast<std::ptrdiff_t>(r.height) * r.width * r.parts[0].spec.in_channels;
  std::ptrdiff_t const out_map =
      static_cast<std::ptrdiff_t>(r.pooled ? r.height / 2 : r.height) * (r.pooled ? r.width / 2 : r.width) * out.out_channels;
  cpu::context::frame const scope(c);
  std::size_t const room = strip_worker::size(r);
  int const threads = workers_for(c, static_cast<std::size_t>(rows), 1);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(threads));
  strip_worker* const workers = c.scratch_of<strip_worker>(static_cast<std::size_t>(threads));
  for (int n = 0; n < images; ++n) {
    for (int i = 0; i < threads; ++i)
      new (workers + i) strip_worker(r, memory + room * static_cast<std::size_t>(i), x + n * in_map, y + n * out_map);
    parallel_for(c, static_cast<std::size_t>(rows), 1, [=](int worker, std::size_t begin, std::size_t end) {
      workers[worker].band(static_cast<int>(begin), static_cast<int>(end));
    });
  }
}

constexpr bool keeps_size(conv2d_spec const& s) { return s.kernel == 3 && s.stride == 1 && s.pad == 1; }
// Rounded up or down, even sides are halved alike.
constexpr bool halves(pool_spec const& p, shape<4> in) {
  bool const whole = !p.ceil || (in[2] % 2 == 0 && in[3] % 2 == 0);
  return p.kernel == 2 && p.stride == 2 && p.pad == 0 && whole && in[2] > 1 && in[3] > 1;
}

// How many layers from the first go together: convolutions of one size while a band is much taller than what it recomputes, and their pool.
// Strips compute in float: a layer that is bf16's by itself stays by itself, so that its precision does not depend on the threads.
inline int layers_together(std::span<chain_layer<float, cpu> const> layers, shape<4> in, int threads, compute precision = compute::exact) {
  if (!layers[0].is_conv() || !keeps_size(layers[0].conv)) return 1;
  int n = 0;
  auto const may_join = [&](chain_layer<float, cpu> const& s) {
    if (!s.is_conv() || !keeps_size(s.conv)) return false;
    if (n == 0) return precision == compute::exact || is_winograd(s.conv) || s.conv.in_channels < simd::lanes;
    bool const all_by_tiles = is_winograd(s.conv) && !is_by_panels(s.conv) && !is_by_panels(layers[0].conv);
    return all_by_tiles && winograd::tiles_along(in[2]) >= strip_run::tall * threads;
  };
  while (n < static_cast<int>(layers.size()) && n < strip_run::most && may_join(layers[n])) ++n;
  if (n == 0) return 1;
  bool const pool_follows = n < static_cast<int>(layers.size()) && layers[n].is_pool() && halves(layers[n].pool, in);
  return pool_follows && is_winograd(layers[n - 1].conv) ? n + 1 : n;
}

inline void forward(cpu::context& c, std::span<chain_layer<float, cpu> const> layers, cpu_activation<float> x, cpu_activation<float> y) {
  auto const& first = layers[0];
  bool const pooled = layers.back().is_pool();
  std::size_t const convolutions = layers.size() - pooled;
  if (convolutions == 1 && is_winograd(first.conv))  // blocks may go across rows of tiles
    return forward(c, forward_call{.spec = first.conv,
                                   .x = x,
                                   .weight = {first.weight.data, first.keep, first.version},
                                   .bias = first.bias.data,
                                   .y = y,
                                   .pool = pooled});
  strip_run r;
  r.height = x.dims[2];
  r.width = x.dims[3];
  r.pooled = pooled;
  cpu::context::frame const scope(c);
  for (auto const& s : layers.first(convolutions))
    r.parts[r.count++] = {s.conv, converted(c, s.conv, {s.weight.data, s.keep, s.version}),
                          frcnn::detail::bias_or_zeros(c, s.bias.data, s.conv.out_channels), is_winograd(s.conv)};
  convolve_strips(c, r, x.data, x.dims[0], y.data);
}

}  // namespace frcnn::cpu_backend::fast
FRCNN_HIDDEN_END

#endif
