#include "frcnn/detector/tiles.hpp"

#include "frcnn/core/rng.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace frcnn;

namespace {

// Finds every object that it sees a third of, each pixel of an image being the number of its object, and says how many pixels it was given
// at once. A cut object's box ends at the edge, with a higher score than the whole object's.
struct colour_finder {
  mutable std::size_t most_pixels = 0, most_views = 0;

  std::vector<detection> detect(image_view im, detect_options const& o) const {
    std::vector<detection> found;
    std::vector<int> pixels(256);
    std::vector<box<float>> boxes(256, box<float>{1e9f, 1e9f, -1, -1});
    for (int y = 0; y < im.height; ++y)
      for (int x = 0; x < im.width; ++x) {
        int const object = im.row(y)[x];
        auto& b = boxes[static_cast<std::size_t>(object)];
        auto const fx = static_cast<float>(x), fy = static_cast<float>(y);
        b = {std::min(b.x1, fx), std::min(b.y1, fy), std::max(b.x2, fx + 1), std::max(b.y2, fy + 1)};
        ++pixels[static_cast<std::size_t>(object)];
      }
    for (std::size_t k = 1; k < pixels.size(); ++k)
      if (pixels[k] > 0) found.push_back({boxes[k], 0.9f - 1e-6f * static_cast<float>(pixels[k]), static_cast<std::int32_t>(1 + k % 2)});
    std::stable_sort(found.begin(), found.end(), [](auto const& a, auto const& b) { return a.score > b.score; });
    if (o.max_detections && found.size() > static_cast<std::size_t>(*o.max_detections))
      found.resize(static_cast<std::size_t>(*o.max_detections));
    return found;
  }
  std::vector<std::vector<detection>> detect(std::span<image_view const> images, detect_options const& o, batch_options const&) const {
    most_views = std::max(most_views, images.size());
    std::vector<std::vector<detection>> all;
    for (auto const& im : images) {
      most_pixels = std::max(most_pixels, static_cast<std::size_t>(im.width) * static_cast<std::size_t>(im.height));
      all.push_back(detect(im, o));
    }
    return all;
  }
};

void paint(image& im, box<int> const& b, int object) {
  for (int y = b.y1; y < b.y2; ++y)
    for (int x = b.x1; x < b.x2; ++x) *im.at(x, y) = static_cast<std::uint8_t>(object);
}

}  // namespace

TEST_CASE("tiles: of one size, inside of the image, and every small box lies whole in one") {
  CHECK(plan_tiles(100, 50, {.side = 50, .overlap = 10}) == std::vector<tile>{{0, 0, 50, 50}, {25, 0, 50, 50}, {50, 0, 50, 50}});
  CHECK(plan_tiles(30, 20, {.side = 50, .overlap = 10}) == std::vector<tile>{{0, 0, 30, 20}});
  for (int const length : {50, 51, 90, 91, 999, 12000})
    for (int const overlap : {0, 1, 10, 49}) {
      auto const starts = frcnn::detail::tile_starts(length, 50, overlap);
      CHECK((starts.front() == 0 && starts.back() == length - 50));
      for (std::size_t k = 1; k < starts.size(); ++k) CHECK((starts[k] > starts[k - 1] && starts[k - 1] + 50 - starts[k] >= overlap));
      std::size_t const least = 1 + static_cast<std::size_t>(std::ceil((length - 50) / (50.0 - overlap)));
      CHECK(starts.size() == least);
    }
  CHECK_THROWS_WITH(plan_tiles(9, 9, {.side = 0}), "tile_options.side: expected 1 pixel or more, found 0");
  CHECK_THROWS_WITH(plan_tiles(9, 9, {.side = 4, .overlap = 4}),
                    "tile_options.overlap: expected 0 to 3 pixels, less than the tile's side, found 4");
  CHECK_THROWS_AS(plan_tiles(9, 9, {.threshold = 2}), error);
  CHECK(number_of_tiles(512, 448, {.side = 320, .overlap = 319}) == 193 * 129);
  CHECK_THROWS_WITH(plan_tiles(16384, 16384, {.side = 32, .overlap = 31}),
                    "tile_options: expected at most 1000000 tiles of an image, found 267420609 of side 32 with overlap 31");
}

TEST_CASE("tiled detection: each object once and whole, those larger than a tile too, and one batch of pixels at a time") {
  image im(700, 500, 1);
  std::vector<box<int>> objects;
  host_rng draw(3, frcnn::draw::shuffle);
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 12; ++column) {  // cells of 58 x 62, apart from each other
      int const x = 58 * column, y = 62 * row;
      if (x > 400 && y > 180) continue;
      int const w = draw.integer(20, 49), h = draw.integer(20, 54);
      objects.push_back({x + 4, y + 3, x + 4 + w, y + 3 + h});
    }
  objects.push_back({450, 240, 690, 490});  // larger than a tile
  for (std::size_t k = 0; k < objects.size(); ++k) paint(im, objects[k], static_cast<int>(k + 1));
  for (auto const measure : {overlap_measure::iou, overlap_measure::smaller})
    for (int const most : {1, 4}) {
      colour_finder const finder;
      std::size_t told = 0;
      auto const result = detect_tiled(finder, im, {}, {.side = 150, .overlap = 60, .measure = measure}, {.most = most},
                                       [&](std::size_t n, std::size_t of) {
                                         told = n;
                                         CHECK(of == 41);
                                       });
      CHECK((result.passes == 41 && told == 41 && result.at_the_limit == 0));
      CHECK((finder.most_views == static_cast<std::size_t>(most) && finder.most_pixels == 150 * 150));
      REQUIRE(result.found.size() == objects.size());
      for (auto const& d : result.found)
        CHECK(std::any_of(objects.begin(), objects.end(), [&](box<int> const& o) { return o.as<float>() == d.where; }));
    }
  // Without the pass over the whole image the large one is in pieces.
  CHECK(detect_tiled(colour_finder(), im, {}, {.side = 150, .overlap = 60, .whole_image = false}).found.size() != objects.size());
  auto const few = detect_tiled(colour_finder(), im, {.max_detections = 3}, {.side = 150, .overlap = 60});
  CHECK((few.found.size() > 3 && few.at_the_limit > 0));  // the limit is of a pass
  CHECK(detect_tiled(colour_finder(), im, {}, {.side = 150, .overlap = 60, .most = 5}).found.size() == 5);
}

TEST_CASE("merging: what is cut gives way to what is whole, whatever the scores; classes apart unless told") {
  auto const at = [](float x1, float x2, float score, int label, bool cut = false) {
    return pass_detection{{{x1, 0, x2, 10}, score, label}, cut, cut};
  };
  auto const merged = [&](std::vector<pass_detection> all, tile_options const& o = {}) { return merge_passes(std::move(all), o); };
  CHECK(merged({at(0, 10, .6f, 1), at(0, 4, .9f, 1, true)}) == std::vector{at(0, 10, .6f, 1).what});
  CHECK(merged({at(0, 10, .6f, 1), at(0, 4, .9f, 1)}).size() == 2);  // IoU 0.4
  CHECK(merged({at(0, 10, .6f, 1), at(0, 4, .9f, 1)}, {.measure = overlap_measure::smaller}) == std::vector{at(0, 4, .9f, 1).what});
  CHECK(merged({at(0, 10, .6f, 1), at(0, 9, .9f, 2)}).size() == 2);
  CHECK(merged({at(0, 10, .6f, 1), at(0, 9, .9f, 2)}, {.across_classes = true}) == std::vector{at(0, 9, .9f, 2).what});
  // Of the whole image: the finer pass decides where the object fits into the overlap.
  tile_options const o{.side = 50, .overlap = 10};
  CHECK(seen_as_whole({{0, 0, 10, 10}, .9f, 1}, o).second_hand);
  CHECK_FALSE(seen_as_whole({{0, 0, 11, 10}, .9f, 1}, o).second_hand);
  // At an edge of the image nothing is cut.
  CHECK_FALSE(seen_by_tile({{0, 0, 10, 10}, .9f, 1}, {0, 0, 50, 50}, 90, 50).cut);
  auto const right = seen_by_tile({{20, 0, 49, 10}, .9f, 1}, {0, 0, 50, 50}, 90, 50);
  CHECK((right.cut && right.second_hand));
  CHECK(seen_by_tile({{0, 5, 10, 10}, .9f, 1}, {40, 0, 50, 50}, 90, 50).what.where == box<float>{40, 5, 50, 10});
}

namespace {

// Three objects wherever it looks, each as two classes; the second class of one scores less. As a detector does, it keeps the best within a
// class, and so many as it is asked for.
struct twice_finder {
  mutable std::vector<detect_options> asked;

  std::vector<detection> detect(image_view, detect_options const& o) const {
    asked.push_back(o);
    std::vector<detection> found;
    for (int i = 0; i < 3; ++i)
      for (int label : {1, 2})
        found.push_back({{20.f * float(i), 5, 20.f * float(i) + 10, 15}, .9f - .1f * float(i) - .05f * float(label), label});
    std::stable_sort(found.begin(), found.end(), [](auto const& a, auto const& b) { return a.score > b.score; });
    if (o.max_detections) found.resize(std::min(found.size(), static_cast<std::size_t>(*o.max_detections)));
    return found;
  }
  std::vector<std::vector<detection>> detect(std::span<image_view const> images, detect_options const& o, batch_options const&) const {
    std::vector<std::vector<detection>> all;
    for (auto const& im : images) all.push_back(detect(im, o));
    return all;
  }
};

}  // namespace

TEST_CASE("across classes the limit of a pass is that of what is left, and is told") {
  image const im(100, 30, 1);
  twice_finder const finder;
  tile_options tiles{.side = 100, .overlap = 10, .across_classes = true};
  auto const all = detect_tiled(finder, im, {.score = 0, .max_detections = 5}, tiles);
  CHECK(all.found.size() == 3);  // of six
  CHECK(all.at_the_limit == 0);
  CHECK(finder.asked.back().max_detections == most_candidates);
  CHECK(finder.asked.back().nms == 1.0);
  auto const two = detect_tiled(finder, im, {.score = 0, .max_detections = 2}, tiles);
  CHECK(two.found.size() == 2);
  CHECK(two.at_the_limit == 1);
  tiles.side = 60, tiles.overlap = 20;  // two tiles and the whole image, two of each
  auto const of_tiles = detect_tiled(finder, im, {.score = 0, .max_detections = 2}, tiles);
  CHECK(of_tiles.passes == 3);
  CHECK(of_tiles.at_the_limit == 3);
  CHECK(of_tiles.found.size() <= 6);
  tiles.across_classes = false;
  CHECK(detect_tiled(finder, im, {.score = 0, .max_detections = 5}, {.side = 100, .overlap = 10}).found.size() == 5);
}
