#pragma once
// Data of either layout behind one name, or of both, joined by the names of classes: folders in VOC layout, and COCO's JSON.
//
//   ROOT[:SPLIT]            VOC layout; where ROOT/annotations has instances_*.json, COCO's
//   FILE.json[:IMAGES]      a COCO file, and the folder of its images
#include <frcnn/data/coco.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace console {

struct named_data {
  std::vector<frcnn::data::voc_source> voc{};
  std::vector<frcnn::data::coco_source> coco{};

  // test: whether a name without a split means the test's.
  named_data(std::vector<std::string> const& specs, bool test)
      : named_data(specs, test ? splits{"test", "val"} : splits{"trainval", "train"}) {}
  static named_data of_validation(std::string const& spec) { return named_data({spec}, splits{"val", "val"}); }
  // The test split that lies beside the first of this data.
  named_data test_beside() const;

  // Whether it is there, as far as lists and files tell. What is wrong with the data is said when it is read.
  bool has_test_beside() const;

  std::string split() const { return coco_first_ ? coco.front().split : voc.front().split; }
  void set_part(frcnn::data::id_range part);
  // Throws where folders, lists or files are not there: before the work that comes ahead of reading them.
  void require_there() const;
  frcnn::data::dataset read(frcnn::data::voc_options const& options) const;
  // Throws where the output would be written over a file of the data.
  frcnn::data::dataset read_sparing(std::filesystem::path const& output, frcnn::data::voc_options const& options) const;

 private:
  bool coco_first_ = false;  // whether the first of the data is COCO's

  struct splits {
    char const *voc, *coco;  // of a name without one
  };
  named_data(std::vector<std::string> const& specs, splits meant);
  explicit named_data(frcnn::data::voc_source source) : voc{std::move(source)} {}
};

}  // namespace console
