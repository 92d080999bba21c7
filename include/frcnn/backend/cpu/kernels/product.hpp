#pragma once
// GEMM for fully connected layers: a few hundred rows, weights of hundreds of megabytes that are read once. BLAS packs for square matrices;
// here what is packed stays in cache and the weights need one layout only.
//
//   c [M, N] = (add ? c : 0) + a [M, K] * b [K, N]
// a and b are matrix_refs: row-major, or the transposed view of a row-major matrix. c is row-major with a row stride. K goes in blocks:
// a worker packs its rows of `a` for a block, then panel after panel of its columns of b, and multiplies all its rows with them.
// Each sum has one order, whatever the number of threads. Large weights by enough rows are multiplied by quarters (strassen.hpp), seven
// products instead of eight, unless the context's `strassen` is off. Quarters pair rows; rows of two images are never paired, so that an
// image's rows have the same bits alone and in a batch: rows are `images` runs of equal length.
//
// Example: y [300, 4096] = x [300, 25088] * W^T, W stored [4096, 25088]:
//   product(c, 300, 4096, 25088, {x, 25088}, {W, 25088, true}, y, 4096, false)
#include "frcnn/backend/cpu/kernels/pack.hpp"
#include "frcnn/backend/cpu/kernels/strassen.hpp"
#include "frcnn/backend/cpu/parallel.hpp"

#include <atomic>
#include <new>
#include <utility>

#if FRCNN_HAS_FAST

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::simd {

namespace detail {

// The first n floats of a vector to `to`, or as many as it has.
inline void put(float* to, vec v, int n, bool add) {
  if (n >= lanes) store(to, add ? load(to) + v : v);
  else store_first(to, add ? load_first(to, n) + v : v, n);
}

// How a block of rows is packed and multiplied. A way has:
//
//   together, least, depth_unit     rows of a block are `together` times least to tile_rows, and panels a multiple of it; depth, one of
//                                   depth_unit. What is missing is packed as zeros
//   packed(rows, whole)             floats of a block, or of several
//   pack(a, count, ...)             `count` rows of a as multiply reads them
//   multiply(..., put)              the sums of a block with packed panels: put(row, column, vector)
//
// One group of rows by one panel.
struct by_groups {
  static constexpr int together = 1, least = 1, depth_unit = lanes, sums = tile_rows * panel;

  static constexpr std::size_t packed(int rows, int whole) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(whole); }
  static void pack(matrix_ref a, int count, int depth, int rows, int whole, float* out) { pack_rows(a, count, depth, rows, whole, out); }
  template <class Put>
  static void multiply(int rows, int whole, float const* a, float const* panels, int panel_count, float* sums, Put put) {
    for (int p = 0; p < panel_count; ++p) {
      tile_product const one{a, panels + static_cast<std::ptrdiff_t>(p) * whole * panel, sums};
      multiply_tiles(rows, tile_vectors, {&one, 1}, whole);
      for (int i = 0; i < rows; ++i)
        for (int l = 0; l < panel; l += lanes) put(i, p * panel + l, load(sums + i * panel + l));
    }
  }
};

// Two groups by two panels.
struct by_quarters {
  static constexpr int together = 2, least = least_rows_of_two, depth_unit = 2 * lanes, sums = 7 * tile_rows * panel;

  static constexpr std::size_t packed(int rows, int whole) { return by_groups::packed(rows, whole) + quarter_sums(rows / 2, whole); }
  static void pack(matrix_ref a, int count, int depth, int rows, int whole, float* out) {
    int const group = rows / 2, first = std::min(count, group);
    std::size_t const size = by_groups::packed(group, whole);
    pack_rows(a, first, depth, group, whole, out);
    pack_rows(a.from(first, 0), count - first, depth, group, whole, out + size);
    sum_quarters(pair_in(out, rows, whole), out + 2 * size);
  }
  template <class Put>
  static void multiply(int rows, int whole, float const* a, float const* panels, int panel_count, float* sums, Put put) {
    paired_rows const pair = pair_in(a, rows, whole);
    std::ptrdiff_t const size = static_cast<std::ptrdiff_t>(whole) * panel;
    for (int p = 0; p < panel_count; p += 2) {
      multiply_quarters(pair, panels + p * size, panels + (p + 1) * size, sums);
      gather_quarters(pair.rows, sums, [&](int group, int i, int of_two, int v, vec sum) {
        put(group * pair.rows + i, (p + of_two) * panel + v * lanes, sum);
      });
    }
  }

 private:
  static paired_rows pair_in(float const* a, int rows, int whole) {
    std::size_t const size = by_groups::packed(rows / 2, whole);
    return {rows / 2, whole, a, a + size, a + 2 * size};
  }
};

// The rows of every image in blocks as equal as a way allows. What a block has beyond its image's rows is packed as zeros.
template <class Way>
struct row_blocks {
  int image_rows, of_image, units, count;  // blocks of an image, its units of Way::together rows; blocks of all images

  explicit row_blocks(int m, int images = 1)
      : image_rows(m / images),
        of_image((image_rows + Way::together * tile_rows - 1) / (Way::together * tile_rows)),
        units(std::max((image_rows + Way::together - 1) / Way::together, Way::least * of_image)),
        count(images * of_image) {
    FRCNN_ASSERT(image_rows * images == m);
  }
  int rows_of_image() const { return Way::together * units; }                            // with those packed as zeros
  int most_rows() const { return Way::together * ((units + of_image - 1) / of_image); }  // of one block

  // Block i: where it begins among all packed rows, and in the matrix; its rows, and how many of them the matrix has.
  struct block {
    int packed, first, rows, count;
  };
  block operator[](int i) const {
    int const image = i / of_image, begin = within(i % of_image), rows = within(i % of_image + 1) - begin;
    return {image * rows_of_image() + begin, image * image_rows + begin, rows, std::min(rows, image_rows - begin)};
  }

 private:
  int within(int i) const { return Way::together * static_cast<int>(static_cast<std::ptrdiff_t>(units) * i / of_image); }
};

// The most that is packed at once; panels are a multiple of Way::together.
struct blocking {
  int depth, panels;
};

// How workers share a product: `rows` parts of the blocks of rows, `columns` workers for each. The workers of a part take batches of
// columns one by one, so that one that is late delays no other. Each packs what it multiplies, some of it for the second time: processors
// may have no cache in common, and then what one has written comes to another more slowly than it is packed.
struct worker_grid {
  int rows = 1, columns = 1;

  int size() const { return rows * columns; }
  int most_blocks(int blocks) const { return (blocks + rows - 1) / rows; }  // of one worker
  int most_batches(int batches) const { return (batches + columns - 1) / columns; }
  // The blocks [first, second) of a part.
  std::pair<int, int> blocks_of(int part, int blocks) const {
    auto const begin = [=, this](int at) { return static_cast<int>(static_cast<std::ptrdiff_t>(blocks) * at / rows); };
    return {begin(part), begin(part + 1)};
  }

  // The grid whose workers have least to do, where the packed rows of all of them, row_floats each, fit into a cache.
  static worker_grid of(int threads, int blocks, int block_rows, int batches, int batch_columns, std::size_t row_floats) {
    constexpr double packing = 16;  // multiplications that an element of a row or of a column costs
    constexpr double cache = 24.0 * (1 << 20) / sizeof(float);
    worker_grid best;
    double least = 0;
    for (int rows = 1; rows <= std::min(threads, blocks); ++rows) {
      worker_grid const grid{rows, std::min(threads / rows, batches)};
      double const m = grid.most_blocks(blocks) * block_rows, n = grid.most_batches(batches) * batch_columns;
      bool const fits = m * static_cast<double>(row_floats) * grid.size() <= cache;
      double const work = (m * n + packing * (m + n)) * (fits ? 1 : 2);
      if (rows == 1 || work < least) least = work, best = grid;
    }
    return best;
  }
};

// Which batch of columns comes next in a part, block of depth after block of depth: the sums of a batch are added to in this order, and
// the thread that takes it waits until its block of depth before has been added.
class batch_order {
 public:
  batch_order(cpu::context& c, int parts, int batches) : batches_(batches) {
    std::size_t const n = static_cast<std::size_t>(parts) * static_cast<std::size_t>(batches + 1);
    state_ = c.scratch_of<std::atomic<int>>(n);
    for (std::size_t i = 0; i < n; ++i) new (state_ + i) std::atomic<int>(0);
  }
  int take(int part) const { return of(part)[0].fetch_add(1, std::memory_order_relaxed); }
  void wait_for(int part, int batch, int depth) const {
    auto& added = of(part)[1 + batch];
    for (int now = added.load(std::memory_order_acquire); now < depth; now = added.load(std::memory_order_acquire))
      added.wait(now, std::memory_order_acquire);
  }
  void done(int part, int batch, int depth) const {
    auto& added = of(part)[1 + batch];
    added.store(depth + 1);
    added.notify_all();
  }

 private:
  std::atomic<int>* of(int part) const { return state_ + static_cast<std::ptrdiff_t>(part) * (batches_ + 1); }

  int batches_;
  std::atomic<int>* state_;
};

template <class Way>
void product(cpu::context& c, blocking most, int m, int n, int k, matrix_ref a, matrix_ref b, float* out, std::ptrdiff_t out_stride,
             bool add, int images = 1) {
  row_blocks<Way> const blocks(m, images);
  int const block_rows = blocks.most_rows(), batch = most.panels * panel, batches = (n + batch - 1) / batch;
  int const deepest = rounded(std::min(k, most.depth), Way::depth_unit);
  worker_grid const grid = worker_grid::of(c.threads(), blocks.count, block_rows, batches, batch, Way::packed(2, deepest) / 2);
  // A worker's: its rows, the panels of a batch, sums of a block, a panel's rows as they were.
  std::size_t const rows_size = Way::packed(grid.most_blocks(blocks.count) * block_rows, deepest);
  std::size_t const panels_size = static_cast<std::size_t>(deepest) * static_cast<std::size_t>(batch);
  std::size_t const room = rows_size + panels_size + Way::sums + line_floats(deepest);
  cpu::context::frame const scope(c);
  float* const memory = c.scratch_of<float>(room * static_cast<std::size_t>(grid.size()));
  int const depths = (k + most.depth - 1) / most.depth;
  batch_order const order(c, grid.rows, batches);
  parallel_members(c, grid.size(), [=](int worker) {
    float* const packed = memory + room * static_cast<std::size_t>(worker);
    float *const panels = packed + rows_size, *const sums = panels + panels_size, *const line = sums + Way::sums;
    for (int p = 0; p < grid.rows; ++p) {  // its own part first, then what others have left
      int const part = (worker / grid.columns + p) % grid.rows;
      auto const [first_block, last_block] = grid.blocks_of(part, blocks.count);
      int const first_packed = blocks[first_block].packed;
      for (int at = order.take(part), packed_depth = -1; at < depths * batches; at = order.take(part)) {
        int const d = at / batches, b_at = at % batches, k0 = d * most.depth;
        int const depth = std::min(most.depth, k - k0), whole = rounded(depth, Way::depth_unit);
        bool const sum = add || k0 > 0;
        if (d != packed_depth)
          for (int i = first_block; i < last_block; ++i) {
            auto const block = blocks[i];
            Way::pack(a.from(block.first, k0), block.count, depth, block.rows, whole,
                      packed + Way::packed(block.packed - first_packed, whole));
          }
        packed_depth = d;
        int const n0 = b_at * batch, columns = std::min(batch, n - n0);
        int const panel_count = rounded(columns, panel * Way::together) / panel;
        pack_panels(b.from(k0, n0), depth, columns, whole, panel_count, line, panels);
        order.wait_for(part, b_at, d);
        for (int i = first_block; i < last_block; ++i) {
          auto const block = blocks[i];
          float* const to = out + block.first * out_stride + n0;
          if (sum)
            for (int r = 0; r < block.count; ++r)
              for (int l = 0; l < columns; l += lanes) __builtin_prefetch(to + r * out_stride + l, 1);
          Way::multiply(block.rows, whole, packed + Way::packed(block.packed - first_packed, whole), panels, panel_count, sums,
                        [=, count = block.count](int row, int column, vec v) {
                          if (row < count && column < columns) put(to + row * out_stride + column, v, columns - column, sum);
                        });
        }
        order.done(part, b_at, d);
      }
    }
  });
}

}  // namespace detail

inline void product(cpu::context& c, int m, int n, int k, matrix_ref a, matrix_ref b, float* out, std::ptrdiff_t out_stride, bool add,
                    int images = 1) {
  using detail::by_groups, detail::by_quarters;
  if (k == 0 && !add)
    for (int i = 0; i < m; ++i) std::fill_n(out + i * out_stride, n, 0.f);
  if (m == 0 || n == 0 || k == 0) return;
  // A row-major b is read in runs of a row: more panels at once. Transposed ones that come from memory are read in long runs of depth;
  // those that a cache holds are packed in more panels at once.
  if (!b.transposed) return detail::product<by_groups>(c, {512, 8}, m, n, k, a, b, out, out_stride, add);
  if (static_cast<std::size_t>(n) * static_cast<std::size_t>(k) <= (std::size_t{4} << 20))
    return detail::product<by_groups>(c, {512, 4}, m, n, k, a, b, out, out_stride, add);
  int const image_rows = m / images;
  if (c.options().strassen && detail::row_blocks<by_quarters>(image_rows).rows_of_image() <= image_rows + image_rows / 32)  // few zeros
    return detail::product<by_quarters>(c, {2048, 2}, m, n, k, a, b, out, out_stride, add, images);
  detail::product<by_groups>(c, {2048, 2}, m, n, k, a, b, out, out_stride, add);
}

}  // namespace frcnn::cpu_backend::simd
FRCNN_HIDDEN_END

#endif
