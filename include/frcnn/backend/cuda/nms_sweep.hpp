#pragma once
// The word nms_sweep: a block for each segment, 64 boxes at a time, until M have survived.
//
// Three steps for 64 candidates: each against the survivors so far, 16 threads a candidate; those that are left against each other, a row of
// 64 bits each; one thread goes through the rows, survivor by survivor. There is no bit mask of all pairs, which would be 4.5 MB for 6,000
// boxes.
#include "frcnn/backend/cuda/block.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/geometry/iou.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class T, class Suppress>
struct sweep_segment {
  static constexpr int threads = 1024, candidates = 64, lanes = threads / candidates, of_lane = candidates / lanes;
  struct shared_state {
    box<T> candidate[candidates];
    std::int32_t hits[candidates];          // lanes that found a survivor which suppresses it; 1 where there is no box
    std::uint8_t pairs[candidates][lanes];  // bit b: candidate i suppresses candidate of_lane * lane + b, which comes after it
    std::uint64_t row[candidates];          // the same, 64 bits
    std::uint8_t is_left[candidates / 8];   // a bit for each
    std::uint8_t survivors[candidates];
    std::int32_t found;
  };

  box<T> const* boxes;                       // [S, k]
  std::int32_t const* count;                 // [S]
  std::int32_t *survivors, *survivor_count;  // [S, m], [S]
  box<T>* survivor_boxes;                    // [S, min(k, m)], one behind another
  std::size_t k, m;
  Suppress suppress;

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    auto& s = block.shared();
    std::size_t const segment = block.index();
    box<T> const* const box_of = boxes + segment * k;
    box<T>* const survivor = survivor_boxes + segment * (k < m ? k : m);
    std::int32_t* const out = survivors + segment * m;
    int const n = count[segment], most = static_cast<int>(m);
    int found = 0;
    for (int first = 0; first < n && found < most; first += candidates) {
      block.each([&](int t) {
        if (t >= candidates) return;
        bool const is_there = first + t < n;
        if (is_there) s.candidate[t] = box_of[first + t];
        s.hits[t] = is_there ? 0 : 1;
      });
      block.each([&](int t) {
        int const i = t / lanes;
        if (first + i >= n) return;
        for (int j = t % lanes; j < found; j += lanes)
          if (suppress(iou(survivor[j], s.candidate[i]))) {
            block.add(s.hits[i], 1);
            return;
          }
      });
      block.each([&](int t) {
        int const i = t / lanes, lane = t % lanes;
        unsigned bits = 0;
        for (int b = 0; b < of_lane; ++b) {
          int const j = lane * of_lane + b;
          if (j > i && s.hits[i] == 0 && s.hits[j] == 0 && suppress(iou(s.candidate[i], s.candidate[j]))) bits |= 1u << b;
        }
        s.pairs[i][lane] = static_cast<std::uint8_t>(bits);
      });
      block.each([&](int t) {
        if (t < candidates) {
          std::uint64_t bits = 0;
          for (int lane = 0; lane < lanes; ++lane) bits |= std::uint64_t{s.pairs[t][lane]} << (lane * of_lane);
          s.row[t] = bits;
        } else if (t < candidates + candidates / 8) {
          int const byte = t - candidates;
          unsigned bits = 0;
          for (int b = 0; b < 8; ++b) bits |= static_cast<unsigned>(s.hits[byte * 8 + b] == 0) << b;
          s.is_left[byte] = static_cast<std::uint8_t>(bits);
        }
      });
      block.each([&](int t) {
        if (t != 0) return;
        std::uint64_t left = 0;
        for (int byte = 0; byte < candidates / 8; ++byte) left |= std::uint64_t{s.is_left[byte]} << (8 * byte);
        int more = 0;
        while (left != 0 && found + more < most) {
          int const i = lowest_bit(left);
          s.survivors[more++] = static_cast<std::uint8_t>(i);
          left &= ~(std::uint64_t{1} << i | s.row[i]);
        }
        s.found = more;
      });
      int const more = block.read(s.found);
      block.each([&](int t) {
        if (t >= more) return;
        out[found + t] = first + s.survivors[t];
        survivor[found + t] = s.candidate[s.survivors[t]];
      });
      found += more;
    }
    block.each([&](int t) {
      for (int at = found + t; at < most; at += threads) out[at] = -1;
      if (t == 0) survivor_count[segment] = found;
    });
  }
};

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
