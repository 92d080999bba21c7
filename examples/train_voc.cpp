// train_voc: a folder in PASCAL VOC layout to a trained detector, its mAP, its curves, and boxes drawn on pictures.
//
//   train_voc --data VOC2007 --data VOC2012 --test VOC2007:test --out run
//
// Without --data it trains on scenes that it renders itself. What --out holds in the end:
//   model.safetensors   the detector          checkpoint/   the last two, for --resume     metrics.jsonl, curves.svg   the losses
//   results/            VOC server files      pr.svg        precision over recall          detections/*.png            a dozen test images
//   checked_images.txt  what is known of the images, so that the next start does not decode them again
// The last lines on stdout: AP50 of each class, then mAP50.
#include "outputs.hpp"
#include "outside_regions.hpp"
#include "test_pass.hpp"
#include "train_options.hpp"

#include <frcnn/io.hpp>
#include <frcnn/train/checkpoint.hpp>
#include <frcnn/train/data_feed.hpp>
#include <frcnn/train/metrics_file.hpp>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace frcnn;
namespace fs = std::filesystem;

// The losses so far as a picture.
static void draw_curves(fs::path const& out) {
  std::vector<viz::chart_series> series(5);
  char const* const names[] = {"loss", "objectness", "rpn_box", "class", "head_box"};
  std::istringstream lines(io::read_file(out / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    auto const values = nlohmann::json::parse(line, nullptr, false);
    if (!values.is_object() || !values.contains("step")) continue;  // somebody else's line
    for (std::size_t k = 0; k < series.size(); ++k) {
      if (!values.contains(names[k])) continue;
      series[k].x.push_back(values["step"].get<double>());
      series[k].y.push_back(values[names[k]].get<double>());
    }
  }
  for (std::size_t k = 0; k < series.size(); ++k) series[k].name = names[k], series[k].smoothing = 0.95;
  io::write_file_atomically(out / "curves.svg",
                            viz::line_chart({.title = "Training losses", .x_label = "step", .y_label = "loss"}, series));
}

// The preset, what the command line changes, and how its sides fit together.
template <class Preset>
static typename Preset::config_type configure(arguments const& a) {
  auto config = Preset::config({});
  if (!a.anchors.empty()) config.anchor_sizes = {a.anchors};
  if (!a.ratios.empty()) config.anchor_ratios = a.ratios;
  if (a.short_side) config.short_side = a.short_side;
  if (a.max_side) config.max_side = a.max_side;
  auto& loss = config.proposals.loss;
  if (a.lambda > 0) loss.lambda = a.lambda;
  if (a.n_cls > 0) loss.n_cls = a.n_cls;
  if (a.n_reg > 0) loss.n_reg = a.n_reg;
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

template <class Preset>
static int train(arguments const& a, console::datasets const& sets, typename Preset::config_type config) {
  fs::path const out = a.out;

  // The detector, and where its weights come from.
  config.classes = sets.train.classes;
  std::optional<io::safetensors_file> weights;
  if (!a.init.empty()) {
    auto const theirs = read_config<Preset>(weights.emplace(a.init));
    if (theirs.classes != config.classes)
      throw error(a.init, "a model of the classes " + fmt::format("{}", fmt::join(config.classes, ", ")),
                  "one of " + fmt::format("{}", fmt::join(theirs.classes, ", ")));
    Preset::take_shapes(config, theirs);
  }
  bool const exact = a.scheme == exact_step::name;
  if (exact) config.pooling = {roi::pooling::warp, config.pooling.pooled};
  detector<Preset> d(config, a.cpu.get());
  d.model().parameters().initialise(a.seed);
  if (weights) read_parameters(*weights, d.model().parameters());
  if constexpr (requires { Preset::expects_imagenet; }) {
    if (weights) Preset::freeze_published(d.model());
    else
      console::say(
          fmt::format("--preset {} expects ImageNet weights (--init); without them nothing is frozen, and convolutions start from "
                      "--seed's draw",
                      Preset::name));
  }
  weights.reset();

  // Fast R-CNN: regions of a file in place of the RPN, which is not trained.
  bool const outside = !a.proposals.empty(), one_file = a.test_proposals.empty() || a.test_proposals == a.proposals;
  std::string const scheme = outside ? "fast-rcnn" : a.scheme;
  region_source regions, test_regions;
  if (outside)
    regions = eval::proposal_lists::source(console::proposals_of(sets.train, a.proposals, one_file ? sets.test : data::dataset()));
  if (outside && !a.no_test)
    test_regions = eval::proposal_lists::source(
        console::proposals_of(sets.test, one_file ? a.proposals : a.test_proposals, one_file ? sets.train : data::dataset()));
  console::test_pass const test(sets.test, sets.test_split, config.classes, a.metric, out, test_regions);
  if (!a.no_test) test.warn_of_names();

  // The schedule.
  auto const defaults = Preset::training();
  int const batch = a.batch ? a.batch : defaults.batch;
  data_feed<typename Preset::convention> feed(sets.train, {.short_side = config.short_side,
                                                           .max_side = config.max_side,
                                                           .batch = batch,
                                                           .seed = a.seed,
                                                           .difficult = a.reading.difficult_in_training(),
                                                           .cache_mb = a.cache_mb,
                                                           .regions = regions});
  int const accumulate = a.accumulate ? a.accumulate : defaults.accumulate;
  trainer_options options{a.seed, defaults.rate, defaults.optimiser, accumulate};
  if (a.lr > 0) options.rate.lr = a.lr;
  if (!a.lr_drop.empty()) options.rate.drops = a.lr_drop;
  auto const per_epoch = std::max<std::int64_t>(1, static_cast<std::int64_t>(feed.batches_per_epoch()) / accumulate);
  if (a.iterations) options.rate.steps = a.iterations;
  else if (a.epochs || !options.rate.steps) options.rate.steps = per_epoch * (a.epochs ? a.epochs : defaults.epochs);

  typename Preset::device::context context(a.cpu.get());
  using stage = training_stage<typename Preset::model>;
  step_function<typename Preset::model> step = joint_step();
  if (exact) step = exact_step();
  if (outside) step = head_step();
  recipe<typename Preset::model> run(context, {stage{.name = scheme,
                                                     .model = &d.model(),
                                                     .feed = std::ref(feed),
                                                     .input = [&d] { return d.make_input(); },
                                                     .options = options,
                                                     .step = step,
                                                     .trains = outside ? under({"backbone", "roi_heads"}) : trains_function()}});

  // What a resumed run must have in common with the one it goes on from.
  std::map<std::string, std::string> identity{{"--data", fmt::format("{}", fmt::join(a.data, " "))},
                                              {"--preset", a.preset},
                                              {"--scheme", scheme},
                                              {"--classes", fmt::format("{}", fmt::join(config.classes, ","))},
                                              {"--epochs or --iterations", std::to_string(options.rate.steps)},
                                              {"--batch", std::to_string(batch)},
                                              {"--accumulate", std::to_string(accumulate)},
                                              {"--lr", fmt::format("{}", options.rate.lr)},
                                              {"--lr-drop", fmt::format("{}", fmt::join(options.rate.drops, ","))},
                                              {"--short-side", std::to_string(config.short_side)},
                                              {"--max-side", std::to_string(config.max_side)},
                                              {"--anchors", fmt::format("{}", fmt::join(config.anchor_sizes.front(), ","))},
                                              {"--ratios", fmt::format("{}", fmt::join(config.anchor_ratios, ","))},
                                              {"--seed", std::to_string(a.seed)},
                                              {"--threads", std::to_string(context.threads())},
                                              {"--engine", a.cpu.engine()},
                                              {"--init", a.init},
                                              {"--skip-bad", a.reading.skip_bad ? "yes" : "no"},
                                              {"--exif", a.reading.exif}};
  for (auto const& [option, value] : {std::pair{"--lambda", a.lambda}, {"--n-cls", a.n_cls}, {"--n-reg", a.n_reg}})
    if (value > 0) identity[option] = fmt::format("{}", value);
  if (a.reading.difficult != "drop") identity["--difficult"] = a.reading.difficult;
  if (a.reading.splits()) identity["--split"] = fmt::format("{}", a.reading.fraction());
  if (outside) identity["--proposals"] = fmt::format("{} of CRC32C {:08x}", a.proposals, io::crc32c(io::read_file(a.proposals)));
  auto const trained_on = data::fingerprint_of(sets.train);
  console::catch_interrupts();
  io::checkpoint_dir const checkpoints(out / "checkpoint");
  metrics_file metrics(out / "metrics.jsonl");
  if (auto const last = a.resume ? checkpoints.latest(console::warn) : std::nullopt) {
    load_checkpoint(*last, d, run, identity, trained_on, console::warn);
    metrics.cut_back_to(last->step);
    console::say(fmt::format("going on from step {}", run.done()));
  } else {
    if (a.resume) console::say("no checkpoint in " + out.string() + ": starting anew");
    metrics.clear();
  }

  // Who watches: a progress line, metrics, event files, checkpoints.
  auto const now = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  std::optional<io::event_file> events;
  if (a.tensorboard)
    events.emplace(out / "tensorboard", now(),
                   a.resume ? std::optional(run.done() + 1) : std::nullopt);  // scalars of the step before are there
  double const images = static_cast<double>(batch) * accumulate;
  console::progress show;
  double const started = static_cast<double>(run.done());
  console::pace pace(static_cast<double>(run.steps()), started);
  double average = 0;
  run.hooks.on_step = [&](step_report const& r) {
    double const done = static_cast<double>(r.step + 1);
    average = average == 0 ? r.total() : 0.98 * average + 0.02 * r.total();
    show(fmt::format("step {} of {}, epoch {}, {:.1f} images/s, loss {:.3f} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}), {} left",
                     r.step + 1, options.rate.steps, r.step / per_epoch + 1, images * pace.rate(done), average, r.losses[0], r.losses[1],
                     r.losses[2], r.losses[3], pace.remaining(done)),
         r.step + 1 == options.rate.steps);
    if (done == started + 8)  // soon, and after what the first steps allocate
      show(fmt::format("{} steps at {:.1f} images/s: about {} of training, then the test", options.rate.steps, images * pace.rate(done),
                       pace.remaining(done)),
           true);
    metrics.write(static_cast<std::uint64_t>(r.step + 1), {{"loss", r.total()},
                                                           {"objectness", r.losses[0]},
                                                           {"rpn_box", r.losses[1]},
                                                           {"class", r.losses[2]},
                                                           {"head_box", r.losses[3]},
                                                           {"lr", r.lr},
                                                           {"gradient_norm", r.norm}});
    if (events) {
      events->scalar("loss/total", static_cast<float>(r.total()), r.step + 1, now());
      events->scalar("learning_rate", static_cast<float>(r.lr), r.step + 1, now());
      events->scalar("gradient_norm", static_cast<float>(r.norm), r.step + 1, now());
    }
  };
  run.hooks.name_of = [&](std::uint64_t id) { return sets.train.samples[id].image.string(); };
  std::stop_source stop;
  auto const keep = [&] {  // steps that no checkpoint has
    if (static_cast<double>(run.done()) <= started) return;
    run.flush();
    if (events) events->flush();
    save_checkpoint(checkpoints, d, run, identity, trained_on);
  };
  run.hooks.after_step = [&](training_position) {
    auto const done = run.done();
    if (console::interrupted != 0) stop.request_stop();
    if (done < run.steps() && (done % a.checkpoint_every == 0 || stop.stop_requested())) keep();
  };
  try {
    if (!run.run(stop.get_token())) {
      console::say(fmt::format("\nstopped after step {}; go on with --resume", run.done()));
      return console::interrupted_status();
    }
  } catch (...) {  // an image that went away, a full disk: what was trained so far is whole
    console::fault_of(keep);
    throw;
  }

  if (outside && a.init.empty()) console::say("the RPN of this model is untrained: evaluate it with --proposals");
  save(d, out / "model.safetensors");  // first: nothing that follows may cost it, the last checkpoint neither
  keep();
  a.cpu.report();
  console::attempts attempt;
  attempt([&] { draw_curves(out); });
  if (a.no_test) return attempt.status();
  try {
    console::stop_if_interrupted();
    test(d, attempt);
  } catch (console::interruption const&) {
    console::say(
        fmt::format("\nstopped before the test was through; {} is whole, --resume tests it again", (out / "model.safetensors").string()));
    return console::interrupted_status();
  }
  return attempt.status();
}

int main(int argc, char** argv) {
  CLI::App app("Trains Faster R-CNN on data in PASCAL VOC layout and evaluates it");
  arguments a;
  declare(app, a);
  return console::run(app, argc, argv, [&] {
    fs::path const out = a.out;
    if (!a.resume)
      for (auto const* part : {"checkpoint", "model.safetensors", "metrics.jsonl"})
        if (fs::exists(out / part)) throw error("--out " + a.out, "a folder without a run, or --resume", std::string(part));
    if (!a.init.empty()) console::check_outputs({a.init}, {out / "model.safetensors"});
    return every_preset<cpu>::with(a.preset, [&]<class Preset>() {
      auto const config = configure<Preset>(a);
      if (a.data.empty()) {
        fs::path const demo = out / "demo-data";
        if (a.resume && !fs::exists(demo) && fs::exists(out / "checkpoint"))
          throw error("--resume", "the arguments of the run in " + a.out + ", its --data among them", "no --data");
        if (!fs::exists(demo)) data::write_demo_voc(demo, {});
        a.data = {demo.string()};
      }
      fs::path const known = out / "checked_images.txt";
      console::datasets const sets({a.data, a.test, a.classes, a.no_test, a.cpu.threads, known}, a.reading);
      console::make_folder(out);
      console::folder_lock const alone(out);
      sets.checked.save(known);
      return train<Preset>(a, sets, config);
    });
  });
}
