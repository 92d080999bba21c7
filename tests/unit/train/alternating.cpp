// Alternating training: what each step inherits, draws anew, trains and leaves alone; what its head learns from; a resume in each step; and
// the detector of two backbones.
#include "frcnn/train/alternating.hpp"

#include "../detector/narrow_preset.hpp"
#include "../io/scratch.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/detector/proposer.hpp"
#include "frcnn/presets/unshared.hpp"
#include "frcnn/train/anchor_regions.hpp"
#include "frcnn/train/checkpoint.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;
using values = std::map<std::string, std::vector<float>>;

data::memory_source const& pictures() {
  static data::memory_source const set = [] {
    data::memory_source s({"disc", "bar", "ring"});
    for (auto const& p : memory_feed(memory_feed::eight_sizes()).pictures) {
      image im(p.w, p.h);
      im.pixels = p.pixels;
      std::vector<data::object> objects;
      for (std::size_t g = 0; g < p.boxes.size(); ++g) objects.push_back({.where = p.boxes[g], .label = p.labels[g]});
      s.add(std::move(im), objects);
    }
    return s;
  }();
  return set;
}

values values_of(detector<preset> const& d) {
  values all;
  for (auto const& e : d.model().parameters().entries()) all[e.name] = d.model().parameters().get(e);
  return all;
}
// Whether all parameters of a part are equal.
bool same(values const& a, values const& b, std::string const& part) {
  for (auto const& [name, v] : a)
    if (name.starts_with(part) && !same_bits(v, b.at(name))) return false;
  return true;
}

struct training {
  struct seen {
    values detector, rpn;
  };
  detector<preset> d;
  cpu::context c{2};
  alternating_training<preset, data::memory_source> steps;
  recipe<model> run;
  values const start;
  std::map<int, seen> after;     // each stage
  std::map<int, seen> at_first;  // after its first update
  std::map<int, double> first_rate;

  static alternating_options options(double rpn_lr, double head_lr, int rounds) {
    auto const o = [](double lr, std::int64_t n) {
      return trainer_options{.rate = {.lr = lr, .warmup = 2, .steps = n, .drops = {.5}}, .optimiser = {.clip_norm = 10}};
    };
    return {.rpn = o(rpn_lr, 2), .head = o(head_lr, 3), .rounds = rounds};
  }
  static detector<preset>& alive(detector<preset>& d, char const* frozen) {
    liven(d.model());
    if (frozen) d.model().parameters().freeze(frozen);
    return d;
  }
  explicit training(alternating_options o = options(.002, .002, 1), preset::config_type const& config = preset::config(),
                    char const* frozen = nullptr)
      : d(config, 2),
        steps(alive(d, frozen), pictures(), {.short_side = 64, .max_side = 128, .batch = 2, .seed = 4}, std::move(o), {.threads = 2}),
        run(c, steps.stages()),
        start(values_of(d)) {
    run.hooks.on_step = [this](step_report const& r) {
      CHECK((r.losses[0] > 0) == steps.trains_rpn(r.stage));
      CHECK((r.losses[2] > 0) == !steps.trains_rpn(r.stage));
      if (r.step == 0) first_rate[r.stage] = r.lr;
    };
    run.hooks.after_step = [this](training_position p) {
      if (p.step == run.options(static_cast<std::size_t>(p.stage)).rate.steps)
        after[p.stage] = {values_of(d), values_of(steps.rpn_network())};
    };
  }
};

}  // namespace

TEST_CASE("alternating training: each step trains its parts and leaves the others alone") {
  training t;
  CHECK(t.run.size() == 4);
  CHECK(t.steps.steps() == 4);
  CHECK(t.run.run());
  auto const &one = t.after[0], &two = t.after[1], &three = t.after[2], &four = t.after[3];
  for (auto const* part : {"backbone", "rpn", "roi_heads"}) {  // step 1 has convolutions of its own
    CAPTURE(part);
    CHECK(same(one.detector, t.start, part));
    CHECK(same(four.rpn, one.rpn, part));
    if (part == std::string("roi_heads")) continue;  // which it has no use for
    CHECK_FALSE(same(one.rpn, t.start, part));
  }
  CHECK(one.rpn.at("roi_heads.box_head.fc6.weight").size() == 12 * 7 * 7);
  CHECK_FALSE(same(two.detector, t.start, "backbone"));
  CHECK(same(two.detector, t.start, "rpn"));
  CHECK_FALSE(same(two.detector, t.start, "roi_heads"));
  CHECK(same(three.detector, two.detector, "backbone"));
  CHECK_FALSE(same(three.detector, two.detector, "rpn"));
  CHECK(same(three.detector, two.detector, "roi_heads"));
  CHECK(same(four.detector, three.detector, "backbone"));
  CHECK(same(four.detector, three.detector, "rpn"));
  CHECK_FALSE(same(four.detector, three.detector, "roi_heads"));
  for (int stage = 0; stage < 4; ++stage) CHECK(t.first_rate[stage] == .001);  // warm-up begins again
  std::set<std::uint64_t> seeds;
  for (std::size_t stage = 0; stage < 4; ++stage) seeds.insert(t.run.options(stage).seed);
  CHECK(seeds.size() == 4);
}

TEST_CASE("alternating training: what steps begin with, seen at a rate of 0") {
  training t(training::options(0, 0, 2));
  CHECK(t.run.run());
  CHECK(t.run.size() == 6);
  CHECK(t.run.name(3) == "round 2, step 2");
  CHECK(t.run.name(4) == "step 3");
  // Round 1: steps 1 and 2 from the same weights.
  for (int stage : {0, 1})
    for (auto const* part : {"backbone", "rpn", "roi_heads"}) {
      if (part != std::string("roi_heads")) CHECK(same(t.after[stage].rpn, t.start, part));
      CHECK(same(t.after[stage].detector, t.start, part));
    }
  // Round 2: a new RPN, of the convention's deviation; step 3: another one. Convolutions and head go on.
  CHECK(same(t.after[2].rpn, t.start, "backbone"));
  CHECK_FALSE(same(t.after[2].rpn, t.start, "rpn.head.conv.0.0.weight"));
  CHECK(same(t.after[3].detector, t.start, "rpn"));
  CHECK_FALSE(same(t.after[4].detector, t.start, "rpn.head.conv.0.0.weight"));
  CHECK_FALSE(same(t.after[4].detector, t.after[2].rpn, "rpn.head.conv.0.0.weight"));
  double squares = 0;
  auto const& drawn = t.after[4].detector.at("rpn.head.conv.0.0.weight");
  for (float const v : drawn) squares += static_cast<double>(v) * v;
  CHECK(std::sqrt(squares / static_cast<double>(drawn.size())) == doctest::Approx(.01).epsilon(.1));
  CHECK(same(t.after[5].detector, t.start, "backbone"));
  CHECK(same(t.after[5].detector, t.start, "roi_heads"));  // step 4 goes on from step 2

  auto o = training::options(0, 0, 1);
  o.new_predictors = true;
  training renewed(o);
  CHECK(renewed.run.run());
  CHECK(same(renewed.after[3].detector, renewed.start, "roi_heads.box_head"));
  CHECK_FALSE(same(renewed.after[3].detector, renewed.start, "roi_heads.box_predictor.cls_score.weight"));
  CHECK_FALSE(same(renewed.after[3].detector, renewed.start, "roi_heads.box_predictor.bbox_pred.weight"));
}

TEST_CASE("alternating training: cached maps serve steps 3 and 4, and change nothing") {
  auto o = training::options(.002, .002, 1);
  o.rpn.rate.steps = o.head.rate.steps = 10;
  training plain(o);
  CHECK(plain.run.run());
  CHECK(plain.steps.cached_maps().found() == 0);
  o.maps.memory_mb = 64;
  training cached(o);
  CHECK(cached.run.run());
  CHECK(same_bits(all_values(cached.d.model()), all_values(plain.d.model())));
  CHECK(cached.steps.cached_maps().found() > 0);
  CHECK(cached.steps.cached_maps().found() + cached.steps.cached_maps().computed() == 2 * (10 + 10));
}

TEST_CASE("alternating training: what the detector has frozen stays in step 1's network too") {
  training t(training::options(.002, .002, 1), preset::config(), "backbone.0");
  CHECK(t.run.run());
  for (auto const& values : {t.after[0].rpn, t.after[3].detector}) {
    CHECK(same(values, t.start, "backbone.0."));
    CHECK_FALSE(same(values, t.start, "backbone.2."));
  }
}

TEST_CASE("alternating training: statistics of targets are measured on step 1's proposals, once, and anew for new predictors") {
  auto config = preset::config();
  config.head.empirical_targets = true;
  std::string const mean = "roi_heads.box_predictor.target_mean", deviation = "roi_heads.box_predictor.target_deviation";
  for (bool const renewed : {false, true}) {
    CAPTURE(renewed);
    auto o = training::options(.0005, .0005, 1);
    o.measure_targets = true;
    o.new_predictors = renewed;
    training t(o, config);
    CHECK(t.run.run());
    auto const measured = [&](detector<preset> const& d) {
      stage_proposals p;
      p.make(d, pictures(), true);
      return empirical_targets<preset::convention>(pictures(), p.source(), 3);
    };
    auto const equal = [](std::vector<float> const& a, std::vector<double> const& b) {
      return a == std::vector<float>(b.begin(), b.end());
    };
    auto const of_one = measured(t.steps.rpn_network());
    CHECK(t.after[0].detector.at(deviation) == t.start.at(deviation));
    CHECK(equal(t.after[1].detector.at(mean), of_one.mean));
    CHECK(equal(t.after[1].detector.at(deviation), of_one.deviation));
    CHECK(of_one.deviation[4] != 1);
    auto const of_last = renewed ? measured(t.d) : of_one;
    CHECK(equal(t.after[3].detector.at(mean), of_last.mean));
    CHECK(equal(t.after[3].detector.at(deviation), of_last.deviation));
  }
  // Anchors stand for proposals where there are none: the nine of each cell, in pixels of the image.
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  auto const anchors = anchor_regions(d, pictures());
  auto const table = empirical_targets<preset::convention>(pictures(), anchors, 3);
  CHECK(table.deviation[4] != 1);
  proposer_options every(proposal_limits{100000, 100000}, 1);
  every.without_cls = every.without_reg = true;
  proposer<preset> propose(d, every);
  for (std::size_t i = 0; i < pictures().size(); ++i) {
    auto const given = anchors(i, false);
    auto const proposed = propose(pictures().pixels(i));
    CHECK(given.size() == proposed.size());
    for (auto const& r : given) {
      auto const is_there = [&](frcnn::proposed const& p) {
        auto const &a = p.what.where, &b = r.where;
        return std::abs(a.x1 - b.x1) + std::abs(a.y1 - b.y1) + std::abs(a.x2 - b.x2) + std::abs(a.y2 - b.y2) < .01f;
      };
      CHECK(std::ranges::any_of(proposed, is_there));
    }
  }
}

TEST_CASE("alternating training: a second round begins with the convolutions that step 2 has tuned") {
  training t(training::options(0, .002, 2));
  CHECK(t.run.run());
  CHECK_FALSE(same(t.after[1].detector, t.start, "backbone"));
  CHECK(same(t.after[2].rpn, t.after[1].detector, "backbone"));
  CHECK(same(t.after[2].detector, t.after[1].detector, "roi_heads"));
  CHECK_FALSE(same(t.after[3].detector, t.after[1].detector, "backbone"));  // free again
  CHECK(same(t.after[5].detector, t.after[3].detector, "backbone"));
  CHECK(sentence([] { training(training::options(0, 0, 0)); }) == "rounds: expected at least 1, found 0");
}

TEST_CASE("stage_proposals: of each image and of its mirror image, without a limit before NMS") {
  training t;
  auto const& set = pictures();
  stage_proposals p;
  CHECK_THROWS_AS(p.source(), error);
  std::size_t called = 0;
  p.make(t.d, set, true, [&](std::size_t n) { CHECK(n == ++called); });
  CHECK(called == set.size());
  CHECK(t.d.model().generator().options().stage.before_nms == proposal_limits::unlimited);
  CHECK(t.d.model().generator().capacity(phase::stage) == 2000);
  auto const source = p.source();
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto const im = set.pixels(i);
    auto const plain = t.d.propose(im, phase::stage);
    auto const given = source(i, false);
    REQUIRE(given.size() == plain.size());
    CHECK(given.size() > t.d.propose(im, phase::train).size());  // 40 at most
    for (std::size_t k = 0; k < plain.size(); ++k) CHECK(given[k].where == plain[k]);
    image mirror(im.width, im.height);
    for (int y = 0; y < im.height; ++y)
      for (int x = 0; x < im.width; ++x) std::copy_n(im.row(y) + 3 * x, 3, mirror.at(im.width - 1 - x, y));
    auto const seen = t.d.propose(mirror, phase::stage);
    auto const flipped = source(i, true);
    REQUIRE(flipped.size() == seen.size());
    for (std::size_t k = 0; k < seen.size(); ++k)
      CHECK(flipped[k].where == conventions::torchvision::flip_box(seen[k], static_cast<float>(im.width)));
  }
  // The list stays what it was; one that was left half-way is none.
  liven(t.d.model(), 77);
  CHECK(source(0, false).size() > 0);
  CHECK_THROWS_AS(p.make(t.d, set, false, [](std::size_t) { throw 1; }), int);
  CHECK_THROWS_AS(p.source(), error);
}

TEST_CASE("alternating training: a run resumed in any step ends in the bytes of one that was never stopped") {
  ::scratch folder;
  std::map<std::string, std::string> const told{{"data", "some/folder"}};
  training whole;
  CHECK(whole.run.run());
  for (std::int64_t stop_after = 1; stop_after <= whole.run.steps(); ++stop_after) {
    CAPTURE(stop_after);
    io::checkpoint_dir const dir(folder / std::to_string(stop_after));
    {
      training begun;
      std::stop_source stop;
      begun.run.hooks.after_step = [&](training_position) {
        if (begun.run.done() != stop_after) return;
        begun.run.flush();
        save_checkpoint(dir, begun.d, begun.run, told);
        stop.request_stop();
      };
      begun.run.run(stop.get_token());
    }
    training resumed;
    resumed.d.model().parameters().initialise(99);
    load_checkpoint(*dir.latest(), resumed.d, resumed.run, told);
    CHECK(resumed.run.run());
    CHECK(same_bits(all_values(resumed.d.model()), all_values(whole.d.model())));
    CHECK(same_bits(all_values(resumed.steps.rpn_network().model()), all_values(whole.steps.rpn_network().model())));
  }
}

TEST_CASE("unshared: one detector of two backbones, whose steps are those of its halves") {
  using both = presets::unshared<preset>;
  CHECK(std::string(both::name) == "narrow_unshared");
  detector<preset> one(preset::config(), 2), two(preset::config(), 2);
  liven(one.model(), 5);
  liven(two.model(), 6);
  auto u = presets::unshared_from(one, two, {.threads = 2});
  auto const im = pictures().pixels(0);
  auto const regions = one.propose(im);
  CHECK(u.propose(im) == regions);
  auto const found = u.detect(im, {.score = .01f}), expected = two.detect(im, regions, {.score = .01f});
  REQUIRE(found.size() > 0);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].label == expected[i].label);
    CHECK(found[i].score == doctest::Approx(expected[i].score).epsilon(1e-4));
    CHECK(found[i].where.x1 == doctest::Approx(expected[i].where.x1).epsilon(1e-3));
  }

  // Files.
  ::scratch folder;
  save(u, folder / "u.safetensors");
  auto const again = load<both>(folder / "u.safetensors", 2);
  CHECK(same_bits(all_values(again.model()), all_values(u.model())));
  CHECK(again.detect(im, {.score = .01f}).size() == found.size());
  CHECK(sentence([&] {
          load<preset>(folder / "u.safetensors");
        }).ends_with("expected a model of preset narrow, found one of preset narrow_unshared"));

  // Steps: losses and gradients of each half.
  scene<float> s({{64, 96}, {80, 64}});
  cpu::context c(2);
  std::vector<box<float>> boxes(s.boxes);
  auto const step = [&](auto& m, bool of_rpn, bool whole = false) {
    m.parameters().enable_gradients();
    typename std::remove_cvref_t<decltype(m)>::tape t;
    poison(m, c, t);
    std::vector<float> loss(4);
    auto im = s.images();
    if (!of_rpn) im.regions = {{boxes.data(), {{2, 3}}}, {s.count.data(), {{2}}}};
    view<float, 1, cpu> const out{loss.data(), {{4}}};
    part_set const written = whole    ? m.step(c, s.images(), s.objects(), s.random(), t, out)
                             : of_rpn ? m.step_rpn(c, im, s.objects(), s.random(), t, out)
                                      : m.step_head(c, im, s.objects(), s.random(), t, out);
    CHECK(written.has(0) == (of_rpn || whole));
    return loss;
  };
  auto const gradients = [](auto& m, std::string const& scope, std::string const& called) {
    std::map<std::string, std::vector<float>> all;
    for (auto const& e : m.parameters().entries())
      if (e.name.starts_with(scope)) all[called + e.name.substr(scope.size())] = m.parameters().get_gradient(e);
    return all;
  };
  auto& joined = u.model();
  for (bool const whole : {false, true}) {  // one after the other, and in one step
    CAPTURE(whole);
    auto const rpn_loss = step(one.model(), true);
    auto const loss = step(joined, true, whole);
    CHECK(loss[0] == rpn_loss[0]);
    CHECK(loss[1] == rpn_loss[1]);
    CHECK(gradients(joined, "rpn.head.", "") == gradients(one.model(), "rpn.head.", ""));
    CHECK(gradients(joined, "rpn.backbone.", "") == gradients(one.model(), "backbone.", ""));
    if (whole) break;
    CHECK(step(joined, false) == step(two.model(), false));
    CHECK(gradients(joined, "roi_heads.", "") == gradients(two.model(), "roi_heads.", ""));
    CHECK(gradients(joined, "backbone.", "") == gradients(two.model(), "backbone.", ""));
  }
  // An own backbone that does not learn is left alone.
  joined.parameters().freeze("rpn.backbone");
  CHECK(step(joined, true)[0] > 0);
  CHECK(gradients(joined, "rpn.head.", "") == gradients(one.model(), "rpn.head.", ""));
}
