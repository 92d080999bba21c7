#pragma once
// ops::rows of the CUDA backend: activations are rows of pixels already, so both ways copy, an element a thread.
#include "frcnn/backend/cuda/elements.hpp"
#include "frcnn/ops/rows.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// Element i of a map's cells [N * cells, columns]: where it lies in the map, and in the rows.
struct row_place {
  std::size_t cells, columns, channels, channel, first, per_image;

  FRCNN_HD std::size_t in_map(std::size_t i) const {
    divided const cell(i, columns);
    return cell.quotient * channels + channel + cell.rest;
  }
  FRCNN_HD std::size_t in_rows(std::size_t i) const {
    divided const cell(i, columns), image(cell.quotient, cells);
    return (image.quotient * per_image + first + image.rest) * columns + cell.rest;
  }
};
template <class T>
struct gather_element {
  row_place at;
  T const* map;
  T* rows;
  FRCNN_HD void operator()(std::size_t i) const { rows[at.in_rows(i)] = map[at.in_map(i)]; }
};
template <class T>
struct scatter_element {
  row_place at;
  T const* rows;
  T* map;
  FRCNN_HD void operator()(std::size_t i) const { map[at.in_map(i)] = rows[at.in_rows(i)]; }
};

}  // namespace detail

namespace ops {

template <CudaDevice B>
struct rows<B> {
  template <Real T>
  static void gather(typename B::context& c, activation<T, B> a, std::type_identity_t<view<T, 3, B>> rows, int first, int channel = 0) {
    exec<B>::for_each(c, elements(a.dims, rows.dims),
                      frcnn::detail::gather_element<T>{place(a.dims, rows.dims, first, channel), a.data, rows.data});
  }
  template <Real T>
  static void scatter(typename B::context& c, std::type_identity_t<view<T const, 3, B>> rows, int first, activation<T, B> a,
                      int channel = 0) {
    exec<B>::for_each(c, elements(a.dims, rows.dims),
                      frcnn::detail::scatter_element<T>{place(a.dims, rows.dims, first, channel), rows.data, a.data});
  }

 private:
  static std::size_t elements(shape<4> const& a, shape<3> const& rows) { return shape<4>{{a[0], a[2], a[3], rows[2]}}.size(); }
  static frcnn::detail::row_place place(shape<4> const& a, shape<3> const& rows, int first, int channel) {
    FRCNN_ASSERT(rows[0] == a[0] && channel + rows[2] <= a[1] && first + a[2] * a[3] <= rows[1]);
    return {static_cast<std::size_t>(a[2]) * static_cast<std::size_t>(a[3]),
            static_cast<std::size_t>(rows[2]),
            static_cast<std::size_t>(a[1]),
            static_cast<std::size_t>(channel),
            static_cast<std::size_t>(first),
            static_cast<std::size_t>(rows[1])};
  }
};

}  // namespace ops

}  // namespace frcnn
FRCNN_HIDDEN_END
