// NCCL's communicator on devices: each GPU is a thread's, and what processes would say to each other by MPI they say by thread_group. One GPU is
// enough for most of it. Without a device it is skipped; that it compiles and links with every warning an error is tested all the same.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "frcnn/backend/cuda/nccl.cuh"

#include "../unit/detector/thread_group.hpp"
#include "../unit/detector/trained.hpp"
#include "../unit/sentence.hpp"
#include "frcnn/backend/cuda.cuh"
#include "frcnn/ops/sum_on_host.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <functional>
#include <limits>
#include <set>

using namespace detector_tests;

namespace {

int devices() {
  int n = 0;
  return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}
std::set<int> groups() { return {1, std::min(devices(), 2), devices()}; }

// work(rank, context, communicator) on so many devices.
void on_devices(int n, std::size_t graph_bytes, std::function<void(int, cuda::context&, nccl_communicator&)> const& work) {
  thread_group group(n);
  group.run([&](int r) {
    cpu::context host(1);
    cuda::context c({.device = r, .deterministic = true, .graph_bytes = graph_bytes});
    nccl_communicator sums(c, group[r], host);
    work(r, c, sums);
  });
}

constexpr std::size_t some_graphs = std::size_t{1} << 28;

// Values of the narrow detector after six steps on so many devices, of each.
std::vector<std::vector<std::vector<float>>> trained_on(int n, std::size_t graph_bytes, bool shares = true) {
  memory_feed const feed({{64, 64}, {64, 64}, {64, 64}, {64, 64}});
  std::vector<std::vector<std::vector<float>>> values(static_cast<std::size_t>(n));
  thread_group group(n);
  group.run([&](int r) {
    sharing_process<narrow_preset<cuda>> p({.device = r, .deterministic = true, .graph_bytes = graph_bytes}, 1);
    cpu::context host(1);
    nccl_communicator sums(p.c, group[r], host);
    communicator_ref<nccl_communicator> others(sums);
    if (shares) p.t.share(others);
    p.run(feed, r);
    values[static_cast<std::size_t>(r)] = all_values(*p.model);
    CHECK(replays_of(p.c) == (graph_bytes ? 4 : 0));
  });
  return values;
}

// Says that there are two processes; the other one never comes.
struct one_of_two : null_communicator<cpu> {
  int size() const { return 2; }
};

}  // namespace

TEST_CASE("nccl: without a device all of this is skipped" * doctest::skip(devices() > 0)) { std::puts("skipped: there is no CUDA device"); }

TEST_CASE("nccl: sums in float and double, broadcasts, and numbers of the host" * doctest::skip(devices() == 0)) {
  for (int const n : groups()) {
    CAPTURE(n);
    on_devices(n, 0, [&](int r, cuda::context& c, nccl_communicator& sums) {
      std::vector<float> values(1000003), expected(values.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(i % 1000) * static_cast<float>(r + 1);
        expected[i] = static_cast<float>(i % 1000) * static_cast<float>(n * (n + 1) / 2);  // whole numbers: exact
      }
      buffer<float, cuda> there(c, values.size());
      view<float, 1, cuda> const all{there.data(), {{static_cast<std::int32_t>(values.size())}}};
      from_host(c, values, all);
      std::span<float> const range(there.data(), values.size());
      sums.sum(c, range.subspan(500000));
      sums.sum(c, range.first(500000));
      sums.settle(c);
      CHECK(to_host(c, all) == expected);
      from_host(c, values, all);
      sums.broadcast(c, range);
      auto const first = to_host(c, all);
      CHECK(first[999] == 999);
      communicator_ref<nccl_communicator> others(sums);
      std::vector<double> numbers{static_cast<double>(r), .5};
      sum_on_host<cuda>(c, others, numbers);
      CHECK(numbers == std::vector<double>{n * (n - 1) / 2., n * .5});
      sums.barrier();
      sums.check();
    });
  }
}

TEST_CASE("nccl: a graph holds sums, and each replay sums again" * doctest::skip(devices() == 0)) {
  for (int const n : groups())
    on_devices(n, some_graphs, [&](int, cuda::context& c, nccl_communicator& sums) {
      buffer<double, cuda> there(c, 2);
      view<double, 1, cuda> const all{there.data(), {{2}}};
      from_host(c, std::vector<double>{1, 3}, all);
      double expected = 1;
      for (int i = 0; i < 6; ++i, expected *= n)
        recorded(
            c, [&](call_key& key) { key.add(all); },
            [&] {
              sums.sum(c, std::span<double>(there.data() + 1, 1));
              sums.sum(c, std::span<double>(there.data(), 1));
              sums.settle(c);
              return std::uint64_t{0};
            });
      CHECK(to_host(c, all) == std::vector<double>{expected, 3 * expected});
      CHECK(replays_of(c) == 4);
    });
}

TEST_CASE("nccl: training that is shared, by graphs and without, has the same bits in all processes" * doctest::skip(devices() == 0)) {
  CHECK(same_bits(trained_on(1, some_graphs)[0], trained_on(1, 0, false)[0]));  // with nobody
  for (int const n : groups()) {
    auto const plain = trained_on(n, 0), graphs = trained_on(n, some_graphs);
    for (auto const& values : plain) CHECK(same_bits(values, plain[0]));
    for (auto const& values : graphs) CHECK(same_bits(values, plain[0]));
  }
}

TEST_CASE("nccl: a process that does not come is an error within the patience" * doctest::skip(devices() == 0)) {
  one_of_two host;
  cpu::context host_context(1);
  cuda::context c;
  auto const begin = std::chrono::steady_clock::now();
  auto const said = sentence([&] { nccl_communicator const sums(c, host, host_context, {.patience = std::chrono::milliseconds(2000)}); });
  CHECK(said.find("process 0 of 2, ncclCommInitRankConfig") == 0);
  CHECK(said.find("expected all processes within 2000 ms, found some that did not come") != said.npos);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}
