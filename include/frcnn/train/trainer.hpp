#pragma once
// The training loop of one stage: feed, step, update, and hooks for logs, checkpoints and evaluation. Several stages: train/recipe.hpp.
//
//   feed(micro_batch, input)   fills `input` (an input_batch) with micro-batch number `micro_batch` of the stage, counted from 0: a run
//                              resumed at step s asks for s * accumulate next
//   on_step(report)            each step's losses, in order, a few steps late: nothing waits for the device
//   after_step(done)           after each update; `done` steps are complete. flush() here brings the reports up to date, end_here() makes
//                              this the last step
//   on_diagnostics(d)          every options.diagnose_every steps, with that step's report: how samples, proposals and gradients look, how
//                              many images a second there were, and how much of the time went by waiting for the feed (diagnostics.hpp)
//   name_of(id)                what an image is called in messages
//   share(others)              a step's images are shared with other processes: the feed gives this one's, losses and gradients are sums over
//                              all, and so is the verdict on a step. Beforehand all have the same weights (see share())
//   before_update(gradients)   all gradients of a step, packed, before they are applied: to average them over several trainers, to clip
//                              them by a rule of one's own
//
// A run is a function of (seed, feed, number of threads). A step whose loss or gradient is not finite changes nothing, nor do those
// that follow it until it is found (sgd.hpp): when its report comes, run() throws an error that names the step and its images, and model,
// momentum and step() are as they were before it. seek(step() + 1) goes on without it.
//
// Where the device records (core/recorded.hpp), a micro-batch is one recorded piece of work for each shape; the sums over other processes and
// the update belong to the last one of a step, unless before_update runs on the host between the two. Where the sums cannot be recorded
// (is_recordable of the communicator), the update alone is. Step functions that are not of train/steps.hpp are not recorded.
// Nothing that a replayed graph would not execute is on the path of a step. The device counts steps itself ({seed, step}), and finds its
// draws and its place in the ring of reports by that count; the host stages the rate in device memory before the update; versions of
// parameters rise by store.changed() after it, which code that replays recorded kernels calls too.
#include "frcnn/core/recorded.hpp"
#include "frcnn/detector/input.hpp"
#include "frcnn/train/diagnostics.hpp"
#include "frcnn/train/schedule.hpp"
#include "frcnn/train/sgd.hpp"
#include "frcnn/train/shared_gradients.hpp"
#include "frcnn/train/step_gradients.hpp"
#include "frcnn/train/steps.hpp"
#include "frcnn/train/training_pace.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct step_report {
  int stage = 0;                   // of a recipe
  std::int64_t step = 0;           // counted from 0
  std::array<double, 4> losses{};  // objectness, rpn box, class, head box: means over the step's micro-batches
  double norm = 0, lr = 0;         // of the gradient before clipping; learning rate
  bool finite = true;
  std::vector<std::uint64_t> images;
  double images_per_second = 0;  // of all processes, since the trainer began; without the time of after_step (training_pace.hpp)

  double total() const { return losses[0] + losses[1] + losses[2] + losses[3]; }
};

struct trainer_options {
  std::uint64_t seed = 0;
  schedule rate{};
  sgd_options optimiser{};
  int accumulate = 1;      // micro-batches per update
  int diagnose_every = 0;  // steps; 0: never
};

struct trainer_hooks {
  std::function<void(step_report const&)> on_step = [](step_report const&) {};
  std::function<void(step_diagnostics const&)> on_diagnostics = [](step_diagnostics const&) {};
  std::function<void(std::int64_t)> after_step = [](std::int64_t) {};
  std::function<void()> between_batches = [] {};  // of a step; what it throws leaves the run as it was before that step
  std::function<std::string(std::uint64_t)> name_of = [](std::uint64_t id) { return "image " + std::to_string(id); };
};

namespace detail {
// Throws error for options that no run can have.
inline trainer_options checked(trainer_options o) {
  auto const check = [](bool right, char const* name, char const* expected, auto found) {
    if (!right) throw error(name, expected, std::to_string(found));
  };
  check(o.accumulate >= 1, "accumulate", "at least 1 micro-batch", o.accumulate);
  check(is_finite(o.rate.lr), "lr", "a finite number", o.rate.lr);
  check(is_finite(o.rate.gamma), "gamma", "a finite number", o.rate.gamma);
  for (double const drop : o.rate.drops) check(!is_nan(drop), "drops", "fractions of the run", drop);
  check(is_finite(o.optimiser.momentum), "momentum", "a finite number", o.optimiser.momentum);
  check(is_finite(o.optimiser.decay), "decay", "a finite number", o.optimiser.decay);
  check(is_finite(o.optimiser.clip_norm), "clip_norm", "a finite number", o.optimiser.clip_norm);
  return o;
}

// The form of momentum is the convention's where the options leave it open.
template <class Model>
sgd_options with_momentum_of(sgd_options o) {
  if constexpr (requires { Model::rules::lr_inside_momentum; })
    if (!o.lr_inside_momentum) o.lr_inside_momentum = Model::rules::lr_inside_momentum;
  return o;
}

template <Real T, Backend B>
struct collect_losses {
  view<T const, 1, B> loss;
  T* sum;
  T share;
  bool first;
  FRCNN_HD void operator()(std::size_t i) const { sum[i] = (first ? T(0) : sum[i]) + share * loss.data[i]; }
};
// The step's report goes where the device's own count of steps says, and the count goes on.
template <Real T>
struct finish_step {
  sgd_control const* control;
  T const* losses;       // [4]
  T* reports;            // [ring, slot]
  std::uint64_t* state;  // {seed, step}
  int ring, slot;
  FRCNN_HD void operator()(std::size_t) const {
    T* const here = reports + state[1] % static_cast<std::uint64_t>(ring) * static_cast<std::uint64_t>(slot);
    for (int i = 0; i < 4; ++i) here[i] = losses[i];
    here[4] = static_cast<T>(control->norm);
    here[5] = static_cast<T>(control->finite);
    ++state[1];
  }
};
}  // namespace detail

template <class Model>
class trainer {
 public:
  using T = typename Model::scalar;
  using B = typename Model::device;
  using context = typename B::context;
  using input_type = input_batch<T, B>;

  trainer(Model& model, context& c, input_type input, trainer_options options, step_function<Model> step = joint_step())
      : model_(model),
        context_(c),
        options_(detail::checked(std::move(options))),
        step_function_(std::move(step)),
        is_recordable_(is_recordable<Model>(step_function_)),
        input_(std::move(input)),
        optimiser_(model.parameters(), detail::with_momentum_of<Model>(options_.optimiser)),
        state_(c, 2),
        loss_(c, 4),
        sums_(c, 4),
        ring_(c, std::size_t{ring} * slot) {
    model.parameters().check_reachable(c);
    for (auto& r : reports_) r.reserve(c, slot);  // what may fail does so before a step, not after its update
    if constexpr (requires { model.head().classes(); }) input_.expect_classes(model.head().classes());
  }

  trainer(trainer const&) = delete;
  trainer& operator=(trainer const&) = delete;
  // Waits, after an exception too: what is queued uses memory that goes now.
  ~trainer() {
    try {
      context_.wait();
    } catch (...) {  // the device is lost: the next call on it says so
    }
  }

  trainer_hooks hooks;
  std::function<void(step_gradients<T, B> const&)> before_update;  // in the order of the context: see step_gradients.hpp
  std::string stage_name;                                          // for messages
  int stage = 0;                                                   // for reports

  // Trains with the others from the next step on, each with its own trainer of the same options and weights. Each micro-batch is this
  // process's share of a larger one, padded as that is: losses are divided by the larger one's samples, and losses and gradients are summed
  // over all processes before the update. So it is the step of one process with the whole batch, within rounding. `others` outlives the
  // trainer. Parts of a model of one's own that divide by a count take it over the whole batch by sum_over_batch (concepts/batch.hpp).
  void share(any_communicator<B>& others, sharing_options o = {}) {
    shared_with_ = &others;
    shared_.emplace(others, o);
  }

  std::int64_t step() const { return step_; }
  void seek(std::int64_t step) {
    step_ = reported_ = step;
    end_ = options_.rate.steps;
    is_state_known_ = false;
    looked_at_.reset();
  }
  // The run is complete as it stands, sooner than options.rate.steps: until seek().
  void end_here() { end_ = std::min(end_, step_); }
  bool is_complete() const { return step_ >= end_; }
  trainer_options const& options() const { return options_; }
  sgd<T, B>& optimiser() { return optimiser_; }
  sgd<T, B> const& optimiser() const { return optimiser_; }
  Model& model() { return model_; }
  Model const& model() const { return model_; }

  // Trains up to options.rate.steps, or to end_here(), or until a stop is requested: between steps. True when complete.
  template <class Feed>
  bool run(Feed&& feed, std::stop_token stop = {}) {
    while (!is_complete() && !stop.stop_requested()) {
      {
        training_pace<>::running const on(pace_);
        train_step(feed);
        while (step_ - reported_ > lag) report(reported_);
      }
      hooks.after_step(step_);
    }
    flush();
    return is_complete();
  }

  // Everything that was trained is in the parameters: before another context reads them.
  void wait() const { context_.wait(); }

  // Reports every finished step. Waits for the device.
  void flush() {
    training_pace<>::running const on(pace_);  // in after_step too: the device trains
    while (reported_ < step_) report(reported_);
    if (shared_with_) shared_with_->check();
  }

 private:
  static constexpr int ring = 8, lag = 4, slot = 8, figures = 6;  // a slot: four losses, norm, finite; two of room

  // Sums that have begun end before what they write goes: the other processes come to them.
  template <class Feed>
  void train_step(Feed& feed) {
    try {
      train_one(feed);
    } catch (...) {
      if (shared_with_) try {
          shared_with_->settle(context_);
        } catch (...) {  // the first fault is what is told
        }
      throw;
    }
  }

  // From step to step the host brings pictures and a rate; which step it is the device counts itself. So what is queued is the same each
  // time, but for the shapes of the pictures.
  template <class Feed>
  void train_one(Feed& feed) {
    if (!is_state_known_) {
      std::uint64_t const state[2] = {options_.seed, static_cast<std::uint64_t>(step_)};
      staged_state_.send(context_, state, state_.data());
      is_state_known_ = true;
    }
    auto& images = images_[static_cast<std::size_t>(step_ % ring)];
    images.clear();
    view<T, 1, B> const loss{loss_.data(), {{4}}}, sums{sums_.data(), {{4}}};
    part_set written{};
    bool const looks = options_.diagnose_every > 0 && (step_ + 1) % options_.diagnose_every == 0;
    bool const is_queued = !shared_ || shared_with_->is_recordable();  // the whole step, but for the hook
    optimiser_.set_rate(context_, options_.rate.at(step_), options_.accumulate);
    if (shared_) shared_->prepare(context_, model_.parameters());
    for (int m = 0; m < options_.accumulate; ++m) {
      if (m > 0) hooks.between_batches();
      auto const asked = clock::now();
      feed(static_cast<std::uint64_t>(step_) * static_cast<std::uint64_t>(options_.accumulate) + static_cast<std::uint64_t>(m), input_);
      pace_.add_wait(clock::now() - asked);
      pace_.add_images(input_.ids().size() * static_cast<std::size_t>(shared_with_ ? shared_with_->size() : 1));
      images.insert(images.end(), input_.ids().begin(), input_.ids().end());
      auto batch = input_.upload(context_);
      batch.shared_with = shared_with_;
      auto const truth = input_.upload_truth(context_);
      bool const is_last = m + 1 == options_.accumulate, updates = !before_update && is_queued && is_last;
      auto const work = [&] {
        auto* const sums_up = shared_ && is_last ? &*shared_ : nullptr;
        auto const now = [&] {
          typename shared_gradients<T, B>::listening const on(sums_up, model_.parameters());
          return step_function_(model_, context_, batch, truth, rng<B>{{state_.data(), {{2}}}}, tape_, loss, written);
        }();
        exec<B>::for_each(context_, loss.size(),
                          detail::collect_losses<T, B>{loss, sums.data, T(1) / static_cast<T>(options_.accumulate), m == 0});
        if (sums_up) {
          sums_up->finish(context_, now);
          shared_with_->sum(context_, std::span<T>(sums.data, sums.size()));
          shared_with_->settle(context_);
        }
        if (updates) update(sums, now);
        return std::uint64_t{now.bits};
      };
      auto const describe = [&](call_key& key) {
        describe_update(key, written);
        key.add(static_cast<std::uint64_t>(m == 0) | static_cast<std::uint64_t>(updates) << 1);
        add_to(key, batch);
        add_to(key, truth);
      };
      written = {static_cast<std::uint32_t>(is_recordable_ && is_queued ? recorded(context_, describe, work) : work())};
      if (looks && is_last) look(batch, truth, written);
    }
    if (before_update || !is_queued) {
      if (before_update) {
        optimiser_.clear_unwritten(context_, written);
        before_update({context_, model_.parameters(), options_.accumulate, sums});
      }
      recorded(
          context_, [&](call_key& key) { describe_update(key, written); }, [&] { return update(sums, written), std::uint64_t{0}; });
    }
    model_.parameters().changed(written);
    reports_[static_cast<std::size_t>(step_ % ring)].start(context_, ring_.data() + step_ % ring * slot, figures);
    ++step_;
  }

  using clock = std::chrono::steady_clock;

  void look(batch<T, B> const& images, truth<T, B> const& gt, part_set written) {
    if (looked_at_) tell();  // not reported yet: only where they are closer than reports are late
    looks_.look(context_, images, gt, tape_, model_.parameters(), written, options_.accumulate);
    speed_ = pace_.look();
    looked_at_ = step_;
  }
  void tell() {
    auto d = looks_.read();
    d.stage = stage;
    d.step = *looked_at_;
    d.images_per_second = speed_.images_per_second;
    d.feed_share = speed_.feed_share;
    looked_at_.reset();
    hooks.on_diagnostics(d);
  }

  void update(view<T, 1, B> sums, part_set written) {
    optimiser_.apply(context_, sums, written);
    exec<B>::for_each(context_, std::size_t{1},
                      detail::finish_step<T>{optimiser_.control(), sums.data, ring_.data(), state_.data(), ring, slot});
  }
  // The trainer's own arrays live as long as it does.
  void describe_update(call_key& key, part_set written) const {
    key.add(this);
    key.add(model_.parameters().gradient_layout());
    key.add(std::uint64_t{written.bits});
  }

  void report(std::int64_t step) {
    auto const host = reports_[static_cast<std::size_t>(step % ring)].get();
    if (shared_with_) shared_with_->check();
    auto& r = report_;
    r.stage = stage;
    r.step = step;
    for (int i = 0; i < 4; ++i) r.losses[static_cast<std::size_t>(i)] = static_cast<double>(host[i]);
    r.norm = static_cast<double>(host[4]);
    r.finite = host[5] != T(0);
    r.lr = options_.rate.at(step);
    r.images = images_[static_cast<std::size_t>(step % ring)];
    r.images_per_second = pace_.images_per_second(images_ahead(step));
    reported_ = step + 1;
    if (!r.finite) {
      seek(step);
      optimiser_.go_on(context_);
      throw error("training step " + std::to_string(step + 1) + (stage_name.empty() ? "" : " of stage " + stage_name),
                  "finite losses and gradients", found(r));
    }
    hooks.on_step(r);
    if (looked_at_ == step) tell();
  }

  // Images of steps that are queued behind this one, which a device has not computed yet.
  std::size_t images_ahead(std::int64_t step) const {
    std::size_t ahead = 0;
    if constexpr (!B::in_host_memory)
      for (auto s = step + 1; s < step_; ++s) ahead += images_[static_cast<std::size_t>(s % ring)].size();
    return ahead * static_cast<std::size_t>(shared_with_ ? shared_with_->size() : 1);
  }

  std::string found(step_report const& r) const {
    static constexpr char const* name[4] = {"objectness", "rpn box", "class", "head box"};
    std::string text;
    for (std::size_t i = 0; i < 4; ++i) text += (i ? ", " : "") + std::string(name[i]) + " " + std::to_string(r.losses[i]);
    text += ", gradient norm " + std::to_string(r.norm) + " on";
    for (auto const id : r.images) text += " " + hooks.name_of(id);
    return text;
  }

  Model& model_;
  context& context_;
  trainer_options options_;
  step_function<Model> step_function_;
  bool is_recordable_;
  input_type input_;
  sgd<T, B> optimiser_;
  any_communicator<B>* shared_with_ = nullptr;
  std::optional<shared_gradients<T, B>> shared_;
  typename Model::tape tape_;
  std::int64_t step_ = 0, reported_ = 0, end_ = options_.rate.steps;
  buffer<std::uint64_t, B> state_;
  buffer<T, B> loss_, sums_, ring_;
  bool is_state_known_ = false;  // to the device
  staging<std::uint64_t, B> staged_state_;
  std::array<readback<T, B>, ring> reports_;
  std::array<std::vector<std::uint64_t>, ring> images_;
  step_report report_;
  diagnostics<Model> looks_;
  std::optional<std::int64_t> looked_at_;  // a step whose diagnostics are not told yet
  training_pace<> pace_;
  training_pace<>::figures speed_;  // at that step
};

}  // namespace frcnn
FRCNN_HIDDEN_END
