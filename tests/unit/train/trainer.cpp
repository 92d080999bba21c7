#include "frcnn/train/trainer.hpp"

#include "../detector/narrow_preset.hpp"

#include <doctest/doctest.h>

#include <barrier>
#include <chrono>
#include <thread>

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

TEST_CASE("a step that is left between its micro-batches is as if it had not begun") {
  struct left {};
  run whole(options(6, 3)), r(options(6, 3));
  CHECK(whole.t.run(pictures));
  int calls = 0;
  r.t.hooks.between_batches = [&] {
    if (++calls == 6) throw left();  // in step 2, before its last micro-batch
  };
  CHECK_THROWS_AS(r.t.run(pictures), left);
  CHECK(r.t.step() == 2);
  r.t.flush();
  CHECK(r.t.run(pictures));
  CHECK(calls == 6 + 2 * 4);
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

TEST_CASE("diagnostics: samples, proposals, accuracy and norms of a step, and nothing is changed by looking") {
  auto o = options(7, 2);
  run plain(o);
  CHECK(plain.t.run(pictures));
  o.diagnose_every = 3;
  run r(o);
  std::vector<step_diagnostics> seen;
  std::vector<double> norms;
  r.t.hooks.on_diagnostics = [&](step_diagnostics const& d) { seen.push_back(d); };
  r.t.hooks.on_step = [&](step_report const& report) { norms.push_back(report.norm); };
  CHECK(r.t.run(pictures));
  CHECK(all_values(*r.m) == all_values(*plain.m));
  REQUIRE(seen.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto const& d = seen[i];
    CHECK(d.step == 3 * static_cast<std::int64_t>(i) + 2);
    CHECK((d.rpn_positives > 0 && d.rpn_positives + d.rpn_negatives <= 2 * r.m->generator().options().target.batch));
    CHECK((d.head_positives + d.head_negatives > 0 && d.head_positives + d.head_negatives <= 2 * r.m->head().options().target.batch));
    CHECK((d.proposal_recall >= 0 && d.proposal_recall <= 1));
    CHECK((d.head_accuracy >= 0 && d.head_accuracy <= 1));
    CHECK(std::hypot(d.norm_backbone, d.norm_rpn, d.norm_head) == doctest::Approx(norms[3 * i + 2]).epsilon(1e-4));
    CHECK((d.feed_share > 0 && d.feed_share < 1));
  }

  // Of a step of the RPN alone there is no head, and nobody proposes.
  run s(options(1));
  diagnostics<model> look;
  auto input = empty_input<model>();
  pictures(0, input);
  auto const images = input.upload(s.c);
  auto const truths = input.upload_truth(s.c);
  std::uint64_t state[2] = {3, 0};
  std::vector<float> loss(4);
  model::tape tape;
  s.m->parameters().enable_gradients();
  auto const written = s.m->step_rpn(s.c, images, truths, rng<cpu>{{state, {{2}}}}, tape, {loss.data(), {{4}}});
  look.look(s.c, images, truths, tape, s.m->parameters(), written, 1);
  auto const d = look.read();
  CHECK((d.rpn_negatives > 0 && d.norm_rpn > 0 && d.norm_backbone > 0));
  CHECK((std::isnan(d.head_positives) && std::isnan(d.head_accuracy) && std::isnan(d.norm_head) && std::isnan(d.proposal_recall)));

  // Everything that is proposed is an object: all are found.
  auto const joint = s.m->step(s.c, images, truths, rng<cpu>{{state, {{2}}}}, tape, {loss.data(), {{4}}});
  auto const anchors = tape.proposals.anchors;
  auto const chosen = tape.proposals.decided.proposal;
  for (int n = 0; n < chosen.dims[0]; ++n) CHECK(chosen.data[n * chosen.dims[1]] >= 0);
  std::vector<box<float>> boxes(truths.boxes.rows.data, truths.boxes.rows.data + truths.boxes.rows.size());
  counted<box<float>, 2, cpu> const rois{frcnn::scratch<box<float>, cpu>(s.c, chosen.dims),
                                         frcnn::scratch<std::int32_t, cpu>(s.c, shape<1>{{2}})};
  rpn::decode_proposals<model::rules>(s.c, anchors, model::rules::rpn_coder(), images.info,
                                      view<float const, 3, cpu>(tape.proposals.deltas), view<std::int32_t const, 2, cpu>(chosen), rois);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    boxes[i] = rois.rows.data[static_cast<std::size_t>(static_cast<int>(i) / truths.capacity() * chosen.dims[1])];
  auto moved = truths;
  moved.boxes.rows.data = boxes.data();
  look.look(s.c, images, moved, tape, s.m->parameters(), joint, 1);
  CHECK(look.read().proposal_recall == 1);
}

TEST_CASE("speed is that of training: what is done after steps does not count") {
  using clock = std::chrono::steady_clock;
  auto const seconds = [](clock::duration d) { return std::chrono::duration<double>(d).count(); };
  auto o = options(4, 2);
  o.diagnose_every = 2;
  run r(o);
  clock::duration fed{}, rested{};
  auto const feed = [&](std::uint64_t micro_batch, auto& input) {
    auto const begin = clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pictures(micro_batch, input);
    fed += clock::now() - begin;
  };
  std::vector<step_diagnostics> seen;
  double images_per_second = 0;
  r.t.hooks.on_diagnostics = [&](step_diagnostics const& d) { seen.push_back(d); };
  r.t.hooks.on_step = [&](step_report const& report) { images_per_second = report.images_per_second; };
  r.t.hooks.after_step = [&](std::int64_t) {
    auto const begin = clock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    rested += clock::now() - begin;
  };
  auto const begin = clock::now();
  CHECK(r.t.run(feed));
  double const training = seconds(clock::now() - begin - rested);  // at least what the trainer measures
  REQUIRE(seen.size() == 2);
  CHECK((images_per_second >= 16 / training && images_per_second <= 16 / seconds(fed)));
  // Each look is over half of the images; together they are no slower than the whole.
  double time = 0, waited = 0;
  for (auto const& d : seen) {
    CHECK((d.feed_share > 0 && d.feed_share < 1));
    time += 8 / d.images_per_second;
    waited += 8 / d.images_per_second * d.feed_share;
  }
  CHECK(time <= training);
  CHECK(waited >= seconds(fed) * (1 - 1e-9));
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
      CHECK(e.where() == "training step " + std::to_string(bad + 1));
    }
    CHECK(
        sentence.starts_with("training step " + std::to_string(bad + 1) + ": expected finite losses and gradients, found objectness nan"));
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

namespace {

// Averages gradients and losses of two trainers in two threads of one process, as an all-reduce of two devices does.
struct all_reduce {
  std::barrier<> both{2};
  step_gradients<float, cpu> const* of[2]{};

  // Half of each buffer by each trainer, into both.
  void operator()(int rank, step_gradients<float, cpu> const& mine) {
    of[rank] = &mine;
    both.arrive_and_wait();
    auto const average = [&](float* a, float* b, std::size_t n) {
      for (std::size_t i = n * static_cast<std::size_t>(rank) / 2; i < n * static_cast<std::size_t>(rank + 1) / 2; ++i)
        a[i] = b[i] = (a[i] + b[i]) / 2;
    };
    average(of[0]->packed().data(), of[1]->packed().data(), mine.packed().size());
    average(of[0]->losses.data, of[1]->losses.data, 4);
    both.arrive_and_wait();
  }
};

// Pictures of one size: images of a batch are then independent of each other. `images` from number `first` on, of every `stride`.
struct part_of_feed {
  int images, stride, first;
  std::uint64_t bad = ~std::uint64_t{0};
  void operator()(std::uint64_t micro_batch, input_batch<float, cpu>& input) const {
    static memory_feed const all({{96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}, {96, 96}});
    input.start(images, 96, 96, 3);
    for (int i = 0; i < images; ++i) {
      auto const index = (static_cast<std::size_t>(micro_batch) * static_cast<std::size_t>(stride) + static_cast<std::size_t>(first + i)) %
                         all.pictures.size();
      auto const& p = all.pictures[index];
      std::vector<float> pixels(p.pixels.begin(), p.pixels.end());
      if (micro_batch == bad && i == 0) pixels[100] = std::numeric_limits<float>::quiet_NaN();
      input.set_image(i, pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, index);
      input.set_truth(i, p.boxes, p.labels);
    }
  }
};

// Two trainers of two images each; what each has thrown.
struct two_trainers {
  run one, two;
  all_reduce reduce;
  std::string said[2];

  explicit two_trainers(trainer_options const& o) : one(o), two(o) {
    one.t.before_update = [this](auto const& g) { reduce(0, g); };
    two.t.before_update = [this](auto const& g) { reduce(1, g); };
  }
  void train(std::uint64_t bad = ~std::uint64_t{0}) {
    auto const work = [&](run& r, int rank) {
      try {
        r.t.run(part_of_feed{2, 4, 2 * rank, rank == 1 ? bad : ~std::uint64_t{0}});
      } catch (error const& e) {
        said[rank] = e.what();
      }
    };
    std::thread other([&] { work(two, 1); });
    work(one, 0);
    other.join();
  }
};

}  // namespace

TEST_CASE("two trainers that average their gradients are one trainer with the double batch") {
  two_trainers both(options(6));
  std::vector<double> losses, expected;
  both.one.t.hooks.on_step = [&](step_report const& r) { losses.push_back(r.total()); };
  both.train();
  run alone(options(6));
  auto const start = all_values(*alone.m);
  alone.t.hooks.on_step = [&](step_report const& r) { expected.push_back(r.total()); };
  alone.t.run(part_of_feed{4, 4, 0});

  CHECK(same_bits(all_values(*both.one.m), all_values(*both.two.m)));
  REQUIRE(losses.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(losses[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  auto const a = all_values(*both.one.m), b = all_values(*alone.m);
  double moved = 0, apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < a[i].size(); ++k) {
      moved = std::max(moved, std::abs(static_cast<double>(b[i][k]) - start[i][k]));
      apart = std::max(apart, std::abs(static_cast<double>(b[i][k]) - a[i][k]));
    }
  CHECK(moved > 1e-3);
  CHECK(apart < 1e-4 * moved);
}

TEST_CASE("a step that is not finite in one of two trainers stops both, and neither has applied it") {
  two_trainers both(options(8)), good(options(3));
  good.train();
  both.train(3);
  for (auto const& said : both.said) CHECK(said.starts_with("training step 4: expected finite losses and gradients, found"));
  CHECK(both.one.t.step() == 3);
  CHECK(both.two.t.step() == 3);
  CHECK(same_bits(all_values(*both.one.m), all_values(*good.one.m)));
  CHECK(same_bits(all_values(*both.two.m), all_values(*good.one.m)));
}

TEST_CASE("before_update sees every gradient of a step, and zeros where there is none") {
  run r(options(2));
  trainer<model> rpn_alone(*r.m, r.c, empty_input<model>(), options(2), rpn_step());
  std::vector<double> norms, reported;
  rpn_alone.before_update = [&](step_gradients<float, cpu> const& g) {
    double sum = 0;
    for (float const v : g.packed()) sum += static_cast<double>(v) * v;
    norms.push_back(std::sqrt(sum));
    CHECK(g.accumulated == 1);
    for (auto const& e : g.parameters.entries())
      if (e.name.starts_with("roi_heads")) CHECK(std::all_of(e.p->grad.data, e.p->grad.data + e.p->size(), [](float v) { return v == 0; }));
  };
  rpn_alone.hooks.on_step = [&](step_report const& report) { reported.push_back(report.norm); };
  rpn_alone.run(pictures);
  REQUIRE(norms.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) CHECK(norms[i] == doctest::Approx(reported[i]));

  // Clipping of one's own: nothing is left, nothing moves but by decay.
  run still(options(2));
  still.t.before_update = [](step_gradients<float, cpu> const& g) { std::ranges::fill(g.packed(), 0.f); };
  std::vector<double> none;
  still.t.hooks.on_step = [&](step_report const& report) { none.push_back(report.norm); };
  still.t.run(pictures);
  CHECK(none == std::vector<double>{0, 0});
}
