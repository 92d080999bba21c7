#pragma once
// The feature maps of a batch, one activation per level: what the backbone gives and everything after it shares.
//
// Maps own nothing: an activation says where its memory lies. range<First, Count>() is some of the levels, in the same memory: what a head
// reads that takes four levels of a backbone of five. Maps without memory as an output of backward mean, as empty views do: not wanted.
//
// Example: maps<float, 5, cpu> f;  f.range<0, 4>().level[3] is f.level[3]
#include "frcnn/core/backend.hpp"

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

// What two parts must agree on to be joined: scalar, device, channels of every map, number of maps.
template <Real T, Backend B, int Channels, int Levels = 1>
struct features {
  using scalar = T;
  using device = B;
  static constexpr int channels = Channels, levels = Levels;
  using maps_type = maps<T, Levels, B>;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
