#pragma once
// Memory of std::vector that goes back to the system when it is freed: from a mebibyte on it is mapped. What a thread has freed into the C
// library's heap may stay in that thread's part of it, even when the thread is gone.
//
//   std::vector<float, page_allocator<float>> pixels;
// Throws std::bad_alloc; frcnn::error for a size that wraps.
#include "frcnn/core/checked.hpp"

#include <new>
#if defined(__unix__)
#include <sys/mman.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T>
struct page_allocator {
  using value_type = T;
  static constexpr std::size_t least = std::size_t{1} << 20;  // bytes: a smaller block is not worth a call of the system

  page_allocator() = default;
  template <class U>
  page_allocator(page_allocator<U> const&) noexcept {}

  T* allocate(std::size_t n) {
    std::size_t const bytes = checked::bytes<T>(n);
#if defined(__unix__)
    if (bytes >= least) {
      void* const p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) throw std::bad_alloc();
      return static_cast<T*>(p);
    }
#endif
    return static_cast<T*>(::operator new(bytes));
  }
  void deallocate(T* p, std::size_t n) noexcept {
#if defined(__unix__)
    if (n * sizeof(T) >= least) {
      ::munmap(p, n * sizeof(T));
      return;
    }
#endif
    ::operator delete(p);
  }
  friend bool operator==(page_allocator const&, page_allocator const&) { return true; }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
