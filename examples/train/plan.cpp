#include "plan.hpp"

#include <algorithm>
#include <thread>
#include <utility>

using namespace frcnn;

namespace {

// Threads that prepare images. A CPU trains slowly enough for few of them; beside a GPU the processors have little else to do.
int workers_of(arguments const& a) {
  int const processors = a.compute.threads > 0 ? a.compute.threads : static_cast<int>(std::thread::hardware_concurrency());
  return a.workers.value_or(std::clamp(processors / (a.compute.is_cuda() ? 2 : 8), 1, 16));
}

}  // namespace

data::training_options loader_options_of(arguments const& a, model_config const& config, int channels) {
  data::training_options images{.short_side = config.short_side,
                                .max_side = config.max_side,
                                .batch = 1,
                                .seed = a.seed,
                                .difficult = a.reading.difficult_in_training(),
                                .cache_mb = a.cache_mb,
                                .workers = workers_of(a),
                                .short_sides = config.pyramid.short_sides};
  images.channels = channels;
  images.repeat_threshold = a.imbalance.threshold();
  a.augment.apply_to(images);
  a.augment.say_settings(images, a.scheme == "alternating");
  return images;
}

std::vector<training_plan> plans_of(arguments const& a, std::vector<presets::training_defaults> const& solvers,
                                    console::process_history const& history, int processes,
                                    std::function<std::int64_t(int batch)> const& batches_per_epoch) {
  std::vector<training_plan> plans;
  for (auto const& published : solvers) {
    auto const defaults = a.batch ? published : history.scaled(published);
    training_plan p{
        .options = {a.seed, defaults.rate, defaults.optimiser, a.accumulate ? a.accumulate : defaults.accumulate, a.diagnose_every},
        .batch = a.batch ? a.batch : defaults.batch};
    if (p.batch % processes != 0)
      throw error("--batch", fmt::format("a multiple of the {} processes, which share it", processes), std::to_string(p.batch));
    auto& rate = p.options.rate;
    if (a.lr > 0) rate.lr = a.lr;
    if (!a.lr_drop.empty()) rate.drops = a.lr_drop;
    p.per_epoch = std::max<std::int64_t>(1, batches_per_epoch(p.batch) / p.options.accumulate);
    if (auto const told = a.steps(); !told.empty()) rate.steps = told[plans.size()];
    else if (a.epochs || !rate.steps) rate.steps = p.per_epoch * (a.epochs ? a.epochs : defaults.epochs);
    if (!a.batch) history.say_scaled(published, rate.lr, a.lr > 0, a.epochs || !a.steps().empty());
    plans.push_back(p);
  }
  return plans;
}

std::set<int> batch_sizes(std::vector<training_plan> const& plans) {
  std::set<int> sizes;
  for (auto const& p : plans) sizes.insert(p.batch);
  return sizes;
}

void say_protocol(arguments const& a, std::vector<training_plan> const& plans) {
  bool const apart = a.trains() != console::trained::together;
  for (auto const& p : plans) {
    char const* const of = &p == &plans.back() ? "Fast R-CNN: " : "RPN: ";
    console::say(console::solver_settings(apart ? of : "", p.options.rate, p.batch * p.options.accumulate));
  }
}

run_identity identity_of(arguments const& a, model_config const& config, bool empirical, std::vector<training_plan> const& plans,
                         data::training_options const& images, pixel_layout const& layout, data::dataset const& validation) {
  auto const of_plans = [&](auto value) {  // a value of each kind of step
    std::vector<std::string> all;
    for (auto const& p : plans) all.push_back(value(p));
    return fmt::format("{}", fmt::join(all, ","));
  };
  auto const joined = [](auto const& list) { return fmt::format("{}", fmt::join(list, ",")); };
  run_identity identity{{"--data", fmt::format("{}", fmt::join(a.data, " "))},
                        {"--preset", a.preset},
                        {"--scheme", a.recipe_name()},
                        {"--classes", joined(config.classes)},
                        {"--epochs or --iterations", of_plans([](training_plan const& p) { return std::to_string(p.options.rate.steps); })},
                        {"--batch", of_plans([](training_plan const& p) { return std::to_string(p.batch); })},
                        {"--accumulate", of_plans([](training_plan const& p) { return std::to_string(p.options.accumulate); })},
                        {"--lr", of_plans([](training_plan const& p) { return fmt::format("{}", p.options.rate.lr); })},
                        {"--lr-drop", of_plans([&](training_plan const& p) { return joined(p.options.rate.drops); })},
                        {"--short-side", std::to_string(config.short_side)},
                        {"--max-side", std::to_string(config.max_side)},
                        {"--anchors", joined(config.anchor_list())},
                        {"--ratios", joined(config.anchor_ratios)},
                        {"--seed", std::to_string(a.seed)},
                        {"--engine", a.compute.engine()},
                        {"--init", a.init_key.empty() ? a.init : a.init + ", key " + a.init_key},
                        {"--skip-bad", a.reading.skip_bad ? "yes" : "no"},
                        {"--exif", a.reading.exif}};
  // The rest only where it is not the default: checkpoints of older versions lack it.
  for (auto const& [option, value] : {std::pair{"--lambda", a.lambda}, {"--n-cls", a.n_cls}, {"--n-reg", a.n_reg}})
    if (value > 0) identity[option] = fmt::format("{}", value);
  for (auto const& [option, value] : {std::pair{"--rpn-batch", a.rpn_batch}, {"--roi-batch", a.roi_batch}})
    if (value > 0) identity[option] = std::to_string(value);
  if (a.is_exact()) identity["--proposal-gradient"] = fmt::format("{}", a.proposal_gradient);
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
  if (a.trains() == console::trained::in_turns) {
    identity["--rounds"] = std::to_string(a.rounds);
    identity["--new-predictors"] = a.new_predictors ? "yes" : "no";
  }
  if (empirical) identity["--targets"] = "empirical";
  if (config.pyramid.is_there()) {
    identity["--scales"] = joined(config.pyramid.short_sides);
    identity["--region-side"] = fmt::format("{}", config.pyramid.region_side);
  }
  if (a.reading.splits()) identity["--split"] = fmt::format("{}", a.reading.fraction());
  a.validation.identify(identity, validation, a.metric.name());
  return identity;
}
