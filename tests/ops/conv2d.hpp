#pragma once
#include "frcnn/ops/conv2d.hpp"

#include "layers.hpp"
#include "op.hpp"

namespace ops_described {

struct conv2d : operation {
  static constexpr char const
      *name = "conv2d",
      *computes = "y = scale (w * x) + bias + residual, then max(0, .) where asked for",
      *refuses =
          "no channels, kernel or stride below 1, pad below 0, maps that do not hold the kernel, an epilogue or an output of another size";
  static std::string by(std::string_view column) {
    return column == "fast" ? "3x3 with stride 1: `kernels/winograd/`; else `kernels/direct.hpp`, gradients and bf16 oneDNN; else portable "
                              "(`fast/conv2d.hpp` has the lists)"
           : column == "cuda" ? "products by cuDNN"
                              : "yes";
  }
  static constexpr double tolerance = 5e-5;
  static constexpr bool has_products = true;

  struct layer {
    conv2d_spec spec;
    shape<4> x;
  };
  static layer several_strips() { return {{3, 8, 3, 1, 1, true}, {{2, 3, 40, 50}}}; }
  // On the CPU: which the engine fast gives to Winograd, and which to no kernel of tiles.
  static layer tiled() { return {{32, 48, 3, 1, 1, true}, {{2, 32, 9, 11}}}; }
  static layer strided() { return {{32, 48, 3, 2, 1, true}, {{2, 32, 9, 11}}}; }
  // Strided on a map of several parts for two threads; 1x1; strided with channels that end within a vector; 3x3 of whole vectors.
  static layer strided_parts() { return {{64, 128, 3, 2, 1, true}, {{2, 64, 33, 30}}}; }
  static layer pointwise() { return {{64, 36, 1, 1, 0, true}, {{2, 64, 9, 7}}}; }
  static layer strided_odd() { return {{17, 33, 3, 2, 1, true}, {{1, 17, 11, 12}}}; }
  static layer whole_vectors() { return {{64, 64, 3, 1, 1, true}, {{1, 64, 12, 13}}}; }
  // As many shapes as there are widths.
  static layer row_of(int width) { return {{4, 4, 1, 1, 0, false}, {{1, 4, 3, width}}}; }
  // 1x1 and 3x3, with stride and without.
  static std::vector<layer> strides() {
    std::vector<layer> all;
    for (int const kernel : {1, 3})
      for (int const stride : {1, 2}) all.push_back({{64, 20, kernel, stride, kernel / 2, false}, {{1, 64, 8, 9}}});
    return all;
  }
  // Of which tests/golden has PyTorch's numbers, by its names.
  struct golden_layer {
    char const* name;
    conv2d_spec spec;
    shape<4> x;
  };
  static std::vector<golden_layer> golden() {
    return {{"conv.s1", {3, 5, 3, 1, 1, true}, {{2, 3, 6, 7}}},
            {"conv.s2", {4, 6, 3, 2, 1, false}, {{2, 4, 7, 6}}},
            {"conv.k5", {2, 3, 5, 2, 2, true}, {{2, 2, 9, 8}}},
            {"conv.k1", {5, 4, 1, 1, 0, false}, {{2, 5, 4, 5}}}};
  }
  // Channels, kernel, stride, pad, ReLU.
  static std::vector<layer> layers() {
    std::vector<layer> all;
    for (auto const& l : golden()) all.push_back({l.spec, l.x});
    for (auto const& some : {small(), large_kernels(), of_vectors()}) all.insert(all.end(), some.begin(), some.end());
    return all;
  }
  static std::vector<layer> small() {
    return {
        {{4, 6, 3, 2, 1, false}, {{1, 4, 9, 9}}},
        {{5, 4, 1, 2, 0, false}, {{1, 5, 5, 4}}},
        {{3, 2, 7, 2, 3, true}, {{1, 3, 11, 13}}},
        {{2, 3, 7, 3, 3, false}, {{1, 2, 10, 8}}},
        {{2, 2, 3, 1, 0, true}, {{1, 2, 3, 5}}},
        {{2, 2, 1, 1, 1, false}, {{1, 2, 2, 3}}},
        {{1, 1, 3, 4, 0, false}, {{1, 1, 11, 9}}},
        {{2, 3, 5, 1, 2, true}, {{1, 2, 1, 2}}},
        several_strips(),
        {{40, 8, 3, 2, 1, true}, {{2, 40, 61, 47}}},
        {{3, 4, 3, 1, 1, true}, {{0, 3, 5, 5}}},
        tiled(),
        strided(),
        {{16, 16, 3, 1, 1, false}, {{1, 16, 3, 2}}},
        {{16, 16, 3, 1, 9, false}, {{1, 16, 4, 4}}},  // windows of which whole groups lie in the pad
        {{16, 16, 1, 1, 7, true}, {{1, 16, 2, 3}}},
        {{16, 16, 3, 1, 17, false}, {{2, 16, 3, 4}}},
        {{16, 16, 1, 2, 1, false}, {{1, 16, 5, 6}}},
        {{2, 2, 5, 1, 1, false}, {{1, 2, 3, 4}}},
    };
  }
  static std::vector<layer> large_kernels() {
    return {{{2, 3, 16, 3, 8, true}, {{1, 2, 15, 17}}},
            {{2, 3, 17, 2, 8, true}, {{2, 2, 20, 18}}},
            {{16, 16, 17, 1, 8, false}, {{1, 16, 9, 12}}},
            {{1, 2, 33, 2, 16, true}, {{1, 1, 21, 20}}}};
  }
  // Channels that fill vectors and blocks of 16, or end within them; windows longer than a map.
  static std::vector<layer> of_vectors() {
    return {{{3, 64, 3, 1, 1, true}, {{1, 3, 9, 31}}},
            {{17, 33, 3, 1, 1, true}, {{2, 17, 6, 15}}},
            strided_odd(),
            {{32, 45, 1, 1, 0, false}, {{1, 32, 5, 29}}},
            {{16, 9, 3, 2, 1, true}, {{3, 16, 7, 8}}},
            {{5, 20, 5, 1, 2, false}, {{1, 5, 2, 3}}},
            {{2, 7, 7, 1, 3, true}, {{1, 2, 1, 1}}},
            {{64, 128, 3, 2, 1, true}, {{1, 64, 9, 12}}},
            {{3, 32, 3, 2, 1, true}, {{2, 3, 15, 20}}},
            pointwise(),
            {{32, 48, 1, 2, 0, true}, {{1, 32, 15, 15}}},
            whole_vectors()};
  }
  // Every kernel with every stride, padding, number of channels and batch, those that must be refused among them: conv2d_epilogue.cpp
  // computes each with every epilogue.
  static std::vector<layer> cross_product() {
    std::vector<layer> all;
    for (int const kernel : {1, 3, 5, 7, 17})
      for (int const stride : {1, 2})
        for (int const pad : {0, kernel / 2})
          for (auto const& [in, out] : {std::pair{16, 32}, std::pair{5, 7}, std::pair{3, 16}})
            for (int const batch : {1, 3}) all.push_back({{in, out, kernel, stride, pad, false}, {{batch, in, 9, 8}}});
    return all;
  }
  // What must be refused, whatever the epilogue.
  static std::vector<layer> refused_layers() {
    return {{{0, 4, 3, 1, 1}, {{1, 0, 5, 5}}},    {{3, 0, 3, 1, 1}, {{1, 3, 5, 5}}},  {{3, 4, 0, 1, 1}, {{1, 3, 5, 5}}},
            {{3, 4, 3, 0, 1}, {{1, 3, 5, 5}}},    {{3, 4, 3, 1, -1}, {{1, 3, 5, 5}}}, {{3, 4, 3, 1, 0}, {{1, 3, 5, 2}}},
            {{3, 4, 17, 1, 0}, {{1, 3, 16, 40}}}, {{2, 2, 5, 1, 1}, {{1, 2, 2, 4}}},  {{2, 2, 5, 2, 1}, {{1, 2, 4, 2}}},
            {{3, 4, 3, 1, 1}, {{1, 4, 5, 5}}}};
  }

  struct problem {
    conv2d_spec spec;
    shape<4> x;
    bool bias = true, scale = false, residual = false;
    bool wants_dx = true;  // an image's pixels have no gradient
  };
  // Every layer has one of the epilogue's cases.
  static std::vector<problem> problems() {
    std::vector<problem> all;
    for (auto const& l : layers()) {
      std::size_t const i = all.size();
      all.push_back({l.spec, l.x, i % 2 == 0, i % 3 == 0, i % 4 < 2});
    }
    return all;
  }
  static std::vector<timed<problem>> measured() {
    std::vector<timed<problem>> all{{{{256, 256, 3, 1, 1, true}, {{1, 256, 50, 68}}, true, true, true}, "with scale and residual", true}};
    auto const add = [&](ops_described::layers const& of) {
      for (auto const* some : {&of.backbone, &of.rpn})
        for (auto const& l : *some) all.push_back({{l.spec, l.x, true, false, false, l.wants_dx}, l.where, true});
    };
    for (int const n : {2, 1}) add(layers_of_small(n, 300, 400));
    add(layers_of_vgg16_tv(1, 600, 800));
    return all;
  }
  static std::string text(problem const& p) {
    return ops_described::text(p.x) + "-" + std::to_string(p.spec.out_channels) + "k" + std::to_string(p.spec.kernel) + "s" +
           std::to_string(p.spec.stride) + (p.scale ? "-scale" : "") + (p.residual ? "-residual" : "");
  }
  static array weights(conv2d_spec const& s) { return {{{s.out_channels, s.in_channels, s.kernel, s.kernel}}, form::weights}; }
  static std::vector<array> inputs(problem const& p) {
    int const o = p.spec.out_channels;
    return {{p.x},
            weights(p.spec),
            p.bias ? plain(o) : absent,
            p.scale ? plain(o) : absent,
            p.residual ? array{p.spec.out_shape(p.x)} : absent};
  }
  static std::vector<array> outputs(problem const& p) { return {{p.spec.out_shape(p.x)}}; }
  static double flops(problem const& p) { return p.spec.operations(p.x); }
  static int passes(problem const& p) { return p.wants_dx ? 2 : 1; }
  static int differentiated(problem const&) { return 5; }
  static bool keeps_bits(std::size_t i) { return i != 1 && i != 3; }  // of weights and scale, which are sums over pixels
  static std::vector<std::vector<int>> linear_in(problem const& p) {
    if (!p.wants_dx) return {{1, 2, 4}};
    return {{0, 2, 4}, {1, 2, 4}};
  }

  template <class T, class B>
  static conv2d_epilogue<T, B> epilogue(operands<T, B> const& r, problem const& p) {
    conv2d_epilogue<T, B> e;
    if (p.bias) e.bias = r.in[2].row();
    if (p.scale) e.scale = r.in[3].row();
    if (p.residual) e.residual = r.in[4].map();
    return e;
  }
  template <class T, class B>
  static void forward(operands<T, B>& r, problem const& p) {
    frcnn::ops::conv2d<B>::template forward<T>(r.c, p.spec, r.in[0].map(), r.in[1].row(), epilogue(r, p), r.out[0].map());
  }
  template <class T, class B>
  static void backward(operands<T, B>& r, problem const& p) {
    conv2d_gradients<T, B> d;
    d.weight = r.din[1].row(), d.how = r.how;
    if (p.wants_dx) d.x = r.din[0].map(), d.x_how = r.how;
    if (p.bias) d.bias = r.din[2].row();
    if (p.scale) d.scale = r.din[3].row();
    if (p.residual) d.residual = r.din[4].map(), d.residual_how = r.how;
    frcnn::ops::conv2d<B>::template backward<T>(r.c, p.spec, r.in[0].map(), r.out[0].map(), r.dout[0].map(), r.in[1].row(), epilogue(r, p),
                                                d);
  }
  static double defined(problem const& p, std::vector<doubles> const& in, std::vector<ints> const&, std::size_t at) {
    shape<4> const x = p.x, y = p.spec.out_shape(x);
    int const j = static_cast<int>(at % static_cast<std::size_t>(y[3])), i = static_cast<int>(at / static_cast<std::size_t>(y[3])) % y[2];
    std::size_t const plane = at / (static_cast<std::size_t>(y[2]) * y[3]), o = plane % static_cast<std::size_t>(y[1]),
                      n = plane / static_cast<std::size_t>(y[1]);
    double sum = 0;
    for (int c = 0; c < x[1]; ++c)
      for (int ky = 0; ky < p.spec.kernel; ++ky)
        for (int kx = 0; kx < p.spec.kernel; ++kx) {
          int const yy = i * p.spec.stride + ky - p.spec.pad, xx = j * p.spec.stride + kx - p.spec.pad;
          if (yy < 0 || xx < 0 || yy >= x[2] || xx >= x[3]) continue;
          sum += in[0][((n * x[1] + c) * x[2] + yy) * x[3] + xx] * in[1][((o * x[1] + c) * p.spec.kernel + ky) * p.spec.kernel + kx];
        }
    sum = (p.scale ? in[3][o] : 1) * sum + (p.bias ? in[2][o] : 0) + (p.residual ? in[4][at] : 0);
    return p.spec.relu ? std::max(0., sum) : sum;
  }
  template <class B>
  static refusals<B> refused() {
    refusals<B> all;
    for (auto const& l : refused_layers())
      all.push_back([l](typename B::context& c) {
        frcnn::ops::conv2d<B>::template forward<float>(c, l.spec, c.template make_at<float>(nullptr, l.x), view<float const, 1, B>{},
                                                       conv2d_epilogue<float, B>{}, activation<float, B>{});
      });
    for (int part = 0; part < 5; ++part)
      all.push_back([part](typename B::context& c) {
        conv2d_spec const spec{3, 4, 3, 1, 1};
        operand<float, B> const x(c, {{{1, 3, 5, 5}}}), y(c, {{{1, 4, 5, 5}}}), other(c, {{{1, 4, 5, 4}}}), three(c, plain(3)),
            w(c, weights(spec));
        conv2d_epilogue<float, B> e;
        if (part == 0) e.bias = three.row();
        else if (part == 1) e.scale = three.row();
        else if (part == 2) e.residual = other.map();
        auto const out = part < 3 ? y.map() : part == 3 ? other.map() : x.map();  // with fewer pixels, or of as many channels as x
        frcnn::ops::conv2d<B>::template forward<float>(c, spec, x.map(), w.row(), e, out);
        c.wait();
      });
    return all;
  }
};

}  // namespace ops_described
