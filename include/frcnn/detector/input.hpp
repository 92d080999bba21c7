#pragma once
// Host images to a batch on the device: normalised, padded right and below, with what is known of each image and its truth.
//
//   in   8-bit or float RGB pixels of an image already resized, [h, w, 3], 0..255
//   out  pixels [N, 3, H, W] = (value / 255 * range - mean) / deviation, channel order as the weights want it; padding is 0 after that
//        H, W: the batch's largest sides, rounded up to the convention's multiple
//
// Buffers grow to the largest batch and are reused: after warm-up nothing is allocated.
#include "frcnn/concepts/batch.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/pixels.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <algorithm>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
class input_batch {
 public:
  explicit input_batch(pixel_normalisation normalisation = pixel_normalisation::imagenet(), int size_divisor = 1)
      : normalisation_(normalisation), divisor_(size_divisor) {}

  // Starts a batch of n images, the largest h x w, with room for `truths` boxes each.
  void start(int n, int h, int w, int truths = 0) {
    auto const up = [this](int v) { return (v + divisor_ - 1) / divisor_ * divisor_; };
    dims_ = {{n, 3, up(h), up(w)}};
    pixels_.assign(dims_.size(), T(0));
    info_.assign(static_cast<std::size_t>(n), {});
    ids_.assign(static_cast<std::size_t>(n), 0);
    truths_ = truths > 0 ? truths : 1;
    boxes_.assign(static_cast<std::size_t>(n) * truths_, {});
    labels_.assign(static_cast<std::size_t>(n) * truths_, 0);
    counts_.assign(static_cast<std::size_t>(n), 0);
  }

  // Pixel: std::uint8_t or float, [plan.h, plan.w, 3].
  template <class Pixel>
  void set_image(int i, Pixel const* rgb, resize_plan const& plan, int original_w, int original_h, std::uint64_t id) {
    FRCNN_ASSERT(plan.h <= dims_[2] && plan.w <= dims_[3]);
    std::size_t const plane = static_cast<std::size_t>(dims_[2]) * dims_[3];
    for (int ch = 0; ch < 3; ++ch) {
      int const from = normalisation_.source_channel(ch);
      T* const to = pixels_.data() + (static_cast<std::size_t>(i) * 3 + ch) * plane;
      for (int y = 0; y < plan.h; ++y) {
        Pixel const* const row = rgb + static_cast<std::size_t>(y) * plan.w * 3;
        T* const out = to + static_cast<std::size_t>(y) * dims_[3];
        for (int x = 0; x < plan.w; ++x) out[x] = normalisation_(static_cast<T>(row[3 * x + from]), ch);
      }
    }
    info_[i] = {T(plan.h), T(plan.w), T(original_h), T(original_w), static_cast<T>(plan.scale_x), static_cast<T>(plan.scale_y)};
    ids_[i] = id;
  }

  // boxes in pixels of the resized image; labels 1..K, or -1 for an ignore region. At most the capacity given to start().
  template <class Boxes, class Labels>
  void set_truth(int i, Boxes const& boxes, Labels const& labels) {
    FRCNN_ASSERT(boxes.size() == labels.size() && boxes.size() <= static_cast<std::size_t>(truths_));
    counts_[i] = static_cast<std::int32_t>(boxes.size());
    for (std::size_t g = 0; g < boxes.size(); ++g) {
      boxes_[static_cast<std::size_t>(i) * truths_ + g] = boxes[g].template as<T>();
      labels_[static_cast<std::size_t>(i) * truths_ + g] = labels[g];
    }
  }

  std::vector<std::uint64_t> const& ids() const { return ids_; }

  // To the device. The views live until the next upload.
  batch<T, B> upload() {
    int const n = dims_[0];
    auto const pixels = put(pixels_device_, pixels_, dims_);
    auto const info = put(info_device_, info_, shape<1>{{n}});
    auto const ids = put(ids_device_, ids_, shape<1>{{n}});
    return {pixels, info, ids};
  }
  truth<T, B> upload_truth() {
    shape<2> const each{{dims_[0], truths_}};
    return {{put(boxes_device_, boxes_, each), put(counts_device_, counts_, shape<1>{{dims_[0]}})}, put(labels_device_, labels_, each)};
  }

 private:
  template <class X, int R>
  static view<X, R, B> put(buffer<X, B>& device, std::vector<X> const& host, shape<R> s) {
    auto const v = device.shaped(s);
    from_host(host, v);
    return v;
  }

  pixel_normalisation normalisation_;
  int divisor_, truths_ = 1;
  shape<4> dims_{};
  std::vector<T> pixels_;
  std::vector<image_info<T>> info_;
  std::vector<std::uint64_t> ids_;
  std::vector<box<T>> boxes_;
  std::vector<std::int32_t> labels_, counts_;
  buffer<T, B> pixels_device_;
  buffer<image_info<T>, B> info_device_;
  buffer<std::uint64_t, B> ids_device_;
  buffer<box<T>, B> boxes_device_;
  buffer<std::int32_t, B> labels_device_, counts_device_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
