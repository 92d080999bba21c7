#pragma once
// What a file of weights of another program does not say of its detector. Unset: what is usual (detector/weights_file.hpp).
#include "frcnn/config.hpp"

#include <optional>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct foreign_options {
  std::string preset{}, key{};  // whose network it is; where in a .pth file the state dict lies (io/pth_file.hpp)
  std::vector<std::string> classes{};
  std::vector<double> anchors{}, ratios{};
  int short_side = 0, max_side = 0;
  std::optional<double> norm_epsilon{};  // of batch normalisation

  // Whether nothing is set that a model of this library says itself.
  FRCNN_PER_BUILD bool says_nothing() const {
    return classes.empty() && anchors.empty() && ratios.empty() && !short_side && !max_side && !norm_epsilon;
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
