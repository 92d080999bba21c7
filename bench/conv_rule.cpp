// Every kernel that could convolve, beside the others, on every shape of every preset: the proof of the lists in
// backend/cpu/fast/conv2d.hpp.
//
//   op/conv2d_rule/<kernel>/<pass>/<shape>     kernels  winograd, direct     ours
//                                                       onednn_direct        oneDNN's on our layout, as a layer calls it
//                                                       onednn_winograd      oneDNN's own on layouts of its choice; no layer can call it
//                                              passes   forward              weights converted once (inference)
//                                                       forward_train        weights converted in every call
//                                                       backward_data, backward_weight
//   op/winograd_total/<kernel>/<pass>/600x800  the twelve 3x3 convolutions of VGG-16 with 64 channels and more, in one run; here
//                                              onednn_direct has layouts of its own choice as onednn_winograd has
// A layer's pass pays for converting its weights, oneDNN's Winograd does not. The counter `rule` is 1 where the list takes this kernel:
// check_rule.py reads it.
#include "cases.hpp"
#include "suite.hpp"

#if FRCNN_HAS_ONEDNN

#include "yardstick.hpp"

#include <deque>
#include <memory>

namespace bench {
namespace {

using frcnn::writing;
using frcnn::cpu_backend::onednn::pass, frcnn::cpu_backend::onednn::yardstick;
namespace winograd = frcnn::cpu_backend::winograd;
namespace direct = frcnn::cpu_backend::direct;
namespace own = frcnn::cpu_backend::onednn;
namespace fast = frcnn::cpu_backend::fast;

constexpr auto us = benchmark::kMicrosecond;
constexpr char const* fast_engine = "fast";
constexpr char const* pass_names[] = {"forward", "backward_data", "backward_weight"};

// What all kernels work on, and what their results must be.
struct rule_case : conv_case {
  activation dy, dx;
  view<float, 1, device> dweight;

  rule_case(context& c, conv_layer const& l, pass p) : conv_case(c, l) {
    if (p == pass::forward) return;
    dy = activated(c, y.dims, numbers(y.dims.size(), .5f, 1, 5));
    if (p == pass::backward_data) dx = c.make<float>(l.x);
    else dweight = uploaded(c, values(w.size()));
  }
  // dx or dweight, as the layers store them, against the forward pass without ReLU.
  std::string wrong_backward(context& c, values const& gradient, values const& of) const {
    auto linear = layer.spec;
    linear.relu = false;
    context::frame const scope(c);
    auto const out = c.make<float>(y.dims);
    auto const none = uploaded(c, values(b.size(), 0.f));
    direct_forward(c, linear, none, out);
    return not_adjoint(downloaded(c, dy), downloaded(c, out), gradient, of);
  }
  void direct_forward(context& c, frcnn::conv2d_spec const& s, view<float, 1, device> offset, activation out) const {
    float* const panels = c.scratch_of<float>(direct::panel_floats(s));
    direct::pack_weights(c, s, weight.data, panels);
    direct::convolve(c, s, in.data, in.dims, panels, offset.data, out.data);
  }
};

std::string shape_of(conv_layer const& l) {
  auto const& s = l.spec;
  return text(l.x) + "-" + std::to_string(s.out_channels) + "k" + std::to_string(s.kernel) + "s" + std::to_string(s.stride);
}

struct contender {
  char const* kernel;
  bool is_rule;  // what the rule takes
  std::function<std::function<void()>(context&, std::shared_ptr<rule_case>)> prepare;
};

void add_contender(conv_layer const& l, char const* pass_name, pass p, contender const& k) {
  add_for(fast_engine, std::string("op/conv2d_rule/") + k.kernel + "/" + pass_name + "/" + shape_of(l), us, [=](context& c) {
    auto const r = std::make_shared<rule_case>(c, l, p);
    return job{.run = k.prepare(c, r),
               .wrong =
                   [=, &c] {
                     if (p == pass::forward) return r->wrong_forward(c);
                     return p == pass::backward_data ? r->wrong_backward(c, downloaded(c, r->dx), r->x)
                                                     : r->wrong_backward(c, frcnn::to_host(r->dweight), r->w);
                   },
               .flops = l.flops(),
               .bytes = bytes(elements(l.x) + elements(l.spec.out_shape(l.x)) + static_cast<double>(r->w.size())),
               .label = l.where,
               .counters = {{"rule", k.is_rule}}};
  });
}

// oneDNN's Winograd takes and gives plain arrays; its bias is zero.
void add_yardstick(conv_layer l, pass p) {
  auto const name = std::string("op/conv2d_rule/onednn_winograd/") + pass_names[static_cast<int>(p)] + "/" + shape_of(l);
  add_for(fast_engine, name, us, [=](context& c) {
    auto const r = std::make_shared<rule_case>(c, l, p);
    std::fill(r->b.begin(), r->b.end(), 0.f);
    auto const& s = l.spec;
    auto const y = std::make_shared<yardstick>(c, s, l.x, p, own::algorithm::convolution_winograd);
    if (!*y) throw frcnn::error("oneDNN's Winograd", "a kernel for this shape", "none");
    values plain(r->w.size());  // [O, C, k, k]
    auto const each = [s](auto f) {
      std::size_t at = 0;
      int const k = s.kernel;
      for (int o = 0; o < s.out_channels; ++o)
        for (int ch = 0; ch < s.in_channels; ++ch)
          for (int t = 0; t < k * k; ++t, ++at)
            f(at, (static_cast<std::size_t>(o) * k * k + static_cast<std::size_t>(t)) * s.in_channels + ch);
    };
    each([&](std::size_t to, std::size_t from) { plain[to] = r->w[from]; });
    auto const dy = p == pass::forward ? values() : downloaded(c, r->dy);
    y->load(0, p == pass::backward_data ? dy.data() : r->x.data());
    y->load(1, p == pass::backward_weight ? dy.data() : plain.data());
    return job{.run = [y] { y->run(); },
               .wrong =
                   [=, &c] {
                     if (p == pass::backward_weight) {
                       values found(r->w.size()), stored(r->w.size());
                       y->result(found.data());
                       each([&](std::size_t from, std::size_t to) { stored[to] = found[from]; });
                       return r->wrong_backward(c, stored, r->w);
                     }
                     values found(p == pass::forward ? r->y.dims.size() : l.x.size());
                     y->result(found.data());
                     if (p == pass::backward_data) return r->wrong_backward(c, found, r->x);
                     context::frame const scope(c);
                     c.from_plain<float>(view<float const, 4, device>(uploaded(c, r->y.dims, found)), r->y);
                     return r->wrong_forward(c);
                   },
               .flops = l.flops(),
               .label = l.where,
               .counters = {{"rule", 0}}};
  });
}

// Whether a list of kernels gives the problem to this one: "winograd" stands for both ways to go.
template <class List>
bool is_rule(List const& list, conv_layer const& l, char const* kernel, bool keeps = false) {
  return std::string_view(fast::chosen(list, {l.spec, l.x, frcnn::compute::exact, keeps})).starts_with(kernel);
}

void add_shape(conv_layer const& l) {
  bool const is_tiled = fast::is_winograd(l.spec);
  // Memory of the turn: the job's frame outlives each run's.
  auto const forward = [&](char const* pass_name, bool kept) {
    if (is_tiled)
      add_contender(l, pass_name, pass::forward,
                    {"winograd", is_rule(fast::forward_kernels, l, "winograd", kept), [kept](context& c, std::shared_ptr<rule_case> r) {
                       auto const& s = r->layer.spec;
                       auto const keep = kept ? std::make_shared<frcnn::kept_weights>() : nullptr;
                       return [=, &c] { fast::forward(c, s, r->in, {r->weight.data, keep.get(), 1}, r->bias.data, r->y); };
                     }});
    add_contender(l, pass_name, pass::forward,
                  {"direct", is_rule(fast::forward_kernels, l, "direct", kept), [kept](context& c, std::shared_ptr<rule_case> r) {
                     auto const& s = r->layer.spec;
                     float* const panels = c.scratch_of<float>(direct::panel_floats(s));
                     auto const convert = [=, &c] { direct::pack_weights(c, s, r->weight.data, panels); };
                     convert();
                     return [=, &c] {
                       if (!kept) convert();
                       direct::convolve(c, s, r->in.data, r->in.dims, panels, r->bias.data, r->y.data);
                     };
                   }});
    add_contender(
        l, pass_name, pass::forward,
        {"onednn_direct", is_rule(fast::forward_kernels, l, "onednn_direct", kept), [kept](context& c, std::shared_ptr<rule_case> r) {
           auto const keep = kept ? std::make_shared<own::packed>() : nullptr;
           return [=, &c] { own::forward(c, r->layer.spec, r->in, {r->weight.data, keep.get(), 1}, r->bias.data, r->y); };
         }});
  };
  forward("forward", true);
  forward("forward_train", false);

  if (l.wants_dx) {
    if (is_tiled)
      add_contender(l, "backward_data", pass::backward_data,
                    {"winograd", is_rule(fast::data_kernels, l, "winograd"), [](context& c, std::shared_ptr<rule_case> r) {
                       return [=, &c] {
                         fast::backward(c, r->layer.spec, r->in, r->dy, r->weight.data, nullptr, writing::set, r->dx, writing::set);
                       };
                     }});
    add_contender(l, "backward_data", pass::backward_data,
                  {"onednn_direct", is_rule(fast::data_kernels, l, "onednn_direct"), [](context& c, std::shared_ptr<rule_case> r) {
                     return [=, &c] { own::backward_data(c, r->layer.spec, r->dy, r->weight.data, r->dx, writing::set); };
                   }});
  }
  if (is_tiled)
    add_contender(l, "backward_weight", pass::backward_weight,
                  {"winograd", is_rule(fast::weight_kernels, l, "winograd"), [](context& c, std::shared_ptr<rule_case> r) {
                     return [=, &c] {
                       auto const& s = r->layer.spec;
                       winograd::backward_weight(c, s.in_channels, s.out_channels, r->in.data, r->dy.data, r->in.dims, r->dweight.data,
                                                 false);
                     };
                   }});
  add_contender(l, "backward_weight", pass::backward_weight,
                {"onednn_direct", is_rule(fast::weight_kernels, l, "onednn_direct"), [](context& c, std::shared_ptr<rule_case> r) {
                   return [=, &c] { own::backward_weight(c, r->layer.spec, r->in, r->dy, r->dweight.data, writing::set); };
                 }});
  if (own::has_winograd() && is_tiled)
    for (auto const p : {pass::forward, pass::backward_data, pass::backward_weight}) add_yardstick(l, p);
}

std::vector<conv_layer> twelve() {
  std::vector<conv_layer> some;
  for (auto const& l : layers_of_vgg16_tv(1, 600, 800).backbone)
    if (fast::is_winograd(l.spec)) some.push_back(l);
  return some;
}

// Results are checked one by one above; here that they are there.
job total_of_ours(context& c, pass p) {
  struct one {
    conv_layer layer;
    float const* weight;
    float* bias;
    float const *x = nullptr, *dy = nullptr;
    float *y = nullptr, *dx = nullptr, *dweight = nullptr;
    frcnn::kept_weights* keep = nullptr;
  };
  auto const all = std::make_shared<std::vector<one>>();
  auto const kept = std::make_shared<std::deque<frcnn::kept_weights>>();
  auto const floats = [&c](std::size_t n, float low, float high) {
    auto const v = frcnn::scratch<float, device>(c, shape<1>{{static_cast<std::int32_t>(n)}});
    frcnn::from_host(numbers(n, low, high), v);
    return v.data;
  };
  double flops = 0;
  for (auto const& l : twelve()) {
    auto const& s = l.spec;
    std::size_t const in = l.x.size(), out = s.out_shape(l.x).size(), w = static_cast<std::size_t>(9) * s.in_channels * s.out_channels;
    one a{l, floats(w, -.05f, .05f), floats(static_cast<std::size_t>(s.out_channels), 0, .1f)};
    if (p != pass::backward_data) a.x = floats(in, 0, 1);
    if (p != pass::forward) a.dy = floats(out, -1, 1);
    if (p == pass::forward) {
      a.y = c.scratch_of<float>(out);
      a.keep = &kept->emplace_back();
    } else if (p == pass::backward_data) {
      a.dx = c.scratch_of<float>(in);
    } else {
      a.dweight = c.scratch_of<float>(w);
    }
    flops += l.flops();
    all->push_back(a);
  }
  auto const run = [=, owner = kept, &c] {
    for (auto const& a : *all) {
      auto const& s = a.layer.spec;
      shape<4> const in = a.layer.x, out = s.out_shape(in);
      if (p == pass::forward) fast::forward(c, s, {const_cast<float*>(a.x), in}, {a.weight, a.keep, 1}, a.bias, {a.y, out});
      else
        fast::backward(c, s, {const_cast<float*>(a.x), in}, {const_cast<float*>(a.dy), out}, a.weight, a.dweight, writing::set, {a.dx, in},
                       writing::set);
    }
  };
  auto const wrong = [=] {
    auto const& a = all->back();
    auto const& s = a.layer.spec;
    float const* const last = p == pass::forward ? a.y : p == pass::backward_data ? a.dx : a.dweight;
    std::size_t const n = p == pass::backward_weight ? static_cast<std::size_t>(9) * s.in_channels * s.out_channels : a.layer.x.size();
    return not_equal("layers", static_cast<double>(all->size()), 12) + not_finite(values(last, last + n));
  };
  return {.run = run, .wrong = wrong, .flops = flops, .label = "12 layers of vgg16_tv"};
}

job total_of_onednn(context& c, pass p, own::algorithm how) {
  auto const all = std::make_shared<std::deque<yardstick>>();
  double flops = 0;
  for (auto const& l : twelve()) {
    auto& y = all->emplace_back(c, l.spec, l.x, p, how);
    if (!y) throw frcnn::error("oneDNN", "a kernel for " + shape_of(l), "none");
    std::size_t const in = l.x.size(), out = l.spec.out_shape(l.x).size(),
                      w = static_cast<std::size_t>(9) * l.spec.in_channels * l.spec.out_channels;
    y.load(0, numbers(p == pass::backward_data ? out : in, 0, 1).data());
    y.load(1, numbers(p == pass::backward_weight ? out : w, -.05f, .05f).data());
    flops += l.flops();
  }
  return {.run =
              [all] {
                for (auto& y : *all) y.run();
              },
          .wrong = [all] { return not_equal("layers", static_cast<double>(all->size()), 12); },
          .flops = flops,
          .label = "12 layers of vgg16_tv"};
}

}  // namespace

void add_conv_rule() {
  auto const add_all = [](layers const& all) {
    for (auto const& l : all.backbone) add_shape(l);
    for (auto const& l : all.rpn) add_shape(l);
  };
  for (int const n : {2, 1}) add_all(layers_of_small(n, 300, 400));
  add_all(layers_of_vgg16_tv(1, 600, 800));

  for (auto const p : {pass::forward, pass::backward_data, pass::backward_weight}) {
    auto const name = [p](char const* kernel) {
      return std::string("op/winograd_total/") + kernel + "/" + pass_names[static_cast<int>(p)] + "/600x800";
    };
    add_for(fast_engine, name("winograd"), us, [p](context& c) { return total_of_ours(c, p); });
    if (own::has_winograd())
      add_for(fast_engine, name("onednn_winograd"), us,
              [p](context& c) { return total_of_onednn(c, p, own::algorithm::convolution_winograd); });
    add_for(fast_engine, name("onednn_direct"), us, [p](context& c) { return total_of_onednn(c, p, own::algorithm::convolution_direct); });
  }
}

}  // namespace bench

#else

namespace bench {
void add_conv_rule() {}
}  // namespace bench

#endif
