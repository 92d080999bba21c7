#include "frcnn/data/summary.hpp"

#include "frcnn/data/shared_images.hpp"
#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;

TEST_CASE("a summary counts images, objects and sizes") {
  v voc;
  voc.split("a\nb\nc\n");
  voc.split("d\n", "test");
  voc.add("a",
          v::object("cat", v::box("3", "2", "10", "8")) + v::object("d\xC3\xB6g", v::box("3", "2", "10", "8"), "<difficult>1</difficult>"));
  voc.add("b", "");
  voc.add("c");
  voc.write("JPEGImages/c.png", v::picture(300, 200));
  voc.write("JPEGImages/d.png", v::picture(8, 9));
  dataset const train = voc.read(), test = voc.read({.classes = train.classes, .wanted = annotations::optional}, "test");
  data_summary const s = summarise(train);
  CHECK(s.images == 3);
  CHECK(s.without_objects == 1);
  CHECK(s.objects == 3);
  CHECK(s.difficult == 1);
  CHECK(s.of_class == std::vector<std::size_t>{2, 1});
  CHECK(s.smallest == std::pair{20, 10});
  CHECK(s.largest == std::pair{300, 200});
  CHECK(summary_table({{"training", s}, {"test", summarise(test)}}) ==
        "                     training    test\n"
        "images                      3       1\n"
        "  without objects           1       0\n"
        "  not annotated             0       1\n"
        "objects                     3       0\n"
        "  difficult                 1       0\n"
        "  cat                       2       0\n"
        "  d\xC3\xB6g                       1       0\n"
        "image sizes                 2       1\n"
        "  smallest            20 x 10   8 x 9\n"
        "  largest           300 x 200   8 x 9\n");
  dataset turned = train;
  turned.samples[1].orientation = 6;
  std::string const table = summary_table({{"a", summarise(turned)}, {"b", summarise(train)}});
  std::size_t const line = table.find("\n  turned by EXIF ");
  REQUIRE(line != std::string::npos);
  CHECK(table.substr(line + 17, table.find('\n', line + 1) - line - 17).find_first_not_of(" 10") == std::string::npos);
  CHECK(summary_table({{"b", summarise(train)}}).find("turned") == std::string::npos);
  CHECK(summary_table({}) == "\nimages\n  without objects\nobjects\n  difficult\nimage sizes\n  smallest\n  largest\n");
}

TEST_CASE("test images that are training images are found by file and by contents") {
  v one, two;
  one.split("a\nb\n");
  one.split("b\n", "test");
  two.split("a\nb\nc\n");
  for (char const* id : {"a", "b"}) one.add(id);
  for (char const* id : {"b", "c"}) two.add(id);
  two.write("JPEGImages/b.png", v::picture(20, 10, 91));  // another picture of the same id
  two.add("a");                                           // a copy
  std::filesystem::remove(two.folder / "JPEGImages/c.png");
  std::filesystem::create_symlink(one.folder / "JPEGImages/b.png", two.folder / "JPEGImages/c.png");
  dataset const train = one.read();
  CHECK(shared_images(train, one.read({}, "test")).count == 1);
  tally const t = shared_images(train, two.read());
  CHECK(t.count == 2);
  CHECK(two.without_root(t.first) == "VOC/JPEGImages/a.png");
}
