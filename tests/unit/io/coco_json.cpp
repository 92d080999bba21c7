#include "frcnn/io/coco_json.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::io;

namespace {

struct json_file {
  scratch folder;
  std::filesystem::path path = folder / "a.json";
  explicit json_file(std::string const& text) { write_file_atomically(path, text); }
};

// Of an image 100 x 80 with id 3, a category "cat" with id 7, and these annotations.
std::string with(std::string const& annotations) {
  return R"({"info": {"year": 2014, "x": [1, {"y": null}]}, "images": [{"id": 3, "width": 100, "height": 80, "file_name": "a.jpg"}],)"
         R"("annotations": [)" +
         annotations + R"(], "categories": [{"supercategory": "animal", "id": 7, "name": "cat"}]})";
}

std::string fault(std::string const& text) {
  json_file const f(text);
  auto const said = ::sentence([&] { read_coco_instances(f.path); });
  REQUIRE(said.starts_with(f.path.string()));
  return said.substr(f.path.string().size());
}
std::string fault_of_results(std::string const& text) {
  json_file const f(text);
  auto const said = ::sentence([&] { read_coco_results(f.path); });
  REQUIRE(said.starts_with(f.path.string()));
  return said.substr(f.path.string().size());
}

coco_annotation one(std::string const& annotation) {
  json_file const f(with(annotation));
  auto const file = read_coco_instances(f.path);
  REQUIRE(file.annotations.size() == 1);
  return file.annotations[0];
}

}  // namespace

TEST_CASE("coco_json: instances, whatever the order of lists and members and whatever else is there") {
  json_file const f(
      with(R"({"segmentation": [[1, 2, 3, 4, 5, 6]], "area": 900.5, "iscrowd": 1, "ignore": 1, "image_id": 3, "bbox": [10.25, 20, 30, 40],
                            "category_id": 7, "id": 12345678901, "keypoints": [0, 0]})"));
  std::vector<std::string> said;
  auto const file = read_coco_instances(f.path, [&](std::string const& s) { said.push_back(s); });
  CHECK(said.empty());
  REQUIRE(file.images.size() == 1);
  CHECK(file.images[0].id == 3);
  CHECK(file.images[0].width == 100);
  CHECK(file.images[0].height == 80);
  CHECK(file.images[0].file_name == "a.jpg");
  REQUIRE(file.categories.size() == 1);
  CHECK(file.categories[0].id == 7);
  CHECK(file.categories[0].name == "cat");
  REQUIRE(file.annotations.size() == 1);
  auto const& a = file.annotations[0];
  CHECK(a.id == 12345678901);
  CHECK(a.where == coco_box{10.25, 20, 30, 40});
  CHECK(a.area == 900.5);
  CHECK(a.crowd);
  CHECK(a.ignored);
}

TEST_CASE("coco_json: a byte order mark is no part of the text") {
  json_file const f("\xEF\xBB\xBF" + with(""));
  CHECK(read_coco_instances(f.path).images.size() == 1);
}

TEST_CASE("coco_json: what an annotation does not say is derived, and told once") {
  json_file const f(with(
      R"({"id": 0, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]}, {"id": 5, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]})"));
  std::vector<std::string> said;
  auto const file = read_coco_instances(f.path, [&](std::string const& s) { said.push_back(s.substr(0, s.find(';'))); });
  CHECK(file.annotations[0].area == 12);
  CHECK(!file.annotations[0].crowd);
  CHECK(said == std::vector<std::string>{"2 annotations have no area: it is that of their outlines or their boxes",
                                         "2 annotations do not say whether they are crowds, and count as none",
                                         "1 annotation has the id 0, whose object pycocotools counts as never found"});
}

TEST_CASE("coco_json: null is as good as nothing, and a negative size is told and stays") {
  json_file const f(
      R"({"images": [{"id": 3, "width": null, "height": null, "file_name": "a.jpg"}], "categories": [{"id": 7, "name": "cat"}], "annotations": [)"
      R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4], "area": null, "iscrowd": null, "ignore": null},)"
      R"({"id": 2, "image_id": 3, "category_id": 7, "bbox": null, "segmentation": [[10, 10, 20, 10, 20, 30, 10, 30]], "iscrowd": 0},)"
      R"({"id": 4, "image_id": 3, "category_id": 7, "bbox": [10, 2, -3, 4], "area": 5, "iscrowd": 0, "segmentation": null}]})");
  std::vector<std::string> said;
  auto const warn = [&](std::string const& s) { said.push_back(s.substr(0, s.find(';'))); };
  auto const file = read_coco_instances(f.path, warn);
  REQUIRE(file.annotations.size() == 3);
  CHECK(file.images[0].width == 0);
  CHECK(file.annotations[0].area == 12);
  CHECK(!file.annotations[0].crowd);
  CHECK(file.annotations[1].where == coco_box{10, 10, 10, 20});
  CHECK(file.annotations[1].area == 200);
  CHECK(file.annotations[2].where == coco_box{10, 2, -3, 4});
  CHECK(said == std::vector<std::string>{
                    "1 annotation has no box: it is that of its outline",
                    "2 annotations have no area: it is that of their outlines or their boxes",
                    "1 annotation does not say whether it is a crowd, and counts as none",
                    "1 annotation has a box of negative width or height, which evaluation takes as it stands, as pycocotools does"});
  CHECK(fault(with(R"({"id": null, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]})")) ==
        ", annotation 0: expected \"id\", \"image_id\" and \"category_id\", found no \"id\"");
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": null})")) ==
        ", annotation 0: expected \"bbox\", or an outline in \"segmentation\", found neither");
  CHECK(fault_of_results(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": null}])") ==
        ", result 0: expected \"image_id\", \"category_id\", \"bbox\" and \"score\", found no \"score\"");
  said.clear();
  json_file const results(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, -4], "score": 0.5}])");
  CHECK(read_coco_results(results.path, warn)[0].where.h == -4);
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with("1 result has a box of negative width or height"));
}

TEST_CASE("coco_json: area and box of polygons and of masks in both encodings") {
  std::string const ids = R"({"id": 1, "image_id": 3, "category_id": 7, "segmentation": )";
  auto const polygon = one(ids + "[[10, 10, 20, 10, 20, 30, 10, 30], [40, 0, 44, 0, 44, 2, 40, 2]]}");
  CHECK(polygon.area == 208);
  CHECK(polygon.where == coco_box{10, 0, 34, 30});
  // 3 x 3: pixels (0, 1), (0, 2), (1, 0)
  auto const mask = one(ids + R"({"size": [3, 3], "counts": [1, 3, 5]}})");
  CHECK(mask.area == 3);
  CHECK(mask.where == coco_box{0, 0, 2, 3});
  auto const text = one(ids + R"({"size": [3, 3], "counts": "135"}})");
  CHECK(text.area == 3);
  CHECK(text.where == mask.where);
  CHECK(one(ids + R"({"size": [4, 3], "counts": [5, 2, 5]}})").where == coco_box{1, 1, 1, 2});
  CHECK(*runs_of_text("135") == std::vector<std::int64_t>{1, 3, 5});
  // From pycocotools 2.0.11: a mask of 20 x 30 whose rows 2 to 10 and columns 5 to 24 are set.
  auto const runs = runs_of_text("V39;0000000000000000000000000000000000000R3");
  REQUIRE(runs);
  auto const outline = outline_of_runs(*runs, 30, 20);
  REQUIRE(outline);
  CHECK(outline->area == 180);
  CHECK(outline->box == coco_box{5, 2, 20, 9});
  CHECK(!runs_of_text("o"));  // says that more follows
  std::string growing;        // numbers of 59 bits, each added to one before
  for (int i = 0; i < 60; ++i) growing += "ooooooooooo?";
  CHECK(!runs_of_text(growing));
  CHECK(!outline_of_runs(std::vector<std::int64_t>{1, 3}, 3, 3));
  CHECK(!outline_of_runs(std::vector<std::int64_t>{1, -3, 11}, 3, 3));
}

TEST_CASE("coco_json: bad input is named") {
  std::string const a = R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]})";
  CHECK(fault("") == ": expected JSON as COCO has it, found an empty file");
  CHECK(fault("[]") == ": expected an object with \"images\", \"categories\" and \"annotations\", found none (a list, as results are?)");
  CHECK(fault(R"({"images": [], "annotations": []})") ==
        ": expected \"images\", \"categories\" and \"annotations\", found no \"categories\"");
  std::string const whole = with(a);
  CHECK(fault(whole.substr(0, 150)) == ": expected JSON as COCO has it, found its end missing at byte 150");
  CHECK(fault(with(a + "," + a)) == ", annotation 1: expected an id of its own, found 1 once more");
  CHECK(fault(with(R"({"id": 1, "image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4]})")) ==
        ", annotation 0 (id 1): expected the id of an image of the file, found 4");
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "category_id": 8, "bbox": [1, 2, 3, 4]})")) ==
        ", annotation 0 (id 1): expected the id of a category of the file, found 8");
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "bbox": [1, 2, 3, 4]})")) ==
        ", annotation 0: expected \"id\", \"image_id\" and \"category_id\", found no \"category_id\"");
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "category_id": 7})")) ==
        ", annotation 0: expected \"bbox\", or an outline in \"segmentation\", found neither");
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3]})")) ==
        ", annotation 0: expected four numbers in \"bbox\", found 3");
  CHECK(fault(with(R"({"id": "1", "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4]})")) ==
        ", annotation 0: expected a whole number in \"id\", found the text '1'");
  auto const of_box = [&](char const* id, char const* box) {
    return fault(with(std::string(R"({"id": )") + id + R"( , "image_id": 3, "category_id": 7, "bbox": )" + box + "}"));
  };
  CHECK(of_box("2.5", "[1, 2, 3, 4]") == ", annotation 0: expected a whole number in \"id\", found 2.5");
  CHECK(of_box("18446744073709551617", "[1, 2, 3, 4]") ==
        ", annotation 0: expected a whole number of at most 63 bits in \"id\", found 18446744073709551617");
  CHECK(of_box("1", "[1, 2, NaN, 4]") == ", annotation 0: expected a number in \"bbox\", found NaN, which JSON does not have");
  CHECK(of_box("1", R"([1, 2, "3", 4])") == ", annotation 0: expected a number in \"bbox\", found the text '3'");
  CHECK(of_box("1", "[1, 2, [3], 4]") == ", annotation 0: expected a number in \"bbox\", found a list");
  CHECK(of_box("1", R"({"x": 1})") == ", annotation 0: expected \"bbox\": [x, y, width, height], found an object");
  // As corners they would fit.
  CHECK(
      fault(
          with(
              R"({"id": 1, "image_id": 3, "category_id": 7, "bbox": [60, 50, 90, 70]}, {"id": 2, "image_id": 3, "category_id": 7, "bbox": [50, 40, 99, 80]})"))
          .starts_with(", annotation 0 (id 1): expected boxes as x, y, width, height, found 2 of 2 boxes that reach over the border"));
  auto const broken = fault(with(R"({"id": 1, "image_id": 3,, "category_id": 7})"));
  CHECK(broken.find("a mistake at byte ") != broken.npos);
  CHECK(fault(with(R"({"id": 1, "image_id": 3, "category_id": 7, "segmentation": [[1e200, 0, 1e200, 1e200, 0, 1e200]]})"))
            .starts_with(", annotation 0: expected a box and an area that are finite"));
  // What is no JSON at all, by its name.
  for (auto const& [begin, name] : {std::pair{std::string("\x1f\x8b\x08\0\0\0\0\0", 8), "gzip"},
                                    {std::string("\x89PNG\r\n\x1a\n"), "PNG"},
                                    {std::string("<!DOCTYPE html><html></html>"), "HTML"},
                                    {std::string("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"}})
    CHECK(fault(begin + std::string(60, ' ')).find(name) != std::string::npos);
  // What is refused before there is a document.
  CHECK(fault(with("\xff")).find("a mistake (") != std::string::npos);
  CHECK(fault("[\"a\x01\"]").find("a mistake (") != std::string::npos);
  CHECK(fault(" \n") == ": expected JSON as COCO has it, found an empty file");
  CHECK(fault("\xEF\xBB\xBF") == ": expected JSON as COCO has it, found an empty file");
  for (std::string const& utf16 : {std::string("\xFF\xFE{\0}\0", 6), std::string("\xFE\xFF\0{\0}", 6)})
    CHECK(fault(utf16) == ": expected JSON in UTF-8, found UTF-16: save it as UTF-8");
}

TEST_CASE("coco_json: results are read as they were written, and bad ones are named") {
  std::vector<coco_result> const results{{3, 7, {1.1, 2, 3.30000000000001, 4}, .1}, {-4, 12345678901, {0, 0, 1e-3, 1e9}, 1}};
  scratch const folder;
  write_coco_results(folder / "r.json", results);
  auto const read = read_coco_results(folder / "r.json");
  REQUIRE(read.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read[i].image == results[i].image);
    CHECK(read[i].category == results[i].category);
    CHECK(read[i].where == results[i].where);
    CHECK(read[i].score == results[i].score);
  }
  write_coco_results(folder / "none.json", {});
  CHECK(read_coco_results(folder / "none.json").empty());
  CHECK_THROWS_AS(write_coco_results(folder / "nan.json", std::vector<coco_result>{{1, 1, {}, HUGE_VAL}}), error);
  CHECK(!std::filesystem::exists(folder / "nan.json"));

  CHECK(fault_of_results("{}") ==
        ": expected a list of results [{\"image_id\": ..}, ..], found an object {..}, as a file of annotations is");
  CHECK(fault_of_results(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": .5}])").starts_with(", result 0: expected"));
  CHECK(fault_of_results(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}])") ==
        ", result 0: expected \"image_id\", \"category_id\", \"bbox\" and \"score\", found no \"score\"");
  CHECK(fault_of_results(R"([{"image_id": 1.5, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}])") ==
        ", result 0: expected a whole number in \"image_id\", found 1.5");
  auto const cut = fault_of_results(R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3)");
  CHECK(cut == ": expected JSON as COCO has it, found its end missing at byte 51");
  auto const more = fault_of_results(R"([] [])");
  CHECK(more.find("expected") != more.npos);
}

TEST_CASE("coco_json: what JSON cannot hold is refused, and nothing is written") {
  scratch const folder;
  auto const said = [&](coco_instances const& file) {
    auto const text = ::sentence([&] { write_coco_instances(folder / "i.json", file); });
    CHECK(!std::filesystem::exists(folder / "i.json"));
    return text.substr(text.find(", ") + 2);
  };
  CHECK(said({{{1, 2, 3, "a\xff.jpg"}}, {}, {}}) == "the image with id 1: expected a name in UTF-8, as JSON has it, found other bytes");
  CHECK(said({{}, {{5, "\xff"}}, {}}) == "the category with id 5: expected a name in UTF-8, as JSON has it, found other bytes");
  CHECK(said({{}, {}, {{9, 1, 1, {0, 0, HUGE_VAL, 1}}}}) == "the annotation with id 9: expected finite numbers, found NaN or infinity");
}

TEST_CASE("coco_json: a file beyond 4 GiB is refused before it is read") {
  json_file const f("[]");
  std::filesystem::resize_file(f.path, std::uintmax_t{5} << 30);  // a hole
  CHECK(::sentence([&] { read_coco_results(f.path); }) == f.path.string() + ": expected a file of less than 4 GiB, found 5 GiB");
}

TEST_CASE("coco_json: statistics in full precision") {
  scratch const folder;
  write_coco_stats(folder / "s.json", std::vector<double>{0.693069306930693, -1, 1 / 3.});
  CHECK(read_file(folder / "s.json") == "{\"stats\": [0.693069306930693, -1, 0.3333333333333333]}\n");
}

TEST_CASE("coco_json: a file without annotations is one where the caller says so") {
  json_file const f(R"({"images": [{"id": 3}], "categories": [{"id": 7, "name": "cat"}]})");
  CHECK(::sentence([&] { read_coco_instances(f.path); }).ends_with("found no \"annotations\""));
  auto const file = read_coco_instances(f.path, {}, coco_lists::annotations_if_there);
  CHECK(!file.annotated);
  CHECK(file.images.size() == 1);
  CHECK(read_coco_instances(json_file(with("")).path, {}, coco_lists::annotations_if_there).annotated);
  json_file const g(R"({"images": [{"id": 3}]})");
  CHECK(::sentence([&] { read_coco_instances(g.path, {}, coco_lists::annotations_if_there); }).ends_with("found no \"categories\""));
}

TEST_CASE("coco_json: a category above others that has no object is no class") {
  auto const classes = [](std::string const& categories, std::string const& objects, std::vector<std::string>& said) {
    json_file const f(R"({"images": [{"id": 3}], "annotations": [)" + objects + R"(], "categories": [)" + categories + "]}");
    std::string names;
    for (auto const& c : read_coco_instances(f.path, [&](std::string const& s) { said.push_back(s); }).categories) names += c.name + ' ';
    return names;
  };
  std::string const root = R"({"id": 0, "name": "fish", "supercategory": "none"}, )";
  std::string const object = R"({"id": 1, "image_id": 3, "area": 1, "iscrowd": 0, "bbox": [1, 1, 1, 1], "category_id": )";
  std::vector<std::string> said;
  // As Roboflow writes it, with a class of its name and without.
  CHECK(classes(root + R"({"id": 1, "name": "fish", "supercategory": "fish"})", object + "1}", said) == "fish ");
  CHECK(said == std::vector<std::string>{"1 category is above others and has no object: it is no class; the first: 'fish' (id 0)"});
  CHECK(classes(root + R"({"id": 1, "name": "cod", "supercategory": "fish"}, {"id": 2, "name": "eel", "supercategory": "fish"})", "",
                said) == "cod eel ");
  CHECK(said.size() == 2);
  // With an object of its own, below another, or above itself alone (COCO's person), it is a class.
  CHECK(classes(root + R"({"id": 1, "name": "cod", "supercategory": "fish"})", object + "0}", said) == "fish cod ");
  CHECK(classes(R"({"id": 1, "name": "fish", "supercategory": "animal"}, {"id": 2, "name": "cod", "supercategory": "fish"})", "", said) ==
        "fish cod ");
  CHECK(classes(R"({"id": 1, "name": "person", "supercategory": "person"}, {"id": 2, "name": "car", "supercategory": null})", "", said) ==
        "person car ");
  CHECK(said.size() == 2);
}

TEST_CASE("coco_json: rotated boxes, names of blanks and lists that are none are refused; null is no list") {
  std::string const box = R"({"id": 1, "image_id": 3, "category_id": 7, "area": 1, "iscrowd": 0, "bbox": [1, 1, 5, 5], "attributes": )";
  CHECK(one(box + R"({"occluded": false, "rotation": 0.0, "more": {"rotation": 7}}})").id == 1);
  CHECK(one(box + R"(["rotation", 3]})").id == 1);
  CHECK(one(box + R"({"rotation": "33"}})").id == 1);
  CHECK(fault(with(box + R"({"occluded": false, "rotation": 33.5, "x": 1}})")) ==
        ", annotation 0: expected an upright \"bbox\" (rotated boxes are not supported), found a rotation of 33.5 degrees");
  for (char const* name : {"", " ", "\\t \\n"})
    CHECK(fault(R"({"images": [], "annotations": [], "categories": [{"id": 7, "name": ")" + std::string(name) + "\"}]}") ==
          ", category 0: expected a \"name\", found an empty one");
  CHECK(fault(R"({"images": [], "categories": [], "annotations": null})").ends_with("found no \"annotations\""));
  CHECK(fault(R"({"images": [], "categories": null, "annotations": []})").ends_with("found no \"categories\""));
  CHECK(fault(R"({"images": [], "annotations": [], "categories": [], "annotations": []})") ==
        ": expected one \"annotations\", found several (of which JSON readers keep one)");
  CHECK(fault(R"({"images": {"a": 1}, "categories": [], "annotations": []})").ends_with("expected a list in \"images\", found an object"));
  json_file const f(R"({"images": [], "annotations": null, "categories": [], "info": null})");
  CHECK(!read_coco_instances(f.path, {}, coco_lists::annotations_if_there).annotated);
}
