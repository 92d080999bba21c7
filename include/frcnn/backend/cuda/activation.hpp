#pragma once
// Activations of the CUDA backend, [N, H, W, C] as cuDNN's tensor cores want them, the kernel between them and plain [N, C, H, W], and what
// both contexts say of them.
#include "frcnn/backend/cuda/block.hpp"
#include "frcnn/core/checked.hpp"
#include "frcnn/core/view.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Logical [N, C, H, W], stored [N, H, W, C]. data == nullptr: not wanted, or not there.
template <class T>
struct cuda_activation {
  T* data = nullptr;
  shape<4> dims{};

  FRCNN_HD constexpr explicit operator bool() const { return data != nullptr; }
};

namespace detail {

// out[n][j][i] = in[n][i][j] over [N, rows, columns]: a block takes a square and turns it in shared memory, so that both sides are read and
// written along their rows.
template <class T>
struct transpose_maps {
  static constexpr int side = 32, threads = 256;
  struct shared_state {
    T square[side][side + 1];  // one more: a column lies in as many banks as it has rows
  };

  T const* in;
  T* out;
  std::size_t rows, columns;

  std::size_t squares() const { return (rows + side - 1) / side * ((columns + side - 1) / side); }  // of an image

  template <class Block>
  FRCNN_HD void operator()(Block& block) const {
    std::size_t const across = (columns + side - 1) / side, down = (rows + side - 1) / side, square = block.index() % (across * down);
    std::size_t const first = block.index() / (across * down) * rows * columns, top = square / across * side, left = square % across * side;
    auto& s = block.shared();
    block.each([&](int thread) {
      for (int at = thread; at < side * side; at += threads) {
        std::size_t const i = top + at / side, j = left + at % side;
        if (i < rows && j < columns) s.square[at / side][at % side] = in[first + i * columns + j];
      }
    });
    block.each([&](int thread) {
      for (int at = thread; at < side * side; at += threads) {
        std::size_t const j = left + at / side, i = top + at % side;
        if (i < rows && j < columns) out[first + j * rows + i] = s.square[at % side][at / side];
      }
    });
  }
};

template <class T, class Context>
void transpose_on(Context& c, T const* in, T* out, std::int32_t batch, std::int32_t rows, std::int32_t columns) {
  if (rows == 0 || columns == 0) return;
  transpose_maps<T> const kernel{in, out, static_cast<std::size_t>(rows), static_cast<std::size_t>(columns)};
  launch(c, static_cast<std::size_t>(batch) * kernel.squares(), kernel);
}

// What a context of either tag says of activations (core/backend.hpp).
template <class B>
class cuda_activations {
 public:
  template <class T>
  static std::size_t storage(shape<4> s) {
    return checked::elements(s);
  }
  template <class T>
  cuda_activation<T> make(shape<4> s) {
    return make_at<T>(self().scratch(checked::bytes<T>(storage<T>(s))), s);
  }
  template <class T>
  static cuda_activation<T> make_at(void* memory, shape<4> s) {
    return {static_cast<T*>(memory), s};
  }
  // Between [N, H, W, C] and plain [N, C, H, W]: for inputs, tests and files.
  template <class T>
  void to_plain(cuda_activation<T> a, std::type_identity_t<view<std::remove_const_t<T>, 4, B>> plain) {
    transpose_on<std::remove_const_t<T>>(self(), a.data, plain.data, a.dims[0], a.dims[2] * a.dims[3], a.dims[1]);
  }
  template <class T>
  void from_plain(std::type_identity_t<view<T const, 4, B>> plain, cuda_activation<T> a) {
    transpose_on<T>(self(), plain.data, a.data, a.dims[0], a.dims[1], a.dims[2] * a.dims[3]);
  }

 private:
  auto& self() { return static_cast<typename B::context&>(*this); }
};

}  // namespace detail

}  // namespace frcnn
FRCNN_HIDDEN_END
