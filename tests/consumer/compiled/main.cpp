#include <frcnn/load_detector.hpp>
#include <frcnn/read_image.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  try {
    auto const detector = frcnn::load_detector(argc > 1 ? argv[1] : "there is none");
    auto const photo = frcnn::read_image(argv[2]);
    for (auto const& d : detector.detect(photo, {.score = 0.5f}))
      std::printf("%s %.2f: (%.0f, %.0f) to (%.0f, %.0f)\n", detector.class_name(d.label).c_str(), d.score, d.where.x1, d.where.y1,
                  d.where.x2, d.where.y2);
  } catch (frcnn::error const& e) {
    std::printf("%s\n", e.what());
    return e.where() == "there is none" ? 0 : 1;
  }
}
