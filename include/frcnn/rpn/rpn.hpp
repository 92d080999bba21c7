#pragma once
// The Region Proposal Network (section 3.1): an n x n convolution slid over the shared maps (or several, one behind the other) and two
// siblings, one for objectness and one for boxes, at every anchor. Models ProposalGenerator<Anchors>. One set of weights serves all levels.
//
//   F        the features it reads (scalar, device, channels, levels)
//   Rules    conventions::torchvision or ::caffe, or with_coder<...> for a box coder of one's own
//   Anchors  the scheme; values at run time
//
//   maps level[l] = [N, C, Hl, Wl];  M = cells of all levels;  A = anchors per cell;  K = M*A
//   logits [N, M, A or 2A], deltas [N, M, 4A]
// Initialisation: normal, deviation 0.01, biases 0 (section 3.1.3).
#include "frcnn/concepts/proposal_generator.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/conv.hpp"
#include "frcnn/rpn/loss.hpp"
#include "frcnn/rpn/proposal.hpp"
#include "frcnn/rpn/siblings.hpp"

#include <array>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace rpn {
inline constexpr int most_convolutions = 8;
}

// Defaults are the convention's.
template <class Rules>
struct rpn_options {
  int kernel = 3, convolutions = 1;
  rpn::anchor_target_options target = rpn::anchor_target_options::of<Rules>();
  rpn::loss_options loss{};
  proposal_limits train = Rules::limits(phase::train), test = Rules::limits(phase::test), stage = Rules::limits(phase::stage);
  double nms_iou = Rules::nms_iou;
  // Exact joint training: each gradient that a proposal adds to its anchor's deltas lies within this many times 1 / N_reg of 0. The authors'
  // later release of such training (MNC) has 1, and 0.5 for its cascade.
  double proposal_gradient = std::numeric_limits<double>::infinity();

  // What changes proposals, for a model file's spec (detector/spec.hpp).
  template <class Spec>
  void describe(Spec& spec) {
    spec.whole("kernel", kernel, 1, 64);
    if (spec.has("convolutions", convolutions != 1)) spec.whole("convolutions", convolutions, 1, rpn::most_convolutions);
    else convolutions = 1;
    spec.group("train", [&] { train.describe(spec); });
    spec.group("test", [&] { test.describe(spec); });
    spec.group("stage", [&] { stage.describe(spec); });
    spec.number("nms_iou", nms_iou, 0, 1);
  }
};

template <class F, class Rules = conventions::torchvision, AnchorScheme Anchors = grid_anchors<F::levels>>
class region_proposal_network {
 public:
  using scalar = typename F::scalar;
  using device = typename F::device;
  using anchors_type = Anchors;
  using rules = Rules;
  using coder = typename Rules::coder;
  static constexpr int channels = F::channels, levels = F::levels;

 private:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using conv = nn::conv<T, B>;
  template <class X>
  using per_level = std::array<X, levels>;

 public:
  // What a step decided, so that it can be recorded, held and replayed (testing/decisions.hpp).
  struct decisions {
    bool held = false;                          // true: targets() leaves label and match as they are
    view<std::int32_t, 2, B> label{}, match{};  // [N, K]
    bool proposals_held = false;                // true: propose() decodes these anchors again
    view<std::int32_t, 2, B> proposal{};        // [N, capacity]: the anchor of each proposal, -1 for dead rows
    buffer<std::int32_t, B> label_memory, match_memory, proposal_memory;
  };
  struct tape {
    decisions decided;
    rpn::placed_anchors<Anchors> anchors{};
    view<image_info<T> const, 1, B> info{};  // of the batch, for gradients of proposals
    view<T, 3, B> logits{}, deltas{}, dlogits{}, ddeltas{};
    per_level<activation<T, B>> x{};
    std::vector<per_level<activation<T, B>>> hidden;  // output of each convolution
    std::vector<per_level<buffer<T, B>>> hidden_memory;
    buffer<T, B> logit_memory, delta_memory, dlogit_memory, ddelta_memory;
    view<double, 1, B> sampled{};  // [1], the number of sampled anchors
    buffer<double, B> sampled_memory;
  };

  // nominal_stride: the backbone's, one a level. of_maps: their channels, to be said where F leaves them open.
  region_proposal_network(Anchors anchors, std::array<int, levels> nominal_stride, rpn_options<Rules> options = {}, int of_maps = channels)
      : map_channels_(checked_channels<F>("region proposal network", of_maps)),
        anchors_(anchors),
        options_(options),
        nominal_stride_(nominal_stride),
        siblings_(of_maps, anchors.per_cell() * rpn::logits_per_anchor<Rules>(), anchors.per_cell() * 4, initializer::normal(0.01)) {
    if (options.convolutions < 1 || options.convolutions > rpn::most_convolutions)
      throw error("region proposal network", "1 to " + std::to_string(rpn::most_convolutions) + " convolutions",
                  std::to_string(options.convolutions));
    if (options.kernel < 1 || options.kernel % 2 == 0)  // an even one would give maps of another size
      throw error("region proposal network", "an odd kernel", std::to_string(options.kernel));
    for (int i = 0; i < options.convolutions; ++i)
      convs_.emplace_back(conv2d_spec{of_maps, of_maps, options.kernel, 1, options.kernel / 2, true}, initializer::normal(0.01));
    nn::take_bias_multipliers<Rules>(*this);
  }

  int map_channels() const { return map_channels_; }
  Anchors const& anchors() const { return anchors_; }
  rpn_options<Rules> const& options() const { return options_; }
  rpn_options<Rules>& options() { return options_; }

  int capacity(phase ph) const { return limits(ph).after_nms; }

  // The anchors over a padded batch whose maps are f.
  rpn::placed_anchors<Anchors> place(shape<4> pixels, maps<T, levels, B> const& f) const {
    map_extent extent[levels];
    int stride[levels];
    for (int l = 0; l < levels; ++l) {
      extent[l] = {f.level[l].dims[2], f.level[l].dims[3]};
      stride[l] = nominal_stride_[l];
    }
    return {anchors_, make_anchor_grid<Rules>(pixels[2], pixels[3], extent, stride)};
  }

  void infer(context& c, batch<T, B> im, maps<T, levels, B> const& f, phase ph, counted<box<T>, 2, B> rois) const {
    typename context::frame scope(c);
    auto const anchors = place(im.pixels.dims, f);
    auto const logits = scratch<T, B>(c, rows_shape(im, anchors, siblings_.first)),
               deltas = scratch<T, B>(c, rows_shape(im, anchors, siblings_.second));
    for (int l = 0; l < levels; ++l) {
      typename context::frame level_scope(c);
      auto hidden = c.template make<T>(f.level[l].dims);
      convs_.front().forward(c, f.level[l], hidden);
      for (std::size_t i = 1; i < convs_.size(); ++i) {
        auto next = c.template make<T>(hidden.dims);
        convs_[i].forward(c, hidden, next);
        hidden = next;
      }
      siblings_.forward(c, hidden, anchors.grid.level[l].first, logits, deltas);
    }
    select(c, im, anchors, logits, deltas, ph, rois);
  }

  // Up to the siblings' outputs.
  void forward(context& c, batch<T, B> im, maps<T, levels, B> const& f, tape& t) const {
    t.anchors = place(im.pixels.dims, f);
    t.logits = t.logit_memory.shaped(c, rows_shape(im, t.anchors, siblings_.first));
    t.deltas = t.delta_memory.shaped(c, rows_shape(im, t.anchors, siblings_.second));
    t.hidden.resize(convs_.size());
    t.hidden_memory.resize(convs_.size());
    for (int l = 0; l < levels; ++l) {
      t.x[l] = f.level[l];
      for (std::size_t i = 0; i < convs_.size(); ++i) {
        auto& y = t.hidden[i][l];
        y = t.hidden_memory[i][l].map(c, f.level[l].dims);
        convs_[i].forward(c, input(t, i, l), y);
      }
      siblings_.forward(c, t.hidden.back()[l], t.anchors.grid.level[l].first, t.logits, t.deltas);
    }
  }

  void targets(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t) const {
    if (t.decided.held) return;
    shape<2> const all{{im.size(), t.anchors.count()}};
    t.decided.label = t.decided.label_memory.shaped(c, all);
    t.decided.match = t.decided.match_memory.shaped(c, all);
    rpn::anchor_targets<Rules>(c, t.anchors, im.info, gt, im.id, r, options_.target, t.decided.label, t.decided.match);
  }

  void loss(context& c, batch<T, B> im, truth<T, B> gt, tape& t, view<T, 1, B> loss) const {
    t.dlogits = t.dlogit_memory.shaped(c, t.logits.dims);
    t.ddeltas = t.ddelta_memory.shaped(c, t.deltas.dims);
    t.sampled = t.sampled_memory.shaped(c, shape<1>{{1}});
    rpn::anchor_losses<Rules>(c, t.anchors, Rules::rpn_coder(), gt, view<std::int32_t const, 2, B>(t.decided.label),
                              view<std::int32_t const, 2, B>(t.decided.match), view<T const, 3, B>(t.logits), view<T const, 3, B>(t.deltas),
                              options_.loss, t.dlogits, t.ddeltas, loss, t.sampled, im.shared_with);
  }

  void propose(context& c, batch<T, B> im, tape& t, phase ph, counted<box<T>, 2, B> rois) const {
    t.info = im.info;
    auto& d = t.decided;
    if (d.proposals_held) {
      rpn::decode_proposals<Rules>(c, t.anchors, Rules::rpn_coder(), im.info, view<T const, 3, B>(t.deltas),
                                   view<std::int32_t const, 2, B>(d.proposal), rois);
      return;
    }
    d.proposal = d.proposal_memory.shaped(c, rois.rows.dims);
    select(c, im, t.anchors, t.logits, t.deltas, ph, rois, d.proposal);
  }

  // With drois the deltas' gradient is that of the losses and of the proposals' corners. Throws where the coder has no derivatives.
  void backward(context& c, tape& t, view<box<T>, 2, B> drois, maps<T, levels, B>& df, writing how, writing gradients = writing::set) {
    if (drois.data) add_gradients_of_proposals(c, t, drois);
    for (int l = 0; l < levels; ++l) {
      typename context::frame scope(c);
      writing const of_level = l == 0 ? gradients : writing::add;  // one set of weights serves all levels
      std::size_t const first = is_there(df.level[l]) ? 0 : first_to_learn();
      auto dhidden = first < convs_.size() ? c.template make<T>(t.x[l].dims) : activation<T, B>{};
      siblings_.backward(c, t.hidden.back()[l], t.dlogits, t.ddeltas, t.anchors.grid.level[l].first, dhidden, writing::set, of_level);
      for (std::size_t i = convs_.size(); i-- > first;) {
        typename conv::tape of_conv{input(t, i, l), t.hidden[i][l]};
        auto dx = i == 0 ? df.level[l] : i > first ? c.template make<T>(t.x[l].dims) : activation<T, B>{};
        convs_[i].backward(c, of_conv, dhidden, dx, i == 0 ? how : writing::set, of_level);
        dhidden = dx;
      }
    }
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("rpn.head");
    for (std::size_t i = 0; i < convs_.size(); ++i) nn::visit_layer(visit, ("conv." + std::to_string(i) + ".0").c_str(), convs_[i]);
    nn::visit_layer(visit, "cls_logits", siblings_.first);
    nn::visit_layer(visit, "bbox_pred", siblings_.second);
    visit.leave();
  }

 private:
  proposal_limits limits(phase ph) const {
    return ph == phase::train ? options_.train : ph == phase::test ? options_.test : options_.stage;
  }

  // What convolution i reads.
  static activation<T, B> const& input(tape const& t, std::size_t i, int l) { return i ? t.hidden[i - 1][l] : t.x[l]; }
  std::size_t first_to_learn() const {
    std::size_t i = 0;
    while (i < convs_.size() && !convs_[i].learns()) ++i;
    return i;
  }

  static shape<3> rows_shape(batch<T, B> const& im, rpn::placed_anchors<Anchors> const& anchors, conv const& sibling) {
    return {{im.size(), anchors.grid.cells, sibling.spec().out_channels}};
  }

  void select(context& c, batch<T, B> const& im, rpn::placed_anchors<Anchors> const& anchors, view<T, 3, B> logits, view<T, 3, B> deltas,
              phase ph, counted<box<T>, 2, B> rois, view<std::int32_t, 2, B> anchor = {}) const {
    profiled const timed(c, "top, decode, suppress");
    rpn::propose<Rules>(c, anchors, Rules::rpn_coder(), im.info, view<T const, 3, B>(logits), view<T const, 3, B>(deltas),
                        rpn::proposal_options{limits(ph), options_.nms_iou}, rois, anchor);
  }

  void add_gradients_of_proposals(context& c, tape& t, view<box<T>, 2, B> drois) const {
    if constexpr (DifferentiableBoxCoder<coder>)
      rpn::add_gradients<Rules>(c, t.anchors, Rules::rpn_coder(), t.info, view<T const, 3, B>(t.deltas),
                                view<std::int32_t const, 2, B>(t.decided.proposal), view<box<T> const, 2, B>(drois),
                                rpn::gradient_bound<B>{options_.proposal_gradient, options_.loss, t.sampled}, t.ddeltas);
    else throw error("gradients of proposals", "a box coder with derivatives", "one without");
  }

  int map_channels_;
  Anchors anchors_;
  rpn_options<Rules> options_;
  std::array<int, levels> nominal_stride_;
  std::vector<conv> convs_;
  rpn::siblings<T, B> siblings_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
