#pragma once
// What the RPN of a trained detector proposes, with how sure it is of each and the anchor it came from, within limits of the caller's:
// proposals for a file, for recall, for training a head apart.
//
//   proposer<preset> p(d, {{6000, 2000}, 0.7});       before and after suppression, IoU above which the lower score goes; 1: none goes
//   std::vector<proposed> all = p(image, fnv1a(id));  by descending objectness; the image's number is for draws alone
// What the paper takes away from the RPN of a trained network (section 4.1, Table 2): proposer_options::without_cls ranks the boxes by a
// draw, a function of seed, image and anchor; without_reg proposes the anchors themselves.
// Boxes are those of detector::propose, in pixels of the image, clipped to it. score: P(object).
// One thread's: it has a session of its own. The detector outlives it. Throws as detect does.
#include "frcnn/concepts/proposal_generator.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/detector/detector.hpp"
#include "frcnn/geometry/anchors.hpp"
#include "frcnn/rpn/objectness.hpp"
#include "frcnn/rpn/proposal.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct proposed {
  region what;
  anchor_shape anchor;
};

struct proposer_options {
  rpn::proposal_options proposals;
  bool without_cls = false, without_reg = false;
  std::uint64_t seed = 0;  // of without_cls

  proposer_options(rpn::proposal_options const& o) : proposals(o) {}
  proposer_options(proposal_limits const& limit, double nms_iou) : proposals{limit, nms_iou} {}
};

namespace detail {

// The logits of one image, as a draw for each.
template <Real T, Backend B>
struct draw_logits {
  std::uint64_t seed, image;
  view<T, 3, B> logits;
  FRCNN_HD void operator()(std::size_t at) const { logits.data[at] = static_cast<T>(random_unit(seed, 0, image, draw::proposal, at)); }
};

}  // namespace detail

template <class Preset>
class proposer {
 public:
  using detector_type = detector<Preset>;
  using convention = typename Preset::convention;
  using T = typename detector_type::T;
  using B = typename detector_type::B;

  // What the detector does in detect.
  static rpn::proposal_options defaults(detector_type const& d) {
    auto const& o = d.model().generator().options();
    return {o.test, o.nms_iou};
  }

  proposer(detector_type const& d, proposer_options const& options) : d_(d), options_(options), session_(d) {
    auto const& o = options.proposals;
    if (o.limit.before_nms < 1 || o.limit.after_nms < 1 || !(o.nms_iou >= 0 && o.nms_iou <= 1))
      throw error("proposer", "1 or more proposals and an IoU from 0 to 1",
                  std::to_string(o.limit.before_nms) + ", " + std::to_string(o.limit.after_nms) + " and " + std::to_string(o.nms_iou));
  }

  std::vector<proposed> operator()(image_view im, std::uint64_t number = 0) {
    d_.check_image(im);
    auto& c = session_.context_;
    std::size_t const first = 0;
    auto const input = d_.prepare(session_, {&im, 1}, {&first, 1}, nullptr);
    typename B::context::frame scope(c);
    auto const& backbone = d_.model().backbone();
    auto const& generator = d_.model().generator();
    maps<T, levels, B> f;
    for (int l = 0; l < levels; ++l) f.level[l] = c.template make<T>(backbone.map_shape(l, input.pixels.dims));
    if (!makes_own_maps(generator)) backbone.infer(c, input, f);
    generator.forward(c, input, f, tape_);
    if (options_.without_cls) exec<B>::for_each(c, tape_.logits.size(), detail::draw_logits<T, B>{options_.seed, number, tape_.logits});
    if (options_.without_reg) ops::clear<B>(c, tape_.deltas.data, tape_.deltas.size());
    int const capacity = std::min(options_.proposals.limit.after_nms, tape_.anchors.count());
    counted<box<T>, 2, B> const rois{session_.proposals_.shaped(c, shape<2>{{1, capacity}}), session_.count_.shaped(c, shape<1>{{1}})};
    auto const from = from_.shaped(c, shape<2>{{1, capacity}});
    rpn::propose<convention>(c, tape_.anchors, convention::rpn_coder(), input.info, view<T const, 3, B>(tape_.logits),
                             view<T const, 3, B>(tape_.deltas), options_.proposals, rois, from);
    session_.found_count_.start(c, rois.count.data, 1);
    session_.found_proposals_.start(c, rois.rows.data, rois.rows.size());
    found_from_.start(c, from.data, from.size());
    found_logits_.start(c, tape_.logits.data, tape_.logits.size());
    return taken(im, session_.found_count_.get()[0]);
  }

 private:
  static constexpr int levels = detector_type::model_type::levels;
  using generator_type = std::remove_cvref_t<decltype(std::declval<typename detector_type::model_type const&>().generator())>;

  // The first n, from the host's copies.
  std::vector<proposed> taken(image_view im, std::int32_t n) const {
    auto const plan = d_.plan_of(im);
    auto const& config = d_.config();
    auto const boxes = session_.found_proposals_.get();
    auto const from = found_from_.get();
    int const per_cell = tape_.anchors.scheme.per_cell();
    view<T const, 3, B> const logits{found_logits_.get().data(), tape_.logits.dims};
    float const w = static_cast<float>(im.width), h = static_cast<float>(im.height);
    std::vector<proposed> all;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      auto const b = convention::unscale_box(boxes[i], static_cast<T>(plan.scale_x), static_cast<T>(plan.scale_y)).template as<float>();
      box<float> const where{std::max(b.x1, 0.f), std::max(b.y1, 0.f), std::min(b.x2, w), std::min(b.y2, h)};
      if (!(where.x1 < where.x2 && where.y1 < where.y2)) continue;  // less than a float's digit wide
      double const z = static_cast<double>(rpn::objectness_logit<convention>(logits, per_cell, 0, from[i]));
      auto const at = tape_.anchors.grid.cell_of(from[i], per_cell);
      auto const& sizes = config.anchor_sizes[static_cast<std::size_t>(at.level)];  // a cell's anchors: ratios, of each its sizes
      auto const k = static_cast<std::size_t>(at.k);
      all.push_back(
          {{where, static_cast<float>(1 / (1 + std::exp(-z)))}, {sizes[k % sizes.size()], config.anchor_ratios[k / sizes.size()]}});
    }
    return all;
  }

  detector_type const& d_;
  proposer_options options_;
  typename detector_type::session session_;
  typename generator_type::tape tape_;
  buffer<std::int32_t, B> from_;
  readback<std::int32_t, B> found_from_;
  readback<T, B> found_logits_;
};

template <detail::OfFamily Preset>
class proposer<Preset> : public proposer<typename Preset::family> {
 public:
  using proposer<typename Preset::family>::proposer;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
