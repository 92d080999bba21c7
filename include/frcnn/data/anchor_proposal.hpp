#pragma once
// Anchors proposed from the boxes of a data set: sizes and ratios for the paper's grid of sizes x ratios, by k-means under 1 - IoU.
//
// 1. the distance of a box and an anchor is 1 - IoU on the grid of the anchor's map (anchor_fit.hpp: best), so that strides and the border
//    count
// 2. start: the present anchors; quantiles of the boxes; sizes evenly in their logarithm over the boxes
// 3. each box belongs to its best anchor. Each size in turn, then each ratio, moves to where the mean IoU of all boxes is highest (the
//    mean of a cluster, but that the anchors of a size share it); until none moves
// 4. of the starts the one with most boxes at an IoU of 0.7, then at 0.5, then the highest mean
// In 3 and 4 a class of n boxes weighs as the square root of n, so that a frequent class does not take all anchors from the rare ones.
// Counted plainly, the proposal has never fewer boxes at 0.7 than the present anchors, which take part as they are.
// Of several maps (a feature pyramid) each has as many sizes as before, all of them below those of the next map, and ratios are the same on
// all: sizes belong to maps in their order, so that two that pass each other in step 3 change maps.
// Sizes are whole pixels, ratios have two digits. At most 1,000 boxes, evenly over the data, are moved by; all are counted in step 4.
// Equal data gives equal proposals.
//
// Source: Redmon and Farhadi, "YOLO9000", CVPR 2017, section 2 (dimension clusters); Faster R-CNN, section 3.1.1.
#include "frcnn/data/anchor_fit.hpp"

#include <charconv>
#include <tuple>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct anchor_shapes {
  // Square roots of areas, pixels of the resized image, of all maps, the first map's first, as many for each; heights over widths.
  std::vector<double> sizes, ratios;
  friend bool operator==(anchor_shapes const&, anchor_shapes const&) = default;
};

// Throws error where maps would not have equally many sizes, and as make_anchors.
template <class Rules, int L>
grid_anchors<L> anchors_of(anchor_shapes const& s) {
  if (s.sizes.size() % L)
    throw error("anchor sizes", "as many for each of " + std::to_string(L) + " maps", std::to_string(s.sizes.size()) + " in all");
  auto const of_map = static_cast<std::ptrdiff_t>(s.sizes.size() / L);
  std::vector<std::vector<double>> sizes;
  for (int l = 0; l < L; ++l) sizes.emplace_back(s.sizes.begin() + l * of_map, s.sizes.begin() + (l + 1) * of_map);
  return make_anchors<Rules, L>(sizes, s.ratios);
}

namespace detail {

// Whether rounding leaves an area to all of them.
template <class Rules>
bool have_area(anchor_shapes const& s) {
  for (double const size : s.sizes)
    for (double const ratio : s.ratios) {
      box<float> const b = Rules::base_anchor(size, ratio).template as<float>();
      if (!(b.width() > 0) || !(b.height() > 0)) return false;
    }
  return true;
}

inline double two_digits(double v) {
  char text[32];
  auto const end = std::to_chars(text, text + sizeof text, v, std::chars_format::general, 2).ptr;
  std::from_chars(text, end, v);
  return v;
}

// Ascending, each above the one before.
inline void separate(std::vector<double>& values, bool whole) {
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = whole ? std::max(2., std::round(values[i])) : std::clamp(two_digits(values[i]), 0.05, 20.);
    if (i > 0 && values[i] <= values[i - 1]) values[i] = whole ? values[i - 1] + 1 : two_digits(values[i - 1] * 1.25);
  }
}

inline double quantile(std::vector<double> const& sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

// Whether each map's sizes lie below the next map's. Sizes do not descend.
template <int L>
bool ascend_over_maps(std::vector<double> const& sizes) {
  std::size_t const of_map = sizes.size() / L;
  for (std::size_t first = of_map; first < sizes.size(); first += of_map)
    if (!(sizes[first - 1] < sizes[first])) return false;
  return true;
}

// k-means of step 3 over a sample of boxes.
template <class Rules, int L>
class anchor_clusters {
 public:
  explicit anchor_clusters(anchor_boxes<Rules, L> const& boxes, std::size_t most = 1000) : boxes_(boxes) {
    std::map<std::int32_t, double> of_class;
    boxes.for_each(boxes.size(), [&](box<float> const&, std::int32_t label, std::size_t) { ++of_class[label]; });
    boxes.for_each(most, [&](box<float> const& b, std::int32_t label, std::size_t place) {
      sample_.push_back({b, place});
      weights_.push_back(1 / std::sqrt(of_class[label]));
      sizes_.push_back(std::sqrt(static_cast<double>(b.area())));
      ratios_.push_back(static_cast<double>(b.height()) / static_cast<double>(b.width()));
    });
    std::sort(sizes_.begin(), sizes_.end());
    std::sort(ratios_.begin(), ratios_.end());
  }

  // Where k-means starts. Ratios that are given stay.
  anchor_shapes quantiles(std::size_t sizes, std::vector<double> const& ratios, bool by_logarithm) const {
    anchor_shapes s{{}, ratios};
    double const low = quantile(sizes_, 0.05), high = quantile(sizes_, 0.95);
    for (std::size_t i = 0; i < sizes; ++i) {
      double const at = (static_cast<double>(i) + 0.5) / static_cast<double>(sizes);
      s.sizes.push_back(by_logarithm ? low * std::pow(high / low, at) : quantile(sizes_, at));
    }
    separate(s.sizes, true);
    return s;
  }
  std::vector<double> quantile_ratios(std::size_t ratios) const {
    std::vector<double> r;
    for (std::size_t i = 0; i < ratios; ++i) r.push_back(quantile(ratios_, (static_cast<double>(i) + 0.5) / static_cast<double>(ratios)));
    separate(r, false);
    return r;
  }

  anchor_shapes settle(anchor_shapes s, bool move_ratios) {
    double best = mean_of(s);
    for (int round = 0; round < 20; ++round) {
      bool moved = false;
      for (std::size_t i = 0; i < s.sizes.size(); ++i) moved = move(s, s.sizes, i, true, best) || moved;
      for (std::size_t i = 0; move_ratios && i < s.ratios.size(); ++i) moved = move(s, s.ratios, i, false, best) || moved;
      if (!moved) break;
    }
    std::sort(s.sizes.begin(), s.sizes.end());
    std::sort(s.ratios.begin(), s.ratios.end());
    return s;
  }

 private:
  using overlaps = std::vector<float>;  // of each box of the sample with the best anchor of one shape on one map

  bool move(anchor_shapes& s, std::vector<double>& values, std::size_t i, bool whole, double& best) {
    double const before = values[i];
    double to = before;
    for (double const factor : {0.6, 0.75, 0.87, 0.94, 0.98, 1.02, 1.06, 1.15, 1.33, 1.6}) {
      double v = whole ? std::round(before * factor) : two_digits(before * factor);
      if (whole && v == before) v = factor < 1 ? before - 1 : before + 1;
      if (v < (whole ? 2 : 0.05) || v > (whole ? 16384 : 20) || (v != before && std::find(values.begin(), values.end(), v) != values.end()))
        continue;
      values[i] = v;
      if (double const mean = mean_of(s); mean > best + 1e-9) best = mean, to = v;
      values[i] = before;
    }
    values[i] = to;
    return to != before;
  }

  double mean_of(anchor_shapes const& s) {
    most_of_all_.assign(sizes_.size(), 0);
    std::vector<double> sizes = s.sizes;
    std::sort(sizes.begin(), sizes.end());
    for (std::size_t i = 0; i < sizes.size(); ++i)
      for (double const ratio : s.ratios) {
        overlaps const& of = of_shape(static_cast<int>(i / (sizes.size() / L)), {sizes[i], ratio});
        for (std::size_t b = 0; b < of.size(); ++b) most_of_all_[b] = std::max(most_of_all_[b], of[b]);
      }
    double sum = 0, weights = 0;
    for (std::size_t b = 0; b < weights_.size(); ++b) sum += weights_[b] * static_cast<double>(most_of_all_[b]), weights += weights_[b];
    return sum / weights;
  }

  // On map l. Rounding may leave no area: such a shape overlaps nothing.
  overlaps const& of_shape(int l, anchor_shape const& shape) {
    auto const [at, is_new] = known_.try_emplace({l, shape});
    overlaps& of = at->second;
    if (!is_new) return of;
    if (!have_area<Rules>({{shape.size}, {shape.ratio}})) {
      of.assign(sizes_.size(), 0);
      return of;
    }
    auto const grids = boxes_.grids_of_map(l, make_anchors<Rules, 1>({{shape.size}}, {shape.ratio}));
    for (auto const& [b, place] : sample_) of.push_back(static_cast<float>(grids[place].best(b, true)));
    return of;
  }

  anchor_boxes<Rules, L> const& boxes_;
  std::vector<std::pair<box<float>, std::size_t>> sample_;  // boxes and their places
  std::vector<double> weights_;                             // of the boxes of the sample
  std::vector<double> sizes_, ratios_;                      // of the sample, ascending
  std::map<std::pair<int, anchor_shape>, overlaps> known_;
  overlaps most_of_all_;
};

}  // namespace detail

// As many sizes and ratios as `present` has. move_ratios: false leaves the ratios as they are. Without boxes: the present ones.
template <class Rules, int L>
anchor_shapes propose_anchors(anchor_boxes<Rules, L> const& boxes, anchor_shapes const& present, bool move_ratios = true) {
  if (boxes.size() == 0) return present;
  detail::anchor_clusters<Rules, L> clusters(boxes);
  struct reached {
    std::size_t at_70;                           // of all boxes
    std::tuple<double, double, double> weighed;  // shares at 0.7 and at 0.5, mean
  };
  auto const rank = [&](anchor_shapes const& s) {
    anchor_fit const f = boxes.fit(anchors_of<Rules, L>(s), false);
    double at_70 = 0, at_50 = 0, mean = 0;
    for (fit_counts const& c : f.of_class) {
      double const weight = std::sqrt(static_cast<double>(c.boxes));
      at_70 += weight * c.share(c.best, 1), at_50 += weight * c.share(c.best, 0), mean += weight * c.mean();
    }
    return reached{f.all.best[1], {at_70, at_50, mean}};
  };
  anchor_shapes best = present;
  auto const before = rank(present);
  auto most = before.weighed;
  std::vector<anchor_shapes> starts{present};
  auto const ratios = move_ratios ? clusters.quantile_ratios(present.ratios.size()) : present.ratios;
  for (bool const by_logarithm : {false, true}) starts.push_back(clusters.quantiles(present.sizes.size(), ratios, by_logarithm));
  for (anchor_shapes const& start : starts) {
    anchor_shapes const settled = clusters.settle(start, move_ratios);
    if (!detail::have_area<Rules>(settled) || !detail::ascend_over_maps<L>(settled.sizes)) continue;
    if (auto const r = rank(settled); r.at_70 >= before.at_70 && r.weighed > most) most = r.weighed, best = settled;
  }
  return best;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
