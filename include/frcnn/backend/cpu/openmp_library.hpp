#pragma once
// Keeps the run-time library of OpenMP in memory once a context has been made.
//
// Its threads wait for work until the process ends, in its own code. Where a plugin brought the library into the process, dlclose would
// unload it with the plugin, below the feet of those threads. Linked into the plugin itself (libgomp.a) it cannot be kept: such a plugin
// must not be unloaded.
#include "frcnn/config.hpp"

#if defined(_OPENMP) && defined(__linux__)
#include <dlfcn.h>
#include <omp.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

inline void keep_openmp_loaded() noexcept {
#if defined(_OPENMP) && defined(__linux__)
  static bool const kept = [] {
    Dl_info openmp{}, own{};
    bool const known = ::dladdr(reinterpret_cast<void*>(&omp_get_max_threads), &openmp) != 0 &&
                       ::dladdr(reinterpret_cast<void*>(&keep_openmp_loaded), &own) != 0 && openmp.dli_fbase != own.dli_fbase;
    return known && ::dlopen(openmp.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
  }();
  (void)kept;
#endif
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
