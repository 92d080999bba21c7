#pragma once
// DataSource: images with their truth, wherever they come from. Loaders, feeds and evaluation take any.
//   1. s.size()       how many images there are
//   2. s.pixels(i)    image i: its pixels (what converts to an image_view, and stays valid as long as s does where it is a view), or an
//                     encoded_image, the bytes of a file, which the loader decodes
//   3. s.truth(i)     what is known of it without its pixels: `width` and `height` of what pixels(i) gives, `annotated` (false: nobody has
//                     said what is on it), and `objects`, a range of which each has `where` (a half-open box in pixels, inside the image),
//                     `label` (1..K) and `difficult` (not trained on). The truth may refer to s
//   4. s.id(i)        names the image to the random draws; no two images share one
// i counts from 0. All are const and are called by several threads at once; for one i they always give the same.
//
// s.name(i), where there is one, is what messages call image i; otherwise that is "image <id>".
//
// The smallest model:
//   struct one_grey_image {
//     struct object { box<float> where; std::int32_t label; bool difficult; };
//     struct image_truth { int width, height; bool annotated; std::array<object, 1> objects; };
//     std::vector<std::uint8_t> grey = std::vector<std::uint8_t>(64 * 48);
//     std::size_t size() const { return 1; }
//     image_view pixels(std::size_t) const { return {grey.data(), 64, 48, pixel_format::grey}; }
//     image_truth truth(std::size_t) const { return {64, 48, true, {{{{8, 8, 40, 40}, 1, false}}}}; }
//     std::uint64_t id(std::size_t i) const { return i; }
//   };
#include "frcnn/core/image.hpp"
#include "frcnn/geometry/box.hpp"

#include <concepts>
#include <cstdint>
#include <ranges>
#include <string>
#include <type_traits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// A file in memory of a format that data/image_io.hpp reads.
struct encoded_image {
  std::string file;       // its bytes
  std::string name;       // what errors call it
  int orientation = 1;    // EXIF's, by which it is turned: width and height of its truth are those after that
  pixel_layout layout{};  // channels and bits that it is decoded to
};

namespace detail {
template <class T>
concept GivesPixels = std::convertible_to<T, image_view> || std::same_as<std::remove_cvref_t<T>, encoded_image>;

template <class T>
concept TruthOfImage = requires(T const& t) {
  { t.width } -> std::convertible_to<int>;
  { t.height } -> std::convertible_to<int>;
  { t.annotated } -> std::convertible_to<bool>;
  { std::ranges::begin(t.objects)->where } -> std::convertible_to<box<float>>;
  { std::ranges::begin(t.objects)->label } -> std::convertible_to<std::int32_t>;
  { std::ranges::begin(t.objects)->difficult } -> std::convertible_to<bool>;
};
}  // namespace detail

// clang-format off
template <class S>
concept DataSource = requires(S const& s, std::size_t i) {
  { s.size() } -> std::convertible_to<std::size_t>;
  { s.pixels(i) } -> detail::GivesPixels;
  { s.truth(i) } -> detail::TruthOfImage;
  { s.id(i) } -> std::convertible_to<std::uint64_t>;
  };
// clang-format on

// Whether its images have to be decoded.
template <DataSource S>
inline constexpr bool gives_files = std::same_as<std::remove_cvref_t<decltype(std::declval<S const&>().pixels(0))>, encoded_image>;

// What messages call image i.
template <DataSource S>
std::string name_of(S const& source, std::size_t i) {
  if constexpr (requires {
                  { source.name(i) } -> std::convertible_to<std::string>;
                })
    return source.name(i);
  else return "image " + std::to_string(source.id(i));
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
