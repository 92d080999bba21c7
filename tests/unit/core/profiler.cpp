#include "frcnn/core/profiler.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace {

using namespace frcnn;

struct watched {
  profiler* to;
  profiler* profile() const { return to; }
};
struct unwatched {};  // a context that knows no profiler

void layer(watched& c, char const* name, double operations) { profiled const scope(c, name, operations); }

TEST_CASE("profiler: scopes nest, repeat and add up") {
  profiler p;
  watched c{&p};
  for (int run = 0; run < 3; ++run) {
    {
      profiled const timed(c, "backbone");
      layer(c, "conv1", 100);
      layer(c, "conv2", 50);
      layer(c, "conv2", 50);
    }
    profiled const timed(c, "head");
    layer(c, "conv1", 7);  // another: it runs inside another scope
  }
  auto const rows = p.entries();
  REQUIRE(rows.size() == 5);
  char const* const names[] = {"backbone", "conv1", "conv2", "head", "conv1"};
  int const depths[] = {0, 1, 1, 0, 1};
  long const calls[] = {1, 1, 2, 1, 1};               // in the first run
  double const operations[] = {200, 100, 100, 7, 7};  // a stage has its layers'
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK(rows[i].name == names[i]);
    CHECK(rows[i].depth == depths[i]);
    CHECK(rows[i].first.calls == calls[i]);
    CHECK(rows[i].first.operations == operations[i]);
    CHECK(rows[i].later.calls == 2 * calls[i]);
    CHECK(rows[i].later.operations == 2 * operations[i]);
  }
  CHECK(rows[0].first.seconds >= rows[1].first.seconds + rows[2].first.seconds);  // a stage's time holds its layers'
  CHECK(rows[0].later.seconds >= rows[1].later.seconds + rows[2].later.seconds);
  p.clear();
  CHECK(p.entries().empty());
}

TEST_CASE("profiler: a table has a line for every scope, indented by its depth") {
  profiler p;
  watched c{&p};
  {
    profiled const timed(c, "rpn");
    layer(c, "conv", 1e9);
  }
  auto const table = p.table();
  CHECK(table.find("\nrpn ") != std::string::npos);
  CHECK(table.find("\n  conv ") != std::string::npos);
  CHECK(std::count(table.begin(), table.end(), '\n') == 3);
  CHECK(table.find("100.0 %") != std::string::npos);
}

TEST_CASE("profiler: a slow first run stands apart from the others") {
  profiler p;
  watched c{&p};
  for (int run = 0; run < 3; ++run) {
    profiled const timed(c, "backbone");
    if (run == 0) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    layer(c, "conv", 1);
  }
  auto const rows = p.entries();
  CHECK(rows[0].first.seconds >= 0.03);
  std::string const table = p.table(), row = table.substr(table.find("\nbackbone ") + 1);
  double ms = 0, first = 0;
  REQUIRE(std::sscanf(row.c_str(), "backbone %lf %*f %% %*f %*f %lf", &ms, &first) == 2);
  CHECK(ms < first);
  CHECK(first >= 30);
}

TEST_CASE("profiler: serves several threads, each with its own scopes") {
  profiler p;
  constexpr int runs = 500;
  auto const work = [&] {
    watched c{&p};
    for (int run = 0; run < runs; ++run) {
      profiled const timed(c, "backbone");
      layer(c, "conv", 2);
    }
  };
  std::thread other(work), another(work);
  work();
  other.join(), another.join();
  auto const rows = p.entries();
  REQUIRE(rows.size() == 2);
  for (auto const& r : rows) {
    CHECK(r.first.calls == 1);
    CHECK(r.later.calls == 3 * runs - 1);
    CHECK(r.first.operations + r.later.operations == 2.0 * 3 * runs);
  }
}

TEST_CASE("profiler: contexts without one pay nothing and need nothing") {
  watched off{nullptr};
  profiled const scope(off, "anything", 1);
  unwatched other;
  profiled const another(other, "anything", 1);
}

}  // namespace
