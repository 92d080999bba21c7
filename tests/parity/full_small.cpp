// The preset `small` at its real size against torchvision's: one step's losses and gradients from the same weights and decisions, its
// proposals and its detections. tests/parity/full_small.py writes the numbers, test_full_small.py runs both.
//
// Of the six million ReLUs a few are so close to 0 that float rounds them to the other side, where the gradient jumps. They are decisions
// too: double's are recorded, and put into float's tape before its backward pass. They are counted, and must be close.
#include "../unit/detector/torchvision_step.hpp"
#include "frcnn/presets/small.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>

using namespace detector_tests;

namespace {

// f(outputs, how many) for every layer with a ReLU: backward lets pass what is above 0 there.
template <class Tape, class F>
void for_each_relu(Tape& t, F f) {
  for (std::size_t i = 1; i < t.backbone.at.size(); ++i) f(t.backbone.at[i].data, t.backbone.at[i].dims.size());
  for (auto& of_levels : t.proposals.hidden)
    for (auto& a : of_levels) f(a.data, a.dims.size());
  for (auto const& rows : {t.head.h6, t.head.h7}) f(rows.data, rows.size());
}

std::vector<std::vector<bool>> passes;  // of double's ReLUs, by layer

template <class T>
void hold_relus(auto& tape) {
  std::size_t layer = 0, turned = 0;
  bool close = true;
  for_each_relu(tape, [&](T* y, std::size_t n) {
    if constexpr (std::is_same_v<T, double>) {
      passes.emplace_back(n);
      for (std::size_t i = 0; i < n; ++i) passes.back()[i] = y[i] > 0;
    } else {
      auto const& wanted = passes.at(layer++);
      REQUIRE(wanted.size() == n);
      T const most = *std::max_element(y, y + n);
      for (std::size_t i = 0; i < n; ++i) {
        if ((y[i] > 0) == wanted[i]) continue;
        ++turned;
        close = close && y[i] <= T(1e-5) * most;
        y[i] = wanted[i] ? std::numeric_limits<T>::min() : T(0);
      }
    }
  });
  CHECK(close);
  CHECK_MESSAGE(turned <= 10, turned, " ReLUs on the other side of 0");
}

}  // namespace

TEST_CASE_TEMPLATE("a step and a detection of `small` are torchvision's", T, double, float) {
  char const* const folder = std::getenv("FRCNN_PARITY_DIR");
  if (!folder) {
    MESSAGE("skipped: FRCNN_PARITY_DIR names no folder that tests/parity/full_small.py has filled");
    return;
  }
  io::safetensors_file const file(std::filesystem::path(folder) / "full_small.safetensors");
  using preset = presets::small_net<cpu, T>;
  auto const classes = static_cast<std::size_t>(file.tensor("param.roi_heads.box_predictor.cls_score.bias").shape[0] - 1);
  auto const model = preset::make(preset::config(std::vector<std::string>(classes, "class")));
  auto const& s = file.tensor("images").shape;
  shape<4> const dims{{int(s[0]), int(s[1]), int(s[2]), int(s[3])}};
  torchvision_step step(*model, file, file.read<double>("images"), dims);
  cpu::context c;
  typename preset::model::tape tape;

  step.check_features(c);
  testing::replay(c, step.decisions(), tape);
  if (std::is_same_v<T, double>) passes.clear();
  step.check_step(c, tape, [](auto& t) { hold_relus<T>(t); });

  // In the padding scores tie exactly, and torch.topk lists ties in any order; beyond that a list may differ where a decision was close.
  auto const few = [](proposal_difference const& d) { return d.boxes > 200 && d.alone * 200 <= d.boxes; };
  auto const trained = step.compare_proposals(c, tape), tested = step.compare_proposals(c);
  CHECK_MESSAGE(few(trained), "in training: ", trained.describe());
  CHECK_MESSAGE(few(tested), "in inference: ", tested.describe());
  auto const found = step.compare_detections(c);
  CHECK_MESSAGE(found.ok(), found.describe());
  CHECK(found.boxes > 0);
  MESSAGE("proposals in training: ", trained.describe(), "; in inference: ", tested.describe(), "; detections: ", found.describe());
}
