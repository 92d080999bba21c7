// The head computes in double, the rest in float.
// expect: frcnn: the parts differ in scalar (float, double) or in device (cpu, cuda)
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<features<double, cpu, 8>>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
