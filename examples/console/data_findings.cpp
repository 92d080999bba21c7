#include "data_findings.hpp"

#include "data_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace console {

std::vector<inspected> inspect_sets(datasets const& sets, std::function<frcnn::resize_plan(int, int)> const& resize) {
  std::vector<inspected> all;
  for (auto const& [name, set] :
       {std::pair{"training data", &sets.train}, {"validation data", &sets.validation}, {"test data", &sets.test}})
    if (all.empty() || set->size() > 0) all.push_back({name, *set, frcnn::data::inspect(*set, resize)});
  return all;
}

void findings::add(std::string const& name, frcnn::data::case_list const& found, char const* one, char const* many) {
  if (found.count == 1) list_.push_back({name + ": " + found.sentence(one, many)});
  else if (found.count > 1) list_.push_back({fmt::format("{}: {} {}", name, found.count, many), found.count, found.cases});
}

void findings::add_sets(std::vector<inspected> const& sets, int threads, std::function<void(std::size_t, std::size_t)> const& progress) {
  auto const& train = sets.front();
  if (sets.size() == 1) return add_set(train, frcnn::data::equal_images(train.set, {}, threads, progress).within);
  for (std::size_t k = 1; k < sets.size(); ++k) {
    auto const equal = frcnn::data::equal_images(train.set, sets[k].set, threads, progress);
    if (k == 1) add_set(train, equal.within);
    add_set(sets[k], equal.within_second);
    add(sets[k].name, equal.between, "image is one of the training data", "images are some of the training data");
    if (!sets[k].set.annotated()) continue;
    if (auto const none = frcnn::data::classes_without_boxes(train.of, sets[k].of); !none.empty())
      list_.push_back({fmt::format("{}: {} of {} classes have no box, or difficult ones alone: {}", sets[k].name, none.size(),
                                   train.of.classes.size(), frcnn::data::first_of(none, 10, [](std::string const& c) { return c; }))});
  }
}

void findings::add_anchors(frcnn::data::anchor_fit const& fit) {
  add("training data", fit.out_of_reach, "box is overlapped by no anchor that may train",
      "boxes are overlapped by no anchor that may train");
  add("training data", fit.taken, "box is not trained, as its anchors learn other boxes",
      "boxes are not trained, as their anchors learn other boxes");
}

void findings::add_set(inspected const& s, frcnn::data::case_list const& twice) {
  add(s.name, s.of.tiny, "box has a side of less than 8 pixels after resizing", "boxes have a side of less than 8 pixels after resizing");
  add(s.name, twice, "image is there twice", "images are there twice");
  add(s.name, s.of.repeats.of_one_class, "box is drawn twice", "boxes are drawn twice");
  add(s.name, s.of.repeats.of_two_classes, "box is drawn again as another class", "boxes are drawn again as another class");
  if (!s.of.without_objects.count || !s.set.annotated()) return;
  list_.push_back({fmt::format("{}: {} of {} images have no objects", s.name, s.of.without_objects.count, s.of.summary.images),
                   s.of.without_objects.count, s.of.without_objects.cases});
}

void print(std::vector<finding> const& list) {
  constexpr std::size_t most = 10;
  for (auto const& f : list) {
    fmt::print("{}{}\n", f.sentence, f.count ? ":" : "");
    for (std::size_t k = 0; k < std::min(most, f.cases.size()); ++k) fmt::print("  {}\n", f.cases[k]);
    if (f.count > most) fmt::print("  and {} more\n", f.count - most);
  }
}

void show(frcnn::viz::html_page& page, std::vector<finding> const& list) {
  for (auto const& f : list) {
    page.warning(f.sentence);
    if (f.count)
      page.listing(f.count > f.cases.size() ? fmt::format("the first {} of {}", f.cases.size(), f.count) : "which ones", f.cases);
  }
}

}  // namespace console
