// A residual block in a backbone that is one chain.
// expect: frcnn: backbone::plain has no residual blocks: its stages are convolutions, pools and lrn (ops::conv_chain runs a stage add)
#include "frcnn/backbone/plain.hpp"
#include "frcnn/backend/cpu.hpp"

using namespace frcnn;

struct spec {
  static constexpr char const* name = "residual";
#if defined(FRCNN_MISTAKE)
  static constexpr backbone::stage stages[] = {backbone::conv(8), {stage_kind::add}};
#else
  static constexpr backbone::stage stages[] = {backbone::conv(8), backbone::pool()};
#endif
  static constexpr int frozen = 0;
};

int main() { backbone::plain<spec, float, cpu> b; }
