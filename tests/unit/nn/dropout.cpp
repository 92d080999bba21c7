#include "frcnn/nn/dropout.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/nn/linear.hpp"
#include "frcnn/nn/parameter_store.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace frcnn;

namespace {

template <class T>
view<T, 2, cpu> rows(std::vector<T>& v, int columns) {
  return {v.data(), {{static_cast<std::int32_t>(v.size()) / columns, columns}}};
}

}  // namespace

TEST_CASE("dropout: what keeps the mean is done in training or in testing") {
  cpu::context c(1);
  std::vector<std::uint8_t> mask{1, 0, 1, 1};
  auto const dropped = [&](double p, nn::dropout_form form) {
    std::vector<double> x{1, 2, -3, 4};
    nn::apply_dropout<double, cpu>(c, rows(x, 2), view<std::uint8_t const, 2, cpu>{mask.data(), {{2, 2}}}, p, form);
    return x;
  };
  auto const tested = [&](double p, nn::dropout_form form) {
    std::vector<double> x{1, 2, -3, 4};
    nn::dropout_in_testing<double, cpu>(c, rows(x, 2), p, form);
    return x;
  };
  using enum nn::dropout_form;
  CHECK(dropped(.5, inverted) == std::vector<double>{2, 0, -6, 8});
  CHECK(dropped(.5, nn::dropout_form::in_testing) == std::vector<double>{1, 0, -3, 4});
  CHECK(tested(.5, inverted) == std::vector<double>{1, 2, -3, 4});
  CHECK(tested(.75, nn::dropout_form::in_testing) == std::vector<double>{.25, .5, -.75, 1});
  CHECK(tested(0, nn::dropout_form::in_testing) == std::vector<double>{1, 2, -3, 4});
}

TEST_CASE_TEMPLATE("dropout in testing is Caffe's, with scale_train and without", T, float, double) {
  io::safetensors_file const file(std::filesystem::path(__FILE__).parent_path() / "../../golden/caffe_layers.safetensors");
  nn::linear<T, cpu> layer(6, 4, false, initializer::zero(), initializer::zero());
  parameter_store<T, cpu> store;
  store.bind(layer);
  store.set(store.at("weight"), file.read<T>("dropout.weight"));
  store.set(store.at("bias"), file.read<T>("dropout.bias"));
  cpu::context c(1);
  for (auto const& [name, form] : {std::pair{"dropout.scale_train_false", nn::dropout_form::in_testing},
                                   std::pair{"dropout.scale_train_true", nn::dropout_form::inverted}}) {
    auto x = file.read<T>("dropout.x");
    for (auto& v : x) v = std::max(v, T(0));
    nn::dropout_in_testing<T, cpu>(c, rows(x, 6), .5, form);
    std::vector<T> y(20);
    layer.forward(c, rows(x, 6), rows(y, 4));
    auto const theirs = file.read<double>(name);
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::abs(static_cast<double>(y[i]) - theirs[i]) <= (sizeof(T) == 4 ? 1e-5 : 1e-9) * 4);
  }
}
