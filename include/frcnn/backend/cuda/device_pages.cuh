#pragma once
// A range of a device's addresses, into which memory is mapped (CUDA's virtual memory management): what growing_arena stands on.
#include "frcnn/backend/cuda/memory_pools.cuh"
#include "frcnn/backend/cuda/status.cuh"
#include "frcnn/core/checked.hpp"

#include <memory>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

class device_pages {
 public:
  // most: bytes; 0: as much as the device has. The device is current, and its primary context exists.
  device_pages(std::shared_ptr<cuda_calls> calls, int device, std::size_t most) : calls_(std::move(calls)) {
    property_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    property_.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    property_.location.id = device;
    if (most == 0) {
      std::size_t free = 0;
      call(
          *calls_, {"cudaMemGetInfo"}, [](std::size_t* f, std::size_t* total) { return cudaMemGetInfo(f, total); }, &free, &most);
    }
    auto const granularity = driver_function<CUresult (*)(std::size_t*, CUmemAllocationProp const*, CUmemAllocationGranularity_flags)>(
        "cuMemGetAllocationGranularity", 10020);
    call(*calls_, {"cuMemGetAllocationGranularity"}, granularity, &granularity_, &property_, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    size_ = checked::sum(most, granularity_ - 1) / granularity_ * granularity_;
    auto const reserve = driver_function<CUresult (*)(CUdeviceptr*, std::size_t, std::size_t, CUdeviceptr, unsigned long long)>(
        "cuMemAddressReserve", 10020);
    call(*calls_, {"cuMemAddressReserve"}, reserve, &base_, size_, granularity_, CUdeviceptr{0}, 0ull);
  }
  device_pages(device_pages&& other) noexcept
      : calls_(std::move(other.calls_)),
        property_(other.property_),
        base_(std::exchange(other.base_, 0)),
        size_(other.size_),
        granularity_(other.granularity_),
        mapped_(std::exchange(other.mapped_, 0)) {}
  device_pages& operator=(device_pages&&) = delete;
  // What was queued has run.
  ~device_pages() {
    if (base_ == 0) return;
    try {
      if (mapped_) driver_function<CUresult (*)(CUdeviceptr, std::size_t)>("cuMemUnmap", 10020)(base_, mapped_);
      driver_function<CUresult (*)(CUdeviceptr, std::size_t)>("cuMemAddressFree", 10020)(base_, size_);
    } catch (error const&) {  // the driver has gone before us: at the end of the process
    }
  }

  std::byte* base() const noexcept { return reinterpret_cast<std::byte*>(base_); }
  std::size_t size() const noexcept { return size_; }
  std::size_t granularity() const noexcept { return granularity_; }

  void map(std::size_t offset, std::size_t bytes) {
    auto const create =
        driver_function<CUresult (*)(CUmemGenericAllocationHandle*, std::size_t, CUmemAllocationProp const*, unsigned long long)>(
            "cuMemCreate", 10020);
    auto const map = driver_function<CUresult (*)(CUdeviceptr, std::size_t, std::size_t, CUmemGenericAllocationHandle, unsigned long long)>(
        "cuMemMap", 10020);
    auto const unmap = driver_function<CUresult (*)(CUdeviceptr, std::size_t)>("cuMemUnmap", 10020);
    auto const release = driver_function<CUresult (*)(CUmemGenericAllocationHandle)>("cuMemRelease", 10020);
    auto const allow =
        driver_function<CUresult (*)(CUdeviceptr, std::size_t, CUmemAccessDesc const*, std::size_t)>("cuMemSetAccess", 10020);
    call(*calls_, {"cudaSetDevice"}, cudaSetDevice, property_.location.id);  // the thread may be another than that of the constructor
    CUmemGenericAllocationHandle memory{};
    call(
        *calls_, {"cuMemCreate", cuda_calls::allocates},
        [create](CUmemGenericAllocationHandle* m, std::size_t n, CUmemAllocationProp const* p) {
          return memory_pools::retried([&] { return create(m, n, p, 0ull); }, CUDA_ERROR_OUT_OF_MEMORY);
        },
        &memory, bytes, &property_);
    CUresult const status = map(base_ + offset, bytes, 0, memory, 0);
    release(memory);  // it lives as long as it is mapped
    check_status({"cuMemMap"}, status);
    CUmemAccessDesc const access{property_.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    if (CUresult const allowed = allow(base_ + offset, bytes, &access, 1); allowed != CUDA_SUCCESS) {
      unmap(base_ + offset, bytes);
      check_status({"cuMemSetAccess"}, allowed);
    }
    mapped_ = offset + bytes;
  }

 private:
  std::shared_ptr<cuda_calls> calls_;
  CUmemAllocationProp property_{};
  CUdeviceptr base_ = 0;
  std::size_t size_ = 0, granularity_ = 0, mapped_ = 0;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
