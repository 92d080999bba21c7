#pragma once
// A bump arena over a range of addresses that is reserved once; memory is mapped into it as it is first reached, and stays.
//
// So addresses never move: a captured graph finds its scratch where it was, and equal calls get equal addresses. Pages says whose memory:
//   Pages::granularity        bytes; what is mapped is a multiple of it
//   pages.base(), pages.size()  the range, std::byte*
//   pages.map(offset, bytes)  makes [offset, offset + bytes) of the range usable, or throws and changes nothing
// Example: growing_arena<P> a(pages);  auto m = a.mark();  p = a.take(100);  q = a.take(1);   q == p + 256;   a.release(m);  a.take(1) == p
//          auto w = a.take_at_most(256 << 20);   w.bytes are 256 MiB, or what halves of it there is room for
#include "frcnn/core/checked.hpp"
#include "frcnn/core/error.hpp"

#include <algorithm>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class Pages>
class growing_arena {
 public:
  static constexpr std::size_t alignment = 256;               // as cudaMalloc's
  static constexpr std::size_t step = std::size_t{32} << 20;  // mapped at once, so that a growing step maps seldom

  explicit growing_arena(Pages pages) : pages_(std::move(pages)) {}

  // At least one byte; its contents are undefined. A frcnn::error leaves the arena as it was.
  void* take(std::size_t bytes) {
    std::size_t const size = checked::sum(std::max<std::size_t>(bytes, 1), alignment - 1) / alignment * alignment;
    if (size > pages_.size() - used_)
      throw error("cuda context's arena", "room for " + in_mib(size) + " MiB more",
                  in_mib(used_) + " MiB in use of " + in_mib(pages_.size()) + " MiB reserved");
    if (std::size_t const needed = used_ + size; needed > usable_) {
      std::size_t const unit = std::max(step, pages_.granularity()), end = std::min((needed + unit - 1) / unit * unit, pages_.size());
      pages_.map(usable_, end - usable_);
      usable_ = end;
    }
    void* const p = pages_.base() + used_;
    used_ += size;
    high_water_ = std::max(high_water_, used_);
    return p;
  }
  struct piece {
    void* data = nullptr;
    std::size_t bytes = 0;
  };
  // As many bytes as there is room for: all, or half of them, or a quarter, and so on; none where that is less than the alignment.
  piece take_at_most(std::size_t bytes) {
    for (; bytes >= alignment; bytes /= 2) try {
        return {take(bytes), bytes};
      } catch (error const&) {  // less may be there
      }
    return {};
  }
  std::size_t mark() const noexcept { return used_; }
  void release(std::size_t mark) noexcept { used_ = mark; }
  std::size_t high_water() const noexcept { return high_water_; }  // bytes ever in use at once
  std::size_t usable() const noexcept { return usable_; }          // bytes mapped

 private:
  static std::string in_mib(std::size_t bytes) { return std::to_string((bytes + (std::size_t{1} << 20) - 1) >> 20); }

  Pages pages_;
  std::size_t used_ = 0, usable_ = 0, high_water_ = 0;
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
