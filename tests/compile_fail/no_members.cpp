// The proposal generator has none of its members.
// expect: frcnn: PG does not model ProposalGenerator<Anchors>, see frcnn/concepts/proposal_generator.hpp;
// static_assert(ProposalGenerator<PG, PG::anchors_type>) says what is missing
#include "parts.hpp"

using namespace parts;
#if defined(FRCNN_MISTAKE)
struct nothing : part<usual> {
  using anchors_type = grid_anchors<1>;
};
using detector = faster_rcnn<backbone<usual>, nothing, head<usual>>;
#else
using detector = faster_rcnn<backbone<usual>, generator<usual>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
