#include "frcnn/data/duplicates.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

TEST_CASE("equal files are found by their bytes, through links, whatever else has their size") {
  scratch folder;
  std::string large(20000, 'x');
  io::write_file_atomically(folder / "a", large);
  io::write_file_atomically(folder / "b", "other");
  io::write_file_atomically(folder / "c", large);
  large[0] = 'y';  // equal in the middle
  io::write_file_atomically(folder / "d", large);
  large[10000] = 'z';
  io::write_file_atomically(folder / "e", large);
  io::write_file_atomically(folder / "f", large);
  std::filesystem::create_hard_link(folder / "b", folder / "g");
  std::filesystem::create_symlink(folder / "a", folder / "h");
  io::write_file_atomically(folder / "empty", "");
  std::vector<std::filesystem::path> files;
  for (char const* name : {"a", "b", "c", "d", "e", "f", "g", "h", "not there", "empty", "a"}) files.push_back(folder / name);
  std::size_t told = 0;
  auto const groups = equal_files(files, 2, [&](std::size_t done, std::size_t all) {
    told = done;
    CHECK(all == 5);  // a, c, d, which are equal in the middle, e and f
  });
  CHECK(groups == file_groups{{0, 2, 7, 10}, {1, 6}, {4, 5}});
  CHECK(told == 5);
  CHECK(equal_files({}).empty());
}

TEST_CASE("boxes that are drawn twice, as one class and as two") {
  dataset set{{"cat", "dog"}, {{"a", "a.jpg", 20, 20, 1, {}}, {"b", "b.jpg", 20, 20, 1, {}}}};
  box<float> const at{1, 2, 3, 4};
  set.samples[0].objects = {{at, "cat", 1}, {at, "cat", 1}, {at, "dog", 2}, {{1, 2, 3, 5}, "cat", 1}};
  set.samples[1].objects = {{at, "cat", 1}};
  auto const found = repeated_boxes(set);
  CHECK(found.of_one_class.count == 1);
  CHECK(found.of_one_class.first == "a.jpg, cat (1, 2, 3, 4)");
  CHECK(found.of_two_classes.count == 1);
}
