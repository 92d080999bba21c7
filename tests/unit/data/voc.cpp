#include "frcnn/data/voc.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;

TEST_CASE("a box is half-open, an object its own bndbox, and fractions are numbers") {
  v voc;
  voc.split("a\n");
  voc.add("a", v::object("dog", v::box("1", "1", "20", "10"), "<difficult>1</difficult>") +
                   v::object("cat", v::box(" 2.5 ", "+3", "7.25", "1e1"),
                             "<truncated>1</truncated><part><name>head</name>" + v::box("4", "4", "5", "5") + "</part>"));
  dataset const data = voc.read();
  REQUIRE(data.size() == 1);
  sample const& s = data.samples[0];
  CHECK(s.id == "a");
  CHECK(s.width == 20);
  CHECK(s.height == 10);
  CHECK(s.annotated);
  CHECK(data.classes == std::vector<std::string>{"cat", "dog"});
  REQUIRE(s.objects.size() == 2);
  CHECK(s.objects[0].where == box<float>{0, 0, 20, 10});
  CHECK(s.objects[0].difficult);
  CHECK_FALSE(s.objects[0].truncated);
  CHECK(s.objects[0].label == 2);
  CHECK(s.objects[1].where == box<float>{1.5f, 2, 7.25f, 10});
  CHECK_FALSE(s.objects[1].difficult);
  CHECK(s.objects[1].truncated);
  CHECK(s.objects[1].label == 1);
  CHECK(voc.warnings.empty());
}

TEST_CASE("boxes are clipped; clicks and what lies outside are left out; all is warned of once") {
  v voc;
  voc.split("a\nb\n");
  voc.add("a", v::object("cat", v::box("0", "-3", "25", "9")) + v::object("cat", v::box("5", "5", "5", "5")) +
                   v::object("cat", v::box("9", "5", "5", "9")) + v::object("bird", v::box("21", "2", "30", "5")));
  voc.add("b", v::object("cat", v::box("2", "2", "4", "4")) + v::object("cat", v::box("-9", "2", "0", "5")));
  dataset const data = voc.read();
  REQUIRE(data.samples[0].objects.size() == 1);
  CHECK(data.samples[0].objects[0].where == box<float>{0, 0, 20, 9});
  CHECK(data.samples[1].objects.size() == 1);
  CHECK(data.classes == std::vector<std::string>{"cat"});  // the bird was never in the picture
  REQUIRE(voc.warnings.size() == 5);
  CHECK(voc.without_root(voc.warnings[4]).find("trainval: 1 box begins at 0 where VOC counts from 1") == 0);
  std::string const swapped = "trainval: 1 box has its corners swapped (xmin > xmax or ymin > ymax) and is left out: ";
  CHECK(voc.without_root(voc.warnings[0]) == swapped + "VOC/Annotations/a.xml, object 3");
  CHECK(voc.without_root(voc.warnings[1]) == "trainval: 1 box without area is left out: VOC/Annotations/a.xml, object 2");
  CHECK(voc.without_root(voc.warnings[2]) ==
        "trainval: 2 boxes outside of their images are left out, the first: VOC/Annotations/a.xml, object 4");
  CHECK(voc.without_root(voc.warnings[3]).find("trainval: 1 box loses more than a tenth at its image's border") == 0);
}

TEST_CASE("a difficult that is neither 0 nor 1 is warned of once") {
  v voc;
  for (std::string id : {"a", "b"}) voc.add(id, v::object("cat", v::box("3", "2", "10", "8"), "<difficult>Unspecified</difficult>"));
  voc.split("a\nb\n");
  CHECK(voc.read().samples[0].objects.size() == 1);
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 objects have a <difficult> that is neither 0 nor 1, and count as not difficult, the first: VOC/Annotations/a.xml, "
        "object 1");
}

TEST_CASE("marks that PASCAL VOC does not know are warned of once, and the objects are read") {
  v voc;
  voc.add("a", v::object("cat", v::box("3", "2", "10", "8"), "<deleted>1</deleted>") +
                   v::object("cat", v::box("2", "2", "10", "8"), "<deleted>0</deleted><ignore>0</ignore><iscrowd>0</iscrowd>"));
  voc.add("b", v::object("cat", v::box("3", "2", "10", "8"), "<iscrowd>1</iscrowd>"));
  voc.split("a\nb\n");
  CHECK(voc.read().samples[0].objects.size() == 2);
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 objects are marked <deleted>, <ignore> or <crowd>, which PASCAL VOC does not know, and are read as any other, the "
        "first: VOC/Annotations/a.xml, object 1 (<deleted>)");
}

TEST_CASE("UTF-8 that is declared as a Latin code page is read as declared, and warned of once") {
  v voc;
  for (std::string id : {"a", "b", "c"}) voc.add(id, v::object("caf\u00E9", v::box("3", "2", "10", "8")));
  for (std::string id : {"b", "c"})
    voc.write("Annotations/" + id + ".xml",
              "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + v::annotation(v::object("caf\u00E9", v::box("3", "2", "10", "8"))));
  voc.split("a\nb\nc\n");
  CHECK(voc.read().classes == std::vector<std::string>{"caf\u00C3\u00A9", "caf\u00E9"});
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 annotations declare an encoding and look as if they were UTF-8: their class names are read as declared, and may be "
        "wrong, the first: VOC/Annotations/b.xml ('ISO-8859-1')");
}

TEST_CASE("corners in one column or row are a box one pixel wide or high, as VOC counts") {
  v voc;
  voc.split("a\n");
  voc.add("a", v::object("cat", v::box("5", "5", "5", "9")) + v::object("cat", v::box("3", "7.5", "9", "7.5")) +
                   v::object("cat", v::box("1", "1", "1", "10")) + v::object("cat", v::box("20", "1", "20", "10")));
  dataset const data = voc.read();
  REQUIRE(data.samples[0].objects.size() == 4);
  CHECK(data.samples[0].objects[0].where == box<float>{4, 4, 5, 9});
  CHECK(data.samples[0].objects[1].where == box<float>{2, 6.5f, 9, 7.5f});
  CHECK(data.samples[0].objects[2].where == box<float>{0, 0, 1, 10});
  CHECK(data.samples[0].objects[3].where == box<float>{19, 0, 20, 10});
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 4 boxes are one pixel wide or high, as VOC counts where xmin == xmax or ymin == ymax (lines drawn by mistake?), the "
        "first: VOC/Annotations/a.xml, object 1");
}

TEST_CASE("filename and size are not trusted; a wrong size is one warning") {
  v voc;
  voc.split("a\nb\nc\n");
  for (char const* id : {"a", "b"})
    voc.add(id, "<filename>other.jpg</filename><size><width>999</width><height>10</height><depth>3</depth></size>" +
                    v::object("cat", v::box("3", "2", "20", "8")));
  voc.add("c", "<size><width>20</width><height>10</height></size>" + v::object("cat", v::box("3", "2", "20", "8")));
  dataset const data = voc.read();
  CHECK(data.samples[0].width == 20);
  CHECK(data.samples[0].objects[0].where.x2 == 20);
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 annotations state other image sizes (were the images resized after they were labelled?); their boxes are taken as "
        "they stand, the first: VOC/Annotations/a.xml (999 x 10, the image is 20 x 10)");
}

TEST_CASE("images without objects are negatives, counted once") {
  v voc;
  voc.split("a\nb\n");
  voc.add("a");
  voc.add("b", "");
  CHECK(voc.read().samples[1].objects.empty());
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) == "trainval: 1 image without objects counts as a negative: VOC/JPEGImages/b.png");
  voc.add("a", "");
  CHECK(voc.refusal() == "VOC:trainval: expected at least one object, found none on any of 2 images");
  CHECK(voc.read({.classes = {"cat"}}).size() == 2);
}

TEST_CASE("an image is turned where <size> says so, left and doubted where it cannot") {
  voc_folder voc;
  auto const photo = io::read_file("tests/golden/images/orientation6.jpg");  // 18 x 13
  voc.write("JPEGImages/a.jpg", photo);
  voc.split("a\n");
  auto const size = [](int w, int h) {
    return "<size><width>" + std::to_string(w) + "</width><height>" + std::to_string(h) + "</height></size>";
  };
  auto const read = [&](std::string const& more, exif_mode mode = exif_mode::automatic) {
    voc.write("Annotations/a.xml", voc.annotation(more + voc.object("cat", voc.box("1", "1", "13", "18"))));
    sample const s = voc.read({.exif = mode}).samples.at(0);
    return std::to_string(s.width) + " x " + std::to_string(s.height) + ", " + std::to_string(s.orientation) + ", box to " +
           std::to_string(static_cast<int>(s.objects.at(0).where.y2));
  };
  CHECK(read(size(13, 18)) == "13 x 18, 6, box to 18");
  CHECK(voc.warnings.empty());
  image const used = read_image(voc.read().samples.at(0));
  CHECK(used.width == 13);
  CHECK(used.pixels == decode_image(as_bytes(photo), "x").pixels);

  CHECK(read(size(18, 13)) == "18 x 13, 1, box to 13");
  CHECK(std::none_of(voc.warnings.begin(), voc.warnings.end(), [](auto const& w) { return w.find("EXIF") != w.npos; }));

  CHECK(read("") == "18 x 13, 1, box to 13");
  REQUIRE(!voc.warnings.empty());
  std::string const doubt =
      "trainval: 1 image has an EXIF orientation, and nothing tells whether its boxes mean the turned picture: it is left as stored, and "
      "its boxes may be "
      "wrong (--exif apply or --exif ignore decides): VOC/JPEGImages/a.jpg";
  CHECK(std::any_of(voc.warnings.begin(), voc.warnings.end(), [&](auto const& w) { return voc.without_root(w) == doubt; }));
  CHECK(read("", exif_mode::apply) == "13 x 18, 6, box to 18");
  CHECK(voc.warnings.empty());
  CHECK(read(size(13, 18), exif_mode::ignore) == "18 x 13, 1, box to 13");

  // without boxes nothing can be wrong with them
  voc.write("Annotations/a.xml", voc.annotation(""));
  voc.add("b");
  voc.split("a\nb\n");
  voc.read();
  CHECK(std::none_of(voc.warnings.begin(), voc.warnings.end(), [](auto const& w) { return w.find("EXIF") != w.npos; }));
}

TEST_CASE("an image that has not changed since is not decoded again") {
  voc_folder voc;
  for (char const* id : {"a", "b"}) voc.add(id);
  voc.split("a\nb\n");
  auto const cache = voc.folder / "checked.txt";
  check_cache first(cache);
  dataset const data = voc.read({.known = &first});
  first.save(cache);

  // Contents that cannot be decoded, under the stamp that the good ones had: whoever decodes them notices.
  auto const damage = [&](std::string const& id) {
    auto const path = voc.folder / ("JPEGImages/" + id + ".png");
    voc.write("JPEGImages/" + id + ".png", "no image");
    auto const was = file_stamp::of(data.samples.at(id == "a" ? 0 : 1).image);
    REQUIRE(was.has_value());
    check_cache lie(cache);
    lie.add(path, *was, {20, 10});
    return lie;
  };
  check_cache lie = damage("a");
  check_cache again(cache);
  CHECK(voc.refusal({.known = &again}).find("found none of them") != std::string::npos);  // it has changed
  CHECK(voc.read({.known = &lie}).size() == 2);                                           // taken from the cache
  CHECK(voc.read({.known = &lie}).samples[0].width == 20);
}

TEST_CASE("splits may have columns, carriage returns, empty lines, a mark of their encoding and repeated ids") {
  v voc;
  for (char const* id : {"a", "b", "c", "with blank"}) voc.add(id);
  voc.split(
      "\xEF\xBB\xBF"
      "b  1\r\n\r\n  a -1\r\n\nwith blank\nb\nc\t0");
  dataset const data = voc.read();
  std::string ids;
  for (auto const& s : data.samples) ids += s.id + ";";
  CHECK(ids == "b;a;with blank;c;");
  REQUIRE(voc.warnings.size() == 1);
  CHECK(voc.without_root(voc.warnings[0]) == "trainval: 1 id is listed twice and kept once: VOC/ImageSets/Main/trainval.txt, 'b'");
}

TEST_CASE("the image is found by its id with any of three extensions in any case") {
  v voc;
  voc.split("a\nb\nc\nd.e\nf\n2007/g\n");
  for (char const* name : {"a.JPG", "b.Jpeg", "c.pNg", "d.e.jpg", "f.png", "f.jpg", "f.bmp", "2007/g.jpg"}) {
    voc.write(std::string("JPEGImages/") + name, v::picture(name == std::string("f.jpg") ? 21 : 20));
    std::string const file = name;
    voc.write("Annotations/" + file.substr(0, file.rfind('.')) + ".xml", v::annotation(v::object("cat", v::box("3", "2", "10", "8"))));
  }
  dataset const data = voc.read();
  CHECK(data.samples[4].width == 21);  // jpg before png
  CHECK(data.samples[3].image.filename() == "d.e.jpg");
  CHECK(data.samples[5].id == "2007/g");
}

TEST_CASE("several roots and splits are joined, classes sorted by bytes") {
  v one, two;
  one.add("1", v::object("b\xC3\xA9", v::box("3", "2", "10", "8")) + v::object("Zoo", v::box("3", "2", "10", "8")));
  one.add("2", v::object("a", v::box("3", "2", "10", "8")));
  two.add("1", v::object("b", v::box("3", "2", "10", "8")));
  one.split("1\n");
  one.split("2\n1\n", "test");
  two.split("1\n");
  std::vector<std::string> warnings;
  dataset const data = read_voc({{one.root(), "trainval"}, {two.root(), "trainval"}, {one.root() + "/.", "test"}},
                                {.warn = [&](std::string const& w) { warnings.push_back(w); }});
  CHECK(data.size() == 3);
  CHECK(data.classes == std::vector<std::string>{"Zoo", "a", "b", "b\xC3\xA9"});
  CHECK(warnings.size() == 1);  // image 1 of the first root is in both of its splits
  CHECK(data.label_of("b") == 3);
  CHECK(data.label_of("nothing") == 0);
  for (auto const& s : data.samples)
    for (auto const& o : s.objects) CHECK(data.classes[static_cast<std::size_t>(o.label - 1)] == o.name);
}

TEST_CASE("classes that are given keep their order, and objects of others are left out, counted") {
  v voc;
  voc.split("a\nb\nc\n");
  voc.add("a");
  voc.add("b", v::object("dog", v::box("3", "2", "10", "8")) + v::object("cow", v::box("3", "2", "10", "8")));
  voc.add("c", v::object("cow", v::box("3", "2", "10", "8")));
  dataset const data = voc.read({.classes = {"dog", "cow", "cat"}});
  CHECK(data.classes == std::vector<std::string>{"dog", "cow", "cat"});
  CHECK(data.samples[0].objects[0].label == 3);
  dataset const fewer = voc.read({.classes = {"dog", "cat"}});
  REQUIRE(fewer.size() == 3);
  REQUIRE(fewer.samples[1].objects.size() == 1);
  CHECK(fewer.samples[1].objects[0].label == 1);
  CHECK(fewer.samples[2].objects.empty());
  REQUIRE(voc.warnings.size() == 2);
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 objects of classes that are not asked for are left out (cow 2), the first: VOC/Annotations/b.xml, 'cow'");
  CHECK(voc.without_root(voc.warnings[1]) == "trainval: 1 image without objects counts as a negative: VOC/JPEGImages/c.png");
  CHECK(voc.refusal({.classes = {"zebra", "horse"}}) ==
        "VOC:trainval: expected objects of the classes zebra, horse, found none; there are cat 1, cow 2, dog 1");
}

TEST_CASE("every bad file is named in one error") {
  v voc;
  voc.split("good\ncut\ngone\nnoise\nempty\nbroken\nnobox\nletters\nnoname\nnan\nlost\nhtml\n");
  for (char const* id : {"good", "cut", "gone", "noise", "empty", "broken", "nobox", "letters", "noname", "nan", "lost", "html"})
    voc.add(id);
  std::string const jpeg = io::read_file("tests/golden/images/baseline.jpg");
  std::filesystem::remove(voc.folder / "JPEGImages/cut.png");
  voc.write("JPEGImages/cut.jpg", jpeg.substr(0, jpeg.size() - 30));
  std::filesystem::remove(voc.folder / "JPEGImages/gone.png");
  voc.write("JPEGImages/noise.png", "these are no pixels");
  voc.write("JPEGImages/empty.png", "");
  voc.write("Annotations/broken.xml", "<annotation>\n<object>\n<name>cat</object></annotation>");
  voc.write("Annotations/nobox.xml",
            v::annotation("<object><name>cat</name><part><name>x</name>" + v::box("1", "1", "2", "2") + "</part></object>"));
  voc.write("Annotations/letters.xml",
            v::annotation(v::object("cat", v::box("1", "1", "2", "2")) + v::object("cat", v::box("1", "two", "2", "2"))));
  voc.write("Annotations/noname.xml", v::annotation(v::object(" ", v::box("1", "1", "2", "2"))));
  voc.write("Annotations/nan.xml", v::annotation(v::object("cat", v::box("1", "nan", "2", "2"))));
  std::filesystem::remove(voc.folder / "Annotations/lost.xml");
  voc.write("Annotations/html.xml", "<html/>");
  CHECK(voc.refusal() ==
        "VOC:trainval: expected data without faults, found 11 problems:\n"
        "  VOC/JPEGImages/cut.jpg: expected a whole JPEG, found its end missing\n"
        "  VOC/JPEGImages/gone" FRCNN_IMAGE_ENDINGS
        ": expected an image, found no such file\n"
        "  VOC/JPEGImages/noise.png: expected a " FRCNN_IMAGE_FORMATS
        " image, found none of them\n"
        "  VOC/JPEGImages/empty.png: expected a " FRCNN_IMAGE_FORMATS
        " image, found an empty file\n"
        "  VOC/Annotations/broken.xml:3: expected well-formed XML, found a fault (start-end tags mismatch)\n"
        "  VOC/Annotations/nobox.xml, object 1: expected a <bndbox>, found none\n"
        "  VOC/Annotations/letters.xml, object 2: expected a number in <ymin>, found 'two'\n"
        "  VOC/Annotations/noname.xml, object 1: expected a class <name>, found none\n"
        "  VOC/Annotations/nan.xml, object 1: expected a number in <ymin>, found 'nan'\n"
        "  VOC/Annotations/lost.xml: expected a file, found nothing at that place\n"
        "  VOC/Annotations/html.xml: expected an <annotation>, found <html>\n"
        "  --skip-bad leaves out the images of 5 of these");
  CHECK(voc.warnings.empty());
}

TEST_CASE("one bad file is one sentence") {
  v voc;
  voc.split("a\nb\n");
  voc.add("a");
  voc.add("b");
  voc.write("JPEGImages/b.png", v::picture().substr(0, 80));
  CHECK(voc.refusal() == "VOC/JPEGImages/b.png: expected a whole PNG, found its end missing (--skip-bad leaves its image out)");
}

TEST_CASE("skip_bad leaves out images that are bad or not annotated, and nothing else") {
  v voc;
  voc.split("a\nb\nc\nd\n");
  for (char const* id : {"a", "b", "c", "d"}) voc.add(id);
  std::filesystem::remove(voc.folder / "Annotations/d.xml");
  voc.write("JPEGImages/b.png", "");
  std::filesystem::remove(voc.folder / "JPEGImages/c.png");
  dataset const data = voc.read({.skip_bad = true});
  CHECK(data.size() == 1);
  REQUIRE(voc.warnings.size() == 2);
  CHECK(voc.without_root(voc.warnings[1]) == "trainval: 1 image without an annotation is left out: VOC/JPEGImages/d.png");
  CHECK(voc.without_root(voc.warnings[0]) ==
        "trainval: 2 bad images are left out, the first: VOC/JPEGImages/b.png: expected a " FRCNN_IMAGE_FORMATS
        " image, found an empty file");
  voc.write("Annotations/a.xml", "<annotation>");
  CHECK(voc.refusal({.skip_bad = true}).find("VOC/Annotations/a.xml:1: expected well-formed XML") == 0);
  voc.write("JPEGImages/a.png", "");
  CHECK(voc.refusal({.skip_bad = true}) == "VOC:trainval: expected at least one image that can be used, found none");
  CHECK(voc.refusal({.skip_bad = true}, "val").find("expected the list of split 'val'") != std::string::npos);
}

TEST_CASE("a missing root, a missing split and an empty one are errors") {
  v voc;
  voc.add("a");
  std::string const list = "VOC/ImageSets/Main/trainval.txt: expected the list of split 'trainval', found ";
  CHECK(voc.refusal() ==
        list + "no lists there (--split 0.8 trains on 0.8 of the 1 image and tests on the others; VOC:all is all 1 image)");
  voc.write("result.json", "{}");
  CHECK(voc.refusal().find(list + "no lists there; COCO's JSON is data by its own name, 'VOC/result.json' (--split 0.8") == 0);
  std::filesystem::remove(voc.folder / "result.json");
  voc.split("a\n", "test");
  voc.split("a\n", "train");
  CHECK(voc.refusal() ==
        list +
            "only these: train, test (VOC:train is one; VOC:all is all 1 image; with --split 0.8 either trains on 0.8 of its images and "
            "tests on the others)");
  voc.split(" \r\n\n");
  CHECK(voc.refusal() == "VOC/ImageSets/Main/trainval.txt: expected at least one image id, found an empty split");
  CHECK(sentence([] {
          read_voc({{"/nowhere/at/all", "test"}});
        }) == "/nowhere/at/all: expected a folder in VOC layout, found no folder there");
  CHECK(sentence([] { read_voc({}); }) == "data: expected at least one ROOT:SPLIT, found none");
}

TEST_CASE("a split without any annotations is legal where they are optional; some missing never is") {
  v voc;
  voc.split("a\nb\n");
  voc.add("a");
  voc.add("b");
  std::filesystem::remove(voc.folder / "Annotations/b.xml");
  CHECK(voc.refusal({.wanted = annotations::optional}) ==
        "VOC/Annotations/b.xml: expected a file, found nothing at that place (--skip-bad leaves its image out)");
  std::filesystem::remove(voc.folder / "Annotations/a.xml");
  CHECK(voc.refusal() == "VOC/Annotations: expected annotations of split 'trainval', found none for any of its 2 images; it holds nothing");
  dataset const data = voc.read({.wanted = annotations::optional});
  CHECK(data.size() == 2);
  CHECK_FALSE(data.annotated());
  CHECK_FALSE(data.samples[1].annotated);
  CHECK(voc.warnings.empty());
}

TEST_CASE("the number of threads changes nothing") {
  v voc;
  std::string ids;
  for (int i = 0; i < 40; ++i) {
    voc.add(std::to_string(i), i % 3 ? v::object("c" + std::to_string(i % 7), v::box("0", "2", std::to_string(5 + i), "8")) : "");
    ids += std::to_string(i) + "\n";
  }
  voc.split(ids);
  dataset const one = voc.read({.threads = 1});
  auto const said = voc.warnings;
  dataset const many = voc.read({.threads = 8});
  CHECK(said == voc.warnings);
  REQUIRE(one.size() == many.size());
  CHECK(one.classes == many.classes);
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one.samples[i].id == many.samples[i].id);
    REQUIRE(one.samples[i].objects.size() == many.samples[i].objects.size());
    for (std::size_t k = 0; k < one.samples[i].objects.size(); ++k)
      CHECK(one.samples[i].objects[k].where == many.samples[i].objects[k].where);
  }
}

TEST_CASE("what looks like a mistake is counted and said once, before any error") {
  v voc;
  voc.split("a\nb\n");
  voc.add("b");
  auto const first_warning = [&](std::string const& objects) {
    voc.add("a", objects);
    voc.read();
    return voc.warnings.empty() ? "" : voc.without_root(voc.warnings[0]);
  };
  auto const cat = [](char const* x1, char const* y1, char const* x2, char const* y2) { return v::object("cat", v::box(x1, y1, x2, y2)); };
  CHECK(first_warning(cat("2", "1", "22", "10")).empty());  // 19 of its 21 columns are inside
  CHECK(first_warning(cat("2", "1", "23", "10")).find("trainval: 1 box loses more than a tenth at its image's border") == 0);
  CHECK(first_warning(cat("0", "1", "5", "10")).find("trainval: 1 box begins at 0 where VOC counts from 1") == 0);
  CHECK(first_warning(cat("0.2", "0.3", "0.8", "1")).find("trainval: 1 box has all its coordinates in 0..1") == 0);
  CHECK(first_warning(cat("7", "7", "7", "7")).find("trainval: 1 box without area") == 0);
  CHECK(first_warning(v::object("c\u00E0t", v::box("2", "2", "9", "9")) + v::object("ca\u0300t", v::box("2", "2", "9", "9"))) ==
        "trainval: 1 class name looks like another and differs in its bytes (blanks, normal forms, letters), and is a class of its own: "
        "'ca\\u0300t', 'c\\u00E0t'");
  CHECK(first_warning(v::object("Cat", v::box("2", "2", "9", "9"))) ==
        "trainval: 1 class name differs from another in upper and lower case only, and is a class of its own: 'Cat', 'cat'");
  CHECK(voc.read({.classes = {"cat"}, .name = "test data"}).size() == 2);
  CHECK(voc.warnings[1].find("test data: 1 class name differs") == 0);

  voc.split("a\n");
  voc.add("a", cat("0.2", "0.3", "0.8", "1") + cat("0", "0", "1", "1"));
  CHECK(voc.refusal() ==
        "VOC:trainval: expected coordinates in pixels, found that all 2 boxes lie in 0..1, as fractions of their images do");
  voc.add("a", cat("8", "8", "3", "3"));
  CHECK(voc.refusal() == "VOC:trainval: expected at least one object that can be used, found none among the 1 of 1 image");
  CHECK(voc.refusal({.classes = {"cat"}}).find("expected at least one object that can be used") != std::string::npos);
  CHECK(voc.warnings.size() == 2);
}

TEST_CASE("what is left of a kind is said without one file's own text") {
  v voc;
  std::string ids;
  for (char c = 'a'; c < 'n'; ++c) {
    ids += std::string(1, c) + "\n";
    voc.add(std::string(1, c), v::object("cat", v::box(std::string("1") + c, "2", "20", "8")));
  }
  voc.split(ids);
  std::string const said = voc.refusal();
  CHECK(said.find("found '1j'") != std::string::npos);
  CHECK(said.substr(said.rfind("\n  and ")) == "\n  and 3 more: expected a number in <xmin>");
}

TEST_CASE("of many problems of a kind the first ten are written out") {
  v voc;
  std::string ids = "good\n";
  voc.add("good");
  for (int i = 10; i < 50; ++i) {
    ids += std::to_string(i) + "\n";
    if (i % 2) voc.add(std::to_string(i), "<object><name>cat</name></object>");
  }
  voc.split(ids);
  std::string const said = voc.refusal();
  CHECK(said.find("found 60 problems:\n  VOC/JPEGImages/10.{jpg") != std::string::npos);  // 20 images, 20 annotations, 20 objects
  CHECK(std::count(said.begin(), said.end(), '\n') == 34);
  CHECK(said.find("\n  and 10 more: expected a <bndbox>, found none") != std::string::npos);
  CHECK(said.find("--skip-bad leaves out the images of 40 of these") != std::string::npos);
}

TEST_CASE("the check tells how far it is") {
  v voc;
  std::string ids;
  for (int i = 0; i < 9; ++i) {
    voc.add(std::to_string(i));
    ids += std::to_string(i) + "\n";
  }
  voc.split(ids);
  std::vector<std::size_t> done;
  voc.read({.threads = 3, .progress = [&](std::size_t n, std::size_t all) {
              CHECK(all == 9);
              done.push_back(n);
            }});
  CHECK(done == std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("BCCD is what it is") {
  char const* folder = std::getenv("FRCNN_TEST_DATA");
  if (!folder || !*folder) {
    std::cout << "skipped: FRCNN_TEST_DATA is not set\n";
    return;
  }
  std::string const root = std::string(folder) + "/BCCD";
  std::vector<std::string> warnings;
  voc_options const options{.warn = [&](std::string const& w) { warnings.push_back(w); }};
  dataset const train = read_voc({{root, "trainval"}}, options), test = read_voc({{root, "test"}}, options);
  CHECK(train.size() == 292);
  CHECK(test.size() == 72);
  CHECK(train.classes == std::vector<std::string>{"Platelets", "RBC", "WBC"});
  CHECK(test.classes == train.classes);
  std::size_t objects = 0;
  for (dataset const* d : {&train, &test})
    for (auto const& s : d->samples) {
      CHECK(s.width == 640);
      CHECK(s.height == 480);
      objects += s.objects.size();
    }
  CHECK(objects == 4888 - 2);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("trainval: 2 boxes without area are left out") == 0);
}
