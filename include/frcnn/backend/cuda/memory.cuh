#pragma once
// A device's stream, and the blocks of memory that are given back in its order: of the device, and pinned ones of the host.
//
// Device memory comes from a pool of the stream's own (the process's default pool stays as it is), which keeps what it was given back until
// an allocation of any stream finds no memory.
// Pinned memory that is given up waits, with an event behind what was queued before, until that has run; then it is handed out again. Freeing
// it may wait for the device, and is counted as a wait: that happens where an allocation finds none left, or where more than four times as
// much lies unused as is in use, so seldom where images grow. The end of the stream, which goes with the last of its blocks, waits.
// What is given up while a graph is captured goes back after it: the stream's order is the graph's then, and not of blocks made before.
#include "frcnn/backend/cuda/memory_pools.cuh"
#include "frcnn/backend/cuda/status.cuh"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

class device_stream {
 public:
  explicit device_stream(int device) : device_(device), calls_(std::make_shared<cuda_calls>()) {
    int devices = 0;
    cudaError_t const found = cudaGetDeviceCount(&devices);
    if (found != cudaSuccess || devices == 0) {
      static_cast<void>(cudaGetLastError());
      throw error("cuda context", "a CUDA device",
                  std::string("none") + (found == cudaSuccess ? "" : std::string(" (") + cudaGetErrorString(found) + ")"));
    }
    if (device < 0 || device >= devices)
      throw error("cuda context", "a device from 0 to " + std::to_string(devices - 1), std::to_string(device));
    make_current();
    call(*calls_, {"cudaFree"}, [] { return cudaFree(nullptr); });  // makes the device's primary context, which the driver's functions need
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = device;
    call(*calls_, {"cudaMemPoolCreate"}, cudaMemPoolCreate, &pool_, &properties);
    try {
      std::uint64_t all = ~std::uint64_t{0};
      call(*calls_, {"cudaMemPoolSetAttribute"}, cudaMemPoolSetAttribute, pool_, cudaMemPoolAttrReleaseThreshold, static_cast<void*>(&all));
      call(
          *calls_, {"cudaStreamCreateWithFlags"}, [](cudaStream_t* s, unsigned flags) { return cudaStreamCreateWithFlags(s, flags); },
          &stream_, cudaStreamNonBlocking);
      memory_pools::add(pool_);
    } catch (...) {
      if (stream_) cudaStreamDestroy(stream_);
      cudaMemPoolDestroy(pool_);
      throw;
    }
  }
  device_stream(device_stream const&) = delete;
  device_stream& operator=(device_stream const&) = delete;
  ~device_stream() {
    cudaSetDevice(device_);
    free_late();
    cudaStreamSynchronize(stream_);
    for (retired const& r : retired_) {
      cudaEventDestroy(r.used);
      cudaFreeHost(r.data);
    }
    cudaStreamDestroy(stream_);
    memory_pools::remove(pool_);
    cudaMemPoolDestroy(pool_);
  }

  // Of the calling thread: before every call that concerns the device.
  void make_current() { call(*calls_, {"cudaSetDevice"}, cudaSetDevice, device_); }
  int device() const noexcept { return device_; }
  cudaStream_t handle() const noexcept { return stream_; }
  cuda_calls& calls() noexcept { return *calls_; }
  std::shared_ptr<cuda_calls> const& shared_calls() const noexcept { return calls_; }

  void* allocate(std::size_t bytes) {
    make_current();
    free_late();
    void* p = nullptr;
    call(
        *calls_, {"cudaMallocFromPoolAsync", cuda_calls::allocates},
        [](void** to, std::size_t n, cudaMemPool_t pool, cudaStream_t s) {
          return memory_pools::retried([&] { return cudaMallocFromPoolAsync(to, n, pool, s); }, cudaErrorMemoryAllocation);
        },
        &p, std::max<std::size_t>(bytes, 1), pool_, stream_);
    return p;
  }
  void free(void* p) noexcept {
    cudaSetDevice(device_);
    cuda_calls::count_free();
    if (!calls_->is_capturing()) {
      cudaFreeAsync(p, stream_);
      return;
    }
    std::lock_guard const lock(guard_);
    try {
      late_.push_back(p);
    } catch (std::bad_alloc const&) {  // it stays in use
    }
  }

  // Bytes is set to the size of the block, which may be one that was there.
  void* allocate_host(std::size_t& bytes) {
    if (calls_->is_capturing()) calls_->admit("cudaMallocHost", cuda_calls::allocates);  // nor may events be asked
    make_current();
    std::lock_guard const lock(guard_);
    bytes = std::max<std::size_t>(bytes, 1);
    for (retired& r : retired_)
      if (r.bytes >= bytes && r.bytes / 2 <= bytes && has_run(r)) {
        cudaEventDestroy(r.used);
        bytes = r.bytes;
        ++handed_out_;
        in_use_ += bytes;
        void* const p = r.data;
        unlist(r);
        return p;
      }
    if (unused_ / 4 > in_use_ + bytes) free_unused();
    retired_.reserve(retired_.size() + handed_out_ + 1);  // so that giving one up cannot fail
    void* p = nullptr;
    call(
        *calls_, {"cudaMallocHost", cuda_calls::allocates},
        [this](void** to, std::size_t n) {
          cudaError_t const first = cudaMallocHost(to, n);
          if (first != cudaErrorMemoryAllocation) return first;
          static_cast<void>(cudaGetLastError());
          free_unused();
          return cudaMallocHost(to, n);
        },
        &p, bytes);
    ++handed_out_;
    in_use_ += bytes;
    return p;
  }
  void retire_host(void* p, std::size_t bytes) noexcept {
    cudaSetDevice(device_);
    std::lock_guard const lock(guard_);
    --handed_out_;
    in_use_ -= bytes;
    cudaEvent_t used = nullptr;
    bool const is_recorded = !calls_->is_capturing();
    if (cudaEventCreateWithFlags(&used, cudaEventDisableTiming) != cudaSuccess ||
        (is_recorded && cudaEventRecord(used, stream_) != cudaSuccess)) {
      calls_->count_wait();
      cudaStreamSynchronize(stream_);
      if (used) cudaEventDestroy(used);
      cudaFreeHost(p);
      return;
    }
    retired_.push_back({p, bytes, used, is_recorded});
    unused_ += bytes;
  }

 private:
  struct retired {
    void* data;
    std::size_t bytes;
    cudaEvent_t used;  // recorded when it was given up
    bool is_recorded;
  };

  void unlist(retired& r) noexcept {
    unused_ -= r.bytes;
    r = retired_.back();
    retired_.pop_back();
  }
  // Those whose work has run. No graph is captured.
  void free_unused() noexcept {
    for (std::size_t i = 0; i < retired_.size();) {
      retired& r = retired_[i];
      if (!has_run(r)) {
        ++i;
        continue;
      }
      cudaEventDestroy(r.used);
      calls_->count_wait();
      cudaFreeHost(r.data);
      unlist(r);
    }
  }
  // No graph is captured.
  bool has_run(retired& r) noexcept {
    if (!r.is_recorded) r.is_recorded = cudaEventRecord(r.used, stream_) == cudaSuccess;
    if (r.is_recorded && cudaEventQuery(r.used) == cudaSuccess) return true;
    static_cast<void>(cudaGetLastError());  // "not ready" would wait to be found by the next call that looks
    return false;
  }
  void free_late() noexcept {
    if (calls_->is_capturing()) return;
    std::lock_guard const lock(guard_);
    for (void* const p : late_) cudaFreeAsync(p, stream_);
    late_.clear();
  }

  int device_;
  std::shared_ptr<cuda_calls> calls_;
  cudaMemPool_t pool_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::mutex guard_;
  std::vector<retired> retired_;
  std::vector<void*> late_;                               // given up while a graph was captured
  std::size_t handed_out_ = 0, in_use_ = 0, unused_ = 0;  // pinned blocks in use, and bytes
};

// A block of the device's memory (IsHost: of pinned memory), given back in the order of its stream.
template <bool IsHost>
class stream_memory {
 public:
  stream_memory() = default;
  stream_memory(std::shared_ptr<device_stream> where, std::size_t bytes) : where_(std::move(where)), bytes_(bytes) {
    data_ = IsHost ? where_->allocate_host(bytes_) : where_->allocate(bytes_);
  }
  stream_memory(stream_memory&& other) noexcept
      : where_(std::move(other.where_)), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  stream_memory& operator=(stream_memory&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~stream_memory() {
    if (!data_) return;
    if constexpr (IsHost) where_->retire_host(data_, bytes_);
    else where_->free(data_);
  }
  void* data() const noexcept { return data_; }

 private:
  std::shared_ptr<device_stream> where_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
