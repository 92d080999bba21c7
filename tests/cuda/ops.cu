// Every described operation (tests/ops) on a device, against the portable engine in double: what test_ops does on the host, for frcnn::cuda
// alone. Without a device there is nothing to compare, and to compile and link every op with all warnings as errors is the test.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "../unit/ops/described.cpp"

namespace {

bool has_device() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

// A convolution and a linear layer of inference, one behind the other.
std::vector<float> inferred(cuda::context& c) {
  conv2d_spec const spec{16, 24, 3, 1, 1, true};
  ops_described::conv2d::problem const p{spec, {{2, 16, 13, 11}}};
  auto const arrays = signature::of<ops_described::conv2d>(p);
  auto r = make<float, cuda>(c, arrays, contents<float>(arrays.inputs), false);
  ops::conv2d<cuda>::kept conv_kept;
  ops::conv2d<cuda>::forward<float>(c, spec, r.in[0].map(), r.in[1].row(), r.in[2].row(), r.out[0].map(), &conv_kept, 1);
  int const rows = 13 * 11, in = 48, out = 40;
  operand<float, cuda> w(c, plain(out, in)), y(c, plain(rows, out));
  w.write(c, contents<float>(plain(out, in), 7));
  ops::linear<cuda>::kept linear_kept;
  ops::linear<cuda>::forward<float>(c, true, view<float const, 2, cuda>{r.out[0].map().data, {{rows, in}}}, w.row(),
                                    view<float const, 1, cuda>{}, y.matrix(), &linear_kept, 1);
  return y.read(c);
}

}  // namespace

TEST_CASE("cuda: products in tf32 and bf16 are those in float, to the bits of their factors") {
  if (!has_device()) return;
  cuda::context exact({.deterministic = true});
  auto const y = inferred(exact);
  doubles const expected(y.begin(), y.end());
  for (auto const& [precision, tolerance] : {std::pair{compute::tf32, 2e-3}, std::pair{compute::bf16, 2e-2}}) {
    cuda::context c({.precision = precision, .deterministic = true});
    CHECK(near(inferred(c), expected, tolerance));
  }
}

TEST_CASE("cuda: plans that were measured are written, and taken by another context") {
  if (!has_device()) return;
  cuda::context first, second;
  auto const y = inferred(first);
  auto const plans = conv_plans_of(first);
  use_conv_plans(second, plans);
  std::size_t const waits = second.waits();
  CHECK(same_bits(inferred(second), y));
  CHECK(conv_plans_of(second) == plans);
  MESSAGE(plans << second.waits() - waits << " waits");
}

TEST_CASE("cuda: without a device a context says so") {
  if (has_device()) return;
  std::string said;
  try {
    cuda::context c;
  } catch (error const& e) {
    said = e.what();
  }
  CHECK(said.find("expected a CUDA device, found none") != std::string::npos);
  std::puts("skipped: there is no CUDA device");
}
