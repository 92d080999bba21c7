// The head under the authors' convention, against py-faster-rcnn's own Python (tests/golden/py_faster_rcnn.py) and Caffe's layers
// (tests/golden/caffe_layers.py).
#include "frcnn/roi/loss.hpp"
#include "frcnn/roi/pooler.hpp"
#include "frcnn/roi/postprocess.hpp"

#include "../batches.hpp"
#include "frcnn/backend/cpu/roi_features.hpp"
#include "frcnn/backend/cpu/roi_warp.hpp"

using namespace batches;
using conventions::caffe;

namespace {

io::safetensors_file file_of(std::string const& name) {
  return io::safetensors_file(std::filesystem::path(__FILE__).parent_path() / "../../golden" / (name + ".safetensors"));
}
// Inclusive corners to half-open boxes.
template <class T>
std::vector<box<T>> boxes_of(io::safetensors_file const& file, std::string const& name) {
  auto const v = file.read<T>(name);
  std::vector<box<T>> boxes;
  for (std::size_t i = 0; i < v.size(); i += 4) boxes.push_back({v[i], v[i + 1], v[i + 2] + 1, v[i + 3] + 1});
  return boxes;
}
template <class T>
void append(std::vector<T>& to, box<T> const& b) {
  to.insert(to.end(), {b.x1, b.y1, b.x2, b.y2});
}
template <class T>
std::vector<double> flat(std::vector<box<T>> const& boxes) {
  std::vector<double> v;
  for (auto const& b : boxes) append(v, b.template as<double>());
  return v;
}

}  // namespace

TEST_CASE_TEMPLATE("the head's targets are ProposalTargetLayer's", T, float, double) {
  auto const file = file_of("py_faster_rcnn");
  auto const truth = file.read<T>("scene.truth");
  std::vector<object<T>> list;
  for (std::size_t i = 0; i < truth.size(); i += 5)
    list.push_back({{truth[i], truth[i + 1], truth[i + 2] + 1, truth[i + 3] + 1}, static_cast<std::int32_t>(truth[i + 4])});
  scene<T> const s(objects<T>{list}, {{T(300), T(450)}});
  auto const candidates = boxes_of<T>(file, "roi.candidates");
  auto const given = filled<box<T>>({candidates}, static_cast<int>(candidates.size()));
  auto options = roi::target_options::of<caffe>();
  options.batch = static_cast<int>(candidates.size() + list.size());
  options.foreground_fraction = 1;
  rows_of<box<T>> rois(1, options.batch);
  array<std::int32_t, 2> label(of(1, options.batch));
  array<delta<T>, 2> target(label.dims);
  cpu::context c(2);
  roi::roi_targets<caffe>(c, caffe::head_coder(), given.in(), s.gt(), s.id.in(), s.random(), options,
                          {rois.out(), label.out(), target.out()});

  // Theirs have the foreground first.
  std::vector<std::int32_t> labels;
  std::vector<T> boxes, targets;
  for (bool const foreground : {true, false})
    for (int i = 0; i < rois.count(0); ++i) {
      if ((label(0, i) > 0) != foreground) continue;
      labels.push_back(label(0, i));
      append(boxes, rois.rows(0, i));
      auto const& t = target(0, i);
      targets.insert(targets.end(), {t.dx, t.dy, t.dw, t.dh});
    }
  CHECK(labels == file.read<std::int32_t>("roi.label"));
  CHECK(near(boxes, flat(boxes_of<T>(file, "roi.rois")), 1e-6));
  CHECK(near(targets, file.read<double>("roi.target"), 1e-5));
}

TEST_CASE_TEMPLATE("detections are im_detect's and test_net's", T, float, double) {
  auto const file = file_of("py_faster_rcnn");
  auto const regions = boxes_of<T>(file, "detect.rois");
  int const n = static_cast<int>(regions.size());
  array<image_info<T>, 1> const info(of(1), image_info<T>{300, 450, 160, 240, T(1.875), T(1.875)});
  auto const rois = filled<box<T>>({regions}, n);
  array<T, 2> const logits(of(n, 4), file.read<T>("detect.logits"));
  array<T, 2> deltas(of(n, 16), file.read<T>("detect.deltas"));
  auto const coder = caffe::head_coder();
  for (std::size_t i = 0; i < deltas.values.size(); ++i) deltas.values[i] *= T(coder.weight[i % 4]);  // theirs are raw
  cpu::context c(2);
  rows_of<scored_box<T>> hits(1, 60);
  detect_thresholds const thresholds{static_cast<float>(caffe::score_threshold), caffe::nms_threshold<T>(caffe::nms_detect)};
  roi::postprocess<caffe>(c, coder, info.in(), rois.in(), logits.in(), deltas.in(),
                          view<detect_thresholds const, 1, cpu>{&thresholds, {{1}}}, hits.out());
  std::vector<std::int32_t> labels;
  std::vector<T> boxes, scores;
  for (auto const& h : hits.live(0)) {
    labels.push_back(h.label);
    append(boxes, h.where);
    scores.push_back(h.score);
  }
  CHECK(labels == file.read<std::int32_t>("detect.label"));
  CHECK(near(boxes, flat(boxes_of<T>(file, "detect.boxes")), 1e-5));
  CHECK(near(scores, file.read<double>("detect.scores"), 1e-5));
}

TEST_CASE_TEMPLATE("the head's losses are Caffe's: smooth L1 of sigma 1 over all RoIs", T, float, double) {
  auto const file = file_of("caffe_layers");
  constexpr int n = 24, classes = 4;
  rows_of<box<T>> rois(1, n);
  array<std::int32_t, 2> label(of(1, n), file.read<std::int32_t>("head_loss.labels"));
  array<delta<T>, 2> target(label.dims);
  auto const targets = file.read<T>("head_loss.targets");
  for (int i = 0; i < n; ++i) {
    T const* const t = &targets[std::size_t(4 * i)];
    target(0, i) = {t[0], t[1], t[2], t[3]};
  }
  array<T, 2> const logits(of(n, classes), file.read<T>("head_loss.scores")), deltas(of(n, 4 * classes), file.read<T>("head_loss.deltas"));
  array<T, 2> dlogits = nans<T>(logits.dims), ddeltas = nans<T>(deltas.dims);
  array<T, 1> loss(of(2));
  cpu::context c(2);
  roi::roi_losses<caffe>(c, roi::targets<T, cpu>{rois.out(), label.out(), target.out()}, logits.in(), deltas.in(), dlogits.out(),
                         ddeltas.out(), loss.out());
  CHECK(near(loss.values, file.read<double>("head_loss.loss"), tolerance<T>));
  CHECK(near(dlogits.values, file.read<double>("head_loss.dscores"), tolerance<T>));
  CHECK(near(ddeltas.values, file.read<double>("head_loss.ddeltas"), tolerance<T>));
}

TEST_CASE_TEMPLATE("RoIPool is Caffe's, 6 x 6 for ZF and 7 x 7 for VGG-16", T, float, double) {
  auto const file = file_of("caffe_layers");
  auto const given = file.read<T>("roi_pool.rois");
  std::vector<std::vector<box<T>>> lists(2);
  for (std::size_t i = 0; i < given.size(); i += 5)
    lists[static_cast<std::size_t>(given[i])].push_back({given[i + 1], given[i + 2], given[i + 3] + 1, given[i + 4] + 1});
  auto const rois = filled<box<T>>(lists, 3);
  shape<4> const s{{2, 3, 10, 15}};
  cpu::context c(2);
  for (int pooled : {6, 7}) {
    std::string const name = pooled == 6 ? "roi_pool.zf" : "roi_pool.vgg16";
    CAPTURE(name);
    roi::max_pooler<features<T, cpu, 3, 1>, caffe> const pooler({16}, pooled);
    std::vector<T> const x = file.read<T>(name + ".x");
    std::vector<T> map(x.size()), dmap(x.size(), std::numeric_limits<T>::quiet_NaN()), plain(x.size());
    maps<T, 1, cpu> f{{cpu::context::make_at<T>(map.data(), s)}}, df{{cpu::context::make_at<T>(dmap.data(), s)}};
    c.from_plain({x.data(), s}, f.level[0]);
    array<T, 2> y = nans<T>(of(6, pooler.width()));
    typename roi::max_pooler<features<T, cpu, 3, 1>, caffe>::tape t;
    pooler.forward(c, f, rois.in(), y.out(), t);
    CHECK(near(y.values, file.read<double>(name + ".y"), 0));
    array<T, 2> const dy(y.dims, file.read<T>(name + ".dy"));
    pooler.backward(c, t, dy.in(), df, writing::set);
    c.to_plain(df.level[0], {plain.data(), s});
    CHECK(near(plain, file.read<double>(name + ".dx"), tolerance<T>));
  }
}
