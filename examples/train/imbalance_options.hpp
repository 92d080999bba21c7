#pragma once
// How train_voc is told to learn from classes of unequal numbers:
//   --repeat-factors T          images of rare classes are shown more often (frcnn/data/repeat_factors.hpp); the table is printed
//   --class-weights NAME=W,..   classes that the head's class loss weighs by W in place of 1 (frcnn/roi/loss.hpp); background is a name, too
#include "../console/cli_names.hpp"

#include <frcnn/data/epoch_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace console {

class imbalance_arguments {
 public:
  void add_to(CLI::App& app);

  double threshold() const { return threshold_; }

  // [K+1], the background's first; none where nothing is told.
  std::vector<double> weights_of(std::vector<std::string> const& classes) const;

  // The table of --repeat-factors, the rarest class first: of the images that the convention trains on. batches: the sizes that there are, of
  // which an epoch shows whole ones alone.
  template <class Rules>
  void say_table(frcnn::data::dataset const& set, frcnn::data::training_options options, std::set<int> const& batches) const {
    if (threshold_ <= 0) return;
    auto const images = frcnn::data::images_of_training<Rules>(set, options.difficult);
    std::map<int, std::uint64_t> shown;
    for (int const batch : batches) {
      options.batch = batch;
      shown[batch] = frcnn::data::batches_per_epoch<Rules>(set, options) * static_cast<std::uint64_t>(batch);
    }
    say_factors(set, images, options.difficult, shown, Rules::flips_double_the_dataset && options.flip);
  }

  // For a checkpoint, what was told.
  std::map<std::string, std::string> described() const;

 private:
  // images: those that are trained on. shown: of each size of a batch, the images that an epoch shows. mirrored: whether it has the mirror
  // image of each, too.
  void say_factors(frcnn::data::dataset const& set, std::vector<std::size_t> const& images, frcnn::data::difficult_objects how,
                   std::map<int, std::uint64_t> const& shown, bool mirrored) const;

  double threshold_ = 0;
  std::vector<std::string> weights_;
};

}  // namespace console
