#pragma once
// What a step looked like from inside, now and then: whether RPN and head have something to learn from, and where gradients are.
//
//   RPN    anchors sampled as objects and as background; share of the truth boxes that a proposal overlaps with IoU 0.5 or more
//   head   regions sampled as objects and as background; share of the first whose class the head gives the highest score
//   norms  of the gradients of backbone, RPN and head, before clipping
// Of the step's last micro-batch, norms of the whole step. What a step does not have (a head's step has no RPN) is NaN. A model of one's own
// parts gets what its tapes have under the names of this library's parts.
//
// diagnostics<Model>::look(c, ..) queues the sums on the device and changes nothing; read() waits for them.
#include "frcnn/core/executor.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/geometry/iou.hpp"
#include "frcnn/ops/sum_terms.hpp"
#include "frcnn/rpn/proposal.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct step_diagnostics {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  int stage = 0;
  std::int64_t step = 0;  // counted from 0
  double rpn_positives = unknown, rpn_negatives = unknown, proposal_recall = unknown;
  double head_positives = unknown, head_negatives = unknown, head_accuracy = unknown;
  double norm_backbone = unknown, norm_rpn = unknown, norm_head = unknown;
  // Since the last look, of the time of training alone (training_pace.hpp): images of all processes, and the share of the wait for images.
  double images_per_second = unknown, feed_share = unknown;
};

namespace detail {

template <Backend B>
struct is_label {
  view<std::int32_t const, 2, B> label;
  bool positive;
  FRCNN_HD double operator()(int, int i) const { return (positive ? label.data[i] > 0 : label.data[i] == 0) ? 1.0 : 0.0; }
};
template <Real T, Backend B>
struct is_right_class {
  view<std::int32_t const, 2, B> label;
  view<T const, 2, B> logits;
  FRCNN_HD double operator()(int, int i) const {
    int const u = label.data[i], classes = logits.dims[1];
    if (u <= 0) return 0.0;
    T const* const z = logits.data + static_cast<std::size_t>(i) * static_cast<std::size_t>(classes);
    for (int k = 0; k < classes; ++k)
      if (z[k] > z[u]) return 0.0;
    return 1.0;
  }
};
template <Real T, Backend B>
struct is_object {
  truth<T, B> gt;
  FRCNN_HD bool at(int i) const { return i % gt.capacity() < gt.boxes.count.data[i / gt.capacity()] && gt.label.data[i] > 0; }
  FRCNN_HD double operator()(int, int i) const { return at(i) ? 1.0 : 0.0; }
};
template <Real T, Backend B>
struct is_proposed {
  is_object<T, B> object;
  counted<box<T> const, 2, B> rois;
  FRCNN_HD double operator()(int, int i) const {
    if (!object.at(i)) return 0.0;
    int const n = i / object.gt.capacity(), rows = rois.rows.dims[1];
    for (int j = 0; j < rois.count.data[n]; ++j)
      if (iou(object.gt.boxes.rows.data[i], rois.rows.data[n * rows + j]) >= T(.5)) return 1.0;
    return 0.0;
  }
};
template <Real T>
struct square_of {
  T const* v;
  FRCNN_HD double operator()(int, int i) const { return static_cast<double>(v[i]) * static_cast<double>(v[i]); }
};

}  // namespace detail

template <class Model>
class diagnostics {
  using T = typename Model::scalar;
  using B = typename Model::device;
  using context = typename B::context;
  enum place { rpn_positive, rpn_negative, objects, proposed, head_positive, head_negative, right, places };

 public:
  // gradients: sums over `accumulated` micro-batches. written: the parts that the step has trained.
  void look(context& c, batch<T, B> const& im, truth<T, B> const& gt, typename Model::tape& t, parameter_store<T, B> const& store,
            part_set written, int accumulated) {
    typename context::frame scope(c);
    auto const& entries = store.entries();
    auto const sums = scratch<double, B>(c, shape<1>{{checked::extent(places + entries.size())}});
    part_of_.assign(entries.size(), -1);
    known_ = 0;
    accumulated_ = accumulated;
    auto const sum_to = [&](std::size_t at, int count, auto of) {
      exec<B>::segmented_reduce(c, 1, count, 0.0, of, ops::plus<double>{}, view<double, 1, B>{sums.data + at, {{1}}});
    };
    auto const sum = [&](place p, int count, auto of) {
      sum_to(p, count, of);
      known_ |= 1u << p;
    };
    if constexpr (requires { t.proposals.decided.label; })
      if (written.has(0)) {
        view<std::int32_t const, 2, B> const label = t.proposals.decided.label;
        sum(rpn_positive, static_cast<int>(label.size()), detail::is_label<B>{label, true});
        sum(rpn_negative, static_cast<int>(label.size()), detail::is_label<B>{label, false});
        if constexpr (requires {
                        t.proposals.decided.proposal;
                        Model::rules::rpn_coder();
                      })
          if (written.has(1) && t.proposals.decided.proposal && gt.capacity() > 0) look_at_proposals(c, im, gt, t.proposals, sum);
      }
    if constexpr (requires {
                    t.head.decided.targets.label;
                    t.head.logits;
                  })
      if (written.has(1)) {
        view<std::int32_t const, 2, B> const label = t.head.decided.targets.label;
        int const rows = static_cast<int>(label.size());
        sum(head_positive, rows, detail::is_label<B>{label, true});
        sum(head_negative, rows, detail::is_label<B>{label, false});
        sum(right, rows, detail::is_right_class<T, B>{label, view<T const, 2, B>(t.head.logits)});
      }
    for (std::size_t i = 0; i < entries.size(); ++i) {
      auto const& e = entries[i];
      if (!e.p->wants_grad() || !written.has(e.part)) continue;
      part_of_[i] = e.part;
      sum_to(places + i, checked::extent(e.p->size()), detail::square_of<T>{e.p->grad.data});
    }
    found_.start(c, sums.data, places + entries.size());
  }

  // Of the last look.
  step_diagnostics read() {
    auto const host = found_.get();
    auto const of = [&](place p) { return known_ >> p & 1u ? host[p] : step_diagnostics::unknown; };
    auto const norm = [&](int part) {
      double squares = 0;
      bool is_known = false;
      for (std::size_t k = 0; k < part_of_.size(); ++k)
        if (part_of_[k] == part) squares += host[places + k], is_known = true;
      return is_known ? std::sqrt(squares) / accumulated_ : step_diagnostics::unknown;
    };
    step_diagnostics d;
    d.rpn_positives = of(rpn_positive), d.rpn_negatives = of(rpn_negative);
    if (of(objects) > 0) d.proposal_recall = of(proposed) / of(objects);
    d.head_positives = of(head_positive), d.head_negatives = of(head_negative);
    if (of(head_positive) > 0) d.head_accuracy = of(right) / of(head_positive);
    d.norm_rpn = norm(0), d.norm_head = norm(1), d.norm_backbone = norm(2);  // as faster_rcnn binds its parts
    return d;
  }

 private:
  template <class Tape, class Sum>
  void look_at_proposals(context& c, batch<T, B> const& im, truth<T, B> const& gt, Tape& t, Sum const& sum) {
    using rules = typename Model::rules;
    counted<box<T>, 2, B> const rois{scratch<box<T>, B>(c, t.decided.proposal.dims), scratch<std::int32_t, B>(c, shape<1>{{im.size()}})};
    rpn::decode_proposals<rules>(c, t.anchors, rules::rpn_coder(), im.info, view<T const, 3, B>(t.deltas),
                                 view<std::int32_t const, 2, B>(t.decided.proposal), rois);
    int const all = im.size() * gt.capacity();
    detail::is_object<T, B> const object{gt};
    sum(objects, all, object);
    sum(proposed, all, detail::is_proposed<T, B>{object, counted<box<T> const, 2, B>(rois)});
  }
  readback<double, B> found_;
  std::vector<int> part_of_;  // of each parameter with a gradient of this step, else -1
  unsigned known_ = 0;
  int accumulated_ = 1;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
