// Parts that do not fit, in a program that goes on as if they did.
// expect: frcnn: the parts differ in number of channels
#include "frcnn/train/sgd.hpp"
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using wide = features<float, cpu, 16>;
#else
using wide = usual;
#endif

int main() {
  faster_rcnn d{backbone<usual>(), generator<wide>(), head<usual>()};
  d.parameters().initialise(1);
  sgd<float, cpu> optimiser(d.parameters(), {});
  cpu::context c(1);
  decltype(d)::tape t;
  batch<float, cpu> images{};
  d.step(c, images, truth<float, cpu>{}, rng<cpu>{}, t, view<float, 1, cpu>{});
  d.propose(c, images, phase::test, counted<box<float>, 2, cpu>{});
  d.detect(c, images, detect_options{.score = .5f}, counted<scored_box<float>, 2, cpu>{});
}
