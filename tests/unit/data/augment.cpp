// Augmentation: boxes against pixels. Each transform is given pictures of rectangles, and the rectangles are found again where the boxes say.
#include "frcnn/data/augment.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/loader.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace frcnn;
using namespace frcnn::data;
using conventions::caffe;
using conventions::torchvision;

namespace {

constexpr int rectangles = 3;  // of an image: class k + 1 is bright in channel k

template <class T>
void paint(image& im, box<int> const& b, int channel, T bright) {
  for (int y = b.y1; y < b.y2; ++y)
    for (int x = b.x1; x < b.x2; ++x) reinterpret_cast<T*>(im.at(x, y))[channel] = bright;
}

bool touch(box<float> const& a, box<float> const& b) {
  return a.x1 <= b.x2 + 2 && b.x1 <= a.x2 + 2 && a.y1 <= b.y2 + 2 && b.y1 <= a.y2 + 2;
}

// Six images, wide and tall, each with a rectangle in each of its first three channels, dark elsewhere. odd: of sides whose multiples are no
// whole numbers.
memory_source pictures(int channels = 3, int bits = 8, bool odd = true) {
  memory_source set({"red", "green", "blue"});
  host_rng draws(1, draw::test);
  for (int i = 0; i < 6; ++i) {
    int const w = i % 2 ? 64 : 96 + odd, h = i % 2 ? 88 - 3 * odd : 64;
    image im(w, h, channels, bits);
    std::vector<object> objects;
    for (int k = 0; k < std::min(channels, rectangles); ++k) {
      box<int> where{};
      do {
        int const side_x = draws.integer(8, 24), side_y = draws.integer(8, 24);
        int const x = draws.integer(0, w - side_x), y = draws.integer(0, h - side_y);
        where = {x, y, x + side_x, y + side_y};
      } while (std::ranges::any_of(objects, [&](object const& o) { return touch(o.where, where.as<float>()); }));
      if (bits == 16) paint<std::uint16_t>(im, where, k, 60000);
      else paint<std::uint8_t>(im, where, k, 230);
      objects.push_back({.where = where.as<float>(), .label = k + 1});
    }
    set.add(std::move(im), objects, 100 + static_cast<std::uint64_t>(i));
  }
  return set;
}

// How red, green or blue a pixel is; of other numbers of channels its value. 0 to 255.
double value(image const& im, int x, int y, int channel) {
  auto const of = [&](int c) { return im.bits == 16 ? im.at_16(x, y)[c] / 257. : im.at(x, y)[c]; };
  return im.channels == 3 ? of(channel) - std::max(of((channel + 1) % 3), of((channel + 2) % 3)) : of(channel);
}

// Where the image turns to half of the channel's colour where it is most so, between the centres of two pixels; false where it has none.
bool find(image const& im, int k, box<float>& found) {
  std::vector<double> columns(static_cast<std::size_t>(im.width)), rows(static_cast<std::size_t>(im.height));
  for (int y = 0; y < im.height; ++y)
    for (int x = 0; x < im.width; ++x)
      for (double* most : {&columns[static_cast<std::size_t>(x)], &rows[static_cast<std::size_t>(y)]})
        *most = std::max(*most, value(im, x, y, k));
  double const half = std::ranges::max(rows) / 2;
  if (half < 20) return false;
  auto const first = [&](std::vector<double> const& of) {
    std::size_t at = 0;
    while (of[at] < half) ++at;
    return static_cast<float>(at == 0 ? 0 : static_cast<double>(at) + 0.5 - (of[at] - half) / (of[at] - of[at - 1]));
  };
  auto const last = [&](std::vector<double> of) {
    std::ranges::reverse(of);
    return static_cast<float>(of.size()) - first(of);
  };
  found = {first(columns), first(rows), last(columns), last(rows)};
  return true;
}

double distance(box<float> const& a, box<float> const& b) {
  return std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2), std::abs(a.y2 - b.y2)});
}

struct tally {
  int boxes = 0, learned = 0, ignored = 0, gone = 0;
  double worst = 0;  // distance of a box from its pixels
  std::set<int> orientations;
  std::set<std::pair<int, int>> sizes;
};

// Thirty epochs of it. Rectangles are found again by their pixels; the third object is told apart by its box, whatever its label.
template <class Rules>
tally compare(memory_source const& set, training_options o) {
  tally all;
  training_loader<Rules, memory_source> loader(set, o);
  int const channels = std::min(o.channels, rectangles);
  for (std::uint64_t b = 0; b < 30 * loader.batches_per_epoch(); ++b)
    for (loaded const& l : loader.next()) {
      REQUIRE(l.pixels.width == l.plan.w);
      REQUIRE(l.pixels.height == l.plan.h);
      REQUIRE(l.padded_width >= l.plan.w);
      REQUIRE(l.padded_height >= l.plan.h);
      all.orientations.insert(l.change.orientation);
      all.sizes.insert({l.plan.w, l.plan.h});
      std::size_t next = 0;
      for (int k = 0; k < channels; ++k) {
        box<float> found{};
        bool const seen = find(l.pixels, k, found);
        bool const is_there = next < l.boxes.size() && seen && distance(l.boxes[next], found) <= 1;
        if (!is_there) {  // cut away, but for less than a pixel
          CHECK((!seen || found.width() <= 1 || found.height() <= 1));
          ++all.gone;
          continue;
        }
        ++all.boxes;
        all.worst = std::max(all.worst, distance(l.boxes[next], found));
        if (l.labels[next] == -1) ++all.ignored;
        else ++all.learned;
        CHECK((l.labels[next] == -1 || l.labels[next] == k + 1));
        ++next;
      }
      CHECK(next == l.boxes.size());
    }
  return all;
}

training_options options(augmentation a, std::vector<int> sides = {}, int channels = 3) {
  return {.short_side = 72, .max_side = 200, .batch = 2, .seed = 5, .channels = channels, .short_sides = std::move(sides), .augment = a};
}

// caffe's inclusive corners are scaled as points, so that at scale s a box ends s - 1 pixels before its pixels; and an image whose sides
// are rounded has its rest of a pixel on the left where it is mirrored. So it is asked of images whose sides are not.
template <class Rules>
void compare_all() {
  auto const set = pictures(3, 8, std::same_as<Rules, torchvision>);
  auto const plain = compare<Rules>(set, options({}));
  CHECK(plain.orientations == std::set{1, 2});
  CHECK(plain.gone == 0);
  auto const vertical = compare<Rules>(set, options({.flip_vertical = true}));
  CHECK(vertical.orientations == std::set{1, 2, 3, 4});
  CHECK(vertical.gone == 0);
  auto const turned = compare<Rules>(set, options({.quarter_turns = true}));
  CHECK(turned.orientations == std::set{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(turned.sizes.size() == 4);
  CHECK(turned.gone == 0);
  auto const sides = compare<Rules>(set, options({}, {56, 72, 80}));
  CHECK(sides.sizes.size() == 6);
  CHECK(sides.gone == 0);
  auto const windows = compare<Rules>(set, options({.crop = 0.5}));
  CHECK(windows.sizes.size() > 50);
  CHECK(windows.gone > 20);
  CHECK(windows.ignored < windows.gone);  // windows that cut nothing are preferred
  CHECK(windows.learned > 200);
  auto const colours = compare<Rules>(set, options({.brightness = 0.4, .contrast = 0.4, .saturation = 0.3, .hue = 0.03}));
  CHECK(colours.gone == 0);
  auto everything = augmentation::strong();
  everything.flip_vertical = everything.quarter_turns = true;
  auto const mixed = compare<Rules>(set, options(everything, {56, 72, 80}));
  CHECK(mixed.orientations.size() == 8);
  CHECK(mixed.gone > 20);
  for (auto const* t : {&plain, &vertical, &turned, &sides, &windows, &colours, &mixed}) {
    CHECK(t->boxes > 200);
    CHECK(t->worst <= 1);
  }
}

// Everything that training is given of so many batches.
template <class Rules>
std::string given(memory_source const& set, training_options const& o, std::uint64_t batches, std::uint64_t from = 0) {
  training_loader<Rules, memory_source> loader(set, o);
  loader.seek(from);
  std::string all;
  auto const add = [&](auto const& values) {
    all.append(reinterpret_cast<char const*>(values.data()), values.size() * sizeof values[0]);
    all += '|';
  };
  for (std::uint64_t b = from; b < batches; ++b)
    for (loaded const& l : loader.next()) add(l.pixels.pixels), add(l.boxes), add(l.labels), add(l.regions);
  return all;
}

}  // namespace

TEST_CASE("augment: rectangles are found again where the boxes say, within a pixel, after every transform") {
  compare_all<torchvision>();
  compare_all<caffe>();
}

TEST_CASE("augment: images of other channels and of 16 bits are turned, cut and lit likewise") {
  for (auto const& [channels, bits] : {std::pair{1, 8}, {1, 16}, {3, 16}, {5, 16}, {16, 8}}) {
    auto a = augmentation::strong(channels);
    a.flip_vertical = a.quarter_turns = true;
    auto const t = compare<torchvision>(pictures(channels, bits), options(a, {56, 80}, channels));
    CHECK(t.worst <= 1);
    CHECK(t.orientations.size() == 8);
    CHECK(t.boxes > 50);
  }
  auto const refusal = [](augmentation const& a, int channels) { return sentence([&] { check(a, channels); }); };
  CHECK(refusal(augmentation::strong(5), 5) == "nothing");
  CHECK(refusal(augmentation::strong(), 5) ==
        "augmentation: expected no changes of saturation and hue, which are of three channels, found them for images of 5");
  CHECK(refusal({.crop = 0}, 3) == "augmentation, crop: expected a share from 0.1 to 1, found 0.000000");
  CHECK(refusal({.hue = 0.6}, 3).starts_with("augmentation, hue: expected a number from 0 to 0.5"));
}

TEST_CASE("augment: without it training is given what it was always given") {
  auto const set = pictures();
  training_options const o{.short_side = 72, .max_side = 200, .batch = 2, .seed = 5};
  training_loader<torchvision, memory_source> loader(set, o);
  for (std::uint64_t b = 0; b < 12; ++b)
    for (loaded const& l : loader.next()) {
      bool const mirrored = random_unit(5, b / 3, l.id, draw::flip, 0) < 0.5f;
      auto const plan = torchvision::resize(l.original_width, l.original_height, 72, 200);
      image expected = ops::resize(set.pixels(l.index), plan);
      if (mirrored) expected = turned(std::move(expected), 2);
      CHECK(l.pixels.pixels == expected.pixels);
      auto const& where = set.truth(l.index).objects[1].where;
      auto const here = mirrored ? torchvision::flip_box(where, static_cast<float>(l.original_width)) : where;
      CHECK(l.boxes[1] == torchvision::scale_box(here, static_cast<float>(plan.scale_x), static_cast<float>(plan.scale_y)));
      CHECK(l.change == image_change{.orientation = mirrored ? 2 : 1});
    }
}

TEST_CASE("augment: a batch is a function of seed, step and image, whatever the threads, the cache and the start") {
  auto const set = pictures();
  auto everything = augmentation::strong();
  everything.flip_vertical = everything.quarter_turns = true;
  auto o = options(everything, {56, 72, 80});
  o.workers = 0;
  std::vector<region> const of_all{{{5, 5, 40, 30}, 1}};
  o.regions = [&](std::size_t, bool) { return of_all; };
  auto const run = given<torchvision>(set, o, 24);
  for (int const workers : {1, 3}) {
    o.workers = workers;
    CHECK(given<torchvision>(set, o, 24) == run);
  }
  o.cache_mb = 0;
  CHECK(given<torchvision>(set, o, 24) == run);
  auto const rest = given<torchvision>(set, o, 24, 7);
  CHECK(run.ends_with(rest));
  CHECK(rest.size() < run.size());
  ++o.seed;
  CHECK(given<torchvision>(set, o, 24) != run);
  // Processes that share a batch load the images that one alone would.
  o = options(everything, {56, 72, 80});
  training_loader<caffe, memory_source> whole(set, o);
  o.share = {1, 2};
  training_loader<caffe, memory_source> half(set, o);
  for (int b = 0; b < 20; ++b) {
    auto const all = whole.next();
    auto const mine = half.next();
    REQUIRE(mine.size() == 1);
    CHECK(mine[0].pixels.pixels == all[1].pixels.pixels);
    CHECK(mine[0].boxes == all[1].boxes);
    CHECK(mine[0].padded_width == all[1].padded_width);
  }
}

TEST_CASE("augment: where batches are of one orientation, that of the turned image counts, and epochs stay of one length") {
  auto const set = pictures();
  for (int const batch : {1, 2, 3, 5}) {
    auto o = options({.quarter_turns = true});
    o.batch = batch;
    training_loader<caffe, memory_source> loader(set, o);  // 12 images of an epoch
    CHECK(loader.batches_per_epoch() == (batch == 1 ? 12 : batch == 2 ? 5 : batch == 3 ? 3 : 1));
    for (std::uint64_t b = 0; b < 12 * loader.batches_per_epoch(); ++b) {
      auto const images = loader.next();
      REQUIRE(images.size() == static_cast<std::size_t>(batch));
      for (loaded const& l : images) CHECK((l.plan.w > l.plan.h) == (images[0].plan.w > images[0].plan.h));
    }
  }
}

TEST_CASE("augment: regions move with the boxes, and the best of those that a window leaves are taken") {
  auto const set = pictures();
  auto everything = augmentation::strong();
  everything.flip_vertical = everything.quarter_turns = true;
  auto o = options(everything, {56, 80});
  o.regions = [&](std::size_t i, bool) {
    std::vector<region> all;
    for (auto const& object : set.truth(i).objects) all.push_back({object.where, static_cast<float>(10 - object.label)});
    return all;
  };
  o.most_regions = 2;
  training_loader<torchvision, memory_source> loader(set, o);
  int regions = 0, fewer = 0;
  for (int b = 0; b < 60; ++b)
    for (loaded const& l : loader.next()) {
      std::vector<box<float>> trained;  // in the order of the labels, which is that of the scores
      for (std::size_t k = 0; k < l.boxes.size(); ++k)
        if (l.labels[k] > 0 && trained.size() < 2) trained.push_back(l.boxes[k]);
      REQUIRE(l.regions.size() == trained.size());
      for (std::size_t r = 0; r < trained.size(); ++r)
        for (auto const corner : {&box<float>::x1, &box<float>::y1, &box<float>::x2, &box<float>::y2})
          CHECK(l.regions[r].*corner == doctest::Approx(trained[r].*corner));
      regions += static_cast<int>(l.regions.size());
      fewer += l.regions.size() < 2;
    }
  CHECK(regions > 150);
  CHECK(fewer > 0);
}

TEST_CASE("augment: an object of which too little is left is an ignore region, and some object is always left") {
  memory_source set({"a"});
  set.add(image(100, 100), {{.where = {0, 0, 50, 100}, .label = 1}, {.where = {50, 0, 100, 100}, .label = 1, .difficult = true}});
  set.add(image(100, 100));
  for (auto const how : {difficult_objects::drop, difficult_objects::ignore, difficult_objects::keep}) {
    training_options o{.short_side = 100, .max_side = 100, .batch = 1, .difficult = how, .augment = {.crop = 0.3, .crop_keeps = 0.8}};
    training_loader<torchvision, memory_source> loader(set, o);
    int whole = 0, cut = 0, empty = 0;
    for (int b = 0; b < 400; ++b) {
      loaded const& l = loader.next()[0];
      if (l.index == 1) {
        empty += l.change.crops();
        CHECK(l.boxes.empty());
        continue;
      }
      whole += !l.change.crops();
      int trained = 0;
      for (std::size_t k = 0; k < l.boxes.size(); ++k) {
        bool const is_left = l.boxes[k].area() >= 0.8f * 5000;
        if (l.difficult[k]) CHECK(how != difficult_objects::drop);
        if (l.difficult[k] && how == difficult_objects::ignore) CHECK(l.labels[k] == -1);
        else CHECK(l.labels[k] == (is_left ? 1 : -1));
        trained += l.labels[k] == 1;
        cut += l.labels[k] == -1;
        CHECK(l.boxes[k].x1 >= 0);
        CHECK(l.boxes[k].y2 <= static_cast<float>(l.plan.h));
      }
      CHECK(trained > 0);
    }
    CHECK(whole > 90);  // half of 200, and those that no window suits
    CHECK(whole < 200);
    CHECK(empty > 70);
    CHECK((cut > 0) == (how != difficult_objects::drop));
  }
}

TEST_CASE("augment: the eight ways to turn an image are those of its pixels") {
  image im(5, 3);
  for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i);
  auto const mirrored = [](image const& from) { return turned(from, 2); };
  for (int quarters = 0; quarters < 4; ++quarters)
    for (bool const left_right : {false, true})
      for (bool const top_bottom : {false, true}) {
        image expected = left_right ? mirrored(im) : im;
        if (top_bottom) expected = turned(expected, 4);
        for (int n = 0; n < quarters; ++n) expected = turned(expected, 6);
        int const o = turning::orientation(left_right, top_bottom, quarters);
        CHECK(turned(im, o).pixels == expected.pixels);
        image copy(expected.width, expected.height);
        copy_changed(im, o, {0, 0, copy.width, copy.height}, copy);
        CHECK(copy.pixels == expected.pixels);
        image part(2, 2);
        copy_changed(im, o, {1, 1, 3, 3}, part);
        for (int y = 0; y < 2; ++y) CHECK(std::equal(part.at(0, y), part.at(0, y) + 6, expected.at(1, y + 1)));
      }
  CHECK(turned_box<torchvision>(box<float>{10, 0, 30, 20}, 100.f, 50.f, 6) == box<float>{30, 10, 50, 30});  // the header's example
}

TEST_CASE("augment: colours are those of the formulas") {
  auto const of = [](std::array<int, 6> const& two, colour_change const& c, int channels = 3, int bits = 8) {
    image im(6 / channels, 1, channels, bits);
    for (std::size_t i = 0; i < 6; ++i)
      if (bits == 16) im.at_16(0, 0)[i] = static_cast<std::uint16_t>(two[i]);
      else im.pixels[i] = static_cast<std::uint8_t>(two[i]);
    recolour(im, c);
    std::array<int, 6> result{};
    for (std::size_t i = 0; i < 6; ++i) result[i] = bits == 16 ? im.at_16(0, 0)[i] : im.pixels[i];
    return result;
  };
  using six = std::array<int, 6>;
  six const two{200, 100, 60, 0, 20, 40};
  CHECK(of(two, {}) == two);
  CHECK(of(two, {.brightness = 1.5f}) == six{255, 150, 90, 0, 30, 60});
  CHECK(of(two, {.contrast = 0.5f}) == six{150, 80, 55, 50, 40, 45});  // means 100, 60, 50
  CHECK(of(two, {.brightness = 0.5f, .contrast = 2}) == six{150, 70, 35, 0, 0, 15});
  CHECK(of(two, {.saturation = 0}) == six{120, 120, 120, 20, 20, 20});
  CHECK(of(two, {.saturation = 0.5f}) == six{160, 110, 90, 10, 20, 30});
  CHECK(of(two, {.hue = 1 / 3.f}) == six{60, 200, 100, 40, 0, 20});
  CHECK(of(two, {.hue = -1 / 3.f}) == six{100, 60, 200, 20, 40, 0});
  CHECK(of({90, 90, 90, 7, 7, 7}, {.saturation = 1.7f, .hue = 0.2f}) == six{90, 90, 90, 7, 7, 7});
  CHECK(of({60000, 100, 60, 0, 20, 40}, {.brightness = 1.5f}, 3, 16) == six{65535, 150, 90, 0, 30, 60});
  CHECK(of(two, {.brightness = 2}, 2) == six{255, 200, 120, 0, 40, 80});
  CHECK(of(two, {.contrast = 0}, 1) == six{70, 70, 70, 70, 70, 70});
  CHECK(of(two, {.contrast = 0}, 2, 16) == six{93, 47, 93, 47, 93, 47});
}

TEST_CASE("augment: jittered sides are spread round the short side, up to the longest that there is") {
  CHECK(jittered_sides(300, 1000, 0.8, 1.2) == std::vector{240, 270, 300, 330, 360});
  CHECK(jittered_sides(300, 310, 0.8, 1.2) == std::vector{240, 270, 300, 310});
  CHECK(jittered_sides(1, 10, 0.8, 1.2) == std::vector{1});
}
