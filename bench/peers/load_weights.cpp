// Our side of bench/peers/compare_load: the preset `vgg16` takes over weights for ImageNet from a file, .pth or .caffemodel, as train_voc --init
// does. Last line on stdout, a JSON object:
//   ms        from opening the file to the values in the parameters. The detector is made before it; its memory is then asked for, not used
//   grown_mib how far the process's largest resident memory lies above what was resident before the detector
//   mib       of the parameters that the file has
#include <frcnn/detector/weights_file.hpp>
#include <frcnn/load.hpp>
#include <frcnn/presets/vgg16.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

using namespace frcnn;
using preset = presets::vgg16<cpu>;

// A line of /proc/self/status, in MiB.
static double resident_mib(std::string const& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  throw error("/proc/self/status", "a line " + key, "none");
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: load_weights FILE\n";
    return 2;
  }
  try {
    double const before = resident_mib("VmRSS");
    auto config = preset::config({"thing"});
    take_over<preset>(config, weights_file(argv[1]));  // the widths of fc6 and fc7
    detector<preset> d(config, 1);
    auto const start = std::chrono::steady_clock::now();
    auto const drawn = read_known(weights_file(argv[1]), d);
    double const ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    double const grown = resident_mib("VmHWM") - before;
    std::size_t numbers = 0;
    for (auto const& e : d.model().parameters().entries())
      if (e.name.starts_with("backbone.") || e.name.starts_with("roi_heads.box_head.")) numbers += e.p->size();
    std::printf("{\"ms\": [%.3f], \"grown_mib\": %.1f, \"mib\": %.1f, \"drawn\": %zu}\n", ms, grown,
                static_cast<double>(numbers) * sizeof(float) / (1 << 20), drawn.size());
    return 0;
  } catch (std::exception const& e) {
    std::cerr << "error: " << e.what() << "\n";
    return 1;
  }
}
