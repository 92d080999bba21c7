// Cached feature maps: the bytes of a training that keeps none, whatever has room; nothing is kept of pictures that are not known, nor of
// another state of the backbone.
#include "frcnn/train/map_cache.hpp"

#include "../detector/narrow_preset.hpp"
#include "../io/scratch.hpp"
#include "frcnn/data/memory_source.hpp"
#include "frcnn/train/data_feed.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;
using bytes = std::span<char const>;

std::string text(bytes b) { return {b.begin(), b.end()}; }

// Ten steps of the RPN alone on mirrored and unmirrored images of several sizes, with a backbone that does not learn.
struct rpn_training {
  data::memory_source set{{"disc", "bar", "ring"}};
  std::unique_ptr<model> m = preset::make(preset::config());
  cpu::context c{2};

  rpn_training() {
    for (auto const& p : memory_feed(memory_feed::eight_sizes()).pictures) {
      image im(p.w, p.h);
      im.pixels = p.pixels;
      std::vector<data::object> objects;
      for (std::size_t g = 0; g < p.boxes.size(); ++g) objects.push_back({.where = p.boxes[g], .label = p.labels[g]});
      set.add(std::move(im), objects);
    }
    liven(*m);
    m->parameters().freeze("backbone");
    m->parameters().freeze("roi_heads");
  }
  // seen: of each image in its batch, what its maps depend on.
  std::vector<std::vector<float>> run(step_function<model> step, bool augments = false, std::set<std::array<int, 4>>* seen = nullptr) {
    data_feed<conventions::torchvision, data::memory_source> feed(
        set, {.short_side = 64,
              .max_side = 128,
              .batch = 2,
              .seed = 4,
              .augment = augments ? data::augmentation::light() : data::augmentation()});
    trainer<model> t(*m, c, empty_input<model>(), {.seed = 1, .rate = {.lr = .002, .steps = 10}}, std::move(step));
    t.run([&](std::uint64_t micro_batch, input_batch<float, cpu>& input) {
      feed(micro_batch, input);
      auto const b = input.upload(c);
      REQUIRE(b.pictures.size() == (augments ? 0 : 2));
      if (seen)
        for (auto const p : b.pictures) seen->insert({static_cast<int>(p), b.pixels.dims[2], b.pixels.dims[3], 0});
    });
    return all_values(*m);
  }
};

}  // namespace

TEST_CASE("map_cache: training on cached maps has the bytes of training without, in memory, on the disk, and where little has room") {
  ::scratch folder;
  std::set<std::array<int, 4>> seen;
  auto const expected = rpn_training().run(rpn_step(), false, &seen);
  auto const all = seen.size();
  REQUIRE(all < 20);
  for (auto const& budget :
       {map_budget{.memory_mb = 64}, map_budget{.disk_mb = 64, .folder = folder.path}, map_budget{},
        map_budget{.memory_mb = 64, .disk_mb = 64, .folder = folder / "none"}, map_budget{.disk_mb = 64, .folder = folder / "none"}}) {
    map_cache<model> cache(budget);
    rpn_training t;
    CHECK(same_bits(t.run(on_cached_maps<model>(rpn_step(), cache)), expected));
    CHECK(cache.found() + cache.computed() == 20);
    bool const has_disk = budget.disk_mb && budget.folder == folder.path;
    bool const has_room = budget.memory_mb || has_disk;
    CHECK(cache.computed() == (has_room ? all : 20));
    CHECK(cache.contents().size() == (has_room ? all : 0));
    CHECK((cache.contents().on_disk() > 0) == has_disk);
    CHECK(folder.entries() == 0);  // the file has no name
  }
}

TEST_CASE("map_cache: nothing is kept under augmentation, whose pictures nobody knows") {
  map_cache<model> cache({.memory_mb = 64});
  auto const expected = rpn_training().run(rpn_step(), true);
  CHECK(same_bits(rpn_training().run(on_cached_maps<model>(rpn_step(), cache), true), expected));
  CHECK(cache.found() == 0);
  CHECK(cache.contents().size() == 0);
}

TEST_CASE("map_cache: another state of the backbone empties it") {
  map_cache<model> cache({.memory_mb = 64});
  rpn_training t, plain;
  t.run(on_cached_maps<model>(rpn_step(), cache));
  plain.run(rpn_step());
  auto const computed = cache.computed();
  t.run(on_cached_maps<model>(rpn_step(), cache));
  plain.run(rpn_step());
  CHECK(cache.computed() == computed);  // the RPN has changed, the backbone has not
  for (auto* m : {t.m.get(), plain.m.get()}) {
    auto const& e = m->parameters().at("backbone.0.bias");
    m->parameters().set(e, std::vector<float>(e.p->size(), .25f));
  }
  CHECK(same_bits(t.run(on_cached_maps<model>(rpn_step(), cache)), plain.run(rpn_step())));
  CHECK(cache.computed() == 2 * computed);
}

TEST_CASE("blob_cache: memory first, then the disk, up to the budget") {
  ::scratch folder;
  std::vector<char> const third((std::size_t{1} << 20) / 3, 'x');
  blob_cache cache({.memory_mb = 1, .disk_mb = 1, .folder = folder.path});
  for (std::uint64_t k = 0; k < 8; ++k) {
    auto blob = third;
    blob[7] = static_cast<char>('0' + k);
    CHECK(cache.has_room(blob.size()) == (k < 6));
    cache.store({k, 0, 0}, blob);
  }
  CHECK(cache.size() == 6);
  CHECK(cache.on_disk() == 3 * third.size());
  for (std::uint64_t k : {5, 0, 3, 2}) {
    auto const found = cache.find({k, 0, 0});
    REQUIRE(found.size() == third.size());
    CHECK(found[7] == static_cast<char>('0' + k));
    CHECK(found[8] == 'x');
  }
  CHECK(cache.find({6, 0, 0}).empty());
  CHECK(cache.find({0, 0, 1}).empty());
  CHECK(folder.entries() == 0);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.has_room(third.size()));
  cache.store({1, 2, 3}, std::string_view("abc"));
  CHECK(text(cache.find({1, 2, 3})) == "abc");
}
