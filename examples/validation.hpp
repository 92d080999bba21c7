#pragma once
// What train_voc does with validation data: losses and AP on it every so many steps, the best model kept, an early end.
//
//   --eval-every 500|1e    steps or epochs; at the last step, too. Of several stages in the last alone, whose detector is whole
//   --val ROOT:SPLIT       validation data. Without it --val-fraction F of the training images, by the hash of --split, are not trained on
//   --patience N           N evaluations in a row that are not better than the best are the end (train/best_evaluation.hpp)
//   best/model.safetensors   the model of the best one. The checkpoint of its step is written first: a run that is resumed from it writes the
//                            model again, from one before it evaluates again. So both tell one history
// Each evaluation is a line of metrics.jsonl, val_loss, val_objectness, .. and val_map50. Processes share its images; numbers and decisions
// are the same in all.
#include "outputs.hpp"
#include "processes.hpp"
#include "scores.hpp"

#include <frcnn/data.hpp>
#include <frcnn/detector/parameter_io.hpp>
#include <frcnn/io/folder.hpp>
#include <frcnn/train/best_evaluation.hpp>
#include <frcnn/train/checkpoint.hpp>
#include <frcnn/train/metrics_file.hpp>
#include <frcnn/train/shared_evaluation.hpp>
#include <frcnn/train/validation.hpp>

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace console {

struct validation_arguments {
  std::string every, data;
  double fraction = 0.1;
  int patience = 0;

  void add_to(CLI::App& app) {
    auto* often = app.add_option("--eval-every", every, "AP and losses on validation data every N steps, or every Ne epochs (1e)")
                      ->check(steps_or_epochs());
    auto* from = app.add_option("--val", data, "validation data, ROOT or ROOT:SPLIT (val)")->needs(often)->check(console::path());
    app.add_option("--val-fraction", fraction, "without --val: this part of the training images, by a hash of their ids")
        ->capture_default_str()
        ->needs(often)
        ->excludes(from)
        ->check(inside(0, 1));
    app.add_option("--patience", patience, "end after so many evaluations in a row that are not better than the best (never)")
        ->needs(often)
        ->check(whole(1));
  }
  bool wanted() const { return !every.empty(); }
  double held_out() const { return wanted() && data.empty() ? fraction : 0; }  // of the training images
  std::int64_t steps(std::int64_t per_epoch) const {
    bool const epochs = every.ends_with('e');
    return numbers_in<std::int64_t>(epochs ? every.substr(0, every.size() - 1) : every)[0] * (epochs ? per_epoch : 1);
  }
  // What a resumed run must have in common with the one it goes on from.
  void identify(std::map<std::string, std::string>& identity, frcnn::data::dataset const& set, std::string const& metric) const {
    if (!wanted()) return;
    identity["--eval-every"] = every;
    if (metric != "area") identity["--metric"] = metric;  // of the best
    if (patience) identity["--patience"] = std::to_string(patience);
    if (data.empty()) identity["--val-fraction"] = fmt::format("{}", fraction);
    else identity["--val"] = data;
    identity["validation images"] =
        fmt::format("of CRC32C {:08x}", frcnn::io::crc32c(frcnn::data::to_text(frcnn::data::fingerprint_of(set))));
  }

 private:
  static CLI::Validator steps_or_epochs() {
    return CLI::Validator(
        [number = whole(1, 1'000'000'000)](std::string& text) {
          std::string of = text.ends_with('e') ? text.substr(0, text.size() - 1) : text;
          auto const refusal = number(of);
          return refusal.empty() ? refusal : detail::refusal("a number of steps, such as 500, or of epochs, such as 1e", text);
        },
        "500 or 1e");
  }
};

class validation {
 public:
  // set: stays the caller's; per_epoch: steps of the last stage; losses: how difficult objects count, and where the head looks.
  validation(validation_arguments const& a, frcnn::data::dataset const& set, std::int64_t per_epoch, metric_argument metric,
             frcnn::validation_options losses, std::filesystem::path const& out)
      : set_(set),
        every_(a.wanted() ? a.steps(per_epoch) : 0),
        metric_(metric),
        losses_(std::move(losses)),
        truth_(frcnn::truth_of(set)),
        best_model_(out / "best" / "model.safetensors"),
        score_(a.patience) {
    if (!every_) return;
    auto const nothing =
        frcnn::eval::evaluate_voc(std::vector<std::vector<frcnn::detection>>(set.size()), truth_, static_cast<int>(set.classes.size()));
    if (auto const sentence = frcnn::eval::classes_without_objects(nothing, set.classes); !sentence.empty())
      warn("validation data: " + sentence);
  }

  // Whether the step that the run stands at asks for an evaluation which it has not had.
  template <class Recipe>
  bool is_due(Recipe const& run) const {
    auto const [stage, step] = run.position();
    auto const last = run.size() - 1;
    if (!every_ || static_cast<std::size_t>(stage) != last || step == 0) return false;
    return (step % every_ == 0 || step == run.options(last).rate.steps) && (!score_.last() || score_.last()->step != run.done());
  }

  // Evaluates the detector of a step. True where it is the best so far. sharing: the processes that share the steps, or null; fields: for the
  // metrics. Throws interruption.
  template <class Preset>
  bool operator()(typename frcnn::detector<Preset>::B::context& c, frcnn::detector<Preset> const& d, std::int64_t step, processes& team,
                  frcnn::any_communicator<typename frcnn::detector<Preset>::B>* sharing, std::vector<frcnn::metrics_file::field>& fields) {
    auto const at = [&](char const* what) {
      return [this, &team, what](std::size_t n) {
        show_(fmt::format("{} of validation image {} of {}", what, n, set_.size()));
        if (!team.are_several()) stop_between(n, set_.size());  // the others would wait for this one
      };
    };
    auto const losses = frcnn::validation_losses(c, d, set_, losses_, at("losses"), sharing);
    auto* const others = team.communicator();  // detections lie in the host's memory
    auto const share = others ? frcnn::data::batch_share{others->rank(), others->size()} : frcnn::data::batch_share();
    auto found = frcnn::detect_all(d, set_, {}, at("detections"), losses_.regions, share);
    if (others) {
      frcnn::cpu::context host(1);
      frcnn::gather_detections(host, *others, found);
    }
    d.trim();  // training goes on without the memory of detection
    auto const ap = frcnn::eval::evaluate_voc(found, truth_, static_cast<int>(set_.classes.size()), metric_.get()).mean;
    double const total = losses[0] + losses[1] + losses[2] + losses[3];
    fields = {{"val_loss", total},      {"val_objectness", losses[0]}, {"val_rpn_box", losses[1]},
              {"val_class", losses[2]}, {"val_head_box", losses[3]},   {"val_map50", ap}};
    bool const is_best = score_.add({step, ap, total});
    show_(fmt::format(
              "validation after step {}: {} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}); {}", step, described(*score_.last()), losses[0],
              losses[1], losses[2], losses[3],
              is_best ? "the best so far"
                      : fmt::format("the best is of step {}, {} before this one", score_.best()->step, evaluations(score_.since_best()))),
          true);
    return is_best;
  }

  bool is_over() const { return score_.is_over(); }
  std::map<std::string, std::string> notes() const { return score_.notes(); }
  // Of the checkpoint that the run has gone back to, whose step `done` is.
  void restore(frcnn::io::checkpoint const& from, std::int64_t done) {
    score_.restore(frcnn::notes_of(from), from.path.string());
    if (!score_.best() || is_best(done) || there(best_model_)) return;
    warn(fmt::format("{} of step {} is not there any more: the best of the evaluations to come is kept", best_model_.string(),
                     score_.best()->step));
    score_.restore({}, {});
  }
  // Whether the best evaluation is that of this step.
  bool is_best(std::int64_t step) const { return score_.best() && score_.best()->step == step; }

  template <class Preset>
  void keep(frcnn::detector<Preset> const& best) const {
    frcnn::io::make_folder(best_model_.parent_path());
    frcnn::save(best, best_model_);
  }
  // The best model's values, where they are those of another step than the last one; true then.
  template <class Model>
  bool take_best(typename Model::device::context& c, Model& model, processes& team,
                 frcnn::any_communicator<typename Model::device>* sharing) const {
    if (!score_.best() || is_best(score_.last()->step)) return false;
    if (team.is_first()) frcnn::read_parameters(frcnn::io::safetensors_file(best_model_), model.parameters());
    if (sharing) model.parameters().broadcast([&](auto values) { sharing->broadcast(c, values), c.wait(); });
    return true;
  }
  void say_end() const {
    if (is_over())
      say(fmt::format("stopped early after step {}: {} in a row are not better than that of step {}", score_.last()->step,
                      evaluations(score_.since_best()), score_.best()->step));
  }
  // In one line.
  void say_which_is_which() const {
    if (!score_.best()) return;
    auto const of = [](frcnn::evaluation_score const& s) {
      return fmt::format("step {} ({} on the validation data)", s.step, described(s));
    };
    auto const &best = *score_.best(), &last = *score_.last();
    if (best.step == last.step)
      say(fmt::format("model.safetensors is the best model, of {}; best/model.safetensors is the same", of(last)));
    else say(fmt::format("best/model.safetensors is the best model, of {}; model.safetensors is that of the end, {}", of(best), of(last)));
  }

 private:
  static std::string described(frcnn::evaluation_score const& s) {
    return fmt::format("mAP50 {}, loss {:.3f}", frcnn::eval::format_ap(s.ap), s.loss);
  }
  static std::string evaluations(int n) { return fmt::format("{} evaluation{}", n, n == 1 ? "" : "s"); }

  frcnn::data::dataset const& set_;
  std::int64_t every_;
  metric_argument metric_;
  frcnn::validation_options losses_;
  std::vector<std::vector<frcnn::eval::truth_box>> truth_;
  std::filesystem::path best_model_;
  frcnn::best_evaluation score_;
  progress show_;
};

}  // namespace console
