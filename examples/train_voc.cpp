// train_voc: a folder in PASCAL VOC layout to a trained detector, its mAP, its curves, and boxes drawn on pictures.
//
//   train_voc --data VOC2007 --data VOC2012 --test VOC2007:test --out run
//
// Without --data it trains on scenes that it renders itself. What --out holds in the end:
//   model.safetensors   the detector          checkpoint/   the last two, for --resume     metrics.jsonl, curves.svg   the losses
//   results/            VOC server files      pr.svg        precision over recall          detections/*.png            a dozen test images
//   best/               with --eval-every: the model that was the best on the validation data
//   report.html         all of it on one page, with the mistakes of the test
//   checked_images.txt  what is known of the images, so that the next start does not decode them again
//   augmented/*.png     --show-augmented: images as training sees them
//   unshared.safetensors  of alternating training: the detector after step 2, whose RPN has a backbone of its own
// The last lines on stdout: AP50 of each class, then mAP50.
#include "curves.hpp"
#include "diagnostics.hpp"
#include "fine_tuning.hpp"
#include "outputs.hpp"
#include "outside_regions.hpp"
#include "pixel_settings.hpp"
#include "processes.hpp"
#include "protocol.hpp"
#include "report.hpp"
#include "shared_device.hpp"
#include "test_pass.hpp"
#include "train_options.hpp"
#include "validation.hpp"

#include <frcnn/detector/weights_file.hpp>
#include <frcnn/io.hpp>
#include <frcnn/presets/unshared.hpp>
#include <frcnn/train/alternating.hpp>
#include <frcnn/train/anchor_regions.hpp>
#include <frcnn/train/checkpoint.hpp>
#include <frcnn/train/data_feed.hpp>
#include <frcnn/train/empirical_targets.hpp>
#include <frcnn/train/metrics_file.hpp>

#include <set>

using namespace frcnn;
namespace fs = std::filesystem;

// What the command line changes of a preset's configuration, and how its sides fit together.
template <class Config>
static Config configured(Config config, arguments const& a) {
  a.anchors.apply_to(config);
  if (a.short_side) config.short_side = a.short_side;
  if (a.max_side) config.max_side = a.max_side;
  config.pyramid.short_sides = a.scales;
  if (a.region_side > 0) config.pyramid.region_side = a.region_side;
  auto& loss = config.proposals.loss;
  if (a.lambda > 0) loss.lambda = a.lambda;
  if (a.n_cls > 0) loss.n_cls = a.n_cls;
  if (a.n_reg > 0) loss.n_reg = a.n_reg;
  for (int const side : a.scales)
    if (side > config.max_side)
      throw error("--scales", fmt::format("sides up to the longest, {}{}", config.max_side, a.max_side ? "" : " (--max-side changes it)"),
                  std::to_string(side));
  if (config.max_side >= config.short_side) return config;
  if (a.max_side)
    throw error(
        "--max-side",
        fmt::format("at least the short side, {}{}", config.short_side, a.short_side ? "" : " (the preset's; --short-side changes it)"),
        std::to_string(a.max_side));
  console::say(fmt::format("--max-side is {}, as --short-side; the preset's {} is less", config.short_side, config.max_side));
  config.max_side = config.short_side;
  return config;
}

// Whether the predictors of --init's RPN are those of this run's anchors. A file of another program does not say its own: `theirs` are then
// the preset's, unless the number says that they are not.
template <class Config>
static void compare_anchors(arguments const& a, Config const& ours, Config const& theirs, bool are_told) {
  if (ours.anchor_sizes == theirs.anchor_sizes && ours.anchor_ratios == theirs.anchor_ratios) return;
  auto const per_cell = [](Config const& c) { return c.anchor_sizes.front().size() * c.anchor_ratios.size(); };
  auto const described = [&](Config const& c) {
    return fmt::format("{} ({} x {})", per_cell(c), fmt::join(c.anchor_list(), ","), fmt::join(c.anchor_ratios, ","));
  };
  if (per_cell(ours) != per_cell(theirs)) {
    if (!are_told) return;  // the shapes of its tensors decide
    throw error(a.init, "a model of as many anchors a cell as --anchors and --ratios give, " + described(ours),
                "one of " + described(theirs));
  }
  console::say((are_told ? "--init: its model has other anchors, " : "--init: its file does not say its anchors; the preset's are ") +
               described(theirs) + "; this run's are " + described(ours) + " (--anchors and --ratios change them)");
}

// How one kind of step is trained.
struct plan {
  trainer_options options;
  int batch;
  std::int64_t per_epoch = 1;  // optimiser steps
};

// A preset as data, beside its family.
template <class Family>
struct preset_data {
  char const* name;
  typename Family::config_type (*read)(weights_file const&);
  presets::training_defaults (*training)();
  void (*freeze)(typename Family::model&);  // what is frozen where training begins from a file

  template <class Preset>
  static preset_data of() {
    return {Preset::name, read_config<Preset>, Preset::training, [](auto& model) {
              if constexpr (requires { Preset::freeze_published(model); }) Preset::freeze_published(model);
            }};
  }
};

template <class Family>
static int train(arguments const& a, console::datasets const& sets, preset_data<Family> const& preset,
                 typename Family::config_type const& published, typename Family::config_type config, console::processes& team) {
  using device = typename Family::device;
  fs::path const out = a.out;
  io::checkpoint_dir const checkpoints(out / "checkpoint");
  auto const last = a.resume ? checkpoints.latest(team.is_first() ? console::warn : nullptr) : std::nullopt;
  if (auto const all = checkpoints.all(); a.resume && !last && !all.empty())  // nothing of them is lost
    throw error("--resume", "a whole checkpoint in " + (out / "checkpoint").string(),
                std::to_string(all.size()) + " that cannot be read (without them, --resume begins anew)");
  console::process_history const history(last, team.size());

  // The detector, and where its weights come from.
  config.classes = sets.train.classes;
  config.head.class_weights = a.imbalance.weights_of(config.classes);
  std::optional<data::anchor_study> anchors;  // of the RPN that is trained
  if (a.proposals.empty())
    anchors = console::settle_anchors<Family>(a.anchors, sets.train, config, a.reading.difficult_in_training(), a.compute.threads);
  std::optional<weights_file> weights;
  if (!a.init.empty()) weights.emplace(a.init, a.init_key);
  auto their_classes = a.init_classes.empty() ? std::vector<std::string>() : data::parse_class_list(a.init_classes);
  auto const layout = sets.train.layout;
  bool same_pixels = layout == pixel_layout();                  // those that the weights, or the preset, are made for
  config.untrained_rpn = a.trains() == console::trained::head;  // but for one that --init has
  if (weights && !weights->is_ours()) {
    take_over<Family>(config, *weights, a.bn_eps);
    console::say_taken(taken_unsaid<Family>(*weights, a.bn_eps));
    their_classes = classes_of<Family>(*weights, their_classes);
    auto const map = name_map_of(weights->source());
    if (map.is_detector) compare_anchors(a, config, published, false);
    if (a.strict && !map.is_detector)
      throw error("--strict", "a detector, whose classes are compared, in " + a.init, map.of + std::string(" weights"));
  }
  if (weights && weights->is_ours()) {
    if (!their_classes.empty())
      throw error("--init-classes", "a file of another program", "a model of this library, which names its classes");
    if (a.bn_eps) throw error("--bn-eps", "a file of another program", "a model of this library, which says it");
    auto const theirs = preset.read(*weights);
    their_classes = theirs.classes;
    config.untrained_rpn = config.untrained_rpn && theirs.untrained_rpn;
    compare_anchors(a, config, theirs, true);
    Family::take_shapes(config, theirs);
    same_pixels = console::compare_pixels(a.init, layout, theirs.normalisation.layout());
    config.normalisation = theirs.normalisation;
    if (bool const empirical = config.head.empirical_targets; !a.targets.empty() && (a.targets == "empirical") != empirical)
      throw error("--targets", std::string("those of ") + a.init + ", " + (empirical ? "empirical" : "fixed"), a.targets);
  } else if (!a.targets.empty()) {
    config.head.empirical_targets = a.targets == "empirical";
  }
  bool const has_predictor = weights && (weights->is_ours() || name_map_of(weights->source()).is_detector);
  if (has_predictor && !weights->is_ours()) config.untrained_rpn = false;
  if (has_predictor && !weights->is_ours() && config.head.empirical_targets)
    throw error("--targets", "fixed, those of the detector in " + a.init, "empirical");
  bool const exact = a.scheme == exact_step::name;
  if (exact) {
    config.pooling = {roi::pooling::warp, config.pooling.pooled};
    config.proposals.proposal_gradient = a.proposal_gradient;
  }
  if constexpr (requires { Family::rois_of_head_step; })
    if (a.trains() != console::trained::together) config.head.target.batch = Family::rois_of_head_step;
  auto const weights_bgr = config.normalisation.bgr;
  if (!same_pixels) {
    config.normalisation = last ? preset.read(weights_file(last->path / "model.safetensors")).normalisation
                                : console::measured(sets.train, config.normalisation, a.compute.threads,
                                                    {{team.rank(), team.size()}, [&](std::span<double> values) { team.sum(values); }});
    if (last) console::require_pixels(last->path.parent_path().string(), layout, config.normalisation.layout());
  }
  auto const shared = match_classes(config.classes, their_classes);
  // Rows of a predictor that are drawn learn in units of their own; those of weights keep theirs.
  std::vector<int> drawn_labels;
  for (std::size_t k = 1; has_predictor && k < shared.theirs.size(); ++k)
    if (shared.theirs[k] < 0) drawn_labels.push_back(static_cast<int>(k));
  bool const measures_targets = config.head.empirical_targets && (!has_predictor || !drawn_labels.empty());
  if (!their_classes.empty()) console::say_shared(a.init, shared, a.strict);
  detector<Family> d(config, a.compute.of<device>());
  d.model().parameters().initialise(a.seed);
  auto const widened = weights ? widened_by(*weights, d) : std::vector<std::string>();
  if (weights && weights->is_ours())
    read_by_class(widened_weights(weights->source(), d.model().parameters(), weights_bgr), d.model().parameters(), shared);
  if (weights && !weights->is_ours()) {
    auto const drawn = read_known(*weights, d, their_classes);
    console::say(fmt::format("{}: {} weights; {}", a.init, name_map_of(weights->source()).of,
                             drawn.empty() ? shared.drawn.empty() ? "nothing is drawn" : "nothing else is drawn"
                                           : fmt::format("--seed draws {}", fmt::join(drawn, ", "))));
  }
  if constexpr (requires { Family::expects_imagenet; }) {
    if (weights) preset.freeze(d.model());
    else
      console::say(
          fmt::format("--preset {} expects ImageNet weights (--init); without them nothing is frozen, and convolutions start from "
                      "--seed's draw",
                      preset.name));
  }
  weights.reset();
  console::train_widened(d.model().parameters(), widened, a.init, layout.channels);

  // Fast R-CNN: regions of a file in place of the RPN, which is not trained.
  bool const outside = !a.proposals.empty();
  std::string const scheme = outside ? "fast-rcnn" : a.scheme;
  region_source regions, validation_regions, test_regions;
  int most_regions = data::training_options().most_regions, most_of_validation = most_regions;
  std::uint32_t proposals_crc = 0;
  if (outside) {
    bool const one_file = a.test_proposals.empty() || a.test_proposals == a.proposals;
    auto const text = eval::text_of_proposals(a.proposals);
    data::dataset of_file;  // whose images the file may have lines of
    for (auto const* set : {&sets.train, &sets.validation, one_file ? &sets.test : nullptr})
      if (set) of_file.samples.insert(of_file.samples.end(), set->samples.begin(), set->samples.end());
    proposals_crc = io::crc32c(text);
    auto const in_file = [&](data::dataset const& set, int* most = nullptr) {  // of an image, where not all of them are looked at
      auto const lists = console::proposals_in(text, set, a.proposals, of_file);
      if (most) *most = lists->most_of(*most);
      return eval::proposal_lists::source(lists);
    };
    regions = in_file(sets.train, &most_regions);
    if (a.validation.wanted()) validation_regions = in_file(sets.validation, &most_of_validation);
    if (!a.no_test)
      test_regions = one_file ? in_file(sets.test) : eval::proposal_lists::source(console::proposals_of(sets.test, a.test_proposals));
  }
  console::test_pass const test(sets.test, sets.test_split, config.classes, a.metric, a.compute.threads, out, test_regions);
  if (!a.no_test) test.warn_of_files();

  // The schedule: of joint training, or of the RPN's steps and of the head's.
  data::training_options images{.short_side = config.short_side,
                                .max_side = config.max_side,
                                .batch = 1,
                                .seed = a.seed,
                                .difficult = a.reading.difficult_in_training(),
                                .cache_mb = a.cache_mb,
                                .regions = regions,
                                .most_regions = most_regions,
                                .short_sides = config.pyramid.short_sides};
  images.channels = layout.channels;
  images.repeat_threshold = a.imbalance.threshold();
  a.augment.apply_to(images);
  a.augment.say_settings(images, a.scheme == "alternating");
  std::vector<plan> plans;
  auto const add_plan = [&](presets::training_defaults const& defaults) {
    if (int const batch = a.batch ? a.batch : defaults.batch; batch % team.size() != 0)
      throw error("--batch", fmt::format("a multiple of the {} processes, which share it", team.size()), std::to_string(batch));
    plan p{.options = {a.seed, defaults.rate, defaults.optimiser, a.accumulate ? a.accumulate : defaults.accumulate, a.diagnose_every},
           .batch = a.batch ? a.batch : defaults.batch};
    auto& rate = p.options.rate;
    if (a.lr > 0) rate.lr = a.lr;
    if (!a.lr_drop.empty()) rate.drops = a.lr_drop;
    auto in_batches = images;
    in_batches.batch = p.batch;
    auto const batches = static_cast<std::int64_t>(data::batches_per_epoch<typename Family::convention>(sets.train, in_batches));
    p.per_epoch = std::max<std::int64_t>(1, batches / p.options.accumulate);
    if (auto const told = a.steps(); !told.empty()) rate.steps = told[plans.size()];
    else if (a.epochs || !rate.steps) rate.steps = p.per_epoch * (a.epochs ? a.epochs : defaults.epochs);
    plans.push_back(p);
  };
  for (auto const& defaults : console::solvers_of<Family>(a.protocol, a.trains(), preset.training())) {
    add_plan(a.batch ? defaults : history.scaled(defaults));
    if (!a.batch) history.say_scaled(defaults, plans.back().options.rate.lr, a.lr > 0, a.epochs || !a.steps().empty());
  }
  std::set<int> batches;
  for (auto const& p : plans) batches.insert(p.batch);
  a.imbalance.say_table<typename Family::convention>(sets.train, images, batches);
  if (team.is_first()) a.augment.show<typename Family::convention>(sets.train, images, plans.front().batch, out / "augmented");
  if (a.protocol == "coco") {
    console::say(console::protocol_settings(config));
    bool const apart = a.trains() != console::trained::together;
    for (auto const& p : plans) {
      char const* const of = &p == &plans.back() ? "Fast R-CNN: " : "RPN: ";
      console::say(console::solver_settings(apart ? of : "", p.options.rate, p.batch * p.options.accumulate));
    }
  }

  // What is trained, on what, in which order.
  typename device::context context(a.compute.of<device>());
  int threads = 0;  // that the sums of a step depend on
  if constexpr (std::is_same_v<device, cpu>) threads = context.threads();
  console::shared_device<device> sharing(team, context);
  using model = typename Family::model;
  std::optional<data_feed<typename Family::convention>> feed;
  std::optional<alternating_training<Family>> steps;
  std::vector<std::variant<training_stage<model>>> stages;
  step_function<model> step = joint_step();
  if (exact) step = exact_step();
  if (outside) step = head_step();
  // Of regions that the head will learn from; of joint training there are none yet, and the anchors stand for them.
  std::function<void()> const measure = [&] {
    empirical_targets<typename Family::convention>(sets.train, outside ? regions : anchor_regions(d, sets.train),
                                                   static_cast<int>(config.classes.size()), images.flip, images.difficult)
        .give_to(d.model().parameters(), drawn_labels);
  };
  if (a.is_joint()) {
    images.batch = plans.front().batch;
    images.share = {team.rank(), team.size()};
    feed.emplace(sets.train, images);
    stages.emplace_back(training_stage<model>{.name = scheme,
                                              .model = &d.model(),
                                              .feed = std::ref(*feed),
                                              .input = [&d] { return d.make_input(); },
                                              .options = plans.front().options,
                                              .step = step,
                                              .trains = outside ? under({"backbone", "roi_heads"}) : trains_function(),
                                              .begin = measures_targets ? measure : std::function<void()>(),
                                              .shared_with = sharing.communicator(),
                                              .sharing = {.overlaps = !a.no_overlap}});
  } else {
    steps.emplace(d, sets.train, images,
                  alternating_options{.rpn = plans[0].options,
                                      .head = plans[1].options,
                                      .rpn_batch = plans[0].batch,
                                      .head_batch = plans[1].batch,
                                      .rounds = a.rounds,
                                      .shares = a.scheme == "alternating",
                                      .new_predictors = a.new_predictors,
                                      .measure_targets = measures_targets,
                                      .measured_labels = drawn_labels,
                                      .maps = a.maps()},
                  a.compute.of<device>());
    stages = steps->stages();
  }
  recipe<model> run(context, std::move(stages));
  auto const unshared = [&] { return presets::unshared_from(steps->rpn_network(), d, a.compute.of<device>()); };

  if (a.validation.wanted() && data::images_of_training<typename Family::convention>(sets.validation, images.difficult).empty())
    throw error("validation data", "an image with an object to train on, as " + a.preset + " trains on no others",
                "none among " + std::to_string(sets.validation.size()));
  console::validation checks(a.validation, sets.validation, plans.back().per_epoch, a.metric,
                             {.difficult = images.difficult, .regions = validation_regions, .most_regions = most_of_validation}, out);

  // A value of each kind of step.
  auto const of_plans = [&](auto value) {
    std::vector<std::string> all;
    for (auto const& p : plans) all.push_back(value(p));
    return fmt::format("{}", fmt::join(all, ","));
  };

  // What a resumed run must have in common with the one it goes on from.
  std::map<std::string, std::string> identity{
      {"--data", fmt::format("{}", fmt::join(a.data, " "))},
      {"--preset", a.preset},
      {"--scheme", scheme},
      {"--classes", fmt::format("{}", fmt::join(config.classes, ","))},
      {"--epochs or --iterations", of_plans([](plan const& p) { return std::to_string(p.options.rate.steps); })},
      {"--batch", of_plans([](plan const& p) { return std::to_string(p.batch); })},
      {"--accumulate", of_plans([](plan const& p) { return std::to_string(p.options.accumulate); })},
      {"--lr", of_plans([](plan const& p) { return fmt::format("{}", p.options.rate.lr); })},
      {"--lr-drop", of_plans([](plan const& p) { return fmt::format("{}", fmt::join(p.options.rate.drops, ",")); })},
      {"--short-side", std::to_string(config.short_side)},
      {"--max-side", std::to_string(config.max_side)},
      {"--anchors", fmt::format("{}", fmt::join(config.anchor_list(), ","))},
      {"--ratios", fmt::format("{}", fmt::join(config.anchor_ratios, ","))},
      {"--seed", std::to_string(a.seed)},
      {"--threads", std::to_string(threads)},
      {"--engine", a.compute.engine()},
      {"--init", a.init_key.empty() ? a.init : a.init + ", key " + a.init_key},
      {"--skip-bad", a.reading.skip_bad ? "yes" : "no"},
      {"--exif", a.reading.exif}};
  for (auto const& [option, value] : {std::pair{"--lambda", a.lambda}, {"--n-cls", a.n_cls}, {"--n-reg", a.n_reg}})
    if (value > 0) identity[option] = fmt::format("{}", value);
  if (exact) identity["--proposal-gradient"] = fmt::format("{}", a.proposal_gradient);
  identity.merge(a.augment.described(images));
  identity.merge(a.imbalance.described());
  if (!a.init_classes.empty()) identity["--init-classes"] = a.init_classes;
  if (a.bn_eps) identity["--bn-eps"] = fmt::format("{}", *a.bn_eps);
  if (a.reading.difficult != "drop") identity["--difficult"] = a.reading.difficult;
  if (a.reading.origin != "voc") identity["--origin"] = a.reading.origin;
  if (a.reading.missing_xml != "error") identity["--missing-xml"] = a.reading.missing_xml;
  if (a.protocol != "voc") identity["--protocol"] = a.protocol;
  if (layout.channels != 3) identity["--channels"] = std::to_string(layout.channels);
  if (layout != pixel_layout::of(layout.channels)) identity["--bits"] = std::to_string(layout.bits);
  if (steps) {
    identity["--rounds"] = std::to_string(a.rounds);
    identity["--new-predictors"] = a.new_predictors ? "yes" : "no";
  }
  if (config.head.empirical_targets) identity["--targets"] = "empirical";
  if (config.pyramid.is_there()) {
    identity["--scales"] = fmt::format("{}", fmt::join(config.pyramid.short_sides, ","));
    identity["--region-side"] = fmt::format("{}", config.pyramid.region_side);
  }
  if (a.reading.splits()) identity["--split"] = fmt::format("{}", a.reading.fraction());
  a.validation.identify(identity, sets.validation, a.metric.name());
  if (outside) identity["--proposals"] = fmt::format("{} of CRC32C {:08x}", a.proposals, proposals_crc);
  auto const trained_on = data::fingerprint_of(sets.train);
  std::optional<metrics_file> metrics;
  if (team.is_first()) metrics.emplace(out / "metrics.jsonl");
  if (last) {
    history.expect(identity);
    load_checkpoint(*last, d, run, identity, trained_on, console::warn);
    checks.restore(*last, run.done());
    if (auto const notes = notes_of(*last); notes.contains("choices")) console::use_choices(context, notes.at("choices"));
    if (metrics) metrics->cut_back_to(last->step, checks.is_due(run) ? "val_loss" : "");
    console::say(fmt::format("going on from step {}", run.done()));
    if (checks.is_over()) run.end_here();
  } else {
    if (a.resume && console::there(out / "model.safetensors"))
      throw error("--resume", "a checkpoint in " + a.out + ", or a folder without a trained model", "model.safetensors alone");
    if (a.resume) console::say("no checkpoint in " + out.string() + ": starting anew");
    if (metrics) metrics->clear();
  }
  history.keep(identity, threads);
  if (team.are_several()) {
    auto const weights_now = d.model().parameters().read();
    team.check_equal(io::crc32c({reinterpret_cast<char const*>(weights_now.data()), weights_now.size() * sizeof weights_now[0]}),
                     "weights");
  }

  // Who watches: a progress line, metrics, event files, checkpoints.
  auto const now = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  std::optional<io::event_file> events;
  if (a.tensorboard && team.is_first())
    events.emplace(out / "tensorboard", now(),
                   a.resume ? std::optional(run.done() + 1) : std::nullopt);  // scalars of the step before are there
  console::progress show;
  console::stopwatch const clock;
  double const started = static_cast<double>(run.done());
  console::pace pace(static_cast<double>(run.steps()), started);
  double average = 0;
  run.hooks.on_step = [&](step_report const& r) {
    if (!team.is_first()) return;
    auto const stage = static_cast<std::size_t>(r.stage);
    plan const& p = plans[stage % plans.size()];
    std::int64_t const all = run.before(stage) + r.step + 1, of_stage = run.options(stage).rate.steps;
    double const done = static_cast<double>(all);
    average = average == 0 || r.step == 0 ? r.total() : 0.98 * average + 0.02 * r.total();
    show(fmt::format("{} {} of {}, epoch {}, {:.1f} images/s, loss {:.3f} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}), {} left",
                     steps ? run.name(stage) + ": iteration" : "step", r.step + 1, of_stage, r.step / p.per_epoch + 1, r.images_per_second,
                     average, r.losses[0], r.losses[1], r.losses[2], r.losses[3], pace.remaining(done)),
         r.step + 1 == of_stage);
    if (done == started + 8)  // soon, and after what the first steps allocate
      show(fmt::format("{} steps at {:.1f} images/s: about {} of training, then the test", run.steps(), r.images_per_second,
                       pace.remaining(done)),
           true);
    std::vector<metrics_file::field> values{{"loss", r.total()}};
    if (!steps || steps->trains_rpn(r.stage)) values.insert(values.end(), {{"objectness", r.losses[0]}, {"rpn_box", r.losses[1]}});
    if (!steps || !steps->trains_rpn(r.stage)) values.insert(values.end(), {{"class", r.losses[2]}, {"head_box", r.losses[3]}});
    values.insert(values.end(), {{"lr", r.lr}, {"gradient_norm", r.norm}});
    if (steps) values.emplace_back("stage", r.stage);
    metrics->write(static_cast<std::uint64_t>(all), values);
    if (events) {
      events->scalar("loss/total", static_cast<float>(r.total()), all, now());
      events->scalar("learning_rate", static_cast<float>(r.lr), all, now());
      events->scalar("gradient_norm", static_cast<float>(r.norm), all, now());
    }
  };
  console::feed_watch watch_feed;
  run.hooks.on_diagnostics = [&](step_diagnostics const& r) {
    if (!team.is_first()) return;
    std::int64_t const all = run.before(static_cast<std::size_t>(r.stage)) + r.step + 1;
    auto const values = console::fields_of(r);
    metrics->write(static_cast<std::uint64_t>(all), values);
    if (events)
      for (auto const& [name, value] : values) events->scalar("diagnostics/" + name, static_cast<float>(value), all, now());
    watch_feed(r);
  };
  run.hooks.name_of = [&](std::uint64_t id) { return sets.train.samples[id].image.string(); };
  std::stop_source stop;
  std::int64_t saved = run.done();
  auto const save_run = [&] {
    run.flush();
    if (events) events->flush();
    if (team.is_first()) {
      auto notes = checks.notes();
      if (auto choices = console::choices_of(context); !choices.empty()) notes["choices"] = std::move(choices);
      save_checkpoint(checkpoints, d, run, identity, trained_on, notes);
    }
    saved = run.done();
  };
  auto const keep = [&] {  // steps that no checkpoint has
    if (run.done() > saved) save_run();
  };
  // f(the detector as it is trained so far).
  auto const with_detector = [&](auto f) { a.scheme == "unshared" ? f(unshared()) : f(d); };
  auto const keep_best = [&] {
    if (team.is_first()) with_detector([&](auto const& best) { checks.keep(best); });
  };
  auto const validate = [&] {
    run.flush();
    std::vector<metrics_file::field> values;
    bool is_best = false;
    with_detector([&](auto const& trained) { is_best = checks(context, trained, run.done(), team, sharing.communicator(), values); });
    if (metrics) metrics->write(static_cast<std::uint64_t>(run.done()), values);
    if (events)
      for (auto const& [name, value] : values) events->scalar("validation/" + name.substr(4), static_cast<float>(value), run.done(), now());
    if (is_best || run.done() == saved) save_run();  // the last checkpoint does not know it
    if (is_best) keep_best();
    if (checks.is_over()) run.end_here();
  };
  run.hooks.after_step = [&](training_position p) {
    auto const done = run.done();
    if (a.scheme == "alternating" && p.stage == steps->last_unshared() &&
        p.step == run.options(static_cast<std::size_t>(p.stage)).rate.steps) {
      run.flush();
      save(unshared(), out / "unshared.safetensors");
    }
    if (team.interrupted()) stop.request_stop();
    else if (checks.is_due(run)) validate();
    if (done < run.steps() && (done % a.checkpoint_every == 0 || stop.stop_requested())) keep();
  };
  if (steps)
    steps->on_proposals = [&](std::size_t n) {
      show(fmt::format("proposals of image {} of {}", n, sets.train.size()), n == sets.train.size());
      console::stop_if_interrupted();
    };
  auto const stopped = [&] {
    console::say(fmt::format("\nstopped after step {}; go on with --resume", run.done()));
    return console::interrupted_status();
  };
  try {
    if (team.interrupted()) throw console::interruption();
    if (checks.is_best(run.done())) keep_best();  // of a checkpoint that was written before it
    if (checks.is_due(run)) validate();
    if (!run.run(stop.get_token())) return stopped();
  } catch (console::interruption const&) {  // between two stages
    keep();
    return stopped();
  } catch (...) {  // an image that went away, a full disk: what was trained so far is whole
    if (!team.are_several())
      console::fault_of(keep);  // what of several has failed may be one alone, and the steps of the others other ones
    throw;
  }

  if (checks.is_due(run)) {  // what was interrupted at the last step
    keep();
    return stopped();
  }
  checks.say_end();
  if (d.config().untrained_rpn) console::say("the RPN of this model is untrained: evaluate it with --proposals");
  auto const finish = [&](detector<Family>&& trained) {
    if (team.is_first()) save(trained, out / "model.safetensors");  // first: nothing that follows may cost it, the last checkpoint neither
    keep();
    team.barrier();  // the model is whole, whoever is stopped now
    a.compute.report();
    console::attempts attempt;
    if (team.is_first()) attempt([&] { console::draw_training_curves(out); });
    auto facts = console::training_facts(out, sets, identity, clock.seconds(), run.done() - static_cast<std::int64_t>(started));
    if (anchors) facts.anchors = anchors->lines(a.anchors.automatic());
    if (team.is_first())
      attempt([&] {
        auto const resize = [&](int w, int h) { return Family::convention::resize(w, h, config.short_side, config.max_side); };
        facts.of_data.add_sets(console::inspect_sets(sets, resize), a.compute.threads);
        if (anchors) facts.of_data.add_anchors(a.anchors.automatic() ? anchors->fit_of_proposed : anchors->fit);
      });
    if (a.no_test && team.is_first()) attempt([&] { console::write_report(out / "report.html", facts, nullptr); });
    // The others wait here, asleep, for what the first does alone.
    auto const end = [&] { return checks.say_which_is_which(), team.barrier(), attempt.status(); };
    if (a.no_test) return end();
    try {
      console::stop_if_interrupted();
      if (checks.take_best(context, trained.model(), team, sharing.communicator())) console::say("the test is of best/model.safetensors");
      test(trained, attempt, facts, team.communicator());
    } catch (console::interruption const&) {
      console::say(
          fmt::format("\nstopped before the test was through; {} is whole, --resume tests it again", (out / "model.safetensors").string()));
      if (team.are_several()) team.leave(console::interrupted_status());  // the others may be anywhere
      return console::interrupted_status();
    }
    return end();
  };
  return a.scheme == "unshared" ? finish(unshared()) : finish(std::move(d));
}

int main(int argc, char** argv) {
  CLI::App app("Trains Faster R-CNN on data in PASCAL VOC layout and evaluates it");
  console::processes team;
  arguments a;
  declare(app, a);
  return console::run(app, argc, argv, [&] {
    return team.guarded([&] {
      console::catch_interrupts();
      fs::path const out = a.out;
      team.check();
      console::share_device(a.compute, team);
      a.check();
      if (team.are_several() && !a.is_joint())
        throw error("--scheme", "joint or exact, or --proposals: what several processes train", a.scheme);
      a.compute.threads = team.threads(a.compute.threads);
      console::check_place(out, {"checkpoint", "results", "detections", "tensorboard", "augmented", "best"},
                           {"model.safetensors", "unshared.safetensors", "metrics.jsonl", "checked_images.txt", "report.html"});
      a.check_new(out);
      if (!a.init.empty())
        console::check_outputs({a.init}, {out / "model.safetensors", out / "unshared.safetensors", out / "best" / "model.safetensors"});
      auto const train_preset = [&]<class Preset>() {
        auto published = Preset::config({});
        console::apply_protocol<Preset>(a.protocol, published);
        auto const config = configured(published, a);
        make_anchors<typename Preset::convention, Preset::model::levels>(config.anchor_sizes,
                                                                         config.anchor_ratios);  // throws for shapes that are none
        if (a.data.empty()) {
          fs::path const demo = out / "demo-data";
          if (a.resume && !console::there(demo) && console::there(out / "checkpoint"))
            throw error("--resume", "the arguments of the run in " + a.out + ", its --data among them", "no --data");
          team.barrier();  // all have looked
          if (team.is_first() && !console::there(demo)) data::write_demo_voc(demo, {.progress = console::stop_between});
          team.barrier();
          a.data = {demo.string()};
        }
        std::vector<data::voc_source> read;
        for (auto const& spec : a.data) read.push_back(data::parse_voc_spec(spec));
        for (auto const& spec : a.test) read.push_back(data::parse_voc_spec(spec));
        if (!a.validation.data.empty()) read.push_back(data::parse_voc_spec(a.validation.data));
        console::check_beside_data(out, read);
        fs::path const known = out / "checked_images.txt";
        a.reading.choose_difficult(a.data);
        console::datasets const sets(
            {.data = a.data,
             .test = a.test,
             .classes = a.classes,
             .no_test = a.no_test,
             .threads = a.compute.threads,
             .known = known,
             .validation = a.validation.data,
             .held_out = a.validation.held_out(),
             .sharing = {{team.rank_here(), team.size_here()}, [&](std::string const& text) { return team.gather_here(text); }}},
            a.reading);
        team.barrier();  // all have looked at --out
        std::optional<io::folder_lock> alone;
        if (team.is_first()) {
          console::make_folder(out);
          alone.emplace(out, "--out " + a.out, "a folder that no other run writes into");
          a.check_new(out);  // another run may have begun and ended since
          sets.checked.save(known);
        }
        return train(a, sets, preset_data<typename Preset::family>::template of<Preset>(), published, config, team);
      };
      return console::with_device(a.compute, [&]<Backend B>() { return every_preset<B>::with(a.preset, train_preset); });
    });
  });
}
