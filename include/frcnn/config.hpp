#pragma once
// Macros of the build (compiler, threads, engines, visibility), and the two inline namespaces of the library.
//
// Every header opens one of two inline namespaces; a program that writes frcnn::image sees neither.
//   FRCNN_VOCABULARY  v0_1: what parts of a program hand to each other that are compiled with different flags or compilers: error, image,
//                     box, detection, configuration, options, any_detector. The same name whatever the flags: the version alone is in it.
//   FRCNN_ABI         v0_1_0_fma3_avx2_omp_onednn_ndebug: all else, kernels and contexts above all. It carries the version, the instruction
//                     set, threads, engines (and noblas) and assertions, so that files that were compiled differently never share a function
//                     or a type.
// A function of the vocabulary is FRCNN_PER_BUILD: its name carries FRCNN_ABI all the same, its parameters' types do not. Otherwise the
// linker would keep one copy for the whole program, perhaps one that only the newest processors can run.
// (The standard library's templates, such as std::vector<detection>, are beyond this: files for several processors in one program belong
// into shared objects of their own, docs/embedding.md.)
#include "frcnn/instruction_set.hpp"
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

#if defined(_OPENMP)
#define FRCNN_THREADING omp
#else
#define FRCNN_THREADING serial
#endif
// nvcc's front end ends with an internal error on oneDNN's headers, and host kernels are not its business. A file that has none, and says so
// by FRCNN_DEVICE_KERNELS_ALONE, is of the same build as the files of g++ that use its kernels; backend/cpu.hpp refuses to be in it.
#if !defined(FRCNN_DEVICE_KERNELS_ALONE)
#define FRCNN_DEVICE_KERNELS_ALONE 0
#endif
#if defined(__CUDACC__) && !FRCNN_DEVICE_KERNELS_ALONE
#undef FRCNN_HAS_ONEDNN
#undef FRCNN_HAS_FAST
#endif
#if !defined(FRCNN_HAS_ONEDNN)
#define FRCNN_HAS_ONEDNN 0  // set by the build: FRCNN_ONEDNN
#endif
#if !defined(FRCNN_HAS_FAST)
#define FRCNN_HAS_FAST FRCNN_HAS_ONEDNN  // set by the build: FRCNN_FAST
#endif
#if FRCNN_HAS_ONEDNN && !FRCNN_HAS_FAST
#error "frcnn: oneDNN adds to the engine fast: FRCNN_HAS_ONEDNN needs FRCNN_HAS_FAST"
#endif
#if !defined(FRCNN_HAS_BLAS)
#define FRCNN_HAS_BLAS 1  // set to 0 by the build: FRCNN_BLAS
#endif
#if FRCNN_HAS_BLAS
#define FRCNN_WITH_BLAS(engines) engines
#else
#define FRCNN_WITH_BLAS(engines) engines##_noblas
#endif
#if FRCNN_HAS_ONEDNN
#define FRCNN_ENGINES FRCNN_WITH_BLAS(onednn)
#elif FRCNN_HAS_FAST
#define FRCNN_ENGINES FRCNN_WITH_BLAS(fast)
#else
#define FRCNN_ENGINES FRCNN_WITH_BLAS(portable)
#endif
#if defined(NDEBUG)
#define FRCNN_ASSERTIONS ndebug
#else
#define FRCNN_ASSERTIONS asserts
#endif
#define FRCNN_JOIN_VOCABULARY2(major, minor) v##major##_##minor
#define FRCNN_JOIN_VOCABULARY(major, minor) FRCNN_JOIN_VOCABULARY2(major, minor)
#define FRCNN_VOCABULARY FRCNN_JOIN_VOCABULARY(FRCNN_VERSION_MAJOR, FRCNN_VERSION_MINOR)
#define FRCNN_JOIN_ABI2(major, minor, patch, isa, threading, engines, assertions) \
  v##major##_##minor##_##patch##_##isa##_##threading##_##engines##_##assertions
#define FRCNN_JOIN_ABI(major, minor, patch, isa, threading, engines, assertions) \
  FRCNN_JOIN_ABI2(major, minor, patch, isa, threading, engines, assertions)
#define FRCNN_ABI \
  FRCNN_JOIN_ABI(FRCNN_VERSION_MAJOR, FRCNN_VERSION_MINOR, FRCNN_VERSION_PATCH, FRCNN_ISA, FRCNN_THREADING, FRCNN_ENGINES, FRCNN_ASSERTIONS)
#define FRCNN_TEXT2(text) #text
#define FRCNN_TEXT(text) FRCNN_TEXT2(text)

// Every header's namespace stands between these two. In a shared object (-fPIC, not -fPIE) what lies between is hidden: two shared objects
// of one process never use each other's functions and tables, whatever versions they were compiled from, and none of ours is a unique
// symbol, for which the system keeps a shared object in memory after dlclose (so does the standard library's: -fno-gnu-unique, which the
// CMake target sets). FRCNN_VISIBLE is what must be one thing in the whole process all the same: types of the vocabulary that are thrown,
// or have virtual functions.
// (clang warns of a loop that it may vectorise and does not, FRCNN_INDEPENDENT below, which tells a product's author nothing.)
#if defined(__clang__)
#define FRCNN_WARNINGS_BEGIN _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wpass-failed\"")
#define FRCNN_WARNINGS_END _Pragma("clang diagnostic pop")
#else
#define FRCNN_WARNINGS_BEGIN
#define FRCNN_WARNINGS_END
#endif
#if defined(__GNUC__) && defined(__PIC__) && !defined(__PIE__)
#define FRCNN_HIDDEN_BEGIN FRCNN_WARNINGS_BEGIN _Pragma("GCC visibility push(hidden)")
#define FRCNN_HIDDEN_END _Pragma("GCC visibility pop") FRCNN_WARNINGS_END
#else
#define FRCNN_HIDDEN_BEGIN FRCNN_WARNINGS_BEGIN
#define FRCNN_HIDDEN_END FRCNN_WARNINGS_END
#endif
#if defined(__GNUC__)
#define FRCNN_VISIBLE __attribute__((visibility("default")))
// Around declarations of such types, before or behind their definitions: g++ warns of an attribute behind one.
#define FRCNN_VISIBLE_BEGIN _Pragma("GCC visibility push(default)")
#define FRCNN_VISIBLE_END _Pragma("GCC visibility pop")
#define FRCNN_PER_BUILD __attribute__((abi_tag(FRCNN_TEXT(FRCNN_ABI))))
#else
#define FRCNN_VISIBLE
#define FRCNN_VISIBLE_BEGIN
#define FRCNN_VISIBLE_END
#define FRCNN_PER_BUILD
#endif

// A function that takes milliseconds, where its call takes nothing: compiled once, and not again in each of its callers.
#if defined(__GNUC__)
#define FRCNN_NOINLINE __attribute__((noinline))
#else
#define FRCNN_NOINLINE
#endif

// Set by the targets of the compiled library: frcnn::cpu, frcnn::images, frcnn::cpu_presets, frcnn::cuda_presets. What it exports is visible
// where it is a shared object.
#if !defined(FRCNN_COMPILED_CPU)
#define FRCNN_COMPILED_CPU 0
#endif
#if !defined(FRCNN_COMPILED_IMAGES)
#define FRCNN_COMPILED_IMAGES 0
#endif
#if !defined(FRCNN_COMPILED_PRESETS)
#define FRCNN_COMPILED_PRESETS 0
#endif
// What opens files is no template: programs with FRCNN_COMPILED_PRESETS find it in the library, where src/cpu_files.cpp defines it.
#if FRCNN_COMPILED_PRESETS && !defined(FRCNN_DEFINES_FILES)
#define FRCNN_DECLARES_FILES 1
#else
#define FRCNN_DECLARES_FILES 0
#endif
#if FRCNN_COMPILED_PRESETS
#define FRCNN_FILES_INLINE
#else
#define FRCNN_FILES_INLINE inline
#endif
#if !defined(FRCNN_COMPILED_CUDA)
#define FRCNN_COMPILED_CUDA 0
#endif
#if defined(FRCNN_COMPILED_SHARED)
#define FRCNN_COMPILED_API FRCNN_VISIBLE
#else
#define FRCNN_COMPILED_API
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
