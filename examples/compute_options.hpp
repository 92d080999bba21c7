#pragma once
// How the programs are told what to compute with:
//   --device cpu|cuda|cuda:N   --threads N   --engine portable|fast   --precision f32|tf32|bf16   --transforms keep|per-call
//   --deterministic   --profile   --timing
// FRCNN_CPU_ENGINE names the engine where --engine does not. The engine fast was called onednn: that name is still understood.
#include "options.hpp"

#include <frcnn/backend/cpu.hpp>
#include <frcnn/presets/device_options.hpp>

#include <charconv>
#include <cstdio>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace console {

class compute_arguments {
 public:
  enum class use { runs, trains, cpu_alone };
  int threads = 0;

  void add_to(CLI::App& app, use how = use::runs) {
    if (how != use::cpu_alone)
      app.add_option("--device", device_, "what computes: cpu, cuda, or cuda:N, the device of that number")
          ->capture_default_str()
          ->check(CLI::Validator(device_fault, "cpu|cuda|cuda:N"));
    app.add_option("--threads", threads, "0: all")->check(console::whole(0, frcnn::cpu_options::most_threads));
    // Not by the parser, which takes it for a request of this run's.
    if (char const* const named = std::getenv("FRCNN_CPU_ENGINE"); named && *named) environment_ = named, engine_ = today(named);
    auto* const engine = app.add_option("--engine", engine_, "what computes on the CPU (FRCNN_CPU_ENGINE, else the best that is there)")
                             ->capture_default_str()
                             ->transform(today, "")
                             ->check(CLI::Validator(engine_fault, frcnn::has_fast ? "portable|fast" : "portable"));
    of_cpu_.push_back(engine);
    of_cpu_.push_back(app.add_flag("--profile", profile_, "print what every part and layer costs"));
    if (how != use::cpu_alone)
      of_cuda_ = app.add_flag("--deterministic", deterministic_, "with --device cuda: equal runs give equal bytes");
    std::vector<std::string> precisions{"f32"};
    if (how != use::cpu_alone) precisions.emplace_back("tf32");
    if (how != use::trains) precisions.emplace_back("bf16");
    if (precisions.size() > 1)
      app.add_option("--precision", precision_, how == use::cpu_alone ? "of products" : "of products; tf32 with --device cuda")
          ->capture_default_str()
          ->check(CLI::IsMember(precisions));
    if (how == use::trains) return;
    of_cpu_.push_back(app.add_flag("--timing", timing_,
                                   "print milliseconds of an image: convolutions, proposals, region-wise work (the paper's Table 5)"));
    of_cpu_.push_back(app.add_option("--transforms", transforms_,
                                     "of convolutions' weights: kept, or made per-call, which takes less memory and more time")
                          ->capture_default_str()
                          ->check(CLI::IsMember({"keep", "per-call"})));
  }

  bool is_cuda() const { return device_ != "cpu"; }
  // Of several processes on a machine each has a GPU of its own. Throws error where --device names one for all.
  void take_device(int rank_here) {
    if (device_ != "cuda") throw frcnn::error("--device", "cuda: each process takes a GPU of its own", device_);
    number_ = frcnn::device_of_process(rank_here, frcnn::visible_cuda_devices());
  }
  int device_number() const { return number_; }
  // As --device names it.
  std::string const& device() const { return device_; }
  // Throws error where options do not go together, or the device is not there.
  void check() const { frcnn::check_device(get()); }

  // After parsing, as the three that follow.
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
  frcnn::cuda_options cuda() const {
    for (auto const* option : of_cpu_)
      if (option->count() > 0) throw frcnn::error(option->get_name(), "--device cpu, whose option it is", device_);
    frcnn::cuda_options chosen{.deterministic = deterministic_};
    chosen.device = device_.size() > 5 ? std::stoi(device_.substr(5)) : number_;
    chosen.precision = precision_ == "bf16" ? frcnn::compute::bf16 : precision_ == "tf32" ? frcnn::compute::tf32 : frcnn::compute::exact;
    return chosen;
  }
  frcnn::cpu_options cpu() const {
    if (std::string name = engine_; !environment_.empty() && of_cpu_.front()->count() == 0 && !engine_fault(name).empty())
      throw frcnn::error("FRCNN_CPU_ENGINE", engines(), "'" + environment_ + "'");
    if (precision_ == "tf32") throw frcnn::error("--precision tf32", "--device cuda, whose precision it is", device_);
    if (of_cuda_ && of_cuda_->count() > 0) throw frcnn::error("--deterministic", "--device cuda; the CPU always is", device_);
    frcnn::cpu_options chosen{.threads = threads};
    chosen.engine = engine_ == "fast" ? frcnn::cpu_engine::fast : frcnn::cpu_engine::portable;
    chosen.precision = precision_ == "bf16" ? frcnn::compute::bf16 : frcnn::compute::exact;
    chosen.keep_transforms = transforms_ == "keep";
    chosen.profile = profile_ || timing_ ? &profiler_ : nullptr;
#if FRCNN_HAS_ONEDNN
    bool const in_bf16 = chosen.engine == frcnn::cpu_engine::fast && chosen.precision == frcnn::compute::bf16;
    if (in_bf16 && !frcnn::cpu_backend::onednn::has_bf16())
      throw frcnn::error("--precision bf16", "a processor with AVX-512, for which oneDNN has kernels of bf16", "one without");
    if (in_bf16 && !frcnn::cpu_backend::onednn::has_bf16_products() && !std::exchange(warned_, true))
      std::fputs(
          "warning: this oneDNN has no bf16 product for this processor that is safe under signals: fully connected layers stay in float\n",
          stderr);
#endif
    return chosen;
  }
  // What a resumed run must have in common with the one it goes on from: what each of these computes has other last bits.
  std::string engine() const {
    if (is_cuda()) return "cuda" + (precision_ == "f32" ? "" : ", " + precision_) + (deterministic_ ? ", deterministic" : "");
    return engine_ == "fast" && frcnn::has_onednn ? "fast with oneDNN" : engine_;
  }

  // pass: what the times are of.
  void report(std::string const& pass = "image") const {
    if (profile_) std::fputs(profiler_.table().c_str(), stderr);
    if (timing_) std::fputs(timing(pass).c_str(), stderr);
  }

 private:
  // Table 5: means over the passes after the first, which makes what later ones use; of a single one, its own. Decoding is not in them.
  std::string timing(std::string const& pass) const {
    struct column {
      char const *name, *part;
    };
    static constexpr column columns[] = {{"resize", "image"}, {"conv", "backbone"}, {"proposal", "rpn"}, {"region-wise", "regions"}};
    auto const entries = profiler_.entries();
    std::string text;
    double total = 0;
    long passes = 0;
    for (column const& of : columns)
      for (auto const& e : entries) {
        if (e.depth > 0 || e.name != of.part) continue;
        auto const& sums = e.later.calls > 0 ? e.later : e.first;
        passes = sums.calls;
        double const ms = 1e3 * sums.seconds / static_cast<double>(sums.calls);
        total += ms;
        text += fmt::format("{} {:.1f}, ", of.name, ms);
      }
    if (passes == 0) return "timing: no image\n";
    return fmt::format("ms per {}, mean of {}: {}total {:.1f}: {:.1f} a second\n", pass, passes, text, total, 1e3 / total);
  }

  static std::string today(std::string const& name) { return name == "onednn" ? "fast" : name; }
  static char const* engines() { return frcnn::has_fast ? "portable or fast" : "portable, all that this build has"; }
  static std::string engine_fault(std::string& name) {
    return name == "portable" || (name == "fast" && frcnn::has_fast) ? std::string() : detail::refusal(engines(), name);
  }
  static std::string device_fault(std::string& name) {
    if (name == "cpu" || name == "cuda") return {};
    unsigned number = 0;
    char const* const end = name.data() + name.size();
    if (name.starts_with("cuda:") && name.size() > 5)
      if (auto const [stop, fault] = std::from_chars(name.data() + 5, end, number); fault == std::errc() && stop == end && number < 1024)
        return {};
    return console::detail::refusal("cpu, cuda, or cuda:N", name);
  }
  std::string environment_;  // FRCNN_CPU_ENGINE, as it is
  std::string device_ = "cpu", engine_ = frcnn::has_fast ? "fast" : "portable", precision_ = "f32", transforms_ = "keep";
  int number_ = 0;  // of the device, where its name has none
  bool profile_ = false, timing_ = false, deterministic_ = false;
  std::vector<CLI::Option const*> of_cpu_;
  CLI::Option const* of_cuda_ = nullptr;
  mutable bool warned_ = false;
  mutable frcnn::profiler profiler_;
};

}  // namespace console
