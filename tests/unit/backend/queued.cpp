// The queued backend runs late and hides its memory; detection and training on it never wait, and have the CPU's bits.
#include "frcnn/backend/queued.hpp"

#include "../detector/trained.hpp"
#include "../engines.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/presets/small.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <csignal>
#include <numeric>

using namespace detector_tests;

namespace {

// Whether f, in a child of this process, ends in a read or write of memory that is closed.
template <class F>
bool is_caught(F f) {
  ::pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    f();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

struct put {
  int* to;
  int value;
  FRCNN_HD void operator()(std::size_t i) const { to[i] = value; }
};

}  // namespace

TEST_CASE("queued: nothing runs before somebody waits, then everything in order") {
  queued::context c(1);
  buffer<int, queued> memory(c, 4);
  exec<queued>::for_each(c, 4, put{memory.data(), 1});
  int host[4] = {};
  c.copy_out(host, memory.data(), sizeof host);
  exec<queued>::for_each(c, 4, put{memory.data(), 2});
  CHECK(c.ran() == 0);
  CHECK(host[3] == 0);
  queued::event half;
  half.record(c);
  CHECK_FALSE(half.done());
  exec<queued>::for_each(c, 4, put{memory.data(), 3});
  CHECK(c.waits() == 0);
  half.wait();
  CHECK(c.waits() == 1);
  CHECK(half.done());
  half.wait();
  CHECK(c.waits() == 1);  // it was done
  CHECK(host[3] == 1);
  CHECK(c.ran() == c.operations() - 1);
  CHECK(to_host(c, view<int, 1, queued>{memory.data(), {{4}}}) == std::vector<int>(4, 3));
  CHECK(c.waits() == 2);
}

TEST_CASE("queued: faults of order and lifetime show") {
  queued::context c(1);
  buffer<int, queued> memory(c, 4);
  view<int, 1, queued> const all{memory.data(), {{4}}};
  SUBCASE("the host reads device memory, before and after it was written") {
    CHECK(is_caught([&] { static_cast<void>(*static_cast<int volatile*>(memory.data())); }));
    exec<queued>::for_each(c, 4, put{memory.data(), 1});
    CHECK(is_caught([&] { static_cast<void>(*static_cast<int volatile*>(memory.data())); }));
    c.wait();
    CHECK(is_caught([&] { static_cast<void>(*static_cast<int volatile*>(memory.data())); }));
    CHECK(is_caught([&] { *memory.data() = 1; }));
    CHECK_FALSE(is_caught([&] { static_cast<void>(to_host(c, all)); }));
  }
  SUBCASE("a copy from memory that has changed meanwhile; staging keeps what was sent") {
    std::vector<int> from(4, 1);
    c.copy_in(memory.data(), from.data(), sizeof(int) * 4);
    from.assign(4, 2);
    CHECK(to_host(c, all)[0] == 2);
    staging<int, queued> up;
    up.send(c, from, memory.data());
    from.assign(4, 3);
    CHECK(to_host(c, all)[0] == 2);
  }
  SUBCASE("memory that nobody has written, and scratch after its frame, is poison") {
    CHECK(to_host(c, all) == std::vector<int>(4, -1));
    view<int, 1, queued> gone;
    {
      queued::context::frame const scope(c);
      gone = scratch<int, queued>(c, shape<1>{{4}});
      exec<queued>::for_each(c, 4, put{gone.data, 5});
    }
    CHECK(to_host(c, gone) == std::vector<int>(4, -1));
  }
  SUBCASE("memory that is given up stays until what was queued before has run, and goes then") {
    int* const freed = memory.data();
    exec<queued>::for_each(c, 4, put{freed, 5});
    int host[4];
    c.copy_out(host, freed, sizeof host);
    memory = {};
    c.wait();
    CHECK(host[0] == 5);
    CHECK(is_caught([&] {
      c.copy_out(host, freed, sizeof host);
      c.wait();
    }));
  }
}

TEST_CASE("queued: staging has a block for every copy that waits, and uses them again") {
  queued::context c(1);
  buffer<int, queued> memory(c, 4);
  staging<int, queued> up;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) up.send(c, std::vector<int>(4, i), memory.data());
    CHECK(up.blocks() == 3);
    c.wait();
  }
  CHECK(c.waits() == 3);
  readback<int, queued> down;
  down.start(c, memory.data(), 4);
  exec<queued>::for_each(c, 4, put{memory.data(), 9});
  REQUIRE(down.get().size() == 4);
  CHECK(down.get()[3] == 2);
  CHECK(c.waits() == 4);
}

TEST_CASE("queued: what is staged outlives its owner, and memory outlives its context") {
  buffer<int, queued> memory;
  int host[4] = {};
  {
    queued::context c(1);
    memory.reserve(c, 4);
    {
      staging<int, queued> up;
      up.send(c, std::vector<int>(4, 6), memory.data());
    }
    c.copy_out(host, memory.data(), sizeof host);
  }
  CHECK(host[2] == 6);
}

using on_cpu = narrow_preset<cpu>;
using on_queue = narrow_preset<queued>;

TEST_CASE("queued: detect waits for its result alone, and has the CPU's bits") {
  memory_feed const feed({{96, 64}, {128, 80}, {64, 64}});
  detect_options const o{.score = .1f};
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    detector<on_cpu> plain(on_cpu::config(), options);
    detector<on_queue> late(on_queue::config(), options);
    liven(plain.model());
    liven(late.model());
    detector<on_queue>::session s(late);
    for (auto const& p : feed.pictures) {
      auto const expected = plain.detect(view_of(p), o);
      REQUIRE(expected.size() > 3);
      auto const before = s.context().waits();
      CHECK(late.detect(s, view_of(p), o) == expected);
      CHECK(s.context().waits() == before + 1);
      CHECK(late.propose(s, view_of(p)) == plain.propose(view_of(p)));
    }
    // Up to the result nothing has run.
    queued::context c(options);
    auto input = input_of<on_queue>();
    feed(0, input);
    buffer<scored_box<float>, queued> hits(c, 20);
    buffer<std::int32_t, queued> count(c, 2);
    auto const im = input.upload(c);
    late.model().detect(c, im, {.score = .1f, .max_detections = 10}, {{hits.data(), {{2, 10}}}, {count.data(), {{2}}}});
    CHECK(c.waits() == 0);
    CHECK(c.ran() == 0);
    CHECK(c.operations() > 20);
    CHECK(to_host(c, view<std::int32_t, 1, queued>{count.data(), {{2}}})[0] > 0);
  }
}

TEST_CASE("queued: a step waits for nothing, and a run has the CPU's bits") {
  memory_feed const feed(memory_feed::eight_sizes());
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    std::vector<std::uint64_t> waits;
    auto const late = trained<on_queue>(options, feed, 8, true, &waits);
    CHECK(same_bits(late, trained<on_cpu>(options, feed, 8, true)));
    // The trainer reads reports four steps late: each costs one wait, the first four steps none.
    CHECK(waits == std::vector<std::uint64_t>{0, 0, 0, 0, 1, 1, 1, 1});
    // Exact joint training, with regions that are warped.
    auto const exact = trained<on_queue>(options, feed, 4, true, &waits, true);
    CHECK(same_bits(exact, trained<on_cpu>(options, feed, 4, true, nullptr, true)));
    CHECK_FALSE(same_bits(exact, trained<on_cpu>(options, feed, 4, true)));
    CHECK(std::accumulate(waits.begin() + 8, waits.end(), std::uint64_t{0}) == 0);
  }
}

namespace {

// A generator as somebody wrote it who has only ever run it on a CPU: it looks how many regions there are.
template <bool Waits>
struct nosy : region_proposal_network<on_queue::features_type> {
  using base = region_proposal_network<on_queue::features_type>;
  using base::base;
  void infer(queued::context& c, batch<float, queued> im, maps<float, 1, queued> const& f, phase ph,
             counted<box<float>, 2, queued> rois) const {
    base::infer(c, im, f, ph, rois);
    if (Waits ? to_host(c, rois.count)[0] == 0 : rois.count(0) == 0) throw error("image", "regions", "none");
  }
};
template <bool Waits>
std::uint64_t waits_of_detect() {
  using model = faster_rcnn<on_queue::backbone_type, nosy<Waits>, on_queue::head_type>;
  auto const chain = narrow_chain::make();
  std::array<int, 1> const strides{chain.stride()};
  model m(on_queue::backbone_type(chain),
          nosy<Waits>(make_anchors<conventions::torchvision, 1>({{24, 48, 96}}, {.5, 1, 2}), strides,
                      narrow_rpn<conventions::torchvision>(), 12),
          on_queue::head_type(on_queue::pooler_type(strides, {}, 12), narrow_head<conventions::torchvision>()));
  liven(m);
  queued::context c(1);
  auto input = input_of<on_queue>();
  memory_feed({{64, 64}})(0, input);
  buffer<scored_box<float>, queued> hits(c, 20);
  buffer<std::int32_t, queued> count(c, 2);
  m.detect(c, input.upload(c), {.max_detections = 10}, {{hits.data(), {{2, 10}}}, {count.data(), {{2}}}});
  return c.waits();
}

}  // namespace

TEST_CASE("queued: a part that reads a count is caught, and one that waits for it counted") {
  CHECK(is_caught([] { waits_of_detect<false>(); }));
  CHECK(waits_of_detect<true>() == 1);
}

TEST_CASE("queued: the preset small detects and trains as on the CPU") {
  using plain_type = presets::small_net<cpu>;
  using late_type = presets::small_net<queued>;
  memory_feed const feed({{160, 96}, {128, 128}});
  cpu_options const options{.threads = 2};
  detector<plain_type> plain(plain_type::config({"disc", "bar", "ring"}), options);
  detector<late_type> late(late_type::config({"disc", "bar", "ring"}), options);
  liven(plain.model());
  liven(late.model());
  auto const expected = plain.detect(view_of(feed.pictures[0]));
  REQUIRE(expected.size() > 3);
  detector<late_type>::session s(late);
  CHECK(late.detect(s, view_of(feed.pictures[0])) == expected);
  CHECK(s.context().waits() == 1);
  std::vector<std::uint64_t> waits;
  CHECK(same_bits(trained<late_type>(options, feed, 2, false, &waits), trained<plain_type>(options, feed, 2, false)));
  CHECK(waits == std::vector<std::uint64_t>{0, 0});
}
