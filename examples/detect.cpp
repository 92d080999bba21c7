// detect --model FILE [--threshold X] [--json FILE] [--out DIR] [--exif apply|ignore] [what to compute with: cpu_options.hpp] IMAGE...
//
// Finds objects on images with a trained model: boxes drawn into --out, numbers into --json. Boxes are half-open, in pixels of the image as
// its EXIF orientation turns it, which is how viewers show it; "turned_by_exif" is that orientation, 1 where the image is as stored.
// One image is in memory at a time. One that cannot be read is reported with its name, the others are done, and the exit status is 1.
// An output that is an input is refused before anything is written. --json is whole or not there: an object for each image, in their order.
// With --json - it goes to standard output and nothing else does: the lines that otherwise stand there go to standard error.
#include "any_model.hpp"
#include "console.hpp"
#include "cpu_options.hpp"
#include "options.hpp"
#include "outputs.hpp"

#include <frcnn/data/image_io.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/viz.hpp>

#include <nlohmann/json.hpp>
#include <optional>

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// A list written one object at a time, so that no more than one is in memory.
class json_list {
 public:
  explicit json_list(fs::path const& path) : file_(path) {}

  void add(ordered_json const& object) {
    // A file name may hold bytes that are not UTF-8, which JSON cannot: they become U+FFFD.
    std::string text = object.dump(1, ' ', false, ordered_json::error_handler_t::replace);
    for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) text.insert(at + 1, 1, ' ');
    file_.stream() << (std::exchange(empty_, false) ? "[\n " : ",\n ") << text;
  }
  void commit() {
    file_.stream() << (empty_ ? "[]\n" : "\n]\n");
    file_.commit();
  }

 private:
  frcnn::io::atomic_file file_;
  bool empty_ = true;
};

int main(int argc, char** argv) {
  CLI::App app("Finds objects on images with a trained model");
  std::string model, json_file, out, exif = "apply";
  std::vector<std::string> images;
  float threshold = 0.5f;
  console::cpu_arguments cpu;
  app.add_option("--model", model, "model file")->required()->check(console::path());
  app.add_option("--threshold", threshold, "report boxes that score above this")->capture_default_str()->check(console::between(0, 1));
  app.add_option("--json", json_file, "write detections here; - is standard output")->check(console::path(true));
  app.add_option("--out", out, "write images with boxes into this folder")->check(console::path());
  app.add_option("--exif", exif, "apply: images are turned as their EXIF orientation says; ignore: taken as stored")
      ->capture_default_str()
      ->check(CLI::IsMember({"apply", "ignore"}));
  cpu.add_to(app);
  app.add_option("IMAGE", images, "JPEG, PNG or BMP files")->required()->check(console::path());

  return console::run(app, argc, argv, [&] {
    for (char const* name : {"-", "/dev/fd/1", "/proc/self/fd/1"})
      if (json_file == name) json_file = "/dev/stdout";
    if (!out.empty()) console::check_place(out);
    std::FILE* const lines = json_file == "/dev/stdout" ? stderr : stdout;
    auto const pictures = out.empty() ? std::vector<fs::path>() : console::picture_paths(out, images);
    std::vector<fs::path> inputs(images.begin(), images.end()), outputs = pictures;
    inputs.push_back(model);
    if (!json_file.empty()) outputs.push_back(json_file);
    console::check_outputs(inputs, outputs);

    std::optional<json_list> report;
    if (!json_file.empty()) report.emplace(json_file);
    auto const detector = console::load_any_model(model, cpu.get());
    if (!out.empty()) console::make_folder(out);

    auto const find = [&](std::size_t i, ordered_json& entry) {
      auto const file = frcnn::io::read_file(images[i]);
      int const orientation = exif == "apply" ? frcnn::data::exif_orientation(frcnn::data::as_bytes(file)) : 1;
      frcnn::image im = frcnn::data::copy_of(frcnn::data::decode_pixels(frcnn::data::as_bytes(file), images[i], orientation));
      auto const found = detector.detect(im, {.score = threshold});

      auto boxes = ordered_json::array();
      for (auto const& d : found)
        boxes.push_back({{"box", {d.where.x1, d.where.y1, d.where.x2, d.where.y2}},
                         {"label", d.label},
                         {"class", detector.class_name(d.label)},
                         {"score", d.score}});
      entry.update({{"width", im.width}, {"height", im.height}, {"turned_by_exif", orientation}, {"detections", std::move(boxes)}});

      fmt::print(lines, "{}: {} {}\n", images[i], found.size(), found.size() == 1 ? "box" : "boxes");
      if (out.empty()) return;
      frcnn::viz::draw_detections(im, found, detector.classes());
      frcnn::data::write_png(pictures[i], im);
    };

    std::size_t failed = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      ordered_json entry{{"image", images[i]}};
      if (auto fault = console::fault_of([&] { find(i, entry); }); !fault.empty()) {
        if (fault.find(images[i]) == fault.npos) fault = images[i] + ": " + fault;
        ++failed;
        console::fail(fault);
        if (!entry.contains("detections")) entry["error"] = fault;
      }
      if (report) report->add(entry);
    }
    cpu.report();
    if (report) report->commit();
    if (failed && images.size() > 1) console::say(fmt::format("{} of {} images failed; the others are done", failed, images.size()));
    return failed ? 1 : 0;
  });
}
