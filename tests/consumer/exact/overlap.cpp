// The file that includes the library.
#include <frcnn/geometry/iou.hpp>

double overlap(double shift) { return frcnn::iou(frcnn::box<double>{0, 0, 10, 10}, frcnn::box<double>{shift, 0, shift + 10, 10}); }
