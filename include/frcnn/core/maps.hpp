#pragma once
// The feature maps of a batch, one activation per level: what the backbone gives and everything after it shares.
//
// Maps own nothing: an activation says where its memory lies. range<First, Count>() is some of the levels, in the same memory: what a head
// reads that takes four levels of a backbone of five. Maps without memory as an output of backward mean, as empty views do: not wanted.
//
// Example: maps<float, 5, cpu> f;  f.range<0, 4>().level[3] is f.level[3]
#include "frcnn/core/backend.hpp"
#include "frcnn/core/error.hpp"

#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Whether an activation has memory. A backend whose activations cannot be without need not say.
template <class A>
bool is_there(A const& a) {
  if constexpr (requires { static_cast<bool>(a); }) return static_cast<bool>(a);
  else return true;
}

template <class T, int L, Backend B>
struct maps {
  activation<T, B> level[L];  // [N, C, Hl, Wl]

  // Levels First, First + 1, .. First + Count - 1.
  template <int First, int Count>
  maps<T, Count, B> range() const {
    static_assert(First >= 0 && Count > 0 && First + Count <= L, "frcnn: these levels are not among the maps'");
    maps<T, Count, B> some{};
    for (int l = 0; l < Count; ++l) some.level[l] = level[First + l];
    return some;
  }
};

// Whether any level has memory.
template <class T, int L, Backend B>
bool is_there(maps<T, L, B> const& m) {
  for (auto const& a : m.level)
    if (is_there(a)) return true;
  return false;
}

// In place of a number of channels: a part's object has it (p.map_channels(), of a backbone x.map_channels(l)), and not its type, so that
// networks that differ in it are one type. Whether the parts fit is then seen when they are composed, at run time.
inline constexpr int any_channels = 0;

// What two parts must agree on to be joined: scalar, device, channels of every map, number of maps.
template <Real T, Backend B, int Channels, int Levels = 1>
struct features {
  using scalar = T;
  using device = B;
  static constexpr int channels = Channels, levels = Levels;
  using maps_type = maps<T, Levels, B>;
};

// A part that says which channels it reads.
template <class Part>
concept ReadsChannels = (Part::channels > 0) || (Part::channels == any_channels && requires(Part const& p) {
                          { p.map_channels() } -> std::same_as<int>;
                        });

// The channels of each map that a part reads, and of map l of a backbone.
template <class Part>
int channels_read(Part const& p) {
  if constexpr (requires { p.map_channels(); }) return p.map_channels();
  else return Part::channels;
}
template <class Backbone>
int channels_of_map(Backbone const& x, int l) {
  if constexpr (requires { x.map_channels(l); }) return x.map_channels(l);
  else return Backbone::channels(l);
}

// Whether each of the backbone's first maps may have as many channels as the part reads, by their types.
template <class Backbone, class Part>
consteval bool channels_fit(int levels) {
  for (int l = 0; l < levels; ++l)
    if (Backbone::channels(l) != any_channels && Part::channels != any_channels && Backbone::channels(l) != Part::channels) return false;
  return true;
}

// The number that a part of features F is made with. Throws error for none, and for another than the type's. part: for messages.
template <class F>
int checked_channels(char const* part, int channels) {
  if (channels < 1 || (F::channels != any_channels && channels != F::channels))
    throw error(part,
                F::channels == any_channels ? std::string("the number of channels of its maps") : std::to_string(F::channels) + " channels",
                std::to_string(channels));
  return channels;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
