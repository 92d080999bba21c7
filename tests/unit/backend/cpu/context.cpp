#include "frcnn/backend/cpu/context.hpp"

#include "tensors.hpp"

#include <doctest/doctest.h>

#include <string>

namespace cpu_tests {

TEST_CASE("context: frames nest and give memory back") {
  cpu::context c(1);
  CHECK(c.threads() == 1);
  cpu::context::frame const outer(c);
  void* const first = c.scratch(64);
  void* inside = nullptr;
  {
    cpu::context::frame const inner(c);
    inside = c.scratch(1 << 20);
    CHECK(inside != first);
  }
  CHECK(c.scratch(64) == inside);
  CHECK(c.high_water() >= (1 << 20));
}

TEST_CASE("context: thread counts") {
  CHECK_THROWS_AS(cpu::context(-1), frcnn::error);
  CHECK(cpu::context().threads() >= 1);
#if defined(_OPENMP)
  CHECK(cpu::context(3).threads() == 3);
#else
  CHECK(cpu::context(3).threads() == 1);
#endif
}

TEST_CASE("context: plain to the engine's layout and back") {
  cpu::context c(1);
  shape<4> const s{{2, 3, 5, 67}};  // neither side a multiple of a tile
  auto const values = normals<float>(s.size(), 1);
  tensor<float> t(c, s, values);
  CHECK(cpu::context::storage<float>(s) == s.size());
  CHECK(t.a.data[1] == values[5 * 67]);  // channel 1 of the first pixel lies beside channel 0
  CHECK(t.plain() == values);
}

TEST_CASE("cpu: every type of state is its own") {
  struct counter {
    int calls = 0;
  };
  struct name {
    std::string text = "none";
  };
  cpu::context c(1);
  c.state<counter>().calls = 7;
  CHECK(c.state<name>().text == "none");
  c.state<name>().text = "some";
  CHECK(c.state<counter>().calls == 7);
  CHECK(c.state<name>().text == "some");
  CHECK(&c.state<counter>() == &c.state<counter>());
}

TEST_CASE("cpu: memory is aligned and zero, small, mapped and on large pages") {
  cpu::context c(1);
  for (std::size_t const bytes : {std::size_t{1000}, std::size_t{3} << 20, std::size_t{20} << 20}) {
    cpu_memory const block = c.allocate(bytes);
    auto* const q = static_cast<unsigned char*>(block.data());
    CHECK(reinterpret_cast<std::uintptr_t>(q) % 64 == 0);
    bool zero = true;
    for (std::size_t i = 0; i < bytes; i += 7) zero = zero && q[i] == 0;
    CHECK((zero && q[bytes - 1] == 0));
    q[0] = q[bytes - 1] = 1;
  }
  CHECK(c.allocate(0).data() != nullptr);
  CHECK(cpu_memory().data() == nullptr);
}

TEST_CASE("cpu: an event is done when it is recorded, and copies when they return") {
  cpu::context c(1);
  int from[2] = {3, 4}, middle[2] = {}, to[2] = {};
  c.copy_in(middle, from, sizeof from);
  c.copy_out(to, middle, sizeof to);
  CHECK((to[0] == 3 && to[1] == 4));
  cpu::event e;
  CHECK(e.done());
  e.record(c);
  CHECK(e.done());
}

}  // namespace cpu_tests
