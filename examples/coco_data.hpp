#pragma once
// Data of either layout behind one name: folders in VOC layout, or COCO's JSON.
//
//   ROOT[:SPLIT]            VOC layout; where ROOT/annotations has instances_*.json, COCO's
//   FILE.json[:IMAGES]      a COCO file, and the folder of its images
#include "console.hpp"

#include <frcnn/data/coco.hpp>

#include <string>
#include <utility>
#include <vector>

namespace console {

// Of one layout.
struct named_data {
  std::vector<frcnn::data::voc_source> voc{};
  std::vector<frcnn::data::coco_source> coco{};

  // test: whether a name without a split means the test's.
  named_data(std::vector<std::string> const& specs, bool test) {
    namespace data = frcnn::data;
    for (auto const& spec : specs)
      if (auto source = data::find_coco(spec, test ? "val" : "train")) coco.push_back(std::move(*source));
      else voc.push_back(data::parse_voc_spec(spec, test ? "test" : "trainval"));
    if (!voc.empty() && !coco.empty())
      throw frcnn::error(voc.front().root.string(),
                         "data of one layout, COCO's as " + coco.front().file.string() + " (convert_data makes it)", "VOC's");
  }
  // The test split that lies beside this data.
  named_data test_beside() const {
    if (coco.empty()) return named_data(frcnn::data::voc_source{voc.front().root, "test", {}});
    auto const folder = coco.front().file.parent_path();
    if (folder.filename() != "annotations")
      throw frcnn::error(coco.front().file.string(), "--test or --split, which say what to test on (or --no-test)", "neither");
    return named_data({folder.parent_path().empty() ? "." : folder.parent_path().string()}, true);
  }

  std::string split() const { return coco.empty() ? voc.front().split : coco.front().split; }
  void set_part(frcnn::data::id_range part) {
    for (auto& s : voc) s.part = part;
    for (auto& s : coco) s.part = part;
  }
  frcnn::data::dataset read(frcnn::data::voc_options const& options) const {
    return coco.empty() ? frcnn::data::read_voc(voc, options) : frcnn::data::read_coco(coco, options);
  }

 private:
  explicit named_data(frcnn::data::voc_source source) : voc{std::move(source)} {}
};

}  // namespace console
