#pragma once
// launch(context, blocks, kernel) on a GPU: a block-level kernel (block.hpp) as a __global__ function.
//
// A file that nvcc compiles has the kernels of what it instantiates. Another compiler sees a declaration: its file launches the kernels that
// a file of nvcc's has, of the same build (config.hpp), such as the compiled library's (presets/cuda_instances.cuh); the linker names one
// that none has.
#include "frcnn/backend/cuda/block.hpp"
#include "frcnn/backend/cuda/context.cuh"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

#if !defined(__CUDACC__)

template <BlockKernel Kernel>
void launch(cuda::context& c, std::size_t blocks, Kernel const& kernel);

#else

namespace detail {

// Its functions do something in device code only; host code compiles them, and never runs them.
template <BlockKernel Kernel>
class device_block {
 public:
  using shared_state = typename Kernel::shared_state;
  static constexpr int threads = Kernel::threads;

  template <class T>
  class per_thread {
   public:
    FRCNN_HD T& operator[](int) { return value_; }

   private:
    T value_;
  };

  FRCNN_HD explicit device_block(shared_state& shared) : shared_(shared) {}
  FRCNN_HD std::size_t index() const {
#if defined(__CUDA_ARCH__)
    return blockIdx.x;
#else
    return 0;
#endif
  }
  FRCNN_HD shared_state& shared() const { return shared_; }
  template <class F>
  FRCNN_HD void each(F f) const {
#if defined(__CUDA_ARCH__)
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
#endif
  }
  template <class T>
  FRCNN_HD T read(T const& x) const {
    T const value = x;
#if defined(__CUDA_ARCH__)
    __syncthreads();
#endif
    return value;
  }
  template <class Integer>
  FRCNN_HD void add(Integer& counter, std::type_identity_t<Integer> n) const {
    static_assert(std::is_integral_v<Integer>);
#if defined(__CUDA_ARCH__)
    atomicAdd(&counter, n);
#endif
  }

 private:
  shared_state& shared_;
};

template <BlockKernel Kernel>
__global__ void __launch_bounds__(Kernel::threads) run_block(Kernel const kernel) {
  __shared__ typename Kernel::shared_state shared;
  device_block<Kernel> block(shared);
  kernel(block);
}

}  // namespace detail

template <BlockKernel Kernel>
FRCNN_NOINLINE void launch(cuda::context& c, std::size_t blocks, Kernel const& kernel) {
  if (blocks == 0) return;
  c.count_launch(blocks);
  Kernel copy = kernel;
  void* arguments[] = {&copy};
  c.call(
      {"cudaLaunchKernel"},
      [](void const* f, unsigned grid, void** given, cudaStream_t stream) {
        return cudaLaunchKernel(f, dim3(grid), dim3(Kernel::threads), given, 0, stream);
      },
      reinterpret_cast<void const*>(&detail::run_block<Kernel>), static_cast<unsigned>(blocks), static_cast<void**>(arguments), c.stream());
}

#endif

}  // namespace frcnn
FRCNN_HIDDEN_END
