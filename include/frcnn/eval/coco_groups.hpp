#pragma once
// Objects or detections grouped by category and image: counting sorts of their places, nothing is copied.
//
//   coco_id_index     the place of an id among those given, in ascending order
//   group_coco        places ordered by category, then image, then as they came
//   rank_coco         orders each group by descending score and keeps the best
//
// Example: detections of (image 2, category 1), (1, 1), (2, 1) are in the order 1, 0, 2
#include "frcnn/core/error.hpp"
#include "frcnn/io/coco_records.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::eval {

class coco_id_index {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  // Throws where an id is there twice. where: for messages.
  coco_id_index(std::string const& where, std::span<std::int64_t const> ids) : ids_(ids.begin(), ids.end()) {
    std::sort(ids_.begin(), ids_.end());
    if (auto const twice = std::adjacent_find(ids_.begin(), ids_.end()); twice != ids_.end())
      throw error(where, "ids that differ", std::to_string(*twice) + " twice");
    if (ids_.empty()) return;
    // Ids mostly lie close together: a table of them is no longer than a few lists.
    auto const range = static_cast<std::uint64_t>(ids_.back()) - static_cast<std::uint64_t>(ids_.front());
    if (range >= 16 * ids_.size() + 4096) return;
    table_.assign(range + 1, none);
    for (std::size_t i = 0; i < ids_.size(); ++i) table_[static_cast<std::size_t>(ids_[i] - ids_.front())] = static_cast<std::uint32_t>(i);
  }

  std::uint32_t operator()(std::int64_t id) const {
    if (!table_.empty()) {
      auto const at = static_cast<std::uint64_t>(id) - static_cast<std::uint64_t>(ids_.front());
      return at < table_.size() ? table_[at] : none;
    }
    auto const found = std::lower_bound(ids_.begin(), ids_.end(), id);
    return found == ids_.end() || *found != id ? none : static_cast<std::uint32_t>(found - ids_.begin());
  }
  std::size_t size() const { return ids_.size(); }
  std::span<std::int64_t const> ids() const { return ids_; }  // ascending

 private:
  std::vector<std::int64_t> ids_;
  std::vector<std::uint32_t> table_;
};

struct coco_groups {
  std::vector<std::uint32_t> order;            // places in the list that was grouped
  std::vector<std::uint32_t> image, category;  // of each of `order`: places of the ids
  std::vector<std::size_t> category_begin;     // [K + 1], in `order`
  std::size_t left_out = 0;                    // of other categories

  std::size_t in_category(std::size_t k) const { return category_begin[k + 1] - category_begin[k]; }
  std::span<std::uint32_t const> group(std::uint32_t category_, std::uint32_t image_) const {
    auto const begin = image.begin() + static_cast<std::ptrdiff_t>(category_begin[category_]),
               end = image.begin() + static_cast<std::ptrdiff_t>(category_begin[category_ + 1]);
    auto const [first, last] = std::equal_range(begin, end, image_);
    return std::span(order).subspan(static_cast<std::size_t>(first - image.begin()), static_cast<std::size_t>(last - first));
  }
};

// Throws for what is of no image, and, unless others are left out, of no category. what: "object", for messages.
template <class Record>
coco_groups group_coco(std::string const& what, std::span<Record const> records, coco_id_index const& image_at,
                       coco_id_index const& category_at, bool leave_out_others) {
  if (records.size() >= coco_id_index::none) throw error("evaluate_coco", "fewer than 2^32 of each " + what, "more");
  auto const refuse = [&](char const* part, std::size_t i, std::int64_t id) {
    throw error(what + ' ' + std::to_string(i), std::string("the id of one of the ") + part, std::to_string(id));
  };
  coco_groups g;
  std::size_t const n = records.size();
  std::vector<std::uint32_t> image(n), category(n), by_image(n);
  std::vector<std::size_t> image_begin(image_at.size() + 1);
  g.category_begin.assign(category_at.size() + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    image[i] = image_at(records[i].image);
    category[i] = category_at(records[i].category);
    if (image[i] == coco_id_index::none) refuse("images", i, records[i].image);
    if (category[i] == coco_id_index::none) {
      if (!leave_out_others) refuse("categories", i, records[i].category);
      ++g.left_out;
      continue;
    }
    ++image_begin[image[i] + 1];
    ++g.category_begin[category[i] + 1];
  }
  for (auto* const list : {&image_begin, &g.category_begin})
    for (std::size_t i = 1; i < list->size(); ++i) (*list)[i] += (*list)[i - 1];
  for (std::size_t i = 0; i < n; ++i)
    if (category[i] != coco_id_index::none) by_image[image_begin[image[i]]++] = static_cast<std::uint32_t>(i);
  std::size_t const used = n - g.left_out;
  g.order.resize(used), g.image.resize(used), g.category.resize(used);
  auto next = g.category_begin;
  for (std::size_t i = 0; i < used; ++i) {
    auto const from = by_image[i];
    auto const to = next[category[from]]++;
    g.order[to] = from;
    g.image[to] = image[from];
    g.category[to] = category[from];
  }
  return g;
}

// f(begin, end) for each group within [from, to) of the order, which begins and ends between groups.
template <class F>
void for_each_group(coco_groups const& g, std::pair<std::size_t, std::size_t> part, F&& f) {
  for (std::size_t begin = part.first, end; begin < part.second; begin = end) {
    for (end = begin + 1; end < part.second && g.image[end] == g.image[begin] && g.category[end] == g.category[begin];) ++end;
    f(begin, end);
  }
}

// Parts of the order of about so many, which begin and end between groups.
inline std::vector<std::pair<std::size_t, std::size_t>> chunks_of(coco_groups const& g, std::size_t size) {
  std::vector<std::pair<std::size_t, std::size_t>> chunks;
  for (std::size_t begin = 0, end; begin < g.order.size(); begin = end) {
    end = std::min(begin + size, g.order.size());
    while (end < g.order.size() && g.image[end] == g.image[end - 1] && g.category[end] == g.category[end - 1]) ++end;
    chunks.emplace_back(begin, end);
  }
  return chunks;
}

// Orders each group by descending score, equal ones as they came, and leaves the best `most` of each. The result: of each that is left its
// rank within the group, from 0.
inline std::vector<std::uint32_t> rank_coco(coco_groups& g, std::span<io::coco_result const> detections, std::size_t most) {
  std::vector<std::uint32_t> rank;
  rank.reserve(g.order.size());
  std::vector<std::size_t> begins(g.category_begin.size());
  std::size_t ranked = 0, k = 0;
  for_each_group(g, {0, g.order.size()}, [&](std::size_t begin, std::size_t end) {
    auto const by_score = [&](std::uint32_t a, std::uint32_t b) {
      return detections[a].score > detections[b].score || (detections[a].score == detections[b].score && a < b);
    };
    for (; k <= g.category[begin]; ++k) begins[k] = ranked;
    std::sort(g.order.begin() + static_cast<std::ptrdiff_t>(begin), g.order.begin() + static_cast<std::ptrdiff_t>(end), by_score);
    std::size_t const left = std::min(end - begin, most);
    for (std::size_t i = 0; i < left; ++i, ++ranked) {
      g.order[ranked] = g.order[begin + i];
      g.image[ranked] = g.image[begin + i];
      g.category[ranked] = g.category[begin + i];
      rank.push_back(static_cast<std::uint32_t>(i));
    }
  });
  for (; k < begins.size(); ++k) begins[k] = ranked;
  g.category_begin = begins;
  g.order.resize(ranked), g.image.resize(ranked), g.category.resize(ranked);
  return rank;
}

}  // namespace frcnn::inline FRCNN_ABI::eval
FRCNN_HIDDEN_END
