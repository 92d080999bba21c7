#pragma once
// An owned block of the host's memory, 64-byte aligned and zeroed once.
//
// From a mebibyte on it is mapped, so that the system has it back when it goes, and from eight on large pages where the system has them: a
// product walks down columns of weights, a page for every few numbers. Throws std::bad_alloc, or frcnn::error for more bytes than there can
// be.
#include "frcnn/backend/cpu/arena.hpp"
#include "frcnn/core/checked.hpp"

#include <sys/mman.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class cpu_memory {
 public:
  cpu_memory() = default;
  explicit cpu_memory(std::size_t bytes) : data_(allocate(bytes)) {}
  cpu_memory(cpu_memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  cpu_memory& operator=(cpu_memory&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~cpu_memory() { deallocate(data_); }

  void* data() const noexcept { return data_; }

 private:
  struct block {  // lies before what is allocated; base: of a mapping, else nullptr
    std::byte* base;
    std::size_t size;
  };

  static void* allocate(std::size_t bytes) {
    constexpr std::size_t large = std::size_t{2} << 20, unit = arena::alignment;
    std::byte* user = nullptr;
    block from{};
    if (bytes < 4 * large) {
      std::size_t const size = (bytes / unit + 2) * unit;  // does not wrap: less than 4 * large
      if (size >= large / 2) {
        from = {map(size), size};
        user = from.base + unit;
        std::memcpy(user - unit, &from, sizeof from);
        return user;
      }
      auto* const p = static_cast<std::byte*>(std::aligned_alloc(unit, size));
      if (!p) throw std::bad_alloc();
      std::memset(p, 0, size);
      user = p + unit;
    } else {
      std::size_t const size = checked::product(checked::sum(bytes / large, 2), large);
      from = {map(size), size};
      std::size_t const past = reinterpret_cast<std::uintptr_t>(from.base) % large;
      user = from.base + (large - past);
#if defined(MADV_HUGEPAGE)
      ::madvise(user, size - (large - past), MADV_HUGEPAGE);
#endif
    }
    std::memcpy(user - unit, &from, sizeof from);
    return user;
  }
  static void deallocate(void* p) noexcept {
    if (!p) return;
    auto* const start = static_cast<std::byte*>(p) - arena::alignment;
    block from;
    std::memcpy(&from, start, sizeof from);
    if (from.base) ::munmap(from.base, from.size);
    else std::free(start);
  }
  static std::byte* map(std::size_t size) {
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    return static_cast<std::byte*>(p);
  }

  void* data_ = nullptr;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
