// A chain on a backend that has no local response normalisation.
// expect: frcnn: op lrn is not there for this backend; include frcnn/backend/<backend>/lrn.hpp
#include "frcnn/backend/cpu/context.hpp"
#if !defined(FRCNN_MISTAKE)
#include "frcnn/backend/cpu/lrn.hpp"
#endif
#include "frcnn/ops/lrn.hpp"

int main() {
  using namespace frcnn;
  cpu::context c(1);
  cpu_activation<float> x, y;
  ops::lrn<cpu>::forward<float>(c, {}, x, y);
}
