// Sums over processes beside the context (backend/cuda/stream_sums.hpp): which ranges, in which order, between which events; what a failure
// does; and a training of two processes on the host launcher, whose graphs hold the sums. NCCL's model has the same class on another Api.
#include "frcnn/backend/cuda/stream_sums.hpp"

#include "../detector/thread_group.hpp"
#include "../detector/trained.hpp"
#include "../sentence.hpp"
#include "frcnn/backend/cuda/host/executor.hpp"
#include "frcnn/backend/cuda/host/ops.hpp"
#include "frcnn/ops/sum_on_host.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <barrier>
#include <future>

using namespace detector_tests;

namespace {

using device = cuda_on_host;

// What was asked for, in order.
struct log_of_sums {
  std::mutex guard;
  std::vector<std::string> said;
  std::optional<error> failed;  // what failure() finds
  bool refuses = false;
  std::promise<void> aborted;
  void add(std::string what) {
    std::lock_guard const lock(guard);
    said.push_back(std::move(what));
  }
};

struct logged_sums {
  using device = cuda_on_host;
  device::context* c;
  log_of_sums* log;
  float* begin;

  logged_sums(device::context& context, log_of_sums& to, float* origin) : c(&context), log(&to), begin(origin) {}
  device::context& context() const { return *c; }
  int rank() const { return 0; }
  int size() const { return 2; }
  void fork() { log->add("fork"); }
  void join() { log->add("join"); }
  void sum(float* p, std::size_t n) {
    if (log->refuses) throw error("process 0 of 2, sums", "success", "no memory");
    log->add("sum " + std::to_string(p - begin) + " +" + std::to_string(n));
  }
  void sum(double*, std::size_t n) { log->add("sum of doubles +" + std::to_string(n)); }
  void broadcast(std::byte* p, std::size_t n) {
    log->add("broadcast " + std::to_string(p - reinterpret_cast<std::byte*>(begin)) + " +" + std::to_string(n));
  }
  void barrier() { log->add("barrier"); }
  std::optional<error> failure() const {
    std::lock_guard const lock(log->guard);
    return log->failed;
  }
  void abort() noexcept {
    log->add("abort");
    log->aborted.set_value();
  }
};
using logged = detail::stream_sums<logged_sums>;
static_assert(Communicator<logged> && Communicator<null_communicator<device>>);

// Two processes that meet: each element is the first's plus the second's. As work of the context, which a recording holds.
struct meeting {
  bool first_refuses = false;  // to sum while a graph is captured
  std::barrier<> here{2};
  void* at[2]{};
  std::atomic<int> sums = 0;  // that were run
};
struct met_sums {
  using device = cuda_on_host;
  device::context* c;
  meeting* m;
  int mine;

  met_sums(device::context& context, meeting& with, int rank) : c(&context), m(&with), mine(rank) {}
  device::context& context() const { return *c; }
  int rank() const { return mine; }
  int size() const { return 2; }
  void fork() {}
  void join() {}
  template <class T>
  void sum(T* p, std::size_t n) {
    if (m->first_refuses && mine == 0 && c->calls().is_capturing()) throw error("process 0 of 2, sum", "no capture", "one");
    c->queue([to = m, r = mine, p, n] {
      to->at[r] = p;
      to->here.arrive_and_wait();
      if (r == 0) {
        ++to->sums;
        auto *const a = static_cast<T*>(to->at[0]), *const b = static_cast<T*>(to->at[1]);
        for (std::size_t i = 0; i < n; ++i) a[i] = b[i] = a[i] + b[i];
      }
      to->here.arrive_and_wait();
    });
  }
  void broadcast(std::byte*, std::size_t) {}
  void barrier() { m->here.arrive_and_wait(); }
  std::optional<error> failure() const { return {}; }
  void abort() noexcept {}
};

struct two_processes {
  std::vector<std::vector<float>> values[2];
  std::vector<double> losses[2];
  std::size_t replays[2]{};
  std::string failure[2];
  int sums = 0, hooked = 0;

  two_processes(memory_feed const& feed, std::size_t graph_bytes, int accumulate, bool hook = false, bool first_refuses = false) {
    meeting m;
    m.first_refuses = first_refuses;
    auto const work = [&](int r) {
      sharing_process<narrow_preset<device>> p({.graph_bytes = graph_bytes}, accumulate);
      detail::stream_sums<met_sums> sums_of({}, p.c, m, r);
      communicator_ref<detail::stream_sums<met_sums>> others(sums_of);
      p.t.share(others);
      if (hook && r == 0) p.t.before_update = [&](auto const&) { ++hooked; };
      p.run(feed, r);
      values[r] = all_values(*p.model);
      losses[r] = p.losses;
      replays[r] = replays_of(p.c);
      failure[r] = graph_failure_of(p.c);
    };
    std::jthread const other(work, 1);
    work(0);
    sums = m.sums;
  }
};

}  // namespace

TEST_CASE("sums beside the context: ranges in the order of the calls, a fork before each, one join for all") {
  device::context c, another;
  float values[100] = {};
  double numbers[2] = {};
  log_of_sums log;
  {
    logged sums({}, c, log, values);
    std::span<float> const all(values);
    sums.settle(c);
    sums.sum(c, all.subspan(40, 60));
    sums.sum(c, all.subspan(0, 0));  // nothing
    sums.sum(c, all.subspan(0, 40));
    sums.settle(c);
    sums.settle(c);
    sums.sum(c, std::span<double>(numbers));
    sums.broadcast(c, all.subspan(1, 2));
    sums.settle(c);
    sums.barrier();
    sums.check();
    CHECK(sums.is_recordable());
    CHECK(sentence([&] { sums.sum(another, all); }) == "communicator: expected the context that it was made for, found another one");
    CHECK_NOTHROW(sums.check());
  }
  CHECK(log.said == std::vector<std::string>{"fork", "sum 40 +60", "fork", "sum 0 +40", "join", "fork", "sum of doubles +2", "fork",
                                             "broadcast 4 +8", "join", "barrier"});
}

TEST_CASE("sums beside the context: a failure is told once, then aborts, and every later call throws it") {
  device::context c;
  float values[4] = {};
  std::string const sentence_of_it = "process 0 of 2, sums: expected success, found a peer that is gone";
  for (bool const is_asked : {false, true}) {  // by check(), or by the thread alone
    CAPTURE(is_asked);
    log_of_sums log;
    std::atomic<int> told = 0;
    logged sums([&](error const& e) { told += e.what() == sentence_of_it && log.said.back() != "abort"; }, c, log, values);
    sums.sum(c, std::span<float>(values));
    sums.check();
    {
      std::lock_guard const lock(log.guard);
      log.failed.emplace("process 0 of 2, sums", "success", "a peer that is gone");
    }
    if (is_asked) CHECK(sentence([&] { sums.check(); }) == sentence_of_it);
    REQUIRE(log.aborted.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    CHECK(sentence([&] { sums.settle(c); }) == sentence_of_it);
    CHECK(sentence([&] { sums.sum(c, std::span<float>(values)); }) == sentence_of_it);
    CHECK(sentence([&] { sums.broadcast(c, std::span<float>(values)); }) == sentence_of_it);
    CHECK(sentence([&] { sums.barrier(); }) == sentence_of_it);
    CHECK(sentence([&] { sums.check(); }) == sentence_of_it);
    CHECK(told == 1);
    CHECK(log.said == std::vector<std::string>{"fork", "sum 0 +4", "abort"});
  }
  log_of_sums log;
  int told = 0;
  logged sums([&](error const&) { ++told; }, c, log, values);
  log.refuses = true;
  CHECK(sentence([&] { sums.sum(c, std::span<float>(values)); }) == "process 0 of 2, sums: expected success, found no memory");
  CHECK_THROWS_AS(sums.check(), error);
  CHECK(told == 1);
  CHECK(log.said == std::vector<std::string>{"fork", "abort"});
}

TEST_CASE("sums beside the context: an error while a graph is captured is thrown, and is no failure of the sums") {
  device::context c;
  float values[4] = {};
  log_of_sums log;
  int told = 0;
  {
    logged sums([&](error const&) { ++told; }, c, log, values);
    std::span<float> const all(values);
    std::string const refusal = "process 0 of 2, sums: expected success, found no memory";
    {
      detail::capture_scope const captured(c);
      sums.sum(c, all.first(1));
      log.refuses = true;
      CHECK(sentence([&] { sums.sum(c, all.subspan(1)); }) == refusal);
    }
    log.refuses = false;
    CHECK_NOTHROW(sums.check());
    sums.settle(c);  // nothing is open: the capture is gone
    sums.sum(c, all);
    sums.settle(c);
    CHECK(told == 0);
    CHECK(log.said == std::vector<std::string>{"fork", "sum 0 +1", "fork", "fork", "sum 0 +4", "join"});
    log.refuses = true;  // the same error behind the capture
    CHECK(sentence([&] { sums.sum(c, all); }) == refusal);
    CHECK(sentence([&] { sums.check(); }) == refusal);
  }
  CHECK(told == 1);
  CHECK(log.said.back() == "abort");
}

TEST_CASE("sums beside the context: a step whose sums have failed reports nothing, and is not saved") {
  memory_feed const feed({{64, 64}});
  sharing_process<narrow_preset<device>> p({}, 1);
  log_of_sums log;
  logged sums({}, p.c, log, nullptr);
  communicator_ref<logged> others(sums);
  p.t.share(others);
  int saved = 0;
  p.t.hooks.after_step = [&](std::int64_t done) {
    if (done == 2) log.failed.emplace("process 0 of 2, sums", "success", "a peer that is gone");
    p.t.flush();
    ++saved;
  };
  CHECK(sentence([&] { p.run(feed, 0); }) == "process 0 of 2, sums: expected success, found a peer that is gone");
  CHECK(saved == 1);
  CHECK(p.losses.size() == 1);
}

TEST_CASE("sums beside the context: a graph holds a step's sums and its update, and trains as the calls do") {
  memory_feed const feed({{64, 64}, {64, 64}, {64, 64}, {64, 64}});
  for (int const accumulate : {1, 2}) {
    two_processes const plain(feed, 0, accumulate), graphs(feed, std::size_t{1} << 24, accumulate);
    CHECK(plain.replays[0] == 0);
    for (int r = 0; r < 2; ++r) {
      CHECK(graphs.replays[r] == static_cast<std::size_t>(4 * accumulate));  // of six steps, the third to the last
      CHECK(same_bits(graphs.values[r], plain.values[0]));
      CHECK(graphs.losses[r] == plain.losses[0]);
    }
    CHECK(graphs.sums == plain.sums);
  }
  two_processes const plain(feed, 0, 1), hooked(feed, std::size_t{1} << 24, 1, true);
  CHECK(hooked.hooked == 6);
  CHECK(hooked.replays[0] == 8);  // the update by itself
  CHECK(hooked.replays[1] == 4);
  CHECK(same_bits(hooked.values[0], plain.values[0]));

  // A process whose sums cannot be captured trains without a graph, beside one that has it.
  two_processes const refused(feed, std::size_t{1} << 24, 1, false, true);
  CHECK(refused.replays[0] == 0);
  CHECK(refused.replays[1] == 4);
  CHECK(refused.failure[0] == "process 0 of 2, sum: expected no capture, found one");
  CHECK(refused.failure[1].empty());
  CHECK(refused.sums == plain.sums);
  for (int r = 0; r < 2; ++r) {
    CHECK(same_bits(refused.values[r], plain.values[0]));
    CHECK(refused.losses[r] == plain.losses[0]);
  }

  // On the CPU the same two processes, whose sums are the host's.
  thread_group group(2);
  std::vector<std::vector<float>> on_cpu[2];
  group.run([&](int r) {
    sharing_process<narrow_preset<cpu>> p({.threads = 1, .engine = cpu_engine::portable}, 1);
    p.t.share(group[r]);
    p.run(feed, r);
    on_cpu[r] = all_values(*p.model);
  });
  REQUIRE(plain.values[0].size() == on_cpu[0].size());
  for (std::size_t i = 0; i < on_cpu[0].size(); ++i) {
    auto const report = testing::compare(plain.values[0][i], on_cpu[0][i], 1e-4);
    CHECK_MESSAGE(report.ok, "parameter ", i, " ", report.describe());
  }
}

TEST_CASE("one process alone shares its steps with nobody, by graphs too") {
  memory_feed const feed({{64, 64}});
  auto const of = [&](bool shares) {
    sharing_process<narrow_preset<device>> p({}, 1);
    null_communicator<device> alone;
    communicator_ref<null_communicator<device>> others(alone);
    if (shares) p.t.share(others);
    p.run(feed, 0);
    CHECK(replays_of(p.c) == 4);
    return all_values(*p.model);
  };
  CHECK(same_bits(of(true), of(false)));
}

TEST_CASE("numbers of the host are summed in memory of the device") {
  meeting m;
  std::vector<double> values[2] = {{1, 2, 3}, {10, 20, 30}};
  auto const work = [&](int r) {
    device::context c;
    detail::stream_sums<met_sums> sums({}, c, m, r);
    communicator_ref<detail::stream_sums<met_sums>> others(sums);
    sum_on_host<device>(c, others, values[r]);
    sum_on_host<device>(c, others, {});
  };
  {
    std::jthread const other(work, 1);
    work(0);
  }
  CHECK(values[0] == std::vector<double>{11, 22, 33});
  CHECK(values[1] == values[0]);
  CHECK(m.sums == 1);
}
