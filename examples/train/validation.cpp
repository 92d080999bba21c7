#include "validation.hpp"

namespace console {

namespace {

std::string described(frcnn::evaluation_score const& s) {
  return fmt::format("mAP50 {}, loss {:.3f}", frcnn::eval::format_ap(s.ap), s.loss);
}
std::string evaluations(int n) { return fmt::format("{} evaluation{}", n, n == 1 ? "" : "s"); }

}  // namespace

validation::validation(validation_arguments const& a, frcnn::data::dataset const& set, std::int64_t per_epoch, metric_argument metric,
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

void validation::restore(frcnn::io::checkpoint const& from, std::int64_t done) {
  score_.restore(frcnn::notes_of(from), from.path.string());
  if (!score_.best() || is_best(done) || there(best_model_)) return;
  warn(fmt::format("{} of step {} is not there any more: the best of the evaluations to come is kept", best_model_.string(),
                   score_.best()->step));
  score_.restore({}, {});
}

void validation::say_end() const {
  if (is_over())
    say(fmt::format("stopped early after step {}: {} in a row are not better than that of step {}", score_.last()->step,
                    evaluations(score_.since_best()), score_.best()->step));
}

void validation::say_which_is_which() const {
  if (!score_.best()) return;
  auto const of = [](frcnn::evaluation_score const& s) { return fmt::format("step {} ({} on the validation data)", s.step, described(s)); };
  auto const &best = *score_.best(), &last = *score_.last();
  if (best.step == last.step) say(fmt::format("model.safetensors is the best model, of {}; best/model.safetensors is the same", of(last)));
  else say(fmt::format("best/model.safetensors is the best model, of {}; model.safetensors is that of the end, {}", of(best), of(last)));
}

bool validation::judge(std::vector<std::vector<frcnn::detection>> const& found, std::array<double, 4> const& losses, std::int64_t step,
                       std::vector<frcnn::metrics_file::field>& fields) {
  auto const ap = frcnn::eval::evaluate_voc(found, truth_, static_cast<int>(set_.classes.size()), metric_.get()).mean;
  double const total = losses[0] + losses[1] + losses[2] + losses[3];
  fields = {{"val_loss", total},      {"val_objectness", losses[0]}, {"val_rpn_box", losses[1]},
            {"val_class", losses[2]}, {"val_head_box", losses[3]},   {"val_map50", ap}};
  bool const is_best = score_.add({step, ap, total});
  show_(fmt::format("validation after step {}: {} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}); {}", step, described(*score_.last()),
                    losses[0], losses[1], losses[2], losses[3],
                    is_best
                        ? "the best so far"
                        : fmt::format("the best is of step {}, {} before this one", score_.best()->step, evaluations(score_.since_best()))),
        true);
  return is_best;
}

}  // namespace console
