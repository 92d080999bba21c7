#include "frcnn/roi/postprocess.hpp"

#include "../batches.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

template <class Rules, class T, class Coder>
rows_of<scored_box<T>> found(Coder const& coder, array<image_info<T>, 1> const& info, rows_of<box<T>> const& rois,
                             array<T, 2> const& logits, array<T, 2> const& deltas, detect_options const& o) {
  cpu::context c(2);
  rows_of<scored_box<T>> hits(info.dims[0], o.max_detections.value_or(100));
  detect_thresholds const thresholds{o.score.value_or(static_cast<float>(Rules::score_threshold)),
                                     Rules::template nms_threshold<T>(o.nms.value_or(Rules::nms_detect))};
  roi::postprocess<Rules>(c, coder, info.in(), rois.in(), logits.in(), deltas.in(),
                          view<detect_thresholds const, 1, cpu>{&thresholds, {{1}}}, hits.out());
  return hits;
}

template <class T>
bool is_dead(scored_box<T> const& h) {
  return h.where == box<T>{} && h.score == 0 && h.label == 0;
}

// One image, classes and scores as given: each region has one class with logit log p and its complement as background.
struct scene_of_hits {
  struct one {
    box<double> where;
    int label;
    double p;
  };
  std::vector<one> list;
  int classes = 2;

  std::vector<scored_box<double>> run(detect_options const& o, image_info<double> im = {100, 100, 100, 100, 1, 1}) const {
    int const n = static_cast<int>(list.size());
    array<double, 2> logits(of(n, classes + 1), -1e3), deltas(of(n, 4 * (classes + 1)));
    rows_of<box<double>> rois(1, n);
    rois.count(0) = n;
    for (int i = 0; i < n; ++i) {
      auto const& h = list[std::size_t(i)];
      rois.rows(0, i) = {};
      logits(i, 0) = std::log(1 - h.p);
      logits(i, h.label) = std::log(h.p);
      deltas(i, 4 * h.label) = h.where.x1, deltas(i, 4 * h.label + 1) = h.where.y1;
      deltas(i, 4 * h.label + 2) = h.where.x2, deltas(i, 4 * h.label + 3) = h.where.y2;
    }
    return found<torchvision>(literal_coder{}, array<image_info<double>, 1>(of(1), im), rois, logits, deltas, o).live(0);
  }
};
std::vector<int> labels_of(std::vector<scored_box<double>> const& hits) {
  std::vector<int> l;
  for (auto const& h : hits) l.push_back(h.label);
  return l;
}

// The steps of postprocess.hpp's comment for one image, written plainly.
template <class Rules, class T, class Coder>
std::vector<scored_box<T>> naive(Coder const& coder, image_info<T> const& im, int n, rows_of<box<T>> const& rois, array<T, 2> const& logits,
                                 array<T, 2> const& deltas, detect_options const& o) {
  auto const best_first = [](scored_box<T> const& a, scored_box<T> const& b) { return a.score > b.score; };
  int const classes = logits.dims[1], capacity = rois.rows.dims[1];
  std::vector<scored_box<T>> all;
  for (int k = 1; k < classes; ++k) {
    std::vector<scored_box<T>> own;
    for (int i = 0; i < rois.count(n); ++i) {
      int const row = n * capacity + i;
      T top = logits(row, 0), sum = 0;
      for (int j = 1; j < classes; ++j) top = std::max(top, logits(row, j));
      for (int j = 0; j < classes; ++j) sum += std::exp(logits(row, j) - top);
      T const score = std::exp(logits(row, k) - top) / sum;
      T const* const d = &deltas(row, 4 * k);
      box<T> b = rois.rows(n, i);
      if (Rules::decodes_in_original_pixels) b = Rules::unscale_box(b, im.sx, im.sy);
      b = coder.decode(b, delta<T>{d[0], d[1], d[2], d[3]});
      b = Rules::decodes_in_original_pixels ? Rules::clip(b, im.h0, im.w0) : Rules::clip(b, im.h, im.w);
      T const least = Rules::template detection_min_side<T>();
      if (score > static_cast<T>(o.score.value_or(static_cast<float>(Rules::score_threshold))) && b.width() >= least && b.height() >= least)
        own.push_back({b, score, k});
    }
    std::stable_sort(own.begin(), own.end(), best_first);
    std::vector<scored_box<T>> survivors;
    for (auto const& h : own)
      if (std::none_of(survivors.begin(), survivors.end(), [&](auto const& q) {
            return iou(q.where, h.where) > Rules::template nms_threshold<T>(o.nms.value_or(Rules::nms_detect));
          }))
        survivors.push_back(h);
    all.insert(all.end(), survivors.begin(), survivors.end());
  }
  std::stable_sort(all.begin(), all.end(), best_first);
  all.resize(std::min(all.size(), static_cast<std::size_t>(o.max_detections.value_or(100))));
  if (!Rules::decodes_in_original_pixels)
    for (auto& h : all) h.where = Rules::unscale_box(h.where, im.sx, im.sy);
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("detections are torchvision's", T, float, double) {
  auto const& file = golden();
  auto const side = file.read<std::int32_t>("results.sizes");
  array<image_info<T>, 1> info(of(2));
  for (std::size_t n = 0; n < 2; ++n) {
    T const h = T(side[2 * n]), w = T(side[2 * n + 1]);
    info(static_cast<int>(n)) = {h, w, h, w, 1, 1};
  }
  rows_of<box<T>> rois(2, 40);
  rois.rows.values = golden_boxes<T>("results.rois");
  rois.count.values = file.read<std::int32_t>("results.counts");
  array<T, 2> const logits(of(80, 4), file.read<T>("results.logits")), deltas(of(80, 16), file.read<T>("results.deltas"));
  for (auto const& [name, best] : {std::pair{std::string("results.all"), 100}, std::pair{std::string("results.ten"), 10}}) {
    auto const ours = found<torchvision>(torchvision::head_coder(), info, rois, logits, deltas, {.05f, .5f, best});
    auto const boxes = golden_boxes<double>(name + ".boxes");
    auto const scores = file.read<double>(name + ".scores");
    auto const labels = file.read<std::int32_t>(name + ".labels");
    REQUIRE(ours.count.values == file.read<std::int32_t>(name + ".count"));
    for (int n = 0; n < 2; ++n)
      for (int i = 0; i < best; ++i) {
        auto const& h = ours.rows(n, i);
        if (i >= ours.count(n)) {
          CHECK(is_dead(h));
          continue;
        }
        std::size_t const at = std::size_t(n) * (labels.size() / 2) + std::size_t(i);
        CHECK(h.label == labels[at]);
        CHECK(std::abs(double(h.score) - scores[at]) <= tolerance<T>);
        CHECK(near<T>({h.where.x1, h.where.y1, h.where.x2, h.where.y2},
                      std::vector<double>{boxes[at].x1, boxes[at].y1, boxes[at].x2, boxes[at].y2}, tolerance<T>));
      }
  }
}

TEST_CASE_TEMPLATE("a batch of scaled images, step by step", Rules, torchvision, caffe) {
  using T = double;
  constexpr int n_count = 3, capacity = 60, classes = 5;
  host_rng r(8, draw::test);
  array<image_info<T>, 1> info(of(n_count));
  info(0) = {90, 120, 60, 80, 1.5, 1.5};
  info(1) = {80, 100, 160, 210, 100. / 210, 80. / 160};
  info(2) = {100, 100, 100, 100, 1, 1};
  std::vector<std::vector<box<T>>> lists;
  for (int const n : {60, 33, 0}) lists.push_back(random_boxes<T>(r, n, 100, 2, 60, 0));
  auto const rois = filled(lists, capacity);
  array<T, 2> logits(of(n_count * capacity, classes)), deltas(of(n_count * capacity, 4 * classes));
  for (auto& v : logits.values) v = std::round(3 * r.normal()) / 2;  // ties
  for (auto& v : deltas.values) v = r.normal();
  for (detect_options const o : {detect_options{}, detect_options{.3f, .3f, 7}, detect_options{0, .9f, 500}}) {
    auto const hits = found<Rules>(Rules::head_coder(), info, rois, logits, deltas, o);
    for (int n = 0; n < n_count; ++n) {
      auto const expected = naive<Rules>(Rules::head_coder(), info(n), n, rois, logits, deltas, o);
      auto const ours = hits.live(n);
      REQUIRE(ours.size() == expected.size());
      CHECK((n == 2 ? ours.empty() : !ours.empty()));
      for (std::size_t i = 0; i < ours.size(); ++i) {
        CHECK(ours[i].label == expected[i].label);
        CHECK(ours[i].score == expected[i].score);
        CHECK(ours[i].where == expected[i].where);
        CHECK((ours[i].where.x2 <= info(n).w0 + 1e-9 && ours[i].where.y2 <= info(n).h0 + 1e-9));
      }
      for (int i = hits.count(n); i < o.max_detections.value_or(100); ++i) CHECK(is_dead(hits.rows(n, i)));
    }
  }
}

TEST_CASE("suppression is within a class, the limit over all") {
  scene_of_hits const s{{{{0, 0, 10, 10}, 1, .9}, {{0, 0, 10, 9}, 1, .8}, {{0, 0, 10, 9}, 2, .7}, {{50, 0, 60, 10}, 2, .6}}};
  CHECK(labels_of(s.run({.05f, .5f, 100})) == std::vector<int>{1, 2, 2});
  CHECK(labels_of(s.run({.05f, .95f, 100})) == std::vector<int>{1, 1, 2, 2});
  CHECK(labels_of(s.run({.05f, .5f, 2})) == std::vector<int>{1, 2});
  CHECK(labels_of(s.run({.65f, .5f, 100})) == std::vector<int>{1, 2});
  auto const best = s.run({.05f, .5f, 1});
  CHECK(best[0].score == doctest::Approx(.9));
  CHECK(best[0].where == box<double>{0, 0, 10, 10});
}

TEST_CASE("a score at the threshold is not reported, nor is a box without a side, nor what is not a number") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  scene_of_hits s{{{{0, 0, 10, 10}, 1, .5}, {{20, 0, 30, 10}, 1, .75}}};
  CHECK(s.run({.5f, .5f, 100}).size() == 1);
  s.list[1].where = {20, 0, 20.009, 10};
  CHECK(s.run({.1f, .5f, 100}).size() == 1);
  s.list[1].where = {120, 0, 130, 10};  // outside: no width after clipping
  CHECK(s.run({.1f, .5f, 100}).size() == 1);
  s.list[1].where = {20, nan, 30, 10};
  CHECK(s.run({.1f, .5f, 100}).size() == 1);
  s.list[1] = {{20, 0, 30, 10}, 1, nan};
  CHECK(s.run({.1f, .5f, 100}).size() == 1);
}

TEST_CASE("boxes come back in pixels of the original image") {
  scene_of_hits const s{{{{10, 20, 30, 40}, 1, .9}, {{90, 10, 120, 40}, 2, .8}}};
  auto const hits = s.run({.05f, .5f, 100}, {100, 100, 50, 25, 4, 2});  // resized by 4 and 2
  CHECK(hits[0].where == box<double>{2.5, 10, 7.5, 20});
  CHECK(hits[1].where == box<double>{22.5, 5, 25, 20});
}
