// .pth files that PyTorch wrote (tests/golden/pth.py), and changed ones.
#include "frcnn/io/pth_file.hpp"

#include "all_of.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/io/pth_writer.hpp"
#include "frcnn/io/safetensors.hpp"
#include "scratch.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace frcnn;
using strings = std::vector<std::string>;

namespace {

std::string const golden = "tests/golden/pth/";

// Compares what the file has with what PyTorch read, whole and in parts; returns how many tensors.
std::size_t compare(io::pth_file const& file, std::string const& prefix) {
  static io::safetensors_file const expected("tests/golden/pth.safetensors");
  std::size_t compared = 0;
  for (auto const& name : file.names()) {
    std::string const key = prefix + "/" + name;
    if (!expected.contains(key)) continue;
    CAPTURE(key);
    ++compared;
    if (!file.shape(name).empty()) CHECK(file.shape(name) == expected.shape(key));  // NumPy writes a scalar as [1]
    auto const values = all_of<double>(expected, key);
    CHECK(all_of<double>(file, name) == values);
    std::vector<float> const narrow(values.begin(), values.end());
    CHECK(all_of<float>(file, name) == narrow);
    for (std::size_t first = 0; first < values.size(); first += 3) {
      std::vector<float> part(std::min<std::size_t>(3, values.size() - first));
      file.read_part(name, first, std::span<float>(part));
      CHECK(std::equal(part.begin(), part.end(), narrow.begin() + static_cast<std::ptrdiff_t>(first)));
    }
  }
  return compared;
}

io::pth_file in_memory(std::string const& bytes) { return {"m.pth", std::as_bytes(std::span(bytes))}; }
std::string refused(std::string const& file, std::string const& key = {}) {
  auto const text = sentence([&] { io::pth_file(golden + file, key); });
  REQUIRE(text.starts_with(golden + file + ": expected "));
  return text.substr(golden.size() + file.size() + 11);
}

}  // namespace

TEST_CASE("tensors of every kind, of every protocol, with and without checksums") {
  for (char const* name : {"kinds.pth", "protocol4.pth", "protocol5.pth", "weights.v1.2.pth", "no_crc.pth"}) {
    CAPTURE(name);
    io::pth_file const file(golden + name);
    CHECK(file.names() == strings{"bf16", "count", "empty", "f16", "f32", "f64", "mask", "scalar", "wide"});
    CHECK(file.key().empty());
    CHECK(compare(file, name) == 7);
    CHECK(file.shape("scalar").empty());
    CHECK(file.shape("empty") == io::tensor_shape{0, 4});
    float one;
    CHECK(sentence([&] { file.read_part("count", 0, std::span(&one, 1)); }) ==
          golden + name + ", tensor \"count\": expected values that fit F32, found type I64");
    CHECK(sentence([&] { file.check("f32", {6, 4}); }) == golden + name + ", tensor \"f32\": expected shape [6,4], found shape [4,6]");
    CHECK(sentence([&] { (void)file.shape("g"); }) == golden + name + ", tensor \"g\": expected such a tensor, found none of that name");
  }
}

TEST_CASE("views: shared storages, offsets, strides, channels_last, stride 0; the directory in Zip64's fields") {
  for (char const* name : {"views.pth", "zip64.pth"}) {
    io::pth_file const file(golden + name);
    CHECK(compare(file, name) == 14);
    CHECK(file.tensor("columns").record == file.tensor("transposed").record);
    CHECK(all_of<float>(file, "expanded") == std::vector<float>{-1, -.75, -.5, -1, -.75, -.5, -1, -.75, -.5, -1, -.75, -.5, -1, -.75, -.5});
  }
}

TEST_CASE("parameters, types of v3, attributes; what is no plain tensor of numbers is named when it is asked for") {
  io::pth_file const file(golden + "odd.pth");
  CHECK(compare(file, "odd.pth") == 2);
  CHECK(file.names() == strings{"complex", "f8", "note", "sparse", "u16", "w"});
  CHECK(sentence([&] { (void)file.shape("sparse"); }) ==
        golden + "odd.pth, tensor \"sparse\": expected a plain tensor, found one that \"torch._utils._rebuild_sparse_tensor\" makes");
  float two[2];
  CHECK(sentence([&] { file.read_part("f8", 0, std::span<float>(two)); }).find("found type F8_E4M3") != std::string::npos);
  CHECK(sentence([&] { file.read_part("u16", 0, std::span<float>(two)); }).find("found type U16") != std::string::npos);
}

TEST_CASE("the state dict inside a checkpoint, where it usually is or under a key") {
  io::pth_file const file(golden + "checkpoint.pth");
  CHECK(file.key() == "model");
  CHECK(file.names() == strings{"0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight",
                                "3.bias", "3.weight"});
  CHECK(compare(file, "checkpoint.pth") == 8);
  io::pth_file const ema(golden + "checkpoint.pth", "model_ema");
  CHECK(compare(ema, "checkpoint.pth/model_ema") == 8);
  CHECK((ema.names().size() == 9 && ema.contains("n_averaged")));
  CHECK(io::pth_file(golden + "other_keys.pth", "nets/a").names() == strings{"w"});
  io::pth_file const nested(golden + "nested.pth");
  CHECK((nested.key() == "model/state_dict" && nested.names() == strings{"w"}));
  CHECK(
      refused("checkpoint.pth", "mdoel") ==
      "a key \"mdoel\", found the keys \"optimizer\", \"lr_scheduler\", \"args\", \"epoch\", \"best\", \"seen\", \"rng\", \"history\" ...");
  CHECK(refused("checkpoint.pth", "args") == "a state dict under the key \"args\", found a value without keys");
  CHECK(refused("other_keys.pth") ==
        "a state dict, or one under model, state_dict, model_state, model_state_dict or ema (else say its key, as a/b where it lies in "
        "another), found the keys \"epoch\", \"nets\"");
}

TEST_CASE("files that are no state dicts are told apart, with what to do") {
  CHECK(refused("legacy.pth").find("older version (in Python: torch.save(torch.load(FILE") != std::string::npos);
  CHECK(refused("whole_model.pth") ==
        "a state dict, found a whole model (in Python: torch.save(torch.load(FILE, weights_only=False).state_dict(), NEW))");
  for (char const* key : {"", "model"})
    CHECK(refused("whole_in_dict.pth", key) ==
          "a state dict, found a whole model under \"model\" (in Python: torch.save(torch.load(FILE, "
          "weights_only=False)[\"model\"].state_dict(), "
          "NEW))");
  CHECK(refused("script.pth").find("a TorchScript archive (in Python: ") != std::string::npos);
  CHECK(refused("detectron2.pkl")
            .find("torch.save({k: torch.as_tensor(v) for k, v in d['model'].items()}, NEW) if its names are torchvision's") !=
        std::string::npos);
  CHECK(sentence([] { io::pth_file("tests/golden/pth.safetensors"); }).find("zip archive") != std::string::npos);
  CHECK(sentence([] { io::pth_file("tests/golden"); }) == "tests/golden: expected a .pth file, found a folder");
  CHECK(sentence([] { in_memory(""); }).find("found an empty file") != std::string::npos);
}

TEST_CASE("a .pth file of ours is a function of its contents, and PyTorch reads it") {
  io::pth_writer out;
  out.attributes = {{"format", "test 1"}, {"spec", "{\"a\":\"\xc3\xa9\"}"}};
  std::vector<float> numbers(24);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i) / 8;
  out.add_later<float>("conv.weight", {2, 3, 2, 2}, [&] { return numbers; });
  out.add<double>("d", {1}, {0.1});
  out.add<float>("empty", {0, 3}, {});
  out.add<float>("scalar", {}, {2});
  out.add<std::int64_t>("count", {2}, {-1, std::int64_t{1} << 40});
  CHECK(sentence([&] { out.add<float>("d", {1}, {1}); }) == "tensor \"d\": expected a name of its own, found one that is taken");
  ::scratch const folder;
  out.write(folder / "ours.pth");
  auto const bytes = io::read_file(folder / "ours.pth");
  CHECK(bytes == io::read_file(golden + "ours.pth"));  // tests/golden/pth.py reads it

  io::pth_file const file(folder / "ours.pth");
  CHECK(file.names() == strings{"conv.weight", "count", "d", "empty", "scalar"});
  CHECK(all_of<float>(file, "conv.weight") == numbers);
  CHECK(all_of<double>(file, "d") == std::vector<double>{0.1});
  CHECK(file.tensor("conv.weight").record->begin % 64 == 0);
  CHECK(file.attributes() == out.attributes);
  io::pth_writer wrong;
  wrong.add<float>("w", {2}, {1});
  CHECK(sentence([&] { wrong.write(folder / "w.pth"); }) == "tensor \"w\": expected 2 elements, found 1");
  CHECK(folder.entries() == 1);
}

// What a pickle can say many times at little cost would be copied for each tensor.
TEST_CASE("dimensions, names and bits of a tensor are bounded") {
  ::scratch const folder;
  auto const said = [&](std::string const& name, io::tensor_shape const& shape, std::size_t bits) {
    io::detail::pickle_text p;
    p.bytes += '}';
    p.text(name);
    p.name("torch._utils", "_rebuild_tensor_v2");
    p.bytes += "((";
    p.text("storage");
    p.name("torch", "FloatStorage");
    p.text("0");
    p.text("cpu");
    p.whole(1);
    p.bytes += "tQ";
    p.whole(0);
    p.tuple(shape);
    p.tuple(io::tensor_shape(shape.size(), 0));
    p.bytes += '\x89';
    p.empty_ordered_dict();
    p.bytes += "}(";
    for (std::size_t i = 0; i < bits; ++i) p.text("conj"), p.bytes += '\x89';
    p.bytes += "utRs.";
    {
      io::atomic_file file(folder / "m.pth");
      io::detail::zip_writer zip(file);
      zip.add("archive/data.pkl", p.bytes);
      zip.add("archive/data/0", "abcd");
      zip.finish();
      file.commit();
    }
    return sentence([&] { (void)io::pth_file(folder / "m.pth").shape(name); });
  };
  auto const ones = [](std::size_t dimensions) { return io::tensor_shape(dimensions, 1); };
  CHECK(said("w", ones(64), 32) == "nothing");
  CHECK(said("w", {4096, 4096}, 0) == "nothing");
  CHECK(said("w", {4096, 4097}, 0).find("found one of shape [4096,4097], which repeats the elements of a record of 4 bytes") !=
        std::string::npos);
  CHECK(said("w", ones(65), 1).find("found one of more than 64 dimensions") != std::string::npos);
  CHECK(said("w", ones(1), 33).find("found one whose bits are told by something else") != std::string::npos);
  CHECK(said(std::string(4097, 'w'), ones(1), 1).find("expected names of at most 4096 bytes") != std::string::npos);
}

TEST_CASE("a directory of an archive is bounded") {
  ::scratch const folder;
  std::string end("PK\5\6\0\0\0\0\1\0\1\0\0\0\0\x11\0\0\0\0\0\0", 22);  // one record in 0x11000000 bytes from 0
  {
    std::ofstream file(folder / "m.pth");
    file.seekp(0x11000000);  // a hole
    file << end;
  }
  io::byte_source const file(folder / "m.pth");
  CHECK(sentence([&] { io::zip_archive const zip(file); }) ==
        (folder / "m.pth").string() + ": expected a zip archive whose directory has at most 256 MiB, found 272 MiB");
}

TEST_CASE("damage: a part that is missing, and every flipped bit, is a sentence or changes nothing") {
  for (char const* name : {"views.pth", "zip64.pth"}) {
    std::string const good = io::read_file(golden + name);
    auto const read = [](std::string const& bytes) {
      io::pth_file const file = in_memory(bytes);
      std::map<std::string, std::vector<double>> all;
      for (auto const& n : file.names()) all[n] = all_of<double>(file, n);
      return all;
    };
    auto const expected = read(good);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 500; ++i) {
      auto bytes = good;
      bytes.resize(good.size() * i / 500);
      CAPTURE(bytes.size());
      CHECK_THROWS_AS((void)read(bytes), error);
    }
    host_rng draws(3, draw::test);
    for (int i = 0; i < 1500; ++i) {
      auto bytes = good;
      auto const at = static_cast<std::size_t>(draws.unit() * static_cast<double>(bytes.size()));
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << i % 8);
      CAPTURE(at);
      bool same = false;
      try {
        same = read(bytes) == expected;
      } catch (error const& e) {
        ++refused;
        same = std::string(e.what()).find('\n') == std::string::npos;
      }
      CHECK(same);
    }
    CHECK(refused > 700);
  }
}
