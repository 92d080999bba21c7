// Anchors for two levels, maps of one.
// expect: frcnn: the anchor scheme and the backbone differ in number of levels
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<features<float, cpu, 8, 2>>, head<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
