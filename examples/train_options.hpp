#pragma once
// What train_voc can be told. Zero and empty: the preset's.
#include "cpu_options.hpp"
#include "data_options.hpp"
#include "options.hpp"
#include "scores.hpp"

#include <frcnn/load.hpp>
#include <frcnn/presets/every_preset.hpp>
#include <frcnn/train/steps.hpp>

#include <cstdint>
#include <string>
#include <vector>

struct arguments {
  std::vector<std::string> data;
  std::string test, preset = "small", scheme = "joint", classes, init, out = "run", proposals, test_proposals;
  std::vector<double> lr_drop, anchors, ratios;
  double lr = 0;
  std::int64_t iterations = 0, checkpoint_every = 200;
  int epochs = 0, batch = 0, accumulate = 0, short_side = 0, max_side = 0;
  console::metric_argument metric;
  console::cpu_arguments cpu;
  console::data_arguments reading;
  double lambda = 0, n_cls = 0, n_reg = 0;  // 0: the default
  std::uint64_t seed = 0;
  std::size_t cache_mb = 512;
  bool no_test = false, resume = false, tensorboard = false;
};

inline void declare(CLI::App& app, arguments& a) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // a script's options can be overridden behind them
  auto constexpr all = CLI::MultiOptionPolicy::TakeAll;
  app.add_option("--data", a.data, "training data, ROOT or ROOT:SPLIT (trainval); ROOT:all is every image; several are joined")
      ->multi_option_policy(all)
      ->check(console::path());
  auto* test = app.add_option("--test", a.test, "test data, ROOT or ROOT:SPLIT (the first --data's test)")
                   ->multi_option_policy(CLI::MultiOptionPolicy::Throw)  // not the last of several, as of --data one may expect all
                   ->check(console::path());
  a.reading.add_to(app, true)->excludes(test);
  app.add_flag("--no-test", a.no_test, "train only");
  app.add_option("--preset", a.preset, "detector: " + frcnn::every_preset<frcnn::cpu>::names())->capture_default_str();
  auto* scheme = app.add_option("--scheme", a.scheme, "how features are shared")
                     ->capture_default_str()
                     ->check(CLI::IsMember({frcnn::joint_step::name, frcnn::exact_step::name}));
  auto* proposals =
      app.add_option("--proposals", a.proposals, "train the head alone, on the regions of this file: image_id x1 y1 x2 y2 [score]")
          ->check(console::path())
          ->excludes(scheme);
  app.add_option("--test-proposals", a.test_proposals, "regions of the test images (those of --proposals)")
      ->check(console::path())
      ->needs(proposals);
  auto* epochs = app.add_option("--epochs", a.epochs, "passes over the data (the preset's)")->check(console::whole(1));
  app.add_option("--iterations", a.iterations, "optimiser steps, instead of epochs")
      ->check(console::whole<std::int64_t>(1))
      ->excludes(epochs);
  app.add_option("--batch", a.batch, "images per micro-batch (the preset's)")->check(console::whole(1));
  app.add_option("--accumulate", a.accumulate, "micro-batches per optimiser step (the preset's)")->check(console::whole(1));
  app.add_option("--lr", a.lr, "learning rate (the preset's)")->check(console::above(0));
  app.add_option("--lr-drop", a.lr_drop, "fractions of the run after which the rate drops tenfold (the preset's)")
      ->multi_option_policy(all)
      ->delimiter(',')
      ->check(console::between(0, 1));
  app.add_option("--short-side", a.short_side, "shorter side of resized images, pixels (the preset's)")->check(console::side());
  app.add_option("--max-side", a.max_side, "longer side at most (the preset's)")->check(console::side());
  app.add_option("--anchors", a.anchors, "square roots of anchor areas, pixels of the resized image (the preset's)")
      ->multi_option_policy(all)
      ->delimiter(',')
      ->check(console::above(0));
  app.add_option("--ratios", a.ratios, "anchor heights over widths (the preset's)")
      ->multi_option_policy(all)
      ->delimiter(',')
      ->check(console::above(0));
  app.add_option("--lambda", a.lambda, "weight of the RPN's box loss, equation (1) (1)")->check(console::above(0));
  app.add_option("--n-cls", a.n_cls, "what the RPN's log loss is divided by (the number of sampled anchors; the paper's text: 256)")
      ->check(console::above(0));
  app.add_option("--n-reg", a.n_reg, "what the RPN's box loss is divided by (the number of sampled anchors; the paper's text: 2400)")
      ->check(console::above(0));
  app.add_option("--classes", a.classes, "A,B,.. or a file with one per line; others are left out (read from the data)")
      ->check(console::path());
  a.metric.add_to(app);
  app.add_option("--seed", a.seed, "a run is a function of it")->capture_default_str()->check(console::whole<std::uint64_t>(0));
  a.cpu.add_to(app, false);
  app.add_option("--init", a.init, "model file to start from")->check(console::path());
  app.add_option("--out", a.out, "folder of the run")->capture_default_str()->check(console::path());
  app.add_flag("--resume", a.resume, "go on from the last checkpoint in --out");
  app.add_option("--checkpoint-every", a.checkpoint_every, "steps")->capture_default_str()->check(console::whole<std::int64_t>(1));
  app.add_option("--cache-mb", a.cache_mb, "memory for resized images")
      ->capture_default_str()
      ->check(console::whole<std::size_t>(0, 1 << 24));
  app.add_flag("--tensorboard", a.tensorboard, "write event files into OUT/tensorboard");
}
