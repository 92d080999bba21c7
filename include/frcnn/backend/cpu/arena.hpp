#pragma once
// A bump arena whose addresses never move: long address ranges reserved ahead, made usable as they are first reached.
//
// A range costs no memory: pages appear when they are touched, and stay for the next step. The first range is 64 GiB, and nobody needs
// another. Where address space is limited (RLIMIT_AS) or the system refuses, ranges are as long as what is asked for, each about as long
// as those before it together: several arenas share the space by what they use. A block lies in one range; the tail of the range before it
// rests until it is released.
// Nothing is freed singly: code that takes a mark releases back to it, and so blocks with disjoint lifetimes share memory.
//
// Example: arena a; auto m = a.mark(); void* p = a.take(100); void* q = a.take(1);   q == p + 128 (64-byte alignment)
//          a.release(m);  a.take(1) == p;  a.high_water() == 192
// Throws frcnn::error when the ranges or the system's memory are used up; what was taken before stays as it is. Not safe from several
// threads: carve before a parallel region.
#include "frcnn/core/checked.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class arena {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector

  // most: bytes of address space
  explicit arena(std::size_t most = std::size_t{64} << 30) : most_(most) {
    ranges_.reserve(8);
    if (!is_address_space_limited()) add_range(most_);
  }
  ~arena() {
    for (range const& r : ranges_) ::munmap(r.base, r.size);
  }
  arena(arena const&) = delete;
  arena& operator=(arena const&) = delete;

  // At least one byte, aligned; its contents are undefined.
  void* take(std::size_t bytes) {
    std::size_t const size = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    if (size < bytes || size > most_) refuse(bytes);
    if (ranges_.empty() || size > ranges_[at_].first + ranges_[at_].size - used_) go_to_next(size, bytes);
    range& r = ranges_[at_];
    std::size_t const begin = used_ - r.first;
    if (begin + size > r.usable) extend(r, begin + size, bytes);
    used_ += size;
    high_water_ = std::max(high_water_, used_);
    return r.base + begin;
  }

  std::size_t mark() const noexcept { return used_; }
  void release(std::size_t mark) noexcept {
    used_ = mark;
    while (at_ > 0 && ranges_[at_].first > mark) --at_;
  }
  std::size_t high_water() const noexcept { return high_water_; }  // bytes, with tails that rested
  std::size_t reserved() const noexcept { return reserved_; }      // bytes

 private:
  static constexpr std::size_t step = std::size_t{32} << 20;  // one system call per 32 MiB of growth

  struct range {
    std::byte* base;
    std::size_t size, usable;
    std::size_t first;  // bytes in the ranges before it: a mark counts through all of them
  };

  static bool is_address_space_limited() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  }

  // False where the system refuses.
  bool add_range(std::size_t size) {
    ranges_.reserve(ranges_.size() + 1);
    void* const p = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    ranges_.push_back({static_cast<std::byte*>(p), size, 0, reserved_});
    reserved_ += size;
    return true;
  }

  // To a range with room for the block, a new one if need be.
  void go_to_next(std::size_t size, std::size_t bytes) {
    std::size_t next = ranges_.empty() ? 0 : at_ + 1;
    while (next < ranges_.size() && ranges_[next].size < size) ++next;
    if (next == ranges_.size()) {
      std::size_t const left = most_ - reserved_, wanted = std::min(left, std::max((size + step - 1) / step * step, reserved_));
      if (size > left || !(add_range(wanted) || add_range(size))) refuse(bytes);
    }
    at_ = next;
    used_ = ranges_[at_].first;
  }

  void extend(range& r, std::size_t needed, std::size_t bytes) {
    std::size_t const end = std::min((needed + step - 1) / step * step, r.size);
    if (::mprotect(r.base + r.usable, end - r.usable, PROT_READ | PROT_WRITE) != 0) refuse(bytes);
    r.usable = end;
  }
  [[noreturn]] void refuse(std::size_t bytes) const {
    throw error("cpu context's arena", "room for " + std::to_string((bytes >> 20) + 1) + " MiB more",
                std::to_string(used_ >> 20) + " MiB in use of " + std::to_string(reserved_ >> 20) + " MiB reserved");
  }

  std::size_t most_;
  std::vector<range> ranges_;
  std::size_t at_ = 0;  // the range that used_ lies in
  std::size_t reserved_ = 0, used_ = 0, high_water_ = 0;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
