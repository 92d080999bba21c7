// The head reads two maps, the backbone has one.
// expect: frcnn: the RoI head reads more levels than the backbone has
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<features<float, cpu, 8, 2>>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
