// What is written once for all backends, or for the host: sampling, resizing, targets, losses, post-processing, the optimiser; on the shapes
// that `small` (300 x 400, batches of two and one) and `vgg16_tv` (600 x 800, one image) meet.
#include "../tests/ops/layers.hpp"
#include "data.hpp"
#include "suite.hpp"

#include <frcnn/detector/input.hpp>
#include <frcnn/nn/parameter_store.hpp>
#include <frcnn/ops/nms.hpp>
#include <frcnn/ops/resize.hpp>
#include <frcnn/roi/loss.hpp>
#include <frcnn/roi/postprocess.hpp>
#include <frcnn/rpn/loss.hpp>
#include <frcnn/train/sgd.hpp>

#include <algorithm>
#include <memory>
#include <numeric>

namespace bench {
namespace {

using frcnn::writing;
using torchvision = frcnn::conventions::torchvision;
using exec = frcnn::exec<device>;

constexpr auto us = benchmark::kMicrosecond;

void add_sample(int segments, int n, int total, int max_positive, std::string const& where) {
  add(op_name("sample", std::to_string(segments) + "x" + std::to_string(n) + "-" + std::to_string(total)), us, [=](context& c) {
    // One in twenty is positive, one in five takes no part.
    stream s(1);
    std::vector<std::int32_t> labels(static_cast<std::size_t>(segments) * static_cast<std::size_t>(n));
    for (auto& l : labels) {
      int const roll = s.below(20);
      l = roll == 0 ? 1 : roll < 5 ? -1 : 0;
    }
    auto const from = uploaded(c, shape<2>{{segments, n}}, labels), label = frcnn::scratch<std::int32_t, device>(c, from.dims);
    std::vector<std::uint64_t> ids(static_cast<std::size_t>(segments));
    std::iota(ids.begin(), ids.end(), 1u);
    view<std::uint64_t const, 1, device> const id = uploaded(c, shape<1>{{segments}}, ids);
    frcnn::rng<device> const rng{uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0})};
    return job{.run =
                   [=, &c] {
                     c.copy(label.data, from.data, label.size() * sizeof(std::int32_t));  // sampling is in place
                     frcnn::ops::sample_balanced<device>(c, label, id, rng, frcnn::draw::anchor_sample, max_positive, total);
                   },
               .wrong =
                   [=, &c] {
                     auto const drawn = frcnn::to_host(c, label);
                     return not_equal("drawn",
                                      static_cast<double>(std::count_if(drawn.begin(), drawn.end(), [](auto l) { return l >= 0; })),
                                      static_cast<double>(segments) * total);
                   },
               .bytes = bytes(2. * segments * n),
               .label = where};
  });
}

// By the host, whatever the device.
template <class Out>
void add_resize(char const* op, int w, int h, int to_w, int to_h) {
  if (!device::in_host_memory) return;
  auto const extent = [](int a, int b) { return std::to_string(a) + "x" + std::to_string(b); };
  add(op_name(op, extent(h, w) + "-" + extent(to_h, to_w)), us, [=](context&) {
    auto const im = std::make_shared<frcnn::image>(random_image(h, w));
    auto const out = std::make_shared<std::vector<Out>>(static_cast<std::size_t>(to_w) * to_h * 3);
    auto const resize = std::make_shared<frcnn::ops::resizer>();
    frcnn::resize_plan const plan{to_w, to_h, double(to_w) / w, double(to_h) / h, double(w) / to_w, double(h) / to_h};
    return job{.run = [=] { (*resize)(*im, plan, out->data()); },
               .wrong =
                   [=] {  // the mean colour stays
                     auto const mean = [](auto const& v) {
                       return std::accumulate(v.begin(), v.end(), 0.) / static_cast<double>(v.size());
                     };
                     return not_equal("mean", mean(*out), mean(im->pixels), 1);
                   },
               .bytes = 3. * w * h + 3. * to_w * to_h * sizeof(Out)};
  });
}

// The batch as the trainer makes it: pixels normalised and padded, then to the device.
void add_input(int n, int h, int w) {
  add(op_name("input_batch", std::to_string(n) + "x" + std::to_string(h) + "x" + std::to_string(w)), us, [=](context& c) {
    auto const im = std::make_shared<frcnn::image>(random_image(h, w));
    auto const input =
        std::make_shared<frcnn::input_batch<float, device>>(frcnn::pixel_normalisation::imagenet(), torchvision::size_divisor);
    return job{.run =
                   [=, &c] {
                     input->start(n, h, w);
                     for (int i = 0; i < n; ++i)
                       input->set_image(i, im->pixels.data(), {w, h, 1, 1, 1, 1}, w, h, static_cast<std::uint64_t>(i));
                     benchmark::DoNotOptimize(input->upload(c).pixels.data);
                   },
               .wrong =
                   [=, &c] {
                     auto const pixels = input->upload(c).pixels;
                     auto const host = frcnn::to_host(c, pixels);
                     float const first = frcnn::pixel_normalisation::imagenet()(static_cast<float>(im->pixels[0]), 0);
                     return not_equal("the first pixel", host[0], first) + not_equal("extents", pixels.dims == padded(n, h, w), 1);
                   },
               .bytes = 3. * n * w * h + bytes(elements(padded(n, h, w)))};
  });
}

struct anchors_case {
  using scheme = frcnn::grid_anchors<1>;
  frcnn::rpn::placed_anchors<scheme> anchors;
  int n, k;
  view<frcnn::image_info<float>, 1, device> info;
  frcnn::truth<float, device> gt;
  view<std::uint64_t const, 1, device> id;
  frcnn::rng<device> rng;
  view<std::int32_t, 2, device> label, match;
  view<float, 3, device> logits, deltas, dlogits, ddeltas;
  view<float, 1, device> loss;
  view<double, 1, device> count;

  anchors_case(context& c, shape<4> map, std::vector<double> const& sizes) : n(map[0]) {
    int const h = 16 * map[2], w = 16 * map[3], objects = 8;
    frcnn::map_extent const extent[1] = {{map[2], map[3]}};
    int const stride[1] = {16};
    anchors = {frcnn::make_anchors<torchvision, 1>({sizes}, {.5, 1, 2}), frcnn::make_anchor_grid<torchvision>(h, w, extent, stride)};
    k = anchors.count();
    auto const fh = static_cast<float>(h), fw = static_cast<float>(w);
    info = uploaded(c, shape<1>{{n}}, std::vector<frcnn::image_info<float>>(static_cast<std::size_t>(n), {fh, fw, fh, fw, 1, 1}));
    auto const boxes = uploaded_boxes(c, n, crowded_boxes(n * objects, h, w, n * objects));
    std::vector<std::int32_t> classes(static_cast<std::size_t>(n) * objects);
    for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = 1 + static_cast<int>(i) % 20;
    gt = {boxes, uploaded(c, shape<2>{{n, objects}}, classes)};
    std::vector<std::uint64_t> ids(static_cast<std::size_t>(n));
    std::iota(ids.begin(), ids.end(), 1u);
    id = uploaded(c, shape<1>{{n}}, ids);
    rng = {uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0})};
    label = frcnn::scratch<std::int32_t, device>(c, shape<2>{{n, k}});
    match = frcnn::scratch<std::int32_t, device>(c, shape<2>{{n, k}});
    shape<3> const scores{{n, anchors.grid.cells, k / anchors.grid.cells}},
        corrections{{n, anchors.grid.cells, 4 * k / anchors.grid.cells}};
    logits = uploaded(c, scores, numbers(scores.size(), -4, 4));
    deltas = uploaded(c, corrections, numbers(corrections.size(), -.5f, .5f));
    dlogits = frcnn::scratch<float, device>(c, scores);
    ddeltas = frcnn::scratch<float, device>(c, corrections);
    loss = uploaded(c, values(2, 0.f));
    count = frcnn::scratch<double, device>(c, shape<1>{{1}});
  }
  void targets(context& c) {
    frcnn::rpn::anchor_targets<torchvision>(c, anchors, view<frcnn::image_info<float> const, 1, device>(info), gt, id, rng,
                                            frcnn::rpn::anchor_target_options::of<torchvision>(), label, match);
  }
  void losses(context& c) {
    frcnn::rpn::anchor_losses<torchvision>(c, anchors, torchvision::rpn_coder(), gt, view<std::int32_t const, 2, device>(label),
                                           view<std::int32_t const, 2, device>(match), view<float const, 3, device>(logits),
                                           view<float const, 3, device>(deltas), frcnn::rpn::loss_options{}, dlogits, ddeltas, loss, count);
  }
  double sampled(context& c) const {
    auto const l = frcnn::to_host(c, label);
    return static_cast<double>(std::count_if(l.begin(), l.end(), [](auto v) { return v >= 0; }));
  }
};

void add_anchors(shape<4> map, std::vector<double> const& sizes, std::string const& where) {
  std::string const name = std::to_string(map[0]) + "x" + std::to_string(9 * map[2] * map[3]);
  double const k = 9. * map[0] * map[2] * map[3];
  add(op_name("anchor_targets", name), us, [=](context& c) {
    auto const a = std::make_shared<anchors_case>(c, map, sizes);
    return job{.run = [=, &c] { a->targets(c); },
               .wrong = [=, &c] { return not_equal("sampled anchors", a->sampled(c), 256. * map[0]); },
               .bytes = bytes(2 * k),
               .label = where};
  });
  add(op_name("anchor_losses", name), us, [=](context& c) {
    auto const a = std::make_shared<anchors_case>(c, map, sizes);
    a->targets(c);
    return job{.run = [=, &c] { a->losses(c); },
               .wrong =
                   [=, &c] {  // of logits alone: every sampled anchor has a gradient, nobody else
                     auto const d = frcnn::to_host(c, a->dlogits);
                     auto const moved = static_cast<double>(std::count_if(d.begin(), d.end(), [](float v) { return v != 0; }));
                     return not_finite(frcnn::to_host(c, a->loss)) + not_equal("gradients", moved, a->sampled(c));
                   },
               .bytes = bytes(12 * k),
               .label = where};
  });
}

void add_head(int n, int r, int classes, std::string const& where) {
  int const rows = n * r, columns = classes + 1;
  std::string const name = std::to_string(rows) + "x" + std::to_string(columns);
  double const in = 5. * rows * columns;
  auto const logits_of = [=](context& c) {
    return uploaded(c, shape<2>{{rows, columns}}, numbers(static_cast<std::size_t>(rows) * columns, -4, 4, 1));
  };
  auto const deltas_of = [=](context& c) {
    return uploaded(c, shape<2>{{rows, 4 * columns}}, numbers(static_cast<std::size_t>(rows) * 4 * columns, -1, 1, 2));
  };

  add(op_name("softmax", name), us, [=](context& c) {
    view<float const, 2, device> const logits = logits_of(c);
    auto const p = frcnn::scratch<float, device>(c, logits.dims);
    return job{.run =
                   [=, &c] {
                     exec::for_each(c, static_cast<std::size_t>(rows), frcnn::roi::detail::softmax_row<float, device>{logits, p});
                   },
               .wrong =
                   [=, &c] {
                     auto const host = frcnn::to_host(c, p);
                     return not_equal("sum of probabilities", std::accumulate(host.begin(), host.end(), 0.), rows, 1e-3 * rows);
                   },
               .bytes = bytes(2. * rows * columns),
               .label = where};
  });
  add(op_name("postprocess", name + "-100"), us, [=](context& c) {
    constexpr int h = 608, w = 800;
    counted<box<float> const, 2, device> const rois = uploaded_boxes(c, n, crowded_boxes(rows, h, w, rows));
    view<float const, 2, device> const logits = logits_of(c), deltas = deltas_of(c);
    view<frcnn::image_info<float> const, 1, device> const info =
        uploaded(c, shape<1>{{n}}, std::vector<frcnn::image_info<float>>(static_cast<std::size_t>(n), {h, w, h, w, 1, 1}));
    auto const hits = frcnn::scratch_counted<frcnn::scored_box<float>, device>(c, n, 100);
    view<frcnn::detect_thresholds const, 1, device> const thresholds =
        uploaded(c, shape<1>{{1}}, std::vector<frcnn::detect_thresholds>{{.05f, .5}});
    return job{
        .run = [=,
                &c] { frcnn::roi::postprocess<torchvision>(c, torchvision::head_coder(), info, rois, logits, deltas, thresholds, hits); },
        .wrong = [=, &c] { return not_equal("detections", frcnn::to_host(c, hits.count)[0], 100); },
        .bytes = bytes(in),
        .label = where};
  });
  add(op_name("roi_losses", name), us, [=](context& c) {
    stream s(3);
    std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
    for (auto& l : labels) l = s.below(4) == 0 ? 1 + s.below(classes) : 0;
    shape<2> const each{{n, r}};
    frcnn::roi::targets<float, device> const decided{
        uploaded_boxes(c, n, crowded_boxes(rows, 608, 800, rows)), uploaded(c, each, labels),
        uploaded(c, each, std::vector<frcnn::delta<float>>(labels.size(), {.1f, .1f, .1f, .1f}))};
    view<float const, 2, device> const logits = logits_of(c), deltas = deltas_of(c);
    auto const dlogits = frcnn::scratch<float, device>(c, logits.dims), ddeltas = frcnn::scratch<float, device>(c, deltas.dims);
    auto const loss = uploaded(c, values(2, 0.f));
    return job{.run = [=, &c] { frcnn::roi::roi_losses<torchvision>(c, decided, logits, deltas, dlogits, ddeltas, loss); },
               .wrong =
                   [=, &c] {  // softmax minus one: each row of the gradient sums to zero
                     auto const d = frcnn::to_host(c, dlogits);
                     return not_finite(frcnn::to_host(c, loss)) + not_finite(frcnn::to_host(c, ddeltas)) +
                            not_equal("sum of gradients", std::accumulate(d.begin(), d.end(), 0.), 0, 1e-4);
                   },
               .bytes = bytes(2 * in),
               .label = where};
  });
}

// R proposals an image to 128 sampled ones.
void add_roi_targets(int n, int r, std::string const& where) {
  add(op_name("roi_targets", std::to_string(n) + "x" + std::to_string(r) + "-128"), us, [=](context& c) {
    constexpr int h = 608, w = 800, q = 128;
    auto const a = std::make_shared<anchors_case>(c, shape<4>{{n, 256, h / 16, w / 16}}, std::vector<double>{64});
    counted<box<float> const, 2, device> const rois = uploaded_boxes(c, n, crowded_boxes(n * r, h, w, 60));
    auto options = frcnn::roi::target_options::of<torchvision>();
    options.batch = q;
    shape<2> const each{{n, q}};
    frcnn::roi::targets<float, device> const out{frcnn::scratch_counted<box<float>, device>(c, n, q),
                                                 frcnn::scratch<std::int32_t, device>(c, each),
                                                 frcnn::scratch<frcnn::delta<float>, device>(c, each)};
    return job{
        .run = [=, &c] { frcnn::roi::roi_targets<torchvision>(c, torchvision::head_coder(), rois, a->gt, a->id, a->rng, options, out); },
        .wrong = [=, &c] { return not_equal("sampled RoIs", frcnn::to_host(c, out.rois.count)[0], q); },
        .bytes = 16. * n * r,
        .label = where};
  });
}

struct one_tensor {
  frcnn::param<float, device> p;
  template <class V>
  void for_each_param(V&& visit) {
    visit(p);
  }
};

void add_sgd(int n, std::string const& where) {
  add(op_name("sgd", std::to_string(n)), us, [=](context& c) {
    struct state {
      one_tensor model;
      frcnn::parameter_store<float, device> store;
      std::unique_ptr<frcnn::sgd<float, device>> optimiser;
      view<float const, 1, device> loss;
    };
    auto const s = std::make_shared<state>();
    s->model.p.name = "weight";
    s->model.p.dims = {{n, 1, 1, 1}};
    s->store.bind(s->model);
    s->optimiser = std::make_unique<frcnn::sgd<float, device>>(s->store, frcnn::sgd_options{.clip_norm = 10});
    s->loss = uploaded(c, values(4, 1.f));
    auto const size = static_cast<std::size_t>(n);
    frcnn::from_host(c, values(size, 1.f), s->model.p.value);
    frcnn::from_host(c, values(size, 1.f), s->model.p.grad);
    return job{.run = [=, &c] { s->optimiser->update(c, 1e-4, 1, s->loss); },
               .wrong =
                   [=] {
                     double const g = 10 / std::sqrt(static_cast<double>(n)) + 5e-4;  // clipped, and the decay
                     auto const v = s->optimiser->get_velocity(s->store.entries()[0]);
                     return not_equal("momentum", v.back(), g, 1e-4 * g);
                   },
               .bytes = bytes(6. * n),  // the gradient twice: its norm first
               .label = where};
  });
}

}  // namespace

void add_detection_ops() {
  add_sample(2, 4680, 256, 128, "anchors of small");
  add_sample(1, 17100, 256, 128, "anchors of vgg16_tv");
  add_sample(1, 2008, 128, 32, "RoIs");

  add_resize<float>("resize_float", 640, 480, 400, 300);
  add_resize<float>("resize_float", 500, 375, 800, 600);
  add_resize<std::uint8_t>("resize_8bit", 640, 480, 400, 300);
  add_resize<std::uint8_t>("resize_8bit", 500, 375, 800, 600);
  add_input(2, 300, 400);
  add_input(1, 600, 800);

  auto const small_map = layers_of_small(1, 300, 400).map, vgg_map = layers_of_vgg16_tv(1, 600, 800).map;
  add_anchors({{2, small_map[1], small_map[2], small_map[3]}}, {24, 48, 96}, "small");
  add_anchors(vgg_map, {128, 256, 512}, "vgg16_tv");
  add_roi_targets(2, 2000, "training");
  add_head(1, 300, 20, "20 classes, detection");
  add_head(1, 300, 80, "80 classes, detection");
  add_head(2, 128, 20, "20 classes, training");

  add_sgd(1 << 23, "some small's");
  add_sgd(1 << 25, "a quarter of VGG-16's");
}

}  // namespace bench
