#pragma once
// How the programs are told what to compute with:
//   --threads N   --engine portable|fast   --precision f32|bf16   --transforms keep|per-call   --profile   --timing
// FRCNN_CPU_ENGINE names the engine where --engine does not. The engine fast was called onednn: that name is still understood.
#include "options.hpp"

#include <frcnn/backend/cpu.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace console {

class cpu_arguments {
 public:
  int threads = 0;

  // precision: whether the program only runs models, so that bf16 and transforms are a choice.
  void add_to(CLI::App& app, bool precision = true) {
    app.add_option("--threads", threads, "0: all")->check(console::whole(0, frcnn::cpu_options::most_threads));
    app.add_option("--engine", engine_, "what computes")
        ->envname("FRCNN_CPU_ENGINE")
        ->capture_default_str()
        ->transform([](std::string const& name) { return name == "onednn" ? std::string("fast") : name; }, "")
        ->check(CLI::IsMember(frcnn::has_fast ? std::vector<std::string>{"portable", "fast"} : std::vector<std::string>{"portable"}));
    app.add_flag("--profile", profile_, "print what every part and layer costs");
    if (!precision) return;
    app.add_flag("--timing", timing_, "print milliseconds of an image: convolutions, proposals, region-wise work (the paper's Table 5)");
    app.add_option("--precision", precision_, "of products")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
    app.add_option("--transforms", transforms_, "of convolutions' weights: kept, or made per-call, which takes less memory and more time")
        ->capture_default_str()
        ->check(CLI::IsMember({"keep", "per-call"}));
  }

  // After parsing.
  frcnn::cpu_options get() const {
    frcnn::cpu_options chosen{.threads = threads};
    chosen.engine = engine_ == "fast" ? frcnn::cpu_engine::fast : frcnn::cpu_engine::portable;
    chosen.precision = precision_ == "bf16" ? frcnn::compute::bf16 : frcnn::compute::exact;
    chosen.keep_transforms = transforms_ == "keep";
    chosen.profile = profile_ || timing_ ? &profiler_ : nullptr;
#if FRCNN_HAS_ONEDNN
    if (chosen.engine == frcnn::cpu_engine::fast && chosen.precision == frcnn::compute::bf16 && frcnn::cpu_backend::onednn::has_bf16() &&
        !frcnn::cpu_backend::onednn::has_bf16_products())
      std::fputs(
          "warning: this oneDNN has no bf16 product for this processor that is safe under signals: fully connected layers stay in float\n",
          stderr);
#endif
    return chosen;
  }
  // What a resumed run must have in common with the one it goes on from: what oneDNN computes has other last bits.
  std::string engine() const { return engine_ == "fast" && frcnn::has_onednn ? "fast with oneDNN" : engine_; }

  void report() const {
    if (profile_) std::fputs(profiler_.table().c_str(), stderr);
    if (timing_) std::fputs(timing().c_str(), stderr);
  }

 private:
  // Table 5: means over the images after the first, which makes what later ones use; of a single one, its own. Decoding is not in them.
  std::string timing() const {
    struct column {
      char const *name, *part;
    };
    static constexpr column columns[] = {{"resize", "image"}, {"conv", "backbone"}, {"proposal", "rpn"}, {"region-wise", "regions"}};
    auto const entries = profiler_.entries();
    std::string text;
    double total = 0;
    long images = 0;
    for (column const& of : columns)
      for (auto const& e : entries) {
        if (e.depth > 0 || e.name != of.part) continue;
        auto const& sums = e.later.calls > 0 ? e.later : e.first;
        images = sums.calls;
        double const ms = 1e3 * sums.seconds / static_cast<double>(sums.calls);
        total += ms;
        text += fmt::format("{} {:.1f}, ", of.name, ms);
      }
    if (images == 0) return "timing: no image\n";
    return fmt::format("ms per image, mean of {}: {}total {:.1f}: {:.1f} images/s\n", images, text, total, 1e3 / total);
  }

  std::string engine_ = frcnn::has_fast ? "fast" : "portable", precision_ = "f32", transforms_ = "keep";
  bool profile_ = false, timing_ = false;
  mutable frcnn::profiler profiler_;
};

}  // namespace console
