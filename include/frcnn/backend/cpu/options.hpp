#pragma once
// Options of a CPU context: threads, engine, precision.
//
// The engines are told apart in backend/cpu/context.hpp, which checks the options, too. `best` is fast in a build that has it, and portable
// in another: the build of the context, not that of the file which wrote the options.
#include "frcnn/core/compute.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

class profiler;

enum class cpu_engine : std::uint8_t { portable, fast, best, onednn [[deprecated("the engine is called fast")]] = fast };

struct cpu_options {
  static constexpr int most_threads = 1024;

  // To most_threads. 0 takes what OpenMP offers the thread that makes the context: OMP_NUM_THREADS, else every processor of its affinity
  // mask. A detector's pooled session keeps that number, whichever thread borrows it later.
  int threads = 0;
  cpu_engine engine = cpu_engine::best;
  compute precision = compute::exact;  // bf16, where the build has oneDNN: products of inference only, summed in float
  bool keep_transforms = true;  // inference: weights of convolutions are kept transformed (7.1 floats for each of 3x3), else made per call
  bool strassen = true;         // large fully connected layers by 7 products instead of 8: pairs of RoIs round together (strassen.hpp)
  profiler* profile = nullptr;  // told what every part and layer costs; it belongs to the caller, and serves several contexts
};

}  // namespace frcnn
FRCNN_HIDDEN_END
