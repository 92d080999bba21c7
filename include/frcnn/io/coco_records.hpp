#pragma once
// What COCO files say, in memory: images, categories, annotated objects and results. io/coco_json.hpp reads and writes them.
//
// Ids are the files' own numbers. Boxes are x, y, width, height in pixels from 0, as double: average precision is equal to pycocotools'
// only if no coordinate is rounded.
//
// Example: the annotation {"id": 7, "image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40], "area": 900.5, "iscrowd": 0} is
//          coco_annotation{7, 3, 1, {10, 20, 30, 40}, 900.5, false}
#include "frcnn/core/finite.hpp"

#include <cstdint>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct coco_box {
  double x = 0, y = 0, w = 0, h = 0;
  double area() const { return w * h; }
  bool operator==(coco_box const&) const = default;
};

inline bool is_finite_box(coco_box const& b) { return is_finite(b.x) && is_finite(b.y) && is_finite(b.w) && is_finite(b.h); }

struct coco_category {
  std::int64_t id = 0;
  std::string name;
};

struct coco_image {
  std::int64_t id = 0;
  int width = 0, height = 0;  // 0: the file does not say
  std::string file_name;
};

// Whether a box reaches over the border of its image, and would not if its four numbers were the corners x1, y1, x2, y2.
inline bool looks_like_corners(coco_box const& b, int width, int height) {
  return (b.x + b.w > width + 1 || b.y + b.h > height + 1) && b.w > b.x && b.h > b.y && b.w <= width + 1 && b.h <= height + 1;
}

struct coco_annotation {
  std::int64_t id = 0, image = 0, category = 0;
  coco_box where;
  double area = 0;       // of the object's outline, which is less than its box's
  bool crowd = false;    // a group of objects in one box
  bool ignored = false;  // "ignore" without "iscrowd": evaluation does not heed it
};

struct coco_result {
  std::int64_t image = 0, category = 0;
  coco_box where;
  double score = 0;
};

struct coco_instances {
  std::vector<coco_image> images;
  std::vector<coco_category> categories;
  std::vector<coco_annotation> annotations;
  bool annotated = true;  // false: the file has no list of annotations, as COCO's image_info_test-dev2017.json
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
