#include "run_log.hpp"

#include <chrono>

namespace {

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

run_log::run_log(std::filesystem::path const& out, bool is_first) : is_first_(is_first), out_(out) {
  if (is_first_) metrics_.emplace(out_ / "metrics.jsonl");
}

void run_log::begin() {
  if (metrics_) metrics_->clear();
}
void run_log::go_on(std::int64_t done, std::string const& undone) {
  if (!metrics_) return;
  if (done > 0 && metrics_->is_empty())
    console::warn(fmt::format("{} has nothing of the first {} steps: it goes on without them", (out_ / "metrics.jsonl").string(), done));
  metrics_->cut_back_to(static_cast<std::uint64_t>(done), undone);
}
void run_log::start(std::int64_t done, std::int64_t steps, bool writes_events, bool goes_on) {
  started_ = done;
  pace_ = console::pace(static_cast<double>(steps), static_cast<double>(done));
  if (is_first_ && writes_events) events_.emplace(out_ / "tensorboard", now(), goes_on ? std::optional(done + 1) : std::nullopt);
}

void run_log::step(frcnn::step_report const& r, step_place const& at) {
  if (!is_first_) return;
  double const number = static_cast<double>(at.number);
  average_ = average_ == 0 || r.step == 0 ? r.total() : 0.98 * average_ + 0.02 * r.total();
  show_(fmt::format("{} {} of {}, epoch {}, {:.1f} images/s, loss {:.3f} (rpn {:.3f} + {:.3f}, head {:.3f} + {:.3f}), {} left",
                    at.stage.empty() ? "step" : at.stage + ": iteration", r.step + 1, at.of_stage, r.step / at.per_epoch + 1,
                    r.images_per_second, average_, r.losses[0], r.losses[1], r.losses[2], r.losses[3], pace_.remaining(number)),
        r.step + 1 == at.of_stage);
  if (at.number == started_ + 8)  // soon, and after what the first steps allocate
    show_(fmt::format("{} steps at {:.1f} images/s: about {} of training, then the test", at.steps, r.images_per_second,
                      pace_.remaining(number)),
          true);
  fields values{{"loss", r.total()}};
  if (at.trains_rpn) values.insert(values.end(), {{"objectness", r.losses[0]}, {"rpn_box", r.losses[1]}});
  if (at.trains_head) values.insert(values.end(), {{"class", r.losses[2]}, {"head_box", r.losses[3]}});
  values.insert(values.end(), {{"lr", r.lr}, {"gradient_norm", r.norm}});
  if (!at.stage.empty()) values.emplace_back("stage", r.stage);
  write(at.number, values);
  event("loss/total", r.total(), at.number);
  event("learning_rate", r.lr, at.number);
  event("gradient_norm", r.norm, at.number);
}

void run_log::diagnostics(frcnn::step_diagnostics const& r, std::int64_t number) {
  if (!is_first_) return;
  auto const values = console::fields_of(r);
  write(number, values);
  for (auto const& [name, value] : values) event("diagnostics/" + name, value, number);
  watch_feed_(r);
}

void run_log::validation(fields const& values, std::int64_t number) {
  write(number, values);
  for (auto const& [name, value] : values) event("validation/" + name.substr(4), value, number);
}

void run_log::proposals(std::size_t image, std::size_t images) {
  show_(fmt::format("proposals of image {} of {}", image, images), image == images);
}

void run_log::flush() {
  if (events_) events_->flush();
}

void run_log::write(std::int64_t number, fields const& values) {
  if (metrics_) metrics_->write(static_cast<std::uint64_t>(number), values);
}
void run_log::event(std::string const& name, double value, std::int64_t number) {
  if (events_) events_->scalar(name, static_cast<float>(value), number, now());
}
