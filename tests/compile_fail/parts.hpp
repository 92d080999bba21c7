#pragma once
// The smallest parts that fit together, for the cases beside this file to break one at a time.
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/executor.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/geometry/box_coder.hpp"

namespace parts {
using namespace frcnn;

// What all parts have: a scalar, a device, a tape; no parameters.
template <class F>
struct part {
  using scalar = typename F::scalar;
  using device = typename F::device;
  using context = typename device::context;
  using batch_type = batch<scalar, device>;
  using truth_type = truth<scalar, device>;
  using maps_type = typename F::maps_type;
  using losses = view<scalar, 1, device>;
  using coder = box_coder;
  struct tape {};
  static constexpr int levels = F::levels;

  template <class V>
  void for_each_param(V&&) {}
};

template <class F>
struct backbone_without_backward : part<F> {
  using base = part<F>;
  static constexpr int channels(int) { return F::channels; }
  static constexpr int stride(int) { return 16; }
  shape<4> map_shape(int, shape<4> s) const { return {{s[0], F::channels, s[2] / 16, s[3] / 16}}; }
  void infer(typename base::context&, typename base::batch_type, typename base::maps_type&) const {}
  void forward(typename base::context&, typename base::batch_type, typename base::maps_type&, typename base::tape&) const {}
};
template <class F>
struct backbone : backbone_without_backward<F> {
  using base = part<F>;
  void backward(typename base::context&, typename base::tape&, typename base::maps_type&, writing) {}
};

template <class F>
struct generator_without_anchors : part<F> {
  using base = part<F>;
  using rois_type = counted<box<typename base::scalar>, 2, typename base::device>;
  static constexpr int channels = F::channels;
  grid_anchors<F::levels> anchors() const { return {}; }
  int capacity(phase) const { return 1; }
  void infer(typename base::context&, typename base::batch_type, typename base::maps_type const&, phase, rois_type) const {}
  void forward(typename base::context&, typename base::batch_type, typename base::maps_type const&, typename base::tape&) const {}
  void targets(typename base::context&, typename base::batch_type, typename base::truth_type, rng<typename base::device>,
               typename base::tape&) const {}
  void loss(typename base::context&, typename base::batch_type, typename base::truth_type, typename base::tape&,
            typename base::losses) const {}
  void propose(typename base::context&, typename base::batch_type, typename base::tape&, phase, rois_type) const {}
  void backward(typename base::context&, typename base::tape&, decltype(rois_type::rows), typename base::maps_type&, writing, writing) {}
};
template <class F>
struct generator : generator_without_anchors<F> {
  using anchors_type = grid_anchors<F::levels>;
};

template <class F>
struct head_without_inference : part<F> {
  using base = part<F>;
  using rois_type = counted<box<typename base::scalar> const, 2, typename base::device>;
  using hits_type = counted<scored_box<typename base::scalar>, 2, typename base::device>;
  static constexpr int channels = F::channels;
  int classes() const { return 1; }
  void targets(typename base::context&, typename base::batch_type, rois_type, typename base::truth_type, rng<typename base::device>,
               typename base::tape&) const {}
  void forward(typename base::context&, typename base::batch_type, typename base::maps_type const&, typename base::tape&) const {}
  void loss(typename base::context&, typename base::batch_type, typename base::truth_type, typename base::tape&,
            typename base::losses) const {}
  void backward(typename base::context&, typename base::tape&, view<box<typename base::scalar>, 2, typename base::device>,
                typename base::maps_type&, writing, writing) {}
};
template <class F>
struct head : head_without_inference<F> {
  using base = head_without_inference<F>;
  void infer(typename base::context&, typename base::batch_type, typename base::maps_type const&, typename base::rois_type,
             view<detect_thresholds const, 1, typename base::device>, typename base::hits_type) const {}
};

using usual = features<float, cpu, 8>;

// Another device, alike but for its name.
struct gpu : cpu {};

}  // namespace parts
