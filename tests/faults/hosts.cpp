// What a program that embeds the library does to it: wrong arguments, many callers, little address space, fork().
#include "../unit/detector/narrow_preset.hpp"
#include "../unit/engines.hpp"
#include "../unit/sanitized.hpp"
#include "../unit/sentence.hpp"

#include <doctest/doctest.h>

#include <barrier>
#include <climits>
#include <cmath>
#include <fstream>
#include <thread>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu, float, whole_chain>;

detector<preset> make(cpu_options options = {.threads = 2}) {
  detector<preset> d(preset::config(), options);
  liven(d.model());
  return d;
}
memory_feed::picture const& picture() {
  static memory_feed const feed({{128, 96}});
  return feed.pictures[0];
}
image_view whole_picture() { return {picture().pixels.data(), picture().w, picture().h, pixel_format::rgb, 0}; }

#if defined(_OPENMP)
constexpr bool has_openmp = true;
#else
constexpr bool has_openmp = false;
#endif

// The predictor of boxes of 150,000 classes on 4096 features.
struct wide_model {
  using scalar = float;
  using device = cpu;
  param<float, cpu> weight{.name = "bbox_pred.weight", .rank = 2, .dims = {{600004, 4096, 1, 1}}};
  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
  }
};

}  // namespace

TEST_CASE("hosts: options of detect that no call can mean") {
  auto const d = make();
  any_detector const any(make());
  auto const right = d.detect(whole_picture(), {.score = .1f});
  REQUIRE(right.size() > 3);
  auto const said = [&](detect_options const& o) {
    std::string const text = sentence([&] { d.detect(whole_picture(), o); });
    CHECK(sentence([&] { any.detect(whole_picture(), o); }) == text);
    CHECK(d.detect(whole_picture(), {.score = .1f}) == right);  // and the session that it was asked of is as before
    return text;
  };
  CHECK(said({.max_detections = -1}) == "detect_options.max_detections: expected 0 to 1000000, found -1");
  CHECK(said({.max_detections = 2000000000}) == "detect_options.max_detections: expected 0 to 1000000, found 2000000000");
  CHECK(said({.max_detections = INT_MIN}).find("found -2147483648") != std::string::npos);
  CHECK(said({.score = NAN}) == "detect_options.score: expected a number, found NaN");
  CHECK(said({.score = 50}) == "detect_options.score: expected at most 1, a probability, found 50.000000");
  CHECK(said({.nms = -NAN}) == "detect_options.nms: expected a number, found NaN");
  CHECK(said({.score = -HUGE_VALF, .nms = HUGE_VALF}) == "nothing");
  CHECK(d.detect(whole_picture(), {.score = .1f, .max_detections = 0}).empty());
  CHECK(d.detect(whole_picture(), {.score = .1f, .max_detections = most_detections}) == right);
}

TEST_CASE("hosts: views that are no image") {
  auto const d = make();
  any_detector const any(make());
  input_batch<float, cpu> batch;
  batch.start(1, 96, 128);
  auto const said = [&](auto change) {
    image_view v = whole_picture();
    change(v);
    std::string const text = sentence([&] { d.detect(v); });
    CHECK(sentence([&] { d.propose(v); }) == text);
    CHECK(sentence([&] { any.detect(v); }) == text);
    CHECK(sentence([&] { any.propose(v); }) == text);
    CHECK(sentence([&] { ops::resize(v, {4, 4, 1, 1, 1, 1}); }) == text);
    return text;
  };
  CHECK(said([](auto&) {}) == "nothing");
  CHECK(said([](auto& v) { v.row_stride = 128; }).find("at least the 384 bytes of a row, found 128") != std::string::npos);
  CHECK(said([](auto& v) { v.format = static_cast<pixel_format>(9); }).find("pixel format") != std::string::npos);
  CHECK(said([](auto& v) { v.data = nullptr; }).find("found none") != std::string::npos);
  CHECK(said([](auto& v) { v.height = 0; }).find("128 x 0") != std::string::npos);
  CHECK_THROWS_AS(ops::resize(whole_picture(), {-4, 4, 1, 1, 1, 1}), error);
  CHECK_THROWS_AS(ops::resize(whole_picture(), {4, 4, 1, 1, NAN, 1}), error);
}

TEST_CASE("hosts: a detector that was moved from says so") {
  auto d = make();
  typename detector<preset>::session s(d, 1);
  any_detector any(make());
  auto const moved = std::move(d);
  any_detector const any_moved = std::move(any);
  std::string const moved_from = "detector: expected a detector, found one that was moved from";
  CHECK(sentence([&] { d.detect(whole_picture()); }) == moved_from);
  CHECK(sentence([&] { d.detect(s, whole_picture()); }) == moved_from);
  CHECK(sentence([&] { d.propose(whole_picture()); }) == moved_from);
  CHECK(sentence([&] { d.trim(); }) == moved_from);
  CHECK(sentence([&] { d.model(); }) == moved_from);
  CHECK(sentence([&] { typename detector<preset>::session const t(d, 1); }) == moved_from);
  CHECK(sentence([&] { any.detect(whole_picture()); }) == moved_from);
  CHECK(sentence([&] { any.propose(whole_picture()); }) == moved_from);
  CHECK(sentence([&] { any.config(); }) == moved_from);
  CHECK(sentence([&] { any.class_name(1); }) == moved_from);
  CHECK(sentence([&] { any.trim(); }) == moved_from);
  CHECK(moved.detect(whole_picture()).size() == any_moved.detect(whole_picture()).size());
  CHECK(any_moved.class_name(3) == "ring");
  for (std::int32_t const label : {0, 4, -1}) {
    CHECK(sentence([&] { any_moved.class_name(label); }) == "class_name: expected a label from 1 to 3, found " + std::to_string(label));
    CHECK(sentence([&] { moved.class_name(label); }).find("from 1 to 3") != std::string::npos);
  }
}

TEST_CASE("hosts: more threads than there can be") {
  for (int const threads : {100000, cpu_options::most_threads + 1, INT_MAX, -1})
    CHECK(sentence([&] { cpu::context const c(threads); }) ==
          "cpu context: expected 1 to 1024 threads, or 0 for all, found " + std::to_string(threads));
  CHECK(sentence([&] { make({.threads = 100000}).detect(whole_picture()); }).find("1 to 1024 threads") != std::string::npos);
  CHECK(cpu::context(0).threads() >= 1);
}

TEST_CASE("hosts: truth that the model cannot learn, from arrays of the caller's own") {
  auto const model = preset::make(preset::config());
  liven(*model);
  model->parameters().enable_gradients();
  cpu::context c(1);
  typename preset::model::tape t;
  std::vector<float> loss(4);
  auto const said = [&](auto change) {
    scene<float> s({{64, 96}, {96, 64}});
    change(s);
    return sentence([&] { losses_of_step(*model, c, s, t); });
  };
  CHECK(said([](auto&) {}) == "nothing");
  CHECK(said([](auto& s) { s.label[4] = 200; }) ==
        "image 1 of a batch (id 11), box 2: expected a label from 1 to 3, or -1 for an ignore region, found 200");
  CHECK(said([](auto& s) { s.label[0] = -7; }).find("image 0 of a batch (id 10), box 1") == 0);
  CHECK(said([](auto& s) { s.count[1] = 4; }) == "image 1 of a batch (id 11): expected 0 to 3 boxes, found 4");
  CHECK(said([](auto& s) { s.count[0] = -1; }).find("found -1") != std::string::npos);
  CHECK(said([](auto& s) {
          std::swap(s.boxes[3].x1, s.boxes[3].x2);
        }).find("image 1 of a batch (id 11), box 1: expected a box of finite corners") == 0);
  CHECK(said([](auto& s) { s.label[4] = -1; }) == "nothing");
  // Regions too.
  scene<float> s({{64, 96}});
  std::vector<box<float>> regions(4, {1, 1, 30, 30});
  std::vector<scored_box<float>> hits(10);
  std::vector<std::int32_t> count{4}, found(1);
  auto const on_regions = [&] {
    return sentence([&] {
      auto images = s.images();
      images.regions = {{regions.data(), {{1, 4}}}, {count.data(), {{1}}}};
      model->detect(c, images, {.max_detections = 10}, {{hits.data(), {{1, 10}}}, {found.data(), {{1}}}});
    });
  };
  CHECK(on_regions() == "nothing");
  count[0] = 5;
  CHECK(on_regions() == "image 0 of a batch (id 10): expected 0 to 4 boxes, found 5");
  count[0] = 4, regions[2].y1 = NAN;
  CHECK(on_regions().find("image 0 of a batch (id 10), box 3: expected a region of finite corners") == 0);
}

TEST_CASE("hosts: a trainer names the image whose label its model does not have") {
  auto const model = preset::make(preset::config());
  model->parameters().initialise(1);
  cpu::context c(1);
  trainer t(*model, c, empty_input<typename preset::model>(), {.rate = {.steps = 2}});
  memory_feed feed({{96, 64}, {64, 96}});
  feed.pictures[1].labels[0] = 4;
  std::string const said = sentence([&] { t.run(feed); });
  CHECK(said == "image 1 of a batch (id 1), box 1: expected a label from 1 to 3, or -1 for an ignore region, found 4");
  feed.pictures[1].labels[0] = 3;
  CHECK(t.run(feed));
}

TEST_CASE("hosts: a feed that forgets an image") {
  auto const model = preset::make(preset::config());
  model->parameters().initialise(1);
  cpu::context c(1);
  trainer t(*model, c, empty_input<typename preset::model>(), {.rate = {.steps = 2}});
  auto const& p = picture();
  int given = 1;
  auto const feed = [&](std::uint64_t, input_batch<float, cpu>& input) {
    input.start(2, p.h, p.w, 3);
    for (int i = 0; i < given; ++i) {
      input.set_image(i, p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, 70);
      input.set_truth(i, p.boxes, p.labels);
    }
  };
  CHECK(sentence([&] { t.run(feed); }) == "image 1 of a batch (id 0): expected pixels (set_image), found none");
  given = 2;
  CHECK(t.run(feed));
  given = 0;  // pixels of the batch before do not count
  input_batch<float, cpu> batch;
  batch.start(1, p.h, p.w);
  batch.set_image(0, p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, 70);
  CHECK(batch.upload(c).pixels.dims[2] == p.h);
  feed(0, batch);
  CHECK(sentence([&] { batch.upload(c); }) == "image 0 of a batch (id 0): expected pixels (set_image), found none");
}

TEST_CASE("hosts: parameters of more elements than an extent counts") {
  wide_model model;
  parameter_store<float, cpu> store;
  CHECK(sentence([&] { store.bind(model); }) ==
        "parameter bbox_pred.weight: expected at most 2147483647 elements, found [600004,4096,1,1]");
  model.weight.dims = {{-5, 3, 1, 1}};
  CHECK_THROWS_AS(store.bind(model), error);
}

TEST_CASE("hosts: one profiler for all sessions") {
  profiler p;
  auto const d = make({.threads = 1, .profile = &p});
  auto const work = [&] {
    for (int i = 0; i < 40; ++i) d.detect(whole_picture());
  };
  std::thread other(work);
  work();
  other.join();
  REQUIRE_FALSE(p.entries().empty());
  for (auto const& r : p.entries()) {
    CAPTURE(r.name);
    CHECK((r.first.calls + r.later.calls) % 80 == 0);
  }
}

#if defined(__linux__)
namespace {

// What f returns in a child that fork() makes here; -1 for one that ends otherwise, -2 for one that takes longer than half a minute.
template <class F>
int in_a_child(F f) {
  pid_t const child = ::fork();
  if (child == 0) {
    int result = 99;
    try {
      result = f();
    } catch (...) {
      result = 98;
    }
    ::_exit(result);
  }
  for (int waited = 0; waited < 3000; ++waited) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ::usleep(10000);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return -2;
}

}  // namespace

TEST_CASE("hosts: a child of fork() detects") {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const d = make(options);
    auto const right = d.detect(whole_picture());  // with a team of two
    REQUIRE(right.size() > 3);
    typename detector<preset>::session old(d, options);
    d.detect(old, whole_picture());
    auto const detects = [&] { return d.detect(whole_picture()) == right && d.detect(old, whole_picture()) == right ? 0 : 1; };
    CHECK(in_a_child(detects) == 0);
    // A child of the child, and another thread of it. All have as many threads as the parent.
    CHECK(in_a_child([&] { return detects() ? 1 : in_a_child(detects); }) == 0);
    CHECK(in_a_child([&] {
            int result = 1;
            std::thread([&] { result = d.detect(whole_picture()) == right ? 0 : 1; }).join();
            return result ? result : cpu::context(2).threads() == (has_openmp ? 2 : 1) ? 0 : 3;
          }) == 0);
    CHECK(detects() == 0);
  }
}

#if defined(_OPENMP)
TEST_CASE("hosts: a child of fork() detects where the team of OpenMP that stays in the parent is the host's own") {
  auto options = tests::engines(2);
#if FRCNN_HAS_ONEDNN
  if (cpu_backend::onednn::has_bf16()) options.push_back({.threads = 2, .engine = cpu_engine::fast, .precision = compute::bf16});
#endif
  for (auto const& one : options) {
    CAPTURE(tests::name(one));
    auto const d = make(one);  // makes a context, and runs nothing
    int result = 99;
    std::thread([&] {
      int members = 0;
#pragma omp parallel num_threads(2) reduction(+ : members)
      ++members;
      if (members == 2) result = in_a_child([&] { return d.detect(whole_picture()).empty() ? 1 : 0; });
    }).join();
    CHECK(result == 0);
  }
}
#endif

#if !defined(FRCNN_TEST_SANITIZED)
namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("hosts: four sessions share little address space") {
  auto const d = make({.threads = 1});
  auto const right = d.detect(whole_picture());
  CHECK(in_a_child([&] {
          std::ifstream statm("/proc/self/statm");
          std::size_t pages = 0;
          statm >> pages;
          rlimit const limit{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (std::size_t{1} << 30), RLIM_INFINITY};
          if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
          std::vector<std::unique_ptr<typename detector<preset>::session>> sessions;
          for (int i = 0; i < 4; ++i) {
            sessions.push_back(std::make_unique<typename detector<preset>::session>(d, 1));
            if (d.detect(*sessions.back(), whole_picture()) != right) return 3;
          }
          for (auto& s : sessions)
            if (d.detect(*s, whole_picture()) != right) return 4;
          return 0;
        }) == 0);
}

TEST_CASE("hosts: memory of a burst of callers is given back") {
  // Images as large as a session of this narrow model needs to be worth counting.
  auto config = preset::config();
  config.short_side = 512, config.max_side = 768;
  detector<preset> d(config, 1);
  liven(d.model());
  image const im(768, 512);
  auto const burst = [&] {
    constexpr int callers = 16;
    std::barrier all_in(callers);
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i)
      threads.emplace_back([&] {
        all_in.arrive_and_wait();
        d.detect(im);
      });
    for (auto& t : threads) t.join();
  };
  // What is counted is what somebody holds.
  auto const counted = [] {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
    return resident_bytes();
  };
  constexpr std::size_t megabyte = std::size_t{1} << 20;
  // A first burst, for what BLAS keeps of every thread that has been in it, and what the model keeps.
  d.keep_sessions(16);
  burst();
  std::size_t const all = counted();
  d.trim();
  std::size_t const none = counted();
  d.keep_sessions(2);
  burst();
  std::size_t const two = counted();
  d.trim();
  std::size_t const none_again = resident_bytes();
  CAPTURE(all / megabyte);
  CAPTURE(none / megabyte);
  CAPTURE(two / megabyte);
  CAPTURE(none_again / megabyte);
  CHECK(all > none + 20 * megabyte);
  CHECK(two - none < (all - none) / 2);
  CHECK(none_again < none + 64 * megabyte);
  CHECK(none_again + 4 * megabyte < two);
  CHECK(d.detect(im).size() == d.detect(im).size());
}
#endif
#endif
