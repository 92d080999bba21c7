// A user's program: everything included here.
#include "everything.hpp"

#include <cstdio>

int decoded_width();  // images.cpp

int main() {
  frcnn::box<float> const a{0, 0, 16, 16}, b{8, 0, 24, 16};
  float const overlap = frcnn::iou(a, b);  // 128 / 384
  bool good = overlap > .333f && overlap < .334f && decoded_width() == 2;
#if defined(APP_HAS_LAPACK)
  std::vector<float> const w{3, 0, 0, 1};
  good = good && frcnn::truncated_svd(std::span<float const>(w), 2, 2, 1).values[0] > 2.999;
#endif
  std::printf("frcnn %d.%d.%d: iou %.4f, width %d\n", FRCNN_VERSION_MAJOR, FRCNN_VERSION_MINOR, FRCNN_VERSION_PATCH, overlap,
              decoded_width());
  return good ? 0 : 1;
}
