#include "frcnn/io/foreign_file.hpp"

#include "frcnn/io/safetensors.hpp"
#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn::io;
using namespace std::string_literals;

TEST_CASE("a model of another program, or no model, is told by its first bytes") {
  ::scratch folder;
  auto const found = [&](std::string const& bytes) {
    write_file_atomically(folder / "m", bytes);
    std::string const said = sentence([&] { safetensors_file file(folder / "m"); }), from = (folder / "m").string() + ": expected ";
    CHECK(said.starts_with(from));
    return said.substr(from.size());
  };
  std::string const rest(600, '\1'), is = "a safetensors file, found ";
  CHECK(found("PK\3\4"s + rest) == is + "a zip archive, as PyTorch (.pth), Keras and NumPy write one");
  CHECK(found("\x80\x02\x8A\x0A"s + rest) == is + "a pickle of Python, as older versions of PyTorch write it");
  CHECK(found("\x08\x07\x12\x07pytorch"s + rest) == is + "a protocol buffer, as ONNX writes it");
  CHECK(found("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n") ==
        is + "a pointer of Git LFS: the file itself was not fetched (git lfs pull)");
  CHECK(found("\xFF\xD8\xFF\xE0"s + rest) == is + "a JPEG image");
  CHECK(found("\x89HDF\r\n\x1A\n"s + rest) == is + "an HDF5 file, as Keras writes it");
  CHECK(found("\n<!DOCTYPE html>\n<html>") == is + "an HTML page (a download that gave an error or a login?)");
  CHECK(found("\xEF\xBB\xBF<HTML>" + rest) == is + "an HTML page (a download that gave an error or a login?)");
  CHECK(found("<?xml version=\"1.0\"?>") == is + "a text that begins with '<'");
  CHECK(found("{\"metadata\": {\"total_size\": 1}}") == is + "a text that begins with '{'");
  CHECK(found(std::string(257, 'a') + "ustar" + rest) == is + "a tar archive: unpack it first");
  CHECK(found("\x1F\x8B\x08\0"s + rest) == is + "a file packed by gzip: unpack it first");
  CHECK(found("\x1C\0\0\0TFL3"s + rest) == is + "a model of TensorFlow Lite");
  CHECK(found("\0\5\x16\7\0\2\0\0Mac OS X        "s + rest) ==
        is + "what macOS keeps beside a file (AppleDouble): names that begin with ._ may be deleted");
  CHECK(foreign_file("\x89PNG\r\n\x1A\n"s + rest) == "a PNG image");
  for (char const* line_end : {"\n", "\r\r\n"})
    CHECK(foreign_file("\x89PNG"s + line_end + "\x1A\n") == "a PNG image that a copy as text has spoilt: other line ends than PNG's own");
  CHECK(foreign_file("\xEF\xBF\xBDPNG\r\n") == "a PNG image that a copy as text has spoilt: bytes that are no UTF-8 are lost");
  CHECK(foreign_file("{\"metadata\": {\"total_size\": 1}, \"weight_map\": {}}") ==
        "an index of several safetensors files, none of which is a whole model: join them into one file");
  CHECK(foreign_file(std::string(600, '\0')) == "zeros where it begins (a copy that was cut off?)");
  CHECK(found("RIFF\1\1\1\1AVI LIST" + rest) == is + "a film");
  // what begins as a safetensors file does is judged as one, whatever its length looks like
  CHECK(found("\x08\x07\x12\0\0\0\0\0{"s + rest) == is + "a protocol buffer, as ONNX writes it");
  CHECK(found("\x50\0\0\0\0\0\0\0{}"s) == "a header of 80 bytes, found a file cut short after 10 bytes");
  CHECK(foreign_file("").empty());
  CHECK(foreign_file("cat").empty());
}
