#pragma once
// Which model a program takes, this library's file or another's:
//   --model FILE   --preset NAME   --key KEY   --classes A,B   --anchors ..   --ratios ..   --short-side N   --max-side N   --bn-eps E
// A model file of this library says all of it. A state dict of torchvision's FasterRCNN and a detector of Caffe need --preset, and what the
// preset has other than they (frcnn/detector/weights_file.hpp).
#include "norm_epsilon.hpp"

#include <frcnn/detector/foreign_options.hpp>
#include <frcnn/detector/model_config.hpp>

#include <string>

namespace console {

// file: the model's. Of a program that looks where the RPN says.
void warn_of_untrained_rpn(frcnn::model_config const& config, std::string const& file);

class model_arguments {
 public:
  std::string file;

  CLI::Option* add_to(CLI::App& app, CLI::App* group = nullptr);

  frcnn::foreign_options foreign() const;

 private:
  std::string classes_;
  frcnn::foreign_options foreign_;
};

}  // namespace console
