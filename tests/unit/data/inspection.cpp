#include "frcnn/data/inspection.hpp"

#include "../sentence.hpp"
#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;

TEST_CASE("spreads are ranks: a tenth, a half and nine tenths of the values") {
  auto const s = spread_of({20, 4, 6});
  CHECK(std::array{s.least, s.low, s.median, s.high, s.most} == std::array{4., 4., 6., 20., 20.});
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  auto const h = spread_of(hundred);
  CHECK(std::array{h.least, h.low, h.median, h.high, h.most} == std::array{1., 10., 50., 90., 100.});
  CHECK(spread_of({}).most == 0);
}

TEST_CASE("an inspection counts objects, images and sizes of each class") {
  dataset set{{"cat", "dog"}, {{"a", "a.jpg", 200, 100, 1, {}}, {"b", "b.jpg", 200, 100, 1, {}}, {"c", "c.jpg", 100, 100, 1, {}}}};
  set.samples[0].objects = {{{0, 0, 40, 10}, "cat", 1}, {{0, 0, 16, 16}, "cat", 1, true}, {{0, 0, 20, 20}, "dog", 2}};
  set.samples[1].objects = {{{0, 0, 15, 60}, "cat", 1}};
  auto const of = inspect(set, [](int w, int h) { return resize_plan{w / 2, h / 2, 0.5, 0.5, 2, 2}; });
  CHECK(of.summary.objects == 4);
  CHECK(of.classes[0].objects == 3);
  CHECK(of.classes[0].difficult == 1);
  CHECK(of.classes[0].images == 2);
  CHECK(of.classes[0].tiny == 2);  // 10 and 15 become 5 and 7.5; 16 becomes 8, which is not less
  CHECK(of.classes[0].side.least == 16);
  CHECK(of.classes[0].side.median == 20);
  CHECK(of.classes[0].resized_side.most == 15);
  CHECK(of.classes[1].images == 1);
  CHECK(of.all.objects == 4);
  CHECK(of.all.images == 2);
  CHECK(of.tiny.count == 2);
  CHECK(of.tiny.first == "a.jpg, cat (0, 0, 40, 10)");
  CHECK(of.tiny.cases == std::vector<std::string>{"a.jpg, cat (0, 0, 40, 10)", "b.jpg, cat (0, 0, 15, 60)"});
  CHECK(of.without_objects.cases == std::vector<std::string>{"c.jpg"});
  CHECK(of.images_with == std::vector<std::size_t>{1, 1, 0, 1});
  CHECK(of.objects_per_image.most == 3);
  dataset test{{"cat", "dog"}, {set.samples[1]}};
  auto const identity = [](int w, int h) { return resize_plan{w, h, 1, 1, 1, 1}; };
  CHECK(classes_without_boxes(of, inspect(test, identity)) == std::vector<std::string>{"dog"});
  CHECK(classes_without_boxes(of, of).empty());
  test.samples.push_back(set.samples[0]);
  CHECK(classes_without_boxes(of, inspect(test, identity)).empty());
  test.samples[1].objects[2].difficult = true;  // which AP ignores
  CHECK(classes_without_boxes(of, inspect(test, identity)) == std::vector<std::string>{"dog"});
  CHECK(inspect({}, identity).all.objects == 0);
}

TEST_CASE("equal images within and between sets") {
  v voc;
  voc.split("a\nb\nc\n");
  voc.split("d\ne\n", "test");
  for (char const* id : {"a", "b", "c", "d", "e"}) voc.add(id);
  voc.write("JPEGImages/c.png", v::picture(20, 10, 91));
  auto const counts = equal_images(voc.read(), voc.read({}, "test"));
  CHECK(counts.within.count == 1);
  CHECK(voc.without_root(counts.within.first) == "VOC/JPEGImages/b.png equals VOC/JPEGImages/a.png");
  CHECK(counts.between.count == 2);
  REQUIRE(counts.between.cases.size() == 2);
  CHECK(voc.without_root(counts.between.cases[1]) == "VOC/JPEGImages/e.png equals VOC/JPEGImages/a.png");
  CHECK(voc.without_root(counts.between.first) == "VOC/JPEGImages/d.png equals VOC/JPEGImages/a.png");
  CHECK(counts.within_second.count == 1);
}

TEST_CASE("a list has the first 200 cases, in order, also of lists that are joined") {
  case_list all, half;
  for (int i = 0; i < 150; ++i) half.add(std::to_string(i));
  for (int i = 0; i < 3; ++i) all.add(half);
  CHECK(all.count == 450);
  CHECK(all.first == "0");
  REQUIRE(all.cases.size() == case_list::most);
  CHECK(all.cases[149] == "149");
  CHECK(all.cases[150] == "0");
  CHECK(all.cases.back() == "49");
  all.add("more");
  CHECK(all.cases.back() == "49");
  CHECK(all.count == 451);
}

TEST_CASE("headers: sizes without decoding, of files whose rest is missing too") {
  scratch folder;
  auto const facts = [&](std::string const& name, std::string const& contents) {
    io::write_file_atomically(folder / name, contents);
    auto const f = inspect_header(folder / name);
    return std::array{f.width, f.height, f.orientation};
  };
  image const im(300, 200);
  std::string const jpeg = encode_jpeg(im), png = encode_png(im);
  CHECK(facts("a.jpg", jpeg) == std::array{300, 200, 1});
  CHECK(facts("cut.jpg", jpeg.substr(0, jpeg.size() / 2)) == std::array{300, 200, 1});
  CHECK(facts("a.png", png) == std::array{300, 200, 1});
  CHECK(facts("cut.png", png.substr(0, 40)) == std::array{300, 200, 1});
  // EXIF of an orientation of 6, in 60,000 bytes as thumbnails make them
  std::string exif = std::string("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 28) + std::string(60000, '\0');
  std::size_t const length = exif.size() + 2;
  std::string const segment = std::string("\xFF\xE1") + static_cast<char>(length >> 8) + static_cast<char>(length & 255) + exif;
  CHECK(facts("phone.jpg", jpeg.substr(0, 2) + segment + jpeg.substr(2)) == std::array{300, 200, 6});
  std::string bmp("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x05\0\0\0\xFD\xFF\xFF\xFF\x01\0\x18\0\0\0\0\0", 34);
  CHECK(facts("a.bmp", bmp) == std::array{5, 3, 1});
  auto const refused = [&](std::string const& name, std::string const& contents) {
    io::write_file_atomically(folder / name, contents);
    std::string text = sentence([&] { inspect_header(folder / name); });
    return text.substr(text.find(name));
  };
  CHECK(refused("none.jpg", "") == "none.jpg: expected a " FRCNN_IMAGE_FORMATS " image, found an empty file");
  CHECK(refused("gif.jpg", "GIF89a" + std::string(9000, ' ')).find("gif.jpg: expected a " FRCNN_IMAGE_FORMATS " image, found a GIF") == 0);
  CHECK(refused("short.jpg", jpeg.substr(0, 20)) == "short.jpg: expected a JPEG that says its size, found none in it");
  std::string large =
      "\xFF\xD8\xFF\xC0" + std::string("\0\x11\x08\xFF\xDC\xFF\xDC\x03\1\x22\0\2\x11\1\3\x11\1", 17) + std::string(9000, ' ');
  CHECK(refused("large.jpg", large).find("large.jpg: expected at most ") == 0);
  CHECK(refused("large.jpg", large).ends_with(" pixels, found 4290250000"));
  // a data set of headers has the sizes and boxes of one that was decoded
  v voc;
  voc.split("a\n");
  voc.add("a");
  auto const whole = voc.read(), headers = voc.read({.headers_only = true});
  CHECK(headers.samples[0].width == 20);
  CHECK(headers.samples[0].objects[0].where == whole.samples[0].objects[0].where);
  voc.write("JPEGImages/a.png", v::picture().substr(0, 60));
  CHECK(voc.read({.headers_only = true}).size() == 1);
  CHECK(voc.refusal().find("a.png") != std::string::npos);
}
