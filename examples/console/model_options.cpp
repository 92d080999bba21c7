#include "model_options.hpp"

#include "console.hpp"
#include "options.hpp"

#include <frcnn/data/voc_source.hpp>

namespace console {

void warn_of_untrained_rpn(frcnn::model_config const& config, std::string const& file) {
  if (config.untrained_rpn)
    warn(file +
         ": its RPN is untrained, as train_voc --proposals trains the head alone: what it proposes means nothing (evaluate --proposals)");
}

CLI::Option* model_arguments::add_to(CLI::App& app, CLI::App* group) {
  auto* const model =
      (group ? group : &app)->add_option("--model", file, "model file; or with --preset a .pth of PyTorch or a .caffemodel")->check(path());
  app.add_option("--preset", foreign_.preset, "network of a file of another program: small, vgg16_tv, fasterrcnn_resnet50_fpn, ..")
      ->needs(model);
  app.add_option("--key", foreign_.key, "of the state dict inside a .pth file (found under model, state_dict, model_state, ema)")
      ->needs(model);
  app.add_option("--classes", classes_,
                 "A,B,.. or a file with one per line: classes of a file of another program (VOC's or COCO's, by their number)")
      ->check(path())
      ->needs(model);
  add_numbers(app, "--anchors", foreign_.anchors,
              "of such a file: square roots of anchor areas, pixels of the resized image (the preset's)", above(0, 16384))
      ->needs(model);
  add_numbers(app, "--ratios", foreign_.ratios, "of such a file: anchor heights over widths (the preset's)", above(0, 1000))->needs(model);
  app.add_option("--short-side", foreign_.short_side, "of such a file: shorter side of resized images (the preset's)")
      ->check(side())
      ->needs(model);
  app.add_option("--max-side", foreign_.max_side, "of such a file: longer side at most (the preset's)")->check(side())->needs(model);
  add_norm_epsilon(app, foreign_.norm_epsilon)->needs(model);
  return model;
}

frcnn::foreign_options model_arguments::foreign() const {
  auto all = foreign_;
  if (!classes_.empty()) all.classes = frcnn::data::parse_class_list(classes_);
  return all;
}

}  // namespace console
