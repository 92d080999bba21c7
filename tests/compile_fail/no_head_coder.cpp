// The same, given to the head.
// expect: frcnn: the coder of RH does not model BoxCoder, see frcnn/concepts/box_coder.hpp
#include "frcnn/backend/cpu.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
struct my_coder {};
#else
struct my_coder : box_coder {};
#endif
using convention = conventions::with_coder<conventions::torchvision, my_coder>;
using head_type = fast_rcnn_head<usual, convention>;

int main() { faster_rcnn<backbone<usual>, generator<usual>, head_type> d({}, {}, head_type(roi::align_pooler<usual, convention>({16}))); }
