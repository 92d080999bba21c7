#include "frcnn/data/origin.hpp"

#include "../sentence.hpp"
#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;
using enum coordinate_origin;

namespace {

// Of boxes xmin, ymin, xmax, ymax in an image of 100 x 50.
origin_evidence of(std::vector<std::array<double, 4>> const& boxes) {
  origin_evidence e;
  for (auto const& [x1, y1, x2, y2] : boxes) e.add(x1, y1, x2, y2, 100, 50);
  return e;
}

std::string cat(char const* x1, char const* y1, char const* x2, char const* y2) { return v::object("cat", v::box(x1, y1, x2, y2)); }

}  // namespace

TEST_CASE("origin: corners of each kind become half-open") {
  CHECK(half_open(voc, 1, 1, 20, 10) == box<double>{0, 0, 20, 10});
  CHECK(half_open(zero, 0, 0, 20, 10) == box<double>{0, 0, 20, 10});
  CHECK(half_open(zero_inclusive, 0, 0, 19, 9) == box<double>{0, 0, 20, 10});
  for (auto const from : {voc, zero, zero_inclusive}) CHECK(parse_origin(name_of(from)) == from);
  CHECK_FALSE(parse_origin("auto"));
  CHECK(sentence([] { parse_origin("1"); }) == "origin: expected voc, zero, zero-inclusive or auto, found '1'");
}

TEST_CASE("origin: what the boxes of each writer say") {
  // VOC, and labelImg, which writes 1 for 0
  CHECK(of({{1, 5, 30, 40}, {60, 20, 100, 50}}).likely() == voc);
  // Datumaro, Label Studio, globox, pascal-voc-writer: half-open from 0
  CHECK(of({{0, 5, 30, 40}, {60, 20, 100, 50}}).likely() == zero);
  CHECK(of({{0.4, 5.2, 30.1, 40}, {60, 20, 100, 49.5}}).likely() == zero);
  // pixels numbered from 0: no touching box ends at the size itself
  CHECK(of({{0, 5, 30, 40}, {60, 20, 99, 49}}).likely() == zero_inclusive);
  CHECK(of({{0, 5, 30, 40}, {60, 20, 99, 50}}).likely() == zero);
  // one 0 among boxes that begin at 1 is a slip
  CHECK(of({{0, 5, 30, 40}, {1, 20, 100, 50}, {20, 1, 30, 40}}).likely() == voc);
  // supervision adds 1 to every corner
  origin_evidence const supervision = of({{1, 6, 31, 41}, {61, 21, 101, 51}});
  CHECK(supervision.likely() == voc);
  CHECK(supervision.beyond_one == 1);
  CHECK(doubt_of(voc, supervision) ==
        "of 2 boxes 0 begin at 0, 1 at 1; 0 end at their image's size, 0 a pixel before it, 1 a pixel beyond it, as where 1 was added to "
        "half-open corners (supervision does): boxes are read a pixel too wide and too high");
  CHECK(doubt_of(voc, of({{1, 6, 31, 41}, {61, 21, 101, 51}, {61, 21, 100, 50}})).empty());  // one beyond among others is a slip
  // fractions everywhere and nothing at the border; fractions in one box of two
  CHECK(of({{3.5, 5.25, 30, 40}, {6.5, 8, 9, 10}}).likely() == zero);
  CHECK(of({{3.5, 5.25, 30, 40}, {6, 8, 9, 10}}).likely() == voc);
  // nothing at all, fractions of the image, swapped corners
  CHECK(of({}).likely() == voc);
  CHECK(of({{0, 0, 1, 1}, {0.1, 0.2, 0.5, 0.9}, {30, 0, 10, 9}}).boxes == 0);
  CHECK(of({{0, 5, 30.5, 40}, {1, 20, 99, 50}}).sentence() ==
        "of 2 boxes 1 begin at 0, 1 at 1; 1 end at their image's size, 1 a pixel before it; 1 have fractions of pixels");
  CHECK(doubt_of(voc, of({{3, 5, 30, 40}})).empty());
  CHECK(doubt_of(zero, of({{3, 5, 30, 40}})).empty());  // nothing speaks for either
  CHECK(doubt_of(zero, of({{1, 5, 30, 40}})) ==
        "of 1 box 0 begin at 0, 1 at 1; 0 end at their image's size, 0 a pixel before it, as --origin voc reads them");
}

TEST_CASE("origin: boxes are read as asked, and as each folder looks") {
  v folder;  // images of 20 x 10
  folder.split("a\n");
  folder.split("b\n", "test");
  folder.add("a", cat("4", "3", "9", "8") + cat("2", "2", "2", "9"));
  folder.add("b", cat("0", "0", "20", "10"));
  auto const boxes = [&](std::optional<coordinate_origin> from) {
    dataset const data = folder.read({.origin = from});
    std::vector<box<float>> all;
    for (object const& o : data.samples[0].objects) all.push_back(o.where);
    return all;
  };
  CHECK(boxes(voc) == std::vector<box<float>>{{3, 2, 9, 8}, {1, 1, 2, 9}});
  CHECK(boxes(zero_inclusive) == std::vector<box<float>>{{4, 3, 10, 9}, {2, 2, 3, 10}});
  CHECK(boxes(zero) == std::vector<box<float>>{{4, 3, 9, 8}});  // the second one is a line
  REQUIRE(folder.warnings.size() == 1);
  CHECK(folder.warnings[0].find("box without area is left out") != std::string::npos);
  // what says so is an annotation of the test split
  std::vector<std::string> notes;
  dataset const found = read_voc({{folder.root(), "trainval"}}, {.origin = {}, .note = [&](std::string const& n) { notes.push_back(n); }});
  CHECK(found.samples[0].objects[0].where == box<float>{4, 3, 9, 8});
  REQUIRE(notes.size() == 1);
  CHECK(folder.without_root(notes[0]).find("VOC/Annotations: coordinates are read as --origin zero has them: of 3 boxes 1 begin at 0") ==
        0);
}

TEST_CASE("origin: boxes that are read otherwise than they look are warned of") {
  v folder;
  folder.split("a\n");
  folder.add("a", cat("0", "3", "19", "9"));
  folder.read();
  REQUIRE(folder.warnings.size() == 1);
  CHECK(folder.warnings[0].find("begins at 0 where VOC counts from 1") != std::string::npos);
  CHECK(folder.warnings[0].find("as --origin zero-inclusive reads them") != std::string::npos);
  folder.read({.origin = zero_inclusive});
  CHECK(folder.warnings.empty());
  folder.add("a", cat("1", "3", "20", "9"));
  folder.read({.origin = zero});
  REQUIRE(folder.warnings.size() == 1);
  CHECK(folder.warnings[0].find("coordinates may be read a pixel off (of 1 box 0 begin at 0, 1 at 1") != std::string::npos);
  folder.read({.origin = std::nullopt});
  CHECK(folder.warnings.empty());
}

TEST_CASE("images without an annotation are an error, or images without objects") {
  v folder;
  folder.split("a\nb\nB2\n");
  folder.add("a");
  folder.write("JPEGImages/b.png", v::picture());
  folder.add("B2");
  CHECK(folder.refusal().find("expected a file, found nothing at that place") != std::string::npos);
  dataset const data = folder.read({.missing = missing_annotation::empty});
  REQUIRE(data.size() == 3);
  CHECK(data.samples[1].annotated);
  CHECK(data.samples[1].objects.empty());
  CHECK(data.annotated());
  REQUIRE(folder.warnings.size() == 2);
  CHECK(folder.without_root(folder.warnings[0]) ==
        "trainval: 1 image has no annotation and counts as without objects: VOC/JPEGImages/b.png");
  CHECK(folder.warnings[1].find("counts as a negative") != std::string::npos);
  // a name that only looks the same is no missing annotation
  std::filesystem::rename(folder.folder / "Annotations/B2.xml", folder.folder / "Annotations/b2.xml");
  CHECK(folder.refusal({.missing = missing_annotation::empty}).find("b2.xml") != std::string::npos);
  // nor is one with an extension too many, where a system hides the last one
  for (std::string const name : {"B2.xml.xml", "B2.xml.txt"}) {
    std::filesystem::remove(folder.folder / "Annotations/b2.xml");
    folder.write("Annotations/" + name, "<annotation/>");
    CHECK(folder.refusal({.missing = missing_annotation::empty}).find("'" + name + "', with an extension too many") != std::string::npos);
    CHECK(folder.refusal().find("'" + name + "', with an extension too many") != std::string::npos);
    std::filesystem::remove(folder.folder / "Annotations" / name);
  }
  // nor is a split that nobody has annotated
  std::filesystem::remove_all(folder.folder / "Annotations");
  CHECK(folder.refusal({.missing = missing_annotation::empty}).find("annotations of split 'trainval'") != std::string::npos);
  CHECK_FALSE(folder.read({.classes = {"cat"}, .wanted = annotations::optional, .missing = missing_annotation::empty}).annotated());
}

TEST_CASE("a part of a split may hold images without an annotation alone, where others of the split have one") {
  v folder;
  std::string ids;
  for (int i = 0; i < 8; ++i) {
    ids += "i" + std::to_string(i) + '\n';
    folder.write("JPEGImages/i" + std::to_string(i) + ".png", v::picture());
  }
  folder.split(ids);
  // One image has an annotation: in one half of the list no image has.
  folder.add("i3");
  std::size_t images = 0, objects = 0, halves_without = 0;
  for (id_range part : {id_range{0, .5}, id_range{.5, 1}})
    for (bool is_test : {false, true}) {
      voc_options o{.classes = {"cat"}, .missing = missing_annotation::empty};
      if (is_test) o.wanted = annotations::optional;
      dataset const data = read_voc({{folder.root(), "trainval", part}}, o);
      CHECK(data.annotated());
      std::size_t here = 0;
      for (auto const& s : data.samples) here += s.objects.size();
      images += data.size(), objects += here, halves_without += here == 0;
    }
  CHECK(images == 16);
  CHECK(objects == 2);
  CHECK(halves_without == 2);
}
