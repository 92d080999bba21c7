// The smallest models of the concepts, as the headers in frcnn/concepts show them, and the detector that they make.
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/concepts/layer.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/geometry/box_coder.hpp"
#include "frcnn/geometry/conventions.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace smallest {
using namespace frcnn;

// As the comments have them.
// clang-format off
struct alone {                                              // one process: each sum is its own
  using device = cpu;
  int rank() const { return 0; }
  int size() const { return 1; }
  template <class T> void sum(cpu::context&, std::span<T>) {}
  void settle(cpu::context&) {}
  template <class T> void broadcast(cpu::context&, std::span<T>) {}
  void barrier() {}
  bool is_recordable() const { return true; }
  void check() const {}
};

struct scale {
  using scalar = float;  using device = cpu;  struct tape {};
  param<float, cpu> gain{.name = "gain", .dims = {{1, 1, 1, 1}}};
  template <class V> void for_each_param(V&& visit) { visit(gain); }
};

struct one_square {                                         // 32 x 32 pixels about each cell's corner
  static constexpr int levels = 1, max_per_cell = 1;
  FRCNN_HD int per_cell() const { return 1; }
  template <class T>
  FRCNN_HD box<T> at(cell const& i) const {
    T const x = T(i.x * i.stride_x), y = T(i.y * i.stride_y);
    return {x - T(16), y - T(16), x + T(16), y + T(16)};
  }
};

struct corner_coder {                                       // moves corners, by fractions of the sides
  template <class T>
  FRCNN_HD delta<T> encode(box<T> const& a, box<T> const& b) const {
    return {(b.x1 - a.x1) / a.width(), (b.y1 - a.y1) / a.height(), (b.x2 - a.x2) / a.width(), (b.y2 - a.y2) / a.height()};
  }
  template <class T>
  FRCNN_HD box<T> decode(box<T> const& a, delta<T> const& d) const {
    return {a.x1 + d.dx * a.width(), a.y1 + d.dy * a.height(), a.x2 + d.dw * a.width(), a.y2 + d.dh * a.height()};
  }
};

struct negate {                                             // y = -x
  using scalar = float;  using device = cpu;  struct tape {};
  using act = activation<float, cpu>;
  shape<4> out_shape(shape<4> s) const { return s; }
  void forward(cpu::context&, act const& x, act& y) const {
    for (std::size_t i = 0; i < x.dims.size(); ++i) y.data[i] = -x.data[i];
  }
  void forward(cpu::context& c, act const& x, act& y, tape&) const { forward(c, x, y); }
  void backward(cpu::context&, tape&, act& dy, act& dx, writing how, writing) {
    for (std::size_t i = 0; dx && i < dx.dims.size(); ++i) dx.data[i] = (how == writing::add ? dx.data[i] : 0) - dy.data[i];
  }
  template <class V> void for_each_param(V&&) {}
};

struct no_backbone {                                        // the pixels are the map
  using scalar = float;  using device = cpu;  struct tape {};
  using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
  static constexpr int levels = 1;
  static constexpr int channels(int) { return 3; }
  static constexpr int stride(int) { return 1; }
  shape<4> map_shape(int, shape<4> pixels) const { return pixels; }
  void infer(context& c, images im, map& f) const { c.from_plain(im.pixels, f.level[0]); }
  void forward(context& c, images im, map& f, tape&) const { infer(c, im, f); }
  void backward(context&, tape&, map&, writing) {}
  template <class V> void for_each_param(V&&) {}
};

struct whole_image {                                        // proposes one region: all of the image
  using scalar = float;  using device = cpu;  struct tape {};
  using anchors_type = grid_anchors<1>;  using coder = box_coder;
  using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
  using regions = counted<box<float>, 2, cpu>;
  static constexpr int channels = 3;
  anchors_type anchors() const { return {}; }
  int capacity(phase) const { return 1; }
  void infer(context&, images im, map const&, phase, regions rois) const { whole(im, rois); }
  void forward(context&, images, map const&, tape&) const {}
  void targets(context&, images, truth<float, cpu>, rng<cpu>, tape&) const {}
  void loss(context&, images, truth<float, cpu>, tape&, view<float, 1, cpu>) const {}
  void propose(context&, images im, tape&, phase, regions rois) const { whole(im, rois); }
  void backward(context&, tape&, view<box<float>, 2, cpu>, map& df, writing how, writing) {
    if (df.level[0] && how == writing::set) std::fill_n(df.level[0].data, df.level[0].dims.size(), 0.f);
  }
  template <class V> void for_each_param(V&&) {}
  static void whole(images im, regions rois) {
    for (int n = 0; n < im.size(); ++n) rois.rows(n, 0) = {0, 0, im.info(n).w, im.info(n).h}, rois.count(n) = 1;
  }
};

struct yes_head {                                           // every region is an object of class 1
  using scalar = float;  using device = cpu;  struct tape {};  using coder = box_coder;
  using context = cpu::context;  using images = batch<float, cpu>;  using map = maps<float, 1, cpu>;
  using regions = counted<box<float> const, 2, cpu>;  using thresholds = view<detect_thresholds const, 1, cpu>;
  static constexpr int levels = 1, channels = 3;
  int classes() const { return 1; }
  void infer(context&, images im, map const&, regions rois, thresholds, counted<scored_box<float>, 2, cpu> hits) const {
    std::fill_n(hits.rows.data, hits.rows.size(), scored_box<float>{});
    for (int n = 0; n < im.size(); ++n) {
      hits.count(n) = std::min(rois.count(n), hits.rows.dims[1]);
      auto const& at = im.info(n);
      for (int i = 0; i < hits.count(n); ++i)
        hits.rows(n, i) = {conventions::torchvision::unscale_box(rois.rows(n, i), at.sx, at.sy), 1, 1};
    }
  }
  void targets(context&, images, regions, truth<float, cpu>, rng<cpu>, tape&) const {}
  void forward(context&, images, map const&, tape&) const {}
  void loss(context&, images, truth<float, cpu>, tape&, view<float, 1, cpu>) const {}
  void backward(context&, tape&, view<box<float>, 2, cpu>, map& df, writing how, writing) {
    if (df.level[0] && how == writing::set) std::fill_n(df.level[0].data, df.level[0].dims.size(), 0.f);
  }
  template <class V> void for_each_param(V&&) {}
};

struct one_grey_image {
  struct object { box<float> where; std::int32_t label; bool difficult; };
  struct image_truth { int width, height; bool annotated; std::array<object, 1> objects; };
  std::vector<std::uint8_t> grey = std::vector<std::uint8_t>(64 * 48);
  std::size_t size() const { return 1; }
  image_view pixels(std::size_t) const { return {grey.data(), 64, 48, pixel_format::grey}; }
  image_truth truth(std::size_t) const { return {64, 48, true, {{{{8, 8, 40, 40}, 1, false}}}}; }
  std::uint64_t id(std::size_t i) const { return i; }
};
// clang-format on

static_assert(Communicator<alone>);
static_assert(Trainable<scale>);
static_assert(AnchorScheme<one_square>);
static_assert(BoxCoder<corner_coder> && !DifferentiableBoxCoder<corner_coder>);
static_assert(TrainableLayer<negate>);
static_assert(Backbone<no_backbone>);
static_assert(ProposalGenerator<whole_image, grid_anchors<1>>);
static_assert(RoIHead<yes_head>);
static_assert(data::DataSource<one_grey_image> && !data::DataSource<no_backbone>);
static_assert(Composable<no_backbone, whole_image, yes_head>);

// What a detector's own parts model.
static_assert(DifferentiableBoxCoder<box_coder>);
static_assert(AnchorScheme<grid_anchors<1>> && AnchorScheme<grid_anchors<5>>);
static_assert(!Composable<no_backbone, whole_image, no_backbone>);

}  // namespace smallest

// detect, propose, step, step_rpn and step_head, all of them.
template class frcnn::faster_rcnn<smallest::no_backbone, smallest::whole_image, smallest::yes_head>;
