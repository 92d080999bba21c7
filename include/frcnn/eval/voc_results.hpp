#pragma once
// Detections as the PASCAL VOC server takes them: one text file per class, one line per detection.
//
//   <folder>/comp4_det_<set>_<class>.txt      id score x1 y1 x2 y2      six decimals, or more where they are needed
//
// Any id and any class can be written: an id whose blanks would end it reads shot%20(1), a class that no file name can hold lies in
// comp4_det_test_n%2Fa.txt (io/file_name.hpp has the rules). Files of other programs, which know no such rules, are read as well.
//
// On disk coordinates are inclusive and count from 1, in memory boxes are half-open and count from 0: only x1 and y1 move, by one.
// Lines follow the order of the images, then of the detections of one image; so equal scores keep their order when read back.
//
// Example: the detection {{9, 19, 50, 60}, 0.5, label of "dog"} of image 000001 in the set "test" is the line
//          000001 0.500000 10.000000 20.000000 50.000000 60.000000      of comp4_det_test_dog.txt
// Lines that cannot be detections are refused: numbers that are not finite, and corners that are swapped (x1 > x2 by a pixel or more, since
// x1 == x2 is a box one pixel wide), which is also what a line with its words in another order mostly looks like.
// Invariant: what is written reads back with the same scores and coordinates (what lies below 1e-12 aside), in the same order within each
// class of each image, whatever ids and classes are called; so it has the same AP.
// Source: PASCAL VOC development kit, section 8.2 (competition 4: detection, trained on any data).
#include "frcnn/core/finite.hpp"
#include "frcnn/eval/voc_ap.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/entries.hpp"
#include "frcnn/io/file_name.hpp"
#include "frcnn/io/folder.hpp"
#include "frcnn/io/text_file.hpp"

#include <charconv>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

// Where the files of one set lie.
struct voc_results {
  std::filesystem::path folder;
  std::string set;  // "test"
  std::string competition = "comp4";

  std::string prefix() const { return competition + "_det_" + set + '_'; }
  std::filesystem::path file(std::string const& class_name) const { return folder / io::file_name(prefix() + class_name, ".txt"); }
  // Whether the name of a class's file is the one that the VOC server expects.
  bool takes(std::string const& class_name) const { return file(class_name).filename() == prefix() + class_name + ".txt"; }
};

// The id as it stands in a line, where it ends at the first blank.
inline std::string result_id(std::string const& id) {
  return io::percent_encoded(id, [](char c) { return c == ' ' || io::is_control(c); });
}

namespace detail {

// Half-open, as in memory. Infinite differences of finite numbers are none.
inline bool is_swapped(box<float> const& b) { return b.x2 < b.x1 || b.y2 < b.y1; }

inline void check_result_names(voc_results const& where, std::span<std::string const> ids, std::span<std::string const> class_names) {
  auto const check = [&](std::string const& name, char const* expected) {
    if (name.empty()) throw error(where.folder.string(), expected, "an empty one");
  };
  check(where.set, "the name of a set");
  for (std::string const& name : class_names) check(name, "the name of a class");
  for (std::string const& id : ids) check(id, "the id of an image");
}

// Which image a line of a file is of: ids as we write them, and as other programs, which encode nothing, may have. where: the file or folder,
// for messages. Throws where two images have one id: no line could tell them apart.
inline std::unordered_map<std::string, std::size_t> indices_of(std::string const& where, std::span<std::string const> ids) {
  std::unordered_map<std::string, std::size_t> image;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!image.emplace(result_id(ids[i]), i).second) throw error(where, "image ids that differ", excerpt(ids[i]) + " twice");
  for (std::size_t i = 0; i < ids.size(); ++i) image.emplace(ids[i], i);
  return image;
}

// The file of a class as it lies there: of the name that is written, or of the class's own, as other programs may have it. Empty: none.
inline std::filesystem::path find_result_file(voc_results const& where, std::string const& class_name) {
  std::error_code ignored;
  std::string const plain = where.prefix() + class_name + ".txt";
  if (auto path = where.file(class_name); std::filesystem::exists(path, ignored)) return path;
  if (plain.find_first_of(std::string_view("/\0", 2)) != plain.npos) return {};
  auto path = where.folder / plain;
  return std::filesystem::exists(path, ignored) ? path : std::filesystem::path{};
}

// Where there is no file of any class.
inline std::string instead_of_results(voc_results const& where) {
  std::error_code failed;
  if (!std::filesystem::is_directory(where.folder, failed))
    return std::filesystem::exists(where.folder, failed) ? "a file, no folder" : "no folder there";
  std::string first;
  io::for_each_entry(where.folder, [&](auto const& at) {
    if (std::string const name = at.path().filename().string(); name.ends_with(".txt") && (first.empty() || name < first)) first = name;
  });
  if (std::filesystem::is_directory(where.folder / "results", failed)) return "none of a known class, but a folder 'results'";
  return "none of a known class" + (first.empty() ? "" : ", but " + excerpt(first));
}

// value + offset in as few decimals, from six to twelve, as give value back.
inline void append_number(std::string& text, float value, double offset) {
  char digits[400];  // DBL_MAX has 309 of them before the point
  text += ' ';
  for (int decimals = 6;; ++decimals) {
    auto const end = std::to_chars(digits, digits + sizeof digits, value + offset, std::chars_format::fixed, decimals).ptr;
    double read = 0;
    std::from_chars(digits, end, read);
    if (decimals < 12 && static_cast<float>(read - offset) != value) continue;
    text.append(digits, end);
    return;
  }
}

// f(number, line) for each line of a text, without its end, in any of its three forms; the first has number 1.
template <class F>
void for_each_line(std::string_view text, F&& f) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view const line = text.substr(0, text.find_first_of("\r\n"));
    std::size_t const end = text.substr(line.size()).starts_with("\r\n") ? 2 : 1;
    text.remove_prefix(std::min(line.size() + end, text.size()));
    f(number, line);
  }
}

// The whole of a word as a number that float holds too. here(): the line, for messages.
template <class Where>
double number_of(std::string_view word, Where const& here) {
  double value = 0;
  auto const [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc() || end != word.data() + word.size() || !is_finite(static_cast<float>(value)))
    throw error(here(), "a number", excerpt(word));
  return value;
}

// The words of a line, at most `limit` + 1 of them.
inline std::vector<std::string_view> words(std::string_view line, std::size_t limit) {
  std::vector<std::string_view> found;
  constexpr std::string_view space = " \t\r";
  for (std::size_t at = line.find_first_not_of(space); at != std::string_view::npos && found.size() <= limit;) {
    std::size_t const end = std::min(line.find_first_of(space, at), line.size());
    found.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(space, end);
  }
  return found;
}

}  // namespace detail

// Writes one file for every class, empty ones too, each whole or not at all; makes the folder. ids[i] names the image of detections[i];
// class_names[k] is label k + 1's. Throws error for empty names, an id that two images have, labels out of range, numbers that are not
// finite, swapped corners, and a disk that does not take the files.
inline void write_voc_results(voc_results const& where, std::span<std::string const> ids,
                              std::span<std::vector<detection> const> detections, std::span<std::string const> class_names) {
  detail::check_result_names(where, ids, class_names);
  if (ids.size() != detections.size())
    throw error(where.folder.string(), "detections for " + std::to_string(ids.size()) + " images", std::to_string(detections.size()));
  detail::indices_of(where.folder.string(), ids);
  std::vector<std::string> text(class_names.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (detection const& d : detections[i]) {
      if (d.label < 1 || static_cast<std::size_t>(d.label) > class_names.size())
        throw error("detection of image " + ids[i], "a label from 1 to " + std::to_string(class_names.size()), std::to_string(d.label));
      std::string& lines = text[static_cast<std::size_t>(d.label - 1)];
      lines += result_id(ids[i]);
      for (auto const& [value, offset] : {std::pair{d.score, 0.}, {d.where.x1, 1.}, {d.where.y1, 1.}, {d.where.x2, 0.}, {d.where.y2, 0.}}) {
        if (!is_finite(value)) throw error("detection of image " + ids[i], "finite numbers", "NaN or infinity");
        detail::append_number(lines, value, offset);
      }
      if (detail::is_swapped(d.where)) throw error("detection of image " + ids[i], "x1 <= x2 and y1 <= y2", "swapped corners");
      lines += '\n';
    }
  io::make_folder(where.folder);
  for (std::size_t k = 0; k < text.size(); ++k) io::write_file_atomically(where.file(class_names[k]), text[k]);
}

// The labels of the classes that have no file: the program that wrote the others did not look for these. (A class of which nothing was
// found has an empty file.)
inline std::vector<std::int32_t> classes_without_file(voc_results const& where, std::span<std::string const> class_names) {
  std::vector<std::int32_t> labels;
  for (std::size_t k = 0; k < class_names.size(); ++k)
    if (detail::find_result_file(where, class_names[k]).empty()) labels.push_back(static_cast<std::int32_t>(k + 1));
  return labels;
}

// Reads what write_voc_results or any other program wrote: one vector per id, classes in order, lines in order. A class without a file
// has no detections, unless no class has one: that is an error. Files of this set that belong to no class named here are told to `warn`
// and not read; told are boxes without area and boxes that all lie in 0..1, which match nothing, and repeated lines. Throws error with
// file:line for a line that is not an id of the list and five finite numbers, or has its corners swapped.
inline std::vector<std::vector<detection>> read_voc_results(voc_results const& where, std::span<std::string const> ids,
                                                            std::span<std::string const> class_names,
                                                            std::function<void(std::string const&)> const& warn = {}) {
  detail::check_result_names(where, ids, class_names);
  auto const image = detail::indices_of(where.folder.string(), ids);

  std::vector<std::vector<detection>> detections(ids.size());
  std::size_t files = 0, boxes = 0, empty = 0, fractions = 0, repeated = 0;
  std::string first_box, first_empty, first_repeated;
  for (std::size_t k = 0; k < class_names.size(); ++k) {
    std::filesystem::path const path = detail::find_result_file(where, class_names[k]);
    if (path.empty()) continue;
    ++files;
    std::string const text = io::read_text(path, "detections, lines id score x1 y1 x2 y2");
    std::unordered_set<std::string_view> lines;
    detail::for_each_line(text, [&](std::size_t number, std::string_view line) {
      auto const here = [&] { return path.string() + ':' + std::to_string(number); };
      auto const word = detail::words(line, 6);
      if (word.empty()) return;
      if (word.size() != 6)
        throw error(here(), "six words: id score x1 y1 x2 y2", std::to_string(word.size()) + (word.size() > 6 ? " or more" : ""));
      auto const found = image.find(std::string(word[0]));
      if (found == image.end()) throw error(here(), "the id of an image of the set", excerpt(word[0]));
      double value[5];
      for (std::size_t v = 0; v < 5; ++v) value[v] = detail::number_of(word[v + 1], here);
      auto const where_it_is = box<double>{value[1] - 1, value[2] - 1, value[3], value[4]}.as<float>();
      if (detail::is_swapped(where_it_is)) {
        std::string const corners =
            std::string(word[2]) + " " + std::string(word[3]) + " " + std::string(word[4]) + " " + std::string(word[5]);
        throw error(here(), "id score x1 y1 x2 y2 with x1 <= x2 and y1 <= y2",
                    excerpt(corners) + " (width and height in place of x2 and y2?)");
      }
      if (boxes++ == 0) first_box = here();
      if (!lines.insert(line).second && repeated++ == 0) first_repeated = here();
      if ((where_it_is.x1 == where_it_is.x2 || where_it_is.y1 == where_it_is.y2) && empty++ == 0) first_empty = here();
      fractions += std::all_of(value + 1, value + 5, [](double v) { return v >= 0 && v <= 1; });
      detections[found->second].push_back({where_it_is, static_cast<float>(value[0]), static_cast<std::int32_t>(k + 1)});
    });
  }
  if (files == 0) throw error(where.folder.string(), "result files " + where.prefix() + "<class>.txt", detail::instead_of_results(where));
  if (warn && empty)
    warn(std::to_string(empty) + (empty == 1 ? " box has" : " boxes have") + " no area and can match nothing; the first: " + first_empty);
  if (warn && repeated)
    warn(std::to_string(repeated) + (repeated == 1 ? " line repeats" : " lines repeat") +
         " an earlier one, each a detection of its own; the first: " + first_repeated);
  if (warn && boxes > 1 && fractions == boxes)
    warn("all " + std::to_string(boxes) +
         " boxes lie in 0..1, as fractions of their images do, where pixels are meant; the first: " + first_box);
  if (warn)
    io::for_each_entry(where.folder, [&](auto const& entry) {
      std::string const name = entry.path().filename().string();
      if (!name.starts_with(where.prefix()) || !name.ends_with(".txt")) return;
      if (std::none_of(class_names.begin(), class_names.end(),
                       [&](std::string const& c) { return detail::find_result_file(where, c).filename() == name; }))
        warn(entry.path().string() + " belongs to none of the classes and is not read");
    });
  return detections;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
