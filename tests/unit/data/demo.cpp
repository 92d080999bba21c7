#include "frcnn/data/demo.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/voc.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace frcnn;
using namespace frcnn::data;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> files_of(fs::path const& root) {
  std::map<std::string, std::string> files;
  for (auto const& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), root).string()] = io::read_file(entry.path());
  return files;
}

}  // namespace

TEST_CASE("a scene is a function of seed and index, and its boxes lie in the picture") {
  std::set<std::pair<int, int>> sizes;
  std::map<std::string, int> names;
  float smallest = 1000, largest = 0;
  int difficult = 0, truncated = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    demo_scene const scene = render_demo_scene(4, i);
    float const w = static_cast<float>(scene.pixels.width), h = static_cast<float>(scene.pixels.height);
    sizes.insert({scene.pixels.width, scene.pixels.height});
    CHECK(scene.objects.size() <= 7);
    for (object const& o : scene.objects) {
      CHECK(0 <= o.where.x1);
      CHECK(0 <= o.where.y1);
      CHECK(o.where.x1 < o.where.x2);
      CHECK(o.where.y1 < o.where.y2);
      CHECK(o.where.x2 <= w);
      CHECK(o.where.y2 <= h);
      ++names[o.name];
      difficult += o.difficult;
      truncated += o.truncated;
      float const side = std::max(o.where.width(), o.where.height());
      if (!o.truncated) smallest = std::min(smallest, side);
      largest = std::max(largest, side);
      if (side < 20) CHECK(o.difficult);
      if (o.truncated) CHECK((o.where.x1 == 0 || o.where.y1 == 0 || o.where.x2 == w || o.where.y2 == h));
    }
    if (i < 3) CHECK(render_demo_scene(4, i).pixels.pixels == scene.pixels.pixels);
    if (i < 3) CHECK(render_demo_scene(5, i).pixels.pixels != scene.pixels.pixels);
  }
  REQUIRE(names.size() == 3);
  CHECK(sizes.size() == 4);
  for (auto const& [name, count] : names) CHECK(count > 30);
  CHECK(smallest >= 13);
  CHECK(smallest < 24);
  CHECK(largest > 120);
  CHECK(largest <= 200);
  CHECK(difficult > 2);
  CHECK(difficult < 30);
  CHECK(truncated > 2);
}

TEST_CASE("objects have the sizes that are told, and small ones are not difficult then") {
  int objects = 0, difficult = 0;
  for (std::uint64_t i = 0; i < 12; ++i)
    for (object const& o : render_demo_scene(4, i, {10, 24}).objects) {
      ++objects, difficult += o.difficult;
      CHECK(std::max(o.where.width(), o.where.height()) <= 26);  // a circle of 24 touches 26 pixels at most
      if (!o.truncated) CHECK(std::max(o.where.width(), o.where.height()) >= 5);
    }
  CHECK(objects > 30);
  CHECK(difficult < objects / 3);
  ::scratch folder;
  CHECK(sentence([&] {
          write_demo_voc(folder / "x", {.images = 4, .sizes = {24, 10}});
        }) == "demo data: expected sizes of objects from 4 to 4096 pixels, the least first, found 24 and 10");
}

TEST_CASE("the folder is whole, reads without a warning, and equal options give equal bytes") {
  ::scratch folder;
  write_demo_voc(folder / "a", {.images = 10, .seed = 3, .threads = 1});
  fs::create_directory(folder / "b");  // empty: is taken
  write_demo_voc(folder.path.string() + "/b/", {.images = 10, .seed = 3, .threads = 3});
  write_demo_voc(folder / "c", {.images = 2, .seed = 4});
  write_demo_voc(folder / "d", {.images = 4, .seed = 3});
  CHECK(folder.entries() == 4);
  auto const a = files_of(folder / "a");
  CHECK(a.size() == 10 + 10 + 2);
  CHECK(a == files_of(folder / "b"));
  CHECK(a.at("JPEGImages/000001.jpg") != files_of(folder / "c").at("JPEGImages/000001.jpg"));
  CHECK(a.at("JPEGImages/000002.jpg") == files_of(folder / "d").at("JPEGImages/000002.jpg"));

  std::vector<std::string> warnings;
  voc_options const options{.warn = [&](std::string const& w) { warnings.push_back(w); }};
  dataset const train = read_voc({{folder / "a", "trainval"}}, options), test = read_voc({{folder / "a", "test"}}, options);
  CHECK(train.size() == 8);
  CHECK(test.size() == 2);
  CHECK(test.samples[0].id == "000009");
  CHECK(train.classes == std::vector<std::string>(demo_classes.begin(), demo_classes.end()));
  CHECK(warnings.empty());
  for (std::size_t i = 0; i < train.size(); ++i) {
    demo_scene const scene = render_demo_scene(3, i);
    REQUIRE(train.samples[i].objects.size() == scene.objects.size());
    for (std::size_t k = 0; k < scene.objects.size(); ++k) {
      object const &read = train.samples[i].objects[k], &drawn = scene.objects[k];
      CHECK(read.where == drawn.where);
      CHECK(read.name == drawn.name);
      CHECK(read.label == drawn.label);
      CHECK(read.difficult == drawn.difficult);
      CHECK(read.truncated == drawn.truncated);
    }
  }
}

TEST_CASE("what would be overwritten or cannot be written is refused, and nothing is left") {
  ::scratch folder;
  io::write_file_atomically(folder / "mine.txt", "keep");
  CHECK(sentence([&] { write_demo_voc(folder.path, {.images = 4}); }) ==
        folder.path.string() + ": expected a new or an empty folder, found something in that place");
  CHECK(sentence([&] { write_demo_voc(folder / "mine.txt", {.images = 4}); }).find("expected a new or an empty folder") !=
        std::string::npos);
  CHECK(sentence([&] { write_demo_voc(folder / "mine.txt" / "x", {.images = 4}); }).find("expected a folder that can be made") !=
        std::string::npos);
  CHECK(sentence([&] { write_demo_voc(folder / "x", {.images = 1}); }) ==
        "demo data: expected at least two images, one to train on and one to test on, found 1");
  CHECK(sentence([&] { write_demo_voc(folder / std::string(300, 'x'), {.images = 4}); }).find("found a name of 300 bytes") !=
        std::string::npos);
  std::filesystem::create_symlink("gone", folder / "link");
  CHECK(sentence([&] { write_demo_voc(folder / "link", {.images = 4}); }).find("found a symbolic link to 'gone', where nothing is") !=
        std::string::npos);
  std::filesystem::remove(folder / "link");
  std::filesystem::create_directories(folder / "mine.part");  // as a download may be called
  io::write_file_atomically(folder / "mine.part/thesis.txt", "keep");
  CHECK(sentence([&] {
          write_demo_voc(folder / "mine", {.images = 4});
        }).find("expected nothing, or what a killed run left there, found 'thesis.txt' in it") != std::string::npos);
  CHECK(io::read_file(folder / "mine.part/thesis.txt") == "keep");
  std::filesystem::remove_all(folder / "mine.part");
  CHECK(sentence([&] { write_demo_voc(folder / "x", {.images = 10, .test_fraction = 1}); }).find("demo data: expected") == 0);
  CHECK(folder.entries() == 1);
  CHECK(io::read_file(folder / "mine.txt") == "keep");
}
