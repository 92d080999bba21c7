#pragma once
// The Fast R-CNN head: pooled regions through two fully connected layers to class scores and class-specific boxes. Models RoIHead.
//
//   F       the features it reads         Rules   the convention         Pooler  one of roi/pooler.hpp, or roi/deep_pooler.hpp
//
//   N images, Q RoIs each (rows = N*Q), K classes:
//   pooled [rows, C*P*P] -> fc6 -> fc7 [rows, width] -> logits [rows, K+1], deltas [rows, 4(K+1)]
// fc7, or both, may not be there: their widths are 0 then.
// With options.empirical_targets the box predictor learns targets of mean 0 and deviation 1 for each class; the statistics are two buffers
// beside it (roi/target_normalisation.hpp), and what leaves infer is undone.
// Initialisation: PyTorch's default for all four layers, as torchvision's heads have it, or Gaussian predictors (0.01 and 0.001) with
// options.gaussian_predictors, as Fast R-CNN has it (section 2.3).
#include "frcnn/concepts/roi_head.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/nn/bias_multipliers.hpp"
#include "frcnn/nn/dropout.hpp"
#include "frcnn/nn/low_rank_linear.hpp"
#include "frcnn/roi/loss.hpp"
#include "frcnn/roi/pooler.hpp"
#include "frcnn/roi/postprocess.hpp"
#include "frcnn/roi/target_normalisation.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Rules>
struct fast_rcnn_options {
  int classes = 20;                // K, without background
  int fc6 = 4096, fc7 = 4096;      // widths; 0: the layer is not there
  int fc6_rank = 0, fc7_rank = 0;  // 0: full; else the layer is a product of two (nn/low_rank_linear.hpp)
  double dropout = 0;              // after fc6 and fc7, in training
  nn::dropout_form dropout_form = nn::dropout_form::inverted;
  bool gaussian_predictors = false;
  bool empirical_targets = false;  // the predictor has buffers target_mean and target_deviation, by class: roi/target_normalisation.hpp
  roi::target_options target = roi::target_options::of<Rules>();
  detect_defaults detections = detect_defaults::of<Rules>();

  std::vector<double> class_weights{};             // [K+1], background first: of the class loss in training; none: 1 each (roi/loss.hpp)
  std::array<char const*, 2> names{"fc6", "fc7"};  // of the fully connected layers' parameters, below roi_heads.box_head

  int layers() const { return (fc6 > 0) + (fc7 > 0); }

  // What changes detections, for a model file's spec (detector/spec.hpp). The number of classes is that of their names.
  template <class Spec>
  void describe(Spec& spec) {
    constexpr int widest = 1 << 20;
    spec.whole("fc6", fc6, 0, widest);
    spec.whole("fc7", fc7, 0, fc6 ? widest : 0);
    spec.whole("fc6_rank", fc6_rank, 0, widest);
    spec.whole("fc7_rank", fc7_rank, 0, widest);
    spec.group("detections", [&] { detections.describe(spec); });
  }
  // Dropout changes detections where it scales activations in testing. always: the spec has the group `dropout` whatever the form is, else in
  // that case alone, and without it the form is `inverted`.
  template <class Spec>
  void describe_dropout(Spec& spec, bool always) {
    bool in_testing = dropout_form == nn::dropout_form::in_testing;
    if (always || spec.has("dropout", in_testing && dropout > 0))
      spec.group("dropout", [&] {
        spec.number("fraction", dropout, 0, 0.999);
        spec.choice("scaled", in_testing, "in training", "in testing");
      });
    else in_testing = false;
    dropout_form = in_testing ? nn::dropout_form::in_testing : nn::dropout_form::inverted;
  }
};

template <class F, class Rules = conventions::torchvision, class Pooler = roi::align_pooler<F, Rules>>
class fast_rcnn_head {
 public:
  using scalar = typename F::scalar;
  using device = typename F::device;
  using rules = Rules;
  using coder = typename Rules::coder;
  static_assert(conventions::agree<fast_rcnn_head, Pooler>(), "frcnn: the pooler and its head follow different conventions");
  static constexpr int channels = F::channels, levels = F::levels;

 private:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using matrix = view<T, 2, B>;
  using const_rows = view<T const, 2, B>;
  using fully_connected = nn::low_rank_linear<T, B>;

 public:
  // What a step decided, so that it can be recorded, held and replayed (testing/decisions.hpp).
  struct decisions {
    bool held = false;     // true: targets() leaves targets and masks as they are
    bool follows = false;  // while held, RoIs and their targets are those of the sampled proposals as they are given
    roi::targets<T, B> targets{};
    view<std::uint8_t, 2, B> mask6{}, mask7{};  // [rows, width], empty without dropout
    buffer<box<T>, B> roi_memory;
    buffer<std::int32_t, B> count_memory, label_memory;
    buffer<delta<T>, B> target_memory;
    buffer<std::int32_t, B> proposal_memory;
    buffer<box<T>, B> truth_memory;
    buffer<std::uint8_t, B> mask6_memory, mask7_memory;
  };
  struct tape {
    decisions decided;
    typename Pooler::tape pooler;
    typename fully_connected::tape fc6, fc7;
    matrix pooled{}, h6{}, h7{}, logits{}, deltas{}, dlogits{}, ddeltas{};  // h6, h7: where the layers are
    view<T, 1, B> class_weights{};                                          // where the options have some
    staging<T, B> staged_weights;
    buffer<T, B> class_weight_memory, pooled_memory, h6_memory, h7_memory, logit_memory, delta_memory, dlogit_memory, ddelta_memory;
  };

  explicit fast_rcnn_head(Pooler pooler, fast_rcnn_options<Rules> options = {})
      : options_(options),
        pooler_(std::move(pooler)),
        width_(options.fc7   ? options.fc7
               : options.fc6 ? options.fc6
                             : pooler_.width()),
        cls_(width_, options.classes + 1, false, predictor(0.01), predictor_bias()),
        box_(width_, 4 * (options.classes + 1), false, predictor(0.001), predictor_bias()),
        statistics_(options.classes) {
    if (options.fc6 < 0 || options.fc7 < 0 || (options.fc7 && !options.fc6))
      throw error("RoI head", "fc6, or fc6 and fc7, or neither", std::to_string(options.fc6) + " and " + std::to_string(options.fc7));
    auto const& weights = options.class_weights;
    if (!weights.empty() && (weights.size() != static_cast<std::size_t>(options.classes) + 1 ||
                             !std::ranges::all_of(weights, [](double w) { return is_finite(w) && w >= 0; })))
      throw error("class weights", std::to_string(options.classes + 1) + " finite numbers of 0 or more, the background's first",
                  std::to_string(weights.size()) + (weights.size() == static_cast<std::size_t>(options.classes) + 1 ? " with others" : ""));
    add_layer(fc6_, pooler_.width(), options.fc6, options.fc6_rank);
    add_layer(fc7_, options.fc6, options.fc7, options.fc7_rank);
    nn::take_bias_multipliers<Rules>(*this);
  }

  int map_channels() const {
    if constexpr (channels == any_channels) return pooler_.map_channels();
    else return channels;
  }
  int classes() const { return options_.classes; }
  detect_defaults const& defaults() const { return options_.detections; }
  fast_rcnn_options<Rules> const& options() const { return options_; }
  fast_rcnn_options<Rules>& options() { return options_; }

  void infer(context& c, batch<T, B> im, maps<T, levels, B> const& f, counted<box<T> const, 2, B> rois,
             view<detect_thresholds const, 1, B> thresholds, counted<scored_box<T>, 2, B> hits) const {
    typename context::frame scope(c);
    int const n = static_cast<int>(rois.rows.size());
    auto const make = [&](int width) { return scratch<T, B>(c, shape<2>{{n, width}}); };
    auto const h6 = make(fc6_ ? options_.fc6 : pooler_.width()), h7 = fc7_ ? make(options_.fc7) : h6, logits = make(cls_.out()),
               deltas = make(box_.out());
    if (fc6_) {
      typename context::frame pooling(c);
      auto pooled = make(pooler_.width());
      pool(c, [&] { pooler_.forward(c, f, rois, pooled); });
      fc6_->forward(c, pooled, h6, im.size());
      nn::dropout_in_testing<T, B>(c, h6, options_.dropout, options_.dropout_form);
    } else {
      pool(c, [&] { pooler_.forward(c, f, rois, h6); });
    }
    if (fc7_) {
      fc7_->forward(c, h6, h7, im.size());
      nn::dropout_in_testing<T, B>(c, h7, options_.dropout, options_.dropout_form);
    }
    cls_.forward(c, h7, logits, im.size());
    box_.forward(c, h7, deltas, im.size());
    if (options_.empirical_targets) roi::undo_normalisation<T, B>(c, by_class(), deltas);
    profiled const scores(c, "scores to detections");
    roi::postprocess<Rules>(c, Rules::head_coder(), im.info, rois, const_rows(logits), const_rows(deltas), thresholds, hits);
  }

  // The RoIs of a step, their labels, and which activations dropout keeps.
  void targets(context& c, batch<T, B> im, counted<box<T> const, 2, B> rois, truth<T, B> gt, rng<B> r, tape& t) const {
    decisions& d = t.decided;
    if (d.held) {
      if (d.follows) roi::follow_proposals(c, Rules::head_coder(), rois, d.targets, by_class());
      return;
    }
    int const n = im.size(), q = options_.target.batch;
    shape<2> const each{{n, q}};
    d.targets = {{d.roi_memory.shaped(c, each), d.count_memory.shaped(c, shape<1>{{n}})},
                 d.label_memory.shaped(c, each),
                 d.target_memory.shaped(c, each),
                 d.proposal_memory.shaped(c, each),
                 d.truth_memory.shaped(c, each)};
    roi::roi_targets<Rules>(c, Rules::head_coder(), rois, gt, im.id, r, options_.target, d.targets);
    if (options_.empirical_targets) roi::normalise_targets<T, B>(c, by_class(), d.targets);
    if (drops(fc6_)) {
      d.mask6 = d.mask6_memory.shaped(c, shape<2>{{n * q, options_.fc6}});
      nn::dropout_mask<B>(c, im.id, r, draw::dropout6, options_.dropout, d.mask6);
    }
    if (drops(fc7_)) {
      d.mask7 = d.mask7_memory.shaped(c, shape<2>{{n * q, options_.fc7}});
      nn::dropout_mask<B>(c, im.id, r, draw::dropout7, options_.dropout, d.mask7);
    }
  }

  void forward(context& c, batch<T, B> im, maps<T, levels, B> const& f, tape& t) const {
    auto const& decided = t.decided.targets;
    int const n = static_cast<int>(decided.label.size());
    auto const shaped = [n, &c](buffer<T, B>& memory, int width) { return memory.shaped(c, shape<2>{{n, width}}); };
    t.pooled = shaped(t.pooled_memory, pooler_.width());
    t.h6 = fc6_ ? shaped(t.h6_memory, options_.fc6) : t.pooled;
    t.h7 = fc7_ ? shaped(t.h7_memory, options_.fc7) : t.h6;
    t.logits = shaped(t.logit_memory, cls_.out());
    t.deltas = shaped(t.delta_memory, box_.out());
    pool(c, [&] { pooler_.forward(c, f, decided.rois, t.pooled, t.pooler); });
    if (fc6_) fc6_->forward(c, t.pooled, t.h6, t.fc6, im.size());
    if (drops(fc6_)) nn::apply_dropout<T, B>(c, t.h6, t.decided.mask6, options_.dropout, options_.dropout_form);
    if (fc7_) fc7_->forward(c, t.h6, t.h7, t.fc7, im.size());
    if (drops(fc7_)) nn::apply_dropout<T, B>(c, t.h7, t.decided.mask7, options_.dropout, options_.dropout_form);
    cls_.forward(c, t.h7, t.logits, im.size());
    box_.forward(c, t.h7, t.deltas, im.size());
  }

  void loss(context& c, batch<T, B> im, truth<T, B> /*gt*/, tape& t, view<T, 1, B> loss) const {
    profiled const losses(c, "losses");
    t.dlogits = t.dlogit_memory.shaped(c, t.logits.dims);
    t.ddeltas = t.ddelta_memory.shaped(c, t.deltas.dims);
    if (auto const& weights = options_.class_weights; !weights.empty() && !t.class_weights.data) {  // they do not change
      std::vector<T> const values(weights.begin(), weights.end());
      t.class_weights = t.class_weight_memory.shaped(c, shape<1>{{cls_.out()}});
      t.staged_weights.send(c, values, t.class_weights.data);
    }
    roi::roi_losses<Rules>(c, t.decided.targets, const_rows(t.logits), const_rows(t.deltas), t.dlogits, t.ddeltas, loss, im.shared_with,
                           view<T const, 1, B>(t.class_weights));
  }

  // Throws where drois are wanted and the coder has no derivatives, or the tape's decisions do not say which proposals they sampled.
  void backward(context& c, tape& t, view<box<T>, 2, B> drois, maps<T, levels, B>& df, writing how, writing gradients = writing::set) {
    bool const to_rois = drois.data != nullptr, goes_on = to_rois || is_there(df) || pooler_learns();
    check_wanted(to_rois, t.decided.targets);
    typename context::frame scope(c);
    int const n = t.h7.dims[0];
    auto const make = [&](int width) { return scratch<T, B>(c, shape<2>{{n, width}}); };
    auto const dpooled = goes_on ? make(pooler_.width()) : matrix{};
    auto const dh6 = fc6_ ? make(options_.fc6) : dpooled, dh7 = fc7_ ? make(options_.fc7) : dh6;
    back(c, cls_, t.h7, t.logits, t.dlogits, dh7, writing::set, gradients);
    back(c, box_, t.h7, t.deltas, t.ddeltas, dh7, writing::add, gradients);
    if (drops(fc7_)) nn::apply_dropout<T, B>(c, dh7, t.decided.mask7, options_.dropout, options_.dropout_form);
    if (fc7_) fc7_->backward(c, t.fc7, dh7, dh6, writing::set, gradients);
    if (drops(fc6_)) nn::apply_dropout<T, B>(c, dh6, t.decided.mask6, options_.dropout, options_.dropout_form);
    if (fc6_) fc6_->backward(c, t.fc6, dh6, dpooled, writing::set, gradients);
    if (!goes_on) return;
    auto const sampled = to_rois ? scratch<box<T>, B>(c, t.decided.targets.label.dims) : view<box<T>, 2, B>{};
    pool(c, [&] { back_to_maps(c, t, dpooled, df, how, sampled, gradients); });
    if constexpr (DifferentiableBoxCoder<coder>)
      if (to_rois)
        roi::gradients_of_proposals(c, Rules::head_coder(), t.decided.targets, view<box<T> const, 2, B>(sampled), const_rows(t.ddeltas),
                                    drois, by_class());
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("roi_heads");
    visit.enter("box_head");
    if constexpr (requires { pooler_.for_each_param(visit); }) pooler_.for_each_param(visit);
    if (fc6_) nn::visit_layer(visit, options_.names[0], *fc6_);
    if (fc7_) nn::visit_layer(visit, options_.names[1], *fc7_);
    visit.leave();
    visit.enter("box_predictor");
    nn::visit_layer(visit, "cls_score", cls_);
    nn::visit_layer(visit, "bbox_pred", box_);
    if (options_.empirical_targets) statistics_.for_each_param(visit);
    visit.leave();
    visit.leave();
  }

 private:
  static void check_wanted(bool to_rois, roi::targets<T, B> const& decided) {
    if (!to_rois) return;
    if constexpr (!DifferentiableBoxCoder<coder>) throw error("gradients of regions", "a box coder with derivatives", "one without");
    if (!decided.proposal || !decided.truth)
      throw error("gradients of regions", "samples that know their proposals", "held ones that do not");
  }
  roi::statistics_view<T, B> by_class() const { return options_.empirical_targets ? statistics_.values() : roi::statistics_view<T, B>(); }
  template <class Work>
  static void pool(context& c, Work work) {
    profiled const pooling(c, "pooling");
    work();
  }

  initializer predictor(double deviation) const {
    return options_.gaussian_predictors ? initializer::normal(deviation) : nn::default_uniform(width_);
  }
  initializer predictor_bias() const { return options_.gaussian_predictors ? initializer::zero() : nn::default_uniform(width_); }
  static void add_layer(std::optional<fully_connected>& to, int in, int out, int rank) {
    if (out) to.emplace(in, out, rank, true, nn::default_uniform(in), nn::default_uniform(in));
  }
  bool drops(std::optional<fully_connected> const& layer) const { return layer && options_.dropout > 0; }

  bool pooler_learns() const {
    if constexpr (requires { pooler_.learns(); }) return pooler_.learns();
    else return false;
  }
  // drois: of the sampled regions; empty: not wanted.
  void back_to_maps(context& c, tape& t, matrix dpooled, maps<T, levels, B>& df, writing how, view<box<T>, 2, B> drois,
                    [[maybe_unused]] writing gradients) {
    if constexpr (requires { pooler_.learns(); }) {
      pooler_.backward(c, t.pooler, dpooled, df, how, drois, gradients);
    } else {
      if (is_there(df)) pooler_.backward(c, t.pooler, dpooled, df, how);
      if (drois.data) pooler_.backward_rois(c, t.pooler, dpooled, drois);
    }
  }

  static void back(context& c, nn::linear<T, B>& layer, matrix x, matrix y, matrix dy, matrix dx, writing how, writing gradients) {
    typename nn::linear<T, B>::tape of_layer{x, y};
    layer.backward(c, of_layer, dy, dx, how, gradients);
  }

  fast_rcnn_options<Rules> options_;
  Pooler pooler_;
  int width_;  // of what the predictors read
  std::optional<fully_connected> fc6_, fc7_;
  nn::linear<T, B> cls_, box_;
  roi::target_statistics<T, B> statistics_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
