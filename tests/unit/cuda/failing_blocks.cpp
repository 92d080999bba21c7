// In a file of its own: it replaces the program's aligned operator new.
#include "failing_blocks.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local long countdown = -1;  // allocations until one fails; negative: none does
thread_local bool has_failed = false;

void* take(std::size_t n, std::align_val_t alignment) {
  if (countdown >= 0 && countdown-- == 0) {
    has_failed = true;
    throw std::bad_alloc();
  }
  auto const unit = static_cast<std::size_t>(alignment);
  void* const p = std::aligned_alloc(unit, (std::max<std::size_t>(n, 1) + unit - 1) / unit * unit);
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

namespace cuda_tests {

void fail_block(long n) {
  has_failed = false;
  countdown = n;
}
bool has_failed_block() {
  countdown = -1;
  return has_failed;
}

}  // namespace cuda_tests

[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t alignment) { return take(n, alignment); }
[[gnu::noinline]] void* operator new[](std::size_t n, std::align_val_t alignment) { return take(n, alignment); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
