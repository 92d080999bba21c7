#pragma once
// Host images to a batch on the device: normalised, padded right and below, with what is known of each image, its truth, and its regions
// where the batch has regions.
//
//   in   pixels of an image already resized, [h, w, C] of 8 bits, 16 bits or float; three channels are RGB
//   out  pixels [N, C, H, W] = (value / largest * range - mean) / deviation, channel order as the weights want it; padding is 0 after that
//        C: the normalisation's channels        largest: 255, or 65535 of 16 bits
//        H, W: the batch's largest sides, rounded up to the convention's multiple
//
// Buffers grow to the largest batch and are reused: after warm-up nothing is allocated.
//
// What a user's feed gives is checked here, in every build: images beyond the batch or larger than it, more boxes than there is room for,
// boxes that are not finite or have no area, labels that are no class, images without pixels. The frcnn::error names the image by its place
// and its id. After an exception of start() the batch is empty.
#include "frcnn/concepts/batch.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/core/page_allocator.hpp"
#include "frcnn/core/pixels.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/geometry/resize_plan.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
class input_batch {
 public:
  using context = typename B::context;

  explicit input_batch(pixel_normalisation normalisation = pixel_normalisation::imagenet(), int size_divisor = 1)
      : normalisation_(normalisation), divisor_(size_divisor) {
    if (normalisation.channels < 1 || normalisation.channels > most_channels || (normalisation.bgr && normalisation.channels != 3))
      throw error("input batch", "1 to 16 channels, and three where their order is BGR", std::to_string(normalisation.channels));
    if (size_divisor < 1) throw error("input batch", "a divisor of its sides of 1 or more", std::to_string(size_divisor));
  }

  // Labels above it are refused from then on; 0: not known. A trainer says it for its model.
  void expect_classes(int classes) { classes_ = classes; }

  // What a side of that many pixels is rounded up to.
  int padded(int side) const {
    std::size_t const divisor = static_cast<std::size_t>(divisor_);
    return checked::extent((static_cast<std::size_t>(side) + divisor - 1) / divisor * divisor);
  }

  // Starts a batch of n images, the largest h x w, with room for `truths` boxes each, and for `regions` each where it is a batch with
  // regions.
  void start(int n, int h, int w, int truths = 0, std::optional<int> regions = {}) {
    dims_ = {};
    if (n < 1 || h < 1 || w < 1 || truths < 0 || regions.value_or(0) < 0)
      throw error("input batch", "images of at least a pixel and room for 0 or more boxes",
                  to_string(shape<3>{{n, h, w}}) + " and room for " + std::to_string(truths < 0 ? truths : regions.value_or(truths)));
    shape<4> const dims{{n, normalisation_.channels, padded(h), padded(w)}};
    std::size_t const images = static_cast<std::size_t>(n), pixels = checked::elements(dims);
    static_cast<void>(checked::bytes<T>(pixels));
    truths_ = truths > 0 ? truths : 1;
    std::size_t const objects = checked::elements(shape<2>{{n, truths_}});
    pixels_.assign(pixels, T(0));
    info_.assign(images, {});
    ids_.assign(images, 0);
    pictures_.assign(images, {unknown, 0, 0});
    boxes_.assign(objects, {});
    labels_.assign(objects, 0);
    counts_.assign(images, 0);
    has_regions_ = regions.has_value();
    most_regions_ = std::max(1, regions.value_or(1));
    regions_.assign(has_regions_ ? checked::elements(shape<2>{{n, most_regions_}}) : 0, {});
    region_counts_.assign(has_regions_ ? images : 0, 0);
    dims_ = dims;
  }

  // An image resized by the plan.
  void set_image(int i, image const& im, resize_plan const& plan, int original_w, int original_h, std::uint64_t id) {
    ids_[checked_index(i)] = id;
    check(im);
    if (im.channels != normalisation_.channels || im.width != plan.w || im.height != plan.h)
      throw error(name_of(i), to_string(shape<3>{{plan.h, plan.w, normalisation_.channels}}) + " pixels and channels",
                  to_string(shape<3>{{im.height, im.width, im.channels}}));
    if (im.bits == 16) set_image(i, im.at_16(0, 0), plan, original_w, original_h, id);
    else set_image(i, im.pixels.data(), plan, original_w, original_h, id);
  }

  // Pixel: std::uint8_t, std::uint16_t or float, [plan.h, plan.w, C]. largest: what floats of the image's bits reach.
  template <class Pixel>
  void set_image(int i, Pixel const* pixels, resize_plan const& plan, int original_w, int original_h, std::uint64_t id,
                 T largest = std::same_as<Pixel, std::uint16_t> ? T(65535) : T(255)) {
    ids_[checked_index(i)] = id;
    if (!pixels || plan.h < 1 || plan.w < 1 || plan.h > dims_[2] || plan.w > dims_[3])
      throw error(name_of(i), "1 x 1 to " + std::to_string(dims_[3]) + " x " + std::to_string(dims_[2]) + " pixels",
                  pixels ? std::to_string(plan.w) + " x " + std::to_string(plan.h) : "none");
    if (original_w < 1 || original_h < 1)
      throw error(name_of(i), "an original size", std::to_string(original_w) + " x " + std::to_string(original_h));
    for (double const scale : {plan.scale_x, plan.scale_y})
      if (!is_finite(scale) || !(scale > 0)) throw error(name_of(i), "scales above 0 in its resize_plan", std::to_string(scale));
    std::size_t const plane = static_cast<std::size_t>(dims_[2]) * dims_[3];
    auto const fill = [&](auto channels) {  // a constant where it can be: the loop over x is the hot one
      for (int ch = 0; ch < channels; ++ch) {
        int const from = normalisation_.source_channel(ch);
        T* const to =
            pixels_.data() + (static_cast<std::size_t>(i) * static_cast<std::size_t>(channels) + static_cast<std::size_t>(ch)) * plane;
        for (int y = 0; y < plan.h; ++y) {
          Pixel const* const row =
              pixels + static_cast<std::size_t>(y) * static_cast<std::size_t>(plan.w) * static_cast<std::size_t>(channels);
          T* const out = to + static_cast<std::size_t>(y) * dims_[3];
          for (int x = 0; x < plan.w; ++x) out[x] = normalisation_(static_cast<T>(row[channels * x + from]), ch, largest);
        }
      }
    };
    if (dims_[1] == 3) fill(std::integral_constant<int, 3>());
    else fill(dims_[1]);
    info_[static_cast<std::size_t>(i)] = {
        T(plan.h), T(plan.w), T(original_h), T(original_w), static_cast<T>(plan.scale_x), static_cast<T>(plan.scale_y)};
  }

  // boxes in pixels of the resized image; labels 1..K, or -1 for an ignore region. At most the capacity given to start().
  template <class Boxes, class Labels>
  void set_truth(int i, Boxes const& boxes, Labels const& labels) {
    std::size_t const at = checked_index(i), capacity = static_cast<std::size_t>(truths_), count = boxes.size();
    if (count != labels.size())
      throw error(name_of(i), "a label for each of its " + std::to_string(count) + " boxes", std::to_string(labels.size()));
    if (count > capacity)
      throw error(name_of(i), "at most the " + std::to_string(capacity) + " boxes that start() was told of", std::to_string(count));
    for (std::size_t g = 0; g < count; ++g) {
      box<T> const b = boxes[g].template as<T>();
      check_object(b, labels[g], classes_, [&] { return name_of(i) + ", box " + std::to_string(g + 1); });
      boxes_[at * capacity + g] = b;
      labels_[at * capacity + g] = labels[g];
    }
    std::fill_n(boxes_.begin() + static_cast<std::ptrdiff_t>(at * capacity + count), capacity - count, box<T>{});
    std::fill_n(labels_.begin() + static_cast<std::ptrdiff_t>(at * capacity + count), capacity - count, 0);
    counts_[at] = static_cast<std::int32_t>(count);
  }

  // Boxes in pixels of the resized image (region_in_input), at most what start() was told of.
  template <class Boxes>
  void set_regions(int i, Boxes const& boxes) {
    std::size_t const at = checked_index(i), capacity = static_cast<std::size_t>(most_regions_), count = boxes.size();
    if (!has_regions_) throw error(name_of(i), "a start() with room for regions", "regions");
    if (count > capacity)
      throw error(name_of(i), "at most the " + std::to_string(capacity) + " regions that start() was told of", std::to_string(count));
    auto const first = regions_.begin() + static_cast<std::ptrdiff_t>(at * capacity);
    for (std::size_t r = 0; r < count; ++r) {
      box<T> const b = boxes[r].template as<T>();
      if (!is_finite(b)) throw error(name_of(i) + ", region " + std::to_string(r + 1), "finite corners", "one that is infinite, or NaN");
      first[static_cast<std::ptrdiff_t>(r)] = b;
    }
    std::fill(first + static_cast<std::ptrdiff_t>(count), first + static_cast<std::ptrdiff_t>(capacity), box<T>{});
    region_counts_[at] = static_cast<std::int32_t>(count);
  }

  // What the pixels of set_image are, for a cache of what was computed of them (batch::pictures): said of all images of a batch, or of none.
  void set_picture(int i, std::uint64_t number) {
    auto const& im = info_[checked_index(i)];
    if (!(im.h > 0)) throw error(name_of(i), "pixels (set_image) before they are named", "none");
    pictures_[static_cast<std::size_t>(i)] = {number, padded(static_cast<int>(im.h)), padded(static_cast<int>(im.w))};
  }

  std::vector<std::uint64_t> const& ids() const { return ids_; }

  // To the device, in the order of the context; the next batch may be started at once. The views live until the next upload;
  // batch::pictures, in host memory, until the next start(). Throws where set_image was not called for each image since start().
  batch<T, B> upload(context& c) {
    int const n = started();
    for (int i = 0; i < n; ++i)
      if (!(info_[static_cast<std::size_t>(i)].h > 0)) throw error(name_of(i), "pixels (set_image)", "none");
    auto const pixels = pixels_device_.put(c, pixels_, dims_);
    auto const info = info_device_.put(c, info_, shape<1>{{n}});
    auto const ids = ids_device_.put(c, ids_, shape<1>{{n}});
    batch<T, B> result{pixels, info, ids};
    if (std::ranges::find(pictures_, unknown, &known_picture::number) == pictures_.end()) result.pictures = pictures_;
    if (has_regions_)
      result.regions = {regions_device_.put(c, regions_, shape<2>{{n, most_regions_}}),
                        region_counts_device_.put(c, region_counts_, shape<1>{{n}})};
    return result;
  }
  truth<T, B> upload_truth(context& c) {
    shape<2> const each{{started(), truths_}};
    return {{boxes_device_.put(c, boxes_, each), counts_device_.put(c, counts_, shape<1>{{dims_[0]}})},
            labels_device_.put(c, labels_, each)};
  }

 private:
  int started() const {
    if (dims_[0] == 0) throw error("input batch", "start() before its images are asked for", "an empty batch");
    return dims_[0];
  }
  std::size_t checked_index(int i) const {
    if (i < 0 || i >= dims_[0])
      throw error("image " + std::to_string(i) + " of a batch", "an index from 0 to below " + std::to_string(dims_[0]), std::to_string(i));
    return static_cast<std::size_t>(i);
  }
  std::string name_of(int i) const {
    return "image " + std::to_string(i) + " of a batch (id " + std::to_string(ids_[static_cast<std::size_t>(i)]) + ")";
  }

  // An array on its way to the device.
  template <class X>
  struct uploaded {
    buffer<X, B> device;
    staging<X, B> host;

    template <int R>
    view<X, R, B> put(context& c, std::type_identity_t<std::span<X const>> from, shape<R> s) {
      FRCNN_ASSERT(from.size() == s.size());
      auto const v = device.shaped(c, s);
      host.send(c, from, v.data);
      return v;
    }
  };

  static constexpr std::uint64_t unknown = ~std::uint64_t{0};

  pixel_normalisation normalisation_;
  int divisor_, truths_ = 1, most_regions_ = 1, classes_ = 0;
  bool has_regions_ = false;
  shape<4> dims_{};
  std::vector<T, page_allocator<T>> pixels_;
  std::vector<image_info<T>> info_;
  std::vector<std::uint64_t> ids_;
  std::vector<known_picture> pictures_;
  std::vector<box<T>> boxes_, regions_;
  std::vector<std::int32_t> labels_, counts_, region_counts_;
  uploaded<T> pixels_device_;
  uploaded<image_info<T>> info_device_;
  uploaded<std::uint64_t> ids_device_;
  uploaded<box<T>> boxes_device_, regions_device_;
  uploaded<std::int32_t> labels_device_, counts_device_, region_counts_device_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
