#include "options.hpp"

#include "../console/devices.hpp"
#include "../console/norm_epsilon.hpp"
#include "../console/options.hpp"
#include "../console/outputs.hpp"

#include <frcnn/data/voc_source.hpp>
#include <frcnn/io/checkpoint_dir.hpp>
#include <frcnn/presets/every_preset.hpp>

#include <utility>

std::vector<std::int64_t> arguments::steps() const {
  return iterations.empty() ? std::vector<std::int64_t>() : console::numbers_in<std::int64_t>(iterations);
}

frcnn::map_budget arguments::maps() const {
  auto const mb = console::numbers_in<std::int64_t>(maps_mb);
  return {static_cast<std::size_t>(mb[0]), mb.size() > 1 ? static_cast<std::size_t>(mb[1]) : 0, out};
}

void arguments::check_new(std::filesystem::path const& folder) const {
  for (auto const* part : {"checkpoint", "model.safetensors", "metrics.jsonl"})
    if (!resume && console::there(folder / part)) throw frcnn::error("--out " + out, "a folder without a run, or --resume", part);
  if (!frcnn::io::checkpoint_dir(folder).all().empty())
    throw frcnn::error("--out " + out, "the folder of a run", "that of a run's checkpoints (the run's own is the folder above)");
}

void arguments::check() const {
  anchors.check();
  if (anchors.automatic() && !proposals.empty())
    throw frcnn::error("--anchors auto", "a training of the RPN, whose anchors they are", "--proposals");
  std::size_t const numbers = steps().size(), parts = is_joint() ? 1 : 2;
  if (numbers != 0 && numbers != parts)
    throw frcnn::error("--iterations",
                       is_joint() ? "one number with --scheme " + scheme : "two numbers, RPN,FASTRCNN, with --scheme " + scheme,
                       iterations);
  if (rounds > 1 && is_joint()) throw frcnn::error("--rounds", "--scheme alternating or unshared", scheme);
  if (maps_mb != arguments().maps_mb && scheme != "alternating") throw frcnn::error("--maps-mb", "--scheme alternating", scheme);
  if (maps_mb != arguments().maps_mb && augment.changes_images())
    throw frcnn::error("--maps-mb", "images that do not change, whose feature maps it keeps", "augmentation");
  if (proposal_gradient != arguments().proposal_gradient && scheme != frcnn::exact_step::name)
    throw frcnn::error("--proposal-gradient", "--scheme exact, whose proposals have gradients", scheme);
  if (new_predictors && scheme != "alternating") throw frcnn::error("--new-predictors", "--scheme alternating", scheme);
  for (auto const& [name, value] : {std::pair{"--test", test.empty() ? "" : test.front()}, {"--test-proposals", test_proposals}})
    if (no_test && !value.empty()) throw frcnn::error(std::string(name) + " " + value, "a test that looks at it", "--no-test");
  for (auto const& [name, value] : {std::pair{"--lambda", lambda}, {"--n-cls", n_cls}, {"--n-reg", n_reg}, {"--rpn-batch", rpn_batch}})
    if (value > 0 && !proposals.empty())
      throw frcnn::error(name, "an RPN that learns, whose loss it changes", "--proposals, which trains the head alone");
  console::check_inputs({init, proposals, test_proposals});
  if (!init_classes.empty()) frcnn::data::parse_class_list(init_classes);
  console::require_device(compute);
}

void declare(CLI::App& app, arguments& a) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // a script's options can be overridden behind them
  auto constexpr all = CLI::MultiOptionPolicy::TakeAll;
  app.add_option(
         "--data", a.data,
         "training data, ROOT or ROOT:SPLIT (trainval); ROOT:all is every image; several are joined (none: scenes that are rendered)")
      ->multi_option_policy(all)
      ->check(console::path());
  auto* test = app.add_option("--test", a.test, "test data, ROOT or ROOT:SPLIT (the first --data's test); several are joined")
                   ->multi_option_policy(all)
                   ->check(console::path());
  a.reading.add_to(app, true)->excludes(test);
  app.add_flag("--no-test", a.no_test, "train only");
  a.validation.add_to(app);
  app.add_option("--preset", a.preset, "detector: " + frcnn::every_preset<frcnn::cpu>::names())->capture_default_str();
  app.add_option("--protocol", a.protocol,
                 "published settings of anchors, sides and solver: voc, the preset's, or coco, those of MS COCO for zf and vgg16")
      ->capture_default_str()
      ->check(console::one_of({"voc", "coco"}));
  auto* scheme = app.add_option("--scheme", a.scheme, "how RPN and detector share features: trained together, in turns, or not at all")
                     ->capture_default_str()
                     ->check(console::one_of({frcnn::joint_step::name, frcnn::exact_step::name, "alternating", "unshared"}));
  auto* proposals =
      app.add_option("--proposals", a.proposals, "train the head alone, on the regions of this file: image_id x1 y1 x2 y2 [score]")
          ->check(console::path())
          ->excludes(scheme);
  app.add_option("--test-proposals", a.test_proposals, "regions of the test images (those of --proposals)")
      ->check(console::path())
      ->needs(proposals);
  auto* scales =
      console::add_numbers(app, "--scales", a.scales,
                           "several short sides: training draws one for each image, testing looks at each region at the one that suits it",
                           console::side())
          ->needs(proposals);
  app.add_option("--region-side", a.region_side, "of --scales: square root of the area at which a region is seen best (224)")
      ->check(console::between(1, 16384))
      ->needs(scales);
  app.add_option(
         "--targets", a.targets,
         "box targets of the head: fixed, the convention's constants (the preset's), or empirical, mean and deviation of each class "
         "measured on the training data")
      ->check(console::one_of({"fixed", "empirical"}));
  app.add_option("--rounds", a.rounds, "how often steps 1 and 2 of alternating training are done")
      ->capture_default_str()
      ->check(console::whole(1, 1000));
  app.add_option(
         "--proposal-gradient", a.proposal_gradient,
         "exact joint training: each gradient that a proposal adds to its anchor's deltas is at most this many times 1 / N_reg, the "
         "most that the anchor's own loss adds at --lambda 1; 1e9 is as good as no bound")
      ->capture_default_str()
      ->check(console::above(0));
  app.add_flag("--new-predictors", a.new_predictors, "step 4 begins with new predictors of class and box, not with those of step 2");
  auto* epochs = app.add_option("--epochs", a.epochs, "passes over the data (the preset's), in each step of alternating training")
                     ->check(console::whole(1));
  app.add_option("--iterations", a.iterations,
                 "optimiser steps, instead of epochs; two numbers, RPN,FASTRCNN, where these are trained one after the other")
      ->check(console::list(console::whole<std::int64_t>(1), 2))
      ->excludes(epochs);
  app.add_option("--batch", a.batch, "images per micro-batch (the preset's)")->check(console::whole(1));
  app.add_option("--accumulate", a.accumulate, "micro-batches per optimiser step (the preset's)")->check(console::whole(1));
  app.add_option("--lr", a.lr, "learning rate (the preset's)")->check(console::above(0));
  app.add_option("--rpn-batch", a.rpn_batch, "anchors of an image that the RPN's losses of a step are of (the preset's; the paper's 256)")
      ->check(console::whole(2, 65536));
  app.add_option("--roi-batch", a.roi_batch, "regions of an image that the head's losses of a step are of (the preset's; the paper's 128)")
      ->check(console::whole(4, 65536));
  console::add_numbers(app, "--lr-drop", a.lr_drop, "fractions of the run after which the rate drops tenfold (the preset's)",
                       console::between(0, 1));
  app.add_option("--short-side", a.short_side, "shorter side of resized images, pixels (the preset's)")->check(console::side());
  app.add_option("--max-side", a.max_side, "longer side at most (the preset's)")->check(console::side());
  a.anchors.add_to(app, true);
  a.augment.add_to(app);
  a.imbalance.add_to(app);
  app.add_option("--lambda", a.lambda, "weight of the RPN's box loss, equation (1) (1)")->check(console::above(0));
  app.add_option("--n-cls", a.n_cls,
                 "what the RPN's log loss of a micro-batch is divided by (its sampled anchors; the paper's text: 256, of one image)")
      ->check(console::above(0));
  app.add_option("--n-reg", a.n_reg,
                 "what the RPN's box loss of a micro-batch is divided by (its sampled anchors; the paper's text: 2400, of one image)")
      ->check(console::above(0));
  app.add_option("--classes", a.classes, "A,B,.. or a file with one per line; others are left out (read from the data)")
      ->check(console::path());
  a.metric.add_to(app);
  app.add_option("--seed", a.seed, "a run is a function of it")->capture_default_str()->check(console::whole<std::uint64_t>(0));
  a.compute.add_to(app, console::compute_arguments::use::trains);
  auto* init =
      app.add_option("--init", a.init,
                     "weights to start from: a model file, or ImageNet weights or a detector of torchvision (.pth) or Caffe (.caffemodel)")
          ->check(console::path());
  console::add_norm_epsilon(app, a.bn_eps)->needs(init);
  app.add_option("--init-key", a.init_key, "of the state dict inside a .pth file (found under model, state_dict, model_state, ema)")
      ->needs(init);
  app.add_option(
         "--init-classes", a.init_classes,
         "A,B,.. or a file with one per line: classes of --init's file, where it does not name them (VOC's or COCO's, by their number)")
      ->needs(init)
      ->check(console::path());
  app.add_flag("--strict", a.strict, "refuse --init's model where its classes are not those of this run")->needs(init);
  app.add_option("--diagnose-every", a.diagnose_every, "steps between two looks at samples, proposals and gradients; 0: none")
      ->capture_default_str()
      ->check(console::whole(0));
  app.add_option("--out", a.out, "folder of the run")->capture_default_str()->check(console::path());
  app.add_flag("--no-overlap", a.no_overlap, "several processes: gradients are summed behind backward, not beside it");
  app.add_flag("--resume", a.resume, "go on from the last checkpoint in --out");
  app.add_option("--checkpoint-every", a.checkpoint_every, "steps")->capture_default_str()->check(console::whole<std::int64_t>(1));
  app.add_option("--cache-mb", a.cache_mb, "memory for resized images")
      ->capture_default_str()
      ->check(console::whole<std::size_t>(0, 1 << 24));
  app.add_option("--workers", a.workers, "threads that prepare images (one for every eight processors, or two with --device cuda)")
      ->check(console::whole(0, 1024));
  app.add_option("--maps-mb", a.maps_mb,
                 "MEMORY or MEMORY,DISK for feature maps, in the steps of alternating training in which convolutions do not change")
      ->capture_default_str()
      ->check(console::list(console::whole<std::int64_t>(0, 1 << 24), 2));
  app.add_flag("--tensorboard", a.tensorboard, "write event files into OUT/tensorboard");
}
