#pragma once
// --bn-eps: the epsilon of batch normalisation of another program's weights, which no file says (frcnn/detector/weights_file.hpp).
#include "console.hpp"
#include "options.hpp"

#include <frcnn/detector/weights_file.hpp>

#include <optional>
#include <string>

namespace console {

inline CLI::Option* add_norm_epsilon(CLI::App& app, std::optional<double>& value) {
  return app
      .add_option(
          "--bn-eps", value,
          "epsilon of batch normalisation in a file of another program (1e-5; 0 for torchvision's published fasterrcnn_resnet50_fpn)")
      ->check(CLI::Range(0., 1.));
}

// What is taken where nobody says it. Of a file of another program.
template <class Preset>
void say_norm_epsilon(std::string const& file, std::optional<double> told) {
  if constexpr (requires(typename Preset::config_type c) { c.norm_epsilon(); }) {
    if (told) return;
    auto const known = frcnn::known_norm_epsilon(file);
    say(fmt::format("{}: no file says the epsilon of its batch normalisation; {} is taken{} (--bn-eps changes it)", file,
                    known.value_or(frcnn::usual_norm_epsilon), known ? ", torchvision's of this published file" : ""));
  }
}

}  // namespace console
