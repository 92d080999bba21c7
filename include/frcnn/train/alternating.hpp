#pragma once
// 4-step alternating training (section 3.2): which step trains what, from what, on what. stages() is the list, read it as a table.
//
//   detector<preset> d(config);  d.model().parameters().initialise(seed);       or weights of --init
//   alternating_training<preset> steps(d, set, {.short_side = 300, .max_side = 1000, .batch = 2, .seed = seed}, {.rpn = o, .head = o});
//   recipe<preset::model> run(context, steps.stages());
//   run.run();                                                                  d shares its convolutions
// Two models: the RPN of step 1 has one of its own, all else is d. Every step begins again with momentum, warm-up, drops and order of the
// images. rounds > 1: steps 1 and 2 are repeated from the last detector, convolutions free; steps 3 and 4 come after the last round.
// shares = false ends after step 2: the RPN of rpn_network() and the detector d, whose own RPN nothing has trained
// (presets/unshared.hpp makes one detector of the two).
// Where sources differ: step 4 goes on from step 2's head, as the authors' MATLAB release; new_predictors = true draws cls_score and
// bbox_pred anew, as py-faster-rcnn does. Proposals are made on mirror images too, as the MATLAB release does.
// In steps 3 and 4 nothing of the backbone learns: maps are cached, up to a budget that results do not depend on (train/map_cache.hpp).
// Where the head's targets are empirical, measure_targets takes their statistics from step 1's proposals when step 2 begins for the first
// time; later steps go on with them, since the predictor that they go on from was trained in their units. New predictors get new ones.
// The head of step 1's network is never run. Its preset may make it as narrow as it likes (without_head), so that neither memory nor
// checkpoints carry fully connected layers that nothing trains: 480 MB of `vgg16`.
#include "frcnn/train/data_feed.hpp"
#include "frcnn/train/empirical_targets.hpp"
#include "frcnn/train/map_cache.hpp"
#include "frcnn/train/recipe.hpp"
#include "frcnn/train/stage_proposals.hpp"

#include <optional>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct alternating_options {
  trainer_options rpn{}, head{};      // of every step 1 and 3, of every step 2 and 4; seed is images.seed
  int rpn_batch = 0, head_batch = 0;  // images of a micro-batch; 0: images.batch
  int rounds = 1;
  bool shares = true;
  bool new_predictors = false;
  bool measure_targets = false;
  std::vector<int> measured_labels{};  // empty: all
  map_budget maps{};                   // of steps 3 and 4
};

template <class Preset, data::DataSource Source = data::dataset>
class alternating_training {
  using model = typename Preset::model;
  using stage = training_stage<model>;

 public:
  // d, with values, and the data outlive it. What of d is frozen learns in no step. device: of the network of step 1. images.regions and
  // most_regions are this class's.
  alternating_training(detector<Preset>& d, Source const& set, data::training_options images, alternating_options o,
                       typename Preset::device::options device = {})
      : detector_(d),
        rpn_(detector<family_of<Preset>>(config_of_rpn(d), device)),
        set_(set),
        images_(std::move(images)),
        options_(std::move(o)),
        maps_(options_.maps) {
    if (options_.rounds < 1) throw error("rounds", "at least 1", std::to_string(options_.rounds));
    images_.most_regions = rpn_.model().generator().capacity(phase::stage);
    auto& own = rpn_.model().parameters();
    for (auto const& e : own.entries())
      if (is_used(e.name)) e.p->kind = d.model().parameters().at(e.name).p->kind;
    own.initialise(images_.seed, "roi_heads");  // never run, but written
  }
  alternating_training(alternating_training const&) = delete;
  alternating_training& operator=(alternating_training const&) = delete;

  // After each image of which proposals were made; may throw, to leave.
  std::function<void(std::size_t)> on_proposals;

  detector<Preset> const& rpn_network() const { return rpn_; }
  map_cache<model> const& cached_maps() const { return maps_; }
  std::size_t steps() const { return 2 * static_cast<std::size_t>(options_.rounds) + (options_.shares ? 2 : 0); }
  // Stages are RPN and head in turns.
  static bool trains_rpn(int stage) { return stage % 2 == 0; }
  // The last stage after which rpn_network() and the detector are one that shares nothing.
  int last_unshared() const { return 2 * options_.rounds - 1; }

  // Once.
  std::vector<std::variant<stage>> stages() {
    auto& own = rpn_.model().parameters();          // of step 1's network
    auto& shared = detector_.model().parameters();  // of the detector
    for (int round = 1; round <= options_.rounds; ++round) {
      std::string const of_round = options_.rounds > 1 ? "round " + std::to_string(round) + ", " : "";
      // Step 1: an RPN with convolutions of its own, which start as those of the detector. From the second round on they have been tuned
      // by step 2, and the RPN's layers are new.
      add_rpn(of_round + "step 1", rpn_, {"backbone", "rpn"}, [&own, &shared, round, seed = next_seed()] {
        own.copy("backbone", shared);
        if (round == 1) own.copy("rpn", shared);
        else own.initialise(seed, "rpn");
      });
      // Step 2: the detector, on step 1's proposals, with convolutions that step 1 has not touched.
      add_head(of_round + "step 2", rpn_, {"backbone", "roi_heads"},
               [this, first = round == 1] { measures_ = first && options_.measure_targets; });
    }
    if (!options_.shares) return std::move(stages_);
    // Step 3: convolutions stay as step 2 left them, and are shared from here on. The RPN's layers are new.
    add_rpn(
        "step 3", detector_, {"rpn"}, [&shared, seed = next_seed()] { shared.initialise(seed, "rpn"); },
        on_cached_maps<model>(rpn_step(), maps_));
    // Step 4: convolutions and RPN stay. The head goes on from step 2, but for new predictors where they are asked for.
    auto const renew = [this, &shared, seed = next_seed()] {
      if (!options_.new_predictors) return;
      for (auto const* layer : {"cls_score", "bbox_pred"}) shared.initialise(seed, std::string("roi_heads.box_predictor.") + layer);
      measures_ = options_.measure_targets;  // new ones learn in units of their own
    };
    add_head("step 4", detector_, {"roi_heads"}, renew, on_cached_maps<model>(head_step(), maps_));
    return std::move(stages_);
  }

 private:
  static auto config_of_rpn(detector<Preset> const& d) {
    if constexpr (requires { Preset::without_head(d.config()); }) return Preset::without_head(d.config());
    else return d.config();
  }
  // What step 1 runs, and steps 2 propose with.
  static bool is_used(std::string_view name) { return !name.starts_with("roi_heads."); }

  void add_rpn(std::string name, detector<Preset>& of, std::vector<std::string> what, std::function<void()> begin,
               step_function<model> step = rpn_step()) {
    add({.name = std::move(name),
         .model = &of.model(),
         .options = options_.rpn,
         .step = std::move(step),
         .trains = under(std::move(what)),
         .begin = std::move(begin)},
        nullptr);
  }
  void add_head(std::string name, detector<Preset> const& proposes, std::vector<std::string> what, std::function<void()> begin = {},
                step_function<model> step = head_step()) {
    add({.name = std::move(name),
         .model = &detector_.model(),
         .options = options_.head,
         .step = std::move(step),
         .trains = under(std::move(what)),
         .begin = std::move(begin)},
        &proposes);
  }
  // proposes: whose proposals the stage learns from. It does not change in the stage, so that a resumed run makes the same ones.
  void add(stage s, detector<Preset> const* proposes) {
    s.options.seed = next_seed();
    s.feed = [this](std::uint64_t micro_batch, auto& input) { (*feed_)(micro_batch, input); };
    s.input = [this] { return detector_.make_input(); };
    s.enter = [this, proposes, seed = s.options.seed] {
      feed_.reset();  // with its threads and cache
      auto images = images_;
      images.seed = seed;
      if (int const batch = proposes ? options_.head_batch : options_.rpn_batch; batch) images.batch = batch;
      if (proposes) {
        proposals_.make(*proposes, set_, images.flip, on_proposals);
        images.regions = proposals_.source();
        if (std::exchange(measures_, false))
          empirical_targets<typename Preset::convention>(set_, images.regions, static_cast<int>(detector_.classes().size()), images.flip,
                                                         images.difficult)
              .give_to(detector_.model().parameters(), options_.measured_labels);
      }
      feed_.emplace(set_, images);
    };
    stages_.emplace_back(std::move(s));
  }
  // Of the stage that is added next: the first has that of the whole training.
  std::uint64_t next_seed() const {
    return stages_.empty() ? images_.seed : fnv1a("stage " + std::to_string(stages_.size()), images_.seed);
  }

  detector<Preset>& detector_;
  detector<Preset> rpn_;
  Source const& set_;
  data::training_options images_;
  alternating_options options_;
  map_cache<model> maps_;
  bool measures_ = false;  // when the stage is entered that has begun
  stage_proposals proposals_;
  std::optional<data_feed<typename Preset::convention, Source>> feed_;  // of the present stage
  std::vector<std::variant<stage>> stages_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
