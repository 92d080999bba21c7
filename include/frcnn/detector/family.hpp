#pragma once
// Families of presets: presets that differ in data alone share one detector class, which is compiled once.
//
//   Preset::family          the types of several presets, and make(config, home); it has no name and no config() (presets/plain_preset.hpp)
//   family_of<Preset>       Preset::family, or the preset itself where it has none, or has types of its own
//   detector<Preset>        of a family: a detector<Preset::family> that adds the preset's name and configuration. detector.hpp defines the
//                           class and includes this header
//   detail::config_of<P>    what configures a preset or a family: model_config, or what derives from it
//   detail::check_fixed<P>  refuses a configuration of another network than the preset's
//
// Example: family_of<presets::small_net<cpu>> is family_of<presets::vgg16_tv<cpu>>, and a detector of either is a detector of it.
#include "frcnn/core/error.hpp"

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Preset>
class detector;  // detector/detector.hpp

namespace detail {

// What config() of a preset returns; a family has no config() and names it.
template <class Preset>
struct config_of {
  using type = typename Preset::config_type;
};
template <class Preset>
requires requires { Preset::config({}); }
struct config_of<Preset> {
  using type = decltype(Preset::config({}));
};

// A preset that has left its family's types as they are.
// clang-format off
template <class Preset>
concept OfFamily = requires { typename Preset::family; } && !std::same_as<Preset, typename Preset::family> &&
                   std::same_as<typename Preset::model, typename Preset::family::model> &&
                   std::same_as<typename Preset::convention, typename Preset::family::convention> &&
                   std::same_as<typename config_of<Preset>::type, typename Preset::family::config_type>;
// clang-format on

template <class Preset>
struct family_type {
  using type = Preset;
};
template <OfFamily Preset>
struct family_type<Preset> {
  using type = typename Preset::family;
};

// Throws error for a configuration of another network than its preset's, where configurations say by fixed() what belongs to a preset: no
// file could be read again, however long it was trained.
template <class Preset, class Config>
void check_fixed([[maybe_unused]] Config const& config) {
  if constexpr (requires {
                  Preset::name;
                  Preset::config({}).fixed();
                  config.fixed();
                }) {
    auto const expected = Preset::config({}).fixed(), found = config.fixed();
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (found[i] != expected[i])
        throw error("configuration of preset " + std::string(Preset::name) + ", " + expected[i].first,
                    expected[i].second + ", which is in its code (another network is a preset of its own)", found[i].second);
  }
}

// A preset's model, whose parameters lie on the device of these options. Of a preset whose make(config) takes none they lie on the first.
template <class Preset, class Config>
std::unique_ptr<typename Preset::model> make_model(Config const& config, typename Preset::device::options const& options) {
  typename Preset::device::options home{};
  if constexpr (requires { home.device; }) home.device = options.device;
  if constexpr (requires { Preset::make(config, home); }) return Preset::make(config, home);
  else return Preset::make(config);
}

}  // namespace detail

template <class Preset>
using family_of = typename detail::family_type<Preset>::type;

// A detector of the family that was made of this preset's configuration.
template <detail::OfFamily Preset>
class detector<Preset> : public detector<typename Preset::family> {
  using of_family = detector<typename Preset::family>;
  using options = typename of_family::B::options;

 public:
  explicit detector(typename of_family::config_type const& config, options o = {})
      : of_family((detail::check_fixed<Preset>(config), config), detail::make_model<Preset>(config, o), o) {}
  detector(typename of_family::config_type const& config, int threads) requires(of_family::has_threads)
      : detector(config, of_family::with_threads({}, threads)) {}
  // One of this preset.
  explicit detector(of_family d) : of_family(std::move(d)) {}
};

}  // namespace frcnn
FRCNN_HIDDEN_END
