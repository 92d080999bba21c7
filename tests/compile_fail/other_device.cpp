// The proposal generator lives on another device.
// expect: frcnn: the parts differ in scalar (float, double) or in device (cpu, cuda)
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<features<float, gpu, 8>>, head<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
