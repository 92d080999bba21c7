#pragma once
// A feature pyramid small enough to be checked by differences: five maps of strides 4 to 64, C channels each (Feature Pyramid Networks,
// section 3, without the convolutions on the sums).
//
//   bottom-up   c0 = conv(pixels) at stride 4, c1, c2, c3 at stride 2 from the one before
//   lateral     l[i] = 1x1 convolution of c[i], no ReLU
//   top-down    map[3] = l[3], map[i] = l[i] + map[i + 1] at twice its size;  map[4] = every second pixel of map[3]
#include "frcnn/backend/cpu.hpp"
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/nn/conv.hpp"

#include <vector>

namespace detector_tests {

using namespace frcnn;

template <Real T, int C>
class pyramid {
  using act = activation<T, cpu>;
  using conv = nn::conv<T, cpu>;
  static constexpr int summed = 4;

 public:
  using scalar = T;
  using device = cpu;
  using context = cpu::context;
  static constexpr int levels = 5;
  static constexpr int channels(int) { return C; }
  static constexpr int stride(int l) { return 4 << l; }
  using features_type = features<T, cpu, C, levels>;
  struct tape {
    act pixels{}, up[summed]{}, map[summed]{};
    buffer<T, cpu> pixel_memory, up_memory[summed];
  };

  pyramid() {
    auto const start = initializer::normal(.1);
    for (int l = 0; l < summed; ++l) {
      up_.emplace_back(l == 0 ? conv2d_spec{3, C, 5, 4, 2, true} : conv2d_spec{C, C, 3, 2, 1, true}, start);
      lateral_.emplace_back(conv2d_spec{C, C, 1}, start);
    }
  }

  shape<4> map_shape(int l, shape<4> s) const {
    for (int i = 0; i < std::min(l + 1, summed); ++i) s = up_[std::size_t(i)].out_shape(s);
    return l < summed ? s : shape<4>{{s[0], C, (s[2] + 1) / 2, (s[3] + 1) / 2}};
  }

  void infer(context& c, batch<T, cpu> im, maps<T, levels, cpu>& f) const {
    context::frame const scope(c);
    tape t;
    forward(c, im, f, t);
  }
  void forward(context& c, batch<T, cpu> im, maps<T, levels, cpu>& f, tape& t) const {
    auto const kept = [&](buffer<T, cpu>& memory, shape<4> s) { return c.make_at<T>(memory.reserve(c, c.storage<T>(s)), s); };
    t.pixels = kept(t.pixel_memory, im.pixels.dims);
    c.from_plain(im.pixels, t.pixels);
    for (int l = 0; l < summed; ++l) {
      t.up[l] = kept(t.up_memory[l], map_shape(l, im.pixels.dims));
      t.map[l] = f.level[l];
      up_[std::size_t(l)].forward(c, l ? t.up[l - 1] : t.pixels, t.up[l]);
      lateral_[std::size_t(l)].forward(c, t.up[l], f.level[l]);
    }
    for (int l = summed - 2; l >= 0; --l) for_each_pair(f.level[l], f.level[l + 1], [](T& below, T& above) { below += above; });
    for_each_second(f.level[summed - 1], f.level[summed], [](T& of_all, T& of_some) { of_some = of_all; });
  }
  void backward(context& c, tape& t, maps<T, levels, cpu>& d, writing gradients = writing::set) {
    context::frame const scope(c);
    for_each_second(d.level[summed - 1], d.level[summed], [](T& of_all, T& of_some) { of_all += of_some; });
    for (int l = 0; l + 1 < summed; ++l) for_each_pair(d.level[l], d.level[l + 1], [](T& below, T& above) { above += below; });
    act after{};  // gradient of up[l] by what follows it
    for (int l = summed - 1; l >= 0; --l) {
      act dup = after ? after : c.make<T>(t.up[l].dims), before = l ? c.make<T>(t.up[l - 1].dims) : act{};
      typename conv::tape side{t.up[l], t.map[l]}, way{l ? t.up[l - 1] : t.pixels, t.up[l]};
      lateral_[std::size_t(l)].backward(c, side, d.level[l], dup, after ? writing::add : writing::set, gradients);
      up_[std::size_t(l)].backward(c, way, dup, before, writing::set, gradients);
      after = before;
    }
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("backbone");
    for (auto* layers : {&up_, &lateral_})
      for (std::size_t l = 0; l < layers->size(); ++l) {
        visit.enter((layers == &up_ ? "up." : "lateral.") + std::to_string(l));
        (*layers)[l].for_each_param(visit);
        visit.leave();
      }
    visit.leave();
  }

 private:
  static T* at(act const& a, int n, int y, int x) { return a.data + ((static_cast<std::size_t>(n) * a.dims[2] + y) * a.dims[3] + x) * C; }
  // f(element, the element above it in the nearest pixel of a map of half the size).
  template <class F>
  static void for_each_pair(act const& below, act const& above, F f) {
    for (int n = 0; n < below.dims[0]; ++n)
      for (int y = 0; y < below.dims[2]; ++y)
        for (int x = 0; x < below.dims[3]; ++x)
          for (int k = 0; k < C; ++k) f(at(below, n, y, x)[k], at(above, n, y / 2, x / 2)[k]);
  }
  template <class F>
  static void for_each_second(act const& all, act const& some, F f) {
    for (int n = 0; n < some.dims[0]; ++n)
      for (int y = 0; y < some.dims[2]; ++y)
        for (int x = 0; x < some.dims[3]; ++x)
          for (int k = 0; k < C; ++k) f(at(all, n, 2 * y, 2 * x)[k], at(some, n, y, x)[k]);
  }

  std::vector<conv> up_, lateral_;
};

}  // namespace detector_tests
