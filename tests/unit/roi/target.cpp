#include "frcnn/roi/target.hpp"

#include "../batches.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

// One call of roi_targets on the given regions.
template <class Rules, class T>
struct decided {
  rows_of<box<T>> rois;
  array<std::int32_t, 2> label;
  array<delta<T>, 2> target;
  array<std::int32_t, 2> proposal;
  array<box<T>, 2> truth;

  decided(scene<T> const& s, std::vector<std::vector<box<T>>> const& regions, roi::target_options o, int capacity = 0)
      : rois(s.info.dims[0], o.batch),
        label(rois.rows.dims, 77),
        target(rois.rows.dims, delta<T>{9, 9, 9, 9}),
        proposal(label.dims, 77),
        truth(label.dims) {
    for (auto const& r : regions) capacity = std::max(capacity, static_cast<int>(r.size()));
    cpu::context c(2);
    auto const given = filled(regions, capacity);
    roi::roi_targets<Rules>(c, Rules::head_coder(), given.in(), s.gt(), s.id.in(), s.random(), o,
                            {rois.out(), label.out(), target.out(), proposal.out(), truth.out()});
  }
  std::vector<std::int32_t> labels(int n) const {
    auto const first = label.values.begin() + std::ptrdiff_t{n} * label.dims[1];
    return {first, first + rois.count(n)};
  }
};

// Everybody is drawn.
constexpr roi::target_options everyone{64, 1, .5, 0, .5, .5, true};
using labels = std::vector<std::int32_t>;

template <class T>
bool is_zero(delta<T> const& d) {
  return d.dx == 0 && d.dy == 0 && d.dw == 0 && d.dh == 0;
}

}  // namespace

TEST_CASE_TEMPLATE("the example of the header", T, float, double) {
  scene<T> const s(objects<T>{{{{0, 0, 10, 10}, 2}}});
  decided<torchvision, T> const d(s, {{{0, 0, 10, 9}, {20, 20, 30, 30}}}, everyone);
  CHECK(d.labels(0) == labels{2, 0, 2});
  CHECK(d.rois.live(0) == std::vector<box<T>>{{0, 0, 10, 9}, {20, 20, 30, 30}, {0, 0, 10, 10}});
  // centre 5 - 4.5 over 9, log(10 / 9), times 10 and 5
  CHECK(static_cast<double>(d.target(0, 0).dy) == doctest::Approx(10 * .5 / 9));
  CHECK(static_cast<double>(d.target(0, 0).dh) == doctest::Approx(5 * std::log(10. / 9)));
  CHECK(is_zero(d.target(0, 1)));
  CHECK(is_zero(d.target(0, 2)));
  for (int i = 3; i < 64; ++i) {  // dead
    CHECK(d.label(0, i) == -1);
    CHECK(d.rois.rows(0, i) == box<T>{});
    CHECK(is_zero(d.target(0, i)));
  }
}

TEST_CASE("a sampled region knows the row of its proposal, a truth box none") {
  scene<double> const s(objects<double>{{{{0, 0, 10, 10}, 2}, {{40, 40, 60, 60}, 1}}, {{{5, 5, 25, 25}, 1}}});
  std::vector<std::vector<box<double>>> const regions{{{20, 20, 30, 30}, {0, 0, 10, 4}, {0, 0, 10, 9}, {40, 41, 60, 60}},
                                                      {{5, 5, 25, 24}, {70, 70, 80, 80}}};
  roi::target_options o = everyone;
  o.background_low = .1;  // regions that touch nothing are left out
  decided<torchvision, double> const d(s, regions, o, 6);
  auto const rows = [&](int n) {
    auto const first = d.proposal.values.begin() + std::ptrdiff_t{n} * 64;
    return std::vector<std::int32_t>(first, first + d.rois.count(n));
  };
  CHECK(rows(0) == std::vector<std::int32_t>{1, 2, 3, -1, -1});
  CHECK(rows(1) == std::vector<std::int32_t>{0, -1});
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 64; ++i)
      if (int const row = d.proposal(n, i); row >= 0) CHECK(d.rois.rows(n, i) == regions[std::size_t(n)][std::size_t(row)]);
      else if (i >= d.rois.count(n)) CHECK(row == -1);
  CHECK(d.truth(0, 0) == box<double>{});  // background has no target
  CHECK(d.truth(0, 1) == box<double>{0, 0, 10, 10});
  CHECK(d.truth(0, 2) == box<double>{40, 40, 60, 60});
}

TEST_CASE("foreground and background are intervals closed below") {
  scene<double> const s(objects<double>{{{{0, 0, 10, 10}, 1}}});
  std::vector<std::vector<box<double>>> const regions{{{0, 0, 10, 5}, {0, 0, 10, 4.99}, {0, 0, 10, 1}, {0, 0, 10, .99}, {50, 50, 60, 60}}};
  roi::target_options o = everyone;
  o.add_truth = false;
  CHECK(decided<torchvision, double>(s, regions, o).labels(0) == labels{1, 0, 0, 0, 0});
  o.background_low = .1;  // the paper's VOC numbers
  decided<torchvision, double> const d(s, regions, o);
  CHECK(d.labels(0) == labels{1, 0, 0});
  CHECK(d.rois.live(0)[2] == box<double>{0, 0, 10, 1});
  o.foreground_iou = .6;  // a gap between .5 and .6
  CHECK(decided<torchvision, double>(s, regions, o).labels(0) == labels{0, 0});
}

TEST_CASE_TEMPLATE("matches are torchvision's", T, float, double) {
  auto const regions = golden_boxes<T>("matcher.anchors");
  for (std::string const name : {"matcher.plain", "matcher.lonely"}) {
    std::vector<object<T>> list;
    for (auto const& b : golden_boxes<T>(name + ".truth")) list.push_back({b, static_cast<std::int32_t>(1 + list.size())});
    roi::target_options o = everyone;
    o.batch = 300;
    o.add_truth = false;
    decided<torchvision, T> const d(scene<T>(objects<T>{list}), {regions}, o);
    auto theirs = golden().read<std::int32_t>(name + ".head");
    for (auto& t : theirs) t += 1;  // the label of the matched box; -1, below the threshold, becomes background
    CHECK(d.labels(0) == theirs);
    CHECK(*std::max_element(theirs.begin(), theirs.end()) > 0);
  }
}

TEST_CASE("truth boxes are candidates when asked for; ignore regions never are, and are nobody's match") {
  scene<double> const s(objects<double>{{{{0, 0, 10, 10}, 1}, {{40, 0, 60, 20}, -1}, {{80, 0, 90, 10}, 3}}});
  std::vector<std::vector<box<double>>> const regions{{{41, 1, 61, 21}, {50, 0, 70, 20}, {51, 0, 71, 20}, {40, 0, 60, 20}, {80, 0, 90, 9}}};
  decided<torchvision, double> const d(s, regions, everyone);
  // most of it, and half of it, on the region: not drawn; less than half: background
  CHECK(d.labels(0) == labels{0, 3, 1, 3});
  CHECK(d.rois.live(0)[0] == box<double>{51, 0, 71, 20});
  // the target is the matched box's
  CHECK(d.target(0, 1).dx == 0);
  CHECK(d.target(0, 1).dy == doctest::Approx(10 * .5 / 9));
  roi::target_options o = everyone;
  o.add_truth = false;
  CHECK(decided<torchvision, double>(s, regions, o).labels(0) == labels{0, 3});

  // not even an ignore region that overlaps a box enough to be its foreground
  scene<double> const crowd(objects<double>{{{{0, 0, 10, 10}, 1}, {{0, 0, 10, 9}, -1}}});
  CHECK(decided<torchvision, double>(crowd, {{}}, everyone, 1).labels(0) == labels{1});
}

TEST_CASE("regions and truth past their counts are not looked at") {
  scene<float> s(objects<float>{{{{0, 0, 10, 10}, 1}}, {}}, {}, 3);
  for (int n = 0; n < 2; ++n)
    for (int g = s.boxes.count(n); g < 3; ++g) s.boxes.rows(n, g) = {0, 0, 30, 30}, s.label(n, g) = 5;
  decided<torchvision, float> const d(s, {{{0, 0, 30, 30}}, {{0, 0, 30, 30}}}, everyone, 4);
  CHECK(d.labels(0) == labels{0, 1});
  CHECK(d.labels(1) == labels{0});
}

TEST_CASE("a quarter of the batch at most is foreground, and the draw belongs to the image") {
  std::vector<object<double>> const one{{{0, 0, 100, 100}, 4}};
  std::vector<box<double>> regions;
  for (int i = 0; i < 60; ++i) regions.push_back({0, 0, 100, 90. + i / 10.});
  for (int i = 0; i < 300; ++i) regions.push_back({200. + i, 0, 300. + i, 100});
  auto const options = roi::target_options::of<caffe>();
  CHECK(options.batch == 128);
  scene<double> s(objects<double>{one, one});
  decided<caffe, double> const d(s, {regions, regions}, options);
  for (int n = 0; n < 2; ++n) {
    CHECK(std::count(d.label.values.begin() + 128 * n, d.label.values.begin() + 128 * (n + 1), 4) == 32);
    CHECK(std::count(d.label.values.begin() + 128 * n, d.label.values.begin() + 128 * (n + 1), 0) == 96);
    // in the candidates' order
    auto const live = d.rois.live(n);
    for (std::size_t i = 1; i < live.size(); ++i) CHECK((live[i].x1 > live[i - 1].x1 || (live[i].x1 == 0 && live[i].y2 > live[i - 1].y2)));
  }
  CHECK(d.rois.live(0) != d.rois.live(1));
  std::swap(s.id(0), s.id(1));
  decided<caffe, double> const swapped(s, {regions, regions}, options);
  CHECK(swapped.rois.live(0) == d.rois.live(1));
  CHECK(swapped.rois.live(1) == d.rois.live(0));
  s.state(1) += 1;
  CHECK(decided<caffe, double>(s, {regions, regions}, options).rois.live(0) != swapped.rois.live(0));

  // too few: the batch shrinks
  regions.resize(70);
  decided<caffe, double> const few(s, {regions, regions}, options);
  CHECK(few.rois.count.values == std::vector<std::int32_t>{42, 42});  // 32 of 61, and 10
}
