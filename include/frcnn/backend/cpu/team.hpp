#pragma once
// Whether the calling thread may still have a team of threads. A child that fork() made has the one thread that called it: OpenMP's team of
// that thread is gone, and libgomp waits for it for ever. So who forks after a parallel loop of ours goes on alone in the child, on the
// thread that forked; other threads of the child make teams of their own.
//
//   note_team()      before a parallel region of more than one thread
//   has_lost_team()  contexts answer with one thread where it is true
#include "frcnn/config.hpp"

#if defined(_OPENMP)
#include <pthread.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

#if defined(_OPENMP)
inline thread_local constinit bool had_team = false, lost_team = false;

inline void note_team() {
  if (had_team) return;
  static int const registered = ::pthread_atfork(nullptr, nullptr, [] { lost_team = had_team; });
  static_cast<void>(registered);
  had_team = true;
}
inline bool has_lost_team() { return lost_team; }
#else
inline void note_team() {}
inline bool has_lost_team() { return false; }
#endif

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
