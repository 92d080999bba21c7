#include "frcnn/train/evaluation.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/memory_source.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

// One box over all of the image, or over each region.
struct whole_image {
  std::vector<detection> detect(image_view im, detect_options const&) const {
    return {{{0, 0, static_cast<float>(im.width), static_cast<float>(im.height)}, 1, 1}};
  }
  std::vector<detection> detect(image_view, std::vector<region> const& regions, detect_options const&) const {
    std::vector<detection> all;
    for (region const& r : regions) all.push_back({r.where, 1, 1});
    return all;
  }
};

}  // namespace

TEST_CASE("a detector sees every image of a source in order, from files and from memory") {
  ::scratch const folder;
  data::dataset files{{"a"}, {}};
  data::memory_source memory({"a"});
  for (int i = 0; i < 5; ++i) {
    image const im(10 + i, 8);
    std::vector<data::object> const objects{{.where = {0, 1, 4, 5}, .name = "a", .label = 1, .difficult = i == 2}};
    files.samples.push_back({std::to_string(i), folder / (std::to_string(i) + ".png"), im.width, im.height, 1, objects});
    data::write_png(files.samples.back().image, im);
    memory.add(im, objects);
  }
  auto const check = [](auto const& source) {
    std::vector<std::size_t> done;
    auto const found = detect_all(whole_image(), source, {}, [&](std::size_t n) { done.push_back(n); });
    CHECK(done == std::vector<std::size_t>{1, 2, 3, 4, 5});
    auto const inside = detect_all(whole_image(), source, {}, {}, [](std::size_t i, bool) {
      return std::vector<region>{{{1, 1, 2 + static_cast<float>(i), 3}, 1}};
    });
    CHECK(inside[4][0].where.x2 == 6);
    auto const truth = truth_of(source);
    REQUIRE(found.size() == 5);
    REQUIRE(truth.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(found[i][0].where.x2 == static_cast<float>(10 + i));
      CHECK(truth[i][0].label == 1);
      CHECK(truth[i][0].difficult == (i == 2));
    }
  };
  check(files);
  check(memory);
}
