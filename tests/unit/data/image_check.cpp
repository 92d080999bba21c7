#include "frcnn/data/image_check.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

TEST_CASE("an image says its size and its orientation, and an annotation's size is compared with the picture that is used") {
  std::filesystem::path const golden = "tests/golden/images";
  image_verdict v = check_image(golden / "turned.jpg");
  CHECK(v.facts.orientation == 6);
  CHECK(v.width == 18);
  CHECK(v.height == 13);
  CHECK(v.orientation == 1);
  CHECK(v.doubtful);
  CHECK(check_image(golden / "upright.jpg").facts.orientation == 1);
  CHECK_FALSE(check_image(golden / "upright.jpg").doubtful);
  CHECK(size_agrees(v, {18, 13}));
  CHECK_FALSE(size_agrees(v, {13, 18}));
  CHECK_FALSE(size_agrees(v, {18, 12.5}));
  v.place(exif_mode::automatic, {{13, 18}});
  CHECK(v.orientation == 6);
  CHECK_FALSE(v.doubtful);
  CHECK(v.width == 13);
  CHECK(v.height == 18);
  CHECK(size_agrees(v, {13, 18}));
  v.place(exif_mode::ignore, {{13, 18}});
  CHECK(v.width == 18);
  CHECK(v.height == 13);
}

TEST_CASE("an image that cannot be read is refused by name") {
  ::scratch folder;
  io::write_file_atomically(folder / "a.png", "no pixels");
  CHECK(sentence([&] { check_image(folder / "a.png"); }).find((folder / "a.png").string() + ": expected a JPEG") == 0);
  CHECK(sentence([&] { check_image(folder / "b.png"); }).find((folder / "b.png").string() + ": expected a file") == 0);
}
