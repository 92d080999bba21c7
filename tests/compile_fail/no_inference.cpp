// The head has a training pass only.
// expect: frcnn: RH does not model RoIHead, see frcnn/concepts/roi_head.hpp; static_assert(RoIHead<RH>) says what is missing
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone<usual>, generator<usual>, head_without_inference<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
