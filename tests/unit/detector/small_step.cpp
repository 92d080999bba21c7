// The whole training step of a narrow `small` against torchvision's in double: tests/golden/small_step.py.
#include "../engines.hpp"
#include "narrow.hpp"
#include "torchvision_step.hpp"

#include <filesystem>

using namespace detector_tests;

namespace {

io::safetensors_file golden() {
  return io::safetensors_file(std::filesystem::path(__FILE__).parent_path() / "../../golden/small_step.safetensors");
}

constexpr shape<4> dims{{2, 3, 96, 96}};

std::vector<double> pixels(io::safetensors_file const& file) {
  std::vector<double> values;
  for (auto const v : file.read<std::uint8_t>("pixels", {2, 3, 96, 96})) values.push_back((v - 128) / 64.0);
  return values;
}

// Every candidate is sampled: no draw is made.
template <class T>
auto make() {
  rpn_options<conventions::torchvision> rpn;
  rpn.target.batch = 4096;
  rpn.train = {200, 60};
  rpn.test = {120, 40};
  fast_rcnn_options<conventions::torchvision> head;
  head.classes = 3;
  head.fc6 = head.fc7 = 10;
  head.target.batch = 4096;
  return parts<T>::make(narrow_chain::make(), rpn, head);
}

}  // namespace

TEST_CASE_TEMPLATE("a training step that decides for itself is torchvision's", T, double, float) {
  auto const file = golden();
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const model = make<T>();
    torchvision_step step(*model, file, pixels(file), dims);
    cpu::context c(options);
    typename std::remove_reference_t<decltype(*model)>::tape tape;
    step.check_features(c);
    step.check_step(c, tape);

    auto const ours = testing::record(c, tape), theirs = step.decisions();
    CHECK(ours.anchor_label.values == theirs.anchor_label.values);
    CHECK(ours.anchor_match.values == theirs.anchor_match.values);
    CHECK(ours.roi_count.values == theirs.roi_count.values);
    int const q = theirs.roi_label.dims[1];
    for (int n = 0; n < dims[0]; ++n) {
      auto const from = [&](auto const& table) { return table.values.begin() + n * table.dims[1]; };
      CHECK(std::equal(from(theirs.roi_label), from(theirs.roi_label) + q, from(ours.roi_label)));
      for (int i = 0; i < q; ++i) {
        auto const a = from(ours.roi_target)[i], b = from(theirs.roi_target)[i];
        CHECK(testing::compare(std::vector{a.dx, a.dy, a.dw, a.dh}, std::vector{b.dx, b.dy, b.dw, b.dh}, 100 * step_tolerance<T>).ok);
      }
    }

    auto const proposed = step.compare_proposals(c, tape);
    CHECK_MESSAGE(!proposed, proposed.describe());
    CHECK(proposed.boxes == 120);
    typename std::remove_reference_t<decltype(*model)>::tape another;
    step.check_losses(c, another);
  }
}

TEST_CASE_TEMPLATE("a training step on torchvision's decisions is torchvision's", T, double, float) {
  auto const file = golden();
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const model = make<T>();
    torchvision_step step(*model, file, pixels(file), dims);
    cpu::context c(options);
    typename std::remove_reference_t<decltype(*model)>::tape tape;
    testing::replay(c, step.decisions(), tape);
    step.check_step(c, tape);
    step.check_losses(c, tape);
  }
}

TEST_CASE_TEMPLATE("detections are torchvision's", T, double, float) {
  auto const file = golden();
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    auto const model = make<T>();
    torchvision_step step(*model, file, pixels(file), dims);
    cpu::context c(options);
    auto const proposed = step.compare_proposals(c);
    CHECK_MESSAGE(!proposed, proposed.describe());
    CHECK(proposed.boxes == 80);
    auto const found = step.compare_detections(c);
    CHECK_MESSAGE((found.ok() && found.excused.empty()), found.describe());
    CHECK(found.boxes > 100);
  }
}

TEST_CASE("the comparison sees one weight that is a little off") {
  auto const file = golden();
  auto const model = make<double>();
  torchvision_step step(*model, file, pixels(file), dims);
  auto& store = model->parameters();
  auto const& e = store.at("backbone.6.weight");
  auto values = store.get(e);
  values[5] *= 1 + 1e-4;
  store.set(e, values);
  cpu::context c(1);
  std::vector<double> loss(4);
  std::remove_reference_t<decltype(*model)>::tape tape;
  testing::replay(c, step.decisions(), tape);
  model->step(c, step.images(), step.objects(), step.random(), tape, {loss.data(), {{4}}});
  auto const& grad = store.at("backbone.0.weight");
  CHECK_FALSE(testing::compare(store.get_gradient(grad), file.read<double>("grad.backbone.0.weight"), 1e-8).ok);
}
