#pragma once
// Proposals in a text file: what a generator found on each image, to train and evaluate Fast R-CNN on and to measure its recall.
//
//   image_id x1 y1 x2 y2 [score [anchor]]     a proposal; all of a file have as many words
//   image_id                                  an image on which nothing is proposed
//
// Coordinates and ids are those of result files (eval/voc_results.hpp): inclusive and from 1 on disk, half-open and from 0 in memory; blanks
// in ids are encoded. anchor: "size:ratio", the square root of its area in pixels of the resized image, and its height over its width.
// Lists come by descending score; of equal scores, and without scores, the order of the lines is the rank.
//
//   proposal_writer        one image after the other; the file is whole or not there
//   read_proposals         every image has a line, or the error names those without one
//   parse_proposals        the same of a file's text, for callers that want lists of several data sets
//   proposal_lists::source   the lists as a region_source (geometry/region.hpp)
//
// Example: the region {{9, 19, 50, 60}, 0.5} of image 000001 is the line    000001 10.000000 20.000000 50.000000 60.000000 0.500000
// Refused with file and line: a line of another number of words, what is no finite number, corners that are swapped, a box without area or
// beside its image, an anchor that is none. Told once to `warn`, with the first line: lines of other images (not used), boxes that go beyond
// their image by more than a pixel (all are clipped to it), boxes that begin at 0 where fewer begin at 1, lines that are there twice.
// Invariant: what is written reads back with the same numbers (what lies below 1e-12 aside) and in the same order, clipped.
#include "frcnn/core/checked.hpp"
#include "frcnn/eval/voc_results.hpp"
#include "frcnn/geometry/anchors.hpp"
#include "frcnn/geometry/region.hpp"

#include <map>
#include <memory>
#include <tuple>
#include <unordered_set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

struct proposal_lists {
  std::vector<std::vector<region>> regions;        // [I]
  std::vector<std::vector<std::uint16_t>> anchor;  // [I], of each region an index into `anchors`; empty where the file names none
  std::vector<anchor_shape> anchors;               // that occur, ascending
  bool scored = false;

  // How many of an image a training looks at that takes the `best` of scored lists. Where nothing says which are better: all, so that it does
  // not see the first ones alone.
  int most_of(int best) const {
    std::size_t longest = 1;
    for (auto const& list : regions) longest = std::max(longest, list.size());
    return scored ? best : checked::extent(longest);
  }
  // No more than so many of each image.
  void keep_best(std::size_t most) {
    for (auto& list : regions) list.resize(std::min(list.size(), most));
    for (auto& list : anchor) list.resize(std::min(list.size(), most));
  }
  std::vector<std::vector<box<float>>> boxes() const {
    std::vector<std::vector<box<float>>> all(regions.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      for (region const& r : regions[i]) all[i].push_back(r.where);
    return all;
  }
  // Of the image as it is; the loader mirrors them. Keeps the lists alive. No lists: no source.
  static region_source source(std::shared_ptr<proposal_lists const> lists) {
    if (!lists) return {};
    return [lists](std::size_t index, bool) { return lists->regions.at(index); };
  }
};

// An image of a data set, as lines name it.
struct listed_image {
  std::string id;
  int width, height;
};

// Throws where two images have one id: no line could tell them apart. where: for messages.
inline void require_distinct_ids(std::string const& where, std::span<listed_image const> images) {
  std::vector<std::string> ids;
  for (auto const& im : images) ids.push_back(im.id);
  detail::indices_of(where, ids);
}

class proposal_writer {
 public:
  // Whether lines have scores, and anchors behind them.
  enum class words : std::uint8_t { box, score, anchor };

  proposal_writer(std::filesystem::path const& path, words what) : path_(path), file_(path), what_(what) {}

  // The regions of an image in the order of their rank; anchors: one for each of them, where lines have anchors. Throws for numbers that are
  // not finite and corners that are swapped.
  void add(std::string const& id, std::span<region const> regions, std::span<anchor_shape const> anchors = {}) {
    auto const refuse = [&](char const* expected, char const* found) {
      throw error(path_.string() + ", image " + (id.empty() ? "without id" : id), expected, found);
    };
    if (id.empty()) refuse("an id", "none");
    if (what_ == words::anchor && anchors.size() != regions.size()) refuse("an anchor for each region", "another number of them");
    std::string const name = result_id(id);
    text_.clear();
    if (regions.empty()) text_ = name + '\n';
    for (std::size_t r = 0; r < regions.size(); ++r) {
      auto const& b = regions[r].where;
      if (!is_finite(b) || !is_finite(regions[r].score)) refuse("finite numbers", "NaN or infinity");
      if (!(b.x1 < b.x2) || !(b.y1 < b.y2)) refuse("x1 < x2 and y1 < y2", to_string(b).c_str());
      text_ += name;
      for (auto const& [value, offset] : {std::pair{b.x1, 1.}, {b.y1, 1.}, {b.x2, 0.}, {b.y2, 0.}})
        detail::append_number(text_, value, offset);
      if (what_ != words::box) detail::append_number(text_, regions[r].score, 0);
      if (what_ == words::anchor) append_anchor(anchors[r]);
      text_ += '\n';
    }
    file_.write(text_.data(), text_.size());
  }
  void commit() { file_.commit(); }

 private:
  void append_anchor(anchor_shape const& a) {
    char digits[64];
    text_ += ' ';
    text_.append(digits, std::to_chars(digits, digits + sizeof digits, a.size).ptr) += ':';
    text_.append(digits, std::to_chars(digits, digits + sizeof digits, a.ratio).ptr);
  }

  std::filesystem::path path_;
  io::atomic_file file_;
  words what_;
  std::string text_;  // of one image
};

namespace detail {

struct listed_proposal {
  region what;
  anchor_shape anchor;
  std::size_t line;
};

// Lines with equal box and score come together, by number.
inline auto line_order(listed_proposal const& p) {
  auto const& b = p.what.where;
  return std::tuple(b.x1, b.y1, b.x2, b.y2, p.what.score, p.line);
}

template <class Where>
anchor_shape anchor_of(std::string_view word, Where const& here) {
  auto const colon = word.find(':');
  anchor_shape a{};
  if (colon != word.npos) a = {number_of(word.substr(0, colon), here), number_of(word.substr(colon + 1), here)};
  if (!(a.size > 0) || !(a.ratio > 0)) throw error(here(), "an anchor as size:ratio, numbers above 0", excerpt(word));
  return a;
}

// "'a', 'b', 'c' and 7 more"
inline std::string some_of(std::span<std::string const> names) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i ? ", " : "") + excerpt(names[i]);
  return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

// Counts cases; said once.
struct cases {
  std::size_t count = 0;
  std::string first;
  template <class Where>
  void add(Where const& here) {
    if (count++ == 0) first = here();
  }
  void tell(std::function<void(std::string const&)> const& warn, char const* one, char const* many) const {
    if (warn && count) warn(std::to_string(count) + ' ' + (count == 1 ? one : many) + "; the first: " + first);
  }
};

}  // namespace detail

// Lists of these images, in their order. path: for messages. elsewhere: ids that a file may have besides without a warning.
inline proposal_lists parse_proposals(std::string_view text, std::filesystem::path const& path, std::span<listed_image const> images,
                                      std::function<void(std::string const&)> const& warn = {},
                                      std::span<std::string const> elsewhere = {}) {
  std::vector<std::string> ids;
  for (auto const& im : images) ids.push_back(im.id);
  auto const index = detail::indices_of(path.string(), ids);
  std::unordered_set<std::string> others;
  for (auto const& id : elsewhere) others.insert({id, result_id(id)});

  std::vector<std::vector<detail::listed_proposal>> found(images.size());
  std::vector<std::size_t> bare(images.size());  // the line of an image without proposals
  std::size_t words = 0, lines = 0, fractions = 0, from_one = 0;
  detail::cases foreign, beyond, from_zero, repeated;
  std::string first_foreign;
  detail::for_each_line(text, [&](std::size_t number, std::string_view line) {
    auto const here = [&] { return path.string() + ':' + std::to_string(number); };
    auto const word = detail::words(line, 7);
    if (word.empty()) return;
    constexpr char const* format = "image_id x1 y1 x2 y2 [score [size:ratio]], or image_id alone where nothing is proposed";
    auto const many = [](std::size_t n) { return n == 1 ? std::string("1 word") : std::to_string(n) + " words"; };
    if (word.size() != 1 && (word.size() < 5 || word.size() > 7))
      throw error(here(), format, many(word.size()) + (word.size() > 7 ? " or more" : ""));
    if (word.size() != 1) {
      if (words == 0) words = word.size();
      if (word.size() != words) throw error(here(), many(words) + ", as on the lines before", many(word.size()));
    }
    double value[5] = {};
    for (std::size_t v = 0; v + 1 < std::min<std::size_t>(word.size(), 6); ++v) value[v] = detail::number_of(word[v + 1], here);
    anchor_shape const anchor = word.size() == 7 ? detail::anchor_of(word[6], here) : anchor_shape{};
    ++lines;
    auto const at = index.find(std::string(word[0]));
    if (at == index.end()) {
      if (others.contains(std::string(word[0]))) return;
      if (foreign.count == 0) first_foreign = std::string(word[0]);
      return foreign.add([&] { return here() + ", " + excerpt(word[0]); });
    }
    if (word.size() == 1) {
      bare[at->second] = number;
      return;
    }
    auto where = box<double>{value[0] - 1, value[1] - 1, value[2], value[3]}.as<float>();
    if (detail::is_swapped(where))
      throw error(here(), "x1 y1 x2 y2 with x1 <= x2 and y1 <= y2",
                  excerpt(std::string(word[1]) + ' ' + std::string(word[2]) + ' ' + std::string(word[3]) + ' ' + std::string(word[4])) +
                      " (width and height in place of x2 and y2?)");
    auto const& im = images[at->second];
    float const w = static_cast<float>(im.width), h = static_cast<float>(im.height);
    region r{where, static_cast<float>(value[4])};
    check_region(r, im.width, im.height, here);
    if (where.x1 < -1 || where.y1 < -1 || where.x2 > w + 1 || where.y2 > h + 1) beyond.add(here);
    if (std::min(value[0], value[1]) == 1) ++from_one;
    else if (std::min(value[0], value[1]) >= 0 && std::min(value[0], value[1]) < 1) from_zero.add(here);
    fractions += (w > 1 || h > 1) && std::all_of(value, value + 4, [](double v) { return v >= 0 && v <= 1; });
    r.where = {std::max(where.x1, 0.f), std::max(where.y1, 0.f), std::min(where.x2, w), std::min(where.y2, h)};
    found[at->second].push_back({r, anchor, number});
  });
  if (lines == 0) throw error(path.string(), "proposals, lines image_id x1 y1 x2 y2 [score]", "a file without lines");

  std::vector<std::string> missing;
  std::size_t boxes = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    boxes += found[i].size();
    if (found[i].empty() && !bare[i]) missing.push_back(ids[i]);
    if (!found[i].empty() && bare[i])
      throw error(path.string() + ':' + std::to_string(bare[i]), "an id alone only where nothing is proposed",
                  "image " + excerpt(ids[i]) + ", of which line " + std::to_string(found[i].front().line) + " has a box");
  }
  if (!missing.empty())
    throw error(path.string(), "proposals of each of " + std::to_string(images.size()) + (images.size() == 1 ? " image" : " images"),
                "none of " + std::to_string(missing.size()) + ": " + detail::some_of(missing) +
                    (foreign.count ? " (but of other images, the first: " + excerpt(first_foreign) + ")" : ""));
  if (boxes > 1 && fractions == boxes)
    throw error(path.string(), "coordinates in pixels of the image",
                "all " + std::to_string(boxes) + " boxes in 0..1, as fractions of it are");

  proposal_lists lists;
  lists.scored = words > 5;
  lists.regions.resize(images.size());
  if (words == 7) lists.anchor.resize(images.size());
  std::map<anchor_shape, std::uint16_t> anchors;
  for (auto const& list : found)
    for (auto const& p : list)
      if (words == 7 && anchors.try_emplace(p.anchor, std::uint16_t{0}).second && anchors.size() > 4096)
        throw error(path.string() + ':' + std::to_string(p.line), "4096 different anchors at most", "more");
  for (auto& [shape, position] : anchors) position = static_cast<std::uint16_t>(lists.anchors.size()), lists.anchors.push_back(shape);
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto sorted = found[i];
    std::ranges::sort(sorted, {}, detail::line_order);
    for (std::size_t k = 1; k < sorted.size(); ++k)
      if (sorted[k].what.where == sorted[k - 1].what.where && sorted[k].what.score == sorted[k - 1].what.score)
        repeated.add(
            [&] { return path.string() + ':' + std::to_string(sorted[k].line) + ", as line " + std::to_string(sorted[k - 1].line); });
    std::ranges::stable_sort(found[i], std::ranges::greater{}, [](auto const& p) { return p.what.score; });
    for (auto const& p : found[i]) {
      lists.regions[i].push_back(p.what);
      if (words == 7) lists.anchor[i].push_back(anchors.at(p.anchor));
    }
    found[i] = {};
  }
  foreign.tell(warn, "line is of an image that is not among these, and is not used",
               "lines are of images that are not among these, and are not used");
  beyond.tell(warn, "box goes beyond its image and is clipped", "boxes go beyond their images and are clipped");
  if (from_zero.count > from_one)
    from_zero.tell(warn, "box begins at 0 where these files count from 1: if this one counts from 0, its boxes are read a pixel off",
                   "boxes begin at 0 where these files count from 1: if this one counts from 0, its boxes are read a pixel off");
  repeated.tell(warn, "line is there before, with the same box and score", "lines are there before, with the same box and score");
  return lists;
}

// What parse_proposals takes.
inline std::string text_of_proposals(std::filesystem::path const& path) {
  return io::read_text(path, "proposals, lines image_id x1 y1 x2 y2 [score]");
}

inline proposal_lists read_proposals(std::filesystem::path const& path, std::span<listed_image const> images,
                                     std::function<void(std::string const&)> const& warn = {},
                                     std::span<std::string const> elsewhere = {}) {
  return parse_proposals(text_of_proposals(path), path, images, warn, elsewhere);
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
