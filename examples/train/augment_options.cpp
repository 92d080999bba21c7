#include "augment_options.hpp"

#include "../console/console.hpp"
#include "../console/options.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/image_io.hpp>
#include <frcnn/io/file_name.hpp>
#include <frcnn/viz/draw.hpp>
#include <frcnn/viz/picture.hpp>

#include <utility>

namespace console {

void augment_arguments::add_to(CLI::App& app) {
  app.add_option("--augment", set_, "how images are changed each time: none but mirrored, light or strong; single ones follow")
      ->capture_default_str()
      ->check(console::one_of({"none", "light", "strong"}));
  app.add_option("--flip", flip_, "half of the images mirrored: horizontal (left to right), vertical, both, or none")
      ->capture_default_str()
      ->check(console::one_of({"none", "horizontal", "vertical", "both"}));
  app.add_flag("--quarter-turns", quarter_turns_, "images turned by 0, 90, 180 or 270 degrees");
  add_numbers(app, "--scale-jitter", sides_, "short sides, one of which is drawn for each batch; the test has --short-side", side());
  app.add_option("--crop", crop_, "half of the images cut to windows whose sides are at least this share of theirs (1: no windows)")
      ->check(between(0.1, 1));
  app.add_option("--crop-keeps", crop_keeps_, "least share of an object that a window leaves of it; with less it is ignored (0.3)")
      ->check(between(0.01, 1));
  app.add_option("--brightness", brightness_, "X: pixels multiplied by 1 - X to 1 + X")->check(between(0, 0.95));
  app.add_option("--contrast", contrast_, "X: distances from the mean multiplied by 1 - X to 1 + X")->check(between(0, 0.95));
  app.add_option("--saturation", saturation_, "X: distances from grey multiplied by 1 - X to 1 + X")->check(between(0, 1));
  app.add_option("--hue", hue_, "X: colours turned by up to this part of the circle, either way")->check(between(0, 0.5));
  app.add_option("--show-augmented", shown_, "write the first N images as training sees them into OUT/augmented")->check(whole(1, 10000));
}

void augment_arguments::apply_to(frcnn::data::training_options& o) const {
  o.flip = flip_ == "horizontal" || flip_ == "both";
  o.augment = settings();
  if (crop_keeps_ && !o.augment.crops()) throw frcnn::error("--crop-keeps", "windows (--crop below 1, or --augment strong)", "none");
  if (o.channels != 3 && (o.augment.saturation > 0 || o.augment.hue > 0)) {
    o.augment.saturation = o.augment.hue = 0;
    say(fmt::format("augmentation: images of {} have no saturation and no hue, which are left as they are",
                    frcnn::data::text_of_channels(o.channels)));
  }
  if (!o.short_sides.empty()) {
    if (!sides_.empty()) throw frcnn::error("--scale-jitter", "one short side", "the several of --scales");
    return;
  }
  for (int const s : sides_)
    if (s > o.max_side)
      throw frcnn::error("--scale-jitter", fmt::format("sides up to the longest, {} (--max-side changes it)", o.max_side),
                         std::to_string(s));
  if (!sides_.empty()) o.short_sides = sides_;
  else if (set_ == "light") o.short_sides = frcnn::data::jittered_sides(o.short_side, o.max_side, 0.8, 1.2);
  else if (set_ == "strong") o.short_sides = frcnn::data::jittered_sides(o.short_side, o.max_side, 0.6, 1.4);
}

std::map<std::string, std::string> augment_arguments::described(frcnn::data::training_options const& o) const {
  std::map<std::string, std::string> all;
  auto const& a = o.augment;
  if (set_ != "none") all["--augment"] = set_;
  if (flip_ != "horizontal") all["--flip"] = flip_;
  if (a.quarter_turns) all["--quarter-turns"] = "yes";
  if (changes_images() && o.short_sides.size() > 0) all["--scale-jitter"] = fmt::format("{}", fmt::join(o.short_sides, ","));
  if (a.crops()) all["--crop"] = fmt::format("{}", a.crop), all["--crop-keeps"] = fmt::format("{}", a.crop_keeps);
  for (auto const& [name, value] :
       {std::pair{"--brightness", a.brightness}, {"--contrast", a.contrast}, {"--saturation", a.saturation}, {"--hue", a.hue}})
    if (value > 0) all[name] = fmt::format("{}", value);
  return all;
}

void augment_arguments::say_settings(frcnn::data::training_options const& o, bool keeps_maps) const {
  std::string line;
  auto all = described(o);
  if (all.empty()) return;
  all.emplace("--flip", flip_);
  all.erase("--augment");
  for (auto const& [option, value] : all) line += (line.empty() ? "" : ", ") + option.substr(2) + ' ' + value;
  say("augmentation" + (set_ == "none" ? std::string() : " (" + set_ + ")") + ": " + line +
      (keeps_maps && changes_images() ? "; no feature maps are kept" : ""));
}

frcnn::data::augmentation augment_arguments::settings() const {
  using frcnn::data::augmentation;
  augmentation a = set_ == "light" ? augmentation::light() : set_ == "strong" ? augmentation::strong() : augmentation();
  a.flip_vertical = flip_ == "vertical" || flip_ == "both";
  a.quarter_turns = quarter_turns_;
  a.crop = crop_.value_or(a.crop);
  a.crop_keeps = crop_keeps_.value_or(a.crop_keeps);
  a.brightness = brightness_.value_or(a.brightness);
  a.contrast = contrast_.value_or(a.contrast);
  a.saturation = saturation_.value_or(a.saturation);
  a.hue = hue_.value_or(a.hue);
  return a;
}

void augment_arguments::write_shown(frcnn::data::dataset const& set, std::filesystem::path const& folder,
                                    std::function<std::span<frcnn::data::loaded const>()> const& next) const {
  for (int n = 0; n < shown_;)
    for (auto const& seen : next()) {
      if (++n > shown_) break;
      stop_if_interrupted();
      frcnn::image im = frcnn::viz::picture_of(seen.pixels);
      std::vector<frcnn::detection> learned;
      std::vector<frcnn::data::object> ignored;
      for (std::size_t k = 0; k < seen.boxes.size(); ++k)
        if (seen.labels[k] > 0) learned.push_back({seen.boxes[k], 1, seen.labels[k]});
        else ignored.push_back({.where = seen.boxes[k], .difficult = true});
      frcnn::viz::draw_truth(im, ignored, set.classes);
      frcnn::viz::draw_detections(im, learned, set.classes, {.scores = false});
      std::string const name = fmt::format("{:03}-{}", n, set.samples[seen.index].image.stem().string());
      frcnn::data::write_png(folder / frcnn::io::file_name(name, ".png"), im);
    }
  say(fmt::format("{}: the first {} images as training sees them", folder.string(), shown_));
}

}  // namespace console
