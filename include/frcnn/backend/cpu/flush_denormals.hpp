#pragma once
// Sets flush-to-zero and denormals-are-zero (x86) for its lifetime: arithmetic on denormals can be a hundred times slower.
#include "frcnn/config.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class flush_denormals {
 public:
#if defined(__SSE2__)
  flush_denormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~flush_denormals() { _mm_setcsr(saved_); }
#else
  flush_denormals() {}
  ~flush_denormals() {}
#endif
  flush_denormals(flush_denormals const&) = delete;
  flush_denormals& operator=(flush_denormals const&) = delete;

 private:
  [[maybe_unused]] unsigned saved_ = 0;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
