#pragma once
// The word for_each: a thread for each item.
#include "frcnn/backend/cuda/block.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class F>
struct each_item {
  static constexpr int threads = 256;
  using shared_state = no_shared_state;

  std::size_t n;
  F f;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    block.each([&](int t) {
      std::size_t const i = block.index() * threads + static_cast<std::size_t>(t);
      if (i < n) f(i);
    });
  }
};

template <class Context, class F>
void for_each_on(Context& c, std::size_t n, F const& f) {
  launch(c, (n + each_item<F>::threads - 1) / each_item<F>::threads, each_item<F>{n, f});
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
