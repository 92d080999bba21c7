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
#include "../console/outputs.hpp"
#include "../console/scores.hpp"
#include "processes.hpp"
#include "validation_options.hpp"

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

class validation {
 public:
  // set: stays the caller's; per_epoch: steps of the last stage; losses: how difficult objects count, and where the head looks.
  validation(validation_arguments const& a, frcnn::data::dataset const& set, std::int64_t per_epoch, metric_argument metric,
             frcnn::validation_options losses, std::filesystem::path const& out);

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
    auto found = frcnn::detect_all(d, set_, {}, at("detections"), losses_.regions, frcnn::data::batch_share::of(others));
    if (others) {
      frcnn::cpu::context host(1);
      frcnn::gather_detections(host, *others, found);
    }
    d.trim();  // training goes on without the memory of detection
    return judge(found, losses, step, fields);
  }

  bool is_over() const { return score_.is_over(); }
  std::map<std::string, std::string> notes() const { return score_.notes(); }
  // Of the checkpoint that the run has gone back to, whose step `done` is.
  void restore(frcnn::io::checkpoint const& from, std::int64_t done);
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
  void say_end() const;
  // In one line.
  void say_which_is_which() const;

 private:
  // What the losses and detections of a step make of the run: said, kept as fields, and compared with the best.
  bool judge(std::vector<std::vector<frcnn::detection>> const& found, std::array<double, 4> const& losses, std::int64_t step,
             std::vector<frcnn::metrics_file::field>& fields);

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
