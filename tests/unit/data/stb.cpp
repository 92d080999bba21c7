// A file that brings its own stb, before and after ours, with other settings: both work, and ours leaves no macro behind.
#define STBI_NO_PNG
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop
#define STB_IMAGE_WRITE_IMPLEMENTATION  // to be used further down
#define STB_IMAGE_WRITE_STATIC

#include "frcnn/data/image_io.hpp"

#if !defined(STBI_NO_PNG) || !defined(STBI_FAILURE_USERMSG) || !defined(STB_IMAGE_IMPLEMENTATION) || !defined(STBI_INCLUDE_STB_IMAGE_H) || \
    !defined(STB_IMAGE_WRITE_IMPLEMENTATION) || defined(INCLUDE_STB_IMAGE_WRITE_H) || defined(STBI_ONLY_PNG) || defined(STBI_NO_STDIO) ||  \
    defined(stbi_load_from_memory)
#error "stb.hpp does not put macros back"
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include <doctest/doctest.h>

TEST_CASE("a user's stb and ours live in one file") {
  frcnn::image im(3, 2);
  im.at(2, 1)[0] = 200;
  std::string const png = frcnn::data::encode_png(im);
  auto const* bytes = reinterpret_cast<unsigned char const*>(png.data());
  int w = 0, h = 0, channels = 0;
  CHECK(stbi_load_from_memory(bytes, static_cast<int>(png.size()), &w, &h, &channels, 3) == nullptr);  // the user's knows no PNG
  CHECK(frcnn::data::decode_image(frcnn::data::as_bytes(png), "x").pixels == im.pixels);

  std::string users;
  auto const append = [](void* to, void* from, int n) {
    static_cast<std::string*>(to)->append(static_cast<char const*>(from), static_cast<std::size_t>(n));
  };
  CHECK(stbi_write_png_to_func(append, &users, 3, 2, 3, im.pixels.data(), 9) == 1);
  CHECK(users == png);
}
