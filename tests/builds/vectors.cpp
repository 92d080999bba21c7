// Compiled for several instruction sets, with and without assertions: PART is its name.
#include "parts.hpp"

#include "frcnn/backend/cpu/kernels/simd.hpp"

builds::vectors builds::PART(float const* in) {
  vectors v{FRCNN_TEXT(FRCNN_ABI)};
#if FRCNN_HAS_FAST
  auto* volatile load = &frcnn::cpu_backend::simd::load;
  auto* volatile store = &frcnn::cpu_backend::simd::store;
  v.lanes = frcnn::cpu_backend::simd::lanes;
  store(v.out, load(in));
#else
  (void)in;
#endif
  return v;
}
