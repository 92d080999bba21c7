#include "norm_epsilon.hpp"

#include "console.hpp"
#include "options.hpp"

namespace console {

CLI::Option* add_norm_epsilon(CLI::App& app, std::optional<double>& value) {
  return app
      .add_option("--bn-eps", value,
                  "epsilon of batch normalisation in a file of another program (1e-5; 0 for torchvision's published "
                  "fasterrcnn_resnet50_fpn, told by its name: give 0 for these weights, COCO_V1, saved anew)")
      ->check(CLI::Range(0., 1.));
}

void say_taken(std::string const& taken) {
  if (!taken.empty()) say(taken + " (--bn-eps changes it)");
}

}  // namespace console
