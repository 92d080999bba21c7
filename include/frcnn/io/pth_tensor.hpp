#pragma once
// A tensor of a .pth file: where its elements lie in the record of its storage, which may be another tensor's too.
//
//   element [i, j, ..] is element offset + i * strides[0] + j * strides[1] + .. of the record
// lay_out() checks that all of them lie in it; gather() puts elements in C order, whatever the strides are (a transposed view, a weight in
// channels_last, 0 where one element stands for many).
// Example: shape [2, 3], strides [1, 2], offset 4: elements 4, 6, 8, 5, 7, 9
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/weight_source.hpp"
#include "frcnn/io/zip_archive.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// By the name of a storage's class, or of a type.
inline std::optional<dtype> pth_type(std::string_view name) {
  struct known {
    std::string_view torch;
    dtype type;
  };
  static constexpr known all[] = {{"FloatStorage", dtype::f32},
                                  {"DoubleStorage", dtype::f64},
                                  {"HalfStorage", dtype::f16},
                                  {"BFloat16Storage", dtype::bf16},
                                  {"LongStorage", dtype::i64},
                                  {"IntStorage", dtype::i32},
                                  {"ShortStorage", dtype::i16},
                                  {"CharStorage", dtype::i8},
                                  {"ByteStorage", dtype::u8},
                                  {"BoolStorage", dtype::boolean},
                                  {"float32", dtype::f32},
                                  {"float64", dtype::f64},
                                  {"float16", dtype::f16},
                                  {"bfloat16", dtype::bf16},
                                  {"int64", dtype::i64},
                                  {"int32", dtype::i32},
                                  {"int16", dtype::i16},
                                  {"int8", dtype::i8},
                                  {"uint8", dtype::u8},
                                  {"bool", dtype::boolean},
                                  {"uint16", dtype::u16},
                                  {"uint32", dtype::u32},
                                  {"uint64", dtype::u64},
                                  {"float8_e4m3fn", dtype::f8_e4m3},
                                  {"float8_e5m2", dtype::f8_e5m2},
                                  {"float8_e8m0fnu", dtype::f8_e8m0},
                                  {"ComplexFloatStorage", dtype::c64}};
  for (auto const& k : all)
    if (k.torch == name) return k.type;
  return std::nullopt;
}

struct pth_tensor {
  zip_record const* record = nullptr;
  dtype type{};
  tensor_shape shape, strides;
  std::uint64_t offset = 0, size = 0;  // elements
  std::uint64_t extent = 0;            // from the first element to behind the last, as they lie
  bool contiguous = true;
  std::string unreadable{};  // else: what it is

  // Fills size, extent and contiguous; false where an element would lie beyond the record.
  bool lay_out() {
    std::uint64_t const room = record->size / size_of(type);
    size = 1;
    extent = 1;
    bool fits = true;
    for (std::size_t i = shape.size(); i-- > 0;) {
      auto const n = static_cast<std::uint64_t>(shape[i]), stride = static_cast<std::uint64_t>(strides[i]);
      if (n != 1 && stride != size) contiguous = false;
      std::uint64_t last = 0;
      fits = fits && !(n > 0 && __builtin_mul_overflow(n - 1, stride, &last)) && !__builtin_add_overflow(extent, last, &extent);
      if (__builtin_mul_overflow(size, n, &size)) return false;
    }
    if (size == 0) {
      extent = 0;
      contiguous = true;
      return true;  // no element lies anywhere
    }
    return fits && offset <= room && extent <= room - offset && size <= std::uint64_t{1} << 48;
  }

  // Elements first ... first + n in C order, from where they lie.
  void gather(std::uint64_t first, std::size_t n, std::byte const* from, std::byte* out) const {
    std::size_t const element = size_of(type), rank = shape.size();
    std::vector<std::uint64_t> index(rank);
    std::uint64_t at = 0, rest = first;
    for (std::size_t i = rank; i-- > 0;) {
      index[i] = rest % static_cast<std::uint64_t>(shape[i]);
      rest /= static_cast<std::uint64_t>(shape[i]);
      at += index[i] * static_cast<std::uint64_t>(strides[i]);
    }
    for (std::size_t k = 0; k < n; ++k) {
      std::memcpy(out + k * element, from + at * element, element);
      for (std::size_t i = rank; i-- > 0;) {
        at += static_cast<std::uint64_t>(strides[i]);
        if (++index[i] < static_cast<std::uint64_t>(shape[i])) break;
        at -= index[i] * static_cast<std::uint64_t>(strides[i]);
        index[i] = 0;
      }
    }
  }
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
