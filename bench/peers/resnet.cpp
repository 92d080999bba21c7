// Our side of bench/peers/compare_resnet, whose other sides are torch_resnet.py and onnx_model.py: jobs.hpp says what is timed.
#include "jobs.hpp"

#include <frcnn/presets/resnet_fpn.hpp>

int main(int argc, char** argv) {
  return peers::main_of<peers::side<frcnn::presets::fasterrcnn_resnet50_fpn<frcnn::cpu>, 800, 1088>>(argc, argv);
}
