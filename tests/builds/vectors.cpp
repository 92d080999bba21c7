// Compiled for several instruction sets, with and without assertions: PART is its name.
#include "parts.hpp"

#include "frcnn/backend/cpu/simd.hpp"

builds::vectors builds::PART(float const* in) {
  vectors v{FRCNN_TEXT(FRCNN_ABI)};
#if FRCNN_HAS_ONEDNN
  auto* volatile load = &frcnn::simd::load;
  auto* volatile store = &frcnn::simd::store;
  v.lanes = frcnn::simd::lanes;
  store(v.out, load(in));
#else
  (void)in;
#endif
  return v;
}
