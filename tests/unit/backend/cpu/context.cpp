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

TEST_CASE("cpu: allocated memory is aligned and zero, small, mapped and on large pages") {
  for (std::size_t const bytes : {std::size_t{3} << 20, std::size_t{20} << 20}) {
    auto* const q = static_cast<unsigned char*>(cpu::allocate(bytes));
    CHECK(reinterpret_cast<std::uintptr_t>(q) % 64 == 0);
    CHECK((q[0] == 0 && q[bytes - 1] == 0));
    q[0] = q[bytes - 1] = 1;
    cpu::deallocate(q);
  }
  auto* const p = static_cast<unsigned char*>(cpu::allocate(1000));
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  for (int i = 0; i < 1000; ++i) CHECK(p[i] == 0);
  cpu::deallocate(p);
  cpu::deallocate(cpu::allocate(0));
  cpu::deallocate(nullptr);
}

}  // namespace cpu_tests
