#include "frcnn/data/prefetch.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>

using frcnn::abandoned;
using frcnn::is_abandoned;
using frcnn::stop_if_abandoned;
using frcnn::data::prefetcher;

namespace {

struct item {
  std::string text;
};
using requests = std::vector<std::uint64_t>;
using machine = prefetcher<item, std::uint64_t>;

// Batch b asks for b*10 ... b*10 + 2.
void three_each(std::uint64_t batch, requests& r) {
  for (std::uint64_t i = 0; i < 3; ++i) r.push_back(batch * 10 + i);
}
void spell(std::uint64_t const& r, item& out) { out.text = std::to_string(r); }

std::string joined(std::span<item const> items) {
  std::string all;
  for (item const& i : items) all += i.text + " ";
  return all;
}

}  // namespace

TEST_CASE("batches come in order, whatever the number of workers and the depth") {
  for (int workers : {0, 1, 3})
    for (int depth : {0, 2, 5}) {
      machine m(three_each, spell, workers, depth);
      for (std::uint64_t b = 0; b < 40; ++b) {
        CHECK(m.position() == b);
        auto const text = std::to_string(b * 10) + " " + std::to_string(b * 10 + 1) + " " + std::to_string(b * 10 + 2) + " ";
        CHECK(joined(m.next()) == text);
      }
    }
}

TEST_CASE("seek goes anywhere, with makers in flight") {
  machine m(three_each, spell, 3, 4);
  for (std::uint64_t b : {7u, 0u, 1000000u, 3u, 3u, 4u, 2u}) {
    m.seek(b);
    CHECK(m.position() == b);
    CHECK(joined(m.next()) == std::to_string(b * 10) + " " + std::to_string(b * 10 + 1) + " " + std::to_string(b * 10 + 2) + " ");
  }
}

TEST_CASE("the end is an empty batch, and the plan is not asked again") {
  for (int workers : {0, 2}) {
    std::atomic<int> asked{0};
    machine m(
        [&](std::uint64_t b, requests& r) {
          if (++asked, b < 5) r.push_back(b);
        },
        spell, workers);
    for (int b = 0; b < 5; ++b) CHECK(m.next().size() == 1);
    for (int i = 0; i < 3; ++i) CHECK(m.next().empty());
    CHECK(asked == 6);
    m.seek(4);
    CHECK(joined(m.next()) == "4 ");
    CHECK(m.next().empty());
  }
}

TEST_CASE("an error comes out where its batch is asked for, until seek") {
  for (int workers : {0, 1, 3}) {
    std::atomic<bool> bad{true};
    machine m(
        three_each,
        [&](std::uint64_t const& r, item& out) {
          if (r == 21 && bad) throw std::runtime_error("item 21");
          spell(r, out);
        },
        workers);
    CHECK(m.next().size() == 3);
    CHECK(m.next().size() == 3);
    CHECK_THROWS_WITH(m.next(), "item 21");
    CHECK_THROWS_WITH(m.next(), "item 21");
    CHECK(m.position() == 2);
    bad = false;
    m.seek(2);
    CHECK(joined(m.next()) == "20 21 22 ");
  }
}

TEST_CASE("a worker that does not come along holds nobody up") {
  std::atomic<bool> release{false};
  {
    auto const caller = std::this_thread::get_id();
    machine m(
        three_each,
        [&](std::uint64_t const& r, item& out) {
          if (std::this_thread::get_id() != caller) {
            while (!release) std::this_thread::yield();
          }
          spell(r, out);
        },
        2);
    for (std::uint64_t b = 0; b < 3; ++b) CHECK(joined(m.next()).find(std::to_string(b * 10 + 1)) != std::string::npos);
    release = true;
  }
}

TEST_CASE("work is done ahead, and items are reused") {
  std::atomic<int> made{0};
  std::atomic<int> grown{0};
  machine m(
      three_each,
      [&](std::uint64_t const& r, item& out) {
        if (out.text.capacity() < 1000) out.text.reserve(1000), ++grown;
        spell(r, out);
        ++made;
      },
      1, 4);
  while (made < 4 * 3) std::this_thread::yield();  // nobody has asked yet
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(made == 4 * 3);
  for (int b = 0; b < 100; ++b) CHECK(m.next().size() == 3);
  CHECK(grown <= 4 * 3 + 2);
}

#if defined(__linux__)
TEST_CASE("workers have the lowest priority, the caller keeps its own") {
  std::atomic<int> policy{-1};
  auto const caller = std::this_thread::get_id();
  machine m(three_each, [&](std::uint64_t const& r, item& out) {
    if (std::this_thread::get_id() != caller) policy = ::sched_getscheduler(0);
    spell(r, out);
  });
  while (policy < 0) std::this_thread::yield();
  CHECK((policy == SCHED_IDLE || ::getpriority(PRIO_PROCESS, 0) < 19));
  CHECK(::sched_getscheduler(0) != SCHED_IDLE);
}
#endif

TEST_CASE("what is being made at the end is given up, and nothing before it") {
  using clock = std::chrono::steady_clock;
  std::atomic<bool> made_whole{false}, given_up{false}, begun{false};
  auto const caller = std::this_thread::get_id();
  {
    machine m(
        three_each,
        [&](std::uint64_t const& r, item& out) {
          if (std::this_thread::get_id() == caller) return spell(r, out);
          begun = true;
          try {
            for (auto const end = clock::now() + std::chrono::seconds(20); clock::now() < end; std::this_thread::yield())
              stop_if_abandoned();
          } catch (abandoned const&) {
            given_up = true;
            throw;
          }
          made_whole = true;
        },
        2);
    while (!begun) std::this_thread::yield();
    CHECK(joined(m.next()) == "0 1 2 ");  // the caller makes what does not come
    CHECK_FALSE(given_up);
    CHECK_FALSE(is_abandoned());
  }
  CHECK(given_up);
  CHECK_FALSE(made_whole);
}
