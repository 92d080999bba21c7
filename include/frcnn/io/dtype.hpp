#pragma once
// The element types of tensors in files, by their safetensors names, and how they become C++ numbers.
//
// Conversion keeps to one kind: F16, BF16, F32, F64 become float or double (F64 to float rounds to nearest), integers and BOOL become any
// integer type that holds their value. Everything is little-endian, as in the files.
//
// Example: half_to_float(0x3c00) == 1, half_to_float(0x0001) == 2^-24, bfloat16_to_float(0x3f80) == 1
#include "frcnn/config.hpp"

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

static_assert(std::endian::native == std::endian::little, "frcnn: files are little-endian, and so must be the machine");

enum class dtype : std::uint8_t { boolean, u8, i8, f8_e4m3, f8_e5m2, f8_e8m0, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64, c64 };

struct dtype_properties {
  std::string_view name;
  std::size_t size;  // bytes of one element
};
inline constexpr dtype_properties dtype_table[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
                                                   {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},     {"I32", 4},
                                                   {"F32", 4},  {"U64", 8}, {"I64", 8}, {"F64", 8},     {"C64", 8}};

constexpr std::string_view name_of(dtype type) { return dtype_table[static_cast<std::size_t>(type)].name; }
constexpr std::size_t size_of(dtype type) { return dtype_table[static_cast<std::size_t>(type)].size; }
constexpr std::optional<dtype> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(dtype_table); ++i)
    if (dtype_table[i].name == name) return static_cast<dtype>(i);
  return std::nullopt;
}

namespace detail {
template <class T, class... U>
inline constexpr bool one_of = (std::same_as<T, U> || ...);
}

// What files hold without conversion: numbers, neither characters nor bool.
template <class T>
concept Stored = detail::one_of<T, float, double, signed char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long,
                                long long, unsigned long long>;

template <Stored T>
constexpr dtype dtype_of() {
  if constexpr (std::floating_point<T>) return sizeof(T) == 4 ? dtype::f32 : dtype::f64;
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1 ? dtype::i8 : sizeof(T) == 2 ? dtype::i16 : sizeof(T) == 4 ? dtype::i32 : dtype::i64;
  else return sizeof(T) == 1 ? dtype::u8 : sizeof(T) == 2 ? dtype::u16 : sizeof(T) == 4 ? dtype::u32 : dtype::u64;
}

constexpr float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

constexpr float half_to_float(std::uint16_t bits) {
  std::uint32_t const sign = std::uint32_t{bits & 0x8000u} << 16, exponent = (bits >> 10) & 31, fraction = bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);                       // infinity, NaN
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);             // 112 = 127 - 15
  float const denormal = static_cast<float>(fraction) * std::bit_cast<float>(std::uint32_t{127 - 24} << 23);  // * 2^-24
  return sign ? -denormal : denormal;
}

namespace detail {
template <class S>
struct plain {
  S operator()(std::byte const* bytes, std::size_t i) const {
    S value;
    std::memcpy(&value, bytes + i * sizeof(S), sizeof(S));
    return value;
  }
};
template <float (*F)(std::uint16_t)>
struct widened {
  float operator()(std::byte const* bytes, std::size_t i) const { return F(plain<std::uint16_t>{}(bytes, i)); }
};

// f(load), where load(bytes, i) is element i as the closest C++ type. False where there is none: 8-bit floats, complex numbers.
template <class F>
bool with_loader(dtype type, F&& f) {
  switch (type) {
    case dtype::boolean:
    case dtype::u8: return f(plain<std::uint8_t>{});
    case dtype::i8: return f(plain<std::int8_t>{});
    case dtype::u16: return f(plain<std::uint16_t>{});
    case dtype::i16: return f(plain<std::int16_t>{});
    case dtype::u32: return f(plain<std::uint32_t>{});
    case dtype::i32: return f(plain<std::int32_t>{});
    case dtype::u64: return f(plain<std::uint64_t>{});
    case dtype::i64: return f(plain<std::int64_t>{});
    case dtype::f16: return f(widened<half_to_float>{});
    case dtype::bf16: return f(widened<bfloat16_to_float>{});
    case dtype::f32: return f(plain<float>{});
    case dtype::f64: return f(plain<double>{});
    default: return false;
  }
}
}  // namespace detail

// out[i] = element i of `bytes`. False where T is of another kind, or cannot hold a value (out is then partly written).
template <Stored T>
bool convert(dtype type, std::byte const* bytes, std::size_t n, T* out) {
  if (type == dtype_of<T>()) {
    if (n) std::memcpy(out, bytes, n * sizeof(T));
    return true;
  }
  return detail::with_loader(type, [&](auto load) {
    using source = decltype(load(bytes, 0));
    if constexpr (std::floating_point<source> != std::floating_point<T>) {
      return false;
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        source const value = load(bytes, i);
        if constexpr (std::integral<T>)
          if (!std::in_range<T>(value)) return false;
        out[i] = static_cast<T>(value);
      }
      return true;
    }
  });
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
