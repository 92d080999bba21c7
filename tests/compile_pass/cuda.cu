// The algorithms that all backends share, instantiated for the CUDA backend in both conventions and both scalars: the same code stays true
// for host and device while it grows. Compiled, not run.
#include "frcnn/backbone/plain.hpp"
#include "frcnn/backend/cuda/executor.cuh"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/detector/input.hpp"
#include "frcnn/roi/fast_rcnn_head.hpp"
#include "frcnn/rpn/rpn.hpp"
#include "frcnn/train/sgd.hpp"

using namespace frcnn;

// A coder of the user's own reaches the device too.
struct shift_coder {
  template <class T>
  FRCNN_HD delta<T> encode(box<T> const& from, box<T> const& to) const {
    return {to.x1 - from.x1, to.y1 - from.y1, T(0), T(0)};
  }
  template <class T>
  FRCNN_HD box<T> decode(box<T> const& from, delta<T> const& d) const {
    return {from.x1 + d.dx, from.y1 + d.dy, from.x2 + d.dx, from.y2 + d.dy};
  }
};

// Every function of geometry and of the convention that may run on a device.
template <class Rules, class T>
struct geometry_on_device {
  anchor_grid<2> grid;
  grid_anchors<2> anchors;
  box_coder coder;
  pixel_normalisation pixels;
  box<T>* out;
  FRCNN_HD void operator()(std::size_t i) const {
    int const index = static_cast<int>(i);
    cell const at = grid.cell_of(index, anchors.per_cell());
    box<T> const a = anchors.template at<T>(at), b = Rules::scale_box(a, T(2), T(3));
    delta<T> const d = coder.encode(a, b);
    box<T> const decoded = coder.decode(a, d), moved = coder.decode_vjp_from(a, d, b), pulled = coder.encode_vjp_from(a, b, d);
    delta<T> const slope = coder.decode_vjp(a, d, b);
    T const overlap = iou(Rules::flip_box(decoded, T(100)), Rules::clip(b, T(50), T(60)));
    bool const yes = Rules::suppresses(overlap, T(.7)) || Rules::is_positive_anchor(overlap, T(.7)) ||
                     Rules::is_negative_anchor(overlap, T(.3)) || Rules::is_foreground(overlap, T(.5)) ||
                     Rules::is_background(overlap, T(.1), T(.5)) || Rules::may_train(a, T(50), T(60)) ||
                     Rules::wide_enough(b, Rules::template proposal_min_side<T>(T(1)));
    T const rest =
        Rules::template rpn_beta<T>() + Rules::template head_beta<T>() + Rules::template detection_min_side<T>() +
        T(Rules::map_level(a) + Rules::stride(64, 4, 16) + grid.index_of(at, anchors.per_cell()) + grid.anchors(anchors.per_cell())) +
        pixels(T(255), pixels.source_channel(0)) + smooth_l1(slope.dx, T(1)) + smooth_l1_gradient(slope.dy, T(1));
    out[i] = Rules::unscale_box(yes ? moved : pulled, rest, overlap);
  }
};

// The operations themselves are compiled by tests/cuda/ops.cu: here they are only promised.
namespace frcnn::ops {
template <>
struct conv2d<cuda> : missing {};
template <>
struct linear<cuda> : missing {};
template <>
struct max_pool<cuda> : missing {};
template <>
struct lrn<cuda> : missing {};
template <>
struct add_maps<cuda> : missing {};
template <>
struct rows<cuda> : missing {};
template <>
struct roi_align<cuda> : missing {};
template <>
struct roi_pool<cuda> : missing {};
template <>
struct roi_warp<cuda> : missing {};
}  // namespace frcnn::ops

// The parts hold the algorithms: anchor targets, sampling, proposals and losses in the generator; RoI targets, losses, dropout and
// post-processing in the head.
template <class T>
using one_map = features<T, cuda, 256>;
template <class T>
using two_maps = features<T, cuda, 256, 2>;
template <class Rules>
using own = conventions::with_coder<Rules, shift_coder>;

namespace frcnn {
using conventions::caffe, conventions::torchvision;

template class region_proposal_network<one_map<float>, caffe>;
template class region_proposal_network<one_map<double>, caffe>;
template class region_proposal_network<one_map<float>, torchvision>;
template class region_proposal_network<one_map<double>, torchvision>;
template class region_proposal_network<two_maps<float>, own<caffe>>;
template class region_proposal_network<two_maps<double>, own<torchvision>>;

template class fast_rcnn_head<one_map<float>, caffe>;
template class fast_rcnn_head<one_map<double>, caffe>;
template class fast_rcnn_head<one_map<float>, torchvision>;
template class fast_rcnn_head<one_map<double>, torchvision>;
template class fast_rcnn_head<two_maps<float>, own<caffe>, roi::max_pooler<two_maps<float>, own<caffe>>>;
template class fast_rcnn_head<two_maps<double>, own<torchvision>>;

template class faster_rcnn<backbone::plain<256, float, cuda>, region_proposal_network<one_map<float>, torchvision>,
                           fast_rcnn_head<one_map<float>, torchvision>>;
template class parameter_store<float, cuda>;
template class parameter_store<double, cuda>;
template class sgd<float, cuda>;
template class sgd<double, cuda>;
template class input_batch<float, cuda>;
template class input_batch<double, cuda>;

template void detail::block_executor<cuda>::for_each(cuda::context&, std::size_t, geometry_on_device<caffe, float>);
template void detail::block_executor<cuda>::for_each(cuda::context&, std::size_t, geometry_on_device<caffe, double>);
template void detail::block_executor<cuda>::for_each(cuda::context&, std::size_t, geometry_on_device<torchvision, float>);
template void detail::block_executor<cuda>::for_each(cuda::context&, std::size_t, geometry_on_device<torchvision, double>);
template void detail::block_executor<cuda>::scan(cuda::context&, view<std::int32_t const, 2, cuda>, view<std::int32_t, 2, cuda>);

}  // namespace frcnn
