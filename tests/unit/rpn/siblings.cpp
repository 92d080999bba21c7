#include "frcnn/rpn/siblings.hpp"

#include "frcnn/backend/cpu.hpp"
#include "frcnn/nn/parameter_store.hpp"

#include <doctest/doctest.h>

namespace {

using namespace frcnn;

struct pair_model {
  rpn::siblings<double, cpu> layer{6, 3, 5, initializer::normal(0.5)};
  template <class V>
  void for_each_param(V&& visit) {
    for (auto* const l : {&layer.first, &layer.second}) {
      visit.enter(l == &layer.first ? "a" : "b");
      l->for_each_param(visit);
      visit.leave();
    }
  }
};

std::vector<double> normals(std::size_t n, std::uint64_t stream) {
  host_rng draws(5, draw::test, stream);
  std::vector<double> v(n);
  for (auto& x : v) x = draws.normal();
  return v;
}

// Two convolutions, one after the other, are what one must equal: 1e-9, and equal sums of gradients.
TEST_CASE("siblings: as two convolutions of their own") {
  cpu::context c(2);
  cpu::context::frame const scope(c);
  pair_model m;
  parameter_store<double, cpu> store;
  store.bind(m);
  store.enable_gradients();
  for (auto const& e : store.entries()) store.set(e, normals(e.p->size(), 10 + e.offset));
  shape<4> const dims{{2, 6, 3, 4}};
  int const cells = 12, first = 5, rows = 20;  // another level's rows lie before and behind
  auto const plain = normals(dims.size(), 1);
  auto x = c.make<double>(dims);
  c.from_plain(view<double const, 4, cpu>{plain.data(), dims}, x);

  std::vector<double> a(2 * rows * 3, -9), b(2 * rows * 5, -9);
  m.layer.forward(c, x, first, view<double, 3, cpu>{a.data(), {{2, rows, 3}}}, view<double, 3, cpu>{b.data(), {{2, rows, 5}}});
  auto const wa = store.get(store.at("a.weight")), ba = store.get(store.at("a.bias"));
  auto const wb = store.get(store.at("b.weight")), bb = store.get(store.at("b.bias"));
  auto const at = [&](int n, int ch, int cell) { return plain[static_cast<std::size_t>((n * 6 + ch) * cells + cell)]; };
  for (int n = 0; n < 2; ++n)
    for (int r = 0; r < rows; ++r)
      for (int o = 0; o < 8; ++o) {
        double const got =
            o < 3 ? a[static_cast<std::size_t>((n * rows + r) * 3 + o)] : b[static_cast<std::size_t>((n * rows + r) * 5 + o - 3)];
        double expected = -9;  // untouched
        if (r >= first && r < first + cells) {
          expected = o < 3 ? ba[o] : bb[o - 3];
          for (int ch = 0; ch < 6; ++ch) expected += at(n, ch, r - first) * (o < 3 ? wa[o * 6 + ch] : wb[(o - 3) * 6 + ch]);
        }
        CHECK(got == doctest::Approx(expected).epsilon(1e-9));
      }

  auto const da = normals(a.size(), 2), db = normals(b.size(), 3);
  auto dx = c.make<double>(dims);
  std::vector<double> dx_plain(dims.size());
  for (int pass = 1; pass <= 2; ++pass) {  // the second adds, to the parameters and to dx
    m.layer.backward(c, x, view<double const, 3, cpu>{da.data(), {{2, rows, 3}}}, view<double const, 3, cpu>{db.data(), {{2, rows, 5}}},
                     first, dx, pass == 1 ? writing::set : writing::add, pass == 1 ? writing::set : writing::add);
    c.to_plain(dx, view<double, 4, cpu>{dx_plain.data(), dims});
    auto const ga = store.get_gradient(store.at("a.weight")), gb = store.get_gradient(store.at("b.bias"));
    for (int o = 0; o < 3; ++o)
      for (int ch = 0; ch < 6; ++ch) {
        double expected = 0;
        for (int n = 0; n < 2; ++n)
          for (int i = 0; i < cells; ++i) expected += pass * at(n, ch, i) * da[static_cast<std::size_t>((n * rows + first + i) * 3 + o)];
        CHECK(ga[o * 6 + ch] == doctest::Approx(expected).epsilon(1e-9));
      }
    for (int o = 0; o < 5; ++o) {
      double expected = 0;
      for (int n = 0; n < 2; ++n)
        for (int i = 0; i < cells; ++i) expected += pass * db[static_cast<std::size_t>((n * rows + first + i) * 5 + o)];
      CHECK(gb[o] == doctest::Approx(expected).epsilon(1e-9));
    }
    for (int n = 0; n < 2; ++n)
      for (int ch = 0; ch < 6; ++ch)
        for (int i = 0; i < cells; ++i) {
          double expected = 0;
          for (int o = 0; o < 3; ++o) expected += pass * da[static_cast<std::size_t>((n * rows + first + i) * 3 + o)] * wa[o * 6 + ch];
          for (int o = 0; o < 5; ++o) expected += pass * db[static_cast<std::size_t>((n * rows + first + i) * 5 + o)] * wb[o * 6 + ch];
          CHECK(dx_plain[static_cast<std::size_t>((n * 6 + ch) * cells + i)] == doctest::Approx(expected).epsilon(1e-9));
        }
  }
}

}  // namespace
