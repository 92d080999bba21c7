// Levels 1 to 3 of two.
// expect: frcnn: these levels are not among the maps'
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/core/maps.hpp"

using namespace frcnn;

int main() {
  maps<float, 2, cpu> const two{};
#if defined(FRCNN_MISTAKE)
  return two.range<1, 3>().level[0].data != nullptr;
#else
  return two.range<1, 1>().level[0].data != nullptr;
#endif
}
