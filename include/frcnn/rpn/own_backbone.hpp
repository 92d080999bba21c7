#pragma once
// A proposal generator with a backbone of its own: the RPN and the detector share no features (section 4.1; step 2 of section 3.2's
// alternating training). Models ProposalGenerator<Anchors>.
//
//   BB  a backbone, the detector's or another, such as VGG-16 before a detector on ZF (Table 2)        PG  a generator on BB's maps
//   faster_rcnn<BB, with_own_backbone<BB, PG>, RH>      one model, one file: presets/unshared.hpp
//   with_own_backbone<BB, PG, own::maybe>               a backbone or none: detectors that share features and those that do not are one type
// It reads the pixels of the batch: the maps that it is given are not looked at, d(maps) are not written, and its convolutions learn in its
// own backward. Without a backbone it is PG. Parameters: "rpn.backbone.*", and PG's.
#include "frcnn/concepts/backbone.hpp"
#include "frcnn/concepts/proposal_generator.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <optional>
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
  if constexpr (SameWorld<BB, PG> && PG::anchors_type::levels == BB::levels && conventions::agree<BB, PG>())
    return channels_fit<BB, PG>(BB::levels);
  else return false;
}

}  // namespace detail

// Whether a generator has a backbone of its own: always, or as it was made.
enum class own : bool { maybe, always };

template <class BB, class PG, own Has = own::always>
class with_own_backbone : public detail::rules_of_generator<PG> {
  static_assert(detail::reads_maps_of<PG, BB>(),
                "frcnn: a generator and its own backbone differ in scalar, device, number of levels, channels or convention");

 public:
  using scalar = scalar_of<PG>;
  using device = device_of<PG>;
  using anchors_type = typename PG::anchors_type;
  using coder = typename PG::coder;
  static constexpr int channels = PG::channels;
  static constexpr bool has_own_maps = Has == own::always;

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

  // Throws error where the number of channels is seen at run time, and differs.
  with_own_backbone(BB backbone, PG generator) : backbone_(std::move(backbone)), generator_(std::move(generator)) {
    for (int l = 0; l < BB::levels; ++l)
      if (int const n = channels_of_map(*backbone_, l); n != map_channels())
        throw error("generator with a backbone of its own", "one that reads the " + std::to_string(n) + " channels of its backbone's maps",
                    "one that reads " + std::to_string(map_channels()));
  }
  explicit with_own_backbone(PG generator) requires(Has == own::maybe) : generator_(std::move(generator)) {}

  bool makes_own_maps() const { return backbone_.has_value(); }
  int map_channels() const { return channels_read(generator_); }
  anchors_type const& anchors() const { return generator_.anchors(); }
  int capacity(phase ph) const { return generator_.capacity(ph); }
  auto const& options() const { return generator_.options(); }
  auto& options() { return generator_.options(); }
  auto place(shape<4> const& pixels, own_maps const& f) const { return generator_.place(pixels, f); }
  BB const& backbone() const { return *backbone_; }  // where it has one
  PG const& generator() const { return generator_; }

  template <int L>
  void infer(context& c, batch<T, B> im, maps<T, L, B> const& given, phase ph, counted<box<T>, 2, B> rois) const {
    typename context::frame scope(c);
    own_maps f = maps_given(given);
    if (backbone_) {
      for (int l = 0; l < BB::levels; ++l) f.level[l] = c.template make<T>(backbone_->map_shape(l, im.pixels.dims));
      backbone_->infer(c, im, f);
    }
    generator_.infer(c, im, f, ph, rois);
  }

  template <int L>
  void forward(context& c, batch<T, B> im, maps<T, L, B> const& given, tape& t) const {
    t.f = maps_given(given);
    if (backbone_) {
      for (int l = 0; l < BB::levels; ++l) {
        shape<4> const s = backbone_->map_shape(l, im.pixels.dims);
        t.f.level[l] = t.memory[l].map(c, s);
      }
      backbone_->forward(c, im, t.f, t.backbone);
    }
    generator_.forward(c, im, t.f, t);
  }
  void targets(context& c, batch<T, B> im, truth<T, B> gt, rng<B> r, tape& t) const { generator_.targets(c, im, gt, r, t); }
  void loss(context& c, batch<T, B> im, truth<T, B> gt, tape& t, view<T, 1, B> loss) const { generator_.loss(c, im, gt, t, loss); }
  void propose(context& c, batch<T, B> im, tape& t, phase ph, counted<box<T>, 2, B> rois) const { generator_.propose(c, im, t, ph, rois); }

  template <int L>
  void backward(context& c, tape& t, view<box<T>, 2, B> drois, maps<T, L, B>& given, writing how, writing gradients = writing::set) {
    typename context::frame scope(c);
    bool const learns = backbone_learns();
    own_maps df = maps_given(given);
    if (learns)
      for (int l = 0; l < BB::levels; ++l) df.level[l] = c.template make<T>(t.f.level[l].dims);
    generator_.backward(c, t, drois, df, backbone_ ? writing::set : how, gradients);
    if (learns) backbone_->backward(c, t.backbone, df, gradients);
  }

  template <class V>
  void for_each_param(V&& visit) {
    if (backbone_) {
      visit.enter("rpn");
      backbone_->for_each_param(visit);
      visit.leave();
    }
    generator_.for_each_param(visit);
  }

 private:
  // The detector's maps, where there is no backbone of its own.
  template <int L>
  own_maps maps_given([[maybe_unused]] maps<T, L, B> const& given) const {
    if constexpr (Has == own::maybe) {
      static_assert(L == BB::levels);
      if (!backbone_) return given;
    }
    return {};
  }

  struct find_learning {
    bool& found;
    void operator()(param<T, B>& p) const { found = found || p.wants_grad(); }
    void enter(std::string const&) const {}
    void leave() const {}
  };
  bool backbone_learns() {
    bool found = false;
    if (backbone_) backbone_->for_each_param(find_learning{found});
    return found;
  }

  std::optional<BB> backbone_;
  PG generator_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
