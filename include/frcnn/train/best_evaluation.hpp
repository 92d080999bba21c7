#pragma once
// Which evaluation of a run was the best, and when to stop for want of a better one (early stopping).
//
//   best_evaluation so_far(/*patience*/ 3);
//   if (so_far.add({500, ap, loss})) ...   // the best so far: keep this model
//   if (so_far.is_over()) ...              // three in a row were not better
// Better is a higher AP, of equal ones a lower loss: at the beginning, while nothing is found, it is the loss that falls. An AP that is NaN
// (there is nothing to find) is less than any, and a loss that is NaN is above any.
//
// A run that is resumed needs it: notes() are its state as text, numbers that read back as they were, and restore() takes them
// (save_checkpoint, notes_of).
// Example: (AP, loss) = (0, 2), (0, 1.5), (.3, 1.6), (.3, 1.7), (.2, 1): the first three are each the best so far; with a patience of 2 the
// fifth is the last
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/io/json.hpp"

#include <charconv>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct evaluation_score {
  std::int64_t step = 0;  // steps that were done
  double ap = 0, loss = 0;

  bool is_better_than(evaluation_score const& other) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    double const mine = is_nan(ap) ? -1 : ap, theirs = is_nan(other.ap) ? -1 : other.ap;
    return mine != theirs ? mine > theirs : (is_nan(loss) ? infinity : loss) < (is_nan(other.loss) ? infinity : other.loss);
  }
};

class best_evaluation {
 public:
  // patience: so many evaluations in a row that are not better are the end; 0: there is none.
  explicit best_evaluation(int patience = 0) : patience_(patience) {
    if (patience < 0) throw error("patience", "0 or more evaluations", std::to_string(patience));
  }

  // Whether it is the best so far.
  bool add(evaluation_score const& s) {
    bool const is_best = !best_ || s.is_better_than(*best_);
    last_ = s;
    if (is_best) best_ = s;
    since_ = is_best ? 0 : since_ + 1;
    return is_best;
  }
  bool is_over() const { return patience_ > 0 && since_ >= patience_; }
  std::optional<evaluation_score> const& best() const { return best_; }
  std::optional<evaluation_score> const& last() const { return last_; }
  int since_best() const { return since_; }  // evaluations
  int patience() const { return patience_; }

  // Nothing before the first evaluation.
  std::map<std::string, std::string> notes() const {
    if (!best_) return {};
    std::map<std::string, std::string> all{{"evaluations since the best", std::to_string(since_)}};
    for (auto const& [name, s] : {std::pair{"best", &*best_}, {"last", &*last_}}) {
      std::string const of = std::string(name) + " evaluation: ";
      all[of + "step"] = std::to_string(s->step);
      all[of + "AP"] = number_text(s->ap);
      all[of + "loss"] = number_text(s->loss);
    }
    return all;
  }
  // Others' notes are not looked at. from: what messages call their place.
  void restore(std::map<std::string, std::string> const& notes, std::string const& from) {
    auto const read = [&](std::string const& key, auto& value) {
      auto const found = notes.find(key);
      std::string const text = found == notes.end() ? "" : found->second;
      auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (failed != std::errc() || end != text.data() + text.size() || text.empty())
        throw error(from, "a number as note " + io::in_quotes(key), text.empty() ? "none" : excerpt(text));
    };
    best_evaluation now(patience_);
    if (notes.contains("evaluations since the best")) {
      read("evaluations since the best", now.since_);
      for (auto const& [name, s] : {std::pair{"best", &now.best_}, {"last", &now.last_}}) {
        std::string const of = std::string(name) + " evaluation: ";
        auto& score = s->emplace();
        read(of + "step", score.step);
        read(of + "AP", score.ap);
        read(of + "loss", score.loss);
      }
    }
    *this = now;
  }

 private:
  int patience_, since_ = 0;
  std::optional<evaluation_score> best_, last_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
