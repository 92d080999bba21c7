#pragma once
// Detections on a data set that several processes share: each takes every N-th image, and all get the lists of all.
//
// Numbers travel as sums in double, to which one process gives the value and the others 0: exact for float corners and scores, which are the
// same bits in one process and in N (a list depends on its image alone).
#include "frcnn/ops/sum_on_host.hpp"
#include "frcnn/train/evaluation.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// found: of all I images, filled by each process for its own (data::batch_share), empty elsewhere. Filled whole in the end.
template <Backend B>
void gather_detections(typename B::context& c, any_communicator<B>& others, std::vector<std::vector<detection>>& found) {
  constexpr std::size_t numbers = 6;
  std::vector<double> counts(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) counts[i] = static_cast<double>(found[i].size());
  sum_on_host<B>(c, others, counts);
  std::size_t all = 0;
  for (double const n : counts) all += static_cast<std::size_t>(n);
  std::vector<double> values(all * numbers, 0.0);
  double* at = values.data();
  for (std::size_t i = 0; i < found.size(); at += static_cast<std::size_t>(counts[i++]) * numbers)
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      auto const& d = found[i][k];
      double const of_one[numbers] = {d.where.x1, d.where.y1, d.where.x2, d.where.y2, static_cast<double>(d.label), d.score};
      std::copy_n(of_one, numbers, at + k * numbers);
    }
  sum_on_host<B>(c, others, values);
  at = values.data();
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i].resize(static_cast<std::size_t>(counts[i]));
    for (auto& d : found[i]) {
      d.where = {static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2]), static_cast<float>(at[3])};
      d.label = static_cast<decltype(d.label)>(at[4]);
      d.score = static_cast<float>(at[5]);
      at += numbers;
    }
  }
}

}  // namespace frcnn
FRCNN_HIDDEN_END
