// The measured shapes of every described operation (tests/ops), forward and, where it is trained, backward: on the shapes that `small`
// (300 x 400, batches of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "../tests/ops/all.hpp"

#include "data.hpp"
#include "reference.hpp"
#include "suite.hpp"

#include <algorithm>
#include <memory>

namespace bench {
namespace {

using operands = ops_described::operands<float, device>;

// Largest difference from the definition, relative to the largest value. 11 and 8 bits of a product's factors are left in tf32 and bf16; the
// tests of a device have the same bounds (tests/cuda/ops.cu).
template <class Op>
double tolerance_of(context const& c, double exact) {
  if (!Op::has_products || c.options().precision == frcnn::compute::exact) return exact;
  return c.options().precision == frcnn::compute::tf32 ? 2e-3 : 2e-2;
}

// Forward: some outputs by their definition, what is found whole. An operation that is defined as a whole (a chain, which the unit tests
// compare with the definitions of its layers) is compared with the portable engine in double.
template <class Op>
std::string wrong_forward(context& c, typename Op::problem const& p, operands const& r) {
  auto const arrays = signature::of<Op>(p);
  auto const in = contents<double>(arrays.inputs);
  if constexpr (requires { Op::chosen(p, in, arrays.indices); }) {
    auto const expected = Op::chosen(p, in, arrays.indices);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (r.found[i].read(c) != expected[i]) return "other positions than the definition's";
  }
  if (r.out.empty()) return "";
  auto const found = r.out[0].read(c);
  std::vector<double> some, expected;
  if constexpr (requires { Op::defined(p, in, arrays.indices, std::size_t{}); }) {
    stream places(4);
    for (int i = 0; i < 100; ++i) {
      auto const at = static_cast<std::size_t>(places.below(static_cast<int>(found.size())));
      some.push_back(found[at]);
      expected.push_back(Op::defined(p, in, arrays.indices, at));
    }
  } else if constexpr (requires { Op::whole(p, in, arrays.indices); }) {
    some.assign(found.begin(), found.end());
    expected = by_portable_engine<Op>(p);
  }
  double apart = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    apart = std::max(apart, std::abs(some[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  double const bound = tolerance_of<Op>(c, 10 * Op::tolerance);
  return not_equal("the largest difference from the definition", apart, 0, bound * largest) + not_finite(found);
}

// Backward by what defines it: <dy, y> is the sum of <dx, x> over inputs in which y is linear together.
template <class Op>
std::string wrong_backward(context& c, typename Op::problem const& p, operands const& r) {
  auto const dy = r.dout[0].read(c), y = r.out[0].read(c);
  double const bound = tolerance_of<Op>(c, 1e-4) * std::sqrt(dot(dy, dy) * dot(y, y));
  auto const groups = Op::linear_in(p);
  for (auto const& group : groups) {
    double sum = 0;
    for (int const i : group) sum += dot(r.din[static_cast<std::size_t>(i)].read(c), r.in[static_cast<std::size_t>(i)].read(c));
    if (auto const wrong = not_equal("<dx, x>", sum, dot(dy, y), bound); !wrong.empty()) return wrong;
  }
  return not_finite(r.din[groups.empty() ? 0 : static_cast<std::size_t>(groups[0][0])].read(c));
}

template <class Op>
void add_passes(timed<typename Op::problem> const& t, bool learns) {
  std::string const name = Op::name;
  auto const p = t.p;
  double const floats = signature::of<Op>(p).bytes(), flops = Op::flops(p);
  auto const filled = [p](context& c, bool with_gradients) {
    auto const arrays = signature::of<Op>(p);
    return std::make_shared<operands>(make<float, device>(c, arrays, contents<float>(arrays.inputs), with_gradients));
  };
  add(op_name(learns ? name + "_forward" : name, Op::text(p)), benchmark::kMicrosecond, [=, where = t.where](context& c) {
    auto const r = filled(c, false);
    return job{.run = [=] { Op::forward(*r, p); },
               .wrong = [=, &c] { return wrong_forward<Op>(c, p, *r); },
               .flops = flops,
               .bytes = floats,
               .label = where};
  });
  if (!t.trains) return;
  double const passes = Op::passes(p);
  add(op_name(name + "_backward", Op::text(p)), benchmark::kMicrosecond, [=, where = t.where](context& c) {
    auto const r = filled(c, true);
    Op::forward(*r, p);
    return job{.run = [=] { Op::backward(*r, p); },
               .wrong = [=, &c] { return wrong_backward<Op>(c, p, *r); },
               .flops = passes * flops,
               .bytes = passes * floats,
               .label = where};
  });
}

// No lambda: nvcc warns of one without captures that is a template.
struct add_op {
  template <class Op>
  void operator()() const {
    auto const all = Op::measured();
    bool const learns = std::any_of(all.begin(), all.end(), [](auto const& t) { return t.trains; });
    for (auto const& t : all) add_passes<Op>(t, learns);
  }
};

}  // namespace

void add_described_ops() { for_each_op(add_op()); }

}  // namespace bench
