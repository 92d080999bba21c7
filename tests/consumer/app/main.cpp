// A user's program: everything included here, and once more in images.cpp.
#include "everything.hpp"

#include <cstdio>

int decoded_width();  // images.cpp

int main() {
  frcnn::box<float> const a{0, 0, 16, 16}, b{8, 0, 24, 16};
  float const overlap = frcnn::iou(a, b);  // 128 / 384
  bool const good = overlap > .333f && overlap < .334f && decoded_width() == 2;
  std::printf("frcnn %d.%d.%d: iou %.4f, width %d\n", FRCNN_VERSION_MAJOR, FRCNN_VERSION_MINOR, FRCNN_VERSION_PATCH, overlap,
              decoded_width());
  return good ? 0 : 1;
}
