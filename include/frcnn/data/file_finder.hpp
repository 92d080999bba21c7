#pragma once
// Which file of a folder belongs to an id: folder/<id>.<extension>, extensions in any case.
//
// With several candidates the extension that stands first in the list wins, then one in lower case, and then the smaller name by bytes. A
// folder is listed once, when first asked about. An id may have folders in front: "2007/000001".
//
// Example: file_finder images("JPEGImages", image_extensions());  images.find("000001")   // JPEGImages/000001.JPG
#include "frcnn/data/image_file.hpp"
#include "frcnn/data/look_alike.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/entries.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

using extension_list = std::vector<std::string>;  // lower case, with the dot

inline extension_list image_extensions() {
#if FRCNN_HAS_TIFF
  return {".jpg", ".jpeg", ".png", ".bmp", ".jfif", ".tif", ".tiff"};
#else
  return {".jpg", ".jpeg", ".png", ".bmp", ".jfif"};
#endif
}
// Those of pictures that this build does not read.
inline extension_list other_image_extensions() {
#if FRCNN_HAS_TIFF
  return {".webp", ".gif", ".heic", ".heif", ".avif", ".jp2"};
#else
  return {".tif", ".tiff", ".webp", ".gif", ".heic", ".heif", ".avif", ".jp2"};
#endif
}
inline extension_list all_image_extensions() {
  extension_list all = image_extensions(), others = other_image_extensions();
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

// What lies at a path that is no regular file: "a folder", "a symbolic link to 'x', where nothing is"; nothing there: empty.
inline std::string not_a_file(std::filesystem::path const& path) {
  std::string const other = io::detail::other_than_file(path);
  return other.empty() ? io::detail::link_to_nothing(path) : other;
}

class file_finder {
 public:
  file_finder(std::filesystem::path folder, extension_list extensions) : folder_(std::move(folder)), extensions_(std::move(extensions)) {}

  std::filesystem::path const& folder() const { return folder_; }

  // Empty: there is none.
  std::filesystem::path find(std::string const& id) {
    auto const [folder, file] = entry_of(id);
    return file ? folder / file->name : std::filesystem::path{};
  }
  // What there is where find(id) finds nothing: what has the name and is no file, or a file whose name looks the same. Empty: nothing.
  std::string instead(std::string const& id) {
    std::filesystem::path const stem = folder_ / id;
    std::string const parent = stem.parent_path().string(), name = stem.filename().string();
    listed(stem.parent_path());
    if (auto const& others = no_files_[parent]; others.count(name)) {
      std::string const& there = others.at(name);
      return "'" + there + "', " + not_a_file(stem.parent_path() / there);
    }
    auto const [there, is_new] = by_look_.try_emplace(parent);
    if (is_new)
      for (auto const& [known, file] : listed(stem.parent_path())) there->second.emplace(look_alike_key(known), known);
    auto const found = there->second.find(look_alike_key(name));
    if (found == there->second.end() || found->second == name) return {};
    std::string const how = difference(name, found->second), file = listed(stem.parent_path()).at(found->second).name;
    return "'" +
           (in_one_case(name) == in_one_case(found->second) && decomposed(name) != decomposed(found->second) ? file
                                                                                                             : with_visible_escapes(file)) +
           "', " + how;
  }
  // How many files of the folder `id` could have meant.
  std::size_t candidates(std::string const& id) {
    auto const file = entry_of(id).second;
    return file ? file->candidates : 0;
  }
  // Whether a name has one of the extensions; the name without it then, otherwise nothing.
  std::string stem_of(std::string const& name) const {
    std::size_t const dot = name.rfind('.');
    return dot != name.npos && dot > 0 && rank_of(name.substr(dot)) < extensions_.size() ? name.substr(0, dot) : std::string();
  }

  // Every id of the folder, and with `deep` of those in it, sorted by bytes. What a system keeps there is no id (text.hpp). Folders that are
  // links belong to it too; one that several names lead to is taken once, and a folder above this one is none of its own.
  std::vector<std::string> ids(bool deep) {
    walk w;
    if (deep) collect_deep("", w);
    else collect("", w);
    while (!w.links.empty())
      for (auto const& link : std::exchange(w.links, {})) collect_deep(link, w);
    return {w.ids.begin(), w.ids.end()};
  }

 private:
  struct entry {
    std::size_t rank;
    bool other_case;  // than the list's
    std::string name;
    std::size_t candidates;
  };
  using listing = std::map<std::string, entry>;

  // The folder of an id, and what it has for it.
  std::pair<std::filesystem::path, entry const*> entry_of(std::string const& id) {
    bool const is_deeper = id.find('/') != id.npos;  // the others need not be taken apart
    std::filesystem::path const stem = is_deeper ? folder_ / id : std::filesystem::path();
    std::filesystem::path const folder = is_deeper ? stem.parent_path() : folder_;
    listing const& files = listed(folder);
    auto const found = files.find(is_deeper ? stem.filename().string() : id);
    return {folder, found == files.end() ? nullptr : &found->second};
  }

  std::size_t rank_of(std::string const& extension) const {
    return static_cast<std::size_t>(std::find(extensions_.begin(), extensions_.end(), lower(extension)) - extensions_.begin());
  }

  listing const& listed(std::filesystem::path const& folder) {
    if (auto const known = folders_.find(folder.string()); known != folders_.end()) return known->second;
    listing files;
    io::for_each_entry(folder, [&](std::filesystem::directory_entry const& at) {
      auto const name = at.path().filename();
      std::size_t const rank = rank_of(name.extension().string());
      std::error_code ignored;
      if (rank == extensions_.size()) return;
      if (!at.is_regular_file(ignored)) {  // a folder, a pipe, a link to nothing
        auto& known = no_files_[folder.string()].try_emplace(name.stem().string(), name.string()).first->second;
        known = std::min(known, name.string());
        return;
      }
      entry candidate{rank, name.extension().string() != extensions_[rank], name.string(), 1};
      auto const [known, first] = files.try_emplace(name.stem().string(), candidate);
      if (first) return;
      candidate.candidates = known->second.candidates + 1;
      auto const order = [](entry const& e) { return std::tie(e.rank, e.other_case, e.name); };
      if (order(candidate) < order(known->second)) known->second = candidate;
      else known->second.candidates = candidate.candidates;
    });
    return folders_.emplace(folder.string(), std::move(files)).first->second;
  }

  struct walk {
    std::set<std::string> ids;
    std::set<std::filesystem::path> seen;  // folders, without links in their paths
    std::vector<std::string> links;        // left for later, so that a folder is called by its own name before any link's
  };

  std::filesystem::path folder_at(std::string const& below) const { return below.empty() ? folder_ : folder_ / below; }
  // The ids there alone.
  void collect(std::string const& below, walk& w) {
    for (auto const& [stem, file] : listed(folder_at(below)))
      if (!belongs_to_a_system(stem)) w.ids.insert(below.empty() ? stem : below + "/" + stem);
  }
  // Those in folders below it, too.
  void collect_deep(std::string const& below, walk& w) {
    std::error_code ignored;
    auto const folder = std::filesystem::weakly_canonical(folder_at(below), ignored);
    bool const is_above = !below.empty() && is_in(std::filesystem::weakly_canonical(folder_, ignored), folder);  // by a link upwards
    if (is_above || !w.seen.insert(folder).second) return;
    collect(below, w);
    std::vector<std::string> folders;
    io::for_each_entry(folder_at(below), [&](std::filesystem::directory_entry const& at) {
      std::string const name = at.path().filename().string();
      if (belongs_to_a_system(name) || !at.is_directory(ignored)) return;
      (at.is_symlink(ignored) ? w.links : folders).push_back(below.empty() ? name : below + "/" + name);
    });
    for (auto const& name : folders) collect_deep(name, w);
  }
  static bool is_in(std::filesystem::path const& path, std::filesystem::path const& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
  }

  std::filesystem::path folder_;
  extension_list extensions_;
  std::map<std::string, listing> folders_;
  std::map<std::string, std::map<std::u32string, std::string>> by_look_;  // of a folder: stems of files
  std::map<std::string, std::map<std::string, std::string>>
      no_files_;  // of a folder: by stem, names of what has an extension and is no file
};

// What lies in a folder, in words: "'a.txt', 'b' and 7 more". Links to nothing are called so.
inline std::string contents_of(std::filesystem::path const& folder) {
  std::set<std::string> names;
  io::for_each_entry(folder, [&](auto const& at) { names.insert(at.path().filename().string()); });
  if (names.empty()) return "nothing";
  return first_of(names, 5, [&](std::string const& name) {
    std::error_code ignored;
    return "'" + name + "'" + (std::filesystem::exists(folder / name, ignored) ? "" : " (" + not_a_file(folder / name) + ")");
  });
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
