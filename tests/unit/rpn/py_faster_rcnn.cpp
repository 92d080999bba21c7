// The RPN under the authors' convention, against py-faster-rcnn's own Python layers (tests/golden/py_faster_rcnn.py) and Caffe's losses
// (tests/golden/caffe_layers.py).
#include "frcnn/rpn/loss.hpp"
#include "frcnn/rpn/proposal.hpp"

#include "../batches.hpp"

using namespace batches;
using conventions::caffe;

namespace {

io::safetensors_file const& file_of(char const* name) {
  auto const open = [](char const* n) {
    return io::safetensors_file(std::filesystem::path(__FILE__).parent_path() / "../../golden" / (std::string(n) + ".safetensors"));
  };
  static io::safetensors_file const theirs = open("py_faster_rcnn"), layers = open("caffe_layers");
  return name == std::string("caffe_layers") ? layers : theirs;
}

// The scene of the file: 450 x 300 pixels at scale 1.875, 29 x 19 cells, the paper's nine anchors.
constexpr int rows = 19, columns = 29, per_cell = 9;
rpn::placed_anchors<grid_anchors<1>> their_anchors(int h = rows, int w = columns) {
  map_extent const extent[1] = {{h, w}};
  int const stride[1] = {16};
  return {make_anchors<caffe, 1>({{128, 256, 512}}, {.5, 1, 2}), make_anchor_grid<caffe>(300, 450, extent, stride)};
}
template <class T>
scene<T> their_scene() {
  auto const v = file_of("py_faster_rcnn").template read<T>("scene.truth");
  std::vector<object<T>> list;
  for (std::size_t i = 0; i < v.size(); i += 5)
    list.push_back({{v[i], v[i + 1], v[i + 2] + 1, v[i + 3] + 1}, static_cast<std::int32_t>(v[i + 4])});
  scene<T> s(objects<T>{list}, {{T(300), T(450)}});
  s.info(0) = {300, 450, 160, 240, T(1.875), T(1.875)};
  return s;
}

// A blob [1, channels, H, W] as our rows of cells [1, M, channels].
template <class T>
array<T, 3> cells(std::vector<T> const& blob, int channels, int h, int w) {
  array<T, 3> out(of(1, h * w, channels));
  for (int c = 0; c < channels; ++c)
    for (int i = 0; i < h * w; ++i) out(0, i, c) = blob[std::size_t(c) * h * w + i];
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("anchor targets are AnchorTargetLayer's", T, float, double) {
  auto const& file = file_of("py_faster_rcnn");
  auto const s = their_scene<T>();
  auto const anchors = their_anchors();
  array<std::int32_t, 2> label(of(1, anchors.count()), 77), match(label.dims, 77);
  cpu::context c(2);
  auto options = rpn::anchor_target_options::of<caffe>();
  options.batch = anchors.count();
  options.positive_fraction = 1;
  rpn::anchor_targets<caffe>(c, anchors, s.info.in(), s.gt(), s.id.in(), s.random(), options, label.out(), match.out());
  auto const theirs = file.read<std::int32_t>("anchor.label");
  CHECK(label.values == theirs);
  std::vector<T> ours;
  int sampled = 0;
  for (int i = 0; i < anchors.count(); ++i) {
    sampled += label(0, i) >= 0;
    if (label(0, i) != 1) continue;
    auto const d = caffe::rpn_coder().encode(anchors.at<T>(i), s.boxes.rows(0, match(0, i)));
    ours.insert(ours.end(), {d.dx, d.dy, d.dw, d.dh});
  }
  CHECK(near(ours, file.read<double>("anchor.target"), 1e-5));
  CHECK(file.read<double>("anchor.outside")[0] == doctest::Approx(1. / sampled));
}

TEST_CASE_TEMPLATE("proposals are ProposalLayer's, in training and in testing", T, float, double) {
  auto const& file = file_of("py_faster_rcnn");
  auto const s = their_scene<T>();
  auto const z = cells(file.read<T>("proposal.z"), per_cell, rows, columns);
  array<T, 3> logits(of(1, rows * columns, 2 * per_cell));  // all background channels before all foreground ones
  for (int i = 0; i < rows * columns; ++i)
    for (int a = 0; a < per_cell; ++a) logits(0, i, per_cell + a) = z(0, i, a) + (logits(0, i, a) = T(.25) * T(a - i % 3));
  auto const deltas = cells(file.read<T>("proposal.deltas"), 4 * per_cell, rows, columns);
  cpu::context c(2);
  for (auto const& [name, limit] :
       {std::pair{"proposal.train", proposal_limits{3000, 400}}, std::pair{"proposal.test", proposal_limits{1500, 200}}}) {
    rows_of<box<T>> rois(1, limit.after_nms);
    rpn::propose<caffe>(c, their_anchors(), caffe::rpn_coder(), s.info.in(), logits.in(), deltas.in(),
                        rpn::proposal_options{limit, caffe::nms_iou}, rois.out());
    std::vector<T> ours;
    for (auto const& b : rois.live(0)) ours.insert(ours.end(), {b.x1, b.y1, b.x2 - 1, b.y2 - 1});
    CHECK(near(ours, file.read<double>(name), 1e-5));
  }
}

TEST_CASE_TEMPLATE("the RPN's losses are Caffe's: softmax over pairs, smooth L1 of sigma 3, both over the sampled", T, float, double) {
  auto const& file = file_of("caffe_layers");
  constexpr int h = 3, w = 4, count = h * w * per_cell;
  auto const anchors = their_anchors(h, w);
  // The targets are given: each anchor has a truth box of its own, whose corners are its target.
  auto const theirs = file.read<std::int32_t>("rpn_loss.labels");  // [A, H, W]
  auto const targets = cells(file.read<T>("rpn_loss.targets"), 4 * per_cell, h, w);
  std::vector<object<T>> list;
  array<std::int32_t, 2> label(of(1, count)), match(of(1, count));
  for (int i = 0; i < count; ++i) {
    int const cell = i / per_cell, a = i % per_cell;
    label(0, i) = theirs[std::size_t(a * h * w + cell)];
    match(0, i) = i;
    T const* const t = &targets(0, cell, 4 * a);
    list.push_back({{t[0], t[1], t[2], t[3]}});
  }
  scene<T> const s(objects<T>{list});
  auto const logits = cells(file.read<T>("rpn_loss.scores"), 2 * per_cell, h, w),
             deltas = cells(file.read<T>("rpn_loss.deltas"), 4 * per_cell, h, w);
  array<T, 1> loss(of(2));
  array<double, 1> sampled(of(1));
  array<T, 3> dlogits = nans<T>(logits.dims), ddeltas = nans<T>(deltas.dims);
  cpu::context c(2);
  rpn::anchor_losses<caffe>(c, anchors, literal_coder{}, s.gt(), label.in(), match.in(), logits.in(), deltas.in(), rpn::loss_options{},
                            dlogits.out(), ddeltas.out(), loss.out(), sampled.out());
  CHECK(near(loss.values, file.read<double>("rpn_loss.loss"), tolerance<T>));
  CHECK(near(dlogits.values, cells(file.read<double>("rpn_loss.dscores"), 2 * per_cell, h, w).values, tolerance<T>));
  CHECK(near(ddeltas.values, cells(file.read<double>("rpn_loss.ddeltas"), 4 * per_cell, h, w).values, tolerance<T>));
}
