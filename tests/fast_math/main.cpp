// Compiled with -ffast-math, and once more with -ffinite-math-only: what is not finite is found all the same, and a training step of it is
// refused. (doctest compares floats itself, so this program does without.)
#include "frcnn/backend/cpu.hpp"
#include "frcnn/backend/cpu/running_max.hpp"
#include "frcnn/eval/report.hpp"
#include "frcnn/eval/voc_ap.hpp"
#include "frcnn/geometry/anchors.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/train/trainer.hpp"

#include <cstdio>
#include <cstring>
#include <limits>

using namespace frcnn;

namespace {

int failures = 0;
void check(bool right, char const* what) {
  if (!right) ++failures, std::printf("FAILED: %s\n", what);
}
template <class F>
bool throws(F&& f) {
  try {
    f();
  } catch (error const&) {
    return true;
  }
  return false;
}

// Made of bits at run time: the compiler does not know what they are.
template <class T>
T of_bits(std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> bits) {
  auto volatile hidden = bits;
  auto const now = hidden;
  T v;
  std::memcpy(&v, &now, sizeof v);
  return v;
}
float nan_float() { return of_bits<float>(0x7fc00000u); }
double nan_double() { return of_bits<double>(std::uint64_t{0x7ff8} << 48); }
float infinity() { return of_bits<float>(0x7f800000u); }

struct one_parameter {
  using scalar = float;
  using device = cpu;
  struct tape {};
  param<float, cpu> weight{.name = "weight", .dims = {{8, 1, 1, 1}}};
  parameter_store<float, cpu> store;
  one_parameter() {
    store.bind(*this);
    store.set(store.entries().front(), std::vector<float>(8, 1));
  }
  template <class V>
  void for_each_param(V&& visit) {
    visit(weight);
  }
  parameter_store<float, cpu>& parameters() { return store; }
};

// Gradients of one, and a loss, or a gradient, that is `bad` in step 2.
struct broken_step {
  float bad;
  bool in_loss;
  template <class Batch, class Truth, class Rng, class Tape, class Loss>
  part_set operator()(one_parameter& model, cpu::context&, Batch const&, Truth const&, Rng const& rng, Tape&, Loss const& loss,
                      part_set written) const {
    bool const now = rng.state.data[1] == 2;
    for (int i = 0; i < 8; ++i) model.weight.grad.data[i] = 1;
    if (now && !in_loss) model.weight.grad.data[3] = bad;
    for (int i = 0; i < 4; ++i) loss.data[i] = 1;
    if (now && in_loss) loss.data[1] = bad;
    return written.with(0);
  }
};

void training() {
  for (float const bad : {nan_float(), infinity()})
    for (bool const in_loss : {true, false}) {
      one_parameter model;
      cpu::context c(1);
      trainer<one_parameter> t(model, c, input_batch<float, cpu>(), {.rate = {.lr = .1, .steps = 9}}, broken_step{bad, in_loss});
      std::vector<float> before;
      t.hooks.after_step = [&](std::int64_t done) {
        if (done == 2) before = model.store.get(model.store.entries().front());
      };
      auto const feed = [](std::uint64_t, input_batch<float, cpu>& input) {
        input.start(1, 1, 1);
        std::uint8_t const pixel[3] = {};
        input.set_image(0, pixel, resize_plan{1, 1, 1, 1, 1, 1}, 1, 1, 0);
      };
      check(throws([&] { t.run(feed); }), "a step that is not finite throws");
      check(t.step() == 2, "it is the step of that loss or gradient");
      auto const after = model.store.get(model.store.entries().front());
      check(before.size() == 8 && std::memcmp(before.data(), after.data(), 8 * sizeof(float)) == 0, "weights are as before that step");
    }
}

}  // namespace

int main() {
  check(is_nan(nan_float()) && is_nan(nan_double()) && is_nan(-nan_float()), "is_nan(NaN)");
  check(!is_nan(infinity()) && !is_nan(1.f) && !is_nan(0.0), "is_nan of a number");
  check(!is_finite(nan_float()) && !is_finite(nan_double()) && !is_finite(infinity()) && !is_finite(-infinity()),
        "is_finite of what is not");
  check(is_finite(-1.f) && is_finite(0.) && is_finite(std::numeric_limits<float>::max()) &&
            is_finite(std::numeric_limits<double>::denorm_min()),
        "is_finite of a number");
  training();

  {
    cpu::context c(1);
    float const keys[4] = {1, nan_float(), 3, nan_float()};
    std::int32_t order[4], live = 0;
    exec<cpu>::segmented_sort(c, view<float const, 2, cpu>{keys, {{1, 4}}}, view<std::int32_t, 2, cpu>{order, {{1, 4}}},
                              view<std::int32_t, 1, cpu>{&live, {{1}}});
    check(live == 2 && order[0] == 2 && order[1] == 0, "a key that is NaN is not listed");
  }
  {
    box<float> const boxes[] = {{0, 0, 9, 9}, {nan_float(), 0, 9, 9}, {0, 0, 9, nan_float()}};
    check(conventions::torchvision::wide_enough(boxes[0], 1.f), "a box");
    check(!conventions::torchvision::wide_enough(boxes[1], 1.f) && !conventions::torchvision::wide_enough(boxes[2], 1.f),
          "a box of NaN does not stay");
  }
  {
    float const map[8] = {nan_float(), 1, 2, 3, 5, 5, nan_float(), 4};  // two cells of four channels
    float best[4] = {map[0], map[1], map[2], map[3]};
    std::int32_t winner[4] = {};
    detail::take_better(map, 1, 4, best, winner);
    check(is_nan(best[0]) && best[1] == 5 && is_nan(best[2]) && winner[0] == 0 && winner[2] == 1, "a maximum keeps NaN");
  }
  check(throws([] { make_anchors<conventions::torchvision, 1>({{nan_double()}}, {1.}); }), "an anchor's size of NaN");
  {
    std::vector<detection> const found{{{0, 0, 9, 9}, nan_float(), 1}};
    std::vector<eval::truth_box> const none;
    check(throws([&] { eval::evaluate_voc(std::span(&found, 1), std::span(&none, 1), 1); }), "a score of NaN");
  }
  check(eval::format_ap(nan_double()) == "n/a", "an average precision that is not there");
  std::printf("%d failed\n", failures);
  return failures ? 1 : 0;
}
