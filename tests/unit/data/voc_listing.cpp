#include "frcnn/data/voc_listing.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;

namespace {

std::string ids(dataset const& data) {
  std::string all;
  for (auto const& s : data.samples) all += s.id + ";";
  return all;
}

}  // namespace

TEST_CASE("a line is an id as a whole; only the flag of a class file is cut") {
  v voc;
  for (char const* id : {"photo", "photo (2)", "shot 1", "shot", "a b", "day/c d"}) voc.add(id);
  voc.split("photo (2)\nshot 1\nshot  0\na b -1\nday/c d\n");
  CHECK(ids(voc.read()) == "photo (2);shot 1;shot;a b;day/c d;");
  voc.split("photo (3)\nshot 2\nphoto 0 1\nshot\n");
  std::string const said = voc.refusal();
  for (char const* whole : {"photo (3).{", "shot 2.{", "photo 0.{"})
    CHECK(said.find(std::string("VOC/JPEGImages/") + whole) != std::string::npos);
}

TEST_CASE("extensions and paths in a list are read") {
  v voc;
  for (char const* id : {"a", "b.v2", "day/c", "d.jpg"}) voc.add(id);
  for (char const* list : {"a.png\nb.v2.png 1\nday/c.png\n", "a.jpg\nb.v2\nday/c.PNG -1\n",
                           "JPEGImages/a.png\n./b.v2\n/home/me/VOC/JPEGImages/day/c.png\n", "JPEGImages\\a.png\nb.v2\nday\\c\n"}) {
    CAPTURE(list);
    voc.split(list);
    CHECK(ids(voc.read()) == "a;b.v2;day/c;");
  }
  voc.split("d.jpg\nd\n");
  CHECK(voc.refusal().find("VOC/JPEGImages/d.{jpg,jpeg,png,bmp}") != std::string::npos);  // d.jpg is the id of d.jpg.png
  voc.write("other/e.png", v::picture());
  voc.split("a\n../other/e\n/etc/passwd\n");
  std::string const said = voc.refusal();
  CHECK(said.find("../other/e.{jpg") != std::string::npos);
  CHECK(said.find("found 4 problems") != std::string::npos);
}

TEST_CASE("an image in another case is named") {
  v voc;
  voc.add("IMG_1");
  voc.add("b");
  voc.split("img_1\nb\n");
  CHECK(voc.refusal().find("VOC/JPEGImages/img_1.{jpg,jpeg,png,bmp}: expected an image, found 'IMG_1.png', in another case") !=
        std::string::npos);
}

TEST_CASE("a list that is none is refused, and what is no file is no image") {
  v voc;
  voc.add("a");
  voc.add("b");
  voc.split(v::picture());
  CHECK(voc.refusal() == "VOC/ImageSets/Main/trainval.txt: expected a text with an image id per line, found control characters");
  std::filesystem::remove_all(voc.folder / "ImageSets");
  voc.write("trainval.TXT", "a\rb\r");
  CHECK(ids(voc.read()) == "a;b;");
  std::filesystem::remove(voc.folder / "JPEGImages/a.png");
  std::filesystem::create_directory(voc.folder / "JPEGImages/a.png");
  std::filesystem::create_symlink("nowhere.png", voc.folder / "JPEGImages/a.jpg");
  CHECK(voc.refusal().find("VOC/JPEGImages/a.{jpg,jpeg,png,bmp}: expected an image, found no such file") == 0);
}

TEST_CASE("lists in UTF-16 are read") {
  v voc;
  voc.add("a");
  voc.add("b");
  std::string wide = "\xFF\xFE";
  for (char const c : std::string("a\r\nb\r\n")) wide += {c, '\0'};
  for (std::string const& list : {wide, wide.substr(2)}) {
    voc.split(list);
    CHECK(ids(voc.read()) == "a;b;");
  }
}

TEST_CASE("without lists a part of the images is taken by a hash, or all of them") {
  v voc;
  for (char const* id : {"a", "b", "c", "day/d", "day/e"}) voc.add(id);
  voc.write("JPEGImages/.hidden.png", "");
  voc.write("Annotations/stray.xml", "");
  std::vector<std::string> notes, warnings;
  auto const read = [&](id_range part, std::string const& split = "trainval") {
    notes.clear(), warnings.clear();
    return ids(read_voc({{voc.root(), split, part}}, {.warn = [&](std::string const& w) { warnings.push_back(voc.without_root(w)); },
                                                      .note = [&](std::string const& n) { notes.push_back(voc.without_root(n)); }}));
  };
  CHECK(read({}, "all") == "a;b;c;day/d;day/e;");
  CHECK(notes == std::vector<std::string>{"VOC: all its 5 images are taken"});
  CHECK(warnings == std::vector<std::string>{"all: 1 annotation has no image and is not read: VOC/Annotations/stray.xml"});
  std::string const train = read({0, .6});
  CHECK(notes.size() == 1);
  CHECK(notes[0].find("VOC: no lists there; ") == 0);
  CHECK(notes[0].find("of its 5 images are taken, by a hash of their ids (from 0.00 to 0.60)") != std::string::npos);
  std::string const test = read({.6, 1});
  CHECK(train.size() + test.size() == std::string("a;b;c;day/d;day/e;").size());
  CHECK(warnings.empty());
  voc.split("a\nb\nc\n");
  CHECK(read({0, .6}).size() + read({.6, 1}).size() == 6);  // of the list, where there is one
  voc.split("a\n");
  CHECK(sentence([&] {
          read({0, .6}), read({.6, 1});
        }).find(":trainval: expected at least two images to take a part of, found 1") != std::string::npos);
  voc.split("a\nb\nc\n");
  CHECK(voc.refusal({}, "val").find("found only these: trainval (VOC:trainval is one; --split 0.8") != std::string::npos);
}

TEST_CASE("formats that are not read are one sentence each, and two images of one id a warning") {
  v voc;
  voc.split("a\nb\nc\n");
  voc.add("a");
  for (char const* id : {"b", "c"}) {
    voc.add(id);
    std::filesystem::rename(voc.folder / (std::string("JPEGImages/") + id + ".png"),
                            voc.folder / (std::string("JPEGImages/") + id + ".tif"));
  }
  CHECK(voc.refusal() ==
        "VOC/JPEGImages: expected JPEG, PNG or BMP images, found 2 that end in .tif, the first 'b.tif': convert them, for example with: "
        "mogrify -format png '*.tif'");
  CHECK(voc.read({.skip_bad = true}).size() == 1);
  voc.split("a\n");
  voc.write("JPEGImages/a.bmp", "");
  CHECK(voc.read().size() == 1);
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) == "trainval: 1 id has several images, of which one is read: VOC/JPEGImages/a.png");
}
