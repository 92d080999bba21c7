#pragma once
// The two stb libraries, compiled into every translation unit that needs them with internal linkage and no macro left behind.
//
// They are included inside our own namespace, with internal linkage, and every macro that steers them is put back afterwards: a user's
// file may include stb itself, before or after ours, as declarations or with STB_IMAGE_IMPLEMENTATION, in the same program or even in the
// same translation unit. What they include is included first, outside of the namespace.
//
// Limited to JPEG, PNG and BMP. Assertions are off: what is wrong with a user's file has to end in frcnn::error, never in abort().
#include "frcnn/core/error.hpp"
#include "frcnn/data/decoded_image.hpp"
#include "frcnn/data/image_file.hpp"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#pragma push_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma push_macro("STB_IMAGE_IMPLEMENTATION")
#pragma push_macro("STB_IMAGE_STATIC")
#pragma push_macro("STBIDEF")
#pragma push_macro("STBI_ASSERT")
#pragma push_macro("STBI_EXTERN")
#pragma push_macro("STBI_FAILURE_USERMSG")
#pragma push_macro("STBI_FREE")
#pragma push_macro("STBI_MALLOC")
#pragma push_macro("STBI_MAX_DIMENSIONS")
#pragma push_macro("STBI_NO_BMP")
#pragma push_macro("STBI_NO_FAILURE_STRINGS")
#pragma push_macro("STBI_NO_GIF")
#pragma push_macro("STBI_NO_HDR")
#pragma push_macro("STBI_NO_JPEG")
#pragma push_macro("STBI_NO_LINEAR")
#pragma push_macro("STBI_NO_PIC")
#pragma push_macro("STBI_NO_PNG")
#pragma push_macro("STBI_NO_PNM")
#pragma push_macro("STBI_NO_PSD")
#pragma push_macro("STBI_NO_STDIO")
#pragma push_macro("STBI_NO_TGA")
#pragma push_macro("STBI_NO_ZLIB")
#pragma push_macro("STBI_ONLY_BMP")
#pragma push_macro("STBI_ONLY_JPEG")
#pragma push_macro("STBI_ONLY_PNG")
#pragma push_macro("STBI_REALLOC")
#pragma push_macro("STBI_REALLOC_SIZED")
#pragma push_macro("STBI_THREAD_LOCAL")
#pragma push_macro("stbi__err")
#pragma push_macro("INCLUDE_STB_IMAGE_WRITE_H")
#pragma push_macro("STB_IMAGE_WRITE_IMPLEMENTATION")
#pragma push_macro("STB_IMAGE_WRITE_STATIC")
#pragma push_macro("STBIWDEF")
#pragma push_macro("STBIW_ASSERT")
#pragma push_macro("STBIW_FREE")
#pragma push_macro("STBIW_MALLOC")
#pragma push_macro("STBIW_REALLOC")
#pragma push_macro("STBIW_REALLOC_SIZED")
#pragma push_macro("STBI_WRITE_NO_STDIO")

#undef STBI_INCLUDE_STB_IMAGE_H
#undef STBIDEF
#undef STBI_ASSERT
#undef STBI_EXTERN
#undef STBI_FAILURE_USERMSG
#undef STBI_FREE
#undef STBI_MALLOC
#undef STBI_MAX_DIMENSIONS
#undef STBI_NO_FAILURE_STRINGS
#undef STBI_NO_BMP
#undef STBI_NO_JPEG
#undef STBI_NO_PNG
#undef STBI_NO_ZLIB
#undef STBI_REALLOC
#undef STBI_REALLOC_SIZED
#undef STBI_THREAD_LOCAL
#undef stbi__err
#undef INCLUDE_STB_IMAGE_WRITE_H
#undef STBIWDEF
#undef STBIW_ASSERT
#undef STBIW_FREE
#undef STBIW_MALLOC
#undef STBIW_REALLOC
#undef STBIW_REALLOC_SIZED
#undef STBI_NO_LINEAR
#undef STBI_NO_STDIO
#undef STBI_ONLY_BMP
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#undef STBI_WRITE_NO_STDIO
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STB_IMAGE_WRITE_IMPLEMENTATION
#undef STB_IMAGE_WRITE_STATIC

#define STBI_ASSERT(x) ((void)0)
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STBI_ONLY_BMP
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBIW_ASSERT(x) ((void)0)
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC

// What stb declares extern "C" g++ names alike in every namespace: renamed, in case the user's stb is in this very file.
#define stbi_convert_iphone_png_to_rgb frcnn_stbi_convert_iphone_png_to_rgb
#define stbi_convert_iphone_png_to_rgb_thread frcnn_stbi_convert_iphone_png_to_rgb_thread
#define stbi_convert_wchar_to_utf8 frcnn_stbi_convert_wchar_to_utf8
#define stbi_failure_reason frcnn_stbi_failure_reason
#define stbi_hdr_to_ldr_gamma frcnn_stbi_hdr_to_ldr_gamma
#define stbi_hdr_to_ldr_scale frcnn_stbi_hdr_to_ldr_scale
#define stbi_image_free frcnn_stbi_image_free
#define stbi_info_from_callbacks frcnn_stbi_info_from_callbacks
#define stbi_info_from_memory frcnn_stbi_info_from_memory
#define stbi_is_16_bit_from_callbacks frcnn_stbi_is_16_bit_from_callbacks
#define stbi_is_16_bit_from_memory frcnn_stbi_is_16_bit_from_memory
#define stbi_is_hdr_from_callbacks frcnn_stbi_is_hdr_from_callbacks
#define stbi_is_hdr_from_memory frcnn_stbi_is_hdr_from_memory
#define stbi_ldr_to_hdr_gamma frcnn_stbi_ldr_to_hdr_gamma
#define stbi_ldr_to_hdr_scale frcnn_stbi_ldr_to_hdr_scale
#define stbi_load_16_from_callbacks frcnn_stbi_load_16_from_callbacks
#define stbi_load_16_from_memory frcnn_stbi_load_16_from_memory
#define stbi_load_from_callbacks frcnn_stbi_load_from_callbacks
#define stbi_load_from_memory frcnn_stbi_load_from_memory
#define stbi_set_flip_vertically_on_load frcnn_stbi_set_flip_vertically_on_load
#define stbi_set_flip_vertically_on_load_thread frcnn_stbi_set_flip_vertically_on_load_thread
#define stbi_set_unpremultiply_on_load frcnn_stbi_set_unpremultiply_on_load
#define stbi_set_unpremultiply_on_load_thread frcnn_stbi_set_unpremultiply_on_load_thread
#define stbi_zlib_decode_buffer frcnn_stbi_zlib_decode_buffer
#define stbi_zlib_decode_malloc frcnn_stbi_zlib_decode_malloc
#define stbi_zlib_decode_malloc_guesssize frcnn_stbi_zlib_decode_malloc_guesssize
#define stbi_zlib_decode_malloc_guesssize_headerflag frcnn_stbi_zlib_decode_malloc_guesssize_headerflag
#define stbi_zlib_decode_noheader_buffer frcnn_stbi_zlib_decode_noheader_buffer
#define stbi_zlib_decode_noheader_malloc frcnn_stbi_zlib_decode_noheader_malloc

#if defined(__CUDACC__)
#pragma nv_diagnostic push
#pragma nv_diag_suppress 177, 550
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Wuseless-cast"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data::stb {
#if __has_include(<stb/stb_image.h>)  // Debian's place; Conan's package has none of the folder
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#else
#include <stb_image.h>
#include <stb_image_write.h>
#endif
}  // namespace frcnn::data::stb
FRCNN_HIDDEN_END

#pragma GCC diagnostic pop
#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif

#undef stbi_convert_iphone_png_to_rgb
#undef stbi_convert_iphone_png_to_rgb_thread
#undef stbi_convert_wchar_to_utf8
#undef stbi_failure_reason
#undef stbi_hdr_to_ldr_gamma
#undef stbi_hdr_to_ldr_scale
#undef stbi_image_free
#undef stbi_info_from_callbacks
#undef stbi_info_from_memory
#undef stbi_is_16_bit_from_callbacks
#undef stbi_is_16_bit_from_memory
#undef stbi_is_hdr_from_callbacks
#undef stbi_is_hdr_from_memory
#undef stbi_ldr_to_hdr_gamma
#undef stbi_ldr_to_hdr_scale
#undef stbi_load_16_from_callbacks
#undef stbi_load_16_from_memory
#undef stbi_load_from_callbacks
#undef stbi_load_from_memory
#undef stbi_set_flip_vertically_on_load
#undef stbi_set_flip_vertically_on_load_thread
#undef stbi_set_unpremultiply_on_load
#undef stbi_set_unpremultiply_on_load_thread
#undef stbi_zlib_decode_buffer
#undef stbi_zlib_decode_malloc
#undef stbi_zlib_decode_malloc_guesssize
#undef stbi_zlib_decode_malloc_guesssize_headerflag
#undef stbi_zlib_decode_noheader_buffer
#undef stbi_zlib_decode_noheader_malloc
#pragma pop_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma pop_macro("STB_IMAGE_IMPLEMENTATION")
#pragma pop_macro("STB_IMAGE_STATIC")
#pragma pop_macro("STBIDEF")
#pragma pop_macro("STBI_ASSERT")
#pragma pop_macro("STBI_EXTERN")
#pragma pop_macro("STBI_FAILURE_USERMSG")
#pragma pop_macro("STBI_FREE")
#pragma pop_macro("STBI_MALLOC")
#pragma pop_macro("STBI_MAX_DIMENSIONS")
#pragma pop_macro("STBI_NO_BMP")
#pragma pop_macro("STBI_NO_FAILURE_STRINGS")
#pragma pop_macro("STBI_NO_GIF")
#pragma pop_macro("STBI_NO_HDR")
#pragma pop_macro("STBI_NO_JPEG")
#pragma pop_macro("STBI_NO_LINEAR")
#pragma pop_macro("STBI_NO_PIC")
#pragma pop_macro("STBI_NO_PNG")
#pragma pop_macro("STBI_NO_PNM")
#pragma pop_macro("STBI_NO_PSD")
#pragma pop_macro("STBI_NO_STDIO")
#pragma pop_macro("STBI_NO_TGA")
#pragma pop_macro("STBI_NO_ZLIB")
#pragma pop_macro("STBI_ONLY_BMP")
#pragma pop_macro("STBI_ONLY_JPEG")
#pragma pop_macro("STBI_ONLY_PNG")
#pragma pop_macro("STBI_REALLOC")
#pragma pop_macro("STBI_REALLOC_SIZED")
#pragma pop_macro("STBI_THREAD_LOCAL")
#pragma pop_macro("stbi__err")
#pragma pop_macro("INCLUDE_STB_IMAGE_WRITE_H")
#pragma pop_macro("STB_IMAGE_WRITE_IMPLEMENTATION")
#pragma pop_macro("STB_IMAGE_WRITE_STATIC")
#pragma pop_macro("STBIWDEF")
#pragma pop_macro("STBIW_ASSERT")
#pragma pop_macro("STBIW_FREE")
#pragma pop_macro("STBIW_MALLOC")
#pragma pop_macro("STBIW_REALLOC")
#pragma pop_macro("STBIW_REALLOC_SIZED")
#pragma pop_macro("STBI_WRITE_NO_STDIO")

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data::detail {

inline error undecodable(std::string const& name, std::string const& format, std::string const& why) {
  return {name, "a " + format + " that can be decoded", "a fault in it (" + why + ")"};
}

// Calls decode(bytes, length, &width, &height), which is one of stb's, and turns its failure into an error.
template <class Decode>
auto with_stb(bytes file, std::string const& name, std::string const& format, int& width, int& height, Decode const& decode) {
  if (file.size() > INT_MAX) throw error(name, "an image file below 2 GiB", std::to_string(file.size()) + " bytes");
  auto* const pixels = decode(file.data(), static_cast<int>(file.size()), &width, &height);
  if (pixels) return pixels;
  std::string const why = stb::frcnn_stbi_failure_reason();
  if (why == "outofmem") throw std::bad_alloc();
  if (why.starts_with("BMP "))  // "BMP RLE", "BMP JPEG/PNG"
    throw error(name, "a BMP that is not compressed", "one with " + why.substr(4) + to_be_converted);
  throw undecodable(name, format, why);
}

// Any format that stb reads, as RGB, or as 1 to 4 channels: grey or RGB, and transparency.
[[maybe_unused]] static decoded_image decode_with_stb(bytes file, std::string const& name, std::string const& format, int channels = 3) {
  int width = 0, height = 0;
  std::uint8_t* const pixels = with_stb(file, name, format, width, height, [=](std::uint8_t const* data, int n, int* w, int* h) {
    int in_file = 0;
    return stb::frcnn_stbi_load_from_memory(data, n, w, h, &in_file, channels);
  });
  decoded_image result(pixels, width, height, channels);
  if (width < 1 || height < 1) throw undecodable(name, format, "no pixels");
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data::detail
FRCNN_HIDDEN_END
