#include "reference.hpp"

#include "../tests/ops/conv_chain.hpp"
#include "engine.hpp"

#include <frcnn/backend/cpu.hpp>

namespace bench {

template <class Op>
std::vector<double> by_portable_engine(typename Op::problem const& p) {
  frcnn::cpu::context c({.threads = threads(), .engine = frcnn::cpu_engine::portable});
  auto const arrays = ops_described::signature::of<Op>(p);
  auto r = ops_described::make<double, frcnn::cpu>(c, arrays, ops_described::contents<double>(arrays.inputs), false);
  Op::forward(r, p);
  return r.out[0].read(c);
}
template std::vector<double> by_portable_engine<ops_described::conv_chain>(ops_described::conv_chain::problem const&);

}  // namespace bench
