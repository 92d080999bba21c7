#pragma once
// Grouping of images into batches: which ones go through the network together.
//
//   batches_of(sizes, options)   sizes[i] = {H, W, R} of image i: padded, and room for regions; batches of indices, every index in one
// Images of one size go together, in their order, options.most at a time; with options.pad_to_largest consecutive ones do, whatever
// their sizes. Example, most = 2: sizes a b a a give {0, 2} {3} {1}; with pad_to_largest {0, 1} {2, 3}.
#include "frcnn/core/shape.hpp"
#include "frcnn/geometry/detect_options.hpp"

#include <algorithm>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

inline std::vector<std::vector<std::size_t>> batches_of(std::span<shape<3> const> sizes, batch_options const& o) {
  std::vector<std::size_t> order(sizes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto const is_before = [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(sizes[a].d, sizes[a].d + 3, sizes[b].d, sizes[b].d + 3);
  };
  if (!o.pad_to_largest) std::stable_sort(order.begin(), order.end(), is_before);
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t const i : order) {
    bool const fits = !batches.empty() && batches.back().size() < static_cast<std::size_t>(o.most) &&
                      (o.pad_to_largest || sizes[batches.back().front()] == sizes[i]);
    if (!fits) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
