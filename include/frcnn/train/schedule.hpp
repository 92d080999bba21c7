#pragma once
// The learning rate as a function of the step: a linear warm-up, then drops by a constant factor.
//
// Example: {.lr = .01, .warmup = 100, .steps = 1000, .drops = {.75}}: step 0 has 1e-4, step 99 .01, step 750 .001
#include "frcnn/config.hpp"

#include <cstdint>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

struct schedule {
  double lr = 0.001;
  std::int64_t warmup = 0;      // steps over which the rate grows from lr / warmup to lr
  std::int64_t steps = 0;       // of the whole run
  std::vector<double> drops{};  // fractions of the run after which the rate is multiplied by gamma
  double gamma = 0.1;

  FRCNN_PER_BUILD double at(std::int64_t step) const {
    double rate = lr;
    if (step < warmup) rate *= static_cast<double>(step + 1) / static_cast<double>(warmup);
    auto const all = static_cast<double>(steps);
    for (double const drop : drops)  // 0.55 * 100 is a little above 55
      if (static_cast<double>(step) >= (drop - 1e-9) * all) rate *= gamma;
    return rate;
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
