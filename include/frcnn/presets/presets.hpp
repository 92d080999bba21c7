#pragma once
// Presets: detectors with a name. Each fixes convention, anchors, pooling, head, initialisation and schedule; files, programs and
// benchmarks use the name.
//   P::name, P::scalar, P::device, P::convention, P::model     the composed type
//   P::config(classes)    everything a model file tells          P::training()   the schedule
//   P::make(config, home = {})   a model with memory, its parameters on the device of these options of its backend; they are undefined
//                         until initialised or loaded. A preset for one device may leave the second argument out
//
// A preset_list is what a program chooses among them: library_presets<cpu>, or a list of its own.
//   using mine = preset_list<presets::small_net<cpu>, my_preset>;
//   mine::names()                                  "small, my_preset"
//   mine::with(name, []<class Preset>() { ... })   throws error where no preset of the list has that name
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#if FRCNN_COMPILED_PRESETS
#include "frcnn/presets/instances.hpp"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
[[noreturn]] inline void no_such_preset(std::string const& names, std::string const& name) {
  throw error("preset", "one of " + names, name.empty() ? "none" : name);
}
}  // namespace detail

template <class... Presets>
struct preset_list {};

template <class First, class... Others>
struct preset_list<First, Others...> {
  static std::string names() { return (std::string(First::name) + ... + (std::string(", ") + Others::name)); }

  // All calls of f return one type.
  template <class F>
  static decltype(auto) with(std::string const& name, F&& f) {
    return with(name, f, std::type_identity<preset_list<First, Others...>>());
  }

 private:
  template <class One, class... Rest, class F>
  static decltype(auto) with(std::string const& name, F& f, std::type_identity<preset_list<One, Rest...>>) {
    if (name == One::name) return f.template operator()<One>();
    if constexpr (sizeof...(Rest) > 0) return with(name, f, std::type_identity<preset_list<Rest...>>());
    detail::no_such_preset(names(), name);
  }
};

template <Backend B>
using library_presets = preset_list<presets::small_net<B>, presets::vgg16_tv<B>>;

}  // namespace frcnn
FRCNN_HIDDEN_END
