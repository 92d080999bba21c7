#pragma once
// A bump arena whose addresses never move: one long address range reserved once, made usable as it is first reached.
//
// The range (64 GiB, less where the system refuses) costs no memory: pages appear when they are touched, and stay for the next step.
// Nothing is freed singly; whoever takes a mark releases back to it, and so blocks with disjoint lifetimes share memory.
//
// Example: arena a; auto m = a.mark(); void* p = a.take(100); void* q = a.take(1);   q == p + 128 (64-byte alignment)
//          a.release(m);  a.take(1) == p;  a.high_water() == 192
// Throws frcnn::error when the range or the system's memory is used up. Not safe from several threads: carve before a parallel region.
#include "frcnn/core/error.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <cstddef>
#include <new>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class arena {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector

  explicit arena(std::size_t reserve = std::size_t{64} << 30) {
    for (; reserve >= step; reserve /= 2) {
      void* const p = ::mmap(nullptr, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (p == MAP_FAILED) continue;
      base_ = static_cast<std::byte*>(p);
      reserved_ = reserve;
      return;
    }
    throw std::bad_alloc();
  }
  ~arena() { ::munmap(base_, reserved_); }
  arena(arena const&) = delete;
  arena& operator=(arena const&) = delete;

  // At least one byte, aligned; its contents are undefined.
  void* take(std::size_t bytes) {
    std::size_t const size = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    if (size < bytes || size > reserved_ - used_) refuse(bytes);
    void* const p = base_ + used_;
    if (used_ + size > usable_) extend(used_ + size, bytes);
    used_ += size;
    high_water_ = std::max(high_water_, used_);
    return p;
  }

  std::size_t mark() const noexcept { return used_; }
  void release(std::size_t mark) noexcept { used_ = mark; }
  std::size_t high_water() const noexcept { return high_water_; }  // bytes
  std::size_t reserved() const noexcept { return reserved_; }      // bytes

 private:
  static constexpr std::size_t step = std::size_t{32} << 20;  // one system call per 32 MiB of growth

  void extend(std::size_t needed, std::size_t bytes) {
    std::size_t const end = std::min((needed + step - 1) / step * step, reserved_);
    if (::mprotect(base_ + usable_, end - usable_, PROT_READ | PROT_WRITE) != 0) refuse(bytes);
    usable_ = end;
  }
  [[noreturn]] void refuse(std::size_t bytes) const {
    throw error("cpu context's arena", "room for " + std::to_string(bytes >> 20) + " MiB more",
                std::to_string(used_ >> 20) + " MiB in use of " + std::to_string(reserved_ >> 20) + " MiB reserved");
  }

  std::byte* base_ = nullptr;
  std::size_t reserved_ = 0, usable_ = 0, used_ = 0, high_water_ = 0;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
