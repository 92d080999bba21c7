// The head follows the authors' convention, its pooler torchvision's.
// expect: frcnn: the pooler and its head follow different conventions
#include "frcnn/backend/cpu.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"

using namespace frcnn;
using map = features<float, cpu, 8>;
#if defined(FRCNN_MISTAKE)
using head = fast_rcnn_head<map, conventions::caffe, roi::align_pooler<map, conventions::torchvision>>;
#else
using head = fast_rcnn_head<map, conventions::caffe, roi::align_pooler<map, conventions::caffe>>;
#endif

int main() { return head::channels - 8; }
