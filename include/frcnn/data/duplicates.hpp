#pragma once
// Images that are there twice, and boxes that are drawn twice.
//
//   equal_files(paths)       groups of files with equal bytes, through links too; each group ascending, groups by their first
//   repeated_boxes(data)     boxes with the corners of an earlier one of their image: of its class, and of another class
//
// Files are compared by size first, then by 4 KiB from their middle, then by a hash of all bytes: only files that may be equal are read
// whole, and no file twice. What cannot be read is in no group.
//
// Example: of a.jpg, b.jpg, c.jpg, where c is a copy of a: {{0, 2}}
#include "frcnn/core/hash.hpp"
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/problems.hpp"
#include "frcnn/io/read_file.hpp"

#include <sys/stat.h>

#include <map>
#include <optional>
#include <tuple>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

using file_groups = std::vector<std::vector<std::size_t>>;

namespace detail {

// Divides groups by a key of their members; members without a key, and groups of one, go.
template <class Key>
file_groups divided(file_groups const& groups, std::size_t files, int threads, Key const& key_of) {
  using key = decltype(key_of(std::size_t{}));
  std::vector<key> keys(files);
  std::vector<std::size_t> members;
  for (auto const& g : groups) members.insert(members.end(), g.begin(), g.end());
  for_each_in_parallel(members.size(), threads, [&](std::size_t i) { keys[members[i]] = key_of(members[i]); });
  file_groups result;
  for (auto const& g : groups) {
    std::map<key, std::vector<std::size_t>> parts;
    for (std::size_t const i : g)
      if (keys[i]) parts[keys[i]].push_back(i);
    for (auto& [k, part] : parts)
      if (part.size() > 1) result.push_back(std::move(part));
  }
  return result;
}

}  // namespace detail

// progress: files told apart, and of how many; may be empty.
inline file_groups equal_files(std::vector<std::filesystem::path> const& paths, int threads = 0,
                               std::function<void(std::size_t, std::size_t)> const& progress = {}) {
  struct place {
    std::uint64_t device = 0, node = 0;
    std::int64_t size = -1;
  };
  std::vector<place> places(paths.size());
  for_each_in_parallel(paths.size(), threads, [&](std::size_t i) {
    struct stat about;
    if (::stat(paths[i].c_str(), &about) == 0)
      places[i] = {static_cast<std::uint64_t>(about.st_dev), static_cast<std::uint64_t>(about.st_ino), about.st_size};
  });
  // One of each file on the disk, with those that are links to it.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::size_t>> links;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (places[i].size >= 0) links[{places[i].device, places[i].node}].push_back(i);
  std::map<std::int64_t, std::vector<std::size_t>> by_size;
  std::map<std::size_t, std::vector<std::size_t> const*> linked;
  for (auto const& [node, same] : links) {
    by_size[places[same.front()].size].push_back(same.front());
    linked[same.front()] = &same;
  }
  file_groups groups;
  for (auto const& [size, same] : by_size)
    if (same.size() > 1) groups.push_back(same);
  using hash = std::optional<std::uint64_t>;
  groups = detail::divided(groups, paths.size(), threads, [&](std::size_t i) -> hash {
    try {
      auto const file = io::detail::open_to_read(paths[i]);
      std::uint64_t const size = io::detail::size_of_file(file, paths[i]);
      std::size_t const n = static_cast<std::size_t>(std::min<std::uint64_t>(size, 4096));
      std::string middle(n, 0);
      io::detail::read_at(file, (size - n) / 2, n, middle.data(), paths[i].string());
      return fnv1a(middle);
    } catch (error const&) {
      return std::nullopt;
    }
  });
  std::size_t left = 0;
  for (auto const& g : groups) left += g.size();
  turn_counter done(progress, left);
  groups = detail::divided(groups, paths.size(), threads, [&](std::size_t i) -> hash {
    hash of_file;
    try {
      of_file = fnv1a(io::read_file(paths[i]));
    } catch (error const&) {
    }
    done.add();
    return of_file;
  });
  // Links join the group of their file.
  std::map<std::size_t, std::vector<std::size_t>> result;
  auto const add = [&](std::vector<std::size_t> const& group) {
    std::vector<std::size_t> all;
    for (std::size_t const i : group) {
      all.insert(all.end(), linked.at(i)->begin(), linked.at(i)->end());
      linked.erase(i);
    }
    std::sort(all.begin(), all.end());
    result[all.front()] = all;
  };
  for (auto const& g : groups) add(g);
  for (auto const& [first, same] : std::map(linked))
    if (same->size() > 1) add({first});
  file_groups sorted;
  for (auto& [first, group] : result) sorted.push_back(std::move(group));
  return sorted;
}

struct box_repeats {
  case_list of_one_class, of_two_classes;
};

inline box_repeats repeated_boxes(dataset const& data) {
  box_repeats found;
  for (sample const& s : data.samples) {
    std::map<std::tuple<float, float, float, float>, std::string const*> seen;
    for (object const& o : s.objects) {
      auto const [at, is_new] = seen.try_emplace({o.where.x1, o.where.y1, o.where.x2, o.where.y2}, &o.name);
      if (is_new) continue;
      (*at->second == o.name ? found.of_one_class : found.of_two_classes).add(s.image.string() + ", " + o.name + " " + to_string(o.where));
    }
  }
  return found;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
