#pragma once
// A preset whose RPN and detector share nothing: two backbones in one model (section 4.1, without shared features).
//
//   unshared<small_net<cpu>>   preset "small_unshared": what `small` is but for that; train_voc --scheme unshared writes it
//   unshared_from(rpn, head)   such a detector of two trained ones: backbone and RPN of the first, backbone and head of the second
// Presets whose generator may have a backbone, as the library's, are of one family with what they are without it: nothing is compiled again.
#include "frcnn/detector/detector.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/rpn/own_backbone.hpp"

#include <array>
#include <memory>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::presets {

namespace detail {

// A generator that has a backbone, of one that may have it or may not.
template <class BB, class PG>
struct owning {
  using type = with_own_backbone<BB, PG>;
};
template <class BB, class PG>
struct owning<BB, with_own_backbone<BB, PG, own::maybe>> {
  using type = with_own_backbone<BB, PG, own::maybe>;
};

template <class Preset>
struct same_family {};
template <class Preset>
requires requires { typename Preset::family; }
struct same_family<Preset> {
  using family = typename Preset::family;
};

constexpr char const* unshared_suffix = "_unshared";

// The configuration of an unshared detector of the parts that a shared one has.
template <class Config>
Config unshared_config(Config shared) {
  shared.preset += unshared_suffix;
  if constexpr (requires { shared.shares; }) shared.shares = false;
  return shared;
}

}  // namespace detail

// Preset: any, of the library or of one's own.
template <class Preset>
struct unshared : detail::same_family<Preset> {
 private:
  using shared_model = typename Preset::model;
  template <class Part>
  using part = std::remove_cvref_t<Part>;
  static constexpr std::string_view shared_name = Preset::name, suffix = detail::unshared_suffix;
  static constexpr auto text = [] {
    std::array<char, shared_name.size() + suffix.size() + 1> all{};
    for (std::size_t i = 0; i < shared_name.size(); ++i) all[i] = shared_name[i];
    for (std::size_t i = 0; i < suffix.size(); ++i) all[shared_name.size() + i] = suffix[i];
    return all;
  }();

 public:
  using scalar = typename Preset::scalar;
  using device = typename Preset::device;
  using convention = typename Preset::convention;
  using backbone_type = part<decltype(std::declval<shared_model&>().backbone())>;
  using generator_type = typename detail::owning<backbone_type, part<decltype(std::declval<shared_model&>().generator())>>::type;
  using head_type = part<decltype(std::declval<shared_model&>().head())>;
  using model = faster_rcnn<backbone_type, generator_type, head_type>;
  static constexpr char const* name = text.data();

  static auto config(std::vector<std::string> classes) { return detail::unshared_config(Preset::config(std::move(classes))); }
  static auto training() { return Preset::training(); }
  // Of both backbones.
  template <class Model>
  requires requires(Model& m) { Preset::freeze_published(m); }
  static void freeze_published(Model& m) { Preset::freeze_published(m); }
  template <class Config>
  static std::unique_ptr<model> make(Config const& config, typename device::options home = {}) {
    if constexpr (std::is_same_v<model, shared_model>) return frcnn::detail::make_model<Preset>(config, home);
    else {
      auto const one = frcnn::detail::make_model<Preset>(config, home),
                 other = frcnn::detail::make_model<Preset>(config, home);  // for their parts, which move on to a model of their own
      return std::make_unique<model>(std::move(one->backbone()), generator_type(std::move(other->backbone()), std::move(one->generator())),
                                     std::move(one->head()), home);
    }
  }
  template <class Config>
  static void take_shapes(Config& config, Config const& from) {
    Preset::take_shapes(config, from);
  }
};

namespace detail {
template <class Preset>
struct unshared_type {  // a family, whose detectors are of either kind
  using type = Preset;
};
template <class Preset>
requires requires { Preset::name; }
struct unshared_type<Preset> {
  using type = unshared<Preset>;
};
}  // namespace detail

template <class Preset>
auto unshared_from(detector<Preset> const& rpn, detector<Preset> const& head, typename Preset::device::options o = {}) {
  auto config = detail::unshared_config(head.config());
  if constexpr (requires { config.untrained_rpn; }) config.untrained_rpn = rpn.config().untrained_rpn;
  detector<typename detail::unshared_type<Preset>::type> d(std::move(config), o);
  auto& values = d.model().parameters();
  values.copy("backbone", head.model().parameters());
  values.copy("roi_heads", head.model().parameters());
  values.copy("rpn.backbone", rpn.model().parameters(), "backbone");
  values.copy("rpn.head", rpn.model().parameters());
  return d;
}

}  // namespace frcnn::presets
FRCNN_HIDDEN_END
