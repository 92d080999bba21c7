// The proposal generator does not name its anchors.
// expect: frcnn: PG names no anchors_type, see frcnn/concepts/proposal_generator.hpp
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator_without_anchors<usual>, head<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
