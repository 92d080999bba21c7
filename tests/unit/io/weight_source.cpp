// Names of other people's files by a table of rules, and what of it is an error.
#include "frcnn/io/weight_source.hpp"

#include "frcnn/io/safetensors.hpp"

#include "../sentence.hpp"
#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using strings = std::vector<std::string>;

namespace {

// A source in memory: tensor i of the list is [i + 1] and holds i, i + 1, ...
struct listed final : io::weight_source {
  std::string file = "theirs.pth";
  strings all;
  std::map<std::string, io::tensor_shape> shapes;

  explicit listed(strings names) : all(std::move(names)) {
    for (std::size_t i = 0; i < all.size(); ++i) shapes[all[i]] = {static_cast<std::int64_t>(i + 1)};
  }
  std::string const& name() const override { return file; }
  strings names() const override { return all; }
  bool contains(std::string const& tensor) const override { return shapes.contains(tensor); }
  io::tensor_shape const& shape(std::string const& tensor) const override { return shapes.at(tensor); }
  void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const override { fill(tensor, first, out); }
  void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const override { fill(tensor, first, out); }
  template <class T>
  void fill(std::string const& tensor, std::size_t first, std::span<T> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(shapes.at(tensor)[0] - 1 + static_cast<std::int64_t>(first + i));
  }
};

}  // namespace

TEST_CASE("a star stands for as few characters as will do, in the order of the pattern") {
  using io::detail::fit;
  CHECK(fit("features.*", "features.0.weight") == strings{"0.weight"});
  CHECK(fit("layer*.*.conv*.weight", "layer1.0.conv2.weight") == strings{"1", "0", "2"});
  CHECK(fit("*.weight", "a.weight.weight") == strings{"a.weight"});
  CHECK(fit("a*b*", "abab") == strings{"", "ab"});
  CHECK(fit("fc6", "fc6") == strings{});
  CHECK(fit("*", "") == strings{""});
  CHECK_FALSE(fit("fc6", "fc6.weight"));
  CHECK_FALSE(fit("*.bias", "fc6.weight"));
}

TEST_CASE("a renamed source has our names and the other's tensors") {
  listed const theirs(
      {"features.0.weight", "features.0.bias", "classifier.0.weight", "classifier.6.weight", "bn1.num_batches_tracked", "extra"});
  io::renamed_source const ours(
      theirs,
      {{"features.*", "backbone.*"}, {"classifier.0.*", "roi_heads.box_head.fc6.*"}, {"classifier.*", ""}, {"*.num_batches_tracked", ""}});
  CHECK(ours.name() == "theirs.pth");
  CHECK(ours.names() == strings{"backbone.0.bias", "backbone.0.weight", "extra", "roi_heads.box_head.fc6.weight"});
  CHECK(ours.contains("backbone.0.bias"));
  CHECK_FALSE(ours.contains("features.0.bias"));
  CHECK(ours.shape("roi_heads.box_head.fc6.weight") == io::tensor_shape{3});
  std::vector<float> part(2);
  ours.read_part("roi_heads.box_head.fc6.weight", 1, std::span<float>(part));
  CHECK(part == std::vector<float>{3, 4});
  std::vector<double> wide(1);
  ours.read_part("backbone.0.bias", 1, std::span<double>(wide));
  CHECK(wide[0] == 2);
  CHECK(ours.map("backbone.0.bias", float()) == nullptr);

  CHECK(sentence([&] { ours.check("backbone.0.bias", {5}); }) ==
        "theirs.pth, tensor \"features.0.bias\" for \"backbone.0.bias\": expected shape [5], found shape [2]");
  CHECK(sentence([&] { ours.check("fc7.weight", {5}); }) ==
        "theirs.pth, tensor \"fc7.weight\": expected such a tensor, found none of that name");
  CHECK(ours.place("extra") == "theirs.pth, tensor \"extra\"");
}

TEST_CASE("a table that gives a name twice, or has more stars than it finds") {
  listed const theirs({"rpn_conv1.weight", "rpn_conv/3x3.weight"});
  CHECK(sentence([&] {
          io::renamed_source(theirs, {{"rpn_conv1.weight", "w"}, {"rpn_conv/3x3.weight", "w"}});
        }) == "theirs.pth: expected a name for each tensor, found \"rpn_conv1.weight\" and \"rpn_conv/3x3.weight\" for \"w\"");
  CHECK(sentence([&] {
          io::renamed_source(theirs, {{"rpn.*", "*.*"}});
        }) == "rename rule \"rpn.*\" to \"*.*\": expected no more * than the pattern has, found more");
}

TEST_CASE("a safetensors file is a source") {
  ::scratch const folder;
  io::safetensors_writer out;
  out.add<float>("b", {2, 2}, {1, 2, 3, 4});
  out.add<double>("a", {1}, {.5});
  out.write(folder / "m.safetensors");
  io::safetensors_file const file(folder / "m.safetensors");
  io::weight_source const& source = file;
  CHECK(source.names() == strings{"a", "b"});
  CHECK(source.shape("b") == io::tensor_shape{2, 2});
  std::vector<double> part(2);
  source.read_part("b", 2, std::span<double>(part));
  CHECK(part == std::vector<double>{3, 4});
  std::vector<float> narrow(1);
  source.read_part("a", 0, std::span<float>(narrow));
  CHECK(narrow[0] == .5f);
  auto const mapped = source.map("b", float());
  REQUIRE(mapped);
  CHECK(mapped.get()[3] == 4);
  CHECK(source.map("b", double()) == nullptr);
}
