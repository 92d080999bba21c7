// The whole detector on the CUDA backend: what it detects and what it learns are the CPU's, it waits for results alone, and what a CUDA
// graph would hold neither waits nor allocates.
#include "composed.hpp"
#if !defined(__CUDACC__)
#include "../sentence.hpp"
#include "failing_blocks.hpp"
#endif

#include "frcnn/detector/model_file.hpp"
#include "frcnn/presets/unshared.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <numeric>

using namespace composed_tests;
using namespace detector_tests;

namespace {

// Every tensor within the tolerance of a whole step (docs/testing.md).
void check_near(std::vector<std::vector<float>> const& found, std::vector<std::vector<float>> const& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto const report = testing::compare(found[i], expected[i], 1e-4);
    CHECK_MESSAGE(report.ok, "parameter ", i, " ", report.describe());
  }
}

}  // namespace

TEST_CASE("cuda: detect and propose give what the CPU gives, and wait for their result alone" * doctest::skip(!is_there())) {
  memory_feed const feed({{96, 64}, {128, 80}, {64, 64}});
  detect_options const o{.score = .1f};
  detector<on_cpu> plain(on_cpu::config(), portable);
  liven(plain.model());
  for (auto const& options : ways) {
    detector<on_cuda> other(on_cuda::config(), options);
    liven(other.model());
    detector<on_cuda>::session s(other, options);
    for (auto const& p : feed.pictures) {
      auto const expected = plain.detect(view_of(p), o);
      REQUIRE(expected.size() > 3);
      auto const before = s.context().waits();
      auto const same = testing::compare_detections(other.detect(s, view_of(p), o), expected, {.score_threshold = .1});
      CHECK_MESSAGE(same.ok(), same.describe());
      CHECK(same.excused.empty());
#if defined(__CUDACC__)  // the device may be done before the host asks, and is under compute-sanitizer
      CHECK(s.context().waits() <= before + 1);
#else
      CHECK(s.context().waits() == before + 1);
#endif
    }
  }
}

#if !defined(__CUDACC__)
TEST_CASE("cuda: each block of device memory of a detection fails, and the next detection is right") {
  memory_feed const feed({{96, 64}, {64, 48}});
  auto const &large = feed.pictures[0], &small = feed.pictures[1];
  detect_options const o{.score = .1f};
  detector<on_cuda> d(on_cuda::config(), ways[0]);
  liven(d.model());
  detector<on_cuda>::session whole(d, ways[0]);
  auto const right = d.detect(whole, view_of(large), o), right_small = d.detect(whole, view_of(small), o);
  REQUIRE(right.size() > 3);
  for (bool const warm : {false, true}) {  // a session that has seen a smaller image grows
    long n = 0;
    for (bool failed = true; failed; n += failed) {
      detector<on_cuda>::session s(d, ways[0]);
      if (warm) d.detect(s, view_of(small), o);
      CAPTURE(n);
      cuda_tests::fail_block(n);
      try {
        auto const found = d.detect(s, view_of(large), o);
        failed = cuda_tests::has_failed_block();
        CHECK(found == right);  // nothing was left to fail, or what failed was not needed
      } catch (std::bad_alloc const&) {
        CHECK(cuda_tests::has_failed_block());
      }
      if (n % 4 == 0) CHECK(d.detect(s, view_of(small), o) == right_small);
      CHECK(d.detect(s, view_of(large), o) == right);
    }
    CHECK(n >= 10);
  }
}
#endif

TEST_CASE("cuda: training gives what the CPU's gives, and a step waits for nothing" * doctest::skip(!is_there())) {
  memory_feed const feed(memory_feed::eight_sizes());
  auto const& options = ways[std::size(ways) - 1];
  std::vector<std::uint64_t> waits;
  check_near(trained<on_cuda>(options, feed, 8, true, &waits), trained<on_cpu>(portable, feed, 8, true));
#if defined(__CUDACC__)  // as above
  CHECK(std::accumulate(waits.begin(), waits.end(), std::uint64_t{0}) <= 4);
#else
  // The trainer reads reports four steps late: each costs one wait, the first four steps none.
  CHECK(waits == std::vector<std::uint64_t>{0, 0, 0, 0, 1, 1, 1, 1});
#endif
  check_near(trained<on_cuda>(options, feed, 4, true, nullptr, true), trained<on_cpu>(portable, feed, 4, true, nullptr, true));
}

#if !defined(__CUDACC__)
TEST_CASE("cuda: a model's parameters lie on the device that is asked for, and a context of another one is refused") {
  detector<on_cuda> d(on_cuda::config(), {.device = 1});
  CHECK(d.model().parameters().home().options().device == 1);
  detector<presets::unshared<on_cuda>> apart(presets::unshared<on_cuda>::config({"disc"}), {.device = 2});
  CHECK(apart.model().parameters().home().options().device == 2);
  std::string const refused = "context: expected one of device 1, where the model's parameters lie, found one of device 0";
  CHECK(sentence([&] { detector<on_cuda>::session(d, device::options()); }) == refused);
  device::context c;
  CHECK(sentence([&] { trainer<on_cuda::model>(d.model(), c, input_of<on_cuda>(), {}); }) == refused);
  auto const file = std::filesystem::temp_directory_path() / ("frcnn-device-" + std::to_string(::getpid()) + ".safetensors");
  liven(d.model());
  save(d, file);
  CHECK(load<on_cuda>(file, {.device = 3}).model().parameters().home().options().device == 3);
  std::filesystem::remove(file);
}
#endif

TEST_CASE("cuda: what a graph captures neither waits nor allocates, in detection and in a step with its update" *
          doctest::skip(!is_there())) {
  auto const model = on_cuda::make(on_cuda::config({"disc", "bar", "ring"}));
  liven(*model);
  device::context c;
  auto input = input_of<on_cuda>();
  memory_feed const feed(memory_feed::eight_sizes());
  feed(0, input);
  auto const images = input.upload(c);
  auto const objects = input.upload_truth(c);
  buffer<scored_box<float>, device> hits(c, 20);
  buffer<std::int32_t, device> count(c, 2);
  buffer<std::uint64_t, device> state(c, 2);
  buffer<float, device> loss(c, 4);
  from_host(c, {1, 1}, view<std::uint64_t, 1, device>{state.data(), {{2}}});
  sgd<float, device> optimiser(model->parameters(), {});
  on_cuda::model::tape tape;
  auto const detect = [&] {
    model->detect(c, images, {.score = .1f, .max_detections = 10}, {{hits.data(), {{2, 10}}}, {count.data(), {{2}}}});
  };
  auto const step = [&] {
    auto const written = model->step(c, images, objects, rng<device>{{state.data(), {{2}}}}, tape, {loss.data(), {{4}}});
    optimiser.apply(c, view<float const, 1, device>{loss.data(), {{4}}}, written);
  };
  optimiser.set_rate(c, .001, 1);
  detect(), step();  // tapes and kept weights have their memory from here on
  auto const before = c.launches(), waited = c.waits();
  std::size_t of_detect = 0, of_step = 0;
  {
    detail::capture_scope const captured(c);
    detect();
    of_detect = c.launches() - before;
    step();
    of_step = c.launches() - before - of_detect;
  }
  CHECK(c.waits() == waited);
  CHECK(to_host(c, view<std::int32_t, 1, device>{count.data(), {{2}}})[0] > 0);
  CHECK(is_finite(to_host(c, view<float, 1, device>{loss.data(), {{4}}})[3]));
  MESSAGE("kernels of ours: ", of_detect, " in detect, ", of_step, " in a step with its update");
}

namespace {

auto with_graphs(std::size_t bytes) {
  auto o = ways[0];
  o.graph_bytes = bytes;
  return o;
}

// Parameters after six steps of two micro-batches, their losses, and how many replays there were. hook: that the host looks at gradients.
struct short_training {
  std::vector<std::vector<float>> values;
  std::vector<double> losses;
  std::size_t replays = 0;
  int hooked = 0;

  short_training(std::size_t graph_bytes, memory_feed const& feed, bool hook) {
    auto const model = on_cuda::make(on_cuda::config({"disc", "bar", "ring"}));
    liven(*model);
    device::context c(with_graphs(graph_bytes));
    trainer t(*model, c, input_of<on_cuda>(),
              {.seed = 1, .rate = {.lr = .001, .steps = 6}, .optimiser = {.clip_norm = 10}, .accumulate = 2});
    t.hooks.on_step = [&](step_report const& r) { losses.push_back(r.total()); };
    if (hook) t.before_update = [&](auto const&) { ++hooked; };
    t.run(feed);
    t.wait();
    values = all_values(*model);
    replays = replays_of(c);
  }
};

}  // namespace

// For all graphs of a test: a node of the device's counts 64 KiB.
static constexpr std::size_t room = std::size_t{1} << 28;

TEST_CASE("cuda: detections of a replayed graph are those of the calls that it replays" * doctest::skip(!is_there())) {
  memory_feed const feed({{96, 64}, {96, 64}, {64, 64}});
  detector<on_cuda> d(on_cuda::config(), ways[0]);
  liven(d.model());
  detector<on_cuda>::session plain(d, with_graphs(0)), graphs(d, with_graphs(room));
  for (int round = 0; round < 4; ++round)
    for (auto const& p : feed.pictures) {
      detect_options const o{.score = round % 2 ? .1f : .2f};  // the threshold is no part of the graph
      auto const expected = d.detect(plain, view_of(p), o);
      REQUIRE(expected.size() > 1);
      CHECK(d.detect(graphs, view_of(p), o) == expected);
    }
  CHECK(replays_of(plain.context()) == 0);
  CHECK(replays_of(graphs.context()) == 8);  // of 8 detections of the one shape, 6; of 4 of the other, 2
}

TEST_CASE("cuda: training by graphs is training without, each replay draws its own samples" * doctest::skip(!is_there())) {
  memory_feed const feed({{64, 64}});
  short_training const plain(0, feed, false), graphs(room, feed, false), hooked(room, feed, true);
  CHECK(plain.replays == 0);
  CHECK(graphs.replays == 8);   // two micro-batches of steps 3 to 6, the update in the second
  CHECK(hooked.replays == 12);  // and the update by itself
  CHECK(hooked.hooked == 6);
  CHECK(same_bits(graphs.values, plain.values));
  CHECK(same_bits(hooked.values, plain.values));
  CHECK(graphs.losses == plain.losses);
  for (std::size_t i = 1; i < graphs.losses.size(); ++i) CHECK(graphs.losses[i] != graphs.losses[i - 1]);
}
