#pragma once
// What train_voc --init says of a detector of other classes: which rows of its predictors are kept (frcnn/detector/shared_classes.hpp).
#include "../console/console.hpp"

#include <frcnn/detector/shared_classes.hpp>

namespace console {

// "(cat, dog)"; of many the first.
inline std::string some_of(std::vector<std::string> names) {
  std::size_t const most = 8;
  bool const cut = names.size() > most;
  if (cut) names.resize(most);
  return names.empty() ? std::string() : fmt::format(" ({}{})", fmt::join(names, ", "), cut ? ", .." : "");
}

// Throws where strict, and the classes are others; their order is of no matter.
inline void say_shared(std::string const& file, frcnn::class_match const& m, bool strict) {
  auto const& missing = m.drawn;
  if (strict && !m.same_classes())
    throw frcnn::error(file, "a model of the classes of this run (without --strict the rows of those it shares are kept)",
                       missing.empty() ? "one of others too" + some_of(m.left_out) : "one without" + some_of(missing));
  if (missing.empty() && m.left_out.empty())
    return say(fmt::format("{}: the predictors keep all rows, the classes being the same{}", file, some_of(m.shared)));
  say(fmt::format(
      "{}: the predictors keep the rows of the background and of {} of {} classes{}; --seed draws {}{}; {} of the file are left "
      "out{}",
      file, m.shared.size(), m.shared.size() + missing.size(), some_of(m.shared), missing.size(), some_of(missing), m.left_out.size(),
      some_of(m.left_out)));
}

}  // namespace console
