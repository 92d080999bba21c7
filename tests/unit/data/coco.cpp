#include "frcnn/data/coco.hpp"

#include "frcnn/data/voc_writer.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

#include <tuple>
#include <utility>

using namespace frcnn;
using namespace frcnn::data;

namespace {

// The same images, in the same order, with the same objects.
void check_equal(dataset const& a, dataset const& b) {
  CHECK(a.classes == b.classes);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto const &x = a.samples[i], &y = b.samples[i];
    CHECK(x.id == y.id);
    CHECK(x.width == y.width);
    CHECK(x.height == y.height);
    CHECK(x.orientation == y.orientation);
    REQUIRE(x.objects.size() == y.objects.size());
    for (std::size_t k = 0; k < x.objects.size(); ++k) {
      CHECK(x.objects[k].where == y.objects[k].where);
      CHECK(x.objects[k].label == y.objects[k].label);
      CHECK(x.objects[k].name == y.objects[k].name);
      CHECK(x.objects[k].difficult == y.objects[k].difficult);
    }
  }
}

// Two pictures of 20 x 10, a.png and b.png, in `images`, and a file.
struct coco_folder : voc_folder {
  coco_folder() {
    write("images/a.png", picture());
    write("images/b.png", picture());
  }
  static std::string annotation(int id, int image, int category, std::string const& box, std::string const& more = "") {
    return "{\"id\": " + std::to_string(id) + ", \"image_id\": " + std::to_string(image) +
           ", \"category_id\": " + std::to_string(category) + ", \"bbox\": [" + box + "], \"area\": 9, \"iscrowd\": 0" + more + "}";
  }
  void file(
      std::string const& annotations, std::string const& name = "a.json",
      std::string const& categories = R"({"id": 18, "name": "dog"}, {"id": 3, "name": "cat"})",
      std::string const& images = R"({"id": 70, "file_name": "a.png", "width": 20, "height": 10}, {"id": 4, "file_name": "b.png"})") const {
    write(name, "{\"images\": [" + images + "], \"categories\": [" + categories + "], \"annotations\": [" + annotations + "]}");
  }
  dataset read_files(std::vector<std::string> const& names, voc_options options = {}) {
    warnings.clear();
    options.warn = [&](std::string const& w) { warnings.push_back(without_root(w)); };
    options.note = [&](std::string const& n) { notes.push_back(without_root(n)); };
    std::vector<coco_source> sources;
    for (auto const& n : names) sources.push_back(*find_coco(root() + "/" + n, "train"));
    return read_coco(sources, options);
  }
  std::vector<std::string> notes;
};

}  // namespace

TEST_CASE("coco: a file's classes, boxes, crowds and ids; the mapping is said") {
  coco_folder f;
  f.file(coco_folder::annotation(1, 70, 18, "1.5, 2, 3.25, 4") + "," +
         coco_folder::annotation(2, 4, 3, "0, 0, 20, 10", ", \"iscrowd\": 1") + "," +
         coco_folder::annotation(3, 70, 3, "2, 2, 1, 1", ", \"ignore\": 1"));
  auto const set = f.read_files({"a.json"});
  CHECK(set.classes == std::vector<std::string>{"cat", "dog"});  // in order of id
  CHECK(f.notes == std::vector<std::string>{"VOC/a.json: images are read from VOC/images",
                                            "VOC/a.json: categories and their labels: 3 cat -> 1, 18 dog -> 2"});
  CHECK(f.warnings.empty());
  REQUIRE(set.size() == 2);
  CHECK(set.samples[0].id == "a");
  CHECK(set.samples[0].number == 70);
  CHECK(set.samples[1].number == 4);
  REQUIRE(set.samples[0].objects.size() == 2);
  auto const& o = set.samples[0].objects[0];
  CHECK(o.where == box<float>{1.5f, 2, 4.75f, 6});
  CHECK(o.label == 2);
  CHECK(!o.difficult);
  CHECK(set.samples[0].objects[1].difficult);  // ignore
  CHECK(set.samples[1].objects[0].difficult);  // a crowd
  REQUIRE(set.coco);
  CHECK(set.coco->annotations.size() == 3);
}

TEST_CASE("coco: files whose category ids differ are joined by name") {
  coco_folder f;
  f.file(coco_folder::annotation(1, 70, 18, "1, 2, 3, 4"));
  f.file(coco_folder::annotation(1, 70, 1, "1, 2, 3, 4") + "," + coco_folder::annotation(2, 70, 2, "5, 2, 3, 4"), "b.json",
         R"({"id": 1, "name": "dog"}, {"id": 2, "name": "cow"})", R"({"id": 70, "file_name": "b.png"})");
  auto const set = f.read_files({"a.json", "b.json"});
  CHECK(set.classes == std::vector<std::string>{"cat", "dog", "cow"});
  REQUIRE(set.size() == 3);
  CHECK(set.samples[0].objects[0].label == 2);
  CHECK(set.samples[2].objects[0].label == 2);
  CHECK(set.samples[2].objects[1].label == 3);
  // What the files say is one, numbered anew: ids of two files may be equal.
  REQUIRE(set.coco_parts.size() == 2);
  CHECK(set.coco_parts[1].categories[0].id == 1);
  CHECK(set.coco_parts[1].id_of_number.at(set.samples[2].number) == 70);
  CHECK(set.coco_parts[0].id_of_number.size() == 2);
  REQUIRE(set.coco);
  auto const& whole = *set.coco;
  REQUIRE(whole.categories.size() == 3);
  for (auto const& [k, name] : {std::pair{0, "cat"}, {1, "dog"}, {2, "cow"}}) {
    CHECK(whole.categories[static_cast<std::size_t>(k)].id == k + 1);
    CHECK(whole.categories[static_cast<std::size_t>(k)].name == name);
  }
  REQUIRE(whole.images.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(whole.images[i].id == static_cast<std::int64_t>(i + 1));
    CHECK(set.samples[i].number == whole.images[i].id);
    CHECK(set.samples[i].id + ".png" == whole.images[i].file_name);
  }
  REQUIRE(whole.annotations.size() == 3);
  for (auto const& [k, image, category] : {std::tuple{0, 1, 2}, {1, 3, 2}, {2, 3, 3}}) {
    auto const& a = whole.annotations[static_cast<std::size_t>(k)];
    CHECK(a.id == k + 1);
    CHECK(a.image == image);
    CHECK(a.category == category);
    CHECK(a.area == 9);
  }
  std::string const again = "1 image is a file that was taken before, and is taken once more with the objects of its own entry: ";
  CHECK(std::count(f.warnings.begin(), f.warnings.end(), "a, b: " + again + "VOC/images/b.png") == 1);
  // Through a link, and beside a folder in VOC layout, too.
  f.add("a", voc_folder::object("dog", voc_folder::box("3", "2", "10", "8")));
  f.split("a\n");
  std::filesystem::remove(f.folder / "images/a.png");
  std::filesystem::create_symlink(f.folder / "JPEGImages/a.png", f.folder / "images/a.png");
  f.warnings.clear();
  voc_options joined;
  joined.warn = [&](std::string const& w) { f.warnings.push_back(f.without_root(w)); };
  CHECK(read_joined({parse_voc_spec(f.root())}, {*find_coco(f.root() + "/a.json:" + f.root() + "/images", "train")}, joined).size() == 3);
  CHECK(std::count(f.warnings.begin(), f.warnings.end(), "trainval, a: " + again + "VOC/images/a.png") == 1);
  // Classes that are asked for: their order, and no others.
  voc_options o;
  o.classes = {"cow"};
  auto const cows = f.read_files({"b.json"}, o);
  CHECK(cows.samples[0].objects.size() == 1);
  CHECK(f.warnings.at(0).find("1 object of a class that is not asked for is left out (dog 1)") != std::string::npos);
}

TEST_CASE("coco: a folder in VOC layout beside a file, joined by name, each counted from its own origin") {
  coco_folder f;
  f.file(coco_folder::annotation(1, 70, 18, "0, 2, 3, 4"));
  f.add("one",
        voc_folder::object("dog", voc_folder::box("3", "2", "10", "8")) + voc_folder::object("ant", voc_folder::box("3", "2", "10", "8")));
  f.split("one\n");
  for (auto const origin : {std::optional(coordinate_origin::voc), std::optional<coordinate_origin>()}) {
    voc_options o;
    o.origin = origin;
    o.warn = [&](std::string const& w) { f.warnings.push_back(w); };
    auto const set = read_joined({parse_voc_spec(f.root())}, {*find_coco(f.root() + "/a.json", "train")}, o);
    CHECK(set.classes == std::vector<std::string>{"cat", "dog", "ant"});  // the file's in order of id, then the folder's
    REQUIRE(set.size() == 3);
    CHECK(set.samples[0].objects[0].where == box<float>{2, 1, 10, 8});
    CHECK(set.samples[0].objects[0].label == 2);
    CHECK(set.samples[0].objects[1].label == 3);
    CHECK(set.samples[1].objects[0].where == box<float>{0, 2, 3, 6});
    CHECK(set.samples[1].objects[0].label == 2);
    CHECK(!set.coco);
  }
  CHECK(std::none_of(f.warnings.begin(), f.warnings.end(), [](auto const& w) { return w.find("begins at 0") != w.npos; }));
}

TEST_CASE("coco: bad boxes and missing images are said as VOC's are") {
  coco_folder f;
  f.file(coco_folder::annotation(1, 70, 18, "1, 2, 0, 4") + "," + coco_folder::annotation(2, 70, 3, "30, 2, 5, 5") + "," +
         coco_folder::annotation(3, 70, 3, "2, 2, 1, 1") + "," + coco_folder::annotation(4, 4, 3, "15, 5, 10, 5"));
  auto const set = f.read_files({"a.json"});
  CHECK(set.samples[0].objects.size() == 1);  // of one pixel
  CHECK(set.samples[1].objects[0].where == box<float>{15, 5, 20, 10});
  REQUIRE(f.warnings.size() == 3);
  CHECK(f.warnings[0] == "a: 1 box without area is left out: VOC/a.json, 'a.png', object 1");
  CHECK(f.warnings[1] == "a: 1 box outside of its image is left out: VOC/a.json, 'a.png', object 2");
  CHECK(f.warnings[2].find("loses more than a tenth") != std::string::npos);
  std::filesystem::remove(f.folder / "images/b.png");
  CHECK(f.without_root(sentence([&] { f.read_files({"a.json"}); })) ==
        "VOC/images/b.png: expected a file, found nothing at that place (--skip-bad leaves its image out)");
  for (auto const& [name, said] : {std::pair("B.png", "'B.png', in another case"), std::pair("b.PNG", "'b.PNG', in another case"),
                                   std::pair("b.jpg", "'b.jpg', with another extension")}) {
    f.write(std::string("images/") + name, coco_folder::picture());
    CHECK(f.without_root(sentence([&] { f.read_files({"a.json"}); })) ==
          std::string("VOC/images/b.png: expected a file, found ") + said + " (--skip-bad leaves its image out)");
    std::filesystem::remove(f.folder / "images" / name);
  }
  voc_options skip;
  skip.skip_bad = true;
  CHECK(f.read_files({"a.json"}, skip).size() == 1);
  std::filesystem::rename(f.folder / "images", f.folder / "elsewhere");  // where nobody looks: one sentence, not one for each image
  std::string const said = f.without_root(sentence([&] { f.read_files({"a.json"}, skip); }));
  CHECK(said.starts_with("VOC/a.json: expected its images in a folder (FILE.json:IMAGES says which), found none of 2 in "));
  for (char const* folder : {"'VOC'", "'VOC/images'", "/a'", "/JPEGImages'"}) CHECK(said.find(folder) != said.npos);
  CHECK(f.without_root(sentence([&] { f.read_files({"a.json:" + f.root() + "/gone"}); })) ==
        "VOC/a.json: expected its images in a folder (FILE.json:IMAGES says which), found none of 2 in 'VOC/gone'; the first is 'a.png'");
  f.file("", "c.json", R"({"id": 1, "name": "x"})", R"({"id": 1, "file_name": "../a.png"})");
  CHECK(f.without_root(sentence([&] { f.read_files({"c.json"}); })) ==
        "VOC/c.json, image 0 (id 1): expected a \"file_name\" below the folder of the images, found '../a.png'");
  f.file("", "c.json", R"({"id": 1, "name": "x"})", R"({"id": 1, "file_name": "a.png\u0000.jpg"})");  // which the system would cut
  CHECK(f.without_root(sentence([&] { f.read_files({"c.json"}); })) ==
        "VOC/c.json, image 0 (id 1): expected a \"file_name\" without a zero byte, found 'a.png\\x00.jpg'");
}

TEST_CASE("coco: corners are refused where the file does not say how large its images are") {
  coco_folder f;
  // As x, y, width, height most reach over the border of an image of 20 x 10, as corners none.
  std::string const boxes = coco_folder::annotation(1, 4, 3, "10, 2, 15, 9") + "," + coco_folder::annotation(2, 4, 3, "4, 4, 18, 9") + "," +
                            coco_folder::annotation(3, 4, 3, "1, 1, 4, 4");
  f.file(boxes);
  std::string const expected =
      "VOC/a.json, annotation 0 (id 1): expected boxes as x, y, width, height, found 2 of 3 boxes that reach over the border of their "
      "image, and would not as corners x1, y1, x2, y2";
  CHECK(f.without_root(sentence([&] { f.read_files({"a.json"}); })) == expected);
  f.file(coco_folder::annotation(1, 70, 18, "1, 2, 3, 4"), "b.json");  // which is right, and has the same ids
  CHECK(f.without_root(sentence([&] { f.read_files({"b.json", "a.json"}); })) == expected);
  f.file(coco_folder::annotation(1, 4, 3, "10, 2, 15, 9") + "," + coco_folder::annotation(2, 4, 3, "4, 4, 8, 5") + "," +
         coco_folder::annotation(3, 4, 3, "1, 1, 4, 4"));
  CHECK(f.read_files({"a.json"}).samples[1].objects.size() == 3);  // one of three
}

TEST_CASE("coco: a folder as Roboflow exports it") {
  coco_folder f;
  for (char const* split : {"train", "valid", "test"}) {
    f.write(std::string(split) + "/a.png", coco_folder::picture());
    f.file(coco_folder::annotation(1, 70, 18, "1, 2, 3, 4"), std::string(split) + "/_annotations.coco.json",
           R"({"id": 0, "name": "pets"}, {"id": 18, "name": "dog", "supercategory": "pets"})", R"({"id": 70, "file_name": "a.png"})");
  }
  struct choice {
    char const* spec;
    char const* split;
    char const* found;
  };
  for (choice const wanted : {choice{"", "train", "train"},
                              {"", "val", "valid"},
                              {":test", "train", "test"},
                              {":valid", "train", "valid"},
                              {"/train", "val", "train"},
                              {"/train/", "val", "train"},
                              {"/train:all", "val", "train"}}) {
    CAPTURE(wanted.spec);
    auto const source = find_coco(f.root() + wanted.spec, wanted.split);
    REQUIRE(source);
    CHECK(source->split == wanted.found);
    CHECK(std::filesystem::equivalent(source->file, f.folder / wanted.found / "_annotations.coco.json"));
    auto const set = read_coco({*source});
    REQUIRE(set.size() == 1);
    CHECK(set.classes == std::vector<std::string>{"dog"});
    CHECK(std::filesystem::equivalent(set.samples[0].image, f.folder / wanted.found / "a.png"));
  }
  CHECK(f.without_root(sentence([&] { find_coco(f.root() + ":dev", "val"); })) ==
        "VOC: expected dev/_annotations.coco.json, found none, but of the splits test, train, valid");
}

TEST_CASE("coco: which data a name means") {
  coco_folder f;
  f.file("", "annotations/instances_train2017.json");
  f.file("", "annotations/instances_val.json");
  CHECK(find_coco(f.root(), "train")->split == "train2017");
  CHECK(find_coco(f.root(), "val")->split == "val");
  CHECK(find_coco(f.root() + ":train", "val")->file == f.folder / "annotations/instances_train2017.json");
  CHECK(find_coco(f.root() + ":train2017", "val")->split == "train2017");
  CHECK(f.without_root(sentence([&] { find_coco(f.root() + ":test", "val"); })) ==
        "VOC: expected annotations/instances_test.json, found none, but of the splits train2017, val");
  std::filesystem::rename(f.folder / "annotations/instances_train2017.json", f.folder / "annotations/instances_train2017.JSON");
  CHECK(find_coco(f.root(), "train")->file == f.folder / "annotations/instances_train2017.JSON");
  auto const named = *find_coco("x/b.json:pictures", "train");
  CHECK(named.file == "x/b.json");
  CHECK(named.images == std::vector<std::filesystem::path>{"pictures"});
  f.write("c.json", "{}");
  auto const with_colons = *find_coco(f.root() + "/c.json:pictures:of:may", "train");
  CHECK(with_colons.file == f.folder / "c.json");
  CHECK(with_colons.images == std::vector<std::filesystem::path>{"pictures:of:may"});
  CHECK(!find_coco(f.root() + "/images", "train"));
  CHECK(!find_coco("VOC2007:trainval", "train"));
}

TEST_CASE("coco: images beside the file come before those of equal names above it") {
  coco_folder f;
  f.file(coco_folder::annotation(1, 70, 18, "1, 2, 3, 4"), "annotated/a.json");
  for (char const* name : {"a.png", "b.png"}) f.write(std::string("annotated/images/") + name, coco_folder::picture());
  f.write("a.png", "another picture");
  CHECK(f.read_files({"annotated/a.json"}).samples[0].image == f.folder / "annotated/images/a.png");
  std::filesystem::remove_all(f.folder / "annotated/images");
  std::filesystem::remove(f.folder / "a.png");
  CHECK(f.read_files({"annotated/a.json"}).samples[0].image.lexically_normal() == f.folder / "images/a.png");
}

TEST_CASE("coco: VOC written as COCO is the same data, and so is that written as VOC again") {
  voc_folder f;
  f.add("b", voc_folder::object("dog", voc_folder::box("1", "1.5", "20", "10")) +
                 voc_folder::object("cat &amp; &lt;mouse>", voc_folder::box("3.25", "2", "10", "8"), "<difficult>1</difficult>"));
  f.add("sub/a");
  f.add("c", "");
  f.split("sub/a\nb\nc\n");
  auto const voc = f.read();
  auto const images = common_folder(voc);
  CHECK(images == f.folder / "JPEGImages");
  // Paths of several kinds: an absolute folder, and each image's name from there.
  auto const here = std::filesystem::current_path();
  for (char const* other : {"d.png", "../d.png"}) {
    dataset mixed;
    for (auto const& path : {std::filesystem::path("sub/e.png"), std::filesystem::path(other)}) {
      mixed.samples.emplace_back().image = path;
      mixed.samples.emplace_back().image = here / "sub" / "f.png";
    }
    auto const common = common_folder(mixed);
    CHECK(common == std::filesystem::absolute(other).lexically_normal().parent_path());
    CHECK(common / path_from(common, "sub/e.png") == here / "sub/e.png");
    CHECK(coco_of(mixed, common).images[2].file_name == "d.png");
    mixed.samples.erase(mixed.samples.begin() + 1), mixed.samples.pop_back();  // no absolute one
    CHECK(common_folder(mixed) == (std::string(other) == "d.png" ? std::filesystem::path(".") : common));
  }
  std::string const file = (f.folder / "a.json").string();
  io::write_coco_instances(file, coco_of(voc, images));
  auto const source = *find_coco(file + ":" + images.string(), "train");
  auto const coco = read_coco({source});
  check_equal(voc, coco);
  CHECK(coco.samples[2].number == 3);
  // A part of it is the same part.
  for (auto const& part : {id_range{0, .5}, id_range{.5, 1}}) {
    auto of_coco = source;
    of_coco.part = part;
    check_equal(read_voc({{f.root(), "trainval", part}}, {.classes = voc.classes}), read_coco({of_coco}, {.classes = voc.classes}));
  }
  write_voc(f.folder / "again", "train", coco);
  check_equal(coco, read_voc({{f.folder / "again", "train"}}));
  CHECK_THROWS_AS(write_voc(f.folder / "again", "train", coco), error);  // something is there
  auto twice = coco;
  twice.samples[1].id = "c";
  CHECK_THROWS_AS(write_voc(f.folder / "twice", "train", twice), error);
  CHECK(!std::filesystem::exists(f.folder / "twice"));
  // Names that XML cannot hold are refused before anything is copied; who is told how far it is may end it, and nothing stays.
  std::size_t copied = 0;
  auto const count = [&](std::size_t n) { copied = n; };
  for (char const* name : {"a\x01", "a\nb", "caf\xE9", "\xEF\xBF\xBF"}) {
    auto odd = coco;
    odd.samples[1].objects.push_back({.where = {0, 0, 2, 2}, .name = name});
    CHECK_THROWS_AS(write_voc(f.folder / "odd", "train", odd, count), error);
  }
  CHECK(copied == 0);
  CHECK_THROWS_AS(write_voc(f.folder / "odd", "train", coco,
                            [](std::size_t n) {
                              if (n == 2) throw n;
                            }),
                  std::size_t);
  CHECK(!std::filesystem::exists(f.folder / "odd"));
  CHECK(!std::filesystem::exists(f.folder / "odd.part"));
}
