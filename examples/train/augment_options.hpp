#pragma once
// How train_voc is told to change images each time it shows them (frcnn/data/augment.hpp), and what it says and shows of that:
//   --augment none|light|strong   a set of settings, which each of the following overrides
//   --flip   --quarter-turns   --scale-jitter   --crop   --crop-keeps   --brightness   --contrast   --saturation   --hue
//   --show-augmented N            the first N images as training sees them, OUT/augmented/*.png
#include "../console/cli_names.hpp"

#include <frcnn/data/loader.hpp>
#include <frcnn/io/folder.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace console {

class augment_arguments {
 public:
  void add_to(CLI::App& app);

  // Whether an image is ever changed but that it is mirrored.
  bool changes_images() const { return settings().changes() || set_ != "none" || !sides_.empty(); }

  // Of the loader, which says how many channels images have. Where an image pyramid has given short sides, those are drawn from.
  void apply_to(frcnn::data::training_options& o) const;

  // What differs from no augmentation, by option: for people, and for a run that goes on. o: what apply_to() has made.
  std::map<std::string, std::string> described(frcnn::data::training_options const& o) const;

  // keeps_maps: whether the training would keep feature maps of images that do not change.
  void say_settings(frcnn::data::training_options const& o, bool keeps_maps) const;

  // What training will see first. Solid boxes are learned, dotted ones ignored.
  template <class Rules>
  void show(frcnn::data::dataset const& set, frcnn::data::training_options o, int batch, std::filesystem::path const& folder) const {
    if (shown_ == 0) return;
    o.batch = batch;
    o.workers = 0, o.cache_mb = 0, o.regions = {}, o.share = {};
    frcnn::io::make_folder(folder);
    frcnn::data::training_loader<Rules> loader(set, o);
    write_shown(set, folder, [&] { return loader.next(); });
  }

 private:
  frcnn::data::augmentation settings() const;
  // next: the next batch.
  void write_shown(frcnn::data::dataset const& set, std::filesystem::path const& folder,
                   std::function<std::span<frcnn::data::loaded const>()> const& next) const;

  std::string set_ = "none", flip_ = "horizontal";
  bool quarter_turns_ = false;
  std::vector<int> sides_;
  std::optional<double> crop_, crop_keeps_, brightness_, contrast_, saturation_, hue_;
  int shown_ = 0;
};

}  // namespace console
