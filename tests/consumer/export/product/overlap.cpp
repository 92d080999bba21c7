#include "overlap.hpp"

float overlap(frcnn::box<float> const& a, frcnn::box<float> const& b) { return frcnn::iou(a, b); }
