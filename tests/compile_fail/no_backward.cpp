// The backbone lacks a member.
// expect: frcnn: BB does not model Backbone, see frcnn/concepts/backbone.hpp; static_assert(Backbone<BB>) says what is missing
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<backbone_without_backward<usual>, generator<usual>, head<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
