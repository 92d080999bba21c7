// A system that starts no more threads (a container's limit on processes): the work is done by those that there are.
#include "frcnn/core/threads.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/prefetch.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "thread_start.hpp"

#include <doctest/doctest.h>

#include <dlfcn.h>
#include <pthread.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

namespace {
std::atomic<int> threads_left{-1};  // that may still be started; negative: as many as the system starts

struct thread_work {
  void* (*start)(void*);
  void* argument;
};

void* run_work(void* given) {
  thread_work const work = *static_cast<thread_work*>(given);
  std::free(given);
  if (at_thread_start) at_thread_start();
  return work.start(work.argument);
}
}  // namespace

// The system's, until none is left.
extern "C" int pthread_create(pthread_t* thread, pthread_attr_t const* attributes, void* (*start)(void*), void* argument) {
  static auto const system =
      reinterpret_cast<int (*)(pthread_t*, pthread_attr_t const*, void* (*)(void*), void*)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left == 0) return EAGAIN;
  if (threads_left > 0) --threads_left;
  auto* const work = static_cast<thread_work*>(std::malloc(sizeof(thread_work)));
  if (!work) return EAGAIN;
  *work = {start, argument};
  int const result = system(thread, attributes, run_work, work);
  if (result != 0) std::free(work);
  return result;
}

namespace {

struct limit {
  explicit limit(int n) { threads_left = n; }
  ~limit() { threads_left = -1; }
};

struct one_parameter {
  frcnn::param<float, frcnn::cpu> weight{.name = "weight", .dims = {{4096, 1024, 1, 1}}};
  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
  }
};

}  // namespace

using namespace frcnn;

TEST_CASE("threads that cannot be started are done without") {
  for (int const left : {0, 1, 3}) {
    CAPTURE(left);
    limit const few(left);
    std::atomic<int> ran{0};
    helping_threads others(5, [&] { ++ran; });
    CHECK(others.size() == static_cast<std::size_t>(left));
    others.join();
    CHECK(ran == left);

    std::vector<std::atomic<int>> done(100);
    threads_left = left;
    for_each_in_parallel(done.size(), 4, [&](std::size_t i) { ++done[i]; });
    for (auto const& n : done) CHECK(n == 1);
    threads_left = left;
    CHECK_THROWS_AS(for_each_in_parallel(9, 4,
                                         [](std::size_t i) {
                                           if (i == 3) throw error("i", "others", "3");
                                         }),
                    error);

    threads_left = left;
    data::prefetcher<int, int> batches(
        [](std::uint64_t batch, std::vector<int>& requests) {
          if (batch < 20) requests.assign(3, static_cast<int>(batch));
        },
        [](int const& request, int& item) { item = 10 * request; }, 2);
    for (int batch = 0; batch < 20; ++batch) {
      auto const items = batches.next();
      REQUIRE(items.size() == 3);
      for (int const item : items) CHECK(item == 10 * batch);
    }
    CHECK(batches.next().empty());

    one_parameter model;
    parameter_store<float, cpu> store;
    store.bind(model);
    threads_left = left;
    store.set_in_parts(store.entries().front(), 4,
                       [](std::size_t first, std::span<float> out) { std::iota(out.begin(), out.end(), static_cast<float>(first)); });
    for (std::size_t i = 0; i < model.weight.size(); i += 4099) CHECK(model.weight.value.data[i] == static_cast<float>(i));
  }
}
