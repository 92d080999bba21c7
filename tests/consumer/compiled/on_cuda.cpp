// A detector on a GPU, in a program that no compiler but the host's sees. Where there is no device the library says so, which is no failure.
#include <frcnn/load_detector.hpp>

#include <cstdio>

int main(int argc, char** argv) try {
  auto const detector = frcnn::load_detector(argc > 1 ? argv[1] : "no file", {.device = frcnn::device_type::cuda});
  std::printf("%zu classes\n", detector.classes().size());
} catch (frcnn::error const& e) {
  std::printf("%s\n", e.what());
  return e.found().substr(0, 4) == "none" || e.where() == "no file" ? 0 : 1;
}
