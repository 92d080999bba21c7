// train_voc: a folder in PASCAL VOC layout to a trained detector, its mAP, its curves, and boxes drawn on pictures.
//
//   train_voc --data VOC2007 --data VOC2012 --test VOC2007:test --out run
//
// Without --data it trains on scenes that it renders itself. What --out holds in the end:
//   model.safetensors   the detector          checkpoint/   the last two, for --resume     metrics.jsonl, curves.svg   the losses
//   results/            VOC server files      pr.svg        precision over recall          detections/*.png            a dozen test images
// The last lines on stdout: AP50 of each class, then mAP50.
#include "console.hpp"
#include "cpu_options.hpp"
#include "data_options.hpp"

#include <frcnn/eval.hpp>
#include <frcnn/io.hpp>
#include <frcnn/load.hpp>
#include <frcnn/train/checkpoint.hpp>
#include <frcnn/train/data_feed.hpp>
#include <frcnn/train/evaluation.hpp>
#include <frcnn/train/metrics_file.hpp>
#include <frcnn/viz.hpp>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace frcnn;
namespace fs = std::filesystem;

struct arguments {
  std::vector<std::string> data;
  std::string test, preset = "small", scheme = "joint", classes, metric = "area", init, out = "run";
  std::vector<double> lr_drop, anchors, ratios;
  double lr = 0;
  std::int64_t iterations = 0, checkpoint_every = 200;
  int epochs = 0, batch = 0, accumulate = 1, short_side = 0, max_side = 0;
  console::cpu_arguments cpu;
  console::data_arguments reading;
  std::uint64_t seed = 0;
  std::size_t cache_mb = 512;
  bool no_test = false, resume = false, tensorboard = false;
};

static void declare(CLI::App& app, arguments& a) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // a script's options can be overridden behind them
  auto constexpr all = CLI::MultiOptionPolicy::TakeAll;
  app.add_option("--data", a.data, "training data, ROOT or ROOT:SPLIT (trainval); ROOT:all is every image; several are joined")->multi_option_policy(all);
  auto* test = app.add_option("--test", a.test, "test data, ROOT or ROOT:SPLIT (the first --data's test)");
  a.reading.add_to(app, true)->excludes(test);
  app.add_flag("--no-test", a.no_test, "train only");
  app.add_option("--preset", a.preset, std::string("detector: ") + presets::names)->capture_default_str();
  app.add_option("--scheme", a.scheme, "how features are shared")->capture_default_str()->check(CLI::IsMember({approximate_joint::name}));
  auto* epochs = app.add_option("--epochs", a.epochs, "passes over the data (the preset's)")->check(CLI::PositiveNumber);
  app.add_option("--iterations", a.iterations, "optimiser steps, instead of epochs")->check(CLI::PositiveNumber)->excludes(epochs);
  app.add_option("--batch", a.batch, "images per micro-batch (the preset's)")->check(CLI::PositiveNumber);
  app.add_option("--accumulate", a.accumulate, "micro-batches per optimiser step")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--lr", a.lr, "learning rate (the preset's)")->check(CLI::PositiveNumber);
  app.add_option("--lr-drop", a.lr_drop, "fractions of the run after which the rate drops tenfold (the preset's)")->multi_option_policy(all)->delimiter(',')->check(CLI::Range(0., 1.));
  app.add_option("--short-side", a.short_side, "shorter side of resized images, pixels (the preset's)")->check(CLI::PositiveNumber);
  app.add_option("--max-side", a.max_side, "longer side at most (the preset's)")->check(CLI::PositiveNumber);
  app.add_option("--anchors", a.anchors, "square roots of anchor areas, pixels of the resized image (the preset's)")->multi_option_policy(all)->delimiter(',')->check(CLI::PositiveNumber);
  app.add_option("--ratios", a.ratios, "anchor heights over widths (the preset's)")->multi_option_policy(all)->delimiter(',')->check(CLI::PositiveNumber);
  app.add_option("--classes", a.classes, "A,B,.. or a file with one per line; others are left out (read from the data)");
  app.add_option("--metric", a.metric, "area (VOC2010) or voc07 (11 points)")->capture_default_str()->check(CLI::IsMember({"area", "voc07"}));
  app.add_option("--seed", a.seed, "a run is a function of it")->capture_default_str();
  a.cpu.add_to(app, false);
  app.add_option("--init", a.init, "model file to start from");
  app.add_option("--out", a.out, "folder of the run")->capture_default_str();
  app.add_flag("--resume", a.resume, "go on from the last checkpoint in --out");
  app.add_option("--checkpoint-every", a.checkpoint_every, "steps")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--cache-mb", a.cache_mb, "memory for resized images")->capture_default_str();
  app.add_flag("--tensorboard", a.tensorboard, "write event files into OUT/tensorboard");
}

// The losses so far as a picture.
static void draw_curves(fs::path const& out) {
  std::vector<viz::chart_series> series(5);
  char const* const names[] = {"loss", "objectness", "rpn_box", "class", "head_box"};
  std::istringstream lines(io::read_file(out / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    auto const values = nlohmann::json::parse(line);
    for (std::size_t k = 0; k < series.size(); ++k) {
      if (!values.contains(names[k])) continue;
      series[k].x.push_back(values["step"].get<double>());
      series[k].y.push_back(values[names[k]].get<double>());
    }
  }
  for (std::size_t k = 0; k < series.size(); ++k) series[k].name = names[k], series[k].smoothing = 0.95;
  io::write_file_atomically(out / "curves.svg", viz::line_chart({.title = "Training losses", .x_label = "step", .y_label = "loss"}, series));
}

// Detections on the test split: result files, pictures, average precision.
template <class Preset>
static void evaluate(detector<Preset> const& d, data::dataset const& set, std::string const& split, std::string const& metric, fs::path const& out) {
  console::progress show;
  console::pace pace(static_cast<double>(set.size()));
  auto const found = detect_all(d, set, {}, [&](std::size_t n) {
    show(fmt::format("test image {} of {}, {:.1f} a second", n, set.size(), pace.rate(static_cast<double>(n))), n == set.size());
  });

  std::vector<std::string> ids;
  for (auto const& s : set.samples) ids.push_back(s.id);
  eval::write_voc_results({out / "results", split}, ids, found, d.classes());

  auto const truth = truth_of(set);
  fs::create_directories(out / "detections");
  std::size_t const pictures = std::min<std::size_t>(12, set.size());
  for (std::size_t k = 0; k < pictures; ++k) {
    std::size_t const i = k * set.size() / pictures;
    image im = data::read_image(set.samples[i]);
    std::vector<detection> sure;
    for (auto const& b : found[i])
      if (b.score > 0.5f) sure.push_back(b);
    viz::draw_truth(im, truth[i], d.classes());
    viz::draw_detections(im, sure, d.classes());
    data::write_png(out / "detections" / (set.samples[i].id + ".png"), im);
  }

  if (!set.annotated()) {
    console::say("AP needs annotations, and this split has none: results/ and detections/ hold what was found");
    return;
  }
  eval::ap_options const options{metric == "area" ? eval::ap_metric::area : eval::ap_metric::voc07};
  auto const result = eval::evaluate_voc(found, truth, static_cast<int>(d.classes().size()), options);
  std::vector<viz::chart_series> curves;
  for (std::size_t k = 0; k < d.classes().size(); ++k) curves.push_back(viz::precision_recall_series(d.classes()[k], result.classes[k].curve));
  io::write_file_atomically(out / "pr.svg", viz::line_chart(viz::precision_recall_options("Precision and recall at IoU 0.5"), curves));
  fmt::print("{}", eval::ap_report(result, d.classes()));
}

template <class Preset>
static int train(arguments const& a, console::datasets const& sets) {
  fs::path const out = a.out;

  // The detector: the preset, what the command line changes, and where its weights come from.
  auto config = Preset::config(sets.train.classes);
  if (!a.anchors.empty()) config.anchor_sizes = {a.anchors};
  if (!a.ratios.empty()) config.anchor_ratios = a.ratios;
  if (a.short_side) config.short_side = a.short_side;
  if (a.max_side) config.max_side = a.max_side;
  config.max_side = std::max(config.max_side, config.short_side);
  std::optional<io::safetensors_file> weights;
  if (!a.init.empty()) {
    auto const theirs = read_config(weights.emplace(a.init));
    if (theirs.preset != config.preset) throw error(a.init, "a model of preset " + config.preset, "one of preset " + theirs.preset);
    if (theirs.classes != config.classes)
      throw error(a.init, "a model of the classes " + fmt::format("{}", fmt::join(config.classes, ", ")),
                  "one of " + fmt::format("{}", fmt::join(theirs.classes, ", ")));
    config.fc_ranks = theirs.fc_ranks;  // a compressed model stays one
  }
  detector<Preset> d(config, a.cpu.get());
  d.model().parameters().initialise(a.seed);
  if (weights) read_parameters(*weights, d.model().parameters());
  weights.reset();

  // The schedule.
  auto const defaults = Preset::training();
  int const batch = a.batch ? a.batch : defaults.batch;
  data_feed<typename Preset::convention> feed(sets.train, {.short_side = config.short_side, .max_side = config.max_side, .batch = batch,
                                                           .seed = a.seed, .cache_mb = a.cache_mb});
  trainer_options options{a.seed, defaults.rate, defaults.optimiser, a.accumulate};
  if (a.lr > 0) options.rate.lr = a.lr;
  if (!a.lr_drop.empty()) options.rate.drops = a.lr_drop;
  auto const per_epoch = std::max<std::int64_t>(1, static_cast<std::int64_t>(feed.batches_per_epoch()) / a.accumulate);
  options.rate.steps = a.iterations ? a.iterations : per_epoch * (a.epochs ? a.epochs : defaults.epochs);

  using device = typename Preset::device;
  typename device::context context(a.cpu.get());
  trainer<typename Preset::model> t(d.model(), context,
                                    input_batch<typename Preset::scalar, device>(config.normalisation, Preset::convention::size_divisor), options);

  // What a resumed run must have in common with the one it goes on from.
  std::map<std::string, std::string> identity{
      {"--data", fmt::format("{}", fmt::join(a.data, " "))}, {"--preset", a.preset}, {"--scheme", a.scheme}, {"--classes", fmt::format("{}", fmt::join(config.classes, ","))},
      {"--epochs or --iterations", std::to_string(options.rate.steps)}, {"--batch", std::to_string(batch)}, {"--accumulate", std::to_string(a.accumulate)},
      {"--lr", fmt::format("{}", options.rate.lr)}, {"--lr-drop", fmt::format("{}", fmt::join(options.rate.drops, ","))},
      {"--short-side", std::to_string(config.short_side)}, {"--max-side", std::to_string(config.max_side)},
      {"--anchors", fmt::format("{}", fmt::join(config.anchor_sizes.front(), ","))}, {"--ratios", fmt::format("{}", fmt::join(config.anchor_ratios, ","))},
      {"--seed", std::to_string(a.seed)}, {"--threads", std::to_string(context.threads())}, {"--engine", a.cpu.engine()}, {"--init", a.init}, {"--skip-bad", a.reading.skip_bad ? "yes" : "no"}};
  if (a.reading.splits()) identity["--split"] = fmt::format("{}", a.reading.fraction());
  io::checkpoint_dir const checkpoints(out / "checkpoint");
  metrics_file metrics(out / "metrics.jsonl");
  if (auto const last = a.resume ? checkpoints.latest(console::warn) : std::nullopt) {
    load_checkpoint(*last, d, t, identity);
    metrics.cut_back_to(last->step);
    console::say(fmt::format("going on from step {}", t.step()));
  } else {
    if (a.resume) console::say("no checkpoint in " + out.string() + ": starting anew");
    metrics.clear();
  }

  // Who watches: a progress line, metrics, event files, checkpoints.
  auto const now = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  std::optional<io::event_file> events;
  if (a.tensorboard) events.emplace(out / "tensorboard", now(), t.step() ? std::optional(t.step()) : std::nullopt);
  double const images = static_cast<double>(batch) * a.accumulate;
  console::progress show;
  console::pace pace(static_cast<double>(options.rate.steps), static_cast<double>(t.step()));
  double average = 0;
  t.hooks.on_step = [&](step_report const& r) {
    double const done = static_cast<double>(r.step + 1);
    average = average == 0 ? r.total() : 0.98 * average + 0.02 * r.total();
    show(fmt::format("step {} of {}, epoch {}, {:.1f} images/s, loss {:.3f} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}), {} left", r.step + 1,
                     options.rate.steps, r.step / per_epoch + 1, images * pace.rate(done), average, r.losses[0], r.losses[1], r.losses[2],
                     r.losses[3], pace.remaining(done)),
         r.step + 1 == options.rate.steps);
    metrics.write(static_cast<std::uint64_t>(r.step + 1), {{"loss", r.total()}, {"objectness", r.losses[0]}, {"rpn_box", r.losses[1]},
                                                           {"class", r.losses[2]}, {"head_box", r.losses[3]}, {"lr", r.lr}, {"gradient_norm", r.norm}});
    if (events) {
      events->scalar("loss/total", static_cast<float>(r.total()), r.step + 1, now());
      events->scalar("learning_rate", static_cast<float>(r.lr), r.step + 1, now());
      events->scalar("gradient_norm", static_cast<float>(r.norm), r.step + 1, now());
    }
  };
  t.hooks.name_of = [&](std::uint64_t id) { return sets.train.samples[id].image.string(); };
  std::stop_source stop;
  t.hooks.after_step = [&](std::int64_t done) {
    if (console::interrupted) stop.request_stop();
    if (done % a.checkpoint_every != 0 && !stop.stop_requested() && done != options.rate.steps) return;
    t.flush();
    if (events) events->flush();
    save_checkpoint(checkpoints, d, t, identity);
  };
  console::catch_interrupts();
  if (!t.run(feed, stop.get_token())) {
    console::say(fmt::format("\nstopped after step {}; go on with --resume", t.step()));
    return 130;
  }

  a.cpu.report();
  save(d, out / "model.safetensors");
  draw_curves(out);
  if (!a.no_test) evaluate(d, sets.test, sets.test_split, a.metric, out);
  return 0;
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
    return with_preset<cpu>(a.preset, [&]<class Preset>() {
      if (a.data.empty()) {
        fs::path const demo = out / "demo-data";
        if (!fs::exists(demo)) data::write_demo_voc(demo, {});
        a.data = {demo.string()};
      }
      console::datasets const sets({a.data, a.test, a.classes, a.no_test, a.cpu.threads}, a.reading);
      fs::create_directories(out);
      return train<Preset>(a, sets);
    });
  });
}
