#include "frcnn/data/voc_layout.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using v = voc_folder;

namespace {

// An image and its annotation.
void put(v const& voc, std::string const& image, std::string const& xml) {
  voc.write(image, v::picture());
  voc.write(xml, v::annotation(v::object("cat", v::box("3", "2", "10", "8"))));
}

std::string ids(dataset const& data) {
  std::string all;
  for (auto const& s : data.samples) all += s.id + ";";
  return all;
}

}  // namespace

TEST_CASE("images and annotations are found where tools put them") {
  using place = std::pair<std::string, std::string>;
  for (place const& where : {place{"images/", "annotations/"}, place{"Images/", "annots/"}, place{"JPEGImgs/", "Annotations/"},
                             place{"", "Annotations/"}, place{"", ""}, place{"images/", "annotations/xmls/"}, place{"images/", "images/"},
                             place{"jpegimages/", "ANNOTATIONS/"}, place{"images/", ""}}) {
    std::string const images = where.first, annotations = where.second;
    CAPTURE(images);
    CAPTURE(annotations);
    v voc;
    for (std::string id : {"a", "b"}) put(voc, images + id + ".png", annotations + id + (id == "a" ? ".xml" : ".XML"));
    voc.split("a\nb\n");
    CHECK(voc.read().samples[1].objects.size() == 1);
    std::filesystem::remove_all(voc.folder / "ImageSets");
    CHECK(ids(voc.read({}, "all")) == "a;b;");
  }
}

TEST_CASE("a folder of another place with none of the images does not hide the one that has them") {
  v voc;
  put(voc, "images/a.png", "annotations/xmls/a.xml");
  voc.write("JPEGImages/other.png", v::picture());
  voc.write("Annotations/other.xml", "");
  voc.split("a\n");
  std::vector<std::string> notes;
  voc.read({.note = [&](std::string const& n) { notes.push_back(voc.without_root(n)); }});
  CHECK(notes == std::vector<std::string>{"VOC:trainval: images are read from VOC/images",
                                          "VOC:trainval: annotations are read from VOC/annotations/xmls"});
}

TEST_CASE("a root that holds one VOC folder is that folder; of several one has to be named") {
  v voc;
  put(voc, "kit/VOC2007/JPEGImages/a.png", "kit/VOC2007/Annotations/a.xml");
  voc.write("kit/VOC2007/ImageSets/Main/trainval.txt", "a\n");
  voc.write("kit/.hidden/JPEGImages/a.png", "");
  CHECK(voc.read().size() == 1);
  voc.write("kit/VOC2012/Annotations/a.xml", "");
  CHECK(voc.refusal() == "VOC: expected one folder in VOC layout, named itself, found 2 of them: VOC/kit/VOC2007, VOC/kit/VOC2012");
}

TEST_CASE("what systems keep among a user's files is no data") {
  v voc;
  put(voc, "kit/JPEGImages/a.png", "kit/Annotations/a.xml");
  voc.write("__MACOSX/kit/JPEGImages/._a.png", "");
  for (std::string other : {"@eaDir/a.png", "#recycle", ".thumbnails", "$RECYCLE.BIN"})
    voc.write("kit/JPEGImages/" + other + "/b.png", v::picture());
  CHECK(ids(voc.read({}, "all")) == "a;");
}

TEST_CASE("without annotations, what may have been meant as one is named") {
  v voc;
  for (std::string id : {"cam1/a", "cam1/b"}) voc.write("JPEGImages/" + id + ".png", v::picture());
  auto const found = [&](std::string const& file) {
    voc.write(file, "");
    std::string const said = voc.refusal({}, "all");
    std::filesystem::remove(voc.folder / file);
    return said.substr(said.find("; ", said.find("it holds")));
  };
  CHECK(found("annotations.xml") ==
        "; VOC/annotations.xml has the name of none of the images (one file for all of them, as CVAT has it, is "
        "not read: export PASCAL VOC)");
  voc.write("other.xml", "");
  CHECK(found("annotations.xml") == "; VOC/annotations.xml has the name of none of the images");  // one of several is no file for all
  std::filesystem::remove(voc.folder / "other.xml");
  CHECK(found("JPEGImages/_annotations.coco.json") ==
        "; VOC/JPEGImages/_annotations.coco.json is not read with it: COCO's JSON is data by its own name, FILE.json:IMAGES, LabelMe's has "
        "to be converted");
  CHECK(found("labels/a.txt") == "; VOC/labels/a.txt, a text as YOLO has it, is not read: convert the annotations to PASCAL VOC");
  CHECK(found("Annotations/b.xml") == "; VOC/Annotations/b.xml would be read from VOC/Annotations/cam1/b.xml");
}

TEST_CASE("of a place in a folder in VOC layout that folder is named") {
  v voc;
  voc.add("a");
  voc.split("a\n");
  auto const said = [&](char const* place, std::string const& split = "trainval") {
    return voc.without_root(sentence([&] { read_voc({{voc.folder / place, split}}, {}); }));
  };
  std::string const around = "; it is in VOC, which is the folder to name";
  for (char const* place : {"JPEGImages", "JPEGImages/", "Annotations", "ImageSets", "ImageSets/Main", "ImageSets/Main/trainval.txt"}) {
    CAPTURE(place);
    CHECK(said(place).find(around) != std::string::npos);
  }
  CHECK(said("JPEGImages", "all").find(around) != std::string::npos);
  CHECK(said("elsewhere").find(around) == std::string::npos);
}

TEST_CASE("a missing folder is one sentence that says what lies there instead") {
  v voc;
  for (int i = 0; i < 30; ++i) voc.write("Annotations/" + std::to_string(i) + ".xml", "");
  std::string list;
  for (int i = 0; i < 30; ++i) list += std::to_string(i) + "\n";
  voc.split(list);
  voc.write("pictures/0.jpg", "");
  CHECK(voc.refusal() ==
        "VOC: expected a folder of images (JPEGImages, images, JPEGImgs), or images in it, found 'Annotations', 'ImageSets', 'pictures'");
  for (int i = 0; i < 9; ++i) voc.write("JPEGImages/x" + std::to_string(i) + ".jpg", "");
  CHECK(voc.refusal() ==
        "VOC/JPEGImages: expected the images of split 'trainval', found none of the 30 in VOC/ImageSets/Main/trainval.txt, the "
        "first '0'; it holds 'x0.jpg', 'x1.jpg', 'x2.jpg', "
        "'x3.jpg', 'x4.jpg' and 4 more");
  std::filesystem::remove_all(voc.folder / "JPEGImages");
  std::filesystem::remove_all(voc.folder / "Annotations");
  for (int i = 0; i < 30; ++i) voc.write("images/" + std::to_string(i) + ".png", v::picture());
  CHECK(voc.refusal() ==
        "VOC: expected annotations of split 'trainval' in Annotations, annots or beside the images, found none for any of its 30 "
        "images; it holds 'ImageSets', 'images', 'pictures'");
  v others;
  others.write("img/a.jpg", "");
  others.write("xml/a.xml", "");
  CHECK(others.refusal() ==
        "VOC: expected a folder in VOC layout (JPEGImages, Annotations), found images in 'VOC/img' and annotations in 'VOC/xml'");
  v empty;
  CHECK(empty.refusal() == "VOC: expected a folder in VOC layout (JPEGImages, Annotations), found nothing");
  v supervisely;
  supervisely.write("first/img/a.png", v::picture());
  supervisely.write("first/ann/a.png.json", "{}");
  CHECK(supervisely.refusal() ==
        "VOC: expected a folder in VOC layout (JPEGImages, Annotations), found Supervisely's JSON in 'VOC/first/ann': export it as PASCAL "
        "VOC "
        "or COCO");
}
