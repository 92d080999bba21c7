#pragma once
#include "op.hpp"

namespace ops_described {

struct conv2d {
  static constexpr char const
      *name = "conv2d",
      *computes = "y = scale (w * x) + bias + residual, then max(0, .) where asked for",
      *refuses = "no channels, kernel or stride below 1, pad below 0, maps that do not hold the kernel, an epilogue of another size",
      *fast =
          "3x3 with stride 1: `kernels/winograd/`; else `kernels/direct.hpp`, gradients and bf16 oneDNN; else portable "
          "(`fast/conv2d.hpp` has the lists)";
  static constexpr double tolerance = 5e-5;

  struct layer {
    conv2d_spec spec;
    shape<4> x;
  };
  // Channels, kernel, stride, pad, ReLU.
  static std::vector<layer> layers() {
    return {
        {{3, 5, 3, 1, 1, true}, {{2, 3, 6, 7}}},     {{4, 6, 3, 2, 1, true}, {{2, 4, 7, 6}}},   {{4, 6, 3, 2, 1, false}, {{1, 4, 9, 9}}},
        {{5, 4, 1, 1, 0, true}, {{2, 5, 4, 5}}},     {{5, 4, 1, 2, 0, false}, {{1, 5, 5, 4}}},  {{2, 3, 5, 2, 2, true}, {{2, 2, 9, 8}}},
        {{3, 2, 7, 2, 3, true}, {{1, 3, 11, 13}}},   {{2, 3, 7, 3, 3, false}, {{1, 2, 10, 8}}}, {{2, 2, 3, 1, 0, true}, {{1, 2, 3, 5}}},
        {{2, 2, 1, 1, 1, false}, {{1, 2, 2, 3}}},    {{1, 1, 3, 4, 0, false}, {{1, 1, 11, 9}}}, {{2, 3, 5, 1, 2, true}, {{1, 2, 1, 2}}},
        {{3, 8, 3, 1, 1, true}, {{2, 3, 40, 50}}},  // several strips
        {{40, 8, 3, 2, 1, true}, {{2, 40, 61, 47}}}, {{3, 4, 3, 1, 1, true}, {{0, 3, 5, 5}}},   {{32, 48, 3, 1, 1, true}, {{2, 32, 9, 10}}},
        {{16, 16, 3, 1, 1, false}, {{1, 16, 3, 2}}},
    };
  }

  struct problem {
    conv2d_spec spec;
    shape<4> x;
    bool bias = true, scale = false, residual = false;
  };
  // The whole cross product of the epilogue is conv2d_epilogue.cpp's; here every layer has one of its cases.
  static std::vector<problem> problems() {
    std::vector<problem> all;
    for (auto const& l : layers()) {
      std::size_t const i = all.size();
      all.push_back({l.spec, l.x, i % 2 == 0, i % 3 == 0, i % 4 < 2});
    }
    return all;
  }
  static problem measured() { return {{256, 256, 3, 1, 1, true}, {{1, 256, 50, 68}}, true, true, true}; }
  static std::string shape_text(problem const& p) {
    return text(p.x) + "-" + std::to_string(p.spec.out_channels) + "k" + std::to_string(p.spec.kernel) + "s" +
           std::to_string(p.spec.stride);
  }
  static std::vector<std::size_t> inputs(problem const& p) {
    std::size_t const o = static_cast<std::size_t>(p.spec.out_channels);
    return {p.x.size(), p.spec.weights(), p.bias ? o : 0, p.scale ? o : 0, p.residual ? output(p) : 0};
  }
  static std::size_t output(problem const& p) { return p.spec.out_shape(p.x).size(); }
  static double operations(problem const& p) { return p.spec.operations(p.x); }
  template <class T>
  static conv2d_epilogue<T, cpu> epilogue(problem const& p, arrays<T> const& in) {
    conv2d_epilogue<T, cpu> e;
    if (p.bias) e.bias = row(in[2]);
    if (p.scale) e.scale = row(in[3]);
    if (p.residual) e.residual = map(in[4], p.spec.out_shape(p.x));
    return e;
  }
  template <class T>
  static void forward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T>& out) {
    frcnn::ops::conv2d<cpu>::forward<T>(c, p.spec, map(in[0], p.x), row(in[1]), epilogue(p, in), map(out, p.spec.out_shape(p.x)));
  }
  template <class T>
  static void backward(cpu::context& c, problem const& p, arrays<T> const& in, std::vector<T> const& out, std::vector<T>& dout,
                       arrays<T>& din) {
    shape<4> const ys = p.spec.out_shape(p.x);
    conv2d_gradients<T, cpu> d{.weight = row(din[1]), .x = map(din[0], p.x)};
    if (p.bias) d.bias = row(din[2]);
    if (p.scale) d.scale = row(din[3]);
    if (p.residual) d.residual = map(din[4], ys);
    frcnn::ops::conv2d<cpu>::backward<T>(c, p.spec, map(in[0], p.x), map(out, ys), map(dout, ys), row(in[1]), epilogue(p, in), d);
  }
  static refusals refused() {
    refusals all;
    auto const refuse = [&](conv2d_spec const& s, shape<4> x) {
      all.push_back([=](cpu::context& c) {
        frcnn::ops::conv2d<cpu>::forward<float>(c, s, {nullptr, x}, {}, conv2d_epilogue<float, cpu>{}, {});
      });
    };
    refuse({0, 4, 3, 1, 1}, {{1, 0, 5, 5}});
    refuse({3, 4, 0, 1, 1}, {{1, 3, 5, 5}});
    refuse({3, 4, 3, 0, 1}, {{1, 3, 5, 5}});
    refuse({3, 4, 3, 1, -1}, {{1, 3, 5, 5}});
    refuse({3, 4, 3, 1, 0}, {{1, 3, 5, 2}});
    refuse({3, 4, 17, 1, 0}, {{1, 3, 16, 40}});
    refuse({3, 4, 3, 1, 1}, {{1, 4, 5, 5}});
    return all;
  }
};

}  // namespace ops_described
