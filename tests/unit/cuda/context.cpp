// The context of cuda_on_host, what it counts and refuses while a graph is captured, and the arena of both contexts.
#include "frcnn/backend/cuda/growing_arena.hpp"

#include "../sentence.hpp"
#include "frcnn/backend/cuda/host/executor.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/presets/device_options.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

using namespace frcnn;

namespace {

using device = cuda_on_host;

// Memory of the host in a device's place; the first `most` bytes can be mapped.
struct host_pages {
  std::size_t bytes, most;
  std::shared_ptr<std::byte[]> memory;
  std::shared_ptr<std::vector<std::size_t>> mapped = std::make_shared<std::vector<std::size_t>>();

  host_pages(std::size_t reserved, std::size_t limit) : bytes(reserved), most(limit), memory(new std::byte[reserved]) {}
  std::byte* base() const { return memory.get(); }
  std::size_t size() const { return bytes; }
  std::size_t granularity() const { return std::size_t{2} << 20; }
  void map(std::size_t offset, std::size_t n) {
    if (offset + n > most) throw error("cuMemCreate", "success", "out of memory");
    mapped->push_back(n);
  }
};
constexpr std::size_t mib = std::size_t{1} << 20;

}  // namespace

TEST_CASE("growing_arena: addresses stay, and memory is mapped as it is reached") {
  host_pages const pages(100 * mib, 100 * mib);
  detail::growing_arena<host_pages> a(pages);
  CHECK(pages.mapped->empty());
  auto const begin = a.mark();
  auto* const p = static_cast<std::byte*>(a.take(100));
  CHECK(p == pages.base());
  CHECK(static_cast<std::byte*>(a.take(0)) == p + 256);
  CHECK(static_cast<std::byte*>(a.take(257)) == p + 512);
  CHECK(*pages.mapped == std::vector<std::size_t>{32 * mib});
  a.take(40 * mib);
  CHECK(*pages.mapped == std::vector<std::size_t>{32 * mib, 32 * mib});
  a.release(begin);
  CHECK(a.take(1) == p);
  a.take(50 * mib);
  CHECK(pages.mapped->size() == 2);
  a.release(begin);
  a.take(100 * mib);  // the last piece is a smaller one
  CHECK(a.usable() == 100 * mib);
  CHECK(a.high_water() == 100 * mib);
}

TEST_CASE("growing_arena: what does not fit is an error, and changes nothing") {
  host_pages const pages(100 * mib, 64 * mib);
  detail::growing_arena<host_pages> a(pages);
  a.take(mib);
  auto const mark = a.mark();
  CHECK(sentence([&] { a.take(100 * mib); }) ==
        "cuda context's arena: expected room for 100 MiB more, found 1 MiB in use of 100 MiB reserved");
  CHECK_THROWS_AS(a.take(std::size_t(-5)), error);
  CHECK_THROWS_AS(a.take(80 * mib), error);  // the device has not got it
  CHECK(a.mark() == mark);
  CHECK(a.usable() == 32 * mib);
  a.take(40 * mib);
  CHECK(a.usable() == 64 * mib);
}

TEST_CASE("growing_arena: as much as there is room for, by halves, in the range and in the device's memory") {
  host_pages const small(100 * mib, 100 * mib), full(100 * mib, 34 * mib), none(100 * mib, 0);
  detail::growing_arena<host_pages> a(small), b(full), c(none);
  auto const begin = a.mark();
  auto const first = a.take_at_most(256 * mib);
  CHECK(first.bytes == 64 * mib);
  CHECK(first.data == small.base());
  CHECK(a.take_at_most(256 * mib).bytes == 32 * mib);
  a.take(4 * mib);
  auto const end = a.take_at_most(mib);  // all is taken
  CHECK(end.bytes == 0);
  CHECK(end.data == nullptr);
  a.release(begin);
  CHECK(a.take_at_most(50 * mib).bytes == 50 * mib);
  CHECK(b.take_at_most(256 * mib).bytes == 32 * mib);
  CHECK(b.usable() == 32 * mib);
  CHECK(c.take_at_most(256 * mib).bytes == 0);
  CHECK(c.take_at_most(0).bytes == 0);
}

TEST_CASE("cuda_on_host: scratch and memory start as NaN, frames nest, copies and waits") {
  device::context c;
  {
    device::context::frame const outer(c);
    auto const a = scratch<float, device>(c, shape<1>{{3}});
    {
      device::context::frame const inner(c);
      c.scratch(0);
    }
    CHECK(std::isnan(a(2)));
  }
  buffer<int, device> memory(c, 4);
  CHECK(memory.data()[3] == -1);
  from_host(c, std::vector<int>{1, 2, 3, 4}, view<int, 1, device>{memory.data(), {{4}}});
  CHECK(to_host(c, view<int, 1, device>{memory.data(), {{4}}}) == std::vector<int>{1, 2, 3, 4});
  CHECK(c.waits() == 2);
}

TEST_CASE("device_of_process: the number of the process on its machine, or the only device that it is shown") {
  CHECK(device_of_process(0, 8) == 0);
  CHECK(device_of_process(3, 8) == 3);
  CHECK(device_of_process(3, 1) == 0);
  CHECK(device_of_process(2, 2) == 2);  // more processes than devices: making the context says so
  CHECK(device_of_process(1, 0) == 1);
}

TEST_CASE("cuda_on_host: activations are [N, H, W, C], and come back as plain maps") {
  shape<4> const s{{2, 35, 3, 23}};
  std::vector<float> plain(s.size()), back(s.size());
  std::iota(plain.begin(), plain.end(), 0.f);
  for (auto const order : {thread_order::ascending, thread_order::shuffled}) {
    device::context c({.order = order});
    device::context::frame const scope(c);
    auto const a = c.make<float>(s);
    c.from_plain(view<float const, 4, device>{plain.data(), s}, a);
    for (int n = 0; n < 2; ++n)
      for (int ch = 0; ch < 35; ++ch)
        for (int at = 0; at < 69; ++at)
          REQUIRE(a.data[(n * 69 + at) * 35 + ch] == plain[static_cast<std::size_t>((n * 35 + ch) * 69 + at)]);
    c.to_plain(a, view<float, 4, device>{back.data(), s});
    CHECK(back == plain);
    CHECK(c.launches() == 2);
  }
}

TEST_CASE("cuda_on_host: while a graph is captured, work may be queued and nothing else") {
  device::context c;
  buffer<int, device> memory(c, 4);
  device::event before;
  before.record(c);
  readback<int, device> down;
  down.start(c, memory.data(), 4);
  {
    detail::capture_scope const captured(c);
    int const four[] = {1, 2, 3, 4};
    c.copy_in(memory.data(), four, sizeof four);
    view<int, 2, device> const all{memory.data(), {{1, 4}}};
    exec<device>::scan(c, all, all);
    device::event during;
    CHECK(sentence([&] { during.record(c); }) ==
          "cudaEventRecord: expected calls that queue work while a CUDA graph is captured, found one by which the host asks what has run");
    CHECK_THROWS_AS(static_cast<void>(before.done()), error);
    CHECK_THROWS_AS(down.start(c, memory.data(), 4), error);
    CHECK(sentence([&] { c.wait(); }) ==
          "cudaStreamSynchronize: expected calls that queue work while a CUDA graph is captured, found one that waits for the device");
    CHECK_THROWS_AS(before.wait(), error);
    CHECK_THROWS_AS(down.get(), error);
    CHECK(sentence([&] { c.allocate(8); }) ==
          "cudaMallocFromPoolAsync: expected calls that queue work while a CUDA graph is captured, found one that allocates memory");
    CHECK_THROWS_AS(c.allocate_host(8), error);
  }
  CHECK(c.waits() == 0);
  before.wait();
  before.wait();
  CHECK(c.waits() == 1);
  CHECK(to_host(c, view<int, 1, device>{memory.data(), {{4}}}) == std::vector<int>{0, 1, 3, 6});
}
