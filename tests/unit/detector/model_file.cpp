// Model files hold everything detect needs, byte for byte; and the images a detector takes.
#include "../engines.hpp"
#include "../io/scratch.hpp"
#include "frcnn/load.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace {

using namespace detector_tests;
namespace fs = std::filesystem;

// Random weights, stronger predictors than an untrained detector's so that scores differ.
detector<narrow_preset<>> random_detector(cpu_options const& options = {.threads = 1}) {
  detector<narrow_preset<>> d(narrow_preset<>::config(), options);
  auto& store = d.model().parameters();
  store.initialise(11);
  for (auto const* name : {"roi_heads.box_predictor.cls_score.weight", "rpn.head.cls_logits.weight"}) {
    auto values = store.get(store.at(name));
    for (auto& v : values) v *= 20;
    store.set(store.at(name), values);
  }
  return d;
}

// The saved file with its tensors and metadata changed by `edit`.
template <class Edit>
void rewrite(fs::path const& from, fs::path const& to, Edit edit) {
  io::safetensors_file const file(from);
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, io::tensor_shape> shapes;
  for (auto const& [name, t] : file.tensors()) {
    values[name] = file.read<float>(name);
    shapes[name] = t.shape;
  }
  auto metadata = file.metadata();
  edit(values, shapes, metadata);
  io::safetensors_writer out;
  out.metadata = metadata;
  for (auto const& [name, v] : values) out.add<float>(name, shapes[name], v);
  out.write(to);
}

TEST_CASE("a detector comes back from its file as it was, and equal detectors give equal bytes") {
  ::scratch const folder;
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    auto const d = random_detector(options);
    save(d, folder.path / "a.safetensors");
    auto const back = load<narrow_preset<>>(folder.path / "a.safetensors", options);
    save(back, folder.path / "b.safetensors");
    CHECK(io::read_file(folder.path / "a.safetensors") == io::read_file(folder.path / "b.safetensors"));
    CHECK(io::read_file(folder.path / "a.safetensors").find("frcnn-model-file") == std::string::npos);

    auto const im = noise(150, 90);
    auto const boxes = d.detect(im, {.score = 0.3f});
    REQUIRE(boxes.size() > 0);
    CHECK(boxes == back.detect(im, {.score = 0.3f}));
    CHECK(back.classes() == d.classes());
    CHECK(back.config().normalisation == d.config().normalisation);
    CHECK(back.config().anchor_sizes == d.config().anchor_sizes);
    CHECK(back.class_name(1) == "disc");
  }
}

TEST_CASE("what is wrong with a model file is said in one sentence") {
  ::scratch const folder;
  auto const good = folder.path / "good.safetensors", bad = folder.path / "bad.safetensors";
  save(random_detector(), good);
  auto const refused = [&](auto edit) {
    rewrite(good, bad, edit);
    return sentence([&] { load<narrow_preset<>>(bad); });
  };
  std::string const fc7 = "roi_heads.box_head.fc7.bias";
  auto const has = [](std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; };

  auto text = refused([&](auto& values, auto&, auto&) { values.erase(fc7); });
  CHECK_MESSAGE((has(text, "bad.safetensors") && has(text, fc7)), text);
  text = refused([&](auto& values, auto& shapes, auto&) { values["extra"] = {1}, shapes["extra"] = {1}; });
  CHECK_MESSAGE((has(text, "bad.safetensors") && has(text, "extra")), text);
  text = refused([&](auto& values, auto& shapes, auto&) { values[fc7].resize(3), shapes[fc7] = {3}; });
  CHECK_MESSAGE((has(text, fc7) && has(text, "[3]")), text);
  auto const replaced = [](std::string text, std::string const& from, std::string const& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  text = refused([&](auto&, auto&, auto& metadata) { metadata["spec"] = replaced(metadata["spec"], "narrow", "small"); });
  CHECK_MESSAGE((has(text, "narrow") && has(text, "small")), text);
  text = refused([](auto&, auto&, auto& metadata) { metadata.erase("format"); });
  CHECK_MESSAGE(has(text, "model file of this library"), text);
  text = refused([](auto&, auto&, auto& metadata) { metadata["format"] = "frcnn 3"; });
  CHECK_MESSAGE((has(text, "\"format\": \"frcnn 2\"") && has(text, "found \"frcnn 3\"")), text);
  text = refused([](auto&, auto&, auto& metadata) { metadata.erase("spec"); });
  CHECK_MESSAGE(has(text, "bad.safetensors: expected metadata \"spec\", found none of that name"), text);
  text = refused([](auto&, auto&, auto& metadata) { metadata["spec"].resize(40); });
  CHECK_MESSAGE(has(text, "bad.safetensors, metadata \"spec\": expected a specification in JSON, found a mistake at its byte"), text);
  text = refused([&](auto&, auto&, auto& metadata) { metadata["spec"] = replaced(metadata["spec"], "\"fc7\"", "\"fc6\""); });
  CHECK_MESSAGE(has(text, "expected a name that is there once, found \"fc6\" twice"), text);
  for (auto const* key : {"\"classes\"", "\"sizes\"", "\"short_side\"", "\"normalisation\"", "\"fc6\"", "\"before_nms\"", "\"version\""}) {
    text = refused([&](auto&, auto&, auto& metadata) { metadata["spec"] = replaced(metadata["spec"], key, "\"other\""); });
    CHECK_MESSAGE((has(text, key + 1) || has(text, "." + std::string(key + 1))), text);
    CHECK_MESSAGE(has(text, "bad.safetensors, spec \""), text);
  }
  // another preset's file is a sentence for load_detector too
  rewrite(good, bad, [&](auto&, auto&, auto& metadata) { metadata["spec"] = replaced(metadata["spec"], "narrow", "vgg19"); });
  text = sentence([&] { load_detector(bad); });
  CHECK_MESSAGE((has(text, "vgg19") && has(text, "small")), text);
}

TEST_CASE("weights that are no numbers are refused with their tensor") {
  ::scratch const folder;
  auto d = random_detector();
  auto const& first = d.model().parameters().entries().front();
  auto values = d.model().parameters().get(first);
  values.back() = std::numeric_limits<float>::quiet_NaN();
  d.model().parameters().set(first, values);
  save(d, folder.path / "nan.safetensors");
  auto const message = sentence([&] { load<narrow_preset<>>(folder.path / "nan.safetensors"); });
  CHECK(message.find("nan.safetensors, tensor \"" + first.name + "\": expected finite numbers, found infinity or NaN") !=
        std::string::npos);
}

TEST_CASE("a model file whose weights are not those that were saved is refused with the tensor, read or mapped") {
  ::scratch const folder;
  auto const path = folder.path / "m.safetensors";
  using small = presets::small_net<cpu>;
  detector<small> made(small::config({"a", "b"}), 1);
  made.model().parameters().initialise(2);
  save(made, path);
  auto const good = io::read_file(path);
  auto const put = [&](std::string const& bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  auto const refused = [&](std::string const& bytes) {
    put(bytes);
    auto const text = sentence([&] { load<small>(path, 1); });
    CHECK(sentence([&] { load<small>(path, 1, model_weights::mapped); }) == text);
    CHECK(sentence([&] { load_detector(path, 1); }) == text);
    return text;
  };
  auto const of = [&](std::string const& tensor) {
    return path.string() + ", tensor \"" + tensor + "\": expected the bytes of its checksums, found others within bytes ";
  };
  CHECK(refused(good) == "nothing");

  io::safetensors_file const file("m", std::as_bytes(std::span(good)));
  for (char const* name : {"roi_heads.box_head.fc6.weight", "backbone.0.weight", "roi_heads.box_predictor.cls_score.bias"}) {
    auto const& t = file.tensor(name);
    auto flipped = good;
    flipped[(t.begin + t.end) / 2] ^= 1;
    CHECK_MESSAGE(refused(flipped).starts_with(of(name)), refused(flipped));
    flipped = good;  // another exponent: infinity, or NaN
    flipped[(t.begin + t.end) / 2 / 4 * 4 + 3] = '\x7f', flipped[(t.begin + t.end) / 2 / 4 * 4 + 2] = '\xff';
    CHECK_MESSAGE(refused(flipped).starts_with(of(name)), refused(flipped));
  }
  auto zeroed = good;
  std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(zeroed.size() / 2), zeroed.end(), '\0');
  auto const text = refused(zeroed);
  CHECK_MESSAGE((text.starts_with(path.string() + ", tensor ") && text.find("the bytes of its checksums") != std::string::npos), text);
  CHECK(refused(good.substr(0, good.size() - 1000)).find("the file is cut short") != std::string::npos);
  auto renamed = good;  // a mean of the input, a name of a class
  auto const at = renamed.find("\\\"mean\\\":[0.") + 13;
  renamed[at] = renamed[at] == '1' ? '2' : '1';
  CHECK(refused(renamed).starts_with(path.string() + ", metadata: expected the text of its checksum, found another"));

  auto older = good;  // a file of a writer without checksums
  older[older.find(io::tensor_sums::key)] = 'x';
  put(older);
  for (auto const how : {model_weights::read, model_weights::mapped}) {
    auto const back = load<small>(path, 1, how);
    for (auto const& e : back.model().parameters().entries())
      CHECK((back.model().parameters().get(e) == made.model().parameters().get(made.model().parameters().at(e.name))));
  }
}

TEST_CASE("a program chooses the presets that it can load, its own among them") {
  ::scratch const folder;
  auto const d = random_detector();
  save(d, folder.path / "narrow.safetensors");
  constexpr preset_entry mine[] = {preset_row<narrow_preset<>>}, others[] = {preset_row<presets::small_net<cpu>>};
  auto const any = load_detector(folder.path / "narrow.safetensors", mine, {.threads = 1});
  CHECK(any.config().preset == "narrow");
  CHECK(any.classes() == d.classes());
  auto text = sentence([&] { load_detector(folder.path / "narrow.safetensors", others); });
  CHECK_MESSAGE(text == "preset: expected one of small, found narrow", text);
  text = sentence([&] { load_detector(folder.path / "narrow.safetensors"); });
  CHECK_MESSAGE(text == "preset: expected one of small, vgg16_tv, found narrow", text);
  CHECK(library_presets<cpu>::names() == "small, vgg16_tv");
  CHECK(preset_list<narrow_preset<>, presets::small_net<cpu>>::with("small", []<class P>() { return std::string(P::name); }) == "small");
  CHECK_THROWS_AS(preset_list<narrow_preset<>>::with("small", []<class P>() {}), error);
}

TEST_CASE("load_detector serves a preset that only the file knows") {
  ::scratch const folder;
  auto config = presets::small_net<cpu>::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 128;
  detector<presets::small_net<cpu>> d(config, 1);
  d.model().parameters().initialise(2);
  save(d, folder.path / "small.safetensors");
  auto const any = load_detector(folder.path / "small.safetensors", 1);
  CHECK(any.config().preset == "small");
  CHECK(any.class_name(2) == "b");
  auto const im = noise(100, 70);
  CHECK(any.detect(im, {.score = 0.01f}) == d.detect(im, {.score = 0.01f}));
  CHECK(any.propose(im).size() > 0);
}

TEST_CASE(
    "large weights are read, or mapped where that is asked for: the same detector; saving over its file and training leave it whole") {
  ::scratch const folder;
  auto const path = folder.path / "small.safetensors";
  using small = presets::small_net<cpu>;
  auto config = small::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 128;
  detector<small> made(config, 1);
  made.model().parameters().initialise(2);
  save(made, path);
  auto const bytes = io::read_file(path);
  auto const weight = [](detector<small> & d) -> auto& { return d.model().parameters().at("roi_heads.box_head.fc6.weight"); };

  auto mapped = load<small>(path, 1, model_weights::mapped), read = load<small>(path, 1);
  CHECK(weight(mapped).lent);
  CHECK_FALSE(weight(read).lent);
  CHECK_FALSE(mapped.model().parameters().at("roi_heads.box_head.fc6.bias").lent);
  auto const im = noise(100, 70);
  auto const expected = made.detect(im, {.score = 0.01f});
  REQUIRE(expected.size() > 0);
  CHECK(mapped.detect(im, {.score = 0.01f}) == expected);
  CHECK(read.detect(im, {.score = 0.01f}) == expected);

  save(mapped, path);  // from the file that is replaced
  CHECK(io::read_file(path) == bytes);
  CHECK(mapped.detect(im, {.score = 0.01f}) == expected);
  mapped.model().parameters().enable_gradients();
  CHECK_FALSE(weight(mapped).lent);
  weight(mapped).p->value.data[0] += 1;
  CHECK(io::read_file(path) == bytes);
  CHECK(weight(mapped).p->value.data[0] == weight(read).p->value.data[0] + 1);
}

TEST_CASE("a file that is written over, cut short or removed under its detector changes nothing") {
  ::scratch const folder;
  auto const path = folder.path / "m.safetensors";
  auto config = presets::small_net<cpu>::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 128;
  detector<presets::small_net<cpu>> made(config, 1);
  made.model().parameters().initialise(2);
  save(made, path);
  auto const loaded = load<presets::small_net<cpu>>(path, 1);
  auto const any = load_detector(path, 1);
  auto const im = noise(100, 70);
  auto const expected = loaded.detect(im, {.score = 0.01f});
  REQUIRE(expected.size() > 0);

  auto const write_over = [&](std::string const& bytes) {  // as cp does: the same file
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  made.model().parameters().initialise(3);
  save(made, folder.path / "other.safetensors");
  auto const other = io::read_file(folder.path / "other.safetensors");
  REQUIRE(other.size() == fs::file_size(path));
  write_over(other);
  CHECK(loaded.detect(im, {.score = 0.01f}) == expected);
  CHECK(any.detect(im, {.score = 0.01f}) == expected);
  fs::resize_file(path, 100);
  CHECK(loaded.detect(im, {.score = 0.01f}) == expected);
  fs::remove(path);
  CHECK(any.detect(im, {.score = 0.01f}) == expected);
}

TEST_CASE("what load refuses is not saved") {
  ::scratch const folder;
  auto const path = folder.path / "m.safetensors";
  auto const refused = [&](auto edit) {
    auto config = narrow_preset<>::config();
    edit(config);
    return sentence([&] {
      detector<narrow_preset<>> d(config, 1);
      save(d, path);
    });
  };
  auto const in = path.string() + ", spec ";
  CHECK(refused([](auto&) {}) == "nothing");
  REQUIRE(fs::remove(path));
  CHECK(refused([](auto& c) { c.classes[0] = "\xEA\xEE\xF2"; }) ==
        path.string() + ": expected names of classes in UTF-8, found other bytes");
  CHECK(refused([](auto& c) { c.classes[1] = c.classes[0]; }) ==
        in + "\"classes\": expected names that are there once, found \"disc\" twice");
  CHECK(refused([](auto& c) { c.classes[1] = ""; }) == in + "\"classes\": expected names, found an empty one");
  CHECK(refused([](auto& c) { c.short_side = 0; }) == in + "\"input.short_side\": expected a whole number from 1 to 65536, found 0");
  CHECK(refused([](auto& c) { c.max_side = 70000; }) == in + "\"input.max_side\": expected a whole number from 1 to 65536, found 70000");
  CHECK(refused([](auto& c) {
          c.normalisation.deviation[1] = 0;
        }).starts_with(in + "\"input.normalisation.deviation\": expected finite numbers other than 0"));
  CHECK(refused([](auto& c) {
          c.normalisation.mean[1] = std::nan("");
        }).starts_with(in + "\"input.normalisation.mean\": expected finite numbers"));
  CHECK(refused([](auto& c) { c.preset = "small"; }) ==
        path.string() + ": expected a model of preset narrow, found one whose configuration says \"small\"");
  CHECK(refused([](auto& c) { c.classes.clear(); }) != "nothing");
  CHECK_FALSE(fs::exists(path));

  CHECK_THROWS_AS(random_detector().class_name(0), error);
  CHECK_THROWS_AS(random_detector().class_name(-1), error);
}

TEST_CASE("another network than the preset's is refused before it trains, and when it is saved") {
  ::scratch const folder;
  auto const path = folder.path / "m.safetensors";
  auto const made = []<class Preset>(std::type_identity<Preset>, auto edit) {
    auto config = Preset::config({"a"});
    edit(config);
    return sentence([&] { detector<Preset> d(config, 1); });
  };
  auto const saved = [&]<class Preset>(std::type_identity<Preset>, auto edit) {
    auto config = Preset::config({"a"});
    edit(config);
    return sentence([&] {
      detector<Preset> const d{detector<typename Preset::family>(config, 1)};
      save(d, path);
    });
  };
  std::type_identity<narrow_preset<>> const narrow;
  auto const in = path.string() + ", ";
  std::string const of_narrow = "configuration of preset narrow, ",
                    in_code = ", which is in its code (another network is a preset of its own)";
  auto const description = backbone::description(narrow_chain::make().layers);
  auto const wider = [](auto& c) { c.chain.layers.back().channels = 24; };
  auto const of_24 = [&] {
    auto chain = narrow_chain::make();
    chain.layers.back().channels = 24;
    return backbone::description(chain.layers);
  }();
  CHECK(made(narrow, [](auto&) {}) == "nothing");
  CHECK(made(narrow, [](auto& c) { c.head.fc6 = 9, c.pooling.pooled = 3, c.chain.frozen = 1; }) == "nothing");
  CHECK(made(narrow, wider) == of_narrow + "chain: expected " + description + in_code + ", found " + of_24);
  CHECK(saved(narrow, wider) == in + "spec \"backbone\": expected " + printable("\"" + description + "\"", 100) +
                                    ", which is in the code, found " + printable("\"" + of_24 + "\"", 100));
  auto const unshared = [](auto& c) { c.shares = false; };
  CHECK(made(narrow, unshared) == of_narrow + "shares: expected true" + in_code + ", found false");
  CHECK(saved(narrow, unshared) == in + of_narrow + "shares: expected true" + in_code + ", found false");
  auto const renamed = [](auto& c) { c.head.names = {"a", "b"}; };
  CHECK(made(narrow, renamed) == of_narrow + "head.names: expected fc6 fc7" + in_code + ", found a b");
  CHECK(saved(narrow, renamed).starts_with(in + of_narrow + "head.names: "));
  CHECK_FALSE(fs::exists(path));
  CHECK(saved(narrow, [](auto&) {}) == "nothing");
}

TEST_CASE("images from memory: RGB, BGR, grey, rows with gaps") {
  auto const d = random_detector();
  auto const im = noise(120, 80);
  auto const expected = d.detect(im, {.score = 0.3f});
  REQUIRE(expected.size() > 0);

  std::vector<std::uint8_t> bgr(im.pixels.size());
  for (std::size_t i = 0; i < bgr.size(); ++i) bgr[i] = im.pixels[i - i % 3 + 2 - i % 3];
  CHECK(expected == d.detect({bgr.data(), 120, 80, pixel_format::bgr, 0}, {.score = 0.3f}));

  std::vector<std::uint8_t> gaps(80 * 500, 99);
  for (int y = 0; y < 80; ++y) std::copy_n(im.at(0, y), 360, gaps.begin() + y * 500);
  CHECK(expected == d.detect({gaps.data(), 120, 80, pixel_format::rgb, 500}, {.score = 0.3f}));

  std::vector<std::uint8_t> grey(120 * 80);
  image same(120, 80);
  for (std::size_t i = 0; i < grey.size(); ++i) {
    grey[i] = im.pixels[3 * i];
    for (std::size_t c = 0; c < 3; ++c) same.pixels[3 * i + c] = grey[i];
  }
  CHECK(d.detect(same, {.score = 0.3f}) == d.detect({grey.data(), 120, 80, pixel_format::grey, 0}, {.score = 0.3f}));

  CHECK_THROWS_AS(d.detect(image_view{}), error);
  CHECK_THROWS_AS(d.detect({grey.data(), 0, 80, pixel_format::grey, 0}), error);
}

TEST_CASE("score, NMS and the number of boxes are the caller's") {
  auto const d = random_detector();
  auto const im = noise(150, 90);
  auto const all = d.detect(im, {.score = 0.05f});
  REQUIRE(all.size() > 3);
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].score >= all[i].score);
  auto const few = d.detect(im, {.score = 0.05f, .max_detections = 3});
  CHECK(few.size() == 3);
  CHECK(few == std::vector(all.begin(), all.begin() + 3));
  CHECK(d.detect(im, {.score = 0.05f, .nms = 1.0f, .max_detections = 10000}).size() > all.size());
  CHECK(d.detect(im, {.score = 1.0f}).empty());
}

}  // namespace
