#include "frcnn/train/empirical_targets.hpp"

#include "frcnn/data/memory_source.hpp"
#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

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

  // Difficult objects are counted where they are trained on, and then as any other.
  using enum data::difficult_objects;
  data::memory_source none_difficult({"a", "b", "c"});
  for (std::size_t i = 0; i < 3; ++i) {
    auto const marked = set.truth(i).objects;
    std::vector<data::object> objects(marked.begin(), marked.end());
    for (auto& o : objects) o.difficult = false;
    none_difficult.add(image(140, 140), objects);
  }
  auto const with_all = empirical_targets<conventions::caffe>(set, given, 3, true, keep);
  auto const expected = empirical_targets<conventions::caffe>(none_difficult, given, 3);
  CHECK((with_all.mean == expected.mean && with_all.deviation == expected.deviation));
  CHECK(with_all.mean != ours.mean);
  CHECK(empirical_targets<conventions::caffe>(set, given, 3, true, ignore).mean == ours.mean);

  // A training that does not mirror has those of its images alone: not the same boxes again without regions.
  region_source const unmirrored = [&](std::size_t i, bool flipped) { return flipped ? std::vector<region>() : given(i, false); };
  auto const one_way = empirical_targets<conventions::caffe>(set, unmirrored, 3, false),
             both_ways = empirical_targets<conventions::caffe>(set, given, 3);
  for (std::size_t i = 4; i < 16; ++i)
    if (i % 4 != 0) {  // dx changes its sign in a mirror
      CHECK(one_way.mean[i] == doctest::Approx(both_ways.mean[i]));
      CHECK(one_way.deviation[i] == doctest::Approx(both_ways.deviation[i]));
    }

  // Given to some of the classes, the others keep theirs.
  struct {
    struct entry {
      std::string name;
    };
    std::map<std::string, std::vector<float>> of;
    entry at(std::string const& name) { return {name}; }
    std::vector<float> get(entry const& e) { return of.at(e.name); }
    void set(entry const& e, std::vector<float> const& values) { of[e.name] = values; }
  } store;
  for (char const* name : {"target_mean", "target_deviation"})
    store.of[std::string("roi_heads.box_predictor.") + name] = std::vector<float>(16, 7.f);
  ours.give_to(store, {2});
  auto const& given_mean = store.of["roi_heads.box_predictor.target_mean"];
  for (std::size_t i = 0; i < 16; ++i) CHECK(given_mean[i] == (i / 4 == 2 ? static_cast<float>(ours.mean[i]) : 7.f));
}
