// A product that is loaded at run time and holds the library whole: model files, a detector, threads.
#include "plugin.hpp"

#include "frcnn/load.hpp"

namespace frcnn::inline FRCNN_ABI {
// Compiled as a function of the library with a static variable is.
FRCNN_HIDDEN_BEGIN
inline int& static_in_a_function() {
  static int value = 1;
  return value;
}
FRCNN_HIDDEN_END
}  // namespace frcnn

char const* plugin_build() { return FRCNN_TEXT(FRCNN_ABI); }

frcnn::detector_interface* plugin_detector() {
  using namespace frcnn;
  auto config = presets::small_net<cpu>::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 96;
  detector<presets::small_net<cpu>> d(config, 2);
  d.model().parameters().initialise(1);
  return any_detector(std::move(d)).release().release();
}

void const* plugin_table() { return &frcnn::io::dtype_table; }
void const* plugin_static() { return &frcnn::static_in_a_function(); }
void plugin_throw(char const* path) { (void)frcnn::load<frcnn::presets::small_net<frcnn::cpu>>(path); }
