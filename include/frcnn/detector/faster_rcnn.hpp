#pragma once
// Faster R-CNN: a Backbone, a ProposalGenerator and a RoIHead that share feature maps (Fig. 2 of the paper), composed at compile time.
//
//   detect    backbone -> proposals -> head             (backbone -> head where the batch has regions: Fast R-CNN alone)
//   propose   backbone -> proposals
//   step      approximate joint training (section 3.2, ii): one forward pass, four losses, one backward pass, proposals as constants
//   step_exact  exact joint training (section 3.2, iii): the head's losses move proposals too, through the pooled features and the
//             regression targets, into the RPN's deltas. Which anchors are proposed and sampled stays a constant
//   step_rpn  the RPN's losses alone          step_head  the head's losses alone, on the batch's regions (alternating training)
//   step_rpn, step_head on maps that are given: the backbone neither runs nor learns (train/map_cache.hpp)
//   losses    those of step, or of step_head where the batch has regions, to the same bits, and no gradients: for validation
// A generator with maps of its own (rpn/own_backbone.hpp) shares nothing: propose and step_rpn leave the backbone alone.
//
// A step leaves gradients in the parameter store; the optimiser applies them. Who sets and who adds is known from the calls: `written` says
// which parts have gradients of this update already, and a step returns which then have (core/param.hpp, part_set). loss: view [4] on the
// device, {objectness, rpn box, class, head box}, overwritten. const functions are safe from several threads, each with its own context.
// Throws for options of detect that are none, for regions where step makes its own, for none where step_head needs them, and, where the
// device's memory is the host's, for truth that the model cannot learn and regions that are none. The update of a step that throws starts
// again, with nothing written.
// Parts that do not fit together are named in one sentence by the compiler; where their types leave the number of channels open
// (any_channels), by an error when they are composed.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/concepts/proposal_generator.hpp"
#include "frcnn/concepts/roi_head.hpp"
#include "frcnn/core/executor.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/core/scratch.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/ops/clear.hpp"

#include <algorithm>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

template <class P>
concept HasAnchors = requires {
  typename P::anchors_type;
};
template <class P>
concept HasCoder = requires {
  typename P::coder;
};
template <class P>
concept HasWrongCoder = HasCoder<P> && !BoxCoder<typename P::coder>;

// Whether the backbone's first maps have the channels that the part reads, where only the objects know.
template <class BB, class Part>
void check_channels(BB const& backbone, Part const& part, int levels, char const* name) {
  for (int l = 0; l < levels; ++l)
    if (int const n = channels_of_map(backbone, l); n != channels_read(part))
      throw error(name, "one that reads maps of " + std::to_string(n) + " channels, as the backbone's",
                  "one that reads " + std::to_string(channels_read(part)));
}

template <class PG, class RH>
consteval auto rules_of() {
  if constexpr (requires { typename PG::rules; }) return typename PG::rules();
  else if constexpr (requires { typename RH::rules; }) return typename RH::rules();
}

// One sentence for one mistake, the first that applies. Not static_assert(Backbone<BB>), which a compiler may explain at any length.
template <class BB, class PG, class RH>
consteval bool explain() {
  if constexpr (!Backbone<BB>)
    static_assert(never<BB>,
                  "frcnn: BB does not model Backbone, see frcnn/concepts/backbone.hpp; static_assert(Backbone<BB>) says what is missing");
  else if constexpr (HasWrongCoder<PG>)
    static_assert(
        never<PG>,
        "frcnn: the coder of PG does not model BoxCoder, see frcnn/concepts/box_coder.hpp; static_assert(BoxCoder<PG::coder>) says "
        "what is missing");
  else if constexpr (HasWrongCoder<RH>)
    static_assert(
        never<RH>,
        "frcnn: the coder of RH does not model BoxCoder, see frcnn/concepts/box_coder.hpp; static_assert(BoxCoder<RH::coder>) says "
        "what is missing");
  else if constexpr (!HasAnchors<PG>)
    static_assert(never<PG>, "frcnn: PG names no anchors_type, see frcnn/concepts/proposal_generator.hpp");
  else if constexpr (!ProposalGenerator<PG, typename PG::anchors_type>)
    static_assert(never<PG>,
                  "frcnn: PG does not model ProposalGenerator<Anchors>, see frcnn/concepts/proposal_generator.hpp; "
                  "static_assert(ProposalGenerator<PG, PG::anchors_type>) says what is missing");
  else if constexpr (!RoIHead<RH>)
    static_assert(never<RH>,
                  "frcnn: RH does not model RoIHead, see frcnn/concepts/roi_head.hpp; static_assert(RoIHead<RH>) says what is missing");
  else if constexpr (!SameWorld<PG, BB> || !SameWorld<RH, BB>)
    static_assert(never<BB>, "frcnn: the parts differ in scalar (float, double) or in device (cpu, cuda)");
  else if constexpr (!HasOwnMaps<PG> && PG::anchors_type::levels != BB::levels)
    static_assert(never<PG>, "frcnn: the anchor scheme and the backbone differ in number of levels");
  else if constexpr (RH::levels > BB::levels) static_assert(never<RH>, "frcnn: the RoI head reads more levels than the backbone has");
  else if constexpr (!HasOwnMaps<PG> && !channels_fit<BB, PG>(BB::levels))
    static_assert(never<PG>, "frcnn: the parts differ in number of channels: PG reads other than a map of the backbone has");
  else if constexpr (!channels_fit<BB, RH>(RH::levels))
    static_assert(never<RH>, "frcnn: the parts differ in number of channels: RH reads other than a map of the backbone has");
  else static_assert(never<BB>, "frcnn: the parts follow different conventions; the backbone's is its last template argument");
  return true;
}

// The part whose scalar and device a detector of parts that do not fit has: what two parts agree on is most likely what is meant.
template <class BB, class PG, class RH>
consteval auto typical() {
  if constexpr (Numeric<PG> && Numeric<RH>) {
    if constexpr (SameWorld<PG, RH> || !Numeric<BB>) return std::type_identity<PG>();
    else return std::type_identity<BB>();
  } else if constexpr (Numeric<BB>) return std::type_identity<BB>();
  else if constexpr (Numeric<PG>) return std::type_identity<PG>();
  else return std::type_identity<RH>();
}

struct set_thresholds {
  detect_thresholds* to;
  detect_thresholds value;
  FRCNN_HD void operator()(std::size_t) const { *to = value; }
};

}  // namespace detail

// clang-format off
template <class BB, class PG, class RH>
concept Composable = Backbone<BB> && RoIHead<RH> && detail::HasAnchors<PG> && ProposalGenerator<PG, typename PG::anchors_type> &&
                     SameWorld<PG, BB> && SameWorld<RH, BB> && (HasOwnMaps<PG> || PG::anchors_type::levels == BB::levels) &&
                     (RH::levels <= BB::levels) && (HasOwnMaps<PG> || channels_fit<BB, PG>(BB::levels)) &&
                     channels_fit<BB, RH>(RH::levels) &&
                     conventions::agree<BB, PG>() && conventions::agree<BB, RH>() && conventions::agree<PG, RH>();
// clang-format on

// Parts that do not fit. It has the members of the one that works, with their types, so that the sentence is all that the compiler says of
// a whole program: trainer, optimiser, detector and model files compile with it.
template <class BB, class PG, class RH>
class faster_rcnn {
  static_assert(detail::explain<BB, PG, RH>());
  using typical = typename decltype(detail::typical<BB, PG, RH>())::type;

 public:
  using scalar = scalar_of<typical>;
  using device = device_of<typical>;
  using context = typename device::context;
  static constexpr int levels = 1;

  struct tape {};
  faster_rcnn(BB, PG, RH);
  faster_rcnn(auto&&, auto&&, auto&&);  // parts in another order
  void detect(auto&&...) const;
  void propose(auto&&...) const;
  part_set step(auto&&...);
  part_set step_exact(auto&&...);
  part_set step_rpn(auto&&...);
  part_set step_head(auto&&...);
  void losses(auto&&...) const;
  void for_each_param(auto&&);
  BB& backbone() const;
  PG& generator() const;
  RH& head() const;
  parameter_store<scalar, device>& parameters() const;
};

template <class BB, class PG, class RH>
requires Composable<BB, PG, RH>
class faster_rcnn<BB, PG, RH> {
 public:
  using scalar = scalar_of<BB>;
  using device = device_of<BB>;
  using context = typename device::context;
  using rules = decltype(detail::rules_of<PG, RH>());  // void where no part names a convention
  static constexpr int levels = BB::levels;

 private:
  using T = scalar;
  using B = device;

 public:
  // Grows to its high-water mark and is reused.
  struct tape {
    typename BB::tape backbone;
    typename PG::tape proposals;
    typename RH::tape head;
  };

  // home: what the context is made of in which the parameters lie (nn/parameter_store.hpp).
  faster_rcnn(BB backbone, PG generator, RH head, typename B::options home = {})
      : backbone_(std::move(backbone)), generator_(std::move(generator)), head_(std::move(head)) {
    if (shares_maps()) detail::check_channels(backbone_, generator_, levels, "proposal generator");
    detail::check_channels(backbone_, head_, RH::levels, "RoI head");
    store_.bind_in_order(home, generator_, head_, backbone_);  // as `part` lists them
  }
  faster_rcnn(faster_rcnn const&) = delete;
  faster_rcnn& operator=(faster_rcnn const&) = delete;

  // hits [N, options.max_detections], original pixels. Options that are not set are the head's.
  FRCNN_NOINLINE void detect(context& c, batch<T, B> im, detect_options const& o, counted<scored_box<T>, 2, B> hits) const {
    check(o);
    auto const all = complete(o, head_);
    typename context::frame scope(c);
    auto const thresholds = scratch<detect_thresholds, B>(c, shape<1>{{1}});
    exec<B>::for_each(c, std::size_t{1}, detail::set_thresholds{thresholds.data, detect_thresholds::of<RH>(all)});
    detect(c, im, thresholds, hits);
  }

  // The same with thresholds that are in device memory already: nothing of the call is in what is queued.
  void detect(context& c, batch<T, B> im, view<detect_thresholds const, 1, B> thresholds, counted<scored_box<T>, 2, B> hits) const {
    if (im.has_regions()) check_regions(im, im.regions);
    typename context::frame scope(c);
    auto f = make_maps(c, im);
    run_backbone(c, im, f);
    auto regions = im.regions;
    if (!im.has_regions()) {
      auto const rois = scratch_counted<box<T>, B>(c, im.size(), generator_.capacity(phase::test));
      run_generator(c, im, f, phase::test, rois);
      regions = rois;
    }
    profiled const timed(c, "regions");
    head_.infer(c, im, of_head(f), regions, thresholds, hits);
  }

  // rois [N, capacity(ph)] by descending objectness, pixels of the network's input.
  FRCNN_NOINLINE void propose(context& c, batch<T, B> im, phase ph, counted<box<T>, 2, B> rois) const {
    typename context::frame scope(c);
    maps<T, levels, B> f{};
    if (shares_maps()) {
      f = make_maps(c, im);
      run_backbone(c, im, f);
    }
    run_generator(c, im, f, ph, rois);
  }

  part_set step(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t, view<T, 1, B> loss, part_set written = {}) {
    return train_jointly(c, im, gt, r, t, loss, written, false);
  }

  // Throws where a box coder has no derivatives. A pooler that rounds (RoIPool) leaves the way through the targets alone.
  part_set step_exact(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t, view<T, 1, B> loss, part_set written = {}) {
    return train_jointly(c, im, gt, r, t, loss, written, true);
  }

  FRCNN_NOINLINE part_set step_rpn(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t, view<T, 1, B> loss,
                                   part_set written = {}) {
    typename context::frame scope(c);
    maps<T, levels, B> f{}, df{};
    if (shares_maps()) {
      f = make_maps(c, im), df = make_gradients(c, im, levels);
      run_profiled(c, "backbone", [&] { backbone_.forward(c, im, f, t.backbone); });
    }
    auto const done = step_rpn(c, im, f, gt, r, t, loss, written, df);
    if (!shares_maps()) return done;
    run_backbone_backward(c, t.backbone, df, written.next(of_backbone));
    return done.with(of_backbone);
  }

  FRCNN_NOINLINE part_set step_head(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t, view<T, 1, B> loss,
                                    part_set written = {}) {
    typename context::frame scope(c);
    auto f = make_maps(c, im), df = make_gradients(c, im, RH::levels);
    run_profiled(c, "backbone", [&] { backbone_.forward(c, im, f, t.backbone); });
    auto const done = step_head(c, im, f, gt, r, t, loss, written, df);
    run_backbone_backward(c, t.backbone, df, written.next(of_backbone));
    return done.with(of_backbone);
  }

  // On the backbone's maps f of these images. df: without memory, not wanted.
  FRCNN_NOINLINE part_set step_rpn(context& c, batch<T, B> im, maps<T, levels, B> const& f, truth<T, B> gt, rng<B> r, tape& t,
                                   view<T, 1, B> loss, part_set written = {}, maps<T, levels, B> df = {}) {
    check_truth(im, gt);
    typename context::frame scope(c);
    clear_losses(c, loss);
    forward_rpn(c, im, f, gt, r, t, loss);
    run_profiled(c, "rpn backward", [&] { generator_.backward(c, t.proposals, not_asked, df, writing::set, written.next(of_generator)); });
    store_.gradients_done(c, of_generator);
    return written.with(of_generator);
  }
  FRCNN_NOINLINE part_set step_head(context& c, batch<T, B> im, maps<T, levels, B> const& f, truth<T, B> gt, rng<B> r, tape& t,
                                    view<T, 1, B> loss, part_set written = {}, maps<T, levels, B> df = {}) {
    if (!im.has_regions()) throw error("step_head", "a batch with regions", "one without");
    check_truth(im, gt);
    check_regions(im, im.regions);
    typename context::frame scope(c);
    clear_losses(c, loss);
    forward_head(c, im, f, im.regions, gt, r, t, loss);
    run_profiled(c, "regions backward", [&] { run_head_backward(c, t.head, not_asked, df, writing::set, written.next(of_roi_head)); });
    return written.with(of_roi_head);
  }

  // The losses of a step with these draws, dropout's among them; the model stays as it is, gradients of an update that has begun too. On
  // regions the head's losses alone: the others are 0.
  FRCNN_NOINLINE void losses(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t, view<T, 1, B> loss) const {
    check_truth(im, gt);
    if (im.has_regions()) check_regions(im, im.regions);
    typename context::frame scope(c);
    clear_losses(c, loss);
    auto f = make_maps(c, im);
    run_backbone(c, im, f);
    if (im.has_regions()) forward_head(c, im, f, im.regions, gt, r, t, loss);
    else forward_jointly(c, im, f, gt, r, t, loss);
  }

  template <class V>
  void for_each_param(V&& visit) {
    backbone_.for_each_param(visit);
    generator_.for_each_param(visit);
    head_.for_each_param(visit);
  }

  BB const& backbone() const { return backbone_; }
  PG const& generator() const { return generator_; }
  RH const& head() const { return head_; }
  BB& backbone() { return backbone_; }
  PG& generator() { return generator_; }
  RH& head() { return head_; }
  parameter_store<T, B> const& parameters() const { return store_; }
  parameter_store<T, B>& parameters() { return store_; }

 private:
  bool shares_maps() const { return !makes_own_maps(generator_); }  // whether the generator reads the backbone's maps

  // The order in which a step's backward finishes, in which their parameters lie too.
  enum part { of_generator, of_roi_head, of_backbone };

  FRCNN_NOINLINE part_set train_jointly(context& c, batch<T, B> const& im, truth<T, B> const& gt, rng<B> r, tape& t, view<T, 1, B> loss,
                                        part_set written, bool exact) {
    if (im.has_regions()) throw error("step", "a batch without regions: its regions are the RPN's proposals", "one with regions");
    check_truth(im, gt);
    typename context::frame scope(c);
    auto f = make_maps(c, im), df = make_gradients(c, im, exact || !shares_maps() ? RH::levels : levels);
    clear_losses(c, loss);
    run_profiled(c, "backbone", [&] { backbone_.forward(c, im, f, t.backbone); });
    auto const rois = forward_jointly(c, im, f, gt, r, t, loss);
    // The second one to write d(maps) adds. In exact training the head comes first, since the RPN goes on from d(regions).
    auto const drois = exact ? scratch<box<T>, B>(c, rois.rows.dims) : not_asked;
    auto const of_regions = exact || !shares_maps() ? writing::set : writing::add, of_rpn = exact ? writing::add : writing::set;
    auto const rpn_backward = [&] {
      run_profiled(c, "rpn backward", [&] { generator_.backward(c, t.proposals, drois, df, of_rpn, written.next(of_generator)); });
      store_.gradients_done(c, of_generator);
    };
    if (!exact) rpn_backward();
    run_profiled(c, "regions backward", [&] { run_head_backward(c, t.head, drois, df, of_regions, written.next(of_roi_head)); });
    if (exact) rpn_backward();
    run_backbone_backward(c, t.backbone, df, written.next(of_backbone));
    return written.with(of_generator).with(of_roi_head).with(of_backbone);
  }

  // A step's forward pass on the backbone's maps, with its targets and losses; its proposals, in memory of the context's present frame.
  counted<box<T>, 2, B> forward_jointly(context& c, batch<T, B> const& im, maps<T, levels, B> const& f, truth<T, B> const& gt, rng<B> r,
                                        tape& t, view<T, 1, B> loss) const {
    forward_rpn(c, im, f, gt, r, t, loss);
    auto const rois = scratch_counted<box<T>, B>(c, im.size(), generator_.capacity(phase::train));
    run_profiled(c, "proposals", [&] { generator_.propose(c, im, t.proposals, phase::train, rois); });
    forward_head(c, im, f, rois, gt, r, t, loss);
    return rois;
  }
  // Of a part.
  void forward_rpn(context& c, batch<T, B> const& im, maps<T, levels, B> const& f, truth<T, B> const& gt, rng<B> r, tape& t,
                   view<T, 1, B> loss) const {
    run_profiled(c, "rpn", [&] { generator_.forward(c, im, f, t.proposals); });
    run_profiled(c, "rpn loss", [&] {
      generator_.targets(c, im, gt, r, t.proposals);
      generator_.loss(c, im, gt, t.proposals, first_two(loss));
    });
  }
  void forward_head(context& c, batch<T, B> const& im, maps<T, levels, B> const& f, counted<box<T> const, 2, B> rois, truth<T, B> const& gt,
                    rng<B> r, tape& t, view<T, 1, B> loss) const {
    run_profiled(c, "regions", [&] {
      head_.targets(c, im, rois, gt, r, t.head);
      head_.forward(c, im, of_head(f), t.head);
      head_.loss(c, im, gt, t.head, last_two(loss));
    });
  }

  // An input_batch has checked what came through it; arrays of the user's own come here first. A few numbers per image.
  void check_truth(batch<T, B> const& im, truth<T, B> const& gt) const {
    if constexpr (B::in_host_memory)
      for_each_box(im, gt.boxes,
                   [&](int n, int g, box<T> const& b, auto const& name) { check_object(b, gt.label(n, g), head_.classes(), name); });
  }
  static void check_regions(batch<T, B> const& im, counted<box<T> const, 2, B> const& rois) {
    if constexpr (B::in_host_memory)
      for_each_box(im, rois, [&](int, int, box<T> const& b, auto const& name) {
        if (!is_finite(b)) throw error(name(), "a region of finite corners", "one with an infinite corner, or NaN");
      });
  }
  // f(n, g, box, name) for every box; name() is the box's.
  template <class F>
  static void for_each_box(batch<T, B> const& im, counted<box<T> const, 2, B> const& boxes, F f) {
    int const capacity = boxes.rows.dims[1];
    for (int n = 0; n < im.size(); ++n) {
      int const count = boxes.count(n);
      auto const name = [&] {
        return "image " + std::to_string(n) + " of a batch" + (im.id ? " (id " + std::to_string(im.id(n)) + ")" : "");
      };
      if (count < 0 || count > capacity) throw error(name(), "0 to " + std::to_string(capacity) + " boxes", std::to_string(count));
      for (int g = 0; g < count; ++g) f(n, g, boxes.rows(n, g), [&] { return name() + ", box " + std::to_string(g + 1); });
    }
  }

  maps<T, levels, B> make_maps(context& c, batch<T, B> const& im) const {
    maps<T, levels, B> f;
    for (int l = 0; l < levels; ++l) f.level[l] = c.template make<T>(backbone_.map_shape(l, im.pixels.dims));
    return f;
  }
  static constexpr view<box<T>, 2, B> not_asked{};  // proposals are constants: d(regions) is not computed

  // Where nothing of the backbone learns, d(maps) is not computed.
  bool backbone_learns() const {
    return std::ranges::any_of(store_.entries(), [](auto const& e) { return e.part == of_backbone && e.p->wants_grad(); });
  }
  // d(maps) of a step whose parts write the first `written` levels. The others are zero from the start: which they are is known from the
  // composition. Without memory, that is, not wanted, where the backbone does not learn.
  maps<T, levels, B> make_gradients(context& c, batch<T, B> const& im, int written) const {
    maps<T, levels, B> df{};
    if (!backbone_learns()) return df;
    for (int l = 0; l < levels; ++l) {
      shape<4> const s = backbone_.map_shape(l, im.pixels.dims);
      df.level[l] = l < written ? c.template make<T>(s) : zeros(c, s);
    }
    return df;
  }
  static activation<T, B> zeros(context& c, shape<4> s) {
    std::size_t const elements = c.template storage<T>(s);
    auto* const memory = static_cast<T*>(c.scratch(checked::bytes<T>(elements)));
    ops::clear<B>(c, memory, elements);
    return c.template make_at<T>(memory, s);
  }
  // The levels that the head reads: the first ones.
  static maps<T, RH::levels, B> of_head(maps<T, levels, B> const& f) { return f.template range<0, RH::levels>(); }
  FRCNN_NOINLINE void run_head_backward(context& c, typename RH::tape& t, view<box<T>, 2, B> drois, maps<T, levels, B> const& df,
                                        writing how, writing gradients) {
    auto read = of_head(df);
    head_.backward(c, t, drois, read, how, gradients);
    store_.gradients_done(c, of_roi_head);
  }
  FRCNN_NOINLINE void run_backbone_backward(context& c, typename BB::tape& t, maps<T, levels, B>& df, writing gradients) {
    if (!backbone_learns()) return;
    run_profiled(c, "backbone backward", [&] { backbone_.backward(c, t, df, gradients); });
    store_.gradients_done(c, of_backbone);
  }
  template <class Work>
  static void run_profiled(context& c, char const* name, Work work) {
    profiled const timed(c, name);
    work();
  }
  FRCNN_NOINLINE void run_backbone(context& c, batch<T, B> const& im, maps<T, levels, B>& f) const {
    run_profiled(c, "backbone", [&] { backbone_.infer(c, im, f); });
  }
  FRCNN_NOINLINE void run_generator(context& c, batch<T, B> const& im, maps<T, levels, B> const& f, phase ph,
                                    counted<box<T>, 2, B> rois) const {
    run_profiled(c, "rpn", [&] { generator_.infer(c, im, f, ph, rois); });
  }
  static void clear_losses(context& c, view<T, 1, B> loss) { ops::clear<B>(c, loss.data, loss.size()); }
  static view<T, 1, B> first_two(view<T, 1, B> loss) { return {loss.data, {{2}}}; }
  static view<T, 1, B> last_two(view<T, 1, B> loss) { return {loss.data + 2, {{2}}}; }

  BB backbone_;
  PG generator_;
  RH head_;
  parameter_store<T, B> store_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
