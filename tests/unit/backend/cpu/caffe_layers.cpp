// Caffe's pooling and normalisation, against its formulas as tests/golden/caffe_layers.py states them.
#include "frcnn/backend/cpu/lrn.hpp"
#include "frcnn/backend/cpu/max_pool.hpp"

#include "../../engines.hpp"
#include "tensors.hpp"

#include <doctest/doctest.h>

namespace cpu_tests {

namespace {

io::safetensors_file caffe_layers() {
  return io::safetensors_file(std::filesystem::path(__FILE__).parent_path() / "../../../golden/caffe_layers.safetensors");
}
shape<4> shape_of(io::safetensors_file const& file, std::string const& name) {
  auto const& s = file.tensor(name).shape;
  return {{static_cast<int>(s[0]), static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(s[3])}};
}

template <class T>
void compare_lrn(std::string const& name, lrn_region region) {
  CAPTURE(name);
  auto const file = caffe_layers();
  auto const numbers = file.read<double>(name + ".numbers");
  lrn_spec const spec{static_cast<int>(numbers[0]), numbers[1], numbers[2], numbers[3], region};
  auto const s = shape_of(file, name + ".x");
  for (auto const& options : tests::engines(2)) {
    cpu::context c(options);
    poison(c);
    tensor<T> x(c, s, file.read<T>(name + ".x")), dy(c, s, file.read<T>(name + ".dy")), y(c, s, nans<T>(s.size())),
        dx(c, s, nans<T>(s.size()));
    ops::lrn<cpu>::forward<T>(c, spec, x.a, y.a);
    CHECK(near(y.plain(), file.read<double>(name + ".y"), tolerance<T>));
    ops::lrn<cpu>::backward<T>(c, spec, x.a, dy.a, dx.a, writing::set);
    CHECK(near(dx.plain(), file.read<double>(name + ".dx"), tolerance<T>));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("Caffe's pooling rounds up, and drops a window that begins beyond the padding", T, float, double) {
  auto const file = caffe_layers();
  for (std::string const name : {"pool.zf_even", "pool.zf_odd", "pool.vgg_odd", "pool.vgg_even", "pool.dropped"}) {
    CAPTURE(name);
    auto const window = file.read<std::int32_t>(name + ".window");
    pool_spec const spec{window[0], window[1], window[2], true};
    auto const in = shape_of(file, name + ".x"), out = shape_of(file, name + ".y");
    REQUIRE(spec.out_shape(in) == out);
    cpu::context c(2);
    tensor<T> x(c, in, file.read<T>(name + ".x")), dy(c, out, file.read<T>(name + ".dy")), y(c, out, nans<T>(out.size())),
        dx(c, in, nans<T>(in.size()));
    std::vector<std::int32_t> winners(out.size());
    ops::max_pool<cpu>::forward<T>(c, spec, x.a, y.a, over(winners));
    CHECK(near(y.plain(), file.read<double>(name + ".y"), 0));
    ops::max_pool<cpu>::backward<T>(c, spec, over(winners), dy.a, dx.a, writing::set);
    CHECK(near(dx.plain(), file.read<double>(name + ".dx"), tolerance<T>));
  }
}

TEST_CASE_TEMPLATE("Caffe's normalisation across channels and within a channel", T, float, double) {
  for (std::string const name : {"lrn_across.alexnet", "lrn_across.vgg_m", "lrn_across.strong"})
    compare_lrn<T>(name, lrn_region::across_channels);
  for (std::string const name : {"lrn_within.zf", "lrn_within.strong", "lrn_within.other_power"})
    compare_lrn<T>(name, lrn_region::within_channel);
}

}  // namespace cpu_tests
