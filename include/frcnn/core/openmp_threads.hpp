#pragma once
// The number of threads that OpenMP has for the calling thread, for as long as the object lives; then the host's is back.
//
//   openmp_threads const one(1);   0 or less: stays as it is. A build without OpenMP changes nothing
// Libraries that run on OpenMP (OpenBLAS, oneDNN) take the number from the thread that calls them.
#include "frcnn/config.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class openmp_threads {
 public:
#if defined(_OPENMP)
  explicit openmp_threads(int threads) : before_(omp_get_max_threads()), now_(threads > 0 ? threads : before_) {
    if (now_ != before_) omp_set_num_threads(now_);
  }
  ~openmp_threads() {
    if (now_ != before_) omp_set_num_threads(before_);
  }
#else
  explicit openmp_threads(int) {}
  ~openmp_threads() {}
#endif
  openmp_threads(openmp_threads const&) = delete;
  openmp_threads& operator=(openmp_threads const&) = delete;

 private:
  [[maybe_unused]] int before_ = 1, now_ = 1;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
