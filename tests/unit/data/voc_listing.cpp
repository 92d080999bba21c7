#include "frcnn/data/voc_listing.hpp"

#include "../io/without_rights.hpp"
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
  CHECK(voc.refusal().find("VOC/JPEGImages/d" FRCNN_IMAGE_ENDINGS) != std::string::npos);  // d.jpg is the id of d.jpg.png
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
  CHECK(voc.refusal().find("VOC/JPEGImages/img_1" FRCNN_IMAGE_ENDINGS ": expected an image, found 'IMG_1.png', in another case") !=
        std::string::npos);
}

TEST_CASE("a list that is none is refused, and what is no file is no image") {
  v voc;
  voc.add("a");
  voc.add("b");
  voc.split(v::picture());
  CHECK(voc.refusal() == "VOC/ImageSets/Main/trainval.txt: expected a text with an image id per line, found a PNG image");
  std::filesystem::remove_all(voc.folder / "ImageSets");
  voc.write("trainval.TXT", "a\rb\r");
  CHECK(ids(voc.read()) == "a;b;");
  std::filesystem::remove(voc.folder / "JPEGImages/a.png");
  std::filesystem::create_directory(voc.folder / "JPEGImages/a.png");
  std::filesystem::create_symlink("nowhere.png", voc.folder / "JPEGImages/a.jpg");
  std::string const a = "VOC/JPEGImages/a" FRCNN_IMAGE_ENDINGS ": expected an image, found ";
  CHECK(voc.refusal() == a + "'a.jpg', a symbolic link to 'nowhere.png', where nothing is (--skip-bad leaves its image out)");
  std::filesystem::remove(voc.folder / "JPEGImages/a.jpg");
  CHECK(voc.refusal() == a + "'a.png', a folder (--skip-bad leaves its image out)");
  voc.add("c");
  std::filesystem::remove(voc.folder / "Annotations/c.xml");
  std::filesystem::create_symlink("gone.xml", voc.folder / "Annotations/c.xml");
  voc.write("trainval.TXT", "b\nc\n");
  CHECK(voc.refusal() ==
        "VOC/Annotations/c.xml: expected a file, found 'c.xml', a symbolic link to 'gone.xml', where nothing is "
        "(--skip-bad leaves its image out)");
  CHECK(voc.read({.skip_bad = true}).size() == 1);
}

TEST_CASE("a folder that may not be read is no empty one") {
  v voc;
  for (char const* id : {"a", "day/b"}) voc.add(id);
  voc.split("a\nday/b\n");
  std::filesystem::permissions(voc.folder.path, std::filesystem::perms(0755));
  for (char const* hidden : {"Annotations", "Annotations/day", "JPEGImages", "JPEGImages/day", "ImageSets", ""}) {
    CAPTURE(hidden);
    auto const path = voc.folder.path / hidden;
    std::filesystem::permissions(path, std::filesystem::perms::none);
    std::vector<std::string> said;
    {
      without_rights const now;
      for (char const* split : {"trainval", "all"})
        said.push_back(voc.refusal({.skip_bad = true, .missing = missing_annotation::empty}, split));
    }
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    bool const is_list = std::string_view(hidden) == "ImageSets";
    for (auto const& sentence : said) {
      CHECK((sentence.find("Permission denied") != sentence.npos || (is_list && sentence == "nothing")));
      if (*hidden && !is_list) CHECK(sentence.find("VOC/" + std::string(hidden)) == 0);
    }
  }
  CHECK(ids(voc.read({}, "all")) == "a;day/b;");
}

TEST_CASE("folders that are links are looked into once, by their own name where they have one") {
  v voc;
  for (char const* id : {"a", "day/b"}) voc.add(id);
  voc.write("elsewhere/c.png", v::picture());
  voc.write("elsewhere/more/d.png", v::picture());
  auto const images = voc.folder / "JPEGImages";
  using std::filesystem::create_directory_symlink;
  create_directory_symlink(voc.folder / "elsewhere", images / "x");
  create_directory_symlink(images / "day", images / "again");
  create_directory_symlink("..", images / "up");
  create_directory_symlink("..", images / "day/up");
  create_directory_symlink("more", voc.folder / "elsewhere/once");
  CHECK(ids(voc.read({.missing = missing_annotation::empty}, "all")) == "a;day/b;x/c;x/more/d;");
}

TEST_CASE("an annotation that is named after its image's file has an image") {
  v voc;
  voc.add("a");
  voc.add("b");
  std::filesystem::rename(voc.folder / "Annotations/a.xml", voc.folder / "Annotations/a.png.xml");
  CHECK(ids(voc.read({}, "all")) == "a;b;");
  CHECK(voc.warnings.empty());
  voc.write("Annotations/c.png.xml", v::annotation(""));
  voc.read({}, "all");
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]).find("VOC/Annotations/c.png.xml") != std::string::npos);
}

TEST_CASE("a list that names no image is at fault, and not the annotations") {
  v voc;
  voc.add("a");
  voc.add("b");
  auto const said = [](std::string const& count, std::string const& first) {
    return "VOC/JPEGImages: expected the images of split 'trainval', found none of the " + count +
           " in VOC/ImageSets/Main/trainval.txt, the first '" + first + "; it holds 'a.png', 'b.png'";
  };
  voc.split("zz\n");
  CHECK(voc.refusal() == said("1", "zz'"));
  CHECK(voc.refusal({.skip_bad = true}) == said("1", "zz'"));
  voc.split("zz\nyy\n");
  CHECK(voc.refusal() == said("2", "zz'"));
}

TEST_CASE("a list whose lines hold more than an id is told apart from images that are missing") {
  v voc;
  voc.add("a");
  voc.add("b");
  for (std::string const lines :
       {"a 1 7\nb 2 7\n", "a 2\nb 3\n", "a,cat\nb,dog\n", "['b', 'a']\n", "[\"b\", \"a\"]\n", "b a\n", "0\tb.png\n"}) {
    CAPTURE(lines);
    voc.split(lines);
    std::string const one = lines[0] == 'a' ? "a" : "b", refusal = voc.refusal();
    CHECK(refusal.find(" in VOC/ImageSets/Main/trainval.txt, the first ") != refusal.npos);
    CHECK(refusal.find(" (there is '" + one +
                       ".png': a line is one id, with nothing behind it but the 1, -1 or 0 of VOC's lists of a class)") != refusal.npos);
  }
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
  // Joined with a list of the same folder: its image counts once, and none of the annotations is without one.
  voc.split("b\n");
  notes.clear(), warnings.clear();
  auto const joined = read_voc({{voc.root(), "trainval", {}}, {voc.root(), "all", {}}},
                               {.warn = [&](std::string const& w) { warnings.push_back(voc.without_root(w)); },
                                .note = [&](std::string const& n) { notes.push_back(voc.without_root(n)); }});
  CHECK(ids(joined) == "b;a;c;day/d;day/e;");
  CHECK(notes == std::vector<std::string>{"VOC: all its 5 images are taken"});
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == "trainval, all: 1 id is listed twice and kept once: VOC/JPEGImages, 'b'");
  CHECK(warnings[1] == "trainval, all: 1 annotation has no image and is not read: VOC/Annotations/stray.xml");
  std::filesystem::remove_all(std::filesystem::path(voc.root()) / "ImageSets");
  CHECK(read({0, 1 - .99}).size() == 2);
  CHECK(notes[0].find("(from 0 to 0.01;") != std::string::npos);
  std::string const train = read({0, .6});
  CHECK(notes.size() == 1);
  CHECK(notes[0].find("VOC: no lists there; ") == 0);
  CHECK(notes[0].find("of its 5 images are taken, by a hash of their ids (from 0 to 0.6)") != std::string::npos);
  CHECK(read({0, .001}).size() == 2);
  CHECK(notes[0].find("1 of its 5 images is taken, by a hash of its id (from 0 to 0.001; each part has one image at least)") !=
        std::string::npos);
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
  CHECK(voc.refusal({}, "val").find("found only these: trainval (VOC:trainval is one; VOC:all is all 5 images; with --split") !=
        std::string::npos);
}

TEST_CASE("formats that are not read are one sentence each, and two images of one id a warning") {
  v voc;
  voc.split("a\nb\nc\n");
  voc.add("a");
  for (char const* id : {"b", "c"}) {
    voc.add(id);
    std::filesystem::rename(voc.folder / (std::string("JPEGImages/") + id + ".png"),
                            voc.folder / (std::string("JPEGImages/") + id + ".webp"));
  }
  CHECK(voc.refusal() == "VOC/JPEGImages: expected " FRCNN_IMAGE_FORMATS
                         " images, found 2 that end in .webp, the first 'b.webp': convert them, for example "
                         "with: mogrify -format png '*.webp'");
  CHECK(voc.read({.skip_bad = true}).size() == 1);
  voc.split("a\n");
  voc.write("JPEGImages/a.bmp", "");
  CHECK(voc.read().size() == 1);
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) == "trainval: 1 id has several images, of which one is read: VOC/JPEGImages/a.png");
}

TEST_CASE("two files for one id or one list: the extension in lower case is read, and a warning counts them") {
  v voc;
  for (char const* id : {"a", "b"}) voc.add(id);
  voc.split("a\nb\n");
  CHECK((voc.read().size() == 2 && voc.warnings.empty()));
  voc.write("JPEGImages/a.PNG", "no image");
  voc.write("Annotations/a.XML", "no annotation");
  voc.write("Annotations/b.png.xml", "no annotation");  // as some tools call it
  voc.write("ImageSets/Main/trainval.TXT", "c\n");
  CHECK(voc.read().size() == 2);
  REQUIRE(voc.warnings.size() == 3);
  CHECK(voc.without_root(voc.warnings[0]) == "trainval: 1 split has several lists, of which one is read: VOC/ImageSets/Main/trainval.txt");
  CHECK(voc.without_root(voc.warnings[1]) == "trainval: 1 id has several images, of which one is read: VOC/JPEGImages/a.png");
  CHECK(voc.without_root(voc.warnings[2]) ==
        "trainval: 2 ids have several annotations, of which one is read, the first: VOC/Annotations/a.xml");
}

TEST_CASE("an image or annotation whose name only looks the same is named") {
  v voc;
  voc.add("cafe\u0301");  // NFD, as a Mac's file system has it
  voc.add("b\u00A0c");
  voc.add("d");
  voc.split("caf\u00E9\nd\n");
  std::string const image = FRCNN_IMAGE_ENDINGS ": expected an image, found ", note = ".xml: expected a file, found ";
  auto const says = [&](std::string const& words) { return voc.refusal().find(words) != std::string::npos; };
  CHECK(says("VOC/JPEGImages/caf\u00E9" + image + "'cafe\\u0301.png', in another Unicode normal form (NFC, NFD)\n"));
  CHECK(says("VOC/Annotations/caf\u00E9" + note + "'cafe\\u0301.xml', in another Unicode normal form (NFC, NFD)\n"));
  voc.split("b c\nd\n");
  CHECK(says("VOC/JPEGImages/b c" + image + "'b\\u00A0c.png', which only looks the same\n"));
  voc.split("caf\u00E9\nb c\n");  // none at all
  CHECK(voc.refusal().find("found none of the 2 in VOC/ImageSets/Main/trainval.txt, the first 'caf\u00E9' (there is 'cafe\\u0301.png', in "
                           "another Unicode normal form (NFC, "
                           "NFD)); it holds 'b") != std::string::npos);
  std::filesystem::rename(voc.folder / "JPEGImages/cafe\u0301.png", voc.folder / "JPEGImages/caf\u00E9.png");
  voc.split("caf\u00E9\nd\n");
  CHECK(voc.refusal() ==
        "VOC/Annotations/caf\u00E9.xml: expected a file, found 'cafe\\u0301.xml', in another Unicode normal form (NFC, NFD) "
        "(--skip-bad leaves its image out)");
}

TEST_CASE("a list in another encoding is named with its line, unless the files have its bytes") {
  v voc;
  voc.add("a");
  voc.add("caf\u00E9");
  voc.split("a\r\n\r\ncaf\xE9\r\n");
  std::string const said =
      "VOC/ImageSets/Main/trainval.txt:3: expected a list in UTF-8 or UTF-16, found bytes that are neither in 'caf\\xE9', and no such "
      "image "
      "(a list of Windows is converted by: iconv -f WINDOWS-1252 -t UTF-8)";
  CHECK(voc.refusal() == said);
  voc.split("a\n\ncaf\xE9 1\n");
  CHECK(voc.refusal().find("trainval.txt:3: expected a list in UTF-8") != std::string::npos);
  voc.split("a\rcaf\xE9\r");
  CHECK(voc.refusal().find("trainval.txt:2: expected a list in UTF-8") != std::string::npos);
  voc.split("a\n\ncaf\xE9\n");
  CHECK(voc.read({.skip_bad = true}).size() == 1);
  voc.add("caf\xE9");
  CHECK(ids(voc.read()) == "a;caf\xE9;");
}

TEST_CASE("a split that is not there: what can be asked for instead") {
  v voc;
  voc.add("a");
  auto const refusal = [&](id_range part) { return voc.without_root(sentence([&] { read_voc({{voc.root(), "trainval", part}}); })); };
  std::string const list = "VOC/ImageSets/Main/trainval.txt: expected the list of split 'trainval', found ";
  for (char const* name : {"test", "train", "fold_1"}) voc.split("a\n", name);
  CHECK(refusal({0, .8}) ==
        list + "only these: train, fold_1, test (--split divides the images of one list: VOC:train, say, or VOC:all is all 1 image)");
  for (char const* name : {"test", "train", "fold_1"})
    std::filesystem::remove(voc.folder / ("ImageSets/Main/" + std::string(name) + ".txt"));
  for (char const* name : {"aeroplane_val", "aeroplane_train", "bird_train"}) voc.split("a -1\n", name);
  CHECK(refusal({0, .8}) ==
        list +
            "only lists of classes, each of which names all images of its split: aeroplane_train, bird_train, "
            "aeroplane_val (--split divides the images of one list: VOC:aeroplane_train, say, or VOC:all is all 1 image)");
  std::filesystem::create_symlink("gone.txt", voc.folder / "ImageSets/Main/trainval.txt");
  CHECK(refusal({}) == list + "'trainval.txt', a symbolic link to 'gone.txt', where nothing is");
  CHECK(refusal({0, .5}) == list + "'trainval.txt', a symbolic link to 'gone.txt', where nothing is");
  voc.write("ImageSets/trainval.txt", "a\n");
  CHECK(refusal({}) == "nothing");  // a list of that name lies elsewhere
  std::filesystem::remove_all(voc.folder / "ImageSets");
  voc.write("ImageSets/Main/trainval", "a\n");
  CHECK(refusal({}).find(list + "no lists there, but 'trainval' (--split 0.8") == 0);
  std::filesystem::remove_all(voc.folder / "ImageSets");
  std::filesystem::create_directory_symlink("/not/mounted", voc.folder / "ImageSets");
  CHECK(refusal({}).find(list + "no lists there, 'ImageSets' is a symbolic link to '/not/mounted', where nothing is (") == 0);
  std::filesystem::remove(voc.folder / "JPEGImages/a.png");
  std::filesystem::create_symlink("gone.png", voc.folder / "JPEGImages/a.png");
  for (char const* split : {"all", "trainval"})
    CHECK(voc.refusal({}, split) ==
          "VOC/JPEGImages: expected images, found none; it holds 'a.png' (a symbolic link to 'gone.png', where nothing is)");
}

TEST_CASE("the list of a split is named before those of its classes, whatever it is called") {
  v voc;
  voc.add("a");
  for (std::string name : {"CAT_default", "default", "DOG_default"}) voc.split("a\n", name);
  CHECK(voc.refusal().find("found only these: default, CAT_default, DOG_default (VOC:default is one") != std::string::npos);
}

TEST_CASE("files that Git LFS did not fetch are called so, whatever they stand for") {
  v voc;
  voc.add("a");
  std::string const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", is = "found a pointer of Git LFS: ";
  voc.split(pointer);
  CHECK(voc.refusal().find("VOC/ImageSets/Main/trainval.txt: expected a text with an image id per line, " + is) == 0);
  voc.split("a\n");
  voc.write("Annotations/a.xml", pointer);
  CHECK(voc.refusal().find("VOC/Annotations/a.xml: expected XML, " + is) == 0);
  voc.write("Annotations/a.xml", "{\"shapes\": []}");
  CHECK(voc.refusal() == "VOC/Annotations/a.xml: expected XML, found a text that begins with '{'");
  voc.write("JPEGImages/a.png", pointer);
  CHECK(voc.refusal().find("VOC/JPEGImages/a.png: expected a " FRCNN_IMAGE_FORMATS " image, " + is) != std::string::npos);
}

TEST_CASE("folders that are links to nothing are called so") {
  v voc;
  voc.add("a");
  voc.split("a\n");
  std::filesystem::remove_all(voc.folder / "JPEGImages");
  std::filesystem::create_directory_symlink("/not/mounted", voc.folder / "JPEGImages");
  CHECK(voc.refusal().find("'JPEGImages' (a symbolic link to '/not/mounted', where nothing is)") != std::string::npos);
  std::filesystem::create_symlink("/not/mounted", voc.folder / "link");
  CHECK(sentence([&] {
          read_voc({{voc.root() + "/link", "all"}});
        }).find("found a symbolic link to '/not/mounted', where nothing is") != std::string::npos);
  voc.write("data.zip", "");
  CHECK(sentence([&] { read_voc({{voc.root() + "/data.zip", "all"}}); }).find("found a file") != std::string::npos);
}

TEST_CASE("what is not there is said without an image being looked at") {
  v voc;
  voc.add("a");
  voc.split("a\nb\n");
  auto const said = [&](voc_source const& source) { return sentence([&] { require_there(source); }); };
  CHECK(said({voc.root(), "trainval"}) == "nothing");  // that b is missing is said when the images are read
  CHECK(said({voc.root(), "night"}).find("night.txt: expected the list of split") != std::string::npos);
  CHECK(said({voc.root() + "/none", "trainval"}).find("none: expected a folder in VOC layout, found no folder there") != std::string::npos);
}
