#pragma once
// Device memory that streams' pools keep for themselves: where an allocation finds none, what is unused goes back and it is tried again.
//
// Example: memory_pools::retried([&] { return cudaMallocFromPoolAsync(to, n, pool, stream); }, cudaErrorMemoryAllocation);
#include "frcnn/config.hpp"

#include <cuda_runtime_api.h>

#include <mutex>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

class memory_pools {
 public:
  static void add(cudaMemPool_t pool) {
    auto& all = instance();
    std::lock_guard const lock(all.guard_);
    all.pools_.push_back(pool);
  }
  static void remove(cudaMemPool_t pool) {
    auto& all = instance();
    std::lock_guard const lock(all.guard_);
    std::erase(all.pools_, pool);
  }
  // allocate() gives a status; a second time where the first says none_left.
  template <class Status, class Allocate>
  static Status retried(Allocate const& allocate, Status none_left) {
    Status const first = allocate();
    if (first != none_left) return first;
    static_cast<void>(cudaGetLastError());
    trim();
    return allocate();
  }

 private:
  static memory_pools& instance() {
    static memory_pools& all = *new memory_pools;  // streams may end later than what is static
    return all;
  }
  static void trim() {
    auto& all = instance();
    std::lock_guard const lock(all.guard_);
    for (auto const pool : all.pools_)
      if (cudaMemPoolTrimTo(pool, 0) != cudaSuccess) static_cast<void>(cudaGetLastError());
  }

  std::mutex guard_;
  std::vector<cudaMemPool_t> pools_;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
