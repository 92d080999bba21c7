// Our side of bench/peers/compare_vgg16, whose other sides are torch_vgg16.py and onnx_model.py: jobs.hpp says what is timed.
#include "jobs.hpp"

int main(int argc, char** argv) { return peers::main_of<peers::side<frcnn::presets::vgg16_tv<frcnn::cpu>, 600, 800>>(argc, argv); }
