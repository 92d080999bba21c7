// The compiled library for the CPU: kernels and the presets under torchvision's convention, once (the others: cpu_caffe.cpp). What it
// exports is in presets/compiled.hpp.
#define FRCNN_INSTANCE template
#include "frcnn/presets/instances.hpp"

#include "frcnn/presets/caffe_instances.hpp"
#include "frcnn/presets/every_preset.hpp"

namespace frcnn::inline FRCNN_VOCABULARY {

any_detector load_detector(std::filesystem::path const& path, cpu_options const& options, model_weights how) {
  return frcnn::load_detector(path, every_cpu_preset, options, how);
}
any_detector load_detector(std::filesystem::path const& path, int threads, model_weights how) {
  return frcnn::load_detector(path, cpu_options{.threads = threads}, how);
}

}  // namespace frcnn
