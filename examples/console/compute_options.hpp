#pragma once
// How the programs are told what to compute with:
//   --device cpu|cuda|cuda:N   --threads N   --engine portable|fast   --precision f32|tf32|bf16   --transforms keep|per-call
//   --deterministic   --profile   --timing
// FRCNN_CPU_ENGINE names the engine where --engine does not. The engine fast was called onednn: that name is still understood.
#include "cli_names.hpp"

#include <frcnn/core/profiler.hpp>
#include <frcnn/presets/device_options.hpp>

#include <string>
#include <type_traits>
#include <vector>

namespace console {

class compute_arguments {
 public:
  enum class use { runs, trains, cpu_alone };
  int threads = 0;

  void add_to(CLI::App& app, use how = use::runs);

  bool is_cuda() const { return device_ != "cpu"; }
  // Of several processes on a machine each has a GPU of its own, of that number. Throws error where --device names one for all.
  void take_device(int number);
  int device_number() const { return number_; }
  // As --device names it.
  std::string const& device() const { return device_; }
  // After parsing, as the three that follow. Throw error where options do not go together.
  frcnn::device_options get() const {
    if (is_cuda()) return {.device = frcnn::device_type::cuda, .cpu = frcnn::cpu_options{.threads = threads}, .cuda = cuda()};
    return {.cpu = cpu(), .cuda = {}};
  }
  // Of a backend's contexts.
  template <class B>
  typename B::options of() const {
    if constexpr (std::is_same_v<typename B::options, frcnn::cpu_options>) return cpu();
    else return cuda();
  }
  frcnn::cuda_options cuda() const;
  frcnn::cpu_options cpu() const;
  // What a resumed run must have in common with the one it goes on from: what each of these computes has other last bits.
  std::string engine() const;

  // pass: what the times are of.
  void report(std::string const& pass = "image") const;

 private:
  static std::string best_engine();
  std::string timing(std::string const& pass) const;

  std::string environment_;  // FRCNN_CPU_ENGINE, as it is
  std::string device_ = "cpu", engine_ = best_engine(), precision_ = "f32", transforms_ = "keep";
  int number_ = 0;  // of the device, where its name has none
  bool profile_ = false, timing_ = false, deterministic_ = false;
  std::vector<CLI::Option const*> of_cpu_;
  CLI::Option const* of_cuda_ = nullptr;
  mutable bool warned_ = false;
  mutable frcnn::profiler profiler_;
};

}  // namespace console
