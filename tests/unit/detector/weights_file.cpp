// Detectors of files that other programs wrote: what is read, what is left as it was, what is refused; and .pth files of ours.
#include "frcnn/detector/weights_file.hpp"

#include "../io/scratch.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace detector_tests;
using narrow_detector = detector<narrow_preset<>>;

namespace {

narrow_detector lively_one(std::uint64_t seed) {
  narrow_detector d(narrow_preset<>::config(), 1);
  d.model().parameters().initialise(seed);
  return d;
}

// Writes a state dict with other names; an empty name leaves a parameter out.
template <class Rename>
std::filesystem::path write(narrow_detector const& d, std::filesystem::path const& path, Rename rename) {
  io::pth_writer out;
  auto const& store = d.model().parameters();
  for (auto const& e : store.entries()) {
    auto const name = rename(e.name);
    auto const shape = e.file_shape();
    if (!name.empty()) out.add<float>(name, {shape.begin(), shape.end()}, store.get(e));
  }
  out.write(path);
  return path;
}
std::string replaced(std::string name, std::string const& from, std::string const& to) {
  if (name.starts_with(from)) name.replace(0, from.size(), to);
  return name;
}
std::string imagenet_name(std::string const& name) {
  if (name.starts_with("rpn.") || name.starts_with("roi_heads.box_predictor")) return {};
  auto const n = replaced(replaced(name, "roi_heads.box_head.fc6", "classifier.0"), "roi_heads.box_head.fc7", "classifier.3");
  return replaced(n, "backbone", "features");
}

}  // namespace

TEST_CASE("a .pth of ours says all, and comes back as the same model file") {
  ::scratch const folder;
  auto const d = lively_one(3);
  save(d, folder / "m.safetensors");
  save_pth(d, folder / "m.pth");
  for (char const* name : {"m.pth", "m.safetensors"}) {
    weights_file const file(folder / name);
    CHECK(file.is_ours());
    CHECK(file.preset() == "narrow");
    auto const back = load<narrow_preset<>>(file, {}, {.threads = 1});
    CHECK(all_values(back.model()) == all_values(d.model()));
    save(back, folder / "back.safetensors");
    CHECK(io::read_file(folder / "back.safetensors") == io::read_file(folder / "m.safetensors"));
    save_pth(back, folder / "back.pth");
    CHECK(io::read_file(folder / "back.pth") == io::read_file(folder / "m.pth"));
    CHECK(sentence([&] {
            load<narrow_preset<>>(file, {.classes = {"a"}}, {.threads = 1});
          }).find("a model of this library, which says them") != std::string::npos);
  }
}

TEST_CASE("a detector of torchvision's names: the tensors and the options decide") {
  ::scratch const folder;
  auto const d = lively_one(4);
  auto const path =
      write(d, folder / "theirs.pth", [](std::string const& n) { return "module." + replaced(n, "rpn.head.conv.0.0", "rpn.head.conv"); });
  weights_file const file(path);
  CHECK_FALSE(file.is_ours());
  auto const found = load<narrow_preset<>>(file, {.classes = {"x", "y", "z"}, .short_side = 100}, {.threads = 1});
  CHECK(all_values(found.model()) == all_values(d.model()));
  CHECK(found.classes() == std::vector<std::string>{"x", "y", "z"});
  CHECK(found.config().short_side == 100);
  CHECK(found.config().head.fc6 == d.config().head.fc6);
  auto const said = [&](foreign_options const& o) { return sentence([&] { load<narrow_preset<>>(file, o, {.threads = 1}); }); };
  auto const where =
      path.string() + ", tensor \"module.roi_heads.box_predictor.cls_score.weight\" for \"roi_heads.box_predictor.cls_score.weight\"";
  CHECK(said({}) == where + ": expected the names of its 3 classes, found none in the file, and no data set that is known by this number");
  CHECK(said({.classes = {"x"}}) == where + ": expected 2 rows, background and a row for each class given, found 4");
  auto const misshapen = said({.classes = {"x", "y", "z"}, .ratios = {1}});  // three anchors where the tensors are of nine
  CHECK(misshapen.find("tensor \"module.rpn.head.") != std::string::npos);
  CHECK(misshapen.find(": expected shape [") != std::string::npos);
}

TEST_CASE("metadata of other programs make no model of ours") {
  ::scratch const folder;
  io::safetensors_writer out;
  out.metadata["format"] = "pt";
  out.add<float>("features.0.weight", {1}, {1.f});
  out.write(folder / "m.safetensors");
  CHECK_FALSE(weights_file(folder / "m.safetensors").is_ours());
}

TEST_CASE("one large extent makes no large model") {
  ::scratch const folder;
  auto const d = lively_one(4);
  io::pth_writer out;
  auto const& store = d.model().parameters();
  std::string const fc6 = "roi_heads.box_head.fc6.weight";
  for (auto const& e : store.entries()) {
    auto const shape = e.file_shape();
    if (e.name != fc6) out.add<float>(e.name, {shape.begin(), shape.end()}, store.get(e));
  }
  out.add<float>(fc6, {1 << 20, 1}, std::vector<float>(1 << 20));
  out.write(folder / "m.pth");
  auto const text = sentence([&] { load<narrow_preset<>>(weights_file(folder / "m.pth"), {.classes = {"x", "y", "z"}}, {.threads = 1}); });
  CHECK(text.find("expected shape [" + std::to_string(d.config().head.fc6) + ",") != std::string::npos);
  CHECK(text.find("found shape [1048576,1]") != std::string::npos);
}

TEST_CASE("ImageNet weights begin a training: what the file lacks stays, whole parts at a time") {
  ::scratch const folder;
  auto const imagenet = lively_one(5);
  auto const path = write(imagenet, folder / "vgg.pth", imagenet_name);
  auto config = narrow_preset<>::config();
  config.normalisation = pixel_normalisation::caffe();
  take_over<narrow_preset<>>(config, weights_file(path));
  CHECK(config.normalisation == pixel_normalisation::imagenet());
  narrow_detector d(config, 1);
  d.model().parameters().initialise(6);
  auto const drawn = lively_one(6);
  CHECK(read_known(weights_file(path), d) == std::vector<std::string>{"roi_heads.box_predictor", "rpn.head"});
  auto const& store = d.model().parameters();
  for (auto const& e : store.entries()) {
    CAPTURE(e.name);
    auto const& from = imagenet_name(e.name).empty() ? drawn.model().parameters() : imagenet.model().parameters();
    CHECK(store.get(e) == from.get(from.at(e.name)));
  }
  CHECK(sentence([&] { load<narrow_preset<>>(weights_file(path), {.classes = {"a"}}, {.threads = 1}); }) ==
        path.string() + ": expected the weights of a whole detector, found torchvision's vgg for ImageNet weights");

  auto const before = all_values(d.model());
  auto const said = [&](auto rename) {
    auto const other = write(imagenet, folder / "other.pth", rename);
    auto const text = sentence([&] { read_known(weights_file(other), d); });
    CHECK(all_values(d.model()) == before);
    return text.substr(std::min(text.size(), other.string().size()));
  };
  CHECK(said([](std::string const& n) { return n.ends_with("fc7.bias") ? "" : imagenet_name(n); }) ==
        ", tensor \"roi_heads.box_head.fc7.bias\": expected such a tensor of shape [8], found none of that name");
  CHECK(said([](std::string const& n) { return n == "backbone.2.weight" ? "" : imagenet_name(n); }) ==
        ", tensor \"backbone.2.weight\": expected such a tensor of shape [8,4,3,3], found none of that name");
  CHECK(said([](std::string const& n) { return n == "rpn.head.cls_logits.bias" ? "features.1.running_mean" : imagenet_name(n); }) ==
        ", tensor \"features.1.running_mean\" for \"backbone.1.running_mean\": expected parameters of the model only, found a tensor that "
        "is none "
        "of them");
  CHECK(said([](std::string const& n) {
          return n == "rpn.head.cls_logits.bias" ? "features.0.bias" : n == "backbone.0.bias" ? "" : imagenet_name(n);
        }).find("\"backbone.0.bias\": expected shape ") != std::string::npos);
  // Fully connected layers may be left out, whole: then they are drawn too.
  auto const features = write(imagenet, folder / "features.pth",
                              [](std::string const& n) { return n.starts_with("roi_heads") ? std::string() : imagenet_name(n); });
  CHECK(read_known(weights_file(features), d) == std::vector<std::string>{"roi_heads.box_head", "roi_heads.box_predictor", "rpn.head"});
}

TEST_CASE("classes by name: VOC's and COCO's names, any order") {
  std::vector<std::string> const ours{"tv", "cat", "aeroplane", "owl"}, theirs{"airplane", "dog", "N/A 3", "cat", "tvmonitor"};
  auto const m = match_classes(ours, theirs);
  CHECK(m.theirs == std::vector<int>{0, 5, 4, 1, -1});
  CHECK(m.their_labels == 6);
  CHECK(m.shared == std::vector<std::string>{"tv", "cat", "aeroplane"});
  CHECK(m.drawn == std::vector<std::string>{"owl"});
  CHECK(m.left_out == std::vector<std::string>{"dog"});
  CHECK(match_classes({"tvmonitor", "tv"}, {"tv", "tvmonitor"}).theirs == std::vector<int>{0, 2, 1});
  CHECK(match_classes({"b", "a"}, {"a", "b"}).same_classes());
  CHECK(match_classes(voc_classes(), coco_classes(true)).drawn.empty());
}

TEST_CASE("a detector of other classes begins with the rows of those that it shares") {
  ::scratch const folder;
  auto const theirs = lively_one(4);  // disc, bar, ring
  std::vector<std::string> const ours{"ring", "owl", "disc", "ant"};
  narrow_detector const drawn = [&] {
    narrow_detector d(narrow_preset<>::config(ours), 1);
    d.model().parameters().initialise(6);
    return d;
  }();
  auto const check = [&](narrow_detector const& d, std::vector<int> const& label) {
    auto const& store = d.model().parameters();
    for (auto const& e : store.entries()) {
      CAPTURE(e.name);
      auto const& other = theirs.model().parameters();
      auto const from = other.get(other.at(e.name)), now = store.get(e);
      if (!e.name.starts_with("roi_heads.box_predictor.")) {
        CHECK(now == from);
        continue;
      }
      auto const before = d.classes() == ours ? drawn.model().parameters().get(drawn.model().parameters().at(e.name)) : from;
      std::size_t const row = now.size() / label.size();
      for (std::size_t k = 0; k < label.size(); ++k)
        for (std::size_t i = 0; i < row; ++i) {
          std::size_t const their = label[k] < 0 ? 0 : static_cast<std::size_t>(label[k]) * row;
          CHECK(now[k * row + i] == (label[k] < 0 ? before[k * row + i] : from[their + i]));
        }
    }
  };
  auto const path = write(theirs, folder / "theirs.pth", [](std::string const& n) { return n; });
  weights_file const file(path);
  narrow_detector d(narrow_preset<>::config(ours), 1);
  d.model().parameters().initialise(6);
  auto const untouched = all_values(d.model());
  CHECK(sentence([&] { read_known(file, d); }) ==
        path.string() + ": expected names of its 3 classes, found none in the file, and no data set that is known by this number");
  CHECK(sentence([&] { read_known(file, d, {"x"}); }) == path.string() + ": expected names of its 3 classes, found 1 names");
  CHECK(all_values(d.model()) == untouched);
  CHECK(read_known(file, d, {"disc", "bar", "ring"}).empty());
  check(d, {0, 3, -1, 1, -1});

  check(with_classes(theirs, {"ring", "disc"}, {.threads = 1}), {0, 3, 1});
  CHECK(sentence([&] { with_classes(theirs, {"owl"}, {.threads = 1}); }) ==
        "classes of the detector: expected one named \"owl\", found none of that name");
}
