#include "frcnn/data/voc_source.hpp"
#include "frcnn/io/atomic_file.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

TEST_CASE("ROOT or ROOT:SPLIT") {
  auto const check = [](std::string const& spec, std::string const& root, std::string const& split) {
    auto const s = parse_voc_spec(spec, "dflt");
    CHECK(s.root == root);
    CHECK(s.split == split);
  };
  check("VOC", "VOC", "dflt");
  check("VOC:test", "VOC", "test");
  check("/a:b/VOC", "/a:b/VOC", "dflt");
  check("/a:b/VOC:test", "/a:b/VOC", "test");
  check("C:\\VOC", "C:\\VOC", "dflt");
  ::scratch folder;
  std::string const odd = (folder / "x:y").string();
  std::filesystem::create_directory(odd);
  check(odd, odd, "dflt");
  check(odd + ":test", odd, "test");
  CHECK(sentence([] { parse_voc_spec("VOC:"); }) == "VOC:: expected ROOT or ROOT:SPLIT, found an empty split");
  CHECK(sentence([] { parse_voc_spec(":test"); }) == ":test: expected ROOT or ROOT:SPLIT, found an empty root");
}

TEST_CASE("class names come separated by commas or in a file") {
  using names = std::vector<std::string>;
  CHECK(parse_class_list("b") == names{"b"});
  CHECK(parse_class_list(" b, a c ,d") == names{"b", "a c", "d"});
  ::scratch folder;
  std::string const file = (folder / "classes.txt").string();
  io::write_file_atomically(file, "\xEF\xBB\xBFzebra\r\n\r\n  big cat \n");
  CHECK(parse_class_list(file) == names{"zebra", "big cat"});
  io::write_file_atomically(file, "\n");
  CHECK(sentence([&] { parse_class_list(file); }) == file + ": expected class names, one per line, found none");
  io::write_file_atomically(file, "cat\nNu\xDF\n");
  CHECK(sentence([&] { parse_class_list(file); }) ==
        file + ": expected class names in UTF-8, which model files hold, found bytes that are no UTF-8 in 'Nu\\xDF'");
  CHECK(sentence([] { parse_class_list("a,,b"); }) ==
        "a,,b: expected class names separated by commas, or a file of them, found an empty name");
  CHECK(sentence([] { parse_class_list(""); }) ==
        "classes: expected class names separated by commas, or a file of them, found an empty name");
  CHECK(sentence([] { parse_class_list("__background__,a"); }) ==
        "__background__,a: expected classes without background, which every model has by itself, found '__background__'");
  CHECK(sentence([] { parse_class_list("--no-test"); }) == "--no-test: expected class names, found an option, '--no-test'");
  CHECK(sentence([] { parse_class_list("# mine,a"); }) == "# mine,a: expected class names, found a comment, '# mine'");
  CHECK(parse_class_list("#7,background") == names{"#7", "background"});
  CHECK(sentence([] { parse_class_list("a,b,a"); }) == "a,b,a: expected every class once, found 'a' twice");
}

TEST_CASE("a file of class names that is not there is no class") {
  ::scratch folder;
  std::filesystem::create_directory(folder / "n");
  for (std::string const& name : {std::string("missing.txt"), std::string("data/coco.NAMES"), (folder / "names").string(),
                                  std::string("./names"), std::string("~/names"), (folder / "n/a").string()})
    CHECK(sentence([&] { parse_class_list(name); }) ==
          name + ": expected class names separated by commas, or a file of them, found no file of that name");
  CHECK(sentence([&] { parse_class_list((folder / "n").string()); }).find("found a folder") != std::string::npos);
  std::filesystem::create_symlink("gone", folder / "link.txt");
  CHECK(sentence([&] { parse_class_list((folder / "link.txt").string()); }).find("found a symbolic link to 'gone', where nothing is") !=
        std::string::npos);
  for (std::string const& name :
       {std::string("n/a"), std::string("0.5"), std::string("St. Bernard"), std::string("a/b c"), std::string("-")})
    CHECK(parse_class_list(name) == std::vector<std::string>{name});
}
