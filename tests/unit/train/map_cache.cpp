// Cached feature maps: the bytes of a training that keeps none, whatever has room; each picture's are computed once, whatever it is padded
// to; nothing is kept of pictures that are not known, nor of another state of the backbone.
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

  explicit rpn_training(bool of_one_size = false) {
    auto const all = memory_feed(memory_feed::eight_sizes()).pictures;
    for (auto const& p : of_one_size ? std::vector(5, all.front()) : all) {
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
  // seen: the pictures' numbers. padded: how many images stood in a batch of larger sides than their own.
  std::vector<std::vector<float>> run(step_function<model> step, bool augments = false, std::set<std::uint64_t>* seen = nullptr,
                                      int* padded = nullptr) {
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
      for (auto const& p : b.pictures) {
        if (seen) seen->insert(p.number);
        if (padded) *padded += p.h != b.pixels.dims[2] || p.w != b.pixels.dims[3];
      }
    });
    return all_values(*m);
  }
};

}  // namespace

TEST_CASE("map_cache: training on cached maps has the bytes of training without, in memory, on the disk, and where little has room") {
  ::scratch folder;
  std::set<std::uint64_t> seen;
  int padded = 0;
  map_cache<model> none{map_budget{}};
  auto const expected = rpn_training().run(on_cached_maps<model>(rpn_step(), none), false, &seen, &padded);
  CHECK(none.computed() == 20);
  CHECK(padded > 0);
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

TEST_CASE("map_cache: images of one size give the bytes of the step without") {
  map_cache<model> cache({.memory_mb = 64});
  int padded = 0;
  auto const expected = rpn_training(true).run(rpn_step(), false, nullptr, &padded);
  CHECK(padded == 0);
  CHECK(same_bits(rpn_training(true).run(on_cached_maps<model>(rpn_step(), cache)), expected));
  CHECK(cache.found() > 0);
}

TEST_CASE("map_cache: maps are those of the image alone, and zero where the batch is larger") {
  auto const m = preset::make(preset::config());
  liven(*m);
  cpu::context c(2);
  cpu::context::frame const scope(c);
  auto const pictures = memory_feed(memory_feed::eight_sizes()).pictures;
  auto input = empty_input<model>(), alone = empty_input<model>();
  auto const set = [](auto& to, int i, auto const& p, std::uint64_t number) {
    to.set_image(i, p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, number);
    to.set_picture(i, number);
  };
  CHECK_THROWS_AS((input.start(1, 9, 9), input.set_picture(0, 1)), error);  // before its pixels
  int const h = 3 * pictures[0].h, w = 2 * pictures[0].w;                   // larger than either
  input.start(2, h, w);
  set(input, 0, pictures[0], 5), set(input, 1, pictures[1], 6);
  map_cache<model> cache({.memory_mb = 64});
  for (int round = 0; round < 2; ++round) {  // computed, then found
    auto const f = cache.of(*m, c, input.upload(c));
    auto const rows = [&](auto const& map) {
      auto const v = scratch<float, cpu>(c, shape<3>{{map.dims[0], map.dims[2] * map.dims[3], map.dims[1]}});
      ops::rows<cpu>::gather(c, map, v, 0);
      return v;
    };
    auto const all = rows(f.level[0]);
    for (int n = 0; n < 2; ++n) {
      alone.start(1, pictures[static_cast<std::size_t>(n)].h, pictures[static_cast<std::size_t>(n)].w);
      set(alone, 0, pictures[static_cast<std::size_t>(n)], 7);
      auto const one = alone.upload(c);
      maps<float, 1, cpu> g;
      g.level[0] = c.make<float>(m->backbone().map_shape(0, one.pixels.dims));
      m->backbone().infer(c, one, g);
      auto const expected = rows(g.level[0]);
      bool same = true;
      for (int y = 0; y < f.level[0].dims[2]; ++y)
        for (int x = 0; x < f.level[0].dims[3]; ++x)
          for (int k = 0; k < f.level[0].dims[1]; ++k) {
            bool const inside = y < g.level[0].dims[2] && x < g.level[0].dims[3];
            same &= all(n, y * f.level[0].dims[3] + x, k) == (inside ? expected(0, y * g.level[0].dims[3] + x, k) : 0.f);
          }
      CHECK(same);
    }
  }
  CHECK(cache.computed() == 2);
  CHECK(cache.found() == 2);
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
  map_cache<model> none{map_budget{}};
  auto const without = on_cached_maps<model>(rpn_step(), none);
  t.run(on_cached_maps<model>(rpn_step(), cache));
  plain.run(without);
  auto const computed = cache.computed();
  t.run(on_cached_maps<model>(rpn_step(), cache));
  plain.run(without);
  CHECK(cache.computed() == computed);  // the RPN has changed, the backbone has not
  for (auto* m : {t.m.get(), plain.m.get()}) {
    auto const& e = m->parameters().at("backbone.0.bias");
    m->parameters().set(e, std::vector<float>(e.p->size(), .25f));
  }
  CHECK(same_bits(t.run(on_cached_maps<model>(rpn_step(), cache)), plain.run(without)));
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
    cache.store(k, blob);
  }
  CHECK(cache.size() == 6);
  CHECK(cache.on_disk() == 3 * third.size());
  for (std::uint64_t k : {5, 0, 3, 2}) {
    auto const found = cache.find(k);
    REQUIRE(found.size() == third.size());
    CHECK(found[7] == static_cast<char>('0' + k));
    CHECK(found[8] == 'x');
  }
  CHECK(cache.find(6).empty());
  CHECK(cache.find(9).empty());
  CHECK(folder.entries() == 0);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.has_room(third.size()));
  cache.store(123, std::string_view("abc"));
  CHECK(text(cache.find(123)) == "abc");
}
