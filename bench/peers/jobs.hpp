#pragma once
// A preset as bench/peers/compare_vgg16 and compare_resnet time it beside torch, ONNX Runtime and OpenVINO: one job a process, and its last
// line on stdout is a JSON object, {"ms": [one of each timed run], ...}. All sides have the same weights, the same images, which need no
// resizing, and the same threads. Between the same two points they do the same work:
//
//   detect   pixels in memory (ours 8-bit, theirs float in 0..1) to boxes in pixels of the image: normalisation, padding, network,
//            proposals, post-processing. Decoding is not counted: images.rgb holds bare pixels
//   train    the same pixels and three boxes of truth to updated weights: the joint step (2,000 proposals; of vgg16_tv conv1 and conv2
//            are frozen, 128 RoIs, dropout; of ResNet with a pyramid three stages learn, 512 RoIs) and SGD with momentum and weight
//            decay, without clipping
//   cold     from nothing: the runner's clock goes from the start of the process until the line comes, after the first image's detections
//   compare  are the detections of --found those of --expected, by the rule of testing/parity? How many are nearly there?
//   prepare  model.pth, torch's state dict, as model.safetensors
//   about    engines and versions
// Peak memory is what the system says of the process of detect and of train.
#include "../../examples/console/compute_options.hpp"

#include <CLI/CLI.hpp>
#include <frcnn/detector/weights_file.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/load.hpp>
#include <frcnn/testing/parity.hpp>
#include <frcnn/train/trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#if FRCNN_HAS_ONEDNN
#include <dnnl.h>
#endif

extern "C" __attribute__((weak)) char* openblas_get_config();

namespace peers {

using namespace frcnn;
using nlohmann::json;

struct options {
  std::string job, dir, json_file, found, expected;
  console::compute_arguments compute;
  int warmup = 2, runs = 5;
};

class stopwatch {
 public:
  double lap() {
    auto const now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(from_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point from_ = std::chrono::steady_clock::now();
};

inline json as_json(std::vector<detection> const& found) {
  json list = json::array();
  for (auto const& d : found)
    list.push_back({{"box", {d.where.x1, d.where.y1, d.where.x2, d.where.y2}}, {"score", d.score}, {"label", d.label}});
  return list;
}

// Preset: of CPU; height, width: of the images, as the network reads them.
template <class Preset, int height, int width>
struct side {
  using preset = Preset;
  static constexpr char const* preset_name = Preset::name;

  static std::vector<image> read_images(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<image> all;
    for (image im(width, height); file.read(reinterpret_cast<char*>(im.pixels.data()), static_cast<std::streamsize>(im.pixels.size()));)
      all.push_back(im);
    if (all.empty()) throw error(path, "pixels of an image of " + std::to_string(width) + "x" + std::to_string(height), "less");
    return all;
  }

  static detector<preset> load_model(options const& o) { return load<preset>(o.dir + "/model.safetensors", o.compute.cpu()); }

  // torch's state dict as a model file of ours.
  static json prepare(options const& o) {
    save(load<preset>(weights_file(o.dir + "/model.pth"), {}, o.compute.cpu()), o.dir + "/model.safetensors");
    return {{"ms", json::array()}};
  }

  static json detect(options const& o) {
    auto const d = load_model(o);
    auto const images = read_images(o.dir + "/images.rgb");
    typename detector<preset>::session s(d);
    json said;
    if (!o.json_file.empty()) {
      json found = json::array();
      for (auto const& im : images) {
        found.push_back(as_json(d.detect(s, im)));
        said["proposals"].push_back(d.propose(s, im).size());
      }
      io::write_file_atomically(o.json_file, found.dump() + "\n");
    }
    auto& ms = said["ms"] = json::array();
    for (int i = 0; i < o.warmup; ++i) d.detect(s, images[0]);
    stopwatch watch;
    for (int i = 0; i < o.runs; ++i) {
      d.detect(s, images[0]);
      ms.push_back(watch.lap());
    }
    return said;
  }

  static json cold(options const& o) {
    auto const d = load_model(o);
    auto const boxes = d.detect(read_images(o.dir + "/images.rgb")[0]);
    return {{"ms", json::array()}, {"boxes", boxes.size()}};
  }

  static json train(options const& o) {
    auto d = load_model(o);
    if constexpr (requires { preset::freeze_published(d.model()); }) preset::freeze_published(d.model());
    auto const im = read_images(o.dir + "/images.rgb")[0];
    std::vector<box<float>> const boxes{{50, 60, 250, 300}, {300, 100, 500, 400}, {20, 20, 120, 90}};
    std::vector<std::int32_t> const labels{1, 7, 15};
    cpu::context c(o.compute.cpu());
    trainer<typename preset::model> t(d.model(), c, input_batch<float, cpu>(d.config().normalisation, preset::convention::size_divisor),
                                      {.rate = {.lr = 1e-4, .steps = o.warmup + o.runs}, .optimiser = {.momentum = 0.9, .decay = 5e-4}});
    json said{{"ms", json::array()}};
    stopwatch watch;
    t.hooks.after_step = [&](std::int64_t done) {
      double const ms = watch.lap();
      if (done > o.warmup) said["ms"].push_back(ms);
    };
    t.hooks.on_step = [&](step_report const& r) {
      if (r.step == 0) said["loss"] = r.total();
    };
    t.run([&](std::uint64_t, auto& to) {
      to.start(1, height, width, static_cast<int>(boxes.size()));
      to.set_image(0, im.pixels.data(), {width, height, 1, 1, 1, 1}, width, height, 0);
      to.set_truth(0, boxes, labels);
    });
    return said;
  }
};

inline std::vector<std::vector<detection>> read_detections(std::string const& path) {
  std::ifstream file(path);
  std::vector<std::vector<detection>> all;
  for (auto const& one : json::parse(file)) {
    auto& list = all.emplace_back();
    for (auto const& d : one) {
      auto const& b = d.at("box");
      list.push_back({{b.at(0), b.at(1), b.at(2), b.at(3)}, d.at("score"), d.at("label")});
    }
  }
  return all;
}

// How many of b have a box of a at nearly their place: same label, IoU of .8, score within .05. What bf16 leaves of f32's detections.
inline std::size_t alike(std::vector<detection> const& a, std::vector<detection> const& b) {
  return static_cast<std::size_t>(std::count_if(b.begin(), b.end(), [&](detection const& q) {
    return std::any_of(a.begin(), a.end(), [&](detection const& p) {
      return p.label == q.label && std::abs(p.score - q.score) <= 0.05f && iou(p.where, q.where) >= 0.8f;
    });
  }));
}

inline json compare(options const& o) {
  auto const found = read_detections(o.found), expected = read_detections(o.expected);
  if (found.size() != expected.size()) throw error(o.found, std::to_string(expected.size()) + " images", std::to_string(found.size()));
  testing::detection_report report;
  std::size_t near = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    report += testing::compare_detections(found[i], expected[i]);
    near += alike(found[i], expected[i]);
  }
  return {{"alike", near}, {"ok", report.ok()}, {"boxes", report.boxes}, {"excused", report.excused}, {"failures", report.failures}};
}

inline json about() {
#if defined(__clang__)
  std::string const compiler = __VERSION__;
#else
  std::string const compiler = "g++ " __VERSION__;
#endif
  auto const version =
      std::to_string(FRCNN_VERSION_MAJOR) + "." + std::to_string(FRCNN_VERSION_MINOR) + "." + std::to_string(FRCNN_VERSION_PATCH);
  json said{{"frcnn", version}, {"compiler", compiler}, {"engines", json::array({"portable"})}};
  if (openblas_get_config) said["blas"] = openblas_get_config();
  if (has_fast) said["engines"].push_back("fast");
#if FRCNN_HAS_ONEDNN
  auto const* const v = dnnl_version();
  said["onednn"] = std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
#endif
  return said;
}

template <class side>
int main_of(int argc, char** argv) {
  CLI::App app(std::string("The preset ") + side::preset_name + ", one job a process");
  options o;
  app.add_option("job", o.job)->required()->check(CLI::IsMember({"prepare", "detect", "train", "cold", "compare", "about"}));
  app.add_option("--dir", o.dir, "folder with model.safetensors and images.rgb");
  o.compute.add_to(app, console::compute_arguments::use::cpu_alone);
  app.add_option("--warmup", o.warmup, "runs before those that are timed")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--runs", o.runs)->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--json", o.json_file, "detect: write the detections of every image here");
  app.add_option("--found", o.found, "compare: detections");
  app.add_option("--expected", o.expected, "compare: detections to hold them against");
  CLI11_PARSE(app, argc, argv);
  try {
    json const said = o.job == "prepare"   ? side::prepare(o)
                      : o.job == "detect"  ? side::detect(o)
                      : o.job == "train"   ? side::train(o)
                      : o.job == "cold"    ? side::cold(o)
                      : o.job == "compare" ? compare(o)
                                           : about();
    o.compute.report();
    std::cout << said.dump() << std::endl;
    return 0;
  } catch (std::exception const& e) {
    std::cerr << "error: " << e.what() << "\n";
    return 1;
  }
}

}  // namespace peers
