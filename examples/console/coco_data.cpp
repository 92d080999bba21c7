#include "coco_data.hpp"

#include "outputs.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/voc_layout.hpp>

#include <algorithm>

namespace console {

named_data::named_data(std::vector<std::string> const& specs, splits meant) {
  namespace data = frcnn::data;
  for (auto const& spec : specs)
    if (auto source = data::find_coco(spec, meant.coco)) {
      coco_first_ = coco_first_ || voc.empty();
      coco.push_back(std::move(*source));
    } else {
      voc.push_back(data::parse_voc_spec(spec, meant.voc));
    }
}

named_data named_data::test_beside() const {
  if (!coco_first_) return named_data(frcnn::data::voc_source{voc.front().root, "test", {}});
  auto const& file = coco.front().file;
  auto const folder = std::filesystem::absolute(file).parent_path();
  if (folder.filename() != "annotations" && file.filename() != frcnn::data::detail::roboflow_file)
    throw frcnn::error(coco.front().file.string(), "--test or --split, which say what to test on (or --no-test)", "neither");
  return named_data({(file.parent_path() / "..").lexically_normal().string()}, true);
}

bool named_data::has_test_beside() const {
  try {
    if (coco_first_) return !test_beside().coco.empty();
    test_beside().require_there();
    return true;
  } catch (frcnn::error const&) {
    return false;
  }
}

void named_data::set_part(frcnn::data::id_range part) {
  for (auto& s : voc) s.part = part;
  for (auto& s : coco) s.part = part;
}

void named_data::require_there() const {
  for (auto const& s : voc) frcnn::data::require_there(s);
  for (auto const& s : coco) {
    check_inputs({s.file});
    if (s.images.size() == 1 && !there(s.images.front()))
      throw frcnn::error(s.images.front().string(), "the folder of the images of " + s.file.string(), "nothing at that place");
  }
}

frcnn::data::dataset named_data::read(frcnn::data::voc_options const& options) const {
  return frcnn::data::read_joined(voc, coco, options);
}

frcnn::data::dataset named_data::read_sparing(std::filesystem::path const& output, frcnn::data::voc_options const& options) const {
  check_spares_data(output, voc);
  std::vector<std::filesystem::path> inputs;
  for (auto const& s : coco) inputs.push_back(s.file);
  check_outputs(inputs, {output});
  auto set = read(options);
  for (auto const& s : set.samples) inputs.push_back(s.image);
  check_outputs(inputs, {output});
  return set;
}

}  // namespace console
