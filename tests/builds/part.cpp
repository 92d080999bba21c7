// A part with kernels: PART is its name.
#include "part.hpp"

#include "frcnn/frcnn.hpp"

namespace {

frcnn::any_detector make() {
  using namespace frcnn;
  auto config = presets::small_net<cpu>::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 96;
  detector<presets::small_net<cpu>> d(config, 2);
  d.model().parameters().initialise(1);
  return any_detector(std::move(d));
}

}  // namespace

builds::part builds::PART() { return {FRCNN_TEXT(FRCNN_ABI), make, detect, refuse, caught}; }
