#include "frcnn/data/image_check.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

TEST_CASE("an image says its size and whether it was taken turned, and an annotation's size is compared with it") {
  auto const golden = std::filesystem::path(__FILE__).parent_path() / "../../golden/images";
  image_verdict const turned = check_image(golden / "turned.jpg");
  CHECK(turned.width == 18);
  CHECK(turned.height == 13);
  CHECK(turned.turned);
  CHECK_FALSE(check_image(golden / "upright.jpg").turned);
  CHECK(size_agrees(turned, {18, 13}));
  CHECK_FALSE(size_agrees(turned, {13, 18}));
  CHECK_FALSE(size_agrees(turned, {18, 12.5}));
}

TEST_CASE("an image that cannot be read is refused by name") {
  scratch folder;
  io::write_file_atomically(folder / "a.png", "no pixels");
  CHECK(sentence([&] { check_image(folder / "a.png"); }).find((folder / "a.png").string() + ": expected a JPEG") == 0);
  CHECK(sentence([&] { check_image(folder / "b.png"); }).find((folder / "b.png").string() + ": expected a file") == 0);
}
