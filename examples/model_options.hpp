#pragma once
// Which model a program takes, whoever wrote its file:
//   --model FILE   --preset NAME   --key KEY   --classes A,B   --anchors ..   --ratios ..   --short-side N   --max-side N   --bn-eps E
// A model file of this library says all of it. A state dict of torchvision's FasterRCNN and a detector of Caffe need --preset, and what the
// preset has other than they (frcnn/detector/weights_file.hpp).
#include "norm_epsilon.hpp"
#include "options.hpp"

#include <frcnn/data/voc_source.hpp>
#include <frcnn/detector/weights_file.hpp>
#include <frcnn/load.hpp>
#include <frcnn/presets/every_preset.hpp>

#include <string>
#include <vector>

namespace console {

class model_arguments {
 public:
  std::string file;

  CLI::Option* add_to(CLI::App& app, CLI::App* group = nullptr) {
    auto* const model = (group ? group : &app)
                            ->add_option("--model", file, "model file; or with --preset a .pth of PyTorch or a .caffemodel")
                            ->check(path());
    app.add_option("--preset", preset_, "network of a file of another program: " + frcnn::every_preset<frcnn::cpu>::names())->needs(model);
    app.add_option("--key", key_, "of the state dict inside a .pth file (found under model, state_dict, model_state, ema)")->needs(model);
    app.add_option("--classes", classes_,
                   "A,B,.. or a file with one per line: classes of a file of another program (VOC's or COCO's, by their number)")
        ->check(path())
        ->needs(model);
    add_numbers(app, "--anchors", foreign_.anchors, "of such a file: square roots of anchor areas, pixels of the resized image (the preset's)",
                above(0, 16384))
        ->needs(model);
    add_numbers(app, "--ratios", foreign_.ratios, "of such a file: anchor heights over widths (the preset's)", above(0, 1000))->needs(model);
    app.add_option("--short-side", foreign_.short_side, "of such a file: shorter side of resized images (the preset's)")
        ->check(side())
        ->needs(model);
    app.add_option("--max-side", foreign_.max_side, "of such a file: longer side at most (the preset's)")->check(side())->needs(model);
    add_norm_epsilon(app, foreign_.norm_epsilon)->needs(model);
    return model;
  }

  // f.operator()<Preset>(detector<Preset>): all calls return one type.
  template <class F>
  auto with(frcnn::cpu_options const& options, F f) const {
    frcnn::weights_file const weights(file, key_);
    auto const chosen = chosen_preset(weights);
    auto foreign = foreign_;
    if (!classes_.empty()) foreign.classes = frcnn::data::parse_class_list(classes_);
    return frcnn::every_file_preset<frcnn::cpu>::with(chosen, [&]<class Preset>() {
      auto d = frcnn::load<Preset>(weights, foreign, options);
      if (!weights.is_ours()) say_norm_epsilon<Preset>(file, foreign.norm_epsilon);
      return f.template operator()<Preset>(std::move(d));
    });
  }

 private:
  std::string chosen_preset(frcnn::weights_file const& weights) const {
    if (!weights.is_ours()) {
      if (preset_.empty())
        throw frcnn::error(file, "--preset, the network that its weights are of: " + frcnn::every_preset<frcnn::cpu>::names(),
                           "none, and a file of another program");
      return preset_;
    }
    auto const theirs = weights.preset();
    if (!preset_.empty() && preset_ != theirs) throw frcnn::error("--preset", "that of " + file + ", " + theirs, preset_);
    return theirs;
  }

  std::string preset_, key_, classes_;
  frcnn::foreign_options foreign_;
};

}  // namespace console
