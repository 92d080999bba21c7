// A compressed detector: what it computes, its file, and what is refused.
#include "frcnn/compress.hpp"

#include "../detector/narrow_preset.hpp"
#include "../io/scratch.hpp"
#include "frcnn/load.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

namespace {

using namespace detector_tests;
using frcnn::compress;
using preset = narrow_preset<>;  // fc6 is 10 x 588, fc7 8 x 10

constexpr char const* fc6 = "roi_heads.box_head.fc6";
constexpr char const* fc7 = "roi_heads.box_head.fc7";

detector<preset> lively() {
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  return d;
}
std::vector<float> values(detector<preset> const& d, std::string const& name) {
  auto const& store = d.model().parameters();
  return store.get(store.at(name));
}
std::vector<detection> found(detector<preset> const& d) { return d.detect(noise(150, 90), {.score = .2f}); }

// What compress says of ranks that it refuses.
std::string refusal(detector<preset> const& d, std::array<int, 2> ranks) {
  return sentence([&] { compress(d, ranks); });
}

// The ranks of fc6 and fc7 that the file says.
std::pair<int, int> ranks_in(std::filesystem::path const& path) {
  auto const head = spec_json::parse(io::safetensors_file(path).metadata("spec"))["head"];
  return {head["fc6_rank"], head["fc7_rank"]};
}
// The file with other ranks.
void rewrite(std::filesystem::path const& from, std::filesystem::path const& to, int fc6_rank, int fc7_rank) {
  io::safetensors_file const file(from);
  io::safetensors_writer out;
  out.metadata = file.metadata();
  auto spec = spec_json::parse(out.metadata["spec"]);
  spec["head"]["fc6_rank"] = fc6_rank;
  spec["head"]["fc7_rank"] = fc7_rank;
  out.metadata["spec"] = spec.dump();
  for (auto const& [name, t] : file.tensors()) out.add<float>(name, t.shape, file.read<float>(name));
  out.write(to);
}

}  // namespace

TEST_CASE("full rank detects what the model detects") {
  auto const whole = lively();
  auto const boxes = found(whole);
  REQUIRE(boxes.size() > 3);
  auto const c = compress(whole, {10, 8}, {.threads = 1});
  CHECK((c.model.config().head.fc6_rank == 10 && c.model.config().head.fc7_rank == 8));
  auto const again = found(c.model);
  REQUIRE(again.size() == boxes.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    CHECK(again[i].label == boxes[i].label);
    CHECK(std::abs(again[i].score - boxes[i].score) <= 1e-5f);
    auto const &a = again[i].where, &b = boxes[i].where;
    for (float const d : {a.x1 - b.x1, a.y1 - b.y1, a.x2 - b.x2, a.y2 - b.y2}) CHECK(std::abs(d) <= 1e-5f * 150);
  }
  CHECK_FALSE(found(compress(whole, {1, 1}, {.threads = 1}).model).size() == 0);
}

TEST_CASE("the factors are those of the logical weights, the bias is the layer's, the rest is untouched") {
  auto const whole = lively();
  auto const c = compress(whole, {3, 0}, {.threads = 1});
  auto const w = values(whole, std::string(fc6) + ".weight");
  auto const expected = truncated_svd(std::span<float const>(w), 10, 588, 3, 1);
  CHECK(values(c.model, std::string(fc6) + ".0.weight") == expected.first);
  CHECK(values(c.model, std::string(fc6) + ".1.weight") == expected.second);
  CHECK(values(c.model, std::string(fc6) + ".1.bias") == values(whole, std::string(fc6) + ".bias"));
  auto const& before = whole.model().parameters().entries();
  CHECK(c.model.model().parameters().entries().size() == before.size() + 1);
  for (auto const& e : before)
    if (!e.name.starts_with(fc6)) CHECK(values(c.model, e.name) == values(whole, e.name));

  REQUIRE(c.layers.size() == 1);
  CHECK(c.layers[0].name == "fc6");
  CHECK(c.layers[0].error == expected.error);
  CHECK(c.layers[0].largest == expected.values[0]);
  CHECK(c.layers[0].last == expected.values[2]);
  CHECK(c.layers[0].weights_before() == 5880);
  CHECK(c.layers[0].weights_after() == 3 * 598);
  CHECK(compress(whole, {0, 2}).layers[0].name == "fc7");
}

TEST_CASE("a compressed model comes back from its file") {
  ::scratch const folder;
  auto const whole = lively();
  auto const c = compress(whole, {4, 3}, {.threads = 1});
  save(whole, folder / "whole.safetensors");
  save(c.model, folder / "c.safetensors");
  CHECK(ranks_in(folder / "whole.safetensors") == std::pair(0, 0));
  CHECK(ranks_in(folder / "c.safetensors") == std::pair(4, 3));
  CHECK(io::safetensors_file(folder / "c.safetensors").tensor(std::string(fc6) + ".0.weight").shape == io::tensor_shape{4, 588});

  auto const back = load<preset>(folder / "c.safetensors", 1);
  save(back, folder / "again.safetensors");
  CHECK(io::read_file(folder / "c.safetensors") == io::read_file(folder / "again.safetensors"));
  auto const a = found(c.model), b = found(back);
  CHECK(a.size() > 0);
  CHECK(a == b);
}

TEST_CASE("what cannot be compressed") {
  auto whole = lively();
  CHECK(refusal(whole, {11, 0}) == "rank of fc6, a 10 x 588 matrix: expected 1 to 10, or 0 for the full layer, found 11");
  CHECK(refusal(whole, {0, -1}) == "rank of fc7, a 8 x 10 matrix: expected 1 to 8, or 0 for the full layer, found -1");
  CHECK(refusal(whole, {0, 0}) == "ranks: expected one of fc6 or fc7 above 0, found 0 and 0");
  auto const once = compress(whole, {2, 0});
  CHECK(refusal(once.model, {0, 2}) == "fully connected layers: expected full ones, found a model compressed to ranks 2 and 0");
  auto broken = values(whole, std::string(fc7) + ".weight");
  broken[3] = std::numeric_limits<float>::quiet_NaN();
  whole.model().parameters().set(whole.model().parameters().at(std::string(fc7) + ".weight"), broken);
  CHECK(refusal(whole, {2, 2}) == std::string(fc7) + ".weight: expected finite numbers, found one that is not");
}

TEST_CASE("files whose ranks are wrong") {
  ::scratch const folder;
  auto const good = folder / "c.safetensors", bad = folder / "bad.safetensors";
  save(compress(lively(), {4, 3}).model, good);
  rewrite(good, bad, 4, -3);
  auto text = sentence([&] { load<preset>(bad); });
  CHECK_MESSAGE(text.find("bad.safetensors, spec \"head.fc7_rank\": expected a whole number from 0 to ") != text.npos, text);
  rewrite(good, bad, 400, 3);
  text = sentence([&] { load<preset>(bad); });
  CHECK_MESSAGE(text.find("bad.safetensors, rank of a fully connected layer: expected 0 for the full layer, or 1 to ") != text.npos, text);
  rewrite(good, bad, 5, 3);
  text = sentence([&] { load<preset>(bad); });
  CHECK_MESSAGE((text.find("bad.safetensors") != text.npos && text.find("[10,5]") != text.npos), text);
  rewrite(good, bad, 0, 3);
  text = sentence([&] { load<preset>(bad); });
  CHECK_MESSAGE(text.find("roi_heads.box_head.fc6.bias") != text.npos, text);
}
