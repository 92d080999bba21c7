// Files of weights told apart by what they begin with.
#include "frcnn/io/open_weights.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn::io;
using namespace std::string_literals;

TEST_CASE("a file is opened as what it is, whatever it is called") {
  ::scratch const folder;
  auto const copy = [&](char const* from, char const* to) {
    std::filesystem::copy_file(std::string("tests/golden/") + from, folder / to);
    return folder / to;
  };
  CHECK(open_weights(copy("pth/kinds.pth", "a.bin"))->contains("f32"));
  CHECK(open_weights("tests/golden/pth/checkpoint.pth", "model_ema")->contains("module.0.weight"));
  CHECK(open_weights(copy("safetensors_peer.safetensors", "b.pth"))->contains("f64"));
  CHECK(sentence([&] { open_weights(folder / "b.pth", "model"); }).find("expected a .pth file, which has keys, found another") !=
        std::string::npos);
  // A header of 128, 384, .. bytes: its length begins as a pickle does. So does one of "PK\3\4", and a nonsense of a length stays a pickle's.
  for (std::size_t length : {128, 384}) {
    std::string header = R"({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})";
    header.resize(length, ' ');
    std::string file(8, '\0');
    file[0] = static_cast<char>(length & 255), file[1] = static_cast<char>(length >> 8);
    write_file_atomically(folder / "c.safetensors", file + header + "\0\0\x80\x3f"s);
    auto const opened = open_weights(folder / "c.safetensors");
    CHECK(opened->contains("w"));
  }
  CHECK(weight_format_of("PK\3\4\0\0\0\0{\"w\""s, "a.safetensors") == weight_format::safetensors);
  CHECK(weight_format_of("PK\3\4\0\0\10\0{\0\0\0"s, "a.pth") == weight_format::pth);
  CHECK(weight_format_of("\x80\2}q\1(X\1{\0\0\0"s, "a.pth") == weight_format::pth);
#if FRCNN_HAS_PROTOZERO
  CHECK(open_weights(copy("caffemodel/new.caffemodel", "c"))->contains("conv.weight"));
  CHECK(open_weights("tests/golden/caffemodel/old.caffemodel")->contains("conv1_1.weight"));
#else
  CHECK(sentence([&] { open_weights("tests/golden/caffemodel/old.caffemodel"); }).find("a build with protozero") != std::string::npos);
#endif
  CHECK(sentence([&] { open_weights("tests/golden/pth/legacy.pth"); }).find("older version") != std::string::npos);
  CHECK(sentence([&] { open_weights("tests/golden/images/grey.png"); }).find("found a PNG image") != std::string::npos);
  // What a download leaves in place of the file, whatever the name of that says.
  for (char const* extension : {".caffemodel", ".pth", ".pt", ".pkl", ".safetensors", ".bin", ""})
    for (auto const& [bytes, said] :
         {std::pair<std::string, char const*>("<!DOCTYPE html>\n<html><body>404</body></html>", "found an HTML page"),
          {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "found a pointer of Git LFS"},
          {"\x1f\x8b\x08" + std::string(600, '\1'), "found a file packed by gzip"},
          {std::string(257, 'a') + "ustar" + std::string(600, '\1'), "found a tar archive"}}) {
      auto const path = folder / (std::string("page") + extension);
      write_file_atomically(path, bytes);
      CAPTURE(path);
      CHECK(sentence([&] { open_weights(path); }).find(said) != std::string::npos);
    }
  CHECK(sentence([&] { open_weights(folder / "none.pth"); }).find("found nothing at that place") != std::string::npos);
}
