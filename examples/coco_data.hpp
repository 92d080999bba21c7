#pragma once
// Data of either layout behind one name, or of both, joined by the names of classes: folders in VOC layout, and COCO's JSON.
//
//   ROOT[:SPLIT]            VOC layout; where ROOT/annotations has instances_*.json, COCO's
//   FILE.json[:IMAGES]      a COCO file, and the folder of its images
#include "console.hpp"
#include "outputs.hpp"

#include <frcnn/data/coco.hpp>

#include <algorithm>
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
  named_data test_beside() const {
    if (!coco_first_) return named_data(frcnn::data::voc_source{voc.front().root, "test", {}});
    auto const folder = coco.front().file.parent_path();
    if (folder.filename() != "annotations")
      throw frcnn::error(coco.front().file.string(), "--test or --split, which say what to test on (or --no-test)", "neither");
    return named_data({folder.parent_path().empty() ? "." : folder.parent_path().string()}, true);
  }

  // Whether it is there, as far as lists and files tell. What is wrong with the data is said when it is read.
  bool has_test_beside() const {
    try {
      if (coco_first_) return !test_beside().coco.empty();
      auto const lists = frcnn::data::find_voc_layout(voc.front().root).lists;
      return std::ranges::any_of(lists, [](auto const& folder) { return there(folder / "test.txt"); });
    } catch (frcnn::error const&) {
      return false;
    }
  }

  std::string split() const { return coco_first_ ? coco.front().split : voc.front().split; }
  void set_part(frcnn::data::id_range part) {
    for (auto& s : voc) s.part = part;
    for (auto& s : coco) s.part = part;
  }
  // Throws where folders, lists or files are not there: before the work that comes ahead of reading them.
  void require_there() const {
    for (auto const& s : voc) frcnn::data::require_there(s);
    for (auto const& s : coco) {
      check_inputs({s.file});
      if (s.images.size() == 1 && !there(s.images.front()))
        throw frcnn::error(s.images.front().string(), "the folder of the images of " + s.file.string(), "nothing at that place");
    }
  }
  frcnn::data::dataset read(frcnn::data::voc_options const& options) const { return frcnn::data::read_joined(voc, coco, options); }
  // Throws where the output would be written over a file of the data.
  frcnn::data::dataset read_sparing(std::filesystem::path const& output, frcnn::data::voc_options const& options) const {
    check_spares_data(output, voc);
    std::vector<std::filesystem::path> inputs;
    for (auto const& s : coco) inputs.push_back(s.file);
    check_outputs(inputs, {output});
    auto set = read(options);
    for (auto const& s : set.samples) inputs.push_back(s.image);
    check_outputs(inputs, {output});
    return set;
  }

 private:
  bool coco_first_ = false;  // whether the first of the data is COCO's

  struct splits {
    char const *voc, *coco;  // of a name without one
  };
  named_data(std::vector<std::string> const& specs, splits meant) {
    namespace data = frcnn::data;
    for (auto const& spec : specs)
      if (auto source = data::find_coco(spec, meant.coco)) {
        coco_first_ = coco_first_ || voc.empty();
        coco.push_back(std::move(*source));
      } else {
        voc.push_back(data::parse_voc_spec(spec, meant.voc));
      }
  }
  explicit named_data(frcnn::data::voc_source source) : voc{std::move(source)} {}
};

}  // namespace console
