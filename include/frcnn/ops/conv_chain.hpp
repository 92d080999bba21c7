#pragma once
// Convolutions and pools in a row whose maps in between nobody keeps: a backbone in inference, its frozen prefix in training.
//
//   x [N, C, H, W] -> stage 0 -> stage 1 -> ... -> y      contracts of the stages: conv2d.hpp, max_pool.hpp
//
// ops::conv_chain<B>:: forward(c, stages, x, y)     y is what the last stage gives; no stages: not allowed
// Unless a backend has something better, stages run one after the other between two buffers that take turns.
#include "frcnn/core/checked.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/ops/conv2d.hpp"
#include "frcnn/ops/max_pool.hpp"

#include <algorithm>
#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
struct chain_stage {
  bool is_pool = false;
  std::string_view name = "pool";  // for profiles
  conv2d_spec conv{};
  pool_spec pool{};
  view<T const, 1, B> weight{}, bias{};
  typename ops::conv2d<B>::kept* keep = nullptr;  // where converted weights of `version` may stay
  std::uint64_t version = 0;

  shape<4> out_shape(shape<4> in) const { return is_pool ? pool.out_shape(in) : conv.out_shape(in); }
  double operations(shape<4> in) const { return is_pool ? 0 : conv.operations(in); }
};

namespace ops {

template <class B>
struct conv_chain {
  template <Real T>
  static void forward(typename B::context& c, std::span<chain_stage<T, B> const> stages, activation<T, B> x, activation<T, B> y) {
    typename B::context::frame scope(c);
    std::size_t room[2] = {0, 0};
    shape<4> s = x.dims;
    for (std::size_t i = 0; i + 1 < stages.size(); ++i) {
      s = stages[i].out_shape(s);
      room[i % 2] = std::max(room[i % 2], static_cast<std::size_t>(c.template storage<T>(s)));
    }
    void* const memory[2] = {c.scratch(checked::bytes<T>(room[0])), c.scratch(checked::bytes<T>(room[1]))};
    for (std::size_t i = 0; i < stages.size(); ++i) {
      activation<T, B> const to = i + 1 == stages.size() ? y : c.template make_at<T>(memory[i % 2], stages[i].out_shape(x.dims));
      run(c, stages[i], x, to);
      x = to;
    }
  }

  template <Real T>
  static void run(typename B::context& c, chain_stage<T, B> const& s, activation<T, B> x, activation<T, B> y) {
    profiled const scope(c, s.name, s.operations(x.dims));
    if (s.is_pool) max_pool<B>::template forward<T>(c, s.pool, x, y, view<std::int32_t, 1, B>{});
    else conv2d<B>::template forward<T>(c, s.conv, x, s.weight, s.bias, y, s.keep, s.version);
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
