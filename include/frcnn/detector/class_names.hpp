#pragma once
// Names of the classes of files that have none: those of PASCAL VOC and of COCO, told by their number.
//
//   20  VOC's, in the order of the authors' release and of most others     80  COCO's, by category id
//   90  COCO's with a place for every id up to 90, as torchvision counts; ids that COCO does not use are called "N/A 12"
#include "frcnn/config.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {
// "cat dog", names with '_' for blanks; "." is an id without a class.
inline std::vector<std::string> listed_names(std::string_view list, bool keeps_unused) {
  std::vector<std::string> names;
  for (int id = 1; !list.empty(); ++id) {
    auto const end = std::min(list.find(' '), list.size());
    std::string name(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    for (char& c : name)
      if (c == '_') c = ' ';
    if (name == ".") {
      if (!keeps_unused) continue;
      name = "N/A " + std::to_string(id);
    }
    names.push_back(std::move(name));
  }
  return names;
}
}  // namespace detail

inline std::vector<std::string> voc_classes() {
  return detail::listed_names(
      "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train "
      "tvmonitor",
      true);
}
inline std::vector<std::string> coco_classes(bool with_unused_ids) {
  return detail::listed_names(
      "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant . stop_sign parking_meter bench bird cat dog "
      "horse sheep cow elephant bear zebra giraffe . backpack umbrella . . handbag tie suitcase frisbee skis snowboard sports_ball kite "
      "baseball_bat baseball_glove skateboard surfboard tennis_racket bottle . wine_glass cup fork knife spoon bowl banana apple sandwich "
      "orange broccoli carrot hot_dog pizza donut cake chair couch potted_plant bed . dining_table . . toilet . tv laptop mouse remote "
      "keyboard cell_phone microwave oven toaster sink refrigerator . book clock vase scissors teddy_bear hair_drier toothbrush",
      with_unused_ids);
}

// Empty: no data set is known by this number.
inline std::vector<std::string> usual_classes(std::size_t count) {
  return count == 20 ? voc_classes() : count == 80 || count == 90 ? coco_classes(count == 90) : std::vector<std::string>();
}

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
