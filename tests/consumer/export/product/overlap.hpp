#pragma once
// A product's header that shows the library's types.
#include <frcnn/geometry/iou.hpp>

float overlap(frcnn::box<float> const& a, frcnn::box<float> const& b);
