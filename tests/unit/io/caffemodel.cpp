// .caffemodel files in the forms that people have (tests/golden/caffemodel.py), and changed ones.
#if FRCNN_HAS_PROTOZERO
#include "frcnn/io/caffemodel.hpp"

#include "all_of.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/io/safetensors.hpp"
#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

std::string const folder = "tests/golden/caffemodel/";

void compare(std::string const& name) {
  io::safetensors_file const expected("tests/golden/caffemodel.safetensors");
  io::caffemodel const file(folder + name);
  std::vector<std::string> names;
  for (auto const& n : expected.names())
    if (n.starts_with(name + "/")) names.push_back(n.substr(name.size() + 1));
  CHECK(file.names() == names);
  for (auto const& n : names) {
    CAPTURE(n);
    auto const key = name + "/" + n;
    CHECK(file.shape(n) == expected.shape(key));
    auto const values = all_of<double>(expected, key);
    CHECK(all_of<double>(file, n) == values);
    std::vector<float> const narrow(values.begin(), values.end());
    CHECK(all_of<float>(file, n) == narrow);
    for (std::size_t first = 0; first + 2 <= values.size(); ++first) {
      float two[2];
      file.read_part(n, first, std::span<float>(two));
      CHECK((two[0] == narrow[first] && two[1] == narrow[first + 1]));
    }
  }
}

std::string said(std::string const& name) {
  return sentence([&] { io::caffemodel(folder + name); }).substr(folder.size() + name.size());
}

}  // namespace

TEST_CASE("layers of the new form: packed, split and unpacked floats, doubles, halves, old shapes, equal names") {
  compare("new.caffemodel");
}

TEST_CASE("layers of the old form, which win; 1 x 1 x O x C of a fully connected layer") { compare("old.caffemodel"); }

TEST_CASE("what no reader can know is said") {
  CHECK(said("transposed.caffemodel") == ", tensor \"fc.weight\": expected a fully connected layer's [O, C], found one that is transposed");
  CHECK(said("too_few.caffemodel") == ", tensor \"fc.weight\": expected 14 elements for the shape [2,7], found 12");
  CHECK(said("no_blobs.caffemodel") == ": expected a .caffemodel file, layers with blobs, found none of them");
  CHECK(sentence([] {
          io::caffemodel("m", std::as_bytes(std::span("\x0a\x03net\xa2\x06\x50")));
        }).find("m: expected a whole .caffemodel file, found one that is cut short or damaged (") == 0);
  // A layer "a" whose blob has 33 extents of 1 and one element.
  std::string const many =
      "\xa2\x06\x30\x0a\x01"
      "a\x3a\x2b\x3a\x23\x0a\x21" +
      std::string(33, '\1') + "\x2a\x04" + "abcd";
  CHECK(sentence([&] { io::caffemodel("m", std::as_bytes(std::span(many))); }) ==
        "m, tensor \"a.weight\": expected at most 32 extents, as Caffe has it, found 33");
  // A layer with a name of 5,000 bytes and a blob of one element.
  std::string const named = "\xa2\x06\x93\x27\x0a\x88\x27" + std::string(5000, 'n') + "\x3a\x06\x2a\x04" + "abcd";
  CHECK(sentence([&] {
          io::caffemodel("m", std::as_bytes(std::span(named)));
        }).starts_with("m: expected names of at most 4096 bytes, found \"nnn"));
  CHECK(sentence([] { io::caffemodel("m", std::span<std::byte const>()); }) == "m: expected a .caffemodel file, found an empty file");
}

TEST_CASE("damage: a cut or a flipped bit is a sentence, or other numbers; memory is that of the file") {
  for (char const* name : {"new.caffemodel", "old.caffemodel"}) {
    std::string const good = io::read_file(folder + name);
    host_rng draws(5, draw::test);
    std::size_t refused = 0;
    for (int i = 0; i < 1500; ++i) {
      auto bytes = good;
      auto const at = static_cast<std::size_t>(draws.unit() * static_cast<double>(bytes.size()));
      if (i % 3 == 0) bytes.resize(at);
      else bytes[at] = static_cast<char>(bytes[at] ^ 1 << i % 8);
      try {
        io::caffemodel const file("m", std::as_bytes(std::span(bytes)));
        std::size_t elements = 0;
        for (auto const& n : file.names()) elements += all_of<double>(file, n).size();
        CHECK(elements <= bytes.size());
      } catch (error const& e) {
        ++refused;
        CHECK(std::string(e.what()).starts_with("m"));
      }
    }
    CHECK(refused > 300);
  }
}
#endif
