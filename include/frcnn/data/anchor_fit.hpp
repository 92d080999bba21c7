#pragma once
// How anchors fit the boxes of a data set: the IoU of each box with its best anchor, on the grid that training has, and which boxes no
// anchor can learn.
//
// A box is resized with its image, which stands alone in a batch, padded as the convention has it; cells are those of the feature map. Of
// each box three IoUs, each at least the one before:
//   best       with its best anchor that may train (caffe: none over the border)
//   on_grid    with its best anchor, whether it may train or not
//   anywhere   if anchors could stand at any place: what shapes alone can reach. on_grid is below it by the part of the strides
// A box is learned when an anchor that is labelled positive overlaps it more than any other box (rpn/anchor_target.hpp, steps 1 and 2). It
// is not where no anchor that may train overlaps it, and where all those that would learn it learn another box.
//
//   anchor_boxes<Rules, L> const boxes(data, setting, difficult)     the boxes of a data set, resized
//   anchor_fit const f = boxes.fit(anchors)                          counts, of all boxes and of each class
//
// Example: small, a box of 24 x 24 in the middle between four cells: best is 16*16 / (2*24*24 - 16*16) = 0.29, anywhere is 1
// Source: Faster R-CNN, sections 3.1.1 and 3.1.2.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/core/shape.hpp"
#include "frcnn/data/best_anchor.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/problems.hpp"
#include "frcnn/geometry/anchors.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <array>
#include <functional>
#include <map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Where anchors stand: the sides that images are resized to, and the feature maps of an input of h x w pixels.
template <int L>
struct anchor_setting {
  int short_side = 0, max_side = 0;
  std::array<int, L> stride{};  // the backbone's own
  std::function<map_extent(int level, int h, int w)> map;
};

// backbone: models Backbone, and outlives the setting.
template <class Backbone>
anchor_setting<Backbone::levels> setting_of(Backbone const& backbone, int short_side, int max_side) {
  anchor_setting<Backbone::levels> s{short_side, max_side, {}, [&backbone](int level, int h, int w) {
                                       shape<4> const map = backbone.map_shape(level, shape<4>{{1, 3, h, w}});
                                       return map_extent{map[2], map[3]};
                                     }};
  for (int l = 0; l < Backbone::levels; ++l) s.stride[static_cast<std::size_t>(l)] = backbone.stride(l);
  return s;
}

struct box_fit {
  double best = 0, on_grid = 0, anywhere = 0;  // IoU
  bool learned = true;
};

// Boxes whose IoU is at least 0.5 and at least 0.7.
struct fit_counts {
  static constexpr double thresholds[] = {0.5, 0.7};
  using at_least = std::array<std::size_t, 2>;
  std::size_t boxes = 0, not_learned = 0;
  at_least best{}, on_grid{}, anywhere{};
  double sum = 0;  // of best

  void add(box_fit const& f) {
    ++boxes;
    sum += f.best;
    not_learned += !f.learned;
    for (std::size_t k = 0; k < 2; ++k) {
      best[k] += f.best >= thresholds[k];
      on_grid[k] += f.on_grid >= thresholds[k];
      anywhere[k] += f.anywhere >= thresholds[k];
    }
  }
  void add(fit_counts const& c) {
    boxes += c.boxes, not_learned += c.not_learned, sum += c.sum;
    for (std::size_t k = 0; k < 2; ++k) best[k] += c.best[k], on_grid[k] += c.on_grid[k], anywhere[k] += c.anywhere[k];
  }
  double share(at_least const& of, std::size_t k) const { return boxes ? static_cast<double>(of[k]) / static_cast<double>(boxes) : 0; }
  double mean() const { return boxes ? sum / static_cast<double>(boxes) : 0; }
};

struct anchor_fit {
  fit_counts all;
  std::vector<fit_counts> of_class;  // label i + 1 at i
  case_list out_of_reach;            // boxes that no anchor overlaps which may train
  case_list taken;                   // boxes whose anchors all learn other boxes

  void add(anchor_fit const& f) {
    all.add(f.all);
    for (std::size_t c = 0; c < of_class.size(); ++c) of_class[c].add(f.of_class[c]);
    out_of_reach.add(f.out_of_reach);
    taken.add(f.taken);
  }
};

template <class Rules, int L>
class anchor_boxes {
 public:
  // threads of fit(); 0: as many as there are cores.
  anchor_boxes(dataset const& data, anchor_setting<L> const& setting, difficult_objects how = difficult_objects::drop, int threads = 0)
      : classes_(data.classes.size()), threads_(threads) {
    for (sample const& s : data.samples) {
      resize_plan const plan = Rules::resize(s.width, s.height, setting.short_side, setting.max_side);
      resized_image of{place_of(plan.h, plan.w, setting), s.image.string(), {}, {}};
      for (object const& o : s.objects) {
        if (o.label <= 0 || (o.difficult && how != difficult_objects::keep)) continue;
        of.boxes.push_back(Rules::scale_box(o.where, static_cast<float>(plan.scale_x), static_cast<float>(plan.scale_y)));
        of.labels.push_back(o.label);
      }
      count_ += of.boxes.size();
      if (!of.boxes.empty()) images_.push_back(std::move(of));
    }
  }

  std::size_t size() const { return count_; }

  // learned: whether to find out which boxes are learned, which takes longer.
  anchor_fit fit(grid_anchors<L> const& anchors, bool learned = true) const {
    anchor_fit nothing;
    nothing.of_class.resize(classes_);
    auto const grids = grids_of(anchors);
    constexpr std::size_t at_once = 256;  // images: sums do not depend on the number of threads
    std::vector<anchor_fit> parts((images_.size() + at_once - 1) / at_once, nothing);
    for_each_in_parallel(parts.size(), threads_, [&](std::size_t part) {
      for (std::size_t i = part * at_once; i < std::min(images_.size(), (part + 1) * at_once); ++i)
        add(parts[part], images_[i], grids[images_[i].place], learned);
    });
    for (anchor_fit const& part : parts) nothing.add(part);
    return nothing;
  }

  // f(box, label, place) of every box, or of at most `most` of them, evenly over the data.
  template <class F>
  void for_each(std::size_t most, F const& f) const {
    std::size_t const step = std::max<std::size_t>(1, (count_ + most - 1) / std::max<std::size_t>(most, 1));
    std::size_t i = 0;
    for (resized_image const& im : images_)
      for (std::size_t g = 0; g < im.boxes.size(); ++g)
        if (i++ % step == 0) f(im.boxes[g], im.labels[g], im.place);
  }

  // Of each size of image, for the places that for_each gives.
  std::vector<placed_anchor_grid<Rules, L>> grids_of(grid_anchors<L> const& anchors) const {
    std::vector<placed_anchor_grid<Rules, L>> grids;
    for (auto const& p : places_) grids.emplace_back(anchors, p.grid, p.h, p.w);
    return grids;
  }

  // The same of anchors on map l alone.
  std::vector<placed_anchor_grid<Rules, 1>> grids_of_map(int l, grid_anchors<1> const& anchors) const {
    std::vector<placed_anchor_grid<Rules, 1>> grids;
    for (auto const& p : places_) {
      level_grid map = p.grid.level[l];
      map.first = 0;
      grids.emplace_back(anchors, anchor_grid<1>{{map}, map.h * map.w}, p.h, p.w);
    }
    return grids;
  }

 private:
  struct place {  // where anchors stand in images of one size
    int h, w;
    anchor_grid<L> grid;
  };
  struct resized_image {
    std::size_t place;
    std::string name;
    std::vector<box<float>> boxes;  // pixels of the resized image
    std::vector<std::int32_t> labels;
  };

  static void add(anchor_fit& f, resized_image const& im, placed_anchor_grid<Rules, L> const& grid, bool learned) {
    std::vector<typename placed_anchor_grid<Rules, L>::box_overlaps> found;
    std::vector<typename placed_anchor_grid<Rules, L>::U> best;
    for (auto const& b : im.boxes) best.push_back(found.emplace_back(grid.overlaps(b)).best);
    for (std::size_t g = 0; g < im.boxes.size(); ++g) {
      box_fit const of{best[g], found[g].on_grid, found[g].anywhere, !learned || grid.learned(im.boxes, best, g)};
      f.all.add(of);
      f.of_class[static_cast<std::size_t>(im.labels[g]) - 1].add(of);
      if (of.learned) continue;
      auto const name = im.name + ", box " + to_string(im.boxes[g]) + " of the resized image";
      (best[g] > 0 ? f.taken : f.out_of_reach).add(name);
    }
  }

  std::size_t place_of(int h, int w, anchor_setting<L> const& setting) {
    auto const [at, is_new] = known_.try_emplace({h, w}, places_.size());
    if (!is_new) return at->second;
    auto const padded = [](int side) { return (side + Rules::size_divisor - 1) / Rules::size_divisor * Rules::size_divisor; };
    map_extent extent[L];
    int stride[L];
    for (int l = 0; l < L; ++l) extent[l] = setting.map(l, padded(h), padded(w)), stride[l] = setting.stride[static_cast<std::size_t>(l)];
    places_.push_back({h, w, make_anchor_grid<Rules, L>(padded(h), padded(w), extent, stride)});
    return at->second;
  }

  std::size_t classes_, count_ = 0;
  int threads_;
  std::vector<resized_image> images_;
  std::vector<place> places_;
  std::map<std::pair<int, int>, std::size_t> known_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
