#pragma once
// A recipe: the stages of a training, one after the other. Joint training is the recipe of one stage; the paper's alternating training has
// four.
//
//   stage    a model, which of its parameters learn, feed, schedule and optimiser, step (train/steps.hpp)
//   begin    once, before the stage's first step: what it inherits and what starts anew
//   enter    whenever the stage is entered with steps to do, in a resumed run too: what it needs besides, such as proposals, from what it
//            does not change
// Stages may share a model or have their own, of up to several types. Each has an optimiser of its own, so that momentum, warm-up and drops
// start again, and counts steps and micro-batches from 0.
//
// Example, two of the four steps (section 3.2, i), on one model with the shared layers fixed in the second:
//   using stage = training_stage<model>;
//   recipe<model> r(context, {stage{.name = "rpn", .model = &m, .feed = feed, .input = in, .options = o, .step = rpn_step()},
//                             stage{.name = "head", .model = &m, .feed = on_proposals, .input = in, .options = o,
//                                   .step = head_step(), .trains = under({"roi_heads"}), .enter = propose_on_all_images}});
//   r.run();
// The last stage may be over sooner than its schedule says: end_here(), from after_step or before run().
// A run is a function of its stages, as a stage is of (seed, feed, number of threads). position() is where it stands; checkpoints know it.
// Throws what a stage throws; the sentence of a step that is not finite names the stage.
#include "frcnn/train/trainer.hpp"

#include <memory>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Whether a parameter, by its name, learns in a stage. Empty: whether the model says so. What the model has frozen stays frozen.
using trains_function = std::function<bool(std::string_view name)>;

// The parameters of these parts, and of nothing else: "backbone", "rpn", "roi_heads".
inline trains_function under(std::vector<std::string> parts) {
  return [parts = std::move(parts)](std::string_view name) {
    return std::ranges::any_of(parts, [&](std::string const& p) { return name.starts_with(p + "."); });
  };
}

template <class Model>
struct training_stage {
  using T = typename Model::scalar;
  using B = typename Model::device;

  std::string name{};
  Model* model = nullptr;
  std::function<void(std::uint64_t micro_batch, input_batch<T, B>&)> feed{};  // std::ref, where it cannot be copied
  std::function<input_batch<T, B>()> input{};                                 // makes what the feed fills: detector::make_input
  trainer_options options{};
  step_function<Model> step = joint_step();
  trains_function trains{};
  std::function<void(step_gradients<T, B> const&)> before_update{};
  std::function<void()> begin{}, enter{};
  any_communicator<B>* shared_with = nullptr;  // processes that share its steps: trainer::share
  sharing_options sharing{};
};

struct training_position {
  int stage = 0;
  std::int64_t step = 0;  // steps of this stage that are done
};

struct recipe_hooks {
  std::function<void(step_report const&)> on_step = [](step_report const&) {};  // report.stage says whose step it is
  std::function<void(step_diagnostics const&)> on_diagnostics = trainer_hooks().on_diagnostics;
  std::function<void(training_position)> after_step = [](training_position) {};
  std::function<void()> between_batches = trainer_hooks().between_batches;
  std::function<std::string(std::uint64_t)> name_of = trainer_hooks().name_of;
};

template <class... Models>
class recipe {
  using first_model = std::tuple_element_t<0, std::tuple<Models...>>;

 public:
  using B = typename first_model::device;
  using context = typename B::context;
  using stage_type = std::variant<training_stage<Models>...>;

  // The models outlive the recipe. Gradients have only the model of the present stage, and what learns in it.
  recipe(context& c, std::vector<stage_type> stages) : context_(c), stages_(std::move(stages)) {
    if (stages_.empty()) throw error("recipe", "a stage or more", "none");
    for (std::size_t i = 0; i < stages_.size(); ++i)
      visit_stage(i, [&](auto& s) {
        if (!s.model || !s.feed || !s.input || !s.step)
          throw error("stage " + std::to_string(i) + " of a recipe", "a model, a feed, an input and a step", "one that lacks one of them");
        s.options = detail::checked(s.options);
        for (auto const& e : s.model->parameters().entries()) kinds_.emplace(e.p, e.p->kind);
      });
    try {
      make_trainer();
    } catch (...) {
      put_kinds_back();
      throw;
    }
  }
  recipe(recipe const&) = delete;
  recipe& operator=(recipe const&) = delete;
  ~recipe() { put_kinds_back(); }

  recipe_hooks hooks;

  std::size_t size() const { return stages_.size(); }
  training_position position() const { return {static_cast<int>(at_), step()}; }
  // Steps of all stages that are done, and of those before a stage; of the whole recipe.
  std::int64_t done() const { return before(at_) + step(); }
  std::int64_t before(std::size_t stage) const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < stage; ++i) sum += options(i).rate.steps;
    return sum;
  }
  std::int64_t steps() const { return before(size()); }
  trainer_options const& options(std::size_t stage) const {
    return std::visit([](auto const& s) -> trainer_options const& { return s.options; }, stages_[stage]);
  }

  std::string const& name(std::size_t stage) const {
    return std::visit([](auto const& s) -> std::string const& { return s.name; }, stages_[stage]);
  }

  // Trains to the end of the last stage, or until a stop is requested: between steps. True when complete.
  bool run(std::stop_token stop = {}) {
    for (;;) {
      if (!entered_) {
        if (stop.stop_requested()) return false;
        begin_stage();
      }
      if (!visit_stage(at_, [&](auto& s) { return trainer_of(s).run(s.feed, stop); })) return false;
      if (at_ + 1 == size()) return true;
      go_to({static_cast<int>(at_) + 1, 0});
    }
  }

  // The training is complete as it stands. Throws before the last stage: the steps of the others are counted by their schedules.
  void end_here() {
    if (at_ + 1 != size())
      throw error("recipe", "its last stage, which alone may end before its last step",
                  "stage " + std::to_string(at_) + " of " + std::to_string(size()));
    with_trainer([](auto& t) { t.end_here(); });
  }

  // Reports every finished step. Waits for the device.
  void flush() {
    with_trainer([](auto& t) { t.flush(); });
  }

  // Goes on from there with the model's present values and momentum 0. Where it throws, it is there all the same.
  void go_to(training_position p) {
    if (p.stage < 0 || static_cast<std::size_t>(p.stage) >= size() || p.step < 0)
      throw error("recipe", "a step of one of its " + std::to_string(size()) + " stages",
                  "step " + std::to_string(p.step) + " of stage " + std::to_string(p.stage));
    context_.wait();
    entered_ = false;
    trainer_ = std::monostate();  // its momentum goes first: both at once would be the peak
    visit_stage(at_, [](auto& s) { s.model->parameters().disable_gradients(); });
    at_ = static_cast<std::size_t>(p.stage);
    from_ = p.step;
    make_trainer();
  }

  // f(trainer) for that of the present stage.
  template <class F>
  void with_trainer(F f) {
    if (!has_trainer()) make_trainer();
    visit_stage(at_, [&](auto& s) { f(trainer_of(s)); });
  }
  template <class F>
  void with_trainer(F f) const {
    if (!has_trainer()) throw error("recipe", "a stage that could be begun", "one that could not");
    std::visit([&]<class Model>(training_stage<Model> const&) { f(std::as_const(*std::get<trainer_type<Model>>(trainer_))); },
               stages_[at_]);
  }
  // f(index, model) for every model up to that stage, once each, with the first stage that has it.
  template <class F>
  void for_each_model(std::size_t last_stage, F f) const {
    std::vector<void const*> seen;
    for (std::size_t i = 0; i <= last_stage; ++i)
      std::visit(
          [&](auto const& s) {
            if (std::ranges::find(seen, static_cast<void const*>(s.model)) != seen.end()) return;
            seen.push_back(s.model);
            f(i, *s.model);
          },
          stages_[i]);
  }
  // Whether a parameter of the stage's model learns in it.
  bool learns(std::size_t stage, auto const& entry) const {
    return std::visit([&](auto const& s) { return kinds_.at(entry.p) == param_kind::trained && (!s.trains || s.trains(entry.name)); },
                      stages_[stage]);
  }
  // f(model) for the model of a stage.
  template <class F>
  void with_model(std::size_t stage, F f) const {
    std::visit([&](auto const& s) { f(*s.model); }, stages_[stage]);
  }

 private:
  template <class Model>
  using trainer_type = std::unique_ptr<trainer<Model>>;

  template <class F>
  decltype(auto) visit_stage(std::size_t i, F f) {
    return std::visit([&](auto& s) -> decltype(auto) { return f(s); }, stages_[i]);
  }
  template <class Model>
  trainer<Model>& trainer_of(training_stage<Model> const&) {
    return *std::get<trainer_type<Model>>(trainer_);
  }
  bool has_trainer() const { return trainer_.index() != 0; }
  std::int64_t step() const {
    if (!has_trainer()) return from_;
    return std::visit(
        [](auto const& t) -> std::int64_t {
          if constexpr (requires { t->step(); }) return t->step();
          else return -1;
        },
        trainer_);
  }

  // What learns in a stage, of what learned when the recipe was made.
  void let_learn(std::size_t stage) {
    visit_stage(stage, [&](auto& s) {
      for (auto const& e : s.model->parameters().entries()) {
        auto const kind = kinds_.at(e.p);
        e.p->kind = kind == param_kind::trained && !learns(stage, e) ? param_kind::frozen : kind;
      }
    });
  }

  void put_kinds_back() {
    for (std::size_t i = 0; i < size(); ++i)
      visit_stage(i, [&](auto& s) {
        for (auto const& e : s.model->parameters().entries()) e.p->kind = kinds_.at(e.p);
      });
  }

  void make_trainer() {
    visit_stage(at_, [&]<class Model>(training_stage<Model>& s) {
      let_learn(at_);
      auto t = std::make_unique<trainer<Model>>(*s.model, context_, s.input(), s.options, s.step);
      t->seek(from_);
      t->before_update = s.before_update;
      if (s.shared_with) t->share(*s.shared_with, s.sharing);
      t->hooks.name_of = [this](std::uint64_t id) { return hooks.name_of(id); };
      t->hooks.on_step = [this](step_report const& r) { hooks.on_step(r); };
      t->hooks.on_diagnostics = [this](step_diagnostics const& r) { hooks.on_diagnostics(r); };
      t->hooks.between_batches = [this] { hooks.between_batches(); };
      t->stage = static_cast<int>(at_);
      t->hooks.after_step = [this](std::int64_t) { hooks.after_step(position()); };
      if (size() > 1) t->stage_name = s.name;
      trainer_ = std::move(t);
    });
  }

  void begin_stage() {
    if (!has_trainer()) make_trainer();
    bool const is_first = step() == 0;
    visit_stage(at_, [&](auto& s) {
      if (is_first && s.begin) s.begin();
      if (s.enter && (is_first || !trainer_of(s).is_complete())) s.enter();  // resumed at its end it has no more to do
    });
    entered_ = true;
  }

  context& context_;
  std::vector<stage_type> stages_;
  std::unordered_map<void const*, param_kind> kinds_;  // of every parameter, as the recipe found it
  std::variant<std::monostate, trainer_type<Models>...> trainer_;
  std::size_t at_ = 0;
  std::int64_t from_ = 0;  // the step that the stage's trainer begins at
  bool entered_ = false;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
