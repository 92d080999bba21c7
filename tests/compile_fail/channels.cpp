// The head reads 16 channels, the backbone has 8.
// expect: frcnn: the parts differ in number of channels: RH reads other than a map of the backbone has
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<features<float, cpu, 16>>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
