#pragma once
// What the compiler offers, and the ABI namespace that follows from it.
//
// Every header opens `namespace frcnn::inline FRCNN_ABI`. The name carries the instruction set and whether OpenMP and oneDNN are on, so that
// two translation units compiled with different flags do not silently share inline functions that were compiled for only one of them.
#include "frcnn/version.hpp"

// What the library cannot be compiled without is said in one sentence: the #include that follows it finds nothing, and a file that is not
// there is where a compiler stops.
#if __cplusplus < 202002L
#error "frcnn needs C++20: compile with -std=c++20"
#include <frcnn: see the #error above>
#endif
#if !defined(__cpp_exceptions)
#error "frcnn reports wrong files and images as exceptions: compile without -fno-exceptions"
#include <frcnn: see the #error above>
#endif
#if defined(min) || defined(max)
#error "frcnn uses std::min and std::max, which are macros here: define NOMINMAX before <windows.h>"
#include <frcnn: see the #error above>
#endif

#include <cassert>

#if defined(__CUDACC__)
#define FRCNN_HD __host__ __device__
#else
#define FRCNN_HD
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define FRCNN_ISA v4
#elif defined(__AVX2__) && defined(__FMA__)
#define FRCNN_ISA v3
#else
#define FRCNN_ISA baseline
#endif
#if defined(_OPENMP)
#define FRCNN_THREADING omp
#else
#define FRCNN_THREADING serial
#endif
#if !defined(FRCNN_HAS_ONEDNN)
#define FRCNN_HAS_ONEDNN 0  // set by the build: FRCNN_ONEDNN
#endif
#if FRCNN_HAS_ONEDNN
#define FRCNN_ENGINES onednn
#else
#define FRCNN_ENGINES portable
#endif
#define FRCNN_JOIN2(a, b, c, d) abi_##a##_##b##_##c##_##d
#define FRCNN_JOIN(a, b, c, d) FRCNN_JOIN2(a, b, c, d)
#define FRCNN_ABI FRCNN_JOIN(0, FRCNN_ISA, FRCNN_THREADING, FRCNN_ENGINES)

// Every header's namespace stands between these two. In a shared object (-fPIC, not -fPIE) what lies between is hidden: two shared objects
// of one process never use each other's functions and tables, whatever versions they were compiled from, and none of ours is a unique
// symbol, for which the system keeps a shared object in memory after dlclose (so does the standard library's: -fno-gnu-unique, which the
// CMake target sets). FRCNN_VISIBLE is what must be one thing in the whole process all the same: the exception.
#if defined(__GNUC__) && defined(__PIC__) && !defined(__PIE__)
#define FRCNN_HIDDEN_BEGIN _Pragma("GCC visibility push(hidden)")
#define FRCNN_HIDDEN_END _Pragma("GCC visibility pop")
#else
#define FRCNN_HIDDEN_BEGIN
#define FRCNN_HIDDEN_END
#endif
#if defined(__GNUC__)
#define FRCNN_VISIBLE __attribute__((visibility("default")))
#else
#define FRCNN_VISIBLE
#endif

// A loop whose iterations are independent of each other, in code that several compilers share: to be vectorised even at -O2.
#if defined(_OPENMP) && !defined(__CUDA_ARCH__)
#define FRCNN_INDEPENDENT _Pragma("omp simd")
#else
#define FRCNN_INDEPENDENT
#endif

// A broken precondition inside the library: a bug of the caller, checked in debug builds only. What a user's input can cause is a
// frcnn::error instead.
#define FRCNN_ASSERT(condition) assert(condition)
