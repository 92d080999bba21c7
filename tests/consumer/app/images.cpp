// A user's own copy of stb_image, with external linkage, beside the library's. With APP_TWICE all headers once more, as in main.cpp: what
// they define is one thing in both.
#if defined(APP_TWICE)
#include "everything.hpp"
#endif

#define STB_IMAGE_IMPLEMENTATION
#if __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#else
#include <stb_image.h>
#endif

int decoded_width();

int decoded_width() {
  unsigned char const pgm[] = "P5 2 1 255\n\x10\x20";  // 2 x 1 grey
  int width = 0, height = 0, channels = 0;
  unsigned char* pixels = stbi_load_from_memory(pgm, sizeof pgm - 1, &width, &height, &channels, 3);
  stbi_image_free(pixels);
  return pixels && height == 1 ? width : -1;
}
