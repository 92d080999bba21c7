#pragma once
// The lines of a split: of its list, <lists>/<split>.txt in UTF-8 or UTF-16 with an id per line, or every image where there are no lists.
//
// A folder without lists is taken whole where a part of it is asked for, or the split `all`. A list that is not there is one error that
// says which ones are, and what can be asked for instead.
//
// Messages name the option of the programs: --split is voc_source::part.
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/voc_layout.hpp"
#include "frcnn/data/voc_source.hpp"
#include "frcnn/io/text_file.hpp"

#include <initializer_list>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data::detail {

// The lines of the list, or every id where there is none and none is needed.
struct split_lines {
  std::vector<std::string> lines;
  std::filesystem::path file;  // empty: every image of the folder
  std::size_t candidates = 0;  // files that the split's name could have meant
};

// Of a list in which an image is named by bytes that no file has.
inline error not_utf8(std::filesystem::path const& list, std::string const& line) {
  std::size_t number = 1;
  std::string const text = io::read_file(list);
  for (std::size_t at = 0, end = 0; end < text.size(); at = end + 1, ++number) {
    end = std::min(text.find_first_of("\r\n", at), text.size());
    if (text.substr(end, 2) == "\r\n") ++end;
    if (auto const found = lines_of(text.substr(at, end - at)); std::find(found.begin(), found.end(), line) != found.end()) break;
  }
  return {list.string() + ":" + std::to_string(number), "a list in UTF-8 or UTF-16",
          "bytes that are neither in " + excerpt(with_visible_escapes(line)) +
              ", and no such image (a list of Windows is converted by: iconv -f WINDOWS-1252 -t UTF-8)"};
}

inline std::vector<std::string> ids_in_list(std::filesystem::path const& file) {
  auto lines = lines_of(io::read_text(file, "a text with an image id per line"));
  if (lines.empty()) throw error(file.string(), "at least one image id", "an empty split");
  return lines;
}

// The names of lists, in the order in which they help someone whose list is not there: those to train on first.
struct lists_there {
  std::vector<std::string> names;
  bool only_classes = false;  // all are VOC's lists of a class, cat_train.txt: each names every image of its split

  explicit lists_there(std::set<std::string> const& all) : names(all.begin(), all.end()) {
    auto const has = [](std::string const& name, std::initializer_list<char const*> endings) {
      return std::any_of(endings.begin(), endings.end(), [&](std::string const& e) { return name == e || name.ends_with("_" + e); });
    };
    auto const of_a_class = [&](std::string const& name) {
      return name.find('_') != name.npos &&
             (has(name, {"trainval", "train", "val", "test"}) ||  // or of a split that has a name of its own: CVAT's cat_default
              std::any_of(all.begin(), all.end(), [&](std::string const& other) { return name.ends_with("_" + other); }));
    };
    only_classes = !names.empty() && std::all_of(names.begin(), names.end(), of_a_class);
    std::stable_sort(names.begin(), names.end(), [&](std::string const& a, std::string const& b) {
      auto const rank = [&](std::string const& n) {
        return (of_a_class(n) ? 4 : 0) + (has(n, {"trainval", "train"}) ? 0 : has(n, {"val", "valid", "test"}) ? 2 : 1);
      };
      return rank(a) < rank(b);
    });
  }
  std::string sentence() const {
    return (only_classes ? "only lists of classes, each of which names all images of its split: " : "only these: ") +
           first_of(names, 10, [](std::string const& name) { return name; });
  }
};

inline split_lines read_split(voc_source const& source, voc_layout const& layout) {
  std::set<std::string> there;
  std::string other;  // what has the list's name and is none
  for (auto const& folder : layout.lists) {
    file_finder lists(folder, {".txt"});
    if (auto const file = lists.find(source.split); !file.empty()) return {ids_in_list(file), file, lists.candidates(source.split)};
    if (other.empty()) other = lists.instead(source.split);
    for (auto const& name : lists.ids(false)) there.insert(name);
  }
  file_finder own(layout.root, {".txt"});
  if (auto const file = own.find(source.split); !file.empty()) return {ids_in_list(file), file, own.candidates(source.split)};
  std::filesystem::path const folder = layout.lists.empty() ? layout.root / "ImageSets" / "Main" : layout.lists.front();
  auto const refuse = [&](std::string const& found) -> error {
    return {(folder / (source.split + ".txt")).string(), "the list of split " + excerpt(source.split), found};
  };
  if (!other.empty() && source.split != "all") throw refuse(other);
  std::vector<std::string> ids;
  for (auto const& folder : layout.images)
    if (ids.empty()) ids = file_finder(folder, all_image_extensions()).ids(folder != layout.root);
  if (!ids.empty() && (source.split == "all" || (!source.part.whole() && there.empty()))) return {std::move(ids), {}, 0};

  if (ids.empty() && (source.split == "all" || there.empty()))
    throw error(layout.images.front().string(), "images", "none; it holds " + contents_of(layout.images.front()));

  lists_there const lists(there);
  std::string const every = std::to_string(ids.size()) + (ids.size() == 1 ? " image" : " images"), root = layout.root.string();
  std::string const one = there.empty() ? "" : root + ":" + lists.names.front();
  std::string advice = root + ":all is all " + every;
  if (there.empty()) advice = "--split 0.8 trains on 0.8 of the " + every + " and tests on the others; " + advice;
  else if (source.part.whole())
    advice = one + " is one; " + advice + "; with --split 0.8 either trains on 0.8 of its images and tests on the others";
  else advice = "--split divides the images of one list: " + one + ", say, or " + advice;
  std::string none = "no lists there";  // but perhaps files without .txt, or a link to a disk that is not mounted
  if (std::string const link = not_a_file(layout.root / "ImageSets"); layout.lists.empty() && !link.empty())
    none += ", 'ImageSets' is " + link;
  else if (!layout.lists.empty() && contents_of(folder) != "nothing") none += ", but " + contents_of(folder);
  file_finder json(layout.root, {".json"});
  if (auto const names = json.ids(false); names.size() == 1)
    none += "; COCO's JSON is data by its own name, " + excerpt(json.find(names.front()).string());
  if (auto const around = folder_around(layout.root); there.empty() && !around.empty()) throw refuse(none + around);
  throw refuse((there.empty() ? none : lists.sentence()) + " (" + advice + ")");
}

}  // namespace frcnn::inline FRCNN_ABI::data::detail
FRCNN_HIDDEN_END
