// The host launcher runs every thread of every phase once, in any order, and shows kernels that depend on it.
#include "frcnn/backend/cuda/block.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

using namespace frcnn;

namespace {

constexpr thread_order every_order[] = {thread_order::ascending, thread_order::descending, thread_order::shuffled};

// out[b, i] = in[b, 255 - i]
struct reverse {
  static constexpr int threads = 256;
  struct shared_state {
    float x[256];
  };
  float const* in;
  float* out;
  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    std::size_t const first = block.index() * 256;
    typename Block::template per_thread<std::size_t> at;
    block.each([&](int t) {
      at[t] = first + static_cast<std::size_t>(t);
      block.shared().x[255 - t] = in[at[t]];
    });
    block.each([&](int t) { out[at[t]] = block.shared().x[t]; });
  }
};

// Wrong: a thread reads what its neighbour writes in the same phase.
struct racing {
  static constexpr int threads = 8;
  struct shared_state {
    int x[threads];
  };
  int* out;
  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    block.each([&](int t) { block.shared().x[t] = t; });
    block.each([&](int t) { block.shared().x[t] = block.shared().x[(t + 1) % threads]; });
    block.each([&](int t) { out[t] = block.shared().x[t]; });
  }
};

struct reads_first {
  static constexpr int threads = 2;
  struct shared_state {
    float x;
  };
  float* out;
  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    typename Block::template per_thread<float> mine;
    block.each([&](int t) { out[2 * block.index() + static_cast<std::size_t>(t)] = t == 0 ? block.shared().x : mine[t]; });
    block.each([&](int) { block.shared().x = 1; });
  }
};

struct counting {
  static constexpr int threads = 100;
  struct shared_state {
    int n;
  };
  int* out;
  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    block.each([&](int t) {
      if (t == 0) block.shared().n = 0;
    });
    block.each([&](int t) { block.add(block.shared().n, t); });
    int const n = block.read(block.shared().n);
    block.each([&](int t) {
      if (t == 0) out[block.index()] = n;
    });
  }
};

}  // namespace

TEST_CASE("block: phases see what earlier ones wrote, in any order of threads") {
  std::vector<float> in(3 * 256);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  for (auto const order : every_order) {
    std::vector<float> out(in.size(), -1);
    run_blocks_on_host(3, reverse{in.data(), out.data()}, order);
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t i = 0; i < 256; ++i) CHECK(out[b * 256 + i] == in[b * 256 + 255 - i]);
  }
  run_blocks_on_host(0, reverse{nullptr, nullptr});
}

TEST_CASE("block: each order is a permutation, and shuffled another one every time") {
  for (auto const how : every_order) {
    detail::host_order order(how, 50);
    std::vector<std::size_t> last;
    for (int round = 0; round < 3; ++round) {
      order.next();
      std::vector<std::size_t> now;
      std::vector<int> seen(50);
      for (std::size_t i = 0; i < 50; ++i) {
        now.push_back(order[i]);
        ++seen[order[i]];
      }
      CHECK(seen == std::vector<int>(50, 1));
      CHECK((now == last) == (round > 0 && how != thread_order::shuffled));
      last = now;
    }
    CHECK((order[0] == 0) == (how == thread_order::ascending));
  }
}

TEST_CASE("block: a race between threads of a phase shows") {
  std::array<int, 8> up{}, down{};
  run_blocks_on_host(1, racing{up.data()}, thread_order::ascending);
  run_blocks_on_host(1, racing{down.data()}, thread_order::descending);
  CHECK(up != down);
}

TEST_CASE("block: shared state and values of threads start as NaN, in every block") {
  std::array<float, 4> out{};
  run_blocks_on_host(2, reads_first{out.data()});
  for (float const v : out) CHECK(std::isnan(v));
}

TEST_CASE("block: counters that all threads add to") {
  std::array<int, 2> out{};
  run_blocks_on_host(2, counting{out.data()}, thread_order::shuffled);
  CHECK(out == std::array<int, 2>{4950, 4950});
  CHECK(lowest_bit(std::uint64_t{1} << 63 | 8) == 3);
}
