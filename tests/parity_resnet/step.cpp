// Five training steps of fasterrcnn_resnet50_fpn at its real size, beside torchvision's from the same weights: losses, every gradient of the
// first, and what all five have changed. tests/parity/resnet_step.py writes the numbers, test_resnet_step.py builds this and runs both.
// Every anchor that has a label, and every region, is sampled, so that neither side draws.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/presets/resnet_fpn.hpp"
#include "frcnn/testing/parity.hpp"
#include "frcnn/train/sgd.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

using namespace frcnn;

namespace {

using preset = presets::fasterrcnn_resnet50_fpn<cpu, double>;
constexpr double tolerance = 1e-4;

void check_near(std::string const& what, std::vector<double> const& found, std::vector<double> const& expected) {
  auto const report = testing::compare(found, expected, tolerance);
  CHECK_MESSAGE(report.ok, what, ": ", report.describe());
}

}  // namespace

TEST_CASE("five steps of fasterrcnn_resnet50_fpn are torchvision's") {
  char const* const folder = std::getenv("FRCNN_PARITY_DIR");
  REQUIRE_MESSAGE(folder, "FRCNN_PARITY_DIR names no folder that tests/parity/resnet_step.py has filled");
  io::safetensors_file const file(std::filesystem::path(folder) / "resnet_step.safetensors");
  auto config = preset::config(std::vector<std::string>(static_cast<std::size_t>(file.tensor("classes").shape[0]), "class"));
  int const regions = file.read<std::int32_t>("regions").at(0);
  config.proposals.train = {2000, regions};
  config.proposals.target.batch = 1'000'000;
  config.head.target.batch = regions + 10;
  auto const model = preset::make(config);
  auto& store = model->parameters();
  std::map<std::string, std::vector<double>> before;
  for (auto const& e : store.entries()) {
    auto const s = e.file_shape();
    store.set(e, file.read<double>("param." + e.name, {s.begin(), s.end()}));
    before[e.name] = store.get(e);
  }
  preset::freeze_published(*model);
  store.enable_gradients();

  auto const& s = file.tensor("images").shape;
  shape<4> const dims{{static_cast<int>(s[0]), static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(s[3])}};
  auto const pixels = file.read<double>("images");
  double const h = dims[2], w = dims[3];
  std::vector<image_info<double>> const info(static_cast<std::size_t>(dims[0]), {h, w, h, w, 1, 1});
  std::vector<std::uint64_t> const id{0, 1};
  auto const boxes = file.read<double>("truth.boxes");
  auto const labels = file.read<std::int32_t>("truth.labels");
  auto count = file.read<std::int32_t>("truth.count");
  int const capacity = static_cast<int>(labels.size()) / dims[0];
  batch<double, cpu> const images{{pixels.data(), dims}, {info.data(), {{dims[0]}}}, {id.data(), {{dims[0]}}}};
  truth<double, cpu> const objects{
      {{reinterpret_cast<box<double> const*>(boxes.data()), {{dims[0], capacity}}}, {count.data(), {{dims[0]}}}},
      {labels.data(), {{dims[0], capacity}}}};

  cpu::context c;
  preset::model::tape tape;
  sgd<double, cpu> optimiser(store, {.momentum = .9, .decay = 1e-4, .lr_inside_momentum = false});
  std::uint64_t state[2] = {1, 0};
  auto const expected = file.read<double>("losses");
  for (std::size_t step = 0; step < 5; ++step, ++state[1]) {
    std::vector<double> loss(4);
    view<double, 1, cpu> const out{loss.data(), {{4}}};
    auto const written = model->step(c, images, objects, rng<cpu>{{state, {{2}}}}, tape, out);
    for (std::size_t i = 0; i < 4; ++i) CHECK(loss[i] == doctest::Approx(expected[4 * step + i]).epsilon(tolerance));
    if (step == 0) {
      std::size_t learning = 0;
      for (auto const& e : store.entries()) {
        bool const learns = file.contains("grad." + e.name);
        CHECK_MESSAGE(e.p->wants_grad() == learns, e.name);
        if (!learns || !e.p->wants_grad()) continue;
        ++learning;
        check_near("gradient of " + e.name, store.get_gradient(e), file.read<double>("grad." + e.name));
      }
      MESSAGE(learning, " parameters learn");
    }
    optimiser.set_rate(c, file.read<double>("rate").at(0), 1);
    optimiser.apply(c, out, written);
    store.changed(written);
  }
  for (auto const& e : store.entries()) {
    if (!file.contains("grad." + e.name)) continue;
    auto values = store.get(e);
    auto const& old = before[e.name];
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= old[i];
    check_near("change of " + e.name, values, file.read<double>("change." + e.name));
  }
}
