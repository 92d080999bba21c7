#pragma once
// How anchors fit a data set, with a proposal beside them, in words: five lines for the start of a training. The sizes of a feature
// pyramid are those of all its maps, the first map's first, as --anchors takes them.
//
//   anchor_study const s = study_anchors<Rules>(data, setting, {{24, 48, 96}, {.5, 1, 2}});
//   s.lines(false)
//
//     anchors: share of boxes whose best anchor has an IoU of at least 0.5, 0.7
//       --anchors 24,48,96 --ratios 0.5,1,2   98.4 %, 61.2 %   of 3893 boxes; least of Platelets, 289: 95.2 %, 31.1 %
//       if they could stand anywhere          99.9 %, 80.3 %   a stride of 16 costs 1.5 %, 19.1 %
//       boxes that no anchor trains           0
//       proposed: --anchors 36,61,90 --ratios 0.79,1,1.3: 99.5 %, 83.0 % (--anchors auto takes them)
#include "frcnn/data/anchor_proposal.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// "--anchors 24,48,96 --ratios 0.5,1,2", whatever the locale
inline std::string to_options(anchor_shapes const& s) {
  auto const list = [](std::vector<double> const& values) {
    std::string text;
    char digits[32];
    for (double const v : values)
      text.append(text.empty() ? "" : ",")
          .append(digits, std::to_chars(digits, digits + sizeof digits, v, std::chars_format::general, 6).ptr);
    return text;
  };
  return "--anchors " + list(s.sizes) + " --ratios " + list(s.ratios);
}

// 0.5 as "50.0 %"
inline std::string percent(double share) {
  char digits[32];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, 100 * share, std::chars_format::fixed, 1).ptr) + " %";
}

struct anchor_study {
  std::vector<std::string> classes;
  int stride = 0, last_stride = 0;  // pixels, nominal, of the first map and of the last
  anchor_shapes present, proposed;
  anchor_fit fit, fit_of_proposed;

  // taken: the proposal is what trains.
  std::vector<std::string> lines(bool taken) const {
    anchor_shapes const& used = taken ? proposed : present;
    anchor_fit const& f = taken ? fit_of_proposed : fit;
    std::string const first = "  " + to_options(used), second = "  if they could stand anywhere", third = "  boxes that no anchor trains";
    std::size_t const width = std::max(first.size(), second.size());
    auto const shares = [](fit_counts const& c, fit_counts::at_least const& of) {
      return percent(c.share(of, 0)) + ", " + percent(c.share(of, 1));
    };
    auto const padded = [&](std::string text) { return text.append(width - std::min(width, text.size()), ' ') + "   "; };
    std::vector<std::string> text{"anchors: share of boxes whose best anchor has an IoU of at least 0.5, 0.7"};
    std::size_t least = f.of_class.size();
    for (std::size_t k = 0; k < f.of_class.size(); ++k)
      if (f.of_class[k].boxes && (least == f.of_class.size() || share(f.of_class[k]) < share(f.of_class[least]))) least = k;
    std::string of_least;
    if (least < f.of_class.size() && f.of_class.size() > 1)
      of_least = "; least of " + classes[least] + ", " + std::to_string(f.of_class[least].boxes) + ": " +
                 shares(f.of_class[least], f.of_class[least].best);
    text.push_back(padded(first) + shares(f.all, f.all.best) + "   of " + std::to_string(f.all.boxes) +
                   (f.all.boxes == 1 ? " box" : " boxes") + of_least);
    auto const cost = [&](fit_counts::at_least const& with, fit_counts::at_least const& without) {
      return percent(f.all.share(with, 0) - f.all.share(without, 0)) + ", " + percent(f.all.share(with, 1) - f.all.share(without, 1));
    };
    bool const is_one = stride == last_stride;
    text.push_back(padded(second) + shares(f.all, f.all.anywhere) + (is_one ? "   a stride of " : "   strides of ") +
                   std::to_string(stride) + (is_one ? " costs " : " to " + std::to_string(last_stride) + " cost ") +
                   cost(f.all.anywhere, f.all.on_grid) +
                   (f.all.on_grid != f.all.best ? "; not to train over the border " + cost(f.all.on_grid, f.all.best) : ""));
    tally none = f.out_of_reach;
    none.add(f.taken);
    text.push_back(padded(third) + std::to_string(none.count) +
                   (none.count ? " (" + percent(static_cast<double>(none.count) / static_cast<double>(f.all.boxes)) +
                                     "): " + std::to_string(f.taken.count) + " whose anchors learn other boxes, " +
                                     std::to_string(f.out_of_reach.count) + " out of reach, the first: " + none.first
                               : ""));
    if (taken) text.push_back("  taken from the data; " + to_options(present) + ": " + shares(fit.all, fit.all.best));
    else if (proposed == present) text.push_back("  none that were tried fit better");
    else
      text.push_back("  proposed: " + to_options(proposed) + ": " + shares(fit_of_proposed.all, fit_of_proposed.all.best) +
                     " (--anchors auto takes them)");
    return text;
  }

 private:
  static double share(fit_counts const& c) { return c.share(c.best, 1); }
};

// present: of L maps. move_ratios: whether ratios are proposed too.
template <class Rules, int L>
anchor_study study_anchors(dataset const& data, anchor_setting<L> const& setting, anchor_shapes const& present, bool move_ratios = true,
                           difficult_objects how = difficult_objects::drop, int threads = 0) {
  anchor_boxes<Rules, L> const boxes(data, setting, how, threads);
  anchor_study s{data.classes, setting.stride[0], setting.stride[L - 1], present, propose_anchors(boxes, present, move_ratios), {}, {}};
  s.fit = boxes.fit(anchors_of<Rules, L>(present));
  s.fit_of_proposed = s.proposed == present ? s.fit : boxes.fit(anchors_of<Rules, L>(s.proposed));
  return s;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
