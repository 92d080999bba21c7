#pragma once
// Stochastic gradient descent with momentum, weight decay and clipping by norm, over the parameters that learn. Where these change
// (parameter_store::freeze), the next update follows: momentum of those that go on stays, of those that stop it goes, others begin at 0.
//
//   g = clip(gradient / accumulated) + decay * decay_mult * w
//   torchvision:  v = momentum v + g,        w -= lr lr_mult v
//   caffe:        v = momentum v + lr lr_mult g,  w -= v
// clip scales all gradients by min(1, clip_norm / (norm + 1e-6)), norm over every parameter that learns, before decay (PyTorch's
// clip_grad_norm_ followed by SGD).
//
// The learning rate is read from device memory. The update is predicated on the device: from the first step whose losses or gradient's norm
// are not finite on, weights and momentum stay untouched, until go_on(): the host learns of such a step some steps later, and what it then
// finds is what was there before it. Parameters of parts that no backward pass wrote are left alone.
#include "frcnn/core/executor.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/ops/clear.hpp"
#include "frcnn/ops/sum_terms.hpp"
#include "frcnn/train/sgd_options.hpp"

#include <cmath>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// Device memory of one update.
struct sgd_control {
  double lr, inverse_accumulated;  // written by the host before the step
  double norm, scale;              // of the averaged gradient; what gradients are multiplied with
  double finite;                   // 1: the update was applied; 0: it was not
  double stopped;                  // 1 from an update that is not finite on; the host sets 0
};

template <Real T, Backend B>
struct squares_of_block {
  T const* gradient;
  std::size_t count, block;
  FRCNN_HD double operator()(int s, int i) const {
    std::size_t const at = static_cast<std::size_t>(s) * block + static_cast<std::size_t>(i);
    double const g = at < count ? static_cast<double>(gradient[at]) : 0.0;
    return g * g;
  }
};
template <Backend B>
struct read_double {
  view<double const, 1, B> v;
  FRCNN_HD double operator()(int, int i) const { return v.data[i]; }
};
template <Real T, Backend B>
struct judge_step {
  view<double const, 1, B> squares;  // [1]
  view<T const, 1, B> loss;
  double clip_norm;
  sgd_control* control;
  FRCNN_HD void operator()(std::size_t) const {
    double const norm = std::sqrt(squares.data[0]) * control->inverse_accumulated;
    bool finite = is_finite(squares.data[0]) && control->stopped == 0.0;
    for (std::size_t i = 0; i < loss.size(); ++i) finite = finite && is_finite(loss.data[i]);
    double const clip = clip_norm > 0 && norm > 0 ? clip_norm / (norm + 1e-6) : 1.0;
    control->norm = norm;
    control->scale = (clip < 1 ? clip : 1.0) * control->inverse_accumulated;
    control->finite = finite ? 1.0 : 0.0;
    control->stopped = finite ? 0.0 : 1.0;
  }
};
struct start_again {
  sgd_control* control;
  FRCNN_HD void operator()(std::size_t) const { control->stopped = 0; }
};
template <Real T, Backend B>
struct apply_gradient {
  T *value, *velocity;
  T const* gradient;
  sgd_control const* control;
  T momentum, decay, lr_mult;
  bool lr_inside;
  FRCNN_HD void operator()(std::size_t i) const { run(i, i + 1); }
  FRCNN_HD void run(std::size_t begin, std::size_t end) const {
    if (control->finite == 0.0) return;
    T const rate = static_cast<T>(control->lr) * lr_mult, scale = static_cast<T>(control->scale), inside = lr_inside ? rate : T(1),
            outside = lr_inside ? T(1) : rate, carry = momentum, shrink = decay;
    T *const w = value, *const u = velocity;
    T const* const dw = gradient;
    FRCNN_INDEPENDENT
    for (std::size_t i = begin; i < end; ++i) {
      T const g = dw[i] * scale + shrink * w[i];
      T const v = carry * u[i] + inside * g;
      u[i] = v;
      w[i] -= outside * v;
    }
  }
};

}  // namespace detail

template <Real T, Backend B>
class sgd {
 public:
  using context = typename B::context;

  sgd(parameter_store<T, B>& store, sgd_options options) : store_(store), options_(options), control_(store.home(), 1) {
    store.enable_gradients();
    detail::sgd_control const start{};
    store.home().copy_in(control_.data(), &start, sizeof start);
    store.home().wait();
    follow();
  }

  // Sets the gradients to 0 that no backward pass has written since the last update, and the gaps between them, for code that reads all.
  void clear_unwritten(context& c, part_set written) {
    T const* end = store_.gradients().data() + store_.gradients().size();
    auto const& entries = store_.entries();  // by ascending place of their gradients
    for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
      auto const& p = *e->p;
      if (!p.wants_grad()) continue;
      T* const from = p.grad.data + (is_in(*e, written) ? p.size() : 0);
      if (from < end) ops::clear<B>(c, from, static_cast<std::size_t>(end - from));
      end = p.grad.data;
    }
  }

  // Applies the gradients of the last `accumulated` backward passes at rate lr. loss: device, any length; judged for finiteness.
  // written: the parts that have gradients (what the steps returned); others are left alone, and do not count into the norm.
  FRCNN_NOINLINE void update(context& c, double lr, int accumulated, view<T const, 1, B> loss, part_set written = part_set::all()) {
    set_rate(c, lr, accumulated);
    apply(c, loss, written);
    store_.changed(written);
  }
  // The same in three calls: the rate (staged from the host), the kernels, and then store.changed(written) for the versions. apply() alone
  // reads no host state that moves from step to step: a recorded step replays it between the other two.
  void set_rate(context& c, double lr, int accumulated) {
    if (layout_ != store_.gradient_layout()) c.wait(), follow();
    double const host[2] = {lr, 1.0 / accumulated};
    staged_.send(c, host, &control_.data()->lr);
  }
  void apply(context& c, view<T const, 1, B> loss, part_set written = part_set::all()) {
    typename context::frame scope(c);
    profiled const timed(c, "update");
    auto squares = scratch<double, B>(c, shape<1>{{1}});
    sum_squares(c, squares, written);
    exec<B>::for_each(c, std::size_t{1}, detail::judge_step<T, B>{squares, loss, options_.clip_norm, control_.data()});
    for (auto const& e : store_.entries()) {
      auto const& p = *e.p;
      if (!is_in(e, written)) continue;
      exec<B>::for_each(c, p.size(),
                        detail::apply_gradient<T, B>{p.value.data, velocity_.data() + e.gradient_offset, p.grad.data, control_.data(),
                                                     static_cast<T>(options_.momentum), static_cast<T>(options_.decay * p.decay_mult),
                                                     static_cast<T>(p.lr_mult), options_.lr_inside_momentum.value_or(false)});
    }
  }

  // After an update that was not finite: the next one is applied again.
  void go_on(context& c) { exec<B>::for_each(c, std::size_t{1}, detail::start_again{control_.data()}); }

  // Device memory: among others the norm of the averaged gradient before clipping, and whether the update was applied.
  detail::sgd_control const* control() const { return control_.data(); }

  // Momentum in logical order, for checkpoints. Throws for a parameter that does not learn.
  std::vector<T> get_velocity(typename parameter_store<T, B>::entry const& e) const {
    auto const& own = learning(e);
    auto const place = place_[index_of(own)];
    return place == none ? std::vector<T>(own.p->size(), T(0)) : store_.logical(own, velocity_.data() + place);
  }
  void set_velocity(typename parameter_store<T, B>::entry const& e, std::vector<T> const& logical) {
    auto const& own = learning(e);
    follow();
    store_.from_logical(own, logical, velocity_.data() + own.gradient_offset);
  }

 private:
  static constexpr std::size_t none = std::size_t(-1);

  using entry = typename parameter_store<T, B>::entry;

  // By name: e may be the entry of a like model.
  entry const& learning(entry const& e) const {
    entry const& own = store_.at(e.name);
    if (own.p->kind != param_kind::trained) throw error("momentum of " + e.name, "a parameter that learns", "one that does not");
    return own;
  }
  std::size_t index_of(entry const& own) const { return static_cast<std::size_t>(&own - store_.entries().data()); }
  // Lays momentum out as the store has its gradients. By way of the host: it happens when somebody freezes something.
  void follow() {
    if (layout_ == store_.gradient_layout()) return;
    auto const& entries = store_.entries();
    std::vector<T> all(store_.gradient_size(), T(0));
    std::vector<std::size_t> places(entries.size(), none);
    for (auto const& e : entries) {
      if (!e.p->wants_grad()) continue;
      auto const i = index_of(e);
      places[i] = e.gradient_offset;
      if (i < place_.size() && place_[i] != none)
        store_.home().copy_out(all.data() + e.gradient_offset, velocity_.data() + place_[i], e.p->size() * sizeof(T));
    }
    store_.home().wait();
    buffer<T, B> moved(store_.home(), all.size());
    store_.home().copy_in(moved.data(), all.data(), all.size() * sizeof(T));
    store_.home().wait();
    velocity_ = std::move(moved);
    place_ = std::move(places);
    layout_ = store_.gradient_layout();
  }

  static bool is_in(typename parameter_store<T, B>::entry const& e, part_set written) { return e.p->wants_grad() && written.has(e.part); }

  // Two passes of sums in a fixed order: blocks of each parameter, then all blocks.
  FRCNN_NOINLINE void sum_squares(context& c, view<double, 1, B> out, part_set written) {
    constexpr std::size_t block = 4096;
    std::size_t blocks = 0;
    for (auto const& e : store_.entries())
      if (is_in(e, written)) blocks += (e.p->size() + block - 1) / block;
    auto partial = scratch<double, B>(c, shape<1>{{static_cast<std::int32_t>(blocks)}});
    std::size_t first = 0;
    for (auto const& e : store_.entries()) {
      if (!is_in(e, written)) continue;
      int const n = static_cast<int>((e.p->size() + block - 1) / block);
      exec<B>::segmented_reduce(c, n, static_cast<int>(block), 0.0, detail::squares_of_block<T, B>{e.p->grad.data, e.p->size(), block},
                                ops::plus<double>{}, view<double, 1, B>{partial.data + first, {{n}}});
      first += static_cast<std::size_t>(n);
    }
    exec<B>::segmented_reduce(c, 1, static_cast<int>(blocks), 0.0, detail::read_double<B>{partial}, ops::plus<double>{}, out);
  }

  parameter_store<T, B>& store_;
  sgd_options options_;
  buffer<T, B> velocity_;           // laid out as the gradients of `layout_`
  std::vector<std::size_t> place_;  // of each entry, elements into it; none where it did not learn
  std::uint64_t layout_ = 0;
  buffer<detail::sgd_control, B> control_;
  staging<double, B> staged_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
