// What alternating training asks of the CUDA backend: the steps of the RPN alone and of the head alone, on maps of the backbone and on cached
// ones, proposals of a stage and of `proposer`, and detection on regions that are given. All of it is the CPU's.
#include "composed.hpp"

#include "frcnn/detector/proposer.hpp"
#include "frcnn/testing/parity.hpp"
#include "frcnn/train/map_cache.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

using namespace composed_tests;
using namespace detector_tests;

namespace {

template <class A, class B>
void check_near(A const& found, B const& expected) {
  auto const report = testing::compare(found, expected, 1e-4);
  CHECK_MESSAGE(report.ok, report.describe());
}

// Pictures of two shapes with 12 regions each, the first of which are near their boxes; one has no region.
memory_feed with_regions() {
  memory_feed feed({{64, 64}, {96, 64}, {64, 64}});
  feed.most_regions = 16;
  std::uint64_t stream = 0;
  for (auto& p : feed.pictures) {
    host_rng draws(11, draw::test, stream++);
    for (auto const& b : p.boxes) p.regions.push_back({b.x1 + 2, b.y1 - 1, b.x2 + 1, b.y2 + 2});
    while (p.regions.size() < 12) {
      auto const x = static_cast<float>(draws.uniform(0, p.w - 20)), y = static_cast<float>(draws.uniform(0, p.h - 20));
      p.regions.push_back({x, y, x + static_cast<float>(draws.uniform(8, 40)), y + static_cast<float>(draws.uniform(8, 40))});
    }
  }
  feed.pictures[2].regions.clear();
  return feed;
}
memory_feed without_regions() {
  auto feed = with_regions();
  feed.most_regions.reset();
  return feed;
}

// Losses and gradients of one step of a half on two pictures.
struct half_step {
  part_set written;
  std::vector<float> losses;
  std::vector<std::vector<float>> gradients;

  template <class P>
  static half_step of(P, typename P::device::options const& options, bool of_rpn, std::string const& frozen) {
    using B = typename P::device;
    auto const model = P::make(P::config());
    liven(*model);
    auto& store = model->parameters();
    if (!frozen.empty()) store.freeze(frozen);
    store.enable_gradients();
    typename B::context c(options);
    auto input = input_of<P>();
    (of_rpn ? without_regions() : with_regions())(0, input);
    auto const images = input.upload(c);
    auto const objects = input.upload_truth(c);
    buffer<std::uint64_t, B> state(c, 2);
    buffer<float, B> loss(c, 4);
    from_host(c, {1, 1}, view<std::uint64_t, 1, B>{state.data(), {{2}}});
    typename P::model::tape tape;
    rng<B> const random{{state.data(), {{2}}}};
    view<float, 1, B> const out{loss.data(), {{4}}};
    half_step h;
    h.written = of_rpn ? model->step_rpn(c, images, objects, random, tape, out) : model->step_head(c, images, objects, random, tape, out);
    h.losses = to_host(c, out);
    for (auto const& e : store.entries())
      if (h.written.has(e.part) && e.p->wants_grad()) h.gradients.push_back(store.get_gradient(e));
    return h;
  }
};

// Six steps of two micro-batches of a stage in which one half learns. cached: on maps of a cache, the backbone frozen.
template <class P>
struct stage {
  std::vector<std::vector<float>> values{};
  std::vector<double> losses{};
  std::uint64_t waits = 0, computed = 0, found = 0, seen = 0;  // seen: pictures, each in each padded shape of its batches
  std::size_t replays = 0;

  stage(typename P::device::options const& options, bool of_rpn, std::optional<map_budget> cached = {}) {
    using model_type = typename P::model;
    auto const feed = of_rpn ? without_regions() : with_regions();
    auto const model = P::make(P::config());
    liven(*model);
    model->parameters().freeze(of_rpn ? "roi_heads" : "rpn");
    if (cached) model->parameters().freeze("backbone");
    map_cache<model_type> cache(cached.value_or(map_budget{}));
    step_function<model_type> step = head_step();
    if (of_rpn) step = rpn_step();
    if (cached) step = of_rpn ? on_cached_maps<model_type>(rpn_step(), cache) : on_cached_maps<model_type>(head_step(), cache);
    typename P::device::context c(options);
    trainer<model_type> t(*model, c, input_of<P>(),
                          {.seed = 1, .rate = {.lr = .01, .steps = 6}, .optimiser = {.clip_norm = 10}, .accumulate = 2}, step);
    t.hooks.on_step = [&](step_report const& r) { losses.insert(losses.end(), r.losses.begin(), r.losses.end()); };
    std::uint64_t before = 0;
    t.hooks.after_step = [&](std::int64_t done) {
      if constexpr (requires { c.waits(); }) {
        if (done == 6) waits = c.waits() - before;  // what ends the run waits on its own
      }
    };
    if constexpr (requires { c.waits(); }) before = c.waits();
    std::set<std::array<std::uint64_t, 3>> shapes;
    t.run([&](std::uint64_t m, auto& input) {
      feed(m, input);
      auto const &a = feed.pictures[input.ids()[0]], &b = feed.pictures[input.ids()[1]];
      auto const h = input.padded(std::max(a.h, b.h)), w = input.padded(std::max(a.w, b.w));
      for (int i = 0; i < 2; ++i) {
        auto const picture = input.ids()[static_cast<std::size_t>(i)];
        input.set_picture(i, picture);
        shapes.insert({picture, static_cast<std::uint64_t>(h), static_cast<std::uint64_t>(w)});
      }
    });
    seen = shapes.size();
    t.wait();
    values = all_values(*model);
    computed = cache.computed(), found = cache.found();
    if constexpr (requires { replays_of(c); }) replays = replays_of(c);
  }
};

template <class A, class B>
void check_same_stage(A const& found, B const& expected) {
  REQUIRE(found.values.size() == expected.values.size());
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    CAPTURE(i);
    check_near(found.values[i], expected.values[i]);
  }
  check_near(found.losses, expected.losses);
  CHECK(found.computed == expected.computed);
  CHECK(found.found == expected.found);
}

// As detections whose label is the anchor: its size and ratio.
std::vector<detection> listed(std::vector<proposed> const& all) {
  std::vector<detection> list;
  for (auto const& p : all)
    list.push_back(
        {p.what.where, p.what.score, static_cast<std::int32_t>(p.anchor.size) * 10 + static_cast<std::int32_t>(2 * p.anchor.ratio)});
  return list;
}

}  // namespace

TEST_CASE("cuda: the RPN's step and the head's have the CPU's losses and gradients" * doctest::skip(!is_there())) {
  for (bool const of_rpn : {true, false})
    for (std::string const frozen : {"", "backbone"}) {
      CAPTURE(of_rpn);
      CAPTURE(frozen);
      auto const expected = half_step::of(on_cpu(), portable, of_rpn, frozen);
      REQUIRE(expected.losses[of_rpn ? 0 : 2] > 0);
      REQUIRE(expected.losses[of_rpn ? 1 : 3] > 0);
      REQUIRE(expected.gradients.size() >= 6);
      for (auto const& options : ways) {
        auto const ours = half_step::of(on_cuda(), options, of_rpn, frozen);
        CHECK(ours.written.bits == expected.written.bits);
        check_near(ours.losses, expected.losses);
        REQUIRE(ours.gradients.size() == expected.gradients.size());
        for (std::size_t i = 0; i < ours.gradients.size(); ++i) {
          CAPTURE(i);
          check_near(ours.gradients[i], expected.gradients[i]);
        }
      }
    }
}

TEST_CASE("cuda: stages that train one half are the CPU's, and replay graphs" * doctest::skip(!is_there())) {
  auto const& options = ways[std::size(ways) - 1];
  for (bool const of_rpn : {true, false}) {
    CAPTURE(of_rpn);
    stage<on_cuda> const ours(options, of_rpn);
    check_same_stage(ours, stage<on_cpu>(portable, of_rpn));
    CHECK(ours.replays > 0);
#if !defined(__CUDACC__)     // the device may be done before the host asks
    CHECK(ours.waits == 2);  // for the reports of the first two steps, which are read four steps late
#endif
  }
}

TEST_CASE("cuda: stages on cached maps are the CPU's; they replay no graph, and wait once for each image whose maps are stored" *
          doctest::skip(!is_there())) {
  auto const& options = ways[std::size(ways) - 1];
  for (bool const of_rpn : {true, false})
    for (std::size_t const megabytes : {16, 0}) {
      CAPTURE(of_rpn);
      CAPTURE(megabytes);
      map_budget const budget{.memory_mb = megabytes};
      stage<on_cuda> const ours(options, of_rpn, budget);
      check_same_stage(ours, stage<on_cpu>(portable, of_rpn, budget));
      CHECK(ours.computed + ours.found == 24);
      CHECK(ours.computed == (megabytes ? ours.seen : 24));
      CHECK(ours.replays == 0);
#if !defined(__CUDACC__)
      std::uint64_t const stored = megabytes ? ours.computed : 0;
      CHECK(ours.waits >= std::max<std::uint64_t>(stored, 2));
      CHECK(ours.waits <= stored + 2);  // a report that a later wait has covered needs none
#endif
    }
}

TEST_CASE("cuda: detection on regions that are given is the CPU's, and is replayed" * doctest::skip(!is_there())) {
  auto const feed = with_regions();
  detect_options const o{.score = .1f};
  std::vector<image_view> images;
  std::vector<std::vector<box<float>>> lists;
  for (auto const& p : feed.pictures) {
    images.push_back(view_of(p));
    lists.push_back(p.regions);
  }
  detector<on_cpu> plain(on_cpu::config(), portable);
  liven(plain.model());
  auto const expected = plain.detect(images, lists, o);
  REQUIRE(expected[0].size() > 3);
  CHECK(expected[2].empty());  // no regions
  for (auto const& options : ways) {
    detector<on_cuda> d(on_cuda::config(), options);
    liven(d.model());
    detector<on_cuda>::session s(d, options);
    testing::detection_report all;
    auto const together = d.detect(s, images, lists, o);
    for (std::size_t i = 0; i < images.size(); ++i) all += testing::compare_detections(together[i], expected[i], {.score_threshold = .1});
    CHECK_MESSAGE(all.ok(), all.describe());
    CHECK(all.excused.empty());
    auto const first = d.detect(s, images[1], lists[1], o);
    auto const same = testing::compare_detections(first, expected[1], {.score_threshold = .1});
    CHECK_MESSAGE(same.ok(), same.describe());
    auto const replayed = replays_of(s.context());
    for (int i = 0; i < 3; ++i) CHECK(d.detect(s, images[1], lists[1], o) == first);
    CHECK(replays_of(s.context()) == replayed + 3);  // from the third sight of its shape on: among others it was alone, too
  }
}

TEST_CASE("cuda: proposals of a stage and of a proposer are the CPU's, with and without cls and reg" * doctest::skip(!is_there())) {
  auto const feed = without_regions();
  detector<on_cpu> plain(on_cpu::config(), portable);
  liven(plain.model());
  for (auto const& way : ways) {
    detector<on_cuda> d(on_cuda::config(), way);
    liven(d.model());
    for (auto const& p : feed.pictures) {
      auto const expected = plain.propose(view_of(p), phase::stage), found = d.propose(view_of(p), phase::stage);
      REQUIRE(expected.size() > 40);
      REQUIRE(found.size() == expected.size());
      check_near(std::span(&found[0].x1, 4 * found.size()), std::span(&expected[0].x1, 4 * expected.size()));
    }
    for (int kind = 0; kind < 4; ++kind) {
      CAPTURE(kind);
      proposer_options options({200, 50}, .7);
      options.without_cls = kind & 1, options.without_reg = kind & 2, options.seed = 3;
      proposer<on_cpu> expected(plain, options);
      proposer<on_cuda> found(d, options);
      testing::detection_report all;
      for (auto const& p : feed.pictures) {
        auto const number = static_cast<std::uint64_t>(&p - feed.pictures.data());
        auto const list = listed(expected(view_of(p), number));
        REQUIRE(list.size() > 20);
        all += testing::compare_detections(listed(found(view_of(p), number)), list, {.score_threshold = 0, .nms_iou = .7, .limit = 50});
      }
      CHECK_MESSAGE(all.ok(), all.describe());
      CHECK(all.excused.empty());
    }
  }
}
