// What a parameter says about itself.
#include "frcnn/core/param.hpp"

#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

TEST_CASE("param: sizes, its layer, and whether a gradient is wanted") {
  param<float, cpu> p{.name = "weight", .path = "roi_heads.box_head.fc6.weight", .rank = 2, .dims = {{4, 3, 1, 1}}};
  CHECK(p.size() == 12);
  CHECK(p.layer() == "roi_heads.box_head.fc6");
  CHECK_FALSE(p.wants_grad());
  float gradient[12];
  p.grad = {gradient, {{12}}};
  CHECK(p.wants_grad());
}

TEST_CASE("param: what initialisers are") {
  static_assert(initializer{}.what == initializer::kind::zero);
  static_assert(initializer::constant(1).what == initializer::kind::constant && initializer::constant(1).scale == 1);
  static_assert(initializer::normal(.01).what == initializer::kind::normal && initializer::normal(.01).scale == .01);
  static_assert(initializer::uniform(.5).what == initializer::kind::uniform && initializer::uniform(.5).scale == .5);
}

TEST_CASE("part_set: the first to write sets, later ones add") {
  constexpr part_set none{};
  static_assert(none.next(2) == writing::set && none.with(2).next(2) == writing::add && none.with(2).next(1) == writing::set);
  static_assert(none.with(0).with(2) == part_set{5} && part_set::all().has(31) && !none.has(0));
}
