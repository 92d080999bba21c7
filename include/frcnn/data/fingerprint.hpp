#pragma once
// A fingerprint of a data set, by which a resumed run finds what has changed since it began: for every image its id, its size, and a hash
// of its objects. Pixels are not part of it.
//
//   fingerprint_of(set)                 of a checked data set (data/voc.hpp)
//   to_text(f), fingerprint_in(text)    as a file holds it: a line "<width> <height> <objects> <hash> <id>" for each image
//   difference(then, now)               empty where both are the same, else a phrase that says how many images differ, and how the first:
//                                       "2 images that differ, the first: 'a17', 3 objects on 640 x 480 before, 4 objects on 640 x 480 now"
#include "frcnn/core/hash.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/data/dataset.hpp"

#include <charconv>
#include <cstring>
#include <map>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct fingerprint {
  struct entry {
    std::string id;
    int width = 0, height = 0;
    std::size_t objects = 0;
    std::uint64_t hash = 0;  // of the objects, in their order: class, corners, difficult; and of how the image is turned
    friend bool operator==(entry const&, entry const&) = default;
  };
  std::vector<entry> images;  // in the order of the data set, which batches follow
  friend bool operator==(fingerprint const&, fingerprint const&) = default;
};

inline fingerprint fingerprint_of(dataset const& set) {
  fingerprint f;
  for (auto const& s : set.samples) {
    std::uint64_t hash = fnv1a(std::to_string(s.orientation));
    for (auto const& o : s.objects) {
      char corners[4 * sizeof(float)];
      float const values[4] = {o.where.x1, o.where.y1, o.where.x2, o.where.y2};
      std::memcpy(corners, values, sizeof corners);
      hash = fnv1a({corners, sizeof corners}, fnv1a(o.difficult ? "difficult " : "", fnv1a(o.name, hash)));
    }
    f.images.push_back({s.id, s.width, s.height, s.objects.size(), hash});
  }
  return f;
}

inline std::string to_text(fingerprint const& f) {
  std::string text = "frcnn data 1\n";
  for (auto const& e : f.images)
    text += std::to_string(e.width) + ' ' + std::to_string(e.height) + ' ' + std::to_string(e.objects) + ' ' + std::to_string(e.hash) +
            ' ' + e.id + '\n';
  return text;
}

// name: of the file, for messages. Throws error.
inline fingerprint fingerprint_in(std::string_view text, std::string const& name) {
  auto const take_line = [&] {
    auto const end = std::min(text.find('\n'), text.size());
    auto const line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  if (take_line() != "frcnn data 1") throw error(name, "the images of a run (\"frcnn data 1\")", "something else");
  fingerprint f;
  for (int number = 2; !text.empty(); ++number) {
    auto line = take_line();
    auto const take = [&](auto& value) {
      auto const [end, failed] = std::from_chars(line.data(), line.data() + line.size(), value);
      bool const sound = failed == std::errc{} && end != line.data() + line.size() && *end == ' ';
      if (!sound) throw error(name + ":" + std::to_string(number), "width, height, objects, hash and id of an image", excerpt(line));
      line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
    };
    auto& e = f.images.emplace_back();
    take(e.width), take(e.height), take(e.objects), take(e.hash);
    e.id = line;
  }
  return f;
}

inline std::string difference(fingerprint const& then, fingerprint const& now) {
  if (then == now) return {};
  // Several images may have one id, in several folders: the first with the first, the second with the second.
  auto const by_id = [](fingerprint const& f) {
    std::map<std::string_view, std::vector<std::size_t>> at;
    for (std::size_t i = 0; i < f.images.size(); ++i) at[f.images[i].id].push_back(i);
    return at;
  };
  auto const before = by_id(then), after = by_id(now);
  std::size_t count = 0;
  std::string first;
  auto const found = [&](fingerprint::entry const& e, std::string const& what) {
    if (count++ == 0) first = excerpt(e.id) + what;
  };
  auto const described = [](fingerprint::entry const& e) {
    return std::to_string(e.objects) + (e.objects == 1 ? " object on " : " objects on ") + std::to_string(e.width) + " x " +
           std::to_string(e.height);
  };
  for (auto const& e : then.images) {
    auto const& old = before.find(e.id)->second;
    auto const other = after.find(e.id);
    std::size_t const mine = static_cast<std::size_t>(&e - then.images.data()),
                      k = static_cast<std::size_t>(std::ranges::find(old, mine) - old.begin());
    if (other == after.end() || other->second.size() <= k) {
      found(e, " is not there any more");
    } else if (auto const& n = now.images[other->second[k]]; !(n == e)) {
      bool const alike = described(e) == described(n);
      found(e, alike ? " has other boxes or classes" : ", " + described(e) + " before, " + described(n) + " now");
    }
  }
  for (auto const& [id, mine] : after) {
    auto const old = before.find(id);
    for (std::size_t k = old == before.end() ? 0 : old->second.size(); k < mine.size(); ++k) found(now.images[mine[k]], " is new");
  }
  if (count == 0) return "the same images in another order";
  return std::to_string(count) + (count == 1 ? " image that differs: " : " images that differ, the first: ") + first;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
