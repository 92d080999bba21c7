#include "frcnn/train/empirical_targets.hpp"

#include "frcnn/data/memory_source.hpp"
#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace frcnn;

TEST_CASE("statistics of box targets are py-faster-rcnn's, over regions, truth boxes and mirror images") {
  io::safetensors_file const file(std::filesystem::path(__FILE__).parent_path() / "../../golden/py_faster_rcnn.safetensors");
  auto const truth = file.read<std::int32_t>("statistics.truth"), regions = file.read<std::int32_t>("statistics.regions");
  auto const labels = file.read<std::int32_t>("statistics.label");
  auto const box_at = [](std::vector<std::int32_t> const& v, std::size_t i) {
    return box<std::int32_t>{v[4 * i], v[4 * i + 1], v[4 * i + 2] + 1, v[4 * i + 3] + 1}.as<float>();
  };
  data::memory_source set({"a", "b", "c"});
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<data::object> objects;
    for (std::size_t g = 0; g < 4; ++g) objects.push_back({.where = box_at(truth, 4 * i + g), .label = labels[g]});
    objects.push_back({.where = {0, 0, 140, 140}, .label = 1, .difficult = true});  // is not trained on
    set.add(image(140, 140), objects);
  }
  region_source const given = [&](std::size_t i, bool) {
    std::vector<region> list;
    for (std::size_t r = 0; r < 40; ++r) list.push_back({box_at(regions, 40 * i + r)});
    return list;
  };
  auto const ours = empirical_targets<conventions::caffe>(set, given, 3);
  auto const mean = file.read<double>("statistics.mean"), deviation = file.read<double>("statistics.deviation");
  double const weight[4] = {10, 10, 5, 5};  // theirs are raw
  REQUIRE(ours.mean.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(ours.mean[i] == doctest::Approx(i < 4 ? 0 : mean[i] * weight[i % 4]).epsilon(1e-5));
    CHECK(ours.deviation[i] == doctest::Approx(i < 4 ? 1 : deviation[i] * weight[i % 4]).epsilon(1e-5));
  }

  // Without regions there are truth boxes alone, which vary from themselves by nothing.
  auto const alone = empirical_targets<conventions::caffe>(set, {}, 3);
  for (std::size_t i = 0; i < 16; ++i) CHECK((alone.mean[i] == 0 && alone.deviation[i] == 1));
  CHECK_THROWS_AS(empirical_targets<conventions::caffe>(set, given, 2), error);
}
