#pragma once
// Block-level kernels, written in phases, and the launcher that runs them on the host.
//
// A kernel is a trivially copyable struct, whose members are its arguments (views, numbers, functors):
//   static constexpr int threads                   of a block; at most 1024
//   struct shared_state                            the block's state in shared memory; trivial, at most 48 KiB. Starts undefined
//   template <class Block> FRCNN_HD void operator()(Block& block) const
// Its body is a row of phases. Block has:
//   block.each(f)              a phase: f(thread) for every thread of the block, in any order, then a barrier. What threads of one phase
//                              write, the others see in the next one. No thread reads what another of the same phase writes
//   block.shared()             shared_state&
//   block.index()              of this block among those launched. Blocks run in any order and share nothing
//   Block::per_thread<T>       a value for each thread that lives across phases: x[thread]. A register on a device. Starts undefined
//   block.add(counter, n)      in a phase: adds to an integer that several threads of the phase add to, and none of them reads
//   block.read(x)              between phases: the value of x, of shared() or of global memory, the same to all threads
// Between phases stands uniform code: it may branch, loop and return on what all threads compute alike (arguments, index, what read()
// gives), and writes to its own variables only. It reads memory that phases write by read() alone: a barrier follows, so that no thread is
// ahead in a phase that writes it.
//
// launch(context, blocks, kernel) runs it: on a GPU (launch.cuh), one thread of the device for each; on the host (here), thread by thread.
// There blocks and threads may also run in descending or shuffled order: results that differ show a read of what another thread of the
// phase wrote. State that starts undefined is filled with 0xff, which is NaN.
//
// Example: struct reverse {  // out[b, i] = in[b, 255 - i]
//            static constexpr int threads = 256;
//            struct shared_state { float x[256]; };
//            float const* in;  float* out;
//            template <class Block> FRCNN_HD void operator()(Block& block) const {
//              std::size_t const first = block.index() * 256;
//              block.each([&](int t) { block.shared().x[255 - t] = in[first + t]; });
//              block.each([&](int t) { out[first + t] = block.shared().x[t]; });
//            }
//          };
#include "frcnn/config.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class K>
concept BlockKernel =
    std::is_trivially_copyable_v<K> &&(K::threads > 0 && K::threads <= 1024) && std::is_trivial_v<typename K::shared_state> &&
    sizeof(typename K::shared_state) <= 48 * 1024;

// For kernels that share nothing.
struct no_shared_state {};

// The order in which the host runs blocks, and the threads of each phase.
enum class thread_order : std::uint8_t { ascending, descending, shuffled };

namespace detail {

// A permutation of 0 to n - 1, another one at each call.
class host_order {
 public:
  host_order(thread_order how, std::size_t n) : how_(how), at_(how == thread_order::ascending ? 0 : n) {
    std::iota(at_.begin(), at_.end(), std::size_t{0});
    if (how == thread_order::descending)
      for (std::size_t i = 0; i < n / 2; ++i) std::swap(at_[i], at_[n - 1 - i]);
  }
  void next() {
    if (how_ != thread_order::shuffled) return;
    for (std::size_t i = at_.size(); i > 1; --i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;  // Knuth's linear congruential generator, MMIX
      std::swap(at_[i - 1], at_[(state_ >> 33) % i]);
    }
  }
  std::size_t operator[](std::size_t i) const { return how_ == thread_order::ascending ? i : at_[i]; }

 private:
  thread_order how_;
  std::vector<std::size_t> at_;
  std::uint64_t state_ = 1;
};

template <BlockKernel Kernel>
class host_block {
 public:
  using shared_state = typename Kernel::shared_state;
  static constexpr int threads = Kernel::threads;

  template <class T>
  class per_thread {
    static_assert(std::is_trivially_copyable_v<T>);

   public:
    per_thread() : values_(new T[threads]) { std::memset(static_cast<void*>(values_.get()), 0xff, sizeof(T) * threads); }
    T& operator[](int thread) const { return values_[static_cast<std::size_t>(thread)]; }

   private:
    std::unique_ptr<T[]> values_;
  };

  explicit host_block(thread_order how) : shared_(new shared_state), order_(how, threads) {}

  std::size_t index() const { return index_; }
  shared_state& shared() const { return *shared_; }
  template <class F>
  void each(F f) {
    order_.next();
    for (std::size_t i = 0; i < threads; ++i) f(static_cast<int>(order_[i]));
  }
  template <class T>
  T read(T const& x) const {
    return x;
  }
  template <class Integer>
  void add(Integer& counter, std::type_identity_t<Integer> n) const {
    static_assert(std::is_integral_v<Integer>);  // whatever the order, the same sum
    counter = static_cast<Integer>(counter + n);
  }

  void start(std::size_t index) {
    index_ = index;
    std::memset(static_cast<void*>(shared_.get()), 0xff, sizeof(shared_state));
  }

 private:
  std::unique_ptr<shared_state> shared_;  // on the heap, so that the address sanitizer sees its ends
  host_order order_;
  std::size_t index_ = 0;
};

}  // namespace detail

template <BlockKernel Kernel>
void run_blocks_on_host(std::size_t blocks, Kernel const& kernel, thread_order how = thread_order::ascending) {
  detail::host_block<Kernel> block(how);
  detail::host_order order(how, blocks);
  order.next();
  for (std::size_t i = 0; i < blocks; ++i) {
    block.start(order[i]);
    kernel(block);
  }
}

// In code for both sides: the lowest bit that is set; x is not 0.
FRCNN_HD inline int lowest_bit(std::uint64_t x) {
#if defined(__CUDA_ARCH__)
  return __ffsll(static_cast<long long>(x)) - 1;
#else
  return std::countr_zero(x);
#endif
}

}  // namespace frcnn
FRCNN_HIDDEN_END
