#include "frcnn/backend/cpu/arena.hpp"

#include "../../sanitized.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>
#if defined(__linux__)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using frcnn::arena;

TEST_CASE("arena: blocks are aligned, apart, and come again after a release") {
  arena a;
  auto const mark = a.mark();
  void *const p = a.take(100), *const q = a.take(1);
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  CHECK(static_cast<std::byte*>(q) - static_cast<std::byte*>(p) == 128);
  CHECK(a.high_water() == 192);
  a.release(mark);
  CHECK(a.take(1) == p);
  CHECK(a.high_water() == 192);
}

TEST_CASE("arena: growing moves nothing") {
  arena a;
  auto* const first = static_cast<std::uint8_t*>(a.take(1000));
  std::memset(first, 7, 1000);
  auto* const big = static_cast<std::uint8_t*>(a.take(std::size_t{200} << 20));  // over many steps of growth
  big[0] = big[(std::size_t{200} << 20) - 1] = 1;
  CHECK(first[999] == 7);
  CHECK(a.take(0) != nullptr);
}

TEST_CASE("arena: what does not fit is an error, and what is there stays usable") {
  arena a(std::size_t{64} << 20);
  CHECK(a.reserved() == std::size_t{64} << 20);
  a.take(std::size_t{60} << 20);
  CHECK_THROWS_AS(a.take(std::size_t{8} << 20), frcnn::error);
  CHECK_THROWS_AS(a.take(~std::size_t{0}), frcnn::error);
  CHECK_THROWS_AS(a.take(~std::size_t{0} - 63), frcnn::error);
  CHECK(a.take(std::size_t{1} << 20) != nullptr);
}

#if defined(__linux__) && !defined(FRCNN_TEST_SANITIZED)
TEST_CASE("arena: where address space is limited it is reserved as it is used, in ranges that stay where they are") {
  pid_t const child = ::fork();
  if (child == 0) {
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    statm >> pages;
    rlimit const limit{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (std::size_t{1} << 30), RLIM_INFINITY};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(2);
    constexpr std::size_t mega = std::size_t{1} << 20;
    int wrong = 0;
    {
      arena a, b, c, d, e;  // five that use a hundredth share a gigabyte
      for (arena* each : {&a, &b, &c, &d, &e}) std::memset(each->take(10 * mega), 1, 10 * mega);
      if (a.reserved() > 64 * mega) wrong = 3;
      // Blocks over several ranges, and back.
      auto const start = a.mark();
      std::vector<std::uint8_t*> blocks;
      for (std::size_t i = 0; i < 6; ++i) {
        blocks.push_back(static_cast<std::uint8_t*>(a.take(30 * mega)));
        std::memset(blocks.back(), static_cast<int>(i), 30 * mega);
      }
      for (std::size_t i = 0; i < 6; ++i)
        if (blocks[i][0] != i || blocks[i][30 * mega - 1] != i) wrong = 4;
      auto const reserved = a.reserved();
      for (int round = 0; round < 3; ++round) {
        a.release(start);
        for (auto* const block : blocks)
          if (a.take(30 * mega) != block) wrong = 5;
      }
      if (a.reserved() != reserved) wrong = 6;
      try {
        a.take(2048 * mega);
        wrong = 7;
      } catch (frcnn::error const&) {
      }
      a.release(start);
      if (a.take(mega) == nullptr || a.take(30 * mega) == nullptr) wrong = 8;
    }
    ::_exit(wrong);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif
