#pragma once
// What the run-time library of OpenMP needs, which oneDNN and OpenBLAS use: it stays in memory once a context has been made, and is not
// asked for a team that fork() has taken away.
//
//   prepare_openmp_library() once for the process: it stays loaded, and forks are noticed
//   has_lost_openmp_team()   whether the calling thread is that of a child of fork(), whose team, ours or anybody's, stayed in the parent:
//                            libgomp would wait for it for ever. Known of forks after the first context
// Its threads wait for work until the process ends, in its own code. Where a plugin brought the library into the process, dlclose would
// unload it with the plugin while those threads run in it. Linked into the plugin itself (libgomp.a) it cannot be pinned: such a plugin
// must not be unloaded.
#include "frcnn/config.hpp"

#if defined(_OPENMP) && defined(__linux__)
#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

#if defined(_OPENMP) && defined(__linux__)
inline thread_local constinit bool lost_openmp_team = false;
inline bool has_lost_openmp_team() { return lost_openmp_team; }
#else
inline bool has_lost_openmp_team() { return false; }
#endif

inline void prepare_openmp_library() noexcept {
#if defined(_OPENMP) && defined(__linux__)
  static int const told_of_forks = ::pthread_atfork(nullptr, nullptr, [] { lost_openmp_team = true; });
  (void)told_of_forks;
  static bool const pinned = [] {
    Dl_info openmp{}, own{};
    bool const known = ::dladdr(reinterpret_cast<void*>(&omp_get_max_threads), &openmp) != 0 &&
                       ::dladdr(reinterpret_cast<void*>(&prepare_openmp_library), &own) != 0 && openmp.dli_fbase != own.dli_fbase;
    return known && ::dlopen(openmp.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
  }();
  (void)pinned;
#endif
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
