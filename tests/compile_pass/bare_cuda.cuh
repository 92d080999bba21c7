#pragma once
// A cuda tag with nothing but memory and the executor: its context is one stream, its arena one allocation, and its words are the plainest
// kernels that are right.
// The real one comes under include/frcnn/backend/cuda. This one keeps the algorithms honest until then: whatever they ask of a device must
// compile for one.
#include "frcnn/core/error.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/param.hpp"
#include "frcnn/geometry/iou.hpp"

#include <cuda_runtime.h>
#include <memory>
#include <new>
#include <utility>

namespace bare {

using frcnn::shape;
using frcnn::view;

inline void check(cudaError_t status) {
  if (status != cudaSuccess) throw frcnn::error("cuda", "success", cudaGetErrorString(status));
}

// What blocks and events are freed in the order of: it goes with the last of them.
struct stream {
  cudaStream_t handle = nullptr;
  stream() { check(cudaStreamCreate(&handle)); }
  ~stream() { cudaStreamDestroy(handle); }
  stream(stream const&) = delete;
  stream& operator=(stream const&) = delete;
};

// Of the device, freed in the stream's order; of the host (pinned), freed when what was queued has run.
template <bool IsHost>
class block {
 public:
  block() = default;
  block(std::shared_ptr<stream> where, std::size_t bytes) : where_(std::move(where)) {
    auto const status = IsHost ? cudaMallocHost(&data_, bytes ? bytes : 1) : cudaMallocAsync(&data_, bytes ? bytes : 1, where_->handle);
    if (status != cudaSuccess) throw std::bad_alloc();
  }
  block(block&& other) noexcept : where_(std::move(other.where_)), data_(std::exchange(other.data_, nullptr)) {}
  block& operator=(block&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~block() {
    if (!data_) return;
    if constexpr (IsHost) {
      cudaStreamSynchronize(where_->handle);
      cudaFreeHost(data_);
    } else {
      cudaFreeAsync(data_, where_->handle);
    }
  }
  void* data() const noexcept { return data_; }

 private:
  std::shared_ptr<stream> where_;
  void* data_ = nullptr;
};

struct cuda {
  // Logical [N, C, H, W].
  template <class T>
  struct activation {
    T* data = nullptr;
    shape<4> dims{};
  };
  struct options {
    std::size_t arena_bytes = std::size_t{1} << 30;
  };
  using memory = block<false>;
  using host_memory = block<true>;
  class context;
  class event;
  static constexpr bool in_host_memory = false;
};

class cuda::context {
 public:
  explicit context(options o = {}) : arena_(allocate(o.arena_bytes)), size_(o.arena_bytes) {}
  ~context() { cudaStreamSynchronize(stream()); }
  context(context const&) = delete;
  context& operator=(context const&) = delete;

  class frame {
   public:
    explicit frame(context& c) : c_(c), mark_(c.used_) {}
    ~frame() { c_.used_ = mark_; }
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;

   private:
    context& c_;
    std::size_t mark_;
  };

  cudaStream_t stream() const { return stream_->handle; }

  memory allocate(std::size_t bytes) { return {stream_, bytes}; }
  host_memory allocate_host(std::size_t bytes) { return {stream_, bytes}; }
  void copy_in(void* device, void const* host, std::size_t bytes) {
    check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream()));
  }
  void copy_out(void* host, void const* device, std::size_t bytes) {
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream()));
  }
  void copy(void* to, void const* from, std::size_t bytes) { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream())); }
  void wait() { check(cudaStreamSynchronize(stream())); }

  void* scratch(std::size_t bytes) {
    std::size_t const begin = used_;
    used_ += (bytes + 255) / 256 * 256;
    if (used_ > size_) throw std::bad_alloc();
    return static_cast<char*>(arena_.data()) + begin;
  }
  template <class T>
  static std::size_t storage(shape<4> s) {
    return s.size();
  }
  template <class T>
  activation<T> make(shape<4> s) {
    return make_at<T>(scratch(s.size() * sizeof(T)), s);
  }
  template <class T>
  static activation<T> make_at(void* memory, shape<4> s) {
    return {static_cast<T*>(memory), s};
  }
  template <class T>
  void from_plain(std::type_identity_t<view<T const, 4, cuda>> plain, activation<T> a) {
    copy(a.data, plain.data, plain.size() * sizeof(T));
  }
  template <class T>
  void to_plain(activation<T> a, std::type_identity_t<view<T, 4, cuda>> plain) {
    copy(plain.data, a.data, plain.size() * sizeof(T));
  }

 private:
  std::shared_ptr<bare::stream> stream_ = std::make_shared<bare::stream>();
  memory arena_;
  std::size_t size_, used_ = 0;
};

class cuda::event {
 public:
  event() = default;
  event(event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  event& operator=(event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  ~event() {
    if (event_) cudaEventDestroy(event_);
  }
  void record(context& c) {
    if (!event_) check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    check(cudaEventRecord(event_, c.stream()));
  }
  bool done() const { return !event_ || cudaEventQuery(event_) == cudaSuccess; }
  void wait() const {
    if (event_) check(cudaEventSynchronize(event_));
  }

 private:
  cudaEvent_t event_ = nullptr;
};

static_assert(frcnn::Backend<cuda> && frcnn::PlainLayout<cuda>);

namespace kernel {

template <class F>
__global__ void each(std::size_t n, F f) {
  std::size_t const threads = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += threads) f(i);
}

// A block sorts a segment: the rank of a key is the number of those before it.
template <class Key>
__global__ void sort(view<Key const, 2, cuda> keys, view<std::int32_t, 2, cuda> order, view<std::int32_t, 1, cuda> live) {
  int const s = static_cast<int>(blockIdx.x), k = keys.dims[1], m = order.dims[1];
  Key const* const key = keys.data + static_cast<std::size_t>(s) * k;
  auto const alive = [](Key v) { return v == v && v != frcnn::dead_key<Key>; };
  for (int i = static_cast<int>(threadIdx.x); i < m; i += static_cast<int>(blockDim.x)) order(s, i) = -1;
  if (threadIdx.x == 0) live(s) = 0;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < k; i += static_cast<int>(blockDim.x)) {
    if (!alive(key[i])) continue;
    int rank = 0;
    for (int j = 0; j < k; ++j) rank += alive(key[j]) && (key[j] > key[i] || (key[j] == key[i] && j < i));
    if (rank >= m) continue;
    order(s, rank) = i;
    atomicAdd(&live(s), 1);
  }
}

// The others: a thread for each segment.
template <class In, class Out>
struct scan {
  view<In, 2, cuda> in;
  view<Out, 2, cuda> out;
  __device__ void operator()(std::size_t s) const {
    Out sum{};
    for (int i = 0; i < in.dims[1]; ++i) {
      Out const next = static_cast<Out>(sum + in(s, i));
      out(s, i) = sum;
      sum = next;
    }
  }
};
template <class Flag>
struct select {
  view<Flag, 2, cuda> flags;
  view<std::int32_t, 2, cuda> index;
  view<std::int32_t, 1, cuda> count;
  __device__ void operator()(std::size_t s) const {
    int found = 0;
    for (int i = 0; i < flags.dims[1] && found < index.dims[1]; ++i)
      if (flags(s, i)) index(s, found++) = i;
    count(s) = found;
    for (; found < index.dims[1]; ++found) index(s, found) = -1;
  }
};
template <class T, class F, class Op>
struct reduce {
  int k;
  T init;
  F f;
  Op op;
  view<T, 1, cuda> out;
  __device__ void operator()(std::size_t s) const {
    T sum = init;
    for (int i = 0; i < k; ++i) sum = op(sum, static_cast<T>(f(static_cast<int>(s), i)));
    out(s) = sum;
  }
};
template <class Box, class Suppress>
struct sweep {
  frcnn::counted<Box, 2, cuda> boxes;
  Suppress suppress;
  frcnn::counted<std::int32_t, 2, cuda> keep;
  __device__ void operator()(std::size_t s) const {
    int const m = keep.rows.dims[1];
    int kept = 0;
    for (int i = 0; i < boxes.count(s) && kept < m; ++i) {
      bool suppressed = false;
      for (int j = 0; j < kept && !suppressed; ++j) suppressed = suppress(frcnn::iou(boxes.rows(s, keep.rows(s, j)), boxes.rows(s, i)));
      if (!suppressed) keep.rows(s, kept++) = i;
    }
    keep.count(s) = kept;
    for (; kept < m; ++kept) keep.rows(s, kept) = -1;
  }
};

}  // namespace kernel
}  // namespace bare

namespace frcnn {

template <>
struct exec<bare::cuda> {
  using cuda = bare::cuda;

  template <class F>
  static void for_each(cuda::context& c, std::size_t n, F f) {
    static_assert(std::is_trivially_copyable_v<F>);
    if (n == 0) return;
    constexpr std::size_t block = 128;
    std::size_t const blocks = (n + block - 1) / block;
    bare::kernel::each<<<static_cast<unsigned>(blocks < 65535 ? blocks : 65535), block, 0, c.stream()>>>(n, f);
    bare::check(cudaGetLastError());
  }
  template <class Key>
  static void segmented_sort(cuda::context& c, view<Key, 2, cuda> keys, view<std::int32_t, 2, cuda> order,
                             view<std::int32_t, 1, cuda> live) {
    if (keys.dims[0] == 0) return;
    bare::kernel::sort<std::remove_const_t<Key>><<<static_cast<unsigned>(keys.dims[0]), 256, 0, c.stream()>>>(keys, order, live);
    bare::check(cudaGetLastError());
  }
  template <class In, class Out>
  static void scan(cuda::context& c, view<In, 2, cuda> in, view<Out, 2, cuda> out) {
    for_each(c, static_cast<std::size_t>(in.dims[0]), bare::kernel::scan<In, Out>{in, out});
  }
  template <class Flag>
  static void select(cuda::context& c, view<Flag, 2, cuda> flags, view<std::int32_t, 2, cuda> index, view<std::int32_t, 1, cuda> count) {
    for_each(c, static_cast<std::size_t>(flags.dims[0]), bare::kernel::select<Flag>{flags, index, count});
  }
  template <class T, class F, class Op>
  static void segmented_reduce(cuda::context& c, int segments, int k, T init, F f, Op op, std::type_identity_t<view<T, 1, cuda>> out) {
    for_each(c, static_cast<std::size_t>(segments), bare::kernel::reduce<T, F, Op>{k, init, f, op, out});
  }
  template <class Box, class Suppress>
  static void nms_sweep(cuda::context& c, counted<Box, 2, cuda> boxes, Suppress suppress, counted<std::int32_t, 2, cuda> keep) {
    for_each(c, static_cast<std::size_t>(boxes.rows.dims[0]), bare::kernel::sweep<Box, Suppress>{boxes, suppress, keep});
  }
};

}  // namespace frcnn
