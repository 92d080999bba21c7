#include "frcnn/train/trainer.hpp"

#include "../detector/narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;

struct run {
  std::unique_ptr<model> m = preset::make(preset::config());
  cpu::context c{1};
  trainer<model> t;
  explicit run(trainer_options o) : t(*m, c, empty_input<model>(), o) { liven(*m); }
};

trainer_options options(std::int64_t steps, int accumulate = 1) {
  return {.seed = 3, .rate = {.lr = .001, .warmup = 3, .steps = steps}, .optimiser = {.clip_norm = 10}, .accumulate = accumulate};
}

memory_feed const pictures(memory_feed::eight_sizes());

// Pixels that are not finite from micro-batch `bad` on.
struct broken_feed {
  std::uint64_t bad;
  template <Real T, Backend B>
  void operator()(std::uint64_t micro_batch, input_batch<T, B>& input) const {
    pictures(micro_batch, input);
    if (micro_batch != bad) return;
    std::vector<float> const nothing(16 * 16 * 3, std::numeric_limits<float>::quiet_NaN());
    input.set_image(1, nothing.data(), resize_plan{16, 16, 1, 1, 1, 1}, 16, 16, 77);
  }
};

}  // namespace

TEST_CASE("every step is reported once, in order, with its rate, losses and images") {
  run r(options(12, 2));
  std::vector<step_report> reports;
  std::vector<std::int64_t> done;
  r.t.hooks.on_step = [&](step_report const& report) { reports.push_back(report); };
  r.t.hooks.after_step = [&](std::int64_t n) { done.push_back(n); };
  CHECK(r.t.run(pictures));
  REQUIRE(reports.size() == 12);
  REQUIRE(done.size() == 12);
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(done[i] == static_cast<std::int64_t>(i) + 1);
    CHECK(reports[i].step == static_cast<std::int64_t>(i));
    CHECK(reports[i].finite);
    CHECK(reports[i].norm > 0);
    CHECK(reports[i].lr == r.t.options().rate.at(reports[i].step));
    CHECK(reports[i].total() == doctest::Approx(reports[i].losses[0] + reports[i].losses[1] + reports[i].losses[2] + reports[i].losses[3]));
    for (double const l : reports[i].losses) CHECK(l > 0);
    // two micro-batches of two images, as the feed gave them
    auto const n = pictures.pictures.size();
    std::vector<std::uint64_t> images;
    for (std::uint64_t m = 2 * i; m < 2 * i + 2; ++m)
      for (std::uint64_t k = 0; k < 2; ++k) images.push_back((m + k * (1 + m % 3)) % n);
    CHECK(reports[i].images == images);
  }
}

TEST_CASE("the losses of a step are those of the model, averaged over its micro-batches") {
  run r(options(1, 2));
  std::array<double, 4> reported{};
  r.t.hooks.on_step = [&](step_report const& report) { reported = report.losses; };
  r.t.run(pictures);

  run s(options(1, 2));
  std::vector<float> loss(4);
  std::uint64_t state[2] = {3, 0};
  std::array<double, 4> mean{};
  auto input = empty_input<model>();
  model::tape tape;
  for (std::uint64_t m = 0; m < 2; ++m) {
    pictures(m, input);
    s.m->step(s.c, input.upload(s.c), input.upload_truth(s.c), rng<cpu>{{state, {{2}}}}, tape, {loss.data(), {{4}}});
    for (std::size_t i = 0; i < 4; ++i) mean[i] += loss[i] / 2;
  }
  for (std::size_t i = 0; i < 4; ++i) CHECK(reported[i] == doctest::Approx(mean[i]).epsilon(1e-6));
}

TEST_CASE("a stop between steps leaves a run that goes on where it stopped") {
  run whole(options(9));
  whole.t.run(pictures);

  run r(options(9));
  std::stop_source stop;
  std::size_t reports = 0;
  r.t.hooks.on_step = [&](step_report const&) { ++reports; };
  r.t.hooks.after_step = [&](std::int64_t done) {
    if (done == 4) stop.request_stop();
  };
  CHECK_FALSE(r.t.run(pictures, stop.get_token()));
  CHECK(r.t.step() == 4);
  CHECK(reports == 4);  // none is left behind
  CHECK(r.t.run(pictures));
  CHECK(reports == 9);
  CHECK(same_bits(all_values(*r.m), all_values(*whole.m)));
}

TEST_CASE("flush brings reports up to date") {
  run r(options(8));
  std::int64_t reported = 0;
  bool current = true;
  r.t.hooks.on_step = [&](step_report const& report) { reported = report.step + 1; };
  r.t.hooks.after_step = [&](std::int64_t done) {
    r.t.flush();
    current = current && reported == done;
  };
  r.t.run(pictures);
  CHECK(current);
}

TEST_CASE("a step that is not finite throws, naming step and images, and has changed nothing") {
  for (std::int64_t const bad : {0, 2, 8}) {
    CAPTURE(bad);
    run good(options(bad));
    good.t.run(pictures);

    run r(options(9));
    r.t.hooks.name_of = [](std::uint64_t id) { return "photo" + std::to_string(id) + ".jpg"; };
    // Weights after each step: those of the bad one are those before it.
    std::vector<std::vector<std::vector<float>>> after;
    r.t.hooks.after_step = [&](std::int64_t) { after.push_back(all_values(*r.m)); };
    std::string sentence;
    try {
      r.t.run(broken_feed{static_cast<std::uint64_t>(bad)});
    } catch (error const& e) {
      sentence = e.what();
      CHECK(e.where() == "training step " + std::to_string(bad));
    }
    CHECK(sentence.starts_with("training step " + std::to_string(bad) + ": expected finite losses and gradients, found objectness nan"));
    auto const first = pictures.pictures.size();
    CHECK(sentence.ends_with(" on photo" + std::to_string(static_cast<std::size_t>(bad) % first) + ".jpg photo77.jpg"));
    REQUIRE(after.size() > static_cast<std::size_t>(bad));
    CHECK(same_bits(after[static_cast<std::size_t>(bad)], all_values(*good.m)));
    // Nor have the steps that were made before it was found.
    CHECK(same_bits(all_values(*r.m), all_values(*good.m)));
    for (auto const& e : r.m->parameters().entries()) CHECK(same_bits(r.t.optimiser().get_velocity(e), good.t.optimiser().get_velocity(e)));
    CHECK(r.t.step() == bad);
    // It can be left out, and training goes on.
    r.t.seek(bad + 1);
    CHECK(r.t.run(pictures));
    CHECK(same_bits(all_values(*r.m), all_values(*good.m)) == (bad == 8));
  }
}

TEST_CASE("options that no run can have are refused") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto const refused = [](auto edit) {
    auto o = options(1);
    edit(o);
    CHECK_THROWS_AS(run r(o), error);
  };
  refused([](auto& o) { o.accumulate = 0; });
  refused([](auto& o) { o.accumulate = -1; });
  refused([&](auto& o) { o.rate.lr = nan; });
  refused([&](auto& o) { o.rate.drops = {nan}; });
  refused([&](auto& o) { o.optimiser.momentum = nan; });
  refused([&](auto& o) { o.optimiser.decay = -std::numeric_limits<double>::infinity(); });
  refused([&](auto& o) { o.optimiser.clip_norm = nan; });
}
