#pragma once
// A proposal generator with a backbone of its own: the RPN and the detector share no features (section 4.1; step 2 of section 3.2's
// alternating training). Models ProposalGenerator<Anchors>.
//
//   BB  a backbone, the detector's or another, such as VGG-16 before a detector on ZF (Table 2)        PG  a generator on BB's maps
//   faster_rcnn<BB, with_own_backbone<BB, PG>, RH>      one type and one model file: presets/unshared.hpp
// It reads the pixels of the batch: the maps that it is given are not looked at, d(maps) are not written, and its convolutions learn in its
// own backward. Parameters: "rpn.backbone.*", and PG's.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/concepts/proposal_generator.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <string>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// The convention of a generator that names one.
template <class PG>
struct rules_of_generator {};
template <class PG>
requires requires { typename PG::rules; }
struct rules_of_generator<PG> {
  using rules = typename PG::rules;
};

template <class PG, class BB>
consteval bool reads_maps_of() {
  if constexpr (SameWorld<BB, PG> && PG::anchors_type::levels == BB::levels && conventions::agree<BB, PG>()) {
    for (int l = 0; l < BB::levels; ++l)
      if (BB::channels(l) != PG::channels) return false;
    return true;
  }
  return false;
}

}  // namespace detail

template <class BB, class PG>
class with_own_backbone : public detail::rules_of_generator<PG> {
  static_assert(detail::reads_maps_of<PG, BB>(),
                "frcnn: a generator and its own backbone differ in scalar, device, number of levels, channels or convention");

 public:
  using scalar = scalar_of<PG>;
  using device = device_of<PG>;
  using anchors_type = typename PG::anchors_type;
  using coder = typename PG::coder;
  static constexpr int channels = PG::channels;
  static constexpr bool has_own_maps = true;

 private:
  using T = scalar;
  using B = device;
  using context = typename B::context;
  using own_maps = maps<T, BB::levels, B>;

 public:
  struct tape : PG::tape {  // whose decisions can be held
    typename BB::tape backbone;
    own_maps f{};
    buffer<T, B> memory[BB::levels];
  };

  with_own_backbone(BB backbone, PG generator) : backbone_(std::move(backbone)), generator_(std::move(generator)) {}

  anchors_type const& anchors() const { return generator_.anchors(); }
  int capacity(phase ph) const { return generator_.capacity(ph); }
  auto const& options() const { return generator_.options(); }
  auto& options() { return generator_.options(); }
  BB const& backbone() const { return backbone_; }
  PG const& generator() const { return generator_; }

  template <int L>
  void infer(context& c, batch<T, B> im, maps<T, L, B> const&, phase ph, counted<box<T>, 2, B> rois) const {
    typename context::frame scope(c);
    own_maps f;
    for (int l = 0; l < BB::levels; ++l) f.level[l] = c.template make<T>(backbone_.map_shape(l, im.pixels.dims));
    backbone_.infer(c, im, f);
    generator_.infer(c, im, f, ph, rois);
  }

  template <int L>
  void forward(context& c, batch<T, B> im, maps<T, L, B> const&, tape& t) const {
    for (int l = 0; l < BB::levels; ++l) {
      shape<4> const s = backbone_.map_shape(l, im.pixels.dims);
      t.f.level[l] = c.template make_at<T>(t.memory[l].reserve(c, c.template storage<T>(s)), s);
    }
    backbone_.forward(c, im, t.f, t.backbone);
    generator_.forward(c, im, t.f, t);
  }
  void targets(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t) const { generator_.targets(c, im, gt, r, t); }
  void loss(context& c, batch<T, B> im, truth<T, B> gt, tape& t, view<T, 1, B> loss) const { generator_.loss(c, im, gt, t, loss); }
  void propose(context& c, batch<T, B> im, tape& t, phase ph, counted<box<T>, 2, B> rois) const { generator_.propose(c, im, t, ph, rois); }

  template <int L>
  void backward(context& c, tape& t, view<box<T>, 2, B> drois, maps<T, L, B>&, writing, writing gradients = writing::set) {
    typename context::frame scope(c);
    bool const learns = backbone_learns();
    own_maps df{};
    if (learns)
      for (int l = 0; l < BB::levels; ++l) df.level[l] = c.template make<T>(t.f.level[l].dims);
    generator_.backward(c, t, drois, df, writing::set, gradients);
    if (learns) backbone_.backward(c, t.backbone, df, gradients);
  }

  template <class V>
  void for_each_param(V&& visit) {
    visit.enter("rpn");
    backbone_.for_each_param(visit);
    visit.leave();
    generator_.for_each_param(visit);
  }

 private:
  struct find_learning {
    bool& found;
    void operator()(param<T, B>& p) const { found = found || p.wants_grad(); }
    void enter(std::string const&) const {}
    void leave() const {}
  };
  bool backbone_learns() {
    bool found = false;
    backbone_.for_each_param(find_learning{found});
    return found;
  }

  BB backbone_;
  PG generator_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
