#pragma once
// oneDNN's own convolutions on layouts of its own choice: what benchmarks measure ours against. No layer calls this.
//
//   yardstick y(c, spec, {N, C, H, W}, pass::forward, algorithm::convolution_winograd);
//   if (y) y.run();     only the kernel: activations and weights lie as it wants them, and no one converts them
// Winograd is refused (y is false) for other than 3x3 with stride 1, without AVX-512, and by oneDNN 3.2 and later.
// Its ReLU is the plain one, the only one that Winograd takes. `run` works on zeros unless `load` gave it numbers, plain ([N, C, H, W],
// [O, C, k, k]); `result` gives the output so.
#include "frcnn/backend/cpu/onednn/conv2d.hpp"

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

enum class pass : std::uint8_t { forward, backward_data, backward_weight };

class yardstick {
 public:
  yardstick(cpu::context& c, conv2d_spec const& s, shape<4> in, pass what, algorithm how) : context_(&c) {
    shape<4> const out = s.out_shape(in);
    dims const x{in[0], in[1], in[2], in[3]}, w{s.out_channels, s.in_channels, s.kernel, s.kernel}, y{out[0], out[1], out[2], out[3]};
    auto const any = [](dims const& d) { return desc(d, type::f32, tag::any); };
    desc const bias({s.out_channels}, type::f32, tag::a);
    sliding const slide(s.stride, s.pad);
    team const threads(c);
    keep_denormals const normal;
    try {
      auto const forward =
          convolution_forward(what == pass::forward ? prop_kind::forward_inference : prop_kind::forward_training, how, any(x), any(w), bias,
                              any(y), slide, attributes(false, what == pass::forward && s.relu, 0.f));
      if (what == pass::forward)
        make(dnnl::convolution_forward(forward), forward,
             {{{DNNL_ARG_SRC, forward.src_desc()}, {DNNL_ARG_WEIGHTS, forward.weights_desc()}, {DNNL_ARG_DST, forward.dst_desc()}}}, &bias);
      else if (what == pass::backward_data) {
        auto const made = convolution_backward_data(how, any(x), any(w), any(y), slide, forward, attributes());
        make(dnnl::convolution_backward_data(made), made,
             {{{DNNL_ARG_DIFF_DST, made.diff_dst_desc()},
               {DNNL_ARG_WEIGHTS, made.weights_desc()},
               {DNNL_ARG_DIFF_SRC, made.diff_src_desc()}}});
      } else {
        auto const made = convolution_backward_weights(how, any(x), any(w), any(y), slide, forward, attributes());
        make(dnnl::convolution_backward_weights(made), made,
             {{{DNNL_ARG_SRC, made.src_desc()},
               {DNNL_ARG_DIFF_DST, made.diff_dst_desc()},
               {DNNL_ARG_DIFF_WEIGHTS, made.diff_weights_desc()}}});
      }
    } catch (dnnl::error const&) {
      arguments_.clear();  // not among its kernels
    }
  }

  explicit operator bool() const { return !arguments_.empty(); }

  // i: 0, 1 the inputs in the order of the pass (x, weight; dy, weight; x, dy); the output is 2.
  void load(int i, float const* plain) { convert(plain, memory_[static_cast<std::size_t>(i)], true); }
  void result(float* plain) { convert(plain, memory_[2], false); }
  void run() {
    team const threads(*context_);
    primitive_.execute(stream_, arguments_);
  }

 private:
  template <class Made>
  void make(dnnl::primitive p, Made const& made, std::array<job::argument, 3> const& what, desc const* bias = nullptr) {
    primitive_ = std::move(p);
    for (auto const& a : what) arguments_[a.name] = memory_.emplace_back(zeroed(a.what));
    if (bias) arguments_[DNNL_ARG_BIAS] = zeroed(*bias);
    arguments_[DNNL_ARG_SCRATCHPAD] = zeroed(made.scratchpad_desc());
  }
  static dnnl::memory zeroed(desc const& d) {
    dnnl::memory m(d, engine());
    if (d.get_size()) std::memset(m.get_data_handle(), 0, d.get_size());
    return m;
  }
  void convert(float const* plain, dnnl::memory& m, bool in) {
    team const threads(*context_);
    dnnl::memory outside(desc(size_of(m), type::f32, tag::abcd), engine(), const_cast<float*>(plain));
    dnnl::memory &from = in ? outside : m, &to = in ? m : outside;
    dnnl::reorder(from, to).execute(stream_, from, to);
  }
  static dims size_of(dnnl::memory const& m) {
#if DNNL_VERSION_MAJOR >= 3
    return m.get_desc().get_dims();
#else
    return m.get_desc().dims();
#endif
  }

  cpu::context* context_;
  dnnl::stream stream_{engine()};
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memory_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
