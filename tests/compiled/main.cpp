// A program's part with flags of its own, for any processor, that knows the border alone: no backend, preset or decoder is included.
// usage: test_compiled FOLDER
#include "writer.hpp"

#include <frcnn/load_detector.hpp>
#include <frcnn/read_image.hpp>

#include <cstdio>
#include <cstring>

#if defined(_OPENMP) || defined(NLOHMANN_JSON_VERSION_MAJOR)
#error "the border brings what the library stands on"
#endif

int main(int, char** argv) {
  std::filesystem::path const folder = argv[1], model = folder / "model.safetensors", picture = folder / "picture.png";
  std::filesystem::create_directories(folder);
  frcnn::image im(80, 60);
  for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  auto const right = written(model, picture, im);

  int failures = 0;
  auto const check = [&](bool good, char const* what) {
    if (!good) ++failures, std::printf("FAILED: %s\n", what);
  };
  auto const detector = frcnn::load_detector(model, 2);
  check(detector.classes().size() == 2 && detector.config().preset == "small", "the model file's words");
  auto const photo = frcnn::read_image(picture);
  check(photo.pixels == im.pixels, "the picture's pixels");
  auto const found = detector.detect(photo, {.score = 0});
  check(!right.empty() && found.size() == right.size() && std::memcmp(found.data(), right.data(), right.size() * sizeof right[0]) == 0,
        "detections, bit for bit");
  try {
    frcnn::load_detector(picture);
    check(false, "a picture is no model");
  } catch (frcnn::error const& e) {
    check(e.where().find("picture.png") != std::string::npos, "an error of the library is the program's");
  }
  try {
    frcnn::read_image(model);
    check(false, "a model is no picture");
  } catch (frcnn::error const&) {
  }
  return failures ? 1 : 0;
}
