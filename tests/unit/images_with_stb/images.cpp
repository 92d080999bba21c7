// The tests of images once more with stb as the JPEG decoder, whatever the build has.
#undef FRCNN_HAS_TURBOJPEG
#define FRCNN_HAS_TURBOJPEG 0
#include "../data/image_io.cpp"
#include "../data/jpeg.cpp"
#include "../data/stored_image.cpp"

TEST_CASE("stb is what decodes here") { CHECK(std::string(FRCNN_JPEG_DECODER) == "stb"); }
