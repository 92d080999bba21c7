// Images a second of the preset `small` on a folder in VOC layout, in training or in testing: our side of bench/peers/compare_small, whose
// other side is bench/peers/torchvision_detector.py. Both do the same work between the same two points:
//
//   train   whole optimiser steps on trainval in random order, mirrored half the time, decoded images at hand: ours come from the loader
//           whose cache an untimed epoch has filled. From a batch's pixels to the updated weights everything counts
//   test    images of the test split, decoded from their files within the time, to detections in original pixels: the loop of `evaluate`
// The first --warmup steps are not counted. Last line on stdout: images_per_second X
#include "../../examples/console/compute_options.hpp"

#include <CLI/CLI.hpp>
#include <frcnn/data.hpp>
#include <frcnn/load.hpp>
#include <frcnn/train/data_feed.hpp>
#include <frcnn/train/evaluation.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>

using namespace frcnn;
using preset = presets::small_net<cpu>;

struct options {
  std::string root, mode, init, save;
  console::compute_arguments compute;
  int steps = 50, warmup = 5, batch = 2, short_side = 300;
};

class stopwatch {
 public:
  void start() { from_ = std::chrono::steady_clock::now(); }
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - from_).count(); }

 private:
  std::chrono::steady_clock::time_point from_ = std::chrono::steady_clock::now();
};

static double train(detector<preset>& d, data::dataset const& set, options const& o) {
  data_feed<preset::convention> feed(set,
                                     {.short_side = o.short_side, .max_side = d.config().max_side, .batch = o.batch, .cache_mb = 2048});
  auto const input = [&] { return input_batch<float, cpu>(d.config().normalisation, preset::convention::size_divisor); };
  auto const epoch = feed.batches_per_epoch();
  {
    auto filling = input();
    for (std::uint64_t b = 0; b < epoch; ++b) feed(b, filling);
  }

  cpu::context context(o.compute.cpu());
  auto const defaults = preset::training();
  auto rate = defaults.rate;
  rate.steps = o.warmup + o.steps;
  rate.drops.clear();
  trainer<preset::model> t(d.model(), context, input(), {.rate = rate, .optimiser = defaults.optimiser});
  stopwatch watch;
  double seconds = 0;
  t.hooks.after_step = [&](std::int64_t done) {
    if (done == o.warmup) watch.start();
    if (done == rate.steps) seconds = watch.seconds();
  };
  t.run([&](std::uint64_t batch, auto& to) { feed(batch + epoch, to); });
  return o.steps * o.batch / seconds;
}

static double test(detector<preset> const& d, data::dataset const& set, options const& o) {
  data::dataset some{set.classes, {}};
  for (int i = 0; i < o.warmup + o.steps; ++i) some.samples.push_back(set.samples[static_cast<std::size_t>(i) % set.size()]);
  stopwatch watch;
  double seconds = 0;
  auto const found = detect_all(d, some, {}, [&](std::size_t done) {
    if (done == static_cast<std::size_t>(o.warmup)) watch.start();
    if (done == some.size()) seconds = watch.seconds();
  });
  std::size_t boxes = 0;
  for (auto const& list : found) boxes += list.size();
  std::fprintf(stderr, "detections per image %.1f\n", static_cast<double>(boxes) / static_cast<double>(some.size()));
  return o.steps / seconds;
}

int main(int argc, char** argv) {
  CLI::App app("Images a second of the preset small");
  options o;
  app.add_option("root", o.root, "folder in VOC layout")->required();
  app.add_option("--mode", o.mode)->required()->check(CLI::IsMember({"train", "test"}));
  app.add_option("--steps", o.steps, "steps (train) or images (test) that are timed")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--warmup", o.warmup, "steps or images before them")->capture_default_str()->check(CLI::PositiveNumber);
  o.compute.add_to(app, console::compute_arguments::use::cpu_alone);
  app.add_option("--batch", o.batch)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--short", o.short_side, "shorter side of resized images, pixels")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--init", o.init, "model file (random weights)");
  app.add_option("--save", o.save, "model file to write in the end");
  CLI11_PARSE(app, argc, argv);
  try {
    auto const names = data::read_voc({{o.root, "trainval"}}).classes;
    auto const set = data::read_voc({{o.root, o.mode == "train" ? "trainval" : "test"}}, {.classes = names});
    auto config = preset::config(names);
    config.short_side = o.short_side;
    auto d = o.init.empty() ? detector<preset>(config, o.compute.cpu()) : load<preset>(o.init, o.compute.cpu());
    if (o.init.empty()) d.model().parameters().initialise(0);
    double const speed = o.mode == "train" ? train(d, set, o) : test(d, set, o);
    if (!o.save.empty()) save(d, o.save);
    o.compute.report();
    std::printf("images_per_second %.2f\n", speed);
    return 0;
  } catch (std::exception const& e) {
    std::cerr << "error: " << e.what() << "\n";
    return 1;
  }
}
