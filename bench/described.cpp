// The measured shape of every described operation (tests/ops), forward.
#include "../tests/ops/all.hpp"

#include "data.hpp"
#include "suite.hpp"

#include <memory>

namespace bench {

void add_described_ops() {
  ops_described::for_each_op([]<class Op>() {
    auto const p = Op::measured();
    add(op_name(Op::name, Op::shape_text(p)), benchmark::kMicrosecond, [p](context& c) {
      auto const in = std::make_shared<ops_described::arrays<float>>();
      for (auto const n : Op::inputs(p)) in->push_back(numbers(n, -1, 1, in->size()));
      auto const out = std::make_shared<std::vector<float>>(Op::output(p));
      return job{.run = [=, &c] { Op::template forward<float>(c, p, *in, *out); },
                 .wrong =
                     [=] {
                       context plain({.threads = threads(), .engine = frcnn::cpu_engine::portable});
                       std::vector<float> expected(out->size());
                       Op::template forward<float>(plain, p, *in, expected);
                       double apart = 0, largest = 0;
                       for (std::size_t i = 0; i < expected.size(); ++i) {
                         apart = std::max(apart, std::abs(static_cast<double>((*out)[i]) - expected[i]));
                         largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
                       }
                       return not_equal("the largest difference from the portable engine", apart, 0, 10 * Op::tolerance * largest) + not_finite(*out);
                     },
                 .flops = Op::operations(p),
                 .bytes = ops_described::bytes<Op>(p),
                 .label = "described"};
    });
  });
}

}  // namespace bench
