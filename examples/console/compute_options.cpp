#include "compute_options.hpp"

#include "options.hpp"

#include <frcnn/backend/cpu.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace console {

namespace {

std::string today(std::string const& name) { return name == "onednn" ? "fast" : name; }
char const* engines() { return frcnn::has_fast ? "portable or fast" : "portable, all that this build has"; }
std::string engine_fault(std::string& name) {
  return name == "portable" || (name == "fast" && frcnn::has_fast) ? std::string() : detail::refusal(engines(), name);
}
std::string device_fault(std::string& name) {
  if (name == "cpu" || name == "cuda") return {};
  unsigned number = 0;
  char const* const end = name.data() + name.size();
  if (name.starts_with("cuda:") && name.size() > 5)
    if (auto const [stop, fault] = std::from_chars(name.data() + 5, end, number); fault == std::errc() && stop == end && number < 1024)
      return {};
  return console::detail::refusal("cpu, cuda, or cuda:N", name);
}

}  // namespace

std::string compute_arguments::best_engine() { return frcnn::has_fast ? "fast" : "portable"; }

void compute_arguments::add_to(CLI::App& app, use how) {
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
  if (how != use::cpu_alone) of_cuda_ = app.add_flag("--deterministic", deterministic_, "with --device cuda: equal runs give equal bytes");
  std::vector<std::string> precisions{"f32"};
  if (how != use::cpu_alone) precisions.emplace_back("tf32");
  if (how != use::trains) precisions.emplace_back("bf16");
  if (precisions.size() > 1)
    app.add_option("--precision", precision_, how == use::cpu_alone ? "of products" : "of products; tf32 with --device cuda")
        ->capture_default_str()
        ->check(one_of(precisions));
  if (how == use::trains) return;
  of_cpu_.push_back(
      app.add_flag("--timing", timing_, "print milliseconds of an image: convolutions, proposals, region-wise work (the paper's Table 5)"));
  of_cpu_.push_back(
      app.add_option("--transforms", transforms_, "of convolutions' weights: kept, or made per-call, which takes less memory and more time")
          ->capture_default_str()
          ->check(one_of({"keep", "per-call"})));
}

void compute_arguments::take_device(int number) {
  if (device_ != "cuda") throw frcnn::error("--device", "cuda: each process takes a GPU of its own", device_);
  number_ = number;
}

frcnn::cuda_options compute_arguments::cuda() const {
  for (auto const* option : of_cpu_)
    if (option->count() > 0) throw frcnn::error(option->get_name(), "--device cpu, whose option it is", device_);
  frcnn::cuda_options chosen{.deterministic = deterministic_};
  chosen.device = device_.size() > 5 ? std::stoi(device_.substr(5)) : number_;
  chosen.precision = precision_ == "bf16" ? frcnn::compute::bf16 : precision_ == "tf32" ? frcnn::compute::tf32 : frcnn::compute::exact;
  return chosen;
}

frcnn::cpu_options compute_arguments::cpu() const {
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

std::string compute_arguments::engine() const {
  if (is_cuda()) return "cuda" + (precision_ == "f32" ? "" : ", " + precision_) + (deterministic_ ? ", deterministic" : "");
  return engine_ == "fast" && frcnn::has_onednn ? "fast with oneDNN" : engine_;
}

void compute_arguments::report(std::string const& pass) const {
  if (profile_) std::fputs(profiler_.table().c_str(), stderr);
  if (timing_) std::fputs(timing(pass).c_str(), stderr);
}

// Table 5: means over the passes after the first, which makes what later ones use; of a single one, its own. Decoding is not in them.
std::string compute_arguments::timing(std::string const& pass) const {
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

}  // namespace console
