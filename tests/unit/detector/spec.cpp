// The specification of a detector in its model file: what it says, what it decides, what is refused. And files of the format before it.
#include "frcnn/load.hpp"
#include "frcnn/presets/resnet_c4.hpp"
#include "frcnn/presets/resnet_fpn.hpp"

#include "../io/scratch.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

#include <filesystem>

namespace {

using namespace detector_tests;
using small = presets::small_net<cpu>;
using vgg = presets::vgg16_tv<cpu>;

template <class Preset>
spec_json spec_of(typename detector<Preset>::config_type const& config) {
  return spec_writer("m").write(config);
}
template <class Preset>
typename detector<Preset>::config_type read(spec_json const& spec) {
  auto config = Preset::config({});
  spec_reader("m, spec", spec).read(config);
  return config;
}
// What the reader says of the spec of `small` with the value at a pointer ("/head/fc6") changed; a null takes it out.
std::string refusal(char const* pointer, spec_json const& value) {
  auto spec = spec_of<small>(small::config({"a"}));
  spec_json::json_pointer const at(pointer);
  if (value.is_null()) spec[at.parent_pointer()].erase(at.back());
  else spec[at] = value;
  return sentence([&] { read<small>(spec); });
}

// Pixels of the size given, each of them a draw.
template <class Preset>
detector<Preset> lively(typename detector<Preset>::config_type const& config) {
  detector<Preset> d(config, 1);
  liven(d.model());
  return d;
}
template <class Detector>
std::vector<float> numbers(Detector const& d, detect_options const& o = {.score = .01f}) {
  std::vector<float> all;
  for (auto const& f : d.detect(noise(150, 90), o))
    all.insert(all.end(), {f.score, f.where.x1, f.where.y1, f.where.x2, f.where.y2, static_cast<float>(f.label)});
  return all;
}

template <class Rules>
struct convention_part {
  void describe(auto& spec) { describe_convention<Rules>(spec); }
};
struct own_coder : box_coder {};
using with_own_coder = conventions::with_coder<conventions::torchvision, own_coder>;

}  // namespace

TEST_CASE("a spec says everything that changes detections, and comes back exactly") {
  auto const spec = spec_of<vgg>(vgg::config({"cat", "dog"}));
  CHECK(spec["version"] == 1);
  CHECK(spec["preset"] == "vgg16_tv");
  CHECK(spec["classes"] == spec_json{"cat", "dog"});
  CHECK(spec["input"]["short_side"] == 600);
  CHECK(spec["input"]["normalisation"]["mean"] == spec_json{.485, .456, .406});
  CHECK(spec["anchors"]["sizes"] == spec_json::parse("[[128,256,512]]"));
  CHECK(spec["convention"]["name"] == "torchvision");
  CHECK(spec["convention"]["detection_min_side"] == .01);
  CHECK(spec["convention"]["rpn_coder"]["log_cap"] == conventions::torchvision::log_cap);
  CHECK(spec["backbone"].get<std::string>().starts_with("conv 64 3x3/1 pad 1, conv 64 3x3/1 pad 1, pool 2x2/2 pad 0 floor, "));
  CHECK(spec["proposals"]["train"] == spec_json{{"before_nms", 12000}, {"after_nms", 2000}});
  CHECK(spec["proposals"]["test"] == spec_json{{"before_nms", 6000}, {"after_nms", 300}});
  CHECK(spec["proposals"]["nms_iou"] == .7);
  CHECK(spec["pooler"] == "RoIAlign");
  CHECK(spec["pooling"] == spec_json{{"pooled", 7}, {"sampling", 2}});
  CHECK(spec["head"]["fc6"] == 4096);
  CHECK(spec["head"]["detections"] == spec_json{{"score", .05}, {"nms", .5}, {"max_detections", 100}});

  auto odd = vgg::config({"a \"b\"", "\xc3\xbc"});
  odd.normalisation.mean[1] = 1. / 3;
  odd.anchor_sizes = {{1e-300, .1 + .2}};
  odd.proposals.nms_iou = 2. / 3;
  odd.head.fc7_rank = 5;
  odd.pooling.kind = roi::pooling::warp;
  auto const text = spec_of<vgg>(odd).dump();
  auto const back = read<vgg>(spec_json::parse(text));
  CHECK(back.normalisation == odd.normalisation);
  CHECK(back.anchor_sizes == odd.anchor_sizes);
  CHECK(back.proposals.nms_iou == odd.proposals.nms_iou);
  CHECK(back.pooling.kind == roi::pooling::warp);
  CHECK(spec_of<vgg>(back).dump() == text);
  CHECK(difference(spec_of<vgg>(back), spec_of<vgg>(odd)) == "");
}

TEST_CASE("the specs of the presets on ResNet say what torchvision's detectors have, and come back exactly") {
  auto const back = []<class Preset>(std::type_identity<Preset>) {
    auto const spec = spec_writer("m").write(Preset::config({"cat"}));
    auto config = Preset::config({});
    config.body.epsilon = .5, config.proposals.convolutions = 7, config.head.fc7 = 3;
    spec_reader("m, spec", spec).read(config);
    CHECK(spec_writer("m").write(config) == spec);
    return spec;
  };
  auto const fpn = back(std::type_identity<presets::fasterrcnn_resnet50_fpn<cpu>>());
  CHECK(fpn["backbone"] == "resnet 3 4 6 3 width 64, fpn 256");
  CHECK((fpn["norm_epsilon"] == 1e-5 && fpn["head_convolutions"] == 0 && !fpn["proposals"].contains("convolutions")));
  CHECK(fpn["anchors"]["sizes"] == spec_json::parse("[[32],[64],[128],[256],[512]]"));
  CHECK((fpn["proposals"]["test"]["before_nms"] == 1000 && fpn["proposals"]["train"]["after_nms"] == 2000));
  CHECK((fpn["head"]["fc6"] == 1024 && fpn["head"]["fc7"] == 1024 && fpn["input"]["max_side"] == 1333));
  auto const v2 = back(std::type_identity<presets::fasterrcnn_resnet50_fpn_v2<cpu>>());
  CHECK(v2["backbone"] == "resnet 3 4 6 3 width 64, fpn 256 normalised");
  CHECK((v2["proposals"]["convolutions"] == 2 && v2["head_convolutions"] == 4 && v2["head"]["fc7"] == 0));
  CHECK(back(std::type_identity<presets::resnet101_fpn<cpu>>())["backbone"] == "resnet 3 4 23 3 width 64, fpn 256");
  auto const c4 = back(std::type_identity<presets::resnet101_c4<cpu>>());
  CHECK((c4["backbone"] == "resnet 3 4 23 width 64" && c4["pooling"]["pooled"] == 14 && c4["head"]["fc6"] == 0));
  auto c = presets::fasterrcnn_resnet50_fpn<cpu>::config({"a"});
  CHECK(c.anchor_list() == std::vector<double>{32, 64, 128, 256, 512});
  c.set_anchors({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(c.anchor_sizes.back() == std::vector<double>{9, 10});
  CHECK(sentence([&] { c.set_anchors({1, 2, 3}); }) == "anchor sizes: expected as many for each of 5 maps, found 3 in all");
}

TEST_CASE("what a spec may not say is refused with its key") {
  CHECK(refusal("/head/fc6", 512) == "nothing");
  CHECK(refusal("/version", 2) == "m, spec \"version\": expected version 1, found 2");
  CHECK(refusal("/version", nullptr) == "m, spec \"version\": expected version 1, found none");
  CHECK(refusal("/proposals/soft_nms", true) ==
        "m, spec \"proposals.soft_nms\": expected the keys of version 1: kernel, train, test, stage, nms_iou, found one that this version "
        "does "
        "not know");
  CHECK(refusal("/mask", spec_json::object()).starts_with("m, spec \"mask\": expected the keys of version 1: version, preset, classes, "));
  CHECK(refusal("/proposals/test/after_nms", nullptr) ==
        "m, spec \"proposals.test.after_nms\": expected a whole number from 1 to 1000000, found none");
  CHECK(refusal("/proposals/test/after_nms", 0).ends_with("found 0"));
  CHECK(refusal("/proposals/test/after_nms", 300.5).ends_with("found 300.5"));
  CHECK(refusal("/proposals/test/after_nms", 18446744073709551615u).ends_with("found 18446744073709551615"));
  CHECK(refusal("/proposals", spec_json::array()) == "m, spec \"proposals\": expected an object, found []");
  CHECK(refusal("/proposals/nms_iou", "0.7") == "m, spec \"proposals.nms_iou\": expected a number from 0.0 to 1.0, found \"0.7\"");
  CHECK(refusal("/proposals/nms_iou", 1.5).ends_with("found 1.5"));
  CHECK(refusal("/input/short_side", -5) == "m, spec \"input.short_side\": expected a whole number from 1 to 65536, found -5");
  CHECK(refusal("/input/normalisation/mean", spec_json{1, 2}) == "m, spec \"input.normalisation.deviation\": expected 2 numbers, found 3");
  CHECK(refusal("/input/normalisation/mean", spec_json(std::vector<double>(17))) ==
        "m, spec \"input.normalisation.mean\": expected 1 to 16 numbers, one for each channel, found 17");
  CHECK(refusal("/input/normalisation/mean", spec_json::array()).ends_with("one for each channel, found 0"));
  for (double const v : {0., 1e-300, 1e-46})  // 0 as a float
    CHECK(refusal("/input/normalisation/deviation", spec_json{1, v, 1}).ends_with("expected finite numbers other than 0, found others"));
  CHECK(refusal("/input/normalisation/order", "grb") ==
        "m, spec \"input.normalisation.order\": expected \"rgb\" or \"bgr\", found \"grb\"");
  CHECK(refusal("/anchors/sizes", spec_json{1, 2}) == "m, spec \"anchors.sizes\": expected a list of lists of numbers, found [1,2]");
  CHECK(refusal("/classes", spec_json{"a", "a"}) == "m, spec \"classes\": expected names that are there once, found \"a\" twice");
  CHECK(refusal("/head/detections/score", nullptr).starts_with("m, spec \"head.detections.score\""));
  CHECK(refusal("/pooler", "RoIPool") == "nothing");
  CHECK(refusal("/pooler", "RoIWrap") == "m, spec \"pooler\": expected one of \"RoIAlign\", \"RoIPool\", \"RoIWarp\", found \"RoIWrap\"");
  CHECK(refusal("/pooler", 1).ends_with("found 1"));
  // what is in the code
  CHECK(refusal("/convention/name", "caffe") ==
        "m, spec \"convention.name\": expected \"torchvision\", which is in the code, found \"caffe\"");
  CHECK(refusal("/convention/head_coder/log_cap", "none").find("\"convention.head_coder.log_cap\"") != std::string::npos);
  CHECK(refusal("/backbone", "conv 32 3x3/1 pad 1").find("\"backbone\": expected \"conv 32 3x3/2 pad 1, ") != std::string::npos);

  auto config = small::config({"a"});
  config.proposals.test.after_nms = 0;
  CHECK(sentence([&] { spec_of<small>(config); }) ==
        "m, spec \"proposals.test.after_nms\": expected a whole number from 1 to 1000000, found 0");
}

TEST_CASE("keys that are written where they say something unusual, and files without them") {
  auto config = small::config({"a"});
  CHECK_FALSE(spec_of<small>(config).contains("targets"));
  CHECK_FALSE(spec_of<small>(config)["input"].contains("pyramid"));
  CHECK_FALSE(spec_of<small>(config).contains("rpn"));
  config.pyramid = {{480, 1200}, 200};
  config.head.empirical_targets = true;
  config.untrained_rpn = true;
  auto const spec = spec_of<small>(config);
  CHECK(spec["targets"] == "empirical");
  CHECK(spec["rpn"] == "untrained");
  CHECK(spec["input"]["pyramid"] == spec_json{{"short_sides", {480, 1200}}, {"region_side", 200}});
  auto const back = read<small>(spec);
  CHECK(back.pyramid.short_sides == config.pyramid.short_sides);
  CHECK(back.pyramid.region_side == 200);
  CHECK(back.head.empirical_targets);
  CHECK(back.untrained_rpn);
  CHECK(spec_of<small>(back) == spec);
  CHECK(refusal("/rpn", "new") == "m, spec \"rpn\": expected \"trained\" or \"untrained\", found \"new\"");
  CHECK(refusal("/targets", "measured") == "m, spec \"targets\": expected \"fixed\" or \"empirical\", found \"measured\"");
  CHECK(refusal("/input/pyramid", {{"short_sides", {480}}}) ==
        "m, spec \"input.pyramid.region_side\": expected a number from 1.0 to 65536.0, found none");
  CHECK(refusal("/input/pyramid", {{"short_sides", {.5}}, {"region_side", 224}}) ==
        "m, spec \"input.pyramid.short_sides\": expected whole numbers from 1 to 65536, found others");
  CHECK(refusal("/input/pyramid", {{"short_sides", spec_json::array()}, {"region_side", 224}}) ==
        "m, spec \"input.pyramid.short_sides\": expected 1 to 64 numbers, found 0");
}

TEST_CASE("dropout that scales in testing changes detections: it is written, and comes back") {
  ::scratch const folder;
  auto config = narrow_preset<>::config();
  REQUIRE(config.head.dropout == .5);
  CHECK_FALSE(spec_of<narrow_preset<>>(config).contains("dropout"));
  config.head.dropout_form = nn::dropout_form::in_testing;
  CHECK(spec_of<narrow_preset<>>(config)["dropout"] == spec_json{{"fraction", .5}, {"scaled", "in testing"}});
  auto const d = lively<narrow_preset<>>(config);
  save(d, folder / "m.safetensors");
  auto const back = load<narrow_preset<>>(folder / "m.safetensors", 1);
  CHECK(back.config().head.dropout_form == nn::dropout_form::in_testing);
  REQUIRE(numbers(d).size() > 0);
  CHECK(numbers(back) == numbers(d));

  auto scaled = config, less = config, none = config;
  scaled.head.dropout_form = nn::dropout_form::inverted;
  CHECK(numbers(lively<narrow_preset<>>(scaled)) != numbers(d));
  CHECK(difference(spec_of<narrow_preset<>>(scaled), spec_of<narrow_preset<>>(config)).starts_with("dropout.fraction: none and "));
  less.head.dropout = .25;
  CHECK(difference(spec_of<narrow_preset<>>(less), spec_of<narrow_preset<>>(config)) == "dropout.fraction: 0.25 and 0.5");
  none.head.dropout = 0;  // scales nothing
  CHECK_FALSE(spec_of<narrow_preset<>>(none).contains("dropout"));
  // A file without the key means what it always did, whatever the configuration that reads it has.
  spec_reader("m, spec", spec_of<narrow_preset<>>(scaled)).read(config);
  CHECK(config.head.dropout_form == nn::dropout_form::inverted);

  auto fpn = presets::fasterrcnn_resnet50_fpn<cpu>::config({"a"});
  auto const plain = spec_writer("m").text_of(fpn);
  CHECK(plain.find("dropout") == std::string::npos);
  fpn.head.dropout = .5, fpn.head.dropout_form = nn::dropout_form::in_testing;
  auto const written = spec_writer("m").write(fpn);
  auto read_again = presets::fasterrcnn_resnet50_fpn<cpu>::config({});
  spec_reader("m, spec", written).read(read_again);
  CHECK((read_again.head.dropout == .5 && read_again.head.dropout_form == nn::dropout_form::in_testing));
  CHECK(refusal("/dropout", {{"fraction", .5}}) == "m, spec \"dropout.scaled\": expected \"in training\" or \"in testing\", found none");
}

TEST_CASE("conventions in a spec: infinity, a coder of one's own") {
  auto const caffe = spec_writer("m").write(convention_part<conventions::caffe>());
  CHECK(caffe["rpn_coder"]["log_cap"] == "none");
  CHECK(caffe["proposal_min_side"] == 16);
  CHECK(spec_writer("m").write(convention_part<with_own_coder>())["head_coder"] == spec_json{{"name", "own"}});
  CHECK(difference(caffe, spec_writer("m").write(convention_part<with_own_coder>())).starts_with("ceil_pooling: true and false"));
}

TEST_CASE("a file's numbers make its detector, whatever the preset has meanwhile") {
  ::scratch const folder;
  auto config = narrow_preset<>::config();
  config.proposals.test = {50, 7};
  config.proposals.nms_iou = .5;
  config.pooling.sampling = 3;
  config.head.fc6 = 9;
  config.head.detections = {.02, .4, 5};
  auto const d = lively<narrow_preset<>>(config);
  save(d, folder / "a.safetensors");
  auto const back = load<narrow_preset<>>(folder / "a.safetensors", 1);  // whose config() says 30 proposals, 10 outputs of fc6, 100 boxes
  CHECK(back.propose(noise(150, 90)).size() == 7);
  CHECK(back.model().generator().options().nms_iou == .5);
  CHECK(back.model().head().options().fc6 == 9);
  CHECK(numbers(back) == numbers(d));
  save(back, folder / "b.safetensors");
  CHECK(io::read_file(folder / "a.safetensors") == io::read_file(folder / "b.safetensors"));

  // The file's own thresholds where a call says none.
  CHECK(numbers(back, {}).size() == 5 * 6);
  CHECK(numbers(back, {}) == numbers(back, {.score = .02f, .nms = .4, .max_detections = 5}));
  CHECK(numbers(back, {.nms = 1.f, .max_detections = 100}).size() > numbers(back, {.max_detections = 100}).size());
}

TEST_CASE("an even kernel of the RPN, whose maps would have another size, is refused") {
  for (int const kernel : {2, 4, 64}) {
    auto config = narrow_preset<>::config();
    config.proposals.kernel = kernel;
    CHECK(sentence([&] { detector<narrow_preset<>> d(config); }) ==
          "region proposal network: expected an odd kernel, found " + std::to_string(kernel));
  }
}

TEST_CASE("a file of format 1 whose preset keeps no values for it has the preset's") {
  auto const path = std::filesystem::path(__FILE__).parent_path() / "../../golden/model_file_1.safetensors";
  io::safetensors_file const file(path);
  CHECK(preset_of(file) == "narrow");
  CHECK(read_config(file).classes == std::vector<std::string>{"disc", "bar", "ring"});
  auto const config = read_config<narrow_preset<>>(file);
  CHECK(config.short_side == 64);
  CHECK(config.head.fc6_rank == 2);
  CHECK(config.head.fc7_rank == 0);
  CHECK(config.proposals.test.after_nms == 30);
  CHECK(sentence([&] { read_config<small>(file); }).ends_with("expected a model of preset small, found one of preset narrow"));

  // Detections of the library that wrote the file.
  auto const d = load<narrow_preset<>>(path, 1);
  auto const found = d.detect(noise(150, 90), {.score = .3f});
  REQUIRE(found.size() == 35);
  detection const expected[] = {{{102.3784f, 19.9927f, 123.9850f, 70.2028f}, .414132f, 1},
                                {{79.0685f, .5741f, 100.7212f, 22.7598f}, .301257f, 3}};
  for (std::size_t i = 0; i < 2; ++i) {
    auto const &ours = i ? found.back() : found.front(), &theirs = expected[i];
    CHECK(ours.label == theirs.label);
    CHECK(std::abs(ours.score - theirs.score) < 1e-5f);
    for (float const by : {ours.where.x1 - theirs.where.x1, ours.where.y1 - theirs.where.y1, ours.where.x2 - theirs.where.x2,
                           ours.where.y2 - theirs.where.y2})
      CHECK(std::abs(by) < .01f);
  }
}

TEST_CASE("files of format 1 of the library's presets mean what they meant") {
  ::scratch const folder;
  detector<small> d(small::config({"a", "b"}), 1);
  d.model().parameters().initialise(2);
  auto const write = [&](std::map<std::string, std::string> const& changes) {
    io::safetensors_writer out;
    out.metadata = {{"format", "frcnn 1"},
                    {"preset", "small"},
                    {"classes", "[\"a\",\"b\"]"},
                    {"anchor_sizes", "[[24.0,48.0,96.0]]"},
                    {"anchor_ratios", "[0.5,1.0,2.0]"},
                    {"short_side", "64"},
                    {"max_side", "128"},
                    {"normalisation", "{\"deviation\":[0.229,0.224,0.225],\"mean\":[0.485,0.456,0.406],\"order\":\"rgb\",\"range\":1.0}"}};
    for (auto const& [key, value] : changes) out.metadata[key] = value;
    add_parameters(out, d.model().parameters());
    out.write(folder / "old.safetensors");
  };
  write({});
  auto const old = load<small>(folder / "old.safetensors", 1);
  auto const& c = old.config();
  CHECK(c.short_side == 64);
  CHECK(c.max_side == 128);
  // These are the numbers of that time. They stay when a preset changes.
  CHECK((c.proposals.train.before_nms == 2000 && c.proposals.train.after_nms == 2000));
  CHECK((c.proposals.test.before_nms == 6000 && c.proposals.test.after_nms == 300));
  CHECK((c.proposals.kernel == 3 && c.proposals.nms_iou == .7));
  CHECK((c.pooling.pooled == 7 && c.pooling.sampling == 2));
  CHECK((c.head.fc6 == 512 && c.head.fc7 == 512 && c.head.fc6_rank == 0));
  CHECK((c.head.detections.score == .05 && c.head.detections.nms == .5 && c.head.detections.max_detections == 100));
  CHECK(numbers(load_detector(folder / "old.safetensors", 1)) == numbers(old));

  auto frozen = spec_json::parse(vgg::spec_of_format_1());
  CHECK(frozen["proposals"]["train"]["before_nms"] == 12000);
  CHECK(frozen["head"]["fc7"] == 4096);
  auto now = spec_of<vgg>(vgg::config({"a"}));
  for (auto const* key : {"version", "preset", "classes", "input", "anchors"}) frozen[key] = now[key];
  CHECK(sentence([&] { read<vgg>(frozen); }) == "nothing");  // the code still does what these files need

  auto const said = [&](char const* key, char const* value) {
    write({{key, value}});
    return sentence([&] { load<small>(folder / "old.safetensors"); });
  };
  auto const in = (folder / "old.safetensors").string() + ", metadata ";
  CHECK(said("short_side", "4294967297") == in + "\"input.short_side\": expected a whole number from 1 to 65536, found 4294967297");
  CHECK(said("classes", "[\"a\",\"a\"]") == in + "\"classes\": expected names that are there once, found \"a\" twice");
  CHECK(said("classes", "{\"x\": [") == in + "\"classes\": expected a value in JSON, found a mistake at its byte 8");
  CHECK(said("fc_ranks", "[4]") == in + "\"fc_ranks\": expected two whole numbers, found \"[4]\"");
  CHECK(said("fc_ranks", "[4,-3]") == in + "\"head.fc7_rank\": expected a whole number from 0 to 1048576, found -3");
  CHECK(said("normalisation", "7") == in + "\"input.normalisation\": expected an object, found 7");
}

TEST_CASE("parameters from a file with other names, by a table; what is missing or left over is said") {
  ::scratch const folder;
  auto const d = lively<narrow_preset<>>(narrow_preset<>::config());
  io::safetensors_writer out;
  auto const& store = d.model().parameters();
  for (auto const& e : store.entries()) {
    auto name = e.name;
    if (name.starts_with("backbone.")) name.replace(0, 9, "features.");
    if (name.starts_with("roi_heads.box_head.fc6.")) name.replace(0, 23, "classifier.0.");
    auto const shape = e.file_shape();
    out.add<float>(name, {shape.begin(), shape.end()}, store.get(e));
  }
  out.write(folder / "theirs.safetensors");
  io::safetensors_file const file(folder / "theirs.safetensors");
  io::rename_table const table{{"features.*", "backbone.*"}, {"classifier.0.*", "roi_heads.box_head.fc6.*"}};

  detector<narrow_preset<>> other(narrow_preset<>::config(), 1);
  auto& to = other.model().parameters();
  to.initialise(1);
  read_parameters(io::renamed_source(file, table), to);
  CHECK(all_values(other.model()) == all_values(d.model()));
  CHECK(numbers(other) == numbers(d));

  to.initialise(1);
  auto const before = all_values(other.model());
  CHECK(compare_names(file, to).missing.size() == 14);
  CHECK(compare_names(file, to).left_over.size() == 14);
  auto const where = (folder / "theirs.safetensors").string();
  CHECK(sentence([&] { read_parameters(io::renamed_source(file, {table[0]}), to); }) ==
        where + ", tensor \"roi_heads.box_head.fc6.bias\": expected such a tensor of shape [10], found none of that name, and of 1 more");
  auto doubled = table;
  doubled.push_back({"rpn.head.cls_logits.*", "mask.*"});
  CHECK(sentence([&] { read_parameters(io::renamed_source(file, doubled), to); }).find("cls_logits") != std::string::npos);
  CHECK(all_values(other.model()) == before);  // nothing is read before all of it fits
}
