#pragma once
// Statistics of a data set: images, objects and sizes, and a table of them for several sets.
//
//   summarise(data)              counts of images, objects, difficult ones, per class and per image, and the sizes of the images
//   summary_table({{"training", a}, {"test", b}})
//
//                          training        test
//     images                    292          72
//       without objects           0           1
//     objects                  3893         993
//       difficult                 0           0
//       Platelets               289          72      of each class
//     image sizes                 1           1      how many there are; the smallest and the largest by area
//       smallest          640 x 480   640 x 480
//       largest           640 x 480   640 x 480
//
// Later reports add lines: a line is a name and a text for each set.
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/text.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct data_summary {
  std::size_t images = 0, without_objects = 0, not_annotated = 0, turned = 0;
  std::size_t objects = 0, difficult = 0;
  std::vector<std::string> classes;
  std::vector<std::size_t> of_class;          // objects, difficult ones included
  std::set<std::pair<int, int>> sizes;        // width, height
  std::pair<int, int> smallest{}, largest{};  // by area
};

inline data_summary summarise(dataset const& data) {
  data_summary s;
  s.images = data.size();
  s.classes = data.classes;
  s.of_class.resize(data.classes.size());
  auto const area = [](std::pair<int, int> const& size) { return std::int64_t{size.first} * size.second; };
  for (sample const& im : data.samples) {
    s.without_objects += im.annotated && im.objects.empty();
    s.not_annotated += !im.annotated;
    s.turned += im.orientation != 1;
    s.objects += im.objects.size();
    for (object const& o : im.objects) {
      s.difficult += o.difficult;
      if (o.label > 0 && static_cast<std::size_t>(o.label) <= s.of_class.size()) ++s.of_class[static_cast<std::size_t>(o.label) - 1];
    }
    std::pair const size{im.width, im.height};
    s.sizes.insert(size);
    if (s.images && (s.smallest.first == 0 || area(size) < area(s.smallest))) s.smallest = size;
    if (area(size) > area(s.largest)) s.largest = size;
  }
  return s;
}

struct summary_line {
  std::string name;
  std::vector<std::string> of_set;  // a text for each set
};

using named_summaries = std::vector<std::pair<std::string, data_summary>>;

inline std::vector<summary_line> summary_lines(named_summaries const& sets) {
  std::vector<summary_line> lines;
  auto const line = [&](std::string name, auto const& text) {
    summary_line r{std::move(name), {}};
    for (auto const& [set, s] : sets) r.of_set.push_back(text(s));
    lines.push_back(std::move(r));
  };
  auto const number = [&](std::string const& name, std::size_t data_summary::*count) {
    line(name, [&](data_summary const& s) { return std::to_string(s.*count); });
  };
  auto const size = [](std::pair<int, int> const& s) { return std::to_string(s.first) + " x " + std::to_string(s.second); };
  number("images", &data_summary::images);
  number("  without objects", &data_summary::without_objects);
  auto const number_if_any = [&](std::string const& name, std::size_t data_summary::*count) {
    if (std::any_of(sets.begin(), sets.end(), [&](auto const& set) { return set.second.*count > 0; })) number(name, count);
  };
  number_if_any("  not annotated", &data_summary::not_annotated);
  number_if_any("  turned by EXIF", &data_summary::turned);
  number("objects", &data_summary::objects);
  number("  difficult", &data_summary::difficult);
  for (std::size_t k = 0; !sets.empty() && k < sets.front().second.classes.size(); ++k)
    line("  " + sets.front().second.classes[k],
         [&](data_summary const& s) { return k < s.of_class.size() ? std::to_string(s.of_class[k]) : std::string("-"); });
  line("image sizes", [](data_summary const& s) { return std::to_string(s.sizes.size()); });
  line("  smallest", [&](data_summary const& s) { return size(s.smallest); });
  line("  largest", [&](data_summary const& s) { return size(s.largest); });
  return lines;
}

// As rows of cells, the sets' names first.
inline std::vector<std::vector<std::string>> summary_rows(named_summaries const& sets) {
  std::vector<std::vector<std::string>> rows{{""}};
  for (auto const& [name, s] : sets) rows.front().push_back(name);
  for (auto const& l : summary_lines(sets)) {
    rows.push_back({l.name});
    rows.back().insert(rows.back().end(), l.of_set.begin(), l.of_set.end());
  }
  return rows;
}

// Lines with an end each. Names stand left, numbers right; names of more than 40 bytes are cut between characters.
inline std::string summary_table(named_summaries const& sets) {
  auto lines = summary_lines(sets);
  summary_line head{"", {}};
  for (auto const& [set, s] : sets) head.of_set.push_back(set);
  lines.insert(lines.begin(), head);
  std::size_t name_width = 0;
  std::vector<std::size_t> widths(sets.size());
  for (auto& r : lines) {
    if (r.name.size() > 40) {
      std::size_t end = 37;
      while (end > 0 && (r.name[end] & 0xC0) == 0x80) --end;
      r.name = r.name.substr(0, end) + "...";
    }
    name_width = std::max(name_width, letters_in(r.name));
    for (std::size_t k = 0; k < r.of_set.size(); ++k) widths[k] = std::max(widths[k], letters_in(r.of_set[k]));
  }
  std::string table;
  for (auto const& r : lines) {
    std::string line = r.name + std::string(name_width - letters_in(r.name), ' ');
    for (std::size_t k = 0; k < r.of_set.size(); ++k) line += "   " + std::string(widths[k] - letters_in(r.of_set[k]), ' ') + r.of_set[k];
    table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return table;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
