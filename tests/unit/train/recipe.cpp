// Alternating training in two stages, on one model and on two: what learns, what starts again, and a resume in the middle of the second.
#include "frcnn/train/recipe.hpp"

#include "../detector/narrow_preset.hpp"
#include "../io/scratch.hpp"
#include "frcnn/train/checkpoint.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;
using stage = training_stage<model>;

memory_feed const pictures(memory_feed::eight_sizes());
std::map<std::string, std::string> const told{{"data", "some/folder"}};

trainer_options options(std::int64_t steps, std::uint64_t seed) {
  return {.seed = seed, .rate = {.lr = .002, .warmup = 2, .steps = steps, .drops = {.5}}, .optimiser = {.clip_norm = 10}};
}

// RPN for four steps, then the head for six on the proposals that the RPN has learned to make. With one model the shared layers are fixed
// in the second stage; with two the second has its own.
struct alternating {
  detector<preset> first, second;
  bool is_shared;
  memory_feed with_regions = pictures;
  int begun[2]{}, entered[2]{};
  cpu::context c{2};
  recipe<model> run;

  explicit alternating(bool is_shared)
      : first(preset::config(), 2),
        second(preset::config(), 2),
        is_shared(is_shared),
        run(c, {stage{.name = "rpn",
                      .model = &first.model(),
                      .feed = pictures,
                      .input = empty_input<model>,
                      .options = options(4, 3),
                      .step = rpn_step(),
                      .begin = [this] { ++begun[0]; },
                      .enter = [this] { ++entered[0]; }},
                stage{.name = "head",
                      .model = &last().model(),
                      .feed = [this](auto m, auto& input) { with_regions(m, input); },
                      .input = empty_input<model>,
                      .options = options(6, 4),
                      .step = head_step(),
                      .trains = is_shared ? under({"roi_heads"}) : under({"backbone", "roi_heads"}),
                      .begin =
                          [this] {
                            ++begun[1];
                            if (!this->is_shared) liven(second.model(), 8);
                          },
                      .enter =
                          [this] {
                            ++entered[1];
                            with_regions.most_regions = 40;
                            for (auto& p : with_regions.pictures)
                              p.regions = first.propose(image_view{p.pixels.data(), p.w, p.h}, phase::train);
                          }}}) {
    liven(first.model());
    liven(second.model(), 7);
  }
  detector<preset>& last() { return is_shared ? first : second; }
  std::vector<std::vector<float>> velocities() {
    std::vector<std::vector<float>> all;
    run.with_trainer([&](auto& t) {
      for (auto const& e : t.model().parameters().entries())
        if (e.p->wants_grad()) all.push_back(t.optimiser().get_velocity(e));
    });
    return all;
  }
};

io::checkpoint latest(io::checkpoint_dir const& dir) {
  auto const found = dir.latest();
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("recipe: joint training is the recipe of one stage") {
  auto const alone = preset::make(preset::config()), in_recipe = preset::make(preset::config());
  liven(*alone);
  liven(*in_recipe);
  cpu::context c(1);
  trainer<model> t(*alone, c, empty_input<model>(), options(5, 1));
  t.run(pictures);
  recipe<model> r(
      c, {stage{.name = "joint", .model = in_recipe.get(), .feed = pictures, .input = empty_input<model>, .options = options(5, 1)}});
  std::vector<std::int64_t> after;
  r.hooks.after_step = [&](training_position p) { after.push_back(p.step); };
  CHECK(r.run());
  CHECK(after == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  CHECK(same_bits(all_values(*alone), all_values(*in_recipe)));
}

TEST_CASE("recipe: a stage trains its part, and starts optimiser, warm-up and drops again") {
  alternating a(true);
  auto const start = all_values(a.first.model());
  std::vector<std::vector<float>> between;
  std::vector<std::pair<int, std::int64_t>> reports, after;
  std::vector<double> rates;
  a.run.hooks.on_step = [&](step_report const& r) {
    reports.push_back({r.stage, r.step});
    rates.push_back(r.lr);
    CHECK((r.losses[0] > 0) == (r.stage == 0));
    CHECK((r.losses[2] > 0) == (r.stage == 1));
  };
  a.run.hooks.after_step = [&](training_position p) {
    after.push_back({p.stage, p.step});
    CHECK(a.run.done() == static_cast<std::int64_t>(after.size()));
    if (p.stage == 0 && p.step == 4) between = all_values(a.first.model());
  };
  CHECK(a.run.steps() == 10);
  CHECK(a.run.run());
  REQUIRE(reports.size() == 10);
  CHECK(reports[3] == std::pair<int, std::int64_t>(0, 3));
  CHECK(reports[4] == std::pair<int, std::int64_t>(1, 0));
  CHECK(after.back() == std::pair<int, std::int64_t>(1, 6));
  CHECK(rates[0] == .001);  // warm-up
  CHECK(rates[3] == doctest::Approx(.0002));
  CHECK(rates[4] == .001);
  CHECK(rates[9] == doctest::Approx(.0002));
  CHECK(a.begun[0] == 1);
  CHECK(a.begun[1] == 1);
  CHECK(a.entered[1] == 1);

  // The first stage has left the head alone, the second all but the head.
  std::size_t i = 0;
  for (auto const& e : a.first.model().parameters().entries()) {
    CAPTURE(e.name);
    bool const is_head = e.name.starts_with("roi_heads");
    CHECK(same_bits(between[i], start[i]) == is_head);
    CHECK(same_bits(a.first.model().parameters().get(e), between[i]) == !is_head);
    ++i;
  }
  // What was not to learn had no gradient: none was computed.
  for (auto const& e : a.first.model().parameters().entries()) CHECK(e.p->wants_grad() == e.name.starts_with("roi_heads"));
}

TEST_CASE("recipe: the speed of a stage's steps is not that of entering it") {
  auto const m = preset::make(preset::config());
  liven(*m);
  cpu::context c(1);
  auto o = options(2, 1);
  o.diagnose_every = 2;
  using clock = std::chrono::steady_clock;
  clock::duration entering{};
  recipe<model> r(c, {stage{.name = "joint", .model = m.get(), .feed = pictures, .input = empty_input<model>, .options = o, .enter = [&] {
                              auto const begin = clock::now();
                              std::this_thread::sleep_for(std::chrono::milliseconds(200));
                              entering += clock::now() - begin;
                            }}});
  double images_per_second = 0;
  r.hooks.on_diagnostics = [&](step_diagnostics const& d) { images_per_second = d.images_per_second; };
  auto const begin = clock::now();
  CHECK(r.run());
  CHECK(images_per_second >= 4 / std::chrono::duration<double>(clock::now() - begin - entering).count());
}

TEST_CASE("recipe: a run resumed in its second stage ends in the bytes of one that was never stopped") {
  for (bool const is_shared : {true, false}) {
    CAPTURE(is_shared);
    ::scratch folder;
    io::checkpoint_dir const there(folder / "whole"), dir(folder / "checkpoint");
    alternating whole(is_shared);
    CHECK(whole.run.run());
    save_checkpoint(there, whole.last(), whole.run, told);
    for (std::int64_t const stop_after : {3, 4, 7}) {  // in the first stage, at its end, in the second
      CAPTURE(stop_after);
      {
        alternating begun(is_shared);
        std::stop_source stop;
        begun.run.hooks.after_step = [&](training_position) {
          if (begun.run.done() != stop_after) return;
          begun.run.flush();
          save_checkpoint(dir, begun.last(), begun.run, told);
          stop.request_stop();
        };
        CHECK_FALSE(begun.run.run(stop.get_token()));
      }
      alternating resumed(is_shared);
      resumed.first.model().parameters().initialise(99);  // whatever was there before does not matter
      resumed.second.model().parameters().initialise(98);
      load_checkpoint(latest(dir), resumed.last(), resumed.run, told);
      CHECK(resumed.run.done() == stop_after);
      CHECK(resumed.run.position().stage == (stop_after > 4));
      std::vector<std::pair<int, std::int64_t>> steps;
      resumed.run.hooks.on_step = [&](step_report const& r) { steps.push_back({r.stage, r.step}); };
      CHECK(resumed.run.run());
      CHECK(steps.size() == static_cast<std::size_t>(10 - stop_after));
      CHECK(resumed.begun[1] == (stop_after <= 4));
      CHECK(resumed.entered[1] == 1);
      CHECK(same_bits(all_values(resumed.last().model()), all_values(whole.last().model())));
      CHECK(same_bits(resumed.velocities(), whole.velocities()));
      save_checkpoint(dir, resumed.last(), resumed.run, told);
      CHECK(latest(dir).step == 10);
      for (auto const& file : std::filesystem::directory_iterator(latest(there).path)) {
        CAPTURE(file.path().filename().string());
        CHECK(io::read_file(file.path()) == io::read_file(latest(dir).path / file.path().filename()));
      }
      CHECK(std::filesystem::exists(latest(dir).path / "stage-0.safetensors") == !is_shared);
    }
  }
}

TEST_CASE("recipe: the last stage may be over before its last step; the run is complete, a resumed one too") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  alternating a(true);
  std::vector<std::int64_t> reports;
  a.run.hooks.on_step = [&](step_report const& r) { reports.push_back(r.step); };
  a.run.hooks.after_step = [&](training_position p) {
    if (p.stage == 0) CHECK(sentence([&] { a.run.end_here(); }).starts_with("recipe: expected its last stage, which alone"));
    if (p.stage == 1 && p.step == 3) a.run.end_here();
  };
  CHECK(a.run.run());
  CHECK(a.run.done() == 7);
  CHECK(reports == std::vector<std::int64_t>{0, 1, 2, 3, 0, 1, 2});
  save_checkpoint(dir, a.first, a.run, told);
  CHECK(a.run.run());  // it is

  alternating again(true);
  load_checkpoint(latest(dir), again.first, again.run, told);
  again.run.end_here();
  CHECK(again.run.run());
  CHECK(again.entered[1] == 0);  // nothing is prepared for steps that do not come
  CHECK(again.run.done() == 7);
  again.run.go_to({1, 3});  // forgets it
  CHECK(again.run.run());
  CHECK(again.run.done() == 10);
}

TEST_CASE("recipe: a checkpoint that says nothing of stages is of the first, and one of a stage that there is not is refused") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  detector<preset> d(preset::config(), 2);
  cpu::context c(2);
  liven(d.model());
  trainer<model> t(d.model(), c, empty_input<model>(), options(4, 3), rpn_step());
  std::stop_source stop;
  t.hooks.after_step = [&](std::int64_t done) {
    if (done == 2) stop.request_stop();
  };
  t.run(pictures, stop.get_token());
  save_checkpoint(dir, d, t, told);
  CHECK_FALSE(io::safetensors_file(latest(dir).path / "state.safetensors").metadata().contains("stage"));

  alternating a(true), whole(true);
  load_checkpoint(latest(dir), a.first, a.run, told);
  CHECK(a.run.position().stage == 0);
  CHECK(a.run.done() == 2);
  CHECK(a.run.run());
  CHECK(whole.run.run());
  CHECK(same_bits(all_values(a.first.model()), all_values(whole.first.model())));

  save_checkpoint(dir, a.first, a.run, told);
  t.seek(0);
  auto const state = (latest(dir).path / "state.safetensors").string();
  CHECK(sentence([&] { load_checkpoint(latest(dir), d, t, told); }) == state + ": expected a stage from 0 to 0, found stage 1");
  CHECK(t.step() == 0);
}

TEST_CASE("recipe: a stage whose steps are not finite is named; stages that lack something are refused") {
  auto const m = preset::make(preset::config());
  cpu::context c(1);
  liven(*m);
  auto const broken = [](std::uint64_t micro_batch, input_batch<float, cpu>& input) {
    pictures(micro_batch, input);
    std::vector<float> const nothing(16 * 16 * 3, std::numeric_limits<float>::quiet_NaN());
    input.set_image(1, nothing.data(), resize_plan{16, 16, 1, 1, 1, 1}, 16, 16, 77);
  };
  stage const good{.name = "good", .model = m.get(), .feed = pictures, .input = empty_input<model>, .options = options(2, 1)};
  stage bad = good;
  bad.name = "bad";
  bad.feed = broken;
  recipe<model> r(c, {good, bad});
  CHECK(sentence([&] { r.run(); }).starts_with("training step 1 of stage bad: expected finite losses and gradients, found"));
  CHECK(r.position().stage == 1);
  CHECK(r.position().step == 0);

  CHECK_THROWS_AS(recipe<model>(c, {}), error);
  stage nothing = good;
  nothing.feed = {};
  CHECK(sentence([&] {
          recipe<model>(c, {good, nothing});
        }) == "stage 1 of a recipe: expected a model, a feed, an input and a step, found one that lacks one of them");
  nothing = good;
  nothing.options.accumulate = 0;
  CHECK_THROWS_AS(recipe<model>(c, {nothing}), error);
  CHECK_THROWS_AS(r.go_to({2, 0}), error);
  // A stage that cannot be begun: what learns in the model is as it was before.
  nothing = good;
  nothing.trains = under({"roi_heads"});
  nothing.input = []() -> input_batch<float, cpu> { throw error("input", "memory", "none"); };
  auto const kinds = [&] {
    std::vector<param_kind> all;
    for (auto const& e : m->parameters().entries()) all.push_back(e.p->kind);
    return all;
  };
  auto const before = kinds();
  CHECK_THROWS_AS(recipe<model>(c, {nothing}), error);
  CHECK(kinds() == before);
  // Batches without regions are no food for the head alone, nor batches with regions for joint training.
  nothing = good;
  nothing.step = head_step();
  CHECK(sentence([&] { recipe<model>(c, {nothing}).run(); }) == "step_head: expected a batch with regions, found one without");
  memory_feed given = pictures;
  given.most_regions = 1;
  nothing = good;
  nothing.feed = given;
  CHECK(sentence([&] { recipe<model>(c, {nothing}).run(); }).starts_with("step: expected a batch without regions"));
}
