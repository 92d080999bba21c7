#include "frcnn/data/loader.hpp"

#include "../io/scratch.hpp"
#include "frcnn/data/voc.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <set>

// Counts what this program takes from the heap.
static std::atomic<long> allocations{0};
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // g++ looks into one half of the pair only
#endif
void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, std::nothrow_t const&) noexcept {
  ++allocations;
  return std::malloc(n ? n : 1);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::nothrow_t const&) noexcept { std::free(p); }

using namespace frcnn;
using namespace frcnn::data;
using conventions::caffe;
using conventions::torchvision;

namespace {

// n images of three sizes; image i is recognised by its red value. Object 0 is at (2, 1, 6, 5), object 1 is difficult.
struct pictures {
  ::scratch folder;
  dataset data;

  explicit pictures(int n) {
    data.classes = {"a", "b"};
    for (int i = 0; i < n; ++i) {
      int const sizes[3][2] = {{24, 16}, {16, 24}, {40, 20}};
      image im(sizes[i % 3][0], sizes[i % 3][1]);
      for (int y = 0; y < im.height; ++y)
        for (int x = 0; x < im.width; ++x) {
          im.at(x, y)[0] = static_cast<std::uint8_t>(10 * i);
          im.at(x, y)[1] = static_cast<std::uint8_t>(6 * x);
          im.at(x, y)[2] = static_cast<std::uint8_t>(9 * y);
        }
      sample s;
      s.id = std::to_string(i);
      s.image = folder / (s.id + ".png");
      s.width = im.width;
      s.height = im.height;
      s.objects = {{{2, 1, 6, 5}, "b", 2, false, false}, {{1, 2, 9, 9}, "a", 1, true, false}};
      write_png(s.image, im);
      data.samples.push_back(s);
    }
  }
};

template <class Loader>
std::string told(Loader& loader, std::uint64_t batches) {
  std::string all;
  for (std::uint64_t b = 0; b < batches; ++b) {
    for (loaded const& l : loader.next()) all += std::to_string(l.id) + (l.flipped ? "' " : " ");
    all += "| ";
  }
  return all;
}

training_options options(int batch, std::uint64_t seed = 0, int workers = 1) {
  return {.short_side = 12, .max_side = 40, .batch = batch, .seed = seed, .workers = workers};
}

}  // namespace

TEST_CASE("an epoch is a permutation without its incomplete last batch") {
  pictures const p(7);
  training_loader<torchvision> loader(p.data, options(2));
  CHECK(loader.batches_per_epoch() == 3);
  std::set<std::string> orders;
  for (int epoch = 0; epoch < 6; ++epoch) {
    std::set<std::uint64_t> seen;
    std::string order;
    for (int b = 0; b < 3; ++b) {
      auto const batch = loader.next();
      REQUIRE(batch.size() == 2);
      for (loaded const& l : batch) seen.insert(l.id), order += std::to_string(l.id);
    }
    CHECK(seen.size() == 6);
    orders.insert(order);
  }
  CHECK(orders.size() > 3);
}

TEST_CASE("batch b is a function of the options and b") {
  pictures const p(9);
  training_loader<torchvision> one(p.data, options(2, 5)), same(p.data, options(2, 5, 3)), alone(p.data, options(2, 5, 0)),
      other(p.data, options(2, 6));
  std::string const run = told(one, 20);
  CHECK(run == told(same, 20));
  CHECK(run == told(alone, 20));
  CHECK(run != told(other, 20));
  CHECK(run.find('\'') != run.npos);

  for (std::uint64_t from : {0u, 1u, 4u, 7u, 13u}) {  // 4 batches an epoch
    CAPTURE(from);
    same.seek(from);
    CHECK(same.position() == from);
    std::string rest = run;
    for (std::uint64_t b = 0; b < from; ++b) rest = rest.substr(rest.find("| ") + 2);
    CHECK(told(same, 20 - from) == rest);
  }
}

TEST_CASE("flips are the draws that the contract names") {
  pictures const p(8);
  training_loader<torchvision> loader(p.data, options(4, 11));
  int flipped = 0;
  for (std::uint64_t b = 0; b < 40; ++b)
    for (loaded const& l : loader.next()) {
      CHECK(l.flipped == (random_unit(11, b / 2, l.id, draw::flip, 0) < 0.5f));
      flipped += l.flipped;
    }
  CHECK(flipped > 60);
  CHECK(flipped < 100);
  auto never = options(4, 11);
  never.flip = false;
  training_loader<torchvision> upright(p.data, never);
  CHECK(told(upright, 20).find('\'') == std::string::npos);
}

TEST_CASE("of several short sides one is drawn for each batch, and the cache has a place for each") {
  pictures const p(6);
  auto o = options(2, 3);
  o.short_sides = {8, 12, 20};
  training_loader<torchvision> loader(p.data, o), again(p.data, o);
  std::map<int, int> seen;
  std::set<std::pair<std::uint64_t, int>> of_image;
  for (int b = 0; b < 60; ++b) {
    auto const batch = loader.next();
    auto const same = again.next();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      loaded const& l = batch[i];
      int const side = std::min(l.plan.w, l.plan.h);
      ++seen[side];
      CHECK(side == std::min(batch[0].plan.w, batch[0].plan.h));
      of_image.insert({l.id, side});
      CHECK(std::min(l.pixels.width, l.pixels.height) == side);
      CHECK(l.pixels.pixels == same[i].pixels.pixels);
      CHECK(l.pixels.at(0, 0)[0] == 10 * l.id);
      CHECK(l.boxes[0].width() == doctest::Approx(4. * l.plan.w / l.original_width));
    }
  }
  CHECK(seen.size() == 3);
  for (int const side : {8, 12, 20}) CHECK(seen[side] > 20);
  CHECK(of_image.size() == 18);
  CHECK(told(loader, 3) == told(again, 3));
  o.short_sides = {12};
  training_loader<torchvision> one(p.data, o), plain(p.data, options(2, 3));
  CHECK(told(one, 6) == told(plain, 6));
  CHECK(batches_per_epoch<torchvision>(p.data, o) == 3);
  o.short_sides = {12, 41};
  CHECK_THROWS_WITH_AS(training_loader<torchvision>(p.data, o), "sides: expected 1 <= short side <= longest side <= 65536, found 41 and 40",
                       error);
}

TEST_CASE("repeat factors: images of rare classes are shown more often, and an epoch keeps its number of batches") {
  pictures p(12);
  p.data.classes = {"often", "rare"};
  for (std::size_t i = 0; i < 12; ++i)
    for (auto& o : p.data.samples[i].objects) o.label = i == 4 ? 2 : 1;
  std::vector<std::size_t> all(12);
  for (std::size_t i = 0; i < 12; ++i) all[i] = i;
  auto const r = repeat_factors_of(p.data, all, .48, difficult_objects::keep);
  CHECK((r.classes[0].images == 11 && r.classes[1].images == 1));
  CHECK(r.classes[0].factor == 1);
  CHECK(r.classes[1].factor == doctest::Approx(std::sqrt(.48 * 12)));  // 2.4
  CHECK((r.of_image[0] == 1 && r.of_image[4] == r.classes[1].factor));

  training_options o{.short_side = 16, .max_side = 64, .batch = 2, .seed = 3, .workers = 0, .repeat_threshold = .48};
  auto const batches = batches_per_epoch<torchvision>(p.data, o);
  CHECK(batches == 6);  // of 13.4 images
  frcnn::data::detail::epoch_plan<torchvision, dataset> plan(p.data, o);
  int rare = 0, others = 0, differ = 0;
  std::vector<frcnn::data::detail::load_request> requests;
  for (std::uint64_t epoch = 0; epoch < 200; ++epoch) {
    std::vector<bool> flips;
    for (std::uint64_t b = 0; b < batches; ++b) {
      plan(epoch * batches + b, requests);
      for (auto const& q : requests) {
        (q.index == 4 ? rare : others) += 1;
        if (q.index == 4) flips.push_back(q.flipped);
      }
    }
    differ += flips.size() > 1 && flips[0] != flips[1];
  }
  CHECK(rare + others == 200 * 12);
  CHECK(rare / 200. == doctest::Approx(2.4 * 12 / 13.4).epsilon(.05));
  CHECK(differ > 60);  // copies draw for themselves
  o.repeat_threshold = 2;
  CHECK_THROWS_AS(batches_per_epoch<torchvision>(p.data, o), error);
  o.repeat_threshold = .48;
  o.batch = 3;
  auto const paired = batches_per_epoch<caffe>(p.data, o);  // twice 13 images, of two orientations
  frcnn::data::detail::epoch_plan<caffe, dataset> pairs(p.data, o);
  for (std::uint64_t b = 0; b < 40 * paired; ++b) {
    pairs(b, requests);
    CHECK(requests.size() == 3);
  }
}

TEST_CASE("pixels and boxes are resized and mirrored together") {
  pictures const p(3);
  for (std::size_t cache : {512u, 0u}) {
    auto o = options(3, 2);
    o.cache_mb = cache;
    training_loader<torchvision> loader(p.data, o);
    int mirrored = 0;
    for (int b = 0; b < 12; ++b)
      for (loaded const& l : loader.next()) {
        sample const& s = p.data.samples[l.id];
        auto const plan = torchvision::resize(s.width, s.height, 12, 40);
        image expected = ops::resize(read_image(s), plan);
        CHECK(l.original_width == s.width);
        CHECK(l.original_height == s.height);
        CHECK(l.plan.w == plan.w);
        CHECK(l.pixels.width == plan.w);
        CHECK(l.pixels.height == plan.h);
        auto const sx = static_cast<float>(plan.scale_x), sy = static_cast<float>(plan.scale_y), w = static_cast<float>(s.width);
        box<float> where{2 * sx, 1 * sy, 6 * sx, 5 * sy};
        if (l.flipped) {
          ++mirrored;
          image turned(plan.w, plan.h);
          for (int y = 0; y < plan.h; ++y)
            for (int x = 0; x < plan.w; ++x) std::copy(expected.at(x, y), expected.at(x, y) + 3, turned.at(plan.w - 1 - x, y));
          expected = turned;
          where = {(w - 6) * sx, 1 * sy, (w - 2) * sx, 5 * sy};
        }
        CHECK(l.pixels.pixels == expected.pixels);
        REQUIRE(l.boxes.size() == 1);  // the difficult one is not trained on
        CHECK(l.boxes[0] == where);
        CHECK(l.labels == std::vector<std::int32_t>{2});
        CHECK(l.difficult == std::vector<std::uint8_t>{0});
      }
    CHECK(mirrored > 5);
  }
}

TEST_CASE("under caffe an epoch holds every image and its mirror image, batches are of one orientation, empty images are left out") {
  pictures p(10);
  p.data.samples[4].objects.clear();
  p.data.samples[5].objects.erase(p.data.samples[5].objects.begin());  // only the difficult one is left
  training_loader<caffe> loader(p.data, options(2));
  // wide: 0 2 3 6 8 9, tall: 1 7, each twice
  CHECK(loader.batches_per_epoch() == 8);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::map<std::pair<std::uint64_t, bool>, int> seen;
    for (int b = 0; b < 8; ++b) {
      auto const batch = loader.next();
      CHECK((batch[0].original_width > batch[0].original_height) == (batch[1].original_width > batch[1].original_height));
      for (loaded const& l : batch) ++seen[{l.id, l.flipped}];
    }
    CHECK(seen.size() == 16);
    for (std::uint64_t id : {4u, 5u}) CHECK(seen.count({id, false}) == 0);
  }
  p.data.samples[1].objects.clear();
  training_loader<caffe> odd(p.data, options(5));
  CHECK(odd.batches_per_epoch() == 2);  // 12 wide, 2 tall
  // mirrored in the original image, then scaled, in inclusive corners
  for (loaded const& l : odd.next()) {
    float const s = static_cast<float>(l.plan.scale_x), w = static_cast<float>(l.original_width);
    box<float> const b = l.flipped ? box<float>{w - 6, 1, w - 2, 5} : box<float>{2, 1, 6, 5};
    CHECK(l.boxes[0] == box<float>{b.x1 * s, b.y1 * s, (b.x2 - 1) * s + 1, (b.y2 - 1) * s + 1});
  }
}

TEST_CASE("difficult objects are dropped, or regions to ignore, or objects like others") {
  pictures p(6);
  p.data.samples[3].objects.erase(p.data.samples[3].objects.begin());  // only the difficult one is left
  using how = difficult_objects;
  for (auto const& [told, labels] : {std::pair{how::drop, std::vector<std::int32_t>{2}}, {how::ignore, {2, -1}}, {how::keep, {2, 1}}}) {
    auto o = options(1);
    o.difficult = told;
    training_loader<torchvision> loader(p.data, o);
    for (int i = 0; i < 6; ++i) {
      loaded const& l = loader.next()[0];
      auto expected = labels;
      if (l.index == 3) expected.erase(expected.begin());
      CHECK(l.labels == expected);
      CHECK(l.boxes.size() == expected.size());
    }
    // Where images without objects are left out, one with regions to ignore alone has none.
    CHECK(training_loader<caffe>(p.data, o).batches_per_epoch() == (told == how::keep ? 12 : 10));
  }
  for (sample& s : p.data.samples)
    for (object& x : s.objects) x.difficult = true;
  auto o = options(2);
  o.difficult = how::ignore;
  CHECK(sentence([&] {
          training_loader<torchvision> loader(p.data, o);
        }).starts_with("training data: expected an object that is not difficult"));
  o.difficult = how::keep;
  CHECK(sentence([&] { training_loader<torchvision> loader(p.data, o); }) == "nothing");
}

TEST_CASE("evaluation sees every image once, in order, with its difficult objects") {
  pictures const p(7);
  evaluation_loader<torchvision> loader(p.data, {.short_side = 12, .max_side = 40, .batch = 3});
  CHECK(told(loader, 4) == "0 1 2 | 3 4 5 | 6 | | ");
  loader.rewind();
  auto const batch = loader.next();
  for (loaded const& l : batch) {
    loaded const alone = load_one<torchvision>(p.data, l.id, 12, 40);
    CHECK(l.pixels.pixels == alone.pixels.pixels);
    CHECK(l.boxes == alone.boxes);
    CHECK(l.labels == std::vector<std::int32_t>{2, 1});
    CHECK(l.difficult == std::vector<std::uint8_t>{0, 1});
    CHECK_FALSE(l.flipped);
  }
  // Part of each batch, and difficult objects as training has them.
  evaluation_loader<torchvision> second(
      p.data, {.short_side = 12, .max_side = 40, .batch = 2, .difficult = difficult_objects::ignore, .share = {1, 2}});
  CHECK(told(second, 4) == "1 | 3 | 5 | | ");
  second.rewind();
  CHECK(second.next().front().labels == std::vector<std::int32_t>{2, -1});
  CHECK(sentence([&] {
          evaluation_loader<torchvision>(p.data, {.batch = 3, .share = {1, 2}});
        }) == "batch: expected a multiple of the 2 processes that share it, found 3");
}

TEST_CASE("regions from outside are mirrored and scaled as the boxes, and the best come first") {
  pictures const p(4);
  auto o = options(2, 3);
  o.most_regions = 2;
  std::atomic<int> mirrored{0};
  // The object's box with the score .5, one that reaches over the edge with more, and one with less.
  o.regions = [&](std::size_t i, bool flipped) {
    mirrored += flipped;
    return std::vector<region>{{{3, 3, 4, 4}, .1f}, {{2, 1, 6, 5}, .5f}, {{-5, 2, 3, static_cast<float>(200 + i)}, 7}};
  };
  training_loader<torchvision> loader(p.data, o);
  int flips = 0;
  for (int b = 0; b < 8; ++b)
    for (loaded const& l : loader.next()) {
      REQUIRE(l.regions.size() == 2);
      CHECK(l.regions[1] == l.boxes[0]);
      float const w = static_cast<float>(l.plan.w), x = 3 * static_cast<float>(l.plan.scale_x);
      CHECK(l.regions[0].y2 == static_cast<float>(l.plan.h));
      CHECK(l.regions[0].x1 == (l.flipped ? doctest::Approx(w - x) : doctest::Approx(0)));
      CHECK(l.regions[0].x2 == (l.flipped ? doctest::Approx(w) : doctest::Approx(x)));
      flips += l.flipped;
    }
  CHECK(flips > 0);
  CHECK(mirrored >= flips);  // the source is told

  evaluation_loader<torchvision> upright(p.data, {.short_side = 12, .max_side = 40, .regions = o.regions});
  CHECK(upright.next()[0].regions.size() == 3);
  training_loader<torchvision> without(p.data, options(2, 3));
  CHECK(without.next()[0].regions.empty());

  o.regions = [](std::size_t i, bool) { return std::vector<region>{{{1, 1, 5, 5}}, {{60, 1, 70, i == 1 ? 0.f : 5.f}}}; };
  o.workers = 0;
  training_loader<torchvision> wrong(p.data, o);
  auto const said = sentence([&] {
    for (int b = 0; b < 2; ++b) wrong.next();
  });
  CHECK(said.find(".png, region 2: expected a box") != std::string::npos);
  o.most_regions = 0;
  CHECK(sentence([&] { training_loader<torchvision> none(p.data, o); }) == "most_regions: expected at least 1, found 0");
}

TEST_CASE("what goes wrong in the background is said where its batch is asked for") {
  pictures p(4);
  io::write_file_atomically(p.data.samples[2].image, "gone bad");
  {
    evaluation_loader<torchvision> loader(p.data, {.short_side = 12, .max_side = 40});
    CHECK(told(loader, 2) == "0 | 1 | ");
    CHECK(sentence([&] { loader.next(); }) == p.data.samples[2].image.string() + ": expected a " FRCNN_IMAGE_FORMATS
                                                                                 " image, found none of them");
  }
  write_png(p.data.samples[2].image, image(5, 6));
  CHECK(sentence([&] { load_one<torchvision>(p.data, 2, 12, 40); }) ==
        p.data.samples[2].image.string() + ": expected 40 x 20 pixels as when the data was read, found 5 x 6 pixels");
}

TEST_CASE("data and options that cannot be trained on are refused") {
  pictures p(3);
  auto const refusal = [&](training_options const& o) { return sentence([&] { training_loader<torchvision> loader(p.data, o); }); };
  CHECK(refusal(options(4)) == "training data: expected enough images for one batch of 4, found 3 (--batch takes fewer at a time)");
  CHECK(refusal(options(0)) == "batch: expected at least 1, found 0");
  CHECK(refusal({.short_side = 50, .max_side = 40}) == "sides: expected 1 <= short side <= longest side <= 65536, found 50 and 40");
  p.data.samples[1].annotated = false;
  CHECK(refusal(options(2)) == "training data: expected annotated images, found some that nobody has annotated");
  p.data.samples[1].annotated = true;
  for (sample& s : p.data.samples)
    for (object& o : s.objects) o.difficult = true;
  CHECK(refusal(options(2)) ==
        "training data: expected an object that is not difficult, since those are not trained on, found <difficult>1</difficult> in all 6");
}

TEST_CASE("the cache is bounded, and what lies in it is not read again") {
  pictures const p(6);
  auto o = options(2);
  o.workers = 0;
  training_loader<torchvision> all(p.data, o);
  o.cache_mb = 0;
  training_loader<torchvision> none(p.data, o);
  std::string const first = told(all, 3);
  CHECK(first == told(none, 3));
  for (sample const& s : p.data.samples) std::filesystem::remove(s.image);
  told(all, 6);
  CHECK(sentence([&] { none.next(); }).find("found nothing at that place") != std::string::npos);
}

TEST_CASE("with everything in memory and every buffer grown, a batch allocates nothing") {
  pictures const p(9);
  for (int workers : {0, 1, 2}) {
    training_loader<torchvision> loader(p.data, options(2, 0, workers));
    // On a busy machine a background thread may come to its first use of a buffer late.
    long least = 1;
    for (int window = 0; window < 5 && least > 0; ++window) {
      for (int b = 0; b < 2000; ++b) loader.next();
      long const before = allocations;
      for (int b = 0; b < 50; ++b) loader.next();
      least = allocations - before;
    }
    CHECK(least == 0);
  }
  auto changed = options(2);
  changed.augment = augmentation::strong();
  changed.augment.quarter_turns = true;
  training_loader<caffe> paired(p.data, changed);
  for (int b = 0; b < 2000; ++b) paired.next();
  long const before = allocations;
  for (int b = 0; b < 50; ++b) paired.next();
  CHECK(allocations - before == 0);
}

TEST_CASE("loaders of several threads share one data set") {
  pictures const p(9);
  training_loader<torchvision> reference(p.data, options(2, 3));
  std::string const expected = told(reference, 30);
  std::vector<std::string> got(3);
  std::vector<std::thread> threads;
  for (std::string& g : got)
    threads.emplace_back([&] {
      training_loader<torchvision> loader(p.data, options(2, 3, 2));
      g = told(loader, 30);
    });
  for (auto& t : threads) t.join();
  for (std::string const& g : got) CHECK(g == expected);
}

TEST_CASE("processes share a batch: each loads its images of it, and knows the sides of the whole") {
  pictures const p(9);
  training_loader<torchvision> whole(p.data, options(4, 5));
  std::vector<std::unique_ptr<training_loader<torchvision>>> shares;
  for (int r = 0; r < 2; ++r) {
    auto o = options(4, 5);
    o.share = {r, 2};
    shares.push_back(std::make_unique<training_loader<torchvision>>(p.data, o));
  }
  for (int b = 0; b < 5; ++b) {
    auto const all = whole.next();
    REQUIRE(all.size() == 4);
    int width = 0, height = 0;
    for (auto const& l : all) width = std::max(width, l.plan.w), height = std::max(height, l.plan.h);
    for (std::size_t r = 0; r < 2; ++r) {
      auto const mine = shares[r]->next();
      REQUIRE(mine.size() == 2);
      for (std::size_t k = 0; k < 2; ++k) {
        CHECK(mine[k].id == all[2 * k + r].id);
        CHECK(mine[k].flipped == all[2 * k + r].flipped);
        CHECK(mine[k].padded_width == width);
        CHECK(mine[k].padded_height == height);
      }
    }
  }
  auto o = options(3);
  o.share = {0, 2};
  CHECK_THROWS_WITH(training_loader<torchvision>(p.data, o), "batch: expected a multiple of the 2 processes that share it, found 3");
  o.share = {2, 2};
  CHECK_THROWS_AS(training_loader<torchvision>(p.data, o), error);
}
