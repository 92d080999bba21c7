// The generator reads one level, and the backbone of its own has two.
// expect: frcnn: a generator and its own backbone differ in scalar, device, number of levels, channels or convention
#include "frcnn/rpn/own_backbone.hpp"
#include "parts.hpp"

using namespace parts;
using two = features<float, cpu, 8, 2>;
#if defined(FRCNN_MISTAKE)
using proposing = with_own_backbone<backbone<two>, generator<usual>>;
#else
using proposing = with_own_backbone<backbone<usual>, generator<usual>>;
static_assert(Composable<backbone<two>, proposing, head<usual>>);  // the generator does not read the detector's backbone
#endif

int main() { proposing p({}, {}); }
