#pragma once
// How the programs that are timed beside the peers are told what to compute with:
//   --threads N   --engine portable|onednn   --precision f32|bf16   --transforms keep|per_call
// FRCNN_CPU_ENGINE names the engine where --engine does not.
#include <CLI/CLI.hpp>
#include <frcnn/backend/cpu.hpp>

#include <map>
#include <string>

namespace peers {

inline std::map<std::string, frcnn::cpu_engine> const engines = [] {
  std::map<std::string, frcnn::cpu_engine> those{{"portable", frcnn::cpu_engine::portable}};
  if (frcnn::has_onednn) those["onednn"] = frcnn::cpu_engine::onednn;
  return those;
}();

inline void add_cpu_arguments(CLI::App& app, frcnn::cpu_options& o) {
  using frcnn::compute;
  static std::map<std::string, compute> const precisions{{"f32", compute::exact}, {"bf16", compute::bf16}};
  static std::map<std::string, bool> const transforms{{"keep", true}, {"per_call", false}};
  app.add_option("--threads", o.threads)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--engine", o.engine)->envname("FRCNN_CPU_ENGINE")->option_text("portable|onednn")->transform(CLI::CheckedTransformer(engines));
  app.add_option("--precision", o.precision, "of products")->option_text("f32|bf16")->transform(CLI::CheckedTransformer(precisions));
  app.add_option("--transforms", o.keep_transforms, "of convolutions' weights")
      ->option_text("keep|per_call")
      ->transform(CLI::CheckedTransformer(transforms));
}

}  // namespace peers
