#pragma once
// An unsigned number that orders as a key does: sorts compare integers.
//
// -0 counts as 0. Keys under the smallest normal number keep their order while denormals count as zero. What a NaN gives is no place in
// the order: ask is_nan_key first.
//
// Example: ordered_bits(-1.f) < ordered_bits(0.f) == ordered_bits(-0.f) < ordered_bits(1e-45f);   ordered_bits(std::int32_t{-1}) == 0x7fffffff
#include "frcnn/core/finite.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::detail {

template <class Key>
FRCNN_HD constexpr auto ordered_bits(Key key) {
  if constexpr (std::is_floating_point_v<Key>) {
    using U = typename float_bits<Key>::type;
    constexpr U sign = U(1) << (sizeof(U) * 8 - 1);
    U const bits = __builtin_bit_cast(U, key);
    return bits & sign ? U(U(0) - bits) : U(bits | sign);  // -0 gives sign, as +0 does
  } else {
    using U = std::make_unsigned_t<Key>;
    return std::is_signed_v<Key> ? U(static_cast<U>(key) ^ (U(1) << (sizeof(U) * 8 - 1))) : static_cast<U>(key);
  }
}

template <class Key>
FRCNN_HD constexpr bool is_nan_key(Key key) {
  if constexpr (std::is_floating_point_v<Key>) return is_nan(key);
  else return false;
}

}  // namespace frcnn::detail
FRCNN_HIDDEN_END
