// What the library detects with a file of another program, for tests/parity/test_foreign_weights.py: on each engine, of images alone and of
// a batch that is padded to its largest, as torchvision pads.
//
// usage: test_parity_foreign THRESHOLD FILE PRESET CLASSES SHORT_SIDE IMAGE...      CLASSES: A,B,.. or ""; SHORT_SIDE: 0 for the preset's
// Prints a line for each box: engine, "alone" or "batch", number of the image, label, score, x1, y1, x2, y2.
#include <frcnn/load_detector.hpp>
#include <frcnn/read_image.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

static int run(char** argument, int images) {
  auto const threshold = std::strtof(argument[1], nullptr);
  frcnn::foreign_options foreign;
  foreign.preset = argument[3];
  std::istringstream names(argument[4]);
  for (std::string name; std::getline(names, name, ',');) foreign.classes.push_back(name);
  foreign.short_side = std::atoi(argument[5]);
  std::vector<frcnn::image> pictures;
  for (int i = 0; i < images; ++i) pictures.push_back(frcnn::read_image(argument[6 + i]));
  std::vector<frcnn::image_view> const views(pictures.begin(), pictures.end());

  for (auto const& [name, engine] : {std::pair{"portable", frcnn::cpu_engine::portable}, {"fast", frcnn::cpu_engine::fast}}) {
    auto const detector = frcnn::load_weights(argument[2], foreign, {.engine = engine});
    auto const print = [&, engine_name = name](char const* how, std::vector<std::vector<frcnn::detection>> const& all) {
      for (std::size_t i = 0; i < all.size(); ++i)
        for (auto const& d : all[i])
          std::printf("%s %s %zu %d %.9g %.9g %.9g %.9g %.9g\n", engine_name, how, i, static_cast<int>(d.label),
                      static_cast<double>(d.score), static_cast<double>(d.where.x1), static_cast<double>(d.where.y1),
                      static_cast<double>(d.where.x2), static_cast<double>(d.where.y2));
    };
    std::vector<std::vector<frcnn::detection>> alone;
    for (auto const& v : views) alone.push_back(detector.detect(v, {.score = threshold}));
    print("alone", alone);
    print("batch", detector.detect(views, {.score = threshold}, {.most = images, .pad_to_largest = true}));
  }
  return 0;
}

int main(int argc, char** argv) {
  try {
    return argc > 6 ? run(argv, argc - 6) : 2;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
