// train_memory FILE: trains `small` on images that are made in memory, tries it on one of them, and saves it.
#include <frcnn/data.hpp>
#include <frcnn/load.hpp>
#include <frcnn/train/data_feed.hpp>

#include <cstdio>
using namespace frcnn;
using preset = presets::small_net<cpu>;

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) return std::puts("usage: train_memory [MODEL]"), 2;
  data::memory_source set({"square"});
  for (int i = 0; i < 40; ++i) {  // a white square on black
    image im(160, 120);
    int const x = 7 * i % 100, y = 11 * i % 60, side = 40 + i % 20;
    for (int row = y; row < y + side; ++row) std::fill(im.at(x, row), im.at(x + side - 1, row) + 3, std::uint8_t{255});
    set.add(std::move(im), {{.where = box<int>{x, y, x + side, y + side}.as<float>(), .name = "square"}});
  }
  auto config = preset::config(set.classes());
  config.short_side = 120;
  detector<preset> d(config);
  d.model().parameters().initialise(/*seed*/ 0);

  data_feed<preset::convention, data::memory_source> feed(set, {.short_side = config.short_side, .max_side = config.max_side});
  cpu::context context;
  trainer_options options{.rate = preset::training().rate, .optimiser = preset::training().optimiser};
  options.rate.steps = 200;
  trainer<preset::model> t(d.model(), context, d.make_input(), options);
  t.hooks.on_step = [](step_report const& r) { std::printf("step %3d  loss %.3f\n", int(r.step), r.total()); };
  t.run(feed);
  for (auto const& [at, score, label] : d.detect(set.pixels(0), {.score = 0.5f}))
    std::printf("%s %.2f at %.0f %.0f %.0f %.0f\n", d.class_name(label).c_str(), score, at.x1, at.y1, at.x2, at.y2);
  if (argc > 1) save(d, argv[1]);
}
