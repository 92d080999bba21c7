// The second map of the backbone has 16 channels, and the generator reads 8 from every map.
// expect: frcnn: the parts differ in number of channels: PG reads other than a map of the backbone has
#include "parts.hpp"

using namespace parts;
using two = features<float, cpu, 8, 2>;
struct widening : backbone<two> {
  static constexpr int channels(int l) { return 8 << l; }
};
#if defined(FRCNN_MISTAKE)
using detector = faster_rcnn<widening, generator<two>, head<usual>>;
#else
using detector = faster_rcnn<backbone<two>, generator<two>, head<usual>>;
#endif

int main() { detector d({}, {}, {}); }
