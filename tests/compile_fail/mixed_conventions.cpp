// The backbone follows the authors' convention, the head torchvision's.
// expect: frcnn: the parts follow different conventions; the backbone's is its last template argument
#include "parts.hpp"

using namespace parts;
struct rules_of_head : head<usual> {
  using rules = conventions::torchvision;
};
struct of_caffe : backbone<usual> {
  using rules = conventions::caffe;
};
struct of_torchvision : backbone<usual> {
  using rules = conventions::torchvision;
};
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<of_caffe, generator<usual>, rules_of_head>;
#else
using detector = faster_rcnn<of_torchvision, generator<usual>, rules_of_head>;
#endif

int main() { detector d({}, {}, {}); }
