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
#include "console/curves.hpp"
#include "console/devices.hpp"
#include "console/outputs.hpp"
#include "console/report.hpp"
#include "train/data.hpp"
#include "train/options.hpp"
#include "train/plan.hpp"
#include "train/processes.hpp"
#include "train/regions.hpp"
#include "train/run_log.hpp"
#include "train/shared_device.hpp"
#include "train/starting_weights.hpp"
#include "train/test_pass.hpp"
#include "train/validation.hpp"

#include <frcnn/io.hpp>
#include <frcnn/presets/unshared.hpp>
#include <frcnn/train/alternating.hpp>
#include <frcnn/train/anchor_regions.hpp>
#include <frcnn/train/checkpoint.hpp>
#include <frcnn/train/data_feed.hpp>
#include <frcnn/train/empirical_targets.hpp>

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
  if (a.rpn_batch) config.proposals.target.batch = a.rpn_batch;
  if (a.roi_batch) config.head.target.batch = a.roi_batch;
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

// The checkpoint that a run goes on from, of those in its folder.
static std::optional<io::checkpoint> checkpoint_to_resume(arguments const& a, io::checkpoint_dir const& checkpoints, bool is_first) {
  if (!a.resume) return {};
  auto last = checkpoints.latest(is_first ? console::warn : nullptr);
  if (auto const all = checkpoints.all(); !last && !all.empty())  // nothing of them is lost
    throw error("--resume", "a whole checkpoint in " + (fs::path(a.out) / "checkpoint").string(),
                std::to_string(all.size()) + " that cannot be read (without them, --resume begins anew)");
  return last;
}

template <class Family>
static int train(arguments const& a, console::datasets const& sets, preset_data<Family> const& preset,
                 typename Family::config_type const& published, typename Family::config_type config, console::processes& team) {
  using device = typename Family::device;
  using model = typename Family::model;
  using convention = typename Family::convention;
  fs::path const out = a.out;
  io::checkpoint_dir const checkpoints(out / "checkpoint");
  auto const last = checkpoint_to_resume(a, checkpoints, team.is_first());
  console::process_history const history(last, team.size());

  // The detector, and where its weights come from.
  config.classes = sets.train.classes;
  config.head.class_weights = a.imbalance.weights_of(config.classes);
  bool const outside = !a.proposals.empty();
  std::optional<data::anchor_study> anchors;  // of the RPN that is trained
  if (!outside)
    anchors = console::settle_anchors<Family>(a.anchors, sets.train, config, a.reading.difficult_in_training(), a.compute.threads);
  auto const layout = sets.train.layout;
  starting_weights<Family> weights(a, layout, published, preset.read, config);
  if (a.is_exact()) {
    config.pooling = {roi::pooling::warp, config.pooling.pooled};
    config.proposals.proposal_gradient = a.proposal_gradient;
  }
  if constexpr (requires { Family::rois_of_head_step; })
    if (a.trains() != console::trained::together && !a.roi_batch) config.head.target.batch = Family::rois_of_head_step;
  if (!weights.same_pixels()) {
    config.normalisation = last ? preset.read(weights_file(last->path / "model.safetensors")).normalisation
                                : console::measured(sets.train, config.normalisation, a.compute.threads,
                                                    {{team.rank(), team.size()}, [&](std::span<double> values) { team.sum(values); }});
    if (last) console::require_pixels(last->path.parent_path().string(), layout, config.normalisation.layout());
  }
  bool const measures_targets = weights.measures_targets(config);
  detector<Family> d(config, a.compute.of<device>());
  weights.initialise(d, a, preset.name, preset.freeze);

  // Its test, its images and its schedule.
  auto const regions = read_regions(a, sets);
  console::test_pass const test(sets.test, sets.test_split, config.classes, a.metric, a.compute.threads, out, regions.test);
  if (!a.no_test) test.warn_of_files();
  auto images = loader_options_of(a, config, layout.channels);
  images.regions = regions.training;
  images.most_regions = regions.most_of_training;
  auto const plans =
      plans_of(a, console::solvers_of<Family>(a.protocol, a.trains(), preset.training()), history, team.size(), [&](int batch) {
        auto in_batches = images;
        in_batches.batch = batch;
        return static_cast<std::int64_t>(data::batches_per_epoch<convention>(sets.train, in_batches));
      });
  a.imbalance.say_table<convention>(sets.train, images, batch_sizes(plans));
  if (team.is_first()) a.augment.show<convention>(sets.train, images, plans.front().batch, out / "augmented");
  if (a.protocol == "coco") console::say(console::protocol_settings(config)), say_protocol(a, plans);

  // What is trained, on what, in which order.
  typename device::context context(a.compute.of<device>());
  console::shared_device<device> sharing(team, context);
  std::optional<data_feed<convention>> feed;
  std::optional<alternating_training<Family>> steps;
  std::vector<std::variant<training_stage<model>>> stages;
  step_function<model> step = joint_step();
  if (a.is_exact()) step = exact_step();
  if (outside) step = head_step();
  // Of regions that the head will learn from; of joint training there are none yet, and the anchors stand for them.
  std::function<void()> const measure = [&] {
    empirical_targets<convention>(sets.train, outside ? regions.training : anchor_regions(d, sets.train),
                                  static_cast<int>(config.classes.size()), images.flip, images.difficult)
        .give_to(d.model().parameters(), weights.drawn_labels());
  };
  if (a.is_joint()) {
    images.batch = plans.front().batch;
    images.share = {team.rank(), team.size()};
    feed.emplace(sets.train, images);
    stages.emplace_back(training_stage<model>{.name = a.recipe_name(),
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
                                      .measured_labels = weights.drawn_labels(),
                                      .maps = a.maps()},
                  a.compute.of<device>());
    stages = steps->stages();
  }
  recipe<model> run(context, std::move(stages));
  auto const unshared = [&] { return presets::unshared_from(steps->rpn_network(), d, a.compute.of<device>()); };
  // f(the detector as it is trained so far).
  auto const with_detector = [&](auto f) { a.scheme == "unshared" ? f(unshared()) : f(d); };

  if (a.validation.wanted() && data::images_of_training<convention>(sets.validation, images.difficult).empty())
    throw error("validation data", "an image with an object to train on, as " + a.preset + " trains on no others",
                "none among " + std::to_string(sets.validation.size()));
  console::validation checks(a.validation, sets.validation, plans.back().per_epoch, a.metric,
                             {.difficult = images.difficult, .regions = regions.validation, .most_regions = regions.most_of_validation},
                             out);

  // A new run, or one that goes on: then its arguments, data and weights are those of the checkpoint.
  int threads = 0;  // that the sums of a step depend on
  if constexpr (std::is_same_v<device, cpu>) threads = context.threads();
  auto identity = identity_of(a, config, config.head.empirical_targets, plans, images, layout, sets.validation);
  identity["--threads"] = std::to_string(threads);
  if (outside) identity["--proposals"] = fmt::format("{} of CRC32C {:08x}", a.proposals, regions.crc);
  auto const trained_on = data::fingerprint_of(sets.train);
  run_log log(out, team.is_first());
  if (last) {
    history.expect(identity);
    load_checkpoint(*last, d, run, identity, trained_on, console::warn);
    checks.restore(*last, run.done());
    if (auto const notes = notes_of(*last); notes.contains("choices")) console::use_choices(context, notes.at("choices"));
    log.go_on(last->step, checks.is_due(run) ? "val_loss" : "");
    console::say(fmt::format("going on from step {}", run.done()));
    if (checks.is_over()) run.end_here();
  } else {
    if (a.resume && console::there(out / "model.safetensors"))
      throw error("--resume", "a checkpoint in " + a.out + ", or a folder without a trained model", "model.safetensors alone");
    if (a.resume) console::say("no checkpoint in " + out.string() + ": starting anew");
    log.begin();
  }
  history.keep(identity, threads);
  if (team.are_several()) {
    auto const weights_now = d.model().parameters().read();
    team.check_equal(io::crc32c({reinterpret_cast<char const*>(weights_now.data()), weights_now.size() * sizeof weights_now[0]}),
                     "weights");
  }

  // Who watches: the log, checkpoints, validation, signals.
  auto const begun_at = run.done();
  console::stopwatch const clock;
  log.start(begun_at, run.steps(), a.tensorboard, a.resume);
  run.hooks.on_step = [&](step_report const& r) {
    auto const stage = static_cast<std::size_t>(r.stage);
    log.step(r, {.number = run.before(stage) + r.step + 1,
                 .steps = run.steps(),
                 .of_stage = run.options(stage).rate.steps,
                 .per_epoch = plans[stage % plans.size()].per_epoch,
                 .stage = steps ? run.name(stage) : "",
                 .trains_rpn = !steps || steps->trains_rpn(r.stage),
                 .trains_head = !steps || !steps->trains_rpn(r.stage)});
  };
  run.hooks.on_diagnostics = [&](step_diagnostics const& r) {
    log.diagnostics(r, run.before(static_cast<std::size_t>(r.stage)) + r.step + 1);
  };
  run.hooks.name_of = [&](std::uint64_t id) { return sets.train.samples[id].image.string(); };
  std::int64_t saved = run.done();
  auto const save_run = [&] {
    run.flush();
    log.flush();
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
  auto const keep_best = [&] {
    if (team.is_first()) with_detector([&](auto const& best) { checks.keep(best); });
  };
  auto const validate = [&] {
    run.flush();
    std::vector<metrics_file::field> values;
    bool is_best = false;
    with_detector([&](auto const& trained) { is_best = checks(context, trained, run.done(), team, sharing.communicator(), values); });
    log.validation(values, run.done());
    if (is_best || run.done() == saved) save_run();  // the last checkpoint does not know it
    if (is_best) keep_best();
    if (checks.is_over()) run.end_here();
  };
  std::stop_source stop;
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
  if (!team.are_several()) run.hooks.between_batches = console::stop_if_interrupted;  // the others would wait for this one's sums
  if (steps)
    steps->on_proposals = [&](std::size_t n) {
      log.proposals(n, sets.train.size());
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
  } catch (console::interruption const&) {  // between two stages, or within a step
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

  // The end: the model, curves, the report, the test.
  auto const finish = [&](detector<Family>&& trained) {
    if (team.is_first()) save(trained, out / "model.safetensors");  // first: nothing that follows may cost it, the last checkpoint neither
    keep();
    team.barrier();  // the model is whole, whichever process is stopped now
    a.compute.report();
    console::attempts attempt;
    if (team.is_first()) attempt([&] { console::draw_training_curves(out); });
    auto settings = identity;  // and what changes no weight
    settings["--metric"] = a.metric.name();
    if (!a.no_test) settings["--test"] = a.test.empty() ? sets.test_split + ", beside --data" : fmt::format("{}", fmt::join(a.test, " "));
    auto facts = console::training_facts(out, sets.summaries, settings, clock.seconds(), run.done() - begun_at);
    if (anchors) facts.anchors = anchors->lines(a.anchors.automatic());
    if (team.is_first())
      attempt([&] {
        auto const resize = [&](int w, int h) { return convention::resize(w, h, config.short_side, config.max_side); };
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

template <class Preset>
static int train_preset(arguments& a, console::processes& team) {
  auto published = Preset::config({});
  console::apply_protocol<Preset>(a.protocol, published);
  auto const config = configured(published, a);
  make_anchors<typename Preset::convention, Preset::model::levels>(config.anchor_sizes,
                                                                   config.anchor_ratios);  // throws for shapes that are none
  auto const sets = data_of(a, team);
  team.barrier();  // all have looked at --out
  std::optional<io::folder_lock> alone;
  if (team.is_first()) {
    console::make_folder(a.out);
    alone.emplace(a.out, "--out " + a.out, "a folder that no other run writes into");
    a.check_new(a.out);  // another run may have begun and ended since
    sets.checked.save(fs::path(a.out) / "checked_images.txt");
  }
  return train(a, sets, preset_data<typename Preset::family>::template of<Preset>(), published, config, team);
}

int main(int argc, char** argv) {
  console::processes team;
  arguments a;
  auto const options = [&](CLI::App& app) { declare(app, a); };
  return console::run("Trains Faster R-CNN on data in PASCAL VOC layout and evaluates it", argc, argv, options, [&] {
    return team.guarded([&] {
      console::catch_interrupts();
      team.check();
      console::share_device(a.compute, team);
      a.check();
      if (team.are_several() && !a.is_joint())
        throw error("--scheme", "joint or exact, or --proposals: what several processes train", a.scheme);
      a.compute.threads = team.threads(a.compute.threads);
      fs::path const out = a.out;
      console::check_place(out, {"checkpoint", "results", "detections", "tensorboard", "augmented", "best"},
                           {"model.safetensors", "unshared.safetensors", "metrics.jsonl", "checked_images.txt", "report.html"});
      a.check_new(out);
      console::check_outputs(
          {}, {out / "model.safetensors", out / "unshared.safetensors", out / "best" / "model.safetensors", out / "metrics.jsonl",
               out / "curves.svg", out / "pr.svg", out / "report.html", out / "checked_images.txt"});
      if (!a.init.empty()) weights_file(a.init, a.init_key);  // which says what it is, before all images are checked
      return console::with_device(a.compute, [&]<Backend B>() {
        return every_preset<B>::with(a.preset, [&]<class Preset>() { return train_preset<Preset>(a, team); });
      });
    });
  });
}
