#pragma once
// The feature maps of a batch, one activation per level: what the backbone gives and everything after it shares.
#include "frcnn/core/backend.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class T, int L, Backend B>
struct maps {
  activation<T, B> level[L];  // [N, C, Hl, Wl]
};

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
