// A layer on a backend that does not implement its op.
// expect: frcnn: op conv2d is not there for this backend; include frcnn/backend/<backend>/conv2d.hpp
#include "frcnn/backend/cpu/context.hpp"
#if !defined(FRCNN_MISTAKE)
#include "frcnn/backend/cpu/conv2d.hpp"
#endif
#include "frcnn/nn/conv.hpp"

int main() {
  using namespace frcnn;
  nn::conv<float, cpu> layer({3, 8, 3}, nn::kaiming_normal(27));
  cpu::context c(1);
  cpu_activation<float> x, y;
  nn::conv<float, cpu>::tape t;
  layer.forward(c, x, y, t);
  layer.backward(c, t, y, x, writing::set);
}
