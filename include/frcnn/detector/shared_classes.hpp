#pragma once
// The predictors of a detector for other classes: rows of class scores and boxes go with the *name* of their class.
//
//   auto const m = match_classes(ours, theirs);          which label of ours is which of theirs; the background is the background
//   read_by_class(source, parameters, m)                 a file's weights: rows of shared classes from the file, the others stay as they are
//   with_classes(detector, {"cat", "dog"}, options)      a detector of some of its classes: softmax over these and the background
// A class has one name, or VOC's and COCO's: aeroplane is airplane, motorbike motorcycle, sofa couch, pottedplant potted plant, diningtable
// dining table, tvmonitor tv. The order of classes is of no matter. Throws error before anything is changed.
// Example: ours cat, tv; theirs tvmonitor, dog: label 2 of ours is 1 of theirs, cat is not there, dog is left out.
// Source of the last: the paper, section 4.3 (COCO's detector on VOC's classes).
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/parameter_io.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct class_match {
  std::vector<int> theirs;                           // by our label, 0 the background: their label; -1: not there
  std::size_t their_labels = 1;                      // with background
  std::vector<std::string> shared, drawn, left_out;  // ours that are there, ours that are not, theirs that are not ours
  bool same_classes() const { return drawn.empty() && left_out.empty(); }
};

namespace detail {
// COCO's name of a class that VOC calls otherwise.
inline std::string_view coco_name(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> table[] = {
      {"aeroplane", "airplane"},       {"motorbike", "motorcycle"},     {"sofa", "couch"},
      {"pottedplant", "potted plant"}, {"diningtable", "dining table"}, {"tvmonitor", "tv"}};
  for (auto const& [voc, coco] : table)
    if (name == voc) return coco;
  return name;
}

inline bool of_predictor(std::string_view parameter) { return parameter.starts_with("roi_heads.box_predictor."); }

// Rows of shared classes from `from` into `to`, both by label.
template <class T>
void take_rows(class_match const& m, std::vector<T> const& from, std::vector<T>& to) {
  std::size_t const row = to.size() / m.theirs.size();
  for (std::size_t k = 0; k < m.theirs.size(); ++k)
    if (m.theirs[k] >= 0)
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(row) * m.theirs[k], row, to.begin() + static_cast<std::ptrdiff_t>(row * k));
}
}  // namespace detail

inline class_match match_classes(std::vector<std::string> const& ours, std::vector<std::string> const& theirs) {
  class_match m;
  m.theirs.assign(ours.size() + 1, -1);
  m.theirs.front() = 0;
  m.their_labels = theirs.size() + 1;
  std::vector<bool> taken(theirs.size());
  auto const pass = [&](auto name_of) {  // equal names first: {"tv", "tvmonitor"} may be two classes of one data set
    for (std::size_t k = 0; k < ours.size(); ++k)
      for (std::size_t i = 0; i < theirs.size() && m.theirs[k + 1] < 0; ++i)
        if (!taken[i] && name_of(ours[k]) == name_of(theirs[i])) taken[i] = true, m.theirs[k + 1] = static_cast<int>(i) + 1;
  };
  pass([](std::string const& name) { return std::string_view(name); });
  pass([](std::string const& name) { return detail::coco_name(name); });
  for (std::size_t k = 0; k < ours.size(); ++k) (m.theirs[k + 1] < 0 ? m.drawn : m.shared).push_back(ours[k]);
  for (std::size_t i = 0; i < theirs.size(); ++i)
    if (!taken[i] && !theirs[i].starts_with("N/A ")) m.left_out.push_back(theirs[i]);  // ids without a class: class_names.hpp
  return m;
}

template <Real T, Backend B>
void read_by_class(io::weight_source const& source, parameter_store<T, B>& store, class_match const& m) {
  std::vector<std::pair<typename parameter_store<T, B>::entry const*, std::vector<T>>> predictors;
  for (auto const& e : store.entries()) {
    if (!detail::of_predictor(e.name)) continue;
    auto shape = e.file_shape();
    shape.front() = shape.front() / static_cast<std::int64_t>(m.theirs.size()) * static_cast<std::int64_t>(m.their_labels);
    source.check(e.name, shape);
    auto values = store.get(e);
    std::vector<T> found(values.size() / m.theirs.size() * m.their_labels);
    source.read_part(e.name, 0, std::span<T>(found));
    if (!std::ranges::all_of(found, [](T v) { return is_finite(v); }))
      throw error(source.place(e.name), "finite numbers", "infinity or NaN");
    detail::take_rows(m, found, values);
    predictors.emplace_back(&e, std::move(values));
  }
  read_parameters(source, store, model_weights::read, [](std::string_view name) { return !detail::of_predictor(name); });
  for (auto const& [e, values] : predictors) store.set(*e, values);
}

// Throws error for a class that the detector does not have.
template <class Preset>
detector<Preset> with_classes(detector<Preset> const& d, std::vector<std::string> classes, typename Preset::device::options options = {}) {
  auto const m = match_classes(classes, d.classes());
  if (!m.drawn.empty()) throw error("classes of the detector", "one named " + io::in_quotes(m.drawn.front()), "none of that name");
  auto config = d.config();
  config.classes = std::move(classes);
  detector<Preset> out(config, options);
  auto const& from = d.model().parameters();
  auto& to = out.model().parameters();
  for (auto const& e : to.entries()) {
    auto values = from.get(from.at(e.name));
    if (detail::of_predictor(e.name)) {
      std::vector<typename Preset::scalar> rows(e.p->size());
      detail::take_rows(m, values, rows);
      values = std::move(rows);
    }
    to.set(e, values);
  }
  return out;
}

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
