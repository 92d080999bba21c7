#pragma once
// FRCNN_ISA: the instruction set that this file is compiled for, as one word. It is part of the name of every kernel (config.hpp).
//
// The ladder is xsimd's, best rung first, read from the compiler's own macros: the word is the same where there is no xsimd. Two files of
// one rung have vectors of one kind. Older xsimd know fewer rungs; FRCNN_ISA_XSIMD lists what xsimd may call this one (newest first), and
// backend/cpu/kernels/simd.hpp holds xsimd's choice against it.
// Example: -march=x86-64 is sse2, -march=x86-64-v2 sse4_2, -march=x86-64-v3 fma3_avx2, -march=x86-64-v4 avx512bw
#if defined(__AVX512F__) && defined(__AVX512VBMI2__) && defined(__AVX512VNNI__)
#define FRCNN_ISA avx512vnni_vbmi2
#define FRCNN_ISA_XSIMD "avx512vnni+avx512vbmi2 avx512vbmi2 avx512vbmi avx512ifma avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512VBMI2__)
#define FRCNN_ISA avx512vbmi2
#define FRCNN_ISA_XSIMD "avx512vbmi2 avx512vbmi avx512ifma avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512VBMI__)
#define FRCNN_ISA avx512vbmi
#define FRCNN_ISA_XSIMD "avx512vbmi avx512ifma avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512IFMA__)
#define FRCNN_ISA avx512ifma
#define FRCNN_ISA_XSIMD "avx512ifma avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512PF__)
#define FRCNN_ISA avx512pf
#define FRCNN_ISA_XSIMD "avx512pf avx512er avx512cd"
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#define FRCNN_ISA avx512vnni_bw
#define FRCNN_ISA_XSIMD "avx512vnni+avx512bw avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512BW__)
#define FRCNN_ISA avx512bw
#define FRCNN_ISA_XSIMD "avx512bw"
#elif defined(__AVX512F__) && defined(__AVX512ER__)
#define FRCNN_ISA avx512er
#define FRCNN_ISA_XSIMD "avx512er avx512cd"
#elif defined(__AVX512F__) && defined(__AVX512DQ__)
#define FRCNN_ISA avx512dq
#define FRCNN_ISA_XSIMD "avx512dq"
#elif defined(__AVX512F__) && defined(__AVX512CD__)
#define FRCNN_ISA avx512cd
#define FRCNN_ISA_XSIMD "avx512vl avx512cd"
#elif defined(__AVX512F__)
#define FRCNN_ISA avx512f
#define FRCNN_ISA_XSIMD "avx512f"
#elif defined(__AVXVNNI__)
#define FRCNN_ISA avxvnni
#define FRCNN_ISA_XSIMD "avxvnni fma3+avx2"
#elif defined(__AVX2__) && defined(__FMA__)
#define FRCNN_ISA fma3_avx2
#define FRCNN_ISA_XSIMD "fma3+avx2"
#elif defined(__AVX2__)
#define FRCNN_ISA avx2
#define FRCNN_ISA_XSIMD "avx2"
#elif defined(__AVX__) && defined(__FMA__)
#define FRCNN_ISA fma3_avx
#define FRCNN_ISA_XSIMD "fma3+avx"
#elif defined(__AVX__)
#define FRCNN_ISA avx
#define FRCNN_ISA_XSIMD "avx"
#elif defined(__SSE4_2__)
#define FRCNN_ISA sse4_2
#define FRCNN_ISA_XSIMD "sse4.2"
#elif defined(__SSE4_1__)
#define FRCNN_ISA sse4_1
#define FRCNN_ISA_XSIMD "sse4.1"
#elif defined(__SSSE3__)
#define FRCNN_ISA ssse3
#define FRCNN_ISA_XSIMD "ssse3"
#elif defined(__SSE3__)
#define FRCNN_ISA sse3
#define FRCNN_ISA_XSIMD "sse3"
#elif defined(__SSE2__)
#define FRCNN_ISA sse2
#define FRCNN_ISA_XSIMD "sse2"
#elif defined(__ARM_FEATURE_SVE) && defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 512
#define FRCNN_ISA sve512
#define FRCNN_ISA_XSIMD "arm64+sve arm64+neon"
#elif defined(__ARM_FEATURE_SVE) && defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 256
#define FRCNN_ISA sve256
#define FRCNN_ISA_XSIMD "arm64+sve arm64+neon"
#elif defined(__ARM_FEATURE_SVE) && defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS == 128
#define FRCNN_ISA sve128
#define FRCNN_ISA_XSIMD "arm64+sve arm64+neon"
#elif defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8)
#define FRCNN_ISA i8mm_neon64
#define FRCNN_ISA_XSIMD "i8mm+neon64 arm64+neon"
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define FRCNN_ISA neon64
#define FRCNN_ISA_XSIMD "arm64+neon"
#elif defined(__ARM_NEON)
#define FRCNN_ISA neon
#define FRCNN_ISA_XSIMD "arm32+neon"
#else
#define FRCNN_ISA generic
#define FRCNN_ISA_XSIMD ""  // whatever xsimd calls it: without its own rung here, all of a program is compiled alike
#endif
