#pragma once
// Convolution on the portable engine: patches of a strip of rows are gathered into a matrix that stays in the cache (im2col), and BLAS
// multiplies it.
//
//   forward    y  [pixels, O] = patches(x) [pixels, k*k*C] * weight^T              a strip of output rows at a time
//   dweight    [O, k*k*C]     = dy^T [O, pixels] * patches(x) [pixels, k*k*C]      every worker sums its strips, then the workers' sums
//   dx         [pixels, C]    = patches(dy) [pixels, taps*O] * taps of weight      a strip of input rows at a time, per phase
// The third is a convolution too. With stride s, input pixel (i, j) meets only the taps ky with (i + pad - ky) divisible by s: pixels of
// one phase (i mod s, j mod s) share them, and their dy lie side by side. So nothing is scattered, nothing is multiplied by zero and no
// two threads write the same pixel.
// Weights are stored [O, kernel, kernel, C]. forward and dx give the same bits for every number of threads, dweight for equal numbers.
// A 1x1 convolution with stride 1 reads x itself.
#include "frcnn/backend/cpu/bias_relu.hpp"
#include "frcnn/backend/cpu/gemm.hpp"
#include "frcnn/ops/conv2d.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::portable {

// Patches of [height, width, channels] pixels: patch (i, j) covers rows first_y + i*step ... of count_y, columns first_x + j*step ... of
// count_x; what lies outside is zero.
struct patch_grid {
  int height, width, channels;
  int step, first_y, first_x, count_y, count_x;
  int columns;  // patches in a row of patches

  std::size_t size() const { return static_cast<std::size_t>(count_y) * count_x * channels; }

  template <class T>
  void gather(T const* source, int row_begin, int row_end, T* patches) const {
    std::size_t const run = static_cast<std::size_t>(count_x) * channels;
    for (int i = row_begin; i < row_end; ++i) {
      for (int j = 0; j < columns; ++j) {
        int const x0 = first_x + j * step;
        int const before = std::clamp(-x0, 0, count_x), inside = std::max(0, std::min(width - x0, count_x) - before);
        for (int t = 0; t < count_y; ++t, patches += run) {
          int const y = first_y + i * step + t;
          if (y < 0 || y >= height || inside == 0) {
            std::fill_n(patches, run, T(0));
            continue;
          }
          T const* const from = source + (static_cast<std::ptrdiff_t>(y) * width + x0 + before) * channels;
          std::size_t const left = static_cast<std::size_t>(before) * channels, middle = static_cast<std::size_t>(inside) * channels;
          std::fill_n(patches, left, T(0));
          std::copy_n(from, middle, patches + left);
          std::fill_n(patches + left + middle, run - left - middle, T(0));
        }
      }
    }
  }
};

// Rows of patches in a strip: some 1 MiB of patches and at least 256 of them (BLAS packs the weights anew for every strip).
// A function of the shape alone.
template <class T>
int strip_rows(int rows, int columns, std::size_t patch) {
  std::size_t const wanted = std::max<std::size_t>(256, (std::size_t{1} << 20) / (patch * sizeof(T) + 1));
  return static_cast<int>(
      std::clamp<std::size_t>(wanted / static_cast<std::size_t>(std::max(columns, 1)), 1, static_cast<std::size_t>(std::max(rows, 1))));
}

struct conv2d {
  // add: to what y holds, before the ReLU.
  template <Real T>
  static void forward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, std::type_identity_t<view<T const, 1, cpu>> weight,
                      std::type_identity_t<view<T const, 1, cpu>> bias, cpu_activation<T> y, bool add = false) {
    FRCNN_ASSERT(x.dims[1] == spec.in_channels && y.dims == spec.out_shape(x.dims));
    auto const patches = patches_of(spec, x.dims, y.dims);
    strips const cut(y.dims[0], y.dims[2], strip_rows<T>(y.dims[2], y.dims[3], patches.size()));
    bool const direct = reads_x(spec);
    std::size_t const k = patches.size(), columns = static_cast<std::size_t>(y.dims[3]), o = static_cast<std::size_t>(spec.out_channels);
    cpu::context::frame const scope(c);
    std::size_t const room = direct ? 0 : static_cast<std::size_t>(cut.rows) * columns * k;
    T* const memory = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, cut.count(), 1)) * room);
    parallel_for(c, cut.count(), 1, [=](int worker, std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at) {
        auto const [image, first, last] = cut[at];
        std::size_t const pixels = static_cast<std::size_t>(last - first) * columns;
        T const* const a = patch_matrix(patches, x, image, first, last, direct, memory + static_cast<std::size_t>(worker) * room);
        T* const out = y.data + (static_cast<std::size_t>(image) * y.dims[2] + first) * columns * o;
        gemm<T>(false, true, pixels, o, k, T(1), a, k, weight.data, k, add ? T(1) : T(0), out, o);
        frcnn::detail::add_bias_relu(out, pixels, o, bias.data, spec.relu);
      }
    });
  }

  // dy: masked by the ReLU already. Empty outputs are not computed.
  template <Real T>
  static void backward(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, cpu_activation<T> dy,
                       std::type_identity_t<view<T const, 1, cpu>> weight, std::type_identity_t<view<T, 1, cpu>> dweight, writing how,
                       cpu_activation<T> dx, writing dx_how) {
    if (dweight) backward_weight<T>(c, spec, x, dy, dweight.data, how);
    if (dx) backward_data<T>(c, spec, dy, weight.data, dx, dx_how);
  }

 private:
  // Rows of all images, cut into strips that do not cross images.
  struct strips {
    int images, image_rows, rows, per_image;
    strips(int images, int image_rows, int rows)
        : images(images), image_rows(image_rows), rows(rows), per_image((image_rows + rows - 1) / rows) {}
    std::size_t count() const { return static_cast<std::size_t>(images) * per_image; }
    struct strip {
      int image, first, last;
    };
    strip operator[](std::size_t i) const {
      int const first = static_cast<int>(i % per_image) * rows;
      return {static_cast<int>(i / per_image), first, std::min(first + rows, image_rows)};
    }
  };

  static bool reads_x(conv2d_spec spec) { return spec.kernel == 1 && spec.stride == 1 && spec.pad == 0; }

  static patch_grid patches_of(conv2d_spec spec, shape<4> x, shape<4> y) {
    return {x[2], x[3], x[1], spec.stride, -spec.pad, -spec.pad, spec.kernel, spec.kernel, y[3]};
  }

  // The patches of rows [first, last) of patches; `direct`: the map itself is the matrix.
  template <class T>
  static T const* patch_matrix(patch_grid const& patches, cpu_activation<T> a, int image, int first, int last, bool direct, T* memory) {
    T const* const map = a.data + static_cast<std::size_t>(image) * patches.height * patches.width * patches.channels;
    if (direct) return map + static_cast<std::size_t>(first) * patches.width * patches.channels;
    patches.gather(map, first, last, memory);
    return memory;
  }

  template <Real T>
  static void backward_weight(cpu::context& c, conv2d_spec spec, cpu_activation<T> x, cpu_activation<T> dy, T* dweight, writing how) {
    auto const patches = patches_of(spec, x.dims, dy.dims);
    strips const cut(dy.dims[0], dy.dims[2], strip_rows<T>(dy.dims[2], dy.dims[3], patches.size()));
    bool const direct = reads_x(spec);
    std::size_t const k = patches.size(), columns = static_cast<std::size_t>(dy.dims[3]), o = static_cast<std::size_t>(spec.out_channels);
    std::size_t const room = direct ? 0 : static_cast<std::size_t>(cut.rows) * columns * k;
    int const workers = workers_for(c, cut.count(), 1);
    if (workers == 0) {
      if (how == writing::set) std::fill_n(dweight, o * k, T(0));
      return;
    }
    cpu::context::frame const scope(c);
    T* const memory = c.scratch_of<T>(static_cast<std::size_t>(workers) * room);
    T* const others = c.scratch_of<T>(static_cast<std::size_t>(workers - 1) * o * k);  // sums of workers 1, 2, ...; 0 writes dweight
    parallel_runs(c, cut.count(), 1, [=](int worker, std::size_t begin, std::size_t end) {
      T* const sum = worker == 0 ? dweight : others + static_cast<std::size_t>(worker - 1) * o * k;
      for (std::size_t at = begin; at < end; ++at) {
        auto const [image, first, last] = cut[at];
        std::size_t const pixels = static_cast<std::size_t>(last - first) * columns;
        T const* const b = patch_matrix(patches, x, image, first, last, direct, memory + static_cast<std::size_t>(worker) * room);
        T const* const d = dy.data + (static_cast<std::size_t>(image) * dy.dims[2] + first) * columns * o;
        T const beta = at == begin && (worker > 0 || how == writing::set) ? T(0) : T(1);
        gemm<T>(true, false, o, k, pixels, T(1), d, o, b, k, beta, sum, k);
      }
    });
    parallel_for(c, o * k, 16384, [=](std::size_t begin, std::size_t end) {
      for (int w = 1; w < workers; ++w) {
        T const* const sum = others + static_cast<std::size_t>(w - 1) * o * k;
        FRCNN_INDEPENDENT
        for (std::size_t i = begin; i < end; ++i) dweight[i] += sum[i];
      }
    });
  }

  // Along one axis, the input positions phase, phase + s, ... and the taps and outputs they meet: position phase + i*s meets outputs
  // first + i ... first + i + taps - 1, through taps last_tap, last_tap - s, ...
  struct axis_phase {
    int positions, taps, first, last_tap;
    axis_phase(conv2d_spec spec, int extent, int phase) : positions((extent - phase + spec.stride - 1) / spec.stride) {
      int const first_tap = (phase + spec.pad) % spec.stride;
      taps = first_tap < spec.kernel ? (spec.kernel - 1 - first_tap) / spec.stride + 1 : 0;
      last_tap = first_tap + (taps - 1) * spec.stride;
      first = (phase + spec.pad - last_tap) / spec.stride;  // exact
    }
  };

  template <Real T>
  static void backward_data(cpu::context& c, conv2d_spec spec, cpu_activation<T> dy, T const* weight, cpu_activation<T> dx, writing how) {
    for (int py = 0; py < spec.stride && py < dx.dims[2]; ++py)
      for (int px = 0; px < spec.stride && px < dx.dims[3]; ++px) backward_phase<T>(c, spec, dy, weight, dx, how, py, px);
  }

  template <Real T>
  static void backward_phase(cpu::context& c, conv2d_spec spec, cpu_activation<T> dy, T const* weight, cpu_activation<T> dx, writing how,
                             int py, int px) {
    axis_phase const vertical(spec, dx.dims[2], py), horizontal(spec, dx.dims[3], px);
    std::size_t const channels = static_cast<std::size_t>(spec.in_channels), o = static_cast<std::size_t>(spec.out_channels);
    std::size_t const columns = static_cast<std::size_t>(horizontal.positions), width = static_cast<std::size_t>(dx.dims[3]);
    std::size_t const k = static_cast<std::size_t>(vertical.taps) * horizontal.taps * o;
    patch_grid const patches{dy.dims[2],    dy.dims[3],      spec.out_channels,   1, vertical.first, horizontal.first,
                             vertical.taps, horizontal.taps, horizontal.positions};
    bool const direct = reads_x(spec), dense = spec.stride == 1;
    strips const cut(dx.dims[0], vertical.positions, strip_rows<T>(vertical.positions, horizontal.positions, std::max(k, channels)));
    std::size_t const strip_pixels = static_cast<std::size_t>(cut.rows) * columns;
    std::size_t const room = (direct ? 0 : strip_pixels * k) + (dense ? 0 : strip_pixels * channels);

    cpu::context::frame const scope(c);
    // [taps, O, C] in the order of the patches
    T* const turned = c.scratch_of<T>(k * channels);
    for (int ty = 0, at = 0; ty < vertical.taps; ++ty)
      for (int tx = 0; tx < horizontal.taps; ++tx, ++at) {
        std::size_t const tap =
            static_cast<std::size_t>(vertical.last_tap - ty * spec.stride) * spec.kernel + (horizontal.last_tap - tx * spec.stride);
        for (std::size_t i = 0; i < o; ++i)
          std::copy_n(weight + (i * spec.kernel * spec.kernel + tap) * channels, channels, turned + (at * o + i) * channels);
      }
    T* const memory = c.scratch_of<T>(static_cast<std::size_t>(workers_for(c, cut.count(), 1)) * room);
    parallel_for(c, cut.count(), 1, [=](int worker, std::size_t begin, std::size_t end) {
      T* const own = memory + static_cast<std::size_t>(worker) * room;
      for (std::size_t at = begin; at < end; ++at) {
        auto const [image, first, last] = cut[at];
        std::size_t const pixels = static_cast<std::size_t>(last - first) * columns;
        T* const map = dx.data + static_cast<std::size_t>(image) * dx.dims[2] * width * channels;
        if (dense) {
          T const* const a = patch_matrix(patches, dy, image, first, last, direct, own);
          gemm<T>(false, false, pixels, channels, k, T(1), a, k, turned, channels, how == writing::add ? T(1) : T(0),
                  map + static_cast<std::size_t>(first) * width * channels, channels);
          continue;
        }
        T* from = own + strip_pixels * k;
        if (k == 0) {
          std::fill_n(from, pixels * channels, T(0));
        } else {
          T const* const a = patch_matrix(patches, dy, image, first, last, false, own);
          gemm<T>(false, false, pixels, channels, k, T(1), a, k, turned, channels, T(0), from, channels);
        }
        for (int i = first; i < last; ++i)
          for (std::size_t j = 0; j < columns; ++j, from += channels) {
            std::size_t const pixel =
                (static_cast<std::size_t>(py) + static_cast<std::size_t>(i) * spec.stride) * width + px + j * spec.stride;
            T* const to = map + pixel * channels;
            if (how == writing::set) {
              std::copy_n(from, channels, to);
            } else {
              FRCNN_INDEPENDENT
              for (std::size_t ch = 0; ch < channels; ++ch) to[ch] += from[ch];
            }
          }
      }
    });
  }
};

}  // namespace frcnn::cpu_backend::portable
FRCNN_HIDDEN_END
