#include "frcnn/data/memory_source.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/loader.hpp"
#include "frcnn/data/shared_images.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace frcnn;
using namespace frcnn::data;
using conventions::caffe;
using conventions::torchvision;

namespace {

image picture(int w, int h, int seed) {
  image im(w, h);
  for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i * i + 31 * static_cast<std::size_t>(seed));
  return im;
}

// The same pictures twice: as files with a dataset, and in memory.
struct both {
  ::scratch folder;
  dataset files;
  memory_source memory{{"a", "b"}};

  explicit both(int n) {
    files.classes = {"a", "b"};
    for (int i = 0; i < n; ++i) {
      image const im = picture(i % 3 == 1 ? 16 : 24 + i, 20, i);
      std::vector<object> objects{{{2, 1, 6, 5}, "b", 2, false, false}, {{1, 2, 9, 9}, "a", 1, true, false}};
      if (i % 4 == 3) objects.clear();
      sample s;
      s.id = std::to_string(i);
      s.image = folder / (s.id + ".png");
      s.width = im.width, s.height = im.height;
      s.objects = objects;
      write_png(s.image, im);
      files.samples.push_back(s);
      memory.add(im, objects);
    }
  }
};

bool same(loaded const& a, loaded const& b) {
  return a.pixels.pixels == b.pixels.pixels && a.plan.w == b.plan.w && a.plan.scale_x == b.plan.scale_x &&
         a.original_width == b.original_width && a.original_height == b.original_height && a.boxes == b.boxes && a.labels == b.labels &&
         a.difficult == b.difficult && a.index == b.index && a.id == b.id && a.flipped == b.flipped;
}

template <class Rules>
void check_batches(both const& p, training_options const& o) {
  training_loader<Rules> files(p.files, o);
  training_loader<Rules, memory_source> memory(p.memory, o);
  CHECK(files.batches_per_epoch() == memory.batches_per_epoch());
  for (int b = 0; b < 30; ++b) {
    auto const x = files.next(), y = memory.next();
    REQUIRE(x.size() == y.size());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(same(x[i], y[i]));
  }
}

std::string refused(image const& im, std::vector<object> const& objects, std::uint64_t id = 7) {
  memory_source set({"a", "b"});
  set.add(image(8, 8), {}, 3);
  auto const sentence_of = sentence([&] { set.add(im, objects, id); });
  CHECK(set.size() == 1);
  set.add(im.pixels.empty() ? image(8, 8) : im, {}, 7);  // nothing is left of what was refused
  return sentence_of;
}

}  // namespace

TEST_CASE("batches of images in memory are those of the same images in files") {
  both const p(9);
  for (std::size_t cache : {16u, 0u})
    for (int workers : {0, 2}) {
      training_options const o{.short_side = 12, .max_side = 40, .batch = 2, .seed = 4, .cache_mb = cache, .workers = workers};
      check_batches<torchvision>(p, o);
      check_batches<caffe>(p, o);
    }
  evaluation_loader<torchvision> files(p.files, {.short_side = 12, .max_side = 40, .batch = 4});
  evaluation_loader<torchvision, memory_source> memory(p.memory, {.short_side = 12, .max_side = 40, .batch = 4});
  for (std::size_t n : {4u, 4u, 1u, 0u}) {
    auto const x = files.next(), y = memory.next();
    REQUIRE(x.size() == n);
    REQUIRE(y.size() == n);
    for (std::size_t i = 0; i < n; ++i) CHECK(same(x[i], y[i]));
  }
  CHECK(same(load_one<torchvision>(p.files, 5, 12, 40), load_one<torchvision>(p.memory, 5, 12, 40)));
}

TEST_CASE("flips go by the ids that a source gives") {
  memory_source set({"a"});
  auto const id = [](std::uint64_t i) { return 0xfedcba9876543210ull + 977 * i; };
  for (std::uint64_t i = 0; i < 8; ++i) set.add(picture(20, 20, 1), {{.where = {1, 1, 9, 9}, .label = 1}}, id(i));
  training_loader<torchvision, memory_source> loader(set, {.short_side = 20, .max_side = 20, .batch = 4, .seed = 11});
  int flipped = 0;
  for (std::uint64_t b = 0; b < 40; ++b)
    for (loaded const& l : loader.next()) {
      CHECK(l.id == id(l.index));
      CHECK(l.flipped == (random_unit(11, b / 2, l.id, draw::flip, 0) < 0.5f));
      flipped += l.flipped;
    }
  CHECK(flipped > 55);
  CHECK(flipped < 105);
}

TEST_CASE("somebody's pixels are used where they lie, in their order and with their stride") {
  image const im = picture(10, 8, 3);
  std::vector<std::uint8_t> bgr(8 * 64, 99);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 10; ++x)
      for (int c = 0; c < 3; ++c) bgr[static_cast<std::size_t>(y * 64 + 3 * x + c)] = im.at(x, y)[2 - c];
  memory_source set({"a"});
  set.add(im, {{.where = {0, 0, 10, 8}, .name = "a"}});
  set.add(image_view{bgr.data(), 10, 8, pixel_format::bgr, 64}, {{.where = {0, 0, 10, 8}, .name = "a"}});
  CHECK(set.pixels(1).data == bgr.data());
  CHECK(load_one<torchvision>(set, 0, 12, 40).pixels.pixels == load_one<torchvision>(set, 1, 12, 40).pixels.pixels);
  for (std::size_t i : {0u, 1u}) {
    CHECK(set.truth(i).objects[0].label == 1);
    CHECK(set.id(i) == i);
  }
}

TEST_CASE("what is no image or no object of it is refused, and the set stays as it was") {
  image const im(8, 8);
  using v = std::vector<object>;
  CHECK(refused(image(), {}) == "image 1 (id 7): expected pixels, found none");
  image cut(8, 8);
  cut.pixels.pop_back();
  CHECK(sentence([&] { memory_source({"a"}).add(cut); }) == "image 0: expected 8 x 8 pixels of 3 bytes, found 191 bytes");
  CHECK(refused(im, v{{.where = {0, 0, 4, 4}, .name = "c"}}) == "image 1 (id 7), object 0: expected one of the classes, found 'c'");
  CHECK(refused(im, v{{.where = {0, 0, 4, 4}, .label = 3}}) == "image 1 (id 7), object 0: expected a label from 1 to 2, found 3");
  CHECK(refused(im, v{{.where = {0, 0, 4, 4}}}) == "image 1 (id 7), object 0: expected a label from 1 to 2, found 0");
  CHECK(refused(im, v{{.where = {0, 0, 4, 4}, .name = "a"}, {.where = {0, 0, 4, 4}, .name = "a", .label = 2}}) ==
        "image 1 (id 7), object 1: expected 'b', the class of label 2, found 'a'");
  float const nan = std::numeric_limits<float>::quiet_NaN();
  for (box<float> const& b : {box<float>{0, 0, 9, 4}, {-1, 0, 4, 4}, {4, 4, 4, 8}, {0, 5, 4, 3}, {0, nan, 4, 4}, {0, 0, nan, 4}})
    CHECK(refused(im, v{{.where = b, .label = 1}}).find("expected a box with an area inside of 8 x 8 pixels, found (") !=
          std::string::npos);
  CHECK(refused(im, {}, 3) == "image 1 (id 3): expected an id of its own, found that of image 0");
  CHECK(sentence([] { memory_source({}); }) == "images in memory: expected names of classes, found none");
}

TEST_CASE("a source whose pixels are not of the size that its truth says is refused") {
  struct wrong : memory_source {
    wrong() : memory_source({"a"}) { add(image(8, 8), {{.where = {0, 0, 4, 4}, .label = 1}}); }
    image_view pixels(std::size_t) const { return {memory_source::pixels(0).data, 8, 4}; }
  };
  CHECK(sentence([] { load_one<torchvision>(wrong(), 0, 12, 40); }) ==
        "image 0: expected 8 x 8 pixels as its truth has it, found 8 x 4 pixels");
  struct none : memory_source {
    none() : memory_source({"a"}) { add(image(8, 8), {{.where = {0, 0, 4, 4}, .label = 1}}); }
    image_view pixels(std::size_t) const { return {nullptr, 8, 8}; }
  };
  CHECK(sentence([] { load_one<torchvision>(none(), 0, 12, 40); }) == "image 0: expected pixels, found none");
}

TEST_CASE("several channels of 16 bits are resized, mirrored and cached as RGB is") {
  memory_source set({"a"});
  for (int i = 0; i < 4; ++i) {
    image im(20 + i, 14, 5, 16);
    for (int k = 0; k < im.width * im.height * 5; ++k) im.at_16(0, 0)[k] = static_cast<std::uint16_t>(k * k * 7 + 5000 * i);
    set.add(im, {{.where = {1, 1, 9, 9}, .label = 1}});
  }
  for (std::size_t cache : {16u, 0u}) {
    training_loader<torchvision, memory_source> loader(
        set, {.short_side = 12, .max_side = 40, .batch = 2, .seed = 4, .cache_mb = cache, .workers = 0, .channels = 5});
    int mirrored = 0;
    for (int b = 0; b < 12; ++b)
      for (loaded const& l : loader.next()) {
        image const expected = ops::resize(set.pixels(l.index), l.plan, 5);
        REQUIRE(l.pixels.channels == 5);
        REQUIRE(l.pixels.bits == 16);
        bool same = true;
        for (int y = 0; y < expected.height; ++y)
          for (int x = 0; x < expected.width; ++x)
            same &= std::equal(expected.at(x, y), expected.at(x, y) + 10, l.pixels.at(l.flipped ? expected.width - 1 - x : x, y));
        CHECK(same);
        mirrored += l.flipped;
      }
    CHECK(mirrored > 5);
  }
  CHECK(sentence([&] { load_one<torchvision>(set, 1, 12, 40); }) == "image 1: expected 3 channels, found 5");
  CHECK(sentence([&] { load_one<torchvision>(set, 1, 12, 40, 17); }) == "channels: expected 1 to 16, found 17");
  memory_source grey({"a"});
  grey.add(image(8, 8, 1));
  CHECK(load_one<torchvision>(grey, 0, 12, 40, 1).pixels.pixels.size() == 144);
  CHECK(load_one<torchvision>(grey, 0, 12, 40).pixels.pixels.size() == 432);
}

TEST_CASE("test images that are training images are found in memory") {
  memory_source train({"a"}), test({"a"});
  for (int i = 0; i < 4; ++i) train.add(picture(9, 8, i));
  test.add(picture(9, 8, 40));
  test.add(picture(9, 8, 2));
  image const turned = picture(8, 9, 3);  // the bytes of image 3 in another shape
  test.add(turned);
  tally const t = shared_images(train, test);
  CHECK(t.count == 1);
  CHECK(t.first == "image 1");
}
