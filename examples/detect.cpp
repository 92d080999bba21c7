// detect --model FILE [--threshold X] [--json FILE] [--out DIR] [what to compute with: cpu_options.hpp] IMAGE...
//
// Finds objects on images with a trained model: boxes drawn into --out, numbers into --json. Boxes are half-open, in pixels of the image.
#include "console.hpp"
#include "cpu_options.hpp"

#include <frcnn/data/image_io.hpp>
#include <frcnn/load.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/viz.hpp>

#include <nlohmann/json.hpp>
#include <set>

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  CLI::App app("Finds objects on images with a trained model");
  std::string model, json_file, out;
  std::vector<std::string> images;
  frcnn::detect_options options{.score = 0.5f};
  console::cpu_arguments cpu;
  app.add_option("--model", model, "model file")->required();
  app.add_option("--threshold", options.score, "report boxes that score above this")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  app.add_option("--json", json_file, "write detections here");
  app.add_option("--out", out, "write images with boxes into this folder");
  cpu.add_to(app);
  app.add_option("IMAGE", images, "JPEG, PNG or BMP files")->required();

  return console::run(app, argc, argv, [&] {
    auto const detector = frcnn::load_detector(model, cpu.get());

    // Every image is read before anything is written, so that a bad one leaves nothing half done.
    std::vector<frcnn::image> pixels;
    for (auto const& path : images) pixels.push_back(frcnn::data::read_image(path));

    auto report = nlohmann::ordered_json::array();
    std::set<std::string> taken;
    if (!out.empty()) fs::create_directories(out);
    for (std::size_t i = 0; i < images.size(); ++i) {
      auto& im = pixels[i];
      auto const found = detector.detect(im, options);

      auto boxes = nlohmann::ordered_json::array();
      for (auto const& d : found)
        boxes.push_back({{"box", {d.where.x1, d.where.y1, d.where.x2, d.where.y2}}, {"label", d.label}, {"class", detector.class_name(d.label)},
                         {"score", d.score}});
      report.push_back({{"image", images[i]}, {"width", im.width}, {"height", im.height}, {"detections", boxes}});

      fmt::print("{}: {} {}\n", images[i], found.size(), found.size() == 1 ? "box" : "boxes");
      if (!out.empty()) {
        frcnn::viz::draw_detections(im, found, detector.classes());
        std::string name = fs::path(images[i]).stem().string();
        for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}-{}", fs::path(images[i]).stem().string(), n);
        frcnn::data::write_png(fs::path(out) / (name + ".png"), im);
      }
    }
    cpu.report();
    if (!json_file.empty()) frcnn::io::write_file_atomically(json_file, report.dump(1) + "\n");
    return 0;
  });
}
