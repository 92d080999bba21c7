// Which calls become graphs (graph_cache.hpp): the policy alone, on graphs that are numbers.
#include "frcnn/backend/cuda/graph_cache.hpp"

#include "../sentence.hpp"
#include "frcnn/core/error.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <vector>

using namespace frcnn;

namespace {

struct numbered_graphs {
  struct graph {
    std::size_t bytes;
    int number;
  };
  struct log_of {
    bool is_capturing = false;
    std::size_t bytes = 10, freed = 0;
    int made = 0, abandoned = 0;
    std::vector<int> launched, retired;
  };
  std::shared_ptr<log_of> log = std::make_shared<log_of>();

  bool is_capturing() const { return log->is_capturing; }
  void begin() { log->is_capturing = true; }
  graph end() {
    log->is_capturing = false;
    return {log->bytes, ++log->made};
  }
  void abandon() noexcept {
    log->is_capturing = false;
    ++log->abandoned;
  }
  void launch(graph& g) { log->launched.push_back(g.number); }
  std::size_t bytes(graph const& g) const { return g.bytes; }
  void retire(graph g) { log->retired.push_back(g.number); }
  void destroy_retired() { log->retired.clear(); }
  std::size_t freed() const { return log->freed; }
};

call_key key_of(std::uint64_t number) {
  call_key key;
  key.add(number);
  return key;
}

struct graph_calls {
  numbered_graphs api;
  detail::graph_cache<numbered_graphs> cache;
  int runs = 0, captures = 0;

  explicit graph_calls(std::size_t most_bytes) : cache(api, most_bytes) {}
  std::uint64_t operator()(std::uint64_t key) {
    return cache.run(key_of(key), [&] {
      ++(api.log->is_capturing ? captures : runs);
      return key + 100;
    });
  }
};

}  // namespace

TEST_CASE("graph_cache: the third sight of a key is captured, and what it said is said again") {
  graph_calls calls(100);
  for (int i = 0; i < 6; ++i) CHECK(calls(7) == 107);
  CHECK(calls.runs == 2);
  CHECK(calls.captures == 1);
  CHECK(calls.api.log->launched == std::vector<int>{1, 1, 1, 1});
  calls(8);  // a key of its own
  CHECK(calls.runs == 3);
  CHECK(calls.cache.replays() == 4);
  CHECK(calls.cache.failure().empty());
}

TEST_CASE("graph_cache: the least recently used go first, and are seen three times before they come back") {
  graph_calls calls(25);
  for (std::uint64_t const key : {1u, 1u, 1u, 2u, 2u, 2u, 1u, 3u, 3u, 3u}) calls(key);
  CHECK(calls.cache.graphs() == 2);
  CHECK(calls.cache.bytes() == 20);
  CHECK(calls.api.log->retired == std::vector<int>{2});
  calls(1);
  CHECK(calls.captures == 3);
  calls(2), calls(2);
  CHECK(calls.captures == 3);
  calls(2);
  CHECK(calls.captures == 4);
  CHECK(calls.api.log->retired == std::vector<int>{2, 3});
}

TEST_CASE("graph_cache: a graph larger than all may be is not kept, and not made again; none are made for 0 bytes") {
  graph_calls calls(9), none(0);
  for (int i = 0; i < 8; ++i) calls(1), none(1);
  CHECK(calls.runs == 8);
  CHECK(calls.captures == 1);
  CHECK(calls.api.log->retired == std::vector<int>{1});
  CHECK(none.captures == 0);
}

TEST_CASE("graph_cache: what cannot be captured is run; after three tries for good; an error of its own is thrown") {
  numbered_graphs const api;
  detail::graph_cache<numbered_graphs> cache(api, 100);
  int runs = 0;
  auto const allocates = [&] {
    if (api.is_capturing()) throw error("cudaMalloc", "no capture", "one");
    return static_cast<std::uint64_t>(++runs);
  };
  for (std::uint64_t i = 1; i <= 20; ++i) CHECK(cache.run(key_of(1), allocates) == i);
  CHECK(api.log->abandoned == 3);
  CHECK_FALSE(api.is_capturing());
  CHECK(api.log->launched.empty());
  auto const fails = [&]() -> std::uint64_t { throw error("step", "a batch without regions", "one with"); };
  for (int i = 0; i < 4; ++i)
    CHECK(sentence([&] { cache.run(key_of(2), fails); }) == "step: expected a batch without regions, found one with");
}

TEST_CASE("graph_cache: why a capture gave no graph is kept, of the last one that did") {
  graph_calls calls(9);  // a graph takes 10
  auto const captured = [&](std::uint64_t key, auto const& in_capture) {
    for (int i = 0; i < 3; ++i)
      calls.cache.run(key_of(key), [&] {
        if (calls.api.log->is_capturing) in_capture();
        return std::uint64_t{0};
      });
    return calls.cache.failure();
  };
  CHECK(captured(1, [] { throw error("cudaMalloc", "no capture", "one"); }) == "cudaMalloc: expected no capture, found one");
  CHECK(captured(2, [] { throw std::bad_alloc(); }) == std::bad_alloc().what());
  CHECK(captured(3, [] { throw 7; }) == "an exception that is no std::exception");
  CHECK(captured(4, [] {}) == "a graph of 10 bytes, where all may take 9");
  calls.api.log->bytes = 5;
  CHECK(captured(5, [&] { ++calls.api.log->freed; }) == "device memory was given back during the capture");
  CHECK(captured(6, [] {}) == "device memory was given back during the capture");  // that one is a graph
  CHECK(calls.cache.graphs() == 1);
  CHECK(calls.api.log->abandoned == 3);
}

TEST_CASE("graph_cache: memory that is given back takes all graphs with it, also while one is captured; calls in a capture belong to it") {
  graph_calls calls(100);
  for (int i = 0; i < 3; ++i) calls(1), calls(2);
  CHECK(calls.cache.graphs() == 2);
  ++calls.api.log->freed;
  calls(2);
  CHECK(calls.cache.graphs() == 1);  // captured anew at once
  CHECK(calls.captures == 3);
  for (int i = 0; i < 3; ++i)
    calls.cache.run(key_of(3), [&] {
      if (calls.api.is_capturing()) ++calls.api.log->freed;
      return std::uint64_t{0};
    });
  CHECK(calls.api.log->retired.size() == 3);
  CHECK(calls.api.log->launched.back() == 3);  // not that one
  calls.api.log->is_capturing = true;
  int const before = calls.captures;
  calls(9), calls(9), calls(9);
  CHECK(calls.captures == before + 3);
}

TEST_CASE("graph_cache: memory that others give back while a key is captured, however often, is no failure of that key") {
  graph_calls calls(100);
  bool is_freed = true;
  for (int i = 0; i < 20; ++i)
    calls.cache.run(key_of(1), [&] {
      if (is_freed && calls.api.log->is_capturing) ++calls.api.log->freed;
      return std::uint64_t{0};
    });
  CHECK(calls.api.log->made == 6);  // at the sights 3, 6, 9 ...
  CHECK(calls.api.log->launched.empty());
  CHECK(calls.cache.graphs() == 0);
  is_freed = false;
  for (int i = 0; i < 3; ++i) calls(1);
  CHECK(calls.cache.graphs() == 1);
}

TEST_CASE("graph_cache: failures count as long as they follow each other") {
  numbered_graphs const api;
  detail::graph_cache<numbered_graphs> cache(api, 100);
  bool allocates = true;
  auto const call = [&]() -> std::uint64_t {
    if (api.is_capturing() && allocates) throw error("cudaMalloc", "no capture", "one");
    return 0;
  };
  auto const sights = [&] {
    for (int i = 0; i < 3; ++i) cache.run(key_of(1), call);
  };
  for (int round = 0; round < 3; ++round) {
    allocates = true;
    sights(), sights();  // two failures
    allocates = false;
    sights();
    CHECK(cache.graphs() == 1);
    ++api.log->freed;  // it goes
  }
}

TEST_CASE("graph_cache: all graphs can go at once, those that were retired too, and are captured again") {
  graph_calls calls(25);
  for (std::uint64_t const key : {1u, 1u, 1u, 2u, 2u, 2u, 3u, 3u, 3u}) calls(key);
  CHECK(calls.cache.graphs() == 2);
  CHECK(calls.api.log->retired == std::vector<int>{1});
  calls.cache.clear();
  CHECK(calls.cache.graphs() == 0);
  CHECK(calls.cache.bytes() == 0);
  CHECK(calls.api.log->retired.empty());
  int const before = calls.captures;
  calls(3), calls(3);
  CHECK(calls.captures == before);
  calls(3);
  CHECK(calls.captures == before + 1);
}
