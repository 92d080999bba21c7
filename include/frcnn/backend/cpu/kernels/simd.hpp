#pragma once
// The widest vector of floats that this translation unit is compiled for, and the register tile that goes with it.
//
//   lanes       floats in a vector: 16 (AVX-512), 8 (AVX2), 4 (SSE, NEON)
//   tile_rows   rows of a product that are kept in registers at once, each `tile_vectors` vectors wide
// A tile's sums, one row of vectors and one broadcast fill the registers: 14 x 2 + 3 of 32, or 6 x 2 + 3 of 16.
#include "frcnn/config.hpp"

#if FRCNN_HAS_FAST

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <xsimd/xsimd.hpp>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::simd {

using vec = xsimd::batch<float>;

// Before a loop with constant bounds, at most 16: unrolled whole, so that arrays of vectors live in registers.
#if defined(__clang__)
#define FRCNN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FRCNN_UNROLL _Pragma("GCC unroll 16")
#endif

// Whether `name` is one of the words of `names`; of none, anything is.
constexpr bool is_one_of(std::string_view name, std::string_view names) {
  for (std::string_view rest = names; !rest.empty();) {
    std::string_view const word = rest.substr(0, rest.find(' '));
    if (word == name) return true;
    rest.remove_prefix(word.size() < rest.size() ? word.size() + 1 : word.size());
  }
  return names.empty();
}
static_assert(
    is_one_of(xsimd::default_arch::name(), FRCNN_ISA_XSIMD),
    "frcnn: xsimd takes another instruction set than instruction_set.hpp reads from the compiler, whose name every kernel carries");

inline constexpr int lanes = static_cast<int>(vec::size);
#if defined(__AVX512F__)
inline constexpr int tile_rows = 14;
#else
inline constexpr int tile_rows = 6;
#endif
inline constexpr int tile_vectors = 2;
inline constexpr int panel = tile_vectors * lanes;  // columns of a tile

// Whether kernels compiled for this are worth running. A baseline x86 build reaches a fraction of what the machine can; libraries that look
// at the processor when they run (oneDNN, BLAS) are faster then.
#if defined(__AVX2__) || defined(__ARM_NEON)
inline constexpr bool worthwhile = true;
#else
inline constexpr bool worthwhile = false;
#endif

inline vec load(float const* p) { return vec::load_unaligned(p); }
// What is used several times: compilers for x86 would fold the load into every use, and loads are what a transform has too many of.
inline vec load_once(float const* p) {
  vec::register_type v = load(p);
#if defined(__AVX__)
  asm("" : "+v"(v));
#endif
  return v;
}
inline void store(float* p, vec v) { v.store_unaligned(p); }
inline bool is_aligned(float const* p) { return reinterpret_cast<std::uintptr_t>(p) % sizeof(vec) == 0; }
// The first n <= lanes of a vector; behind them zeros, or nothing is written.
inline vec load_first(float const* p, int n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
  alignas(64) float all[lanes] = {};
  for (int i = 0; i < n; ++i) all[i] = p[i];
  return load(all);
#endif
}
inline void store_first(float* p, vec v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#else
  alignas(64) float all[lanes];
  store(all, v);
  for (int i = 0; i < n; ++i) p[i] = all[i];
#endif
}
// To memory without a copy in the caches, p aligned; before others read what one thread stored so, that thread calls stream_done.
inline void stream(float* p, vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX__)
  _mm256_stream_ps(p, v);
#else
  store(p, v);
#endif
}
inline void stream_done() {
#if defined(__AVX__)
  _mm_sfence();
#endif
}
// A map of more bytes leaves L2 before the next layer reads it: it is written with non-temporal stores, which also avoid the read for
// ownership.
inline constexpr std::size_t past_cache = std::size_t{1} << 20;
inline bool goes_past_cache(float const* y, std::size_t floats) { return floats * sizeof(float) > past_cache && is_aligned(y); }

// Whether one store fills a line of the cache. Scattered parts of lines would reach memory one by one.
inline constexpr bool stores_whole_lines = sizeof(vec) == 64;

// Brings [p, stop) nearer by reading it from one end to the other: the processor sees a stream and reads ahead of it. It does not for lines
// that are read here and there, nor for prefetches.
inline void read_through(float const* p, float const* stop) {
  constexpr int line = 16;
  for (; p < stop; p += line) static_cast<void>(*static_cast<float const volatile*>(p));
}

// a * b + c, rounded once where the machine can. (xsimd 8 multiplies and adds on AVX-512: half the speed.)
inline vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#else
  return xsimd::fma(a, b, c);
#endif
}

// The larger, a where they are equal; a NaN in either gives NaN. (b != b would not find it: xsimd 8 compares NaNs as equal on AVX.)
inline vec max(vec a, vec b) { return xsimd::select((b > a) | xsimd::isnan(b), b, a); }

// v, or floor where v is smaller; NaN stays NaN.
inline vec at_least(vec v, vec floor) {
#if defined(__AVX512F__)
  return _mm512_maskz_max_ps(0xffff, floor, v);  // the form without a mask: GCC bug 105593, as below
#else
  return xsimd::select(v < floor, floor, v);
#endif
}

// The floor of a ReLU, or of none.
inline float relu_floor(bool relu) { return relu ? 0.f : -std::numeric_limits<float>::infinity(); }

// out[j][i] = in[i][j], lanes x lanes, with row strides in floats.
inline void transpose(float const* in, std::ptrdiff_t in_stride, float* out, std::ptrdiff_t out_stride) {
#if defined(__AVX512F__)
  __m512 r[16], t[16];
  constexpr __mmask16 all = 0xffff;  // the forms without a mask are the same instructions, and g++ 12 warns of them (GCC bug 105593)
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + i * in_stride);
  for (int i = 0; i < 8; ++i) {  // pairs of rows, then of pairs, then of quarters of vectors
    t[2 * i] = _mm512_maskz_unpacklo_ps(all, r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_maskz_unpackhi_ps(all, r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {
    r[4 * i + 0] = _mm512_maskz_shuffle_ps(all, t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm512_maskz_shuffle_ps(all, t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm512_maskz_shuffle_ps(all, t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm512_maskz_shuffle_ps(all, t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_maskz_shuffle_f32x4(all, r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_maskz_shuffle_f32x4(all, r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_maskz_shuffle_f32x4(all, r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_maskz_shuffle_f32x4(all, r[8 + i], r[12 + i], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    _mm512_storeu_ps(out + i * out_stride, _mm512_maskz_shuffle_f32x4(all, t[i], t[8 + i], 0x88));
    _mm512_storeu_ps(out + (4 + i) * out_stride, _mm512_maskz_shuffle_f32x4(all, t[4 + i], t[12 + i], 0x88));
    _mm512_storeu_ps(out + (8 + i) * out_stride, _mm512_maskz_shuffle_f32x4(all, t[i], t[8 + i], 0xdd));
    _mm512_storeu_ps(out + (12 + i) * out_stride, _mm512_maskz_shuffle_f32x4(all, t[4 + i], t[12 + i], 0xdd));
  }
#else
  for (int j = 0; j < lanes; ++j)
    for (int i = 0; i < lanes; ++i) out[j * out_stride + i] = in[i * in_stride + j];
#endif
}

// f(integral_constant 0), f(1), ... f(N-1): loops whose every index is a constant expression. Only where that is needed: an instance of f
// for every index is what the compiler's time goes into.
template <int N, class F>
[[gnu::always_inline]] inline void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) { (f(std::integral_constant<int, I>{}), ...); }
  (std::make_integer_sequence<int, N>{});
}

}  // namespace frcnn::cpu_backend::simd
FRCNN_HIDDEN_END

#endif
