#include "frcnn/rpn/proposal.hpp"

#include "../batches.hpp"
#include "frcnn/testing/gradcheck.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

template <class Rules, class T, class Coder, class Anchors>
rows_of<box<T>> proposed(rpn::placed_anchors<Anchors> const& anchors, Coder const& coder, array<image_info<T>, 1> const& info,
                         array<T, 3> const& logits, array<T, 3> const& deltas, rpn::proposal_options o) {
  cpu::context c(2);
  rows_of<box<T>> rois(info.dims[0], o.limit.after_nms);
  rpn::propose<Rules>(c, anchors, coder, info.in(), logits.in(), deltas.in(), o, rois.out());
  return rois;
}

// Boxes with scores as they are: logits and deltas of literal_coder, one level.
template <class T>
struct scored {
  std::vector<std::pair<box<T>, T>> list;
  std::vector<box<T>> run(rpn::proposal_options o, image_info<T> im = {100, 100, 100, 100, 1, 1}) const {
    std::vector<box<double>> const anchors(list.size());
    int const n = static_cast<int>(list.size());
    array<T, 3> logits(of(1, n, 1)), deltas(of(1, n, 4));
    for (int i = 0; i < n; ++i) {
      auto const& b = list[std::size_t(i)].first;
      logits(0, i, 0) = list[std::size_t(i)].second;
      deltas(0, i, 0) = b.x1, deltas(0, i, 1) = b.y1, deltas(0, i, 2) = b.x2, deltas(0, i, 3) = b.y2;
    }
    return proposed<torchvision>(place(anchors), literal_coder{}, array<image_info<T>, 1>(of(1), im), logits, deltas, o).live(0);
  }
};

// The steps of proposal.hpp's comment for one image, written plainly.
template <class Rules, class T, class Anchors, class Coder>
std::vector<box<T>> naive(rpn::placed_anchors<Anchors> const& anchors, Coder const& coder, image_info<T> const& im, int n,
                          array<T, 3> const& logits, array<T, 3> const& deltas, rpn::proposal_options o) {
  int const a = anchors.scheme.per_cell();
  struct candidate {
    T score;
    box<T> where;
  };
  auto const best_first = [](candidate const& p, candidate const& q) { return p.score > q.score; };
  std::vector<candidate> all, level;  // under caffe all levels are one
  for (int l = 0, i = 0; l < Anchors::levels; ++l) {
    if (Rules::selects_per_level) level.clear();
    for (int j = 0; j < anchors.grid.level[l].h * anchors.grid.level[l].w * a; ++j, ++i) {
      int const cell = i / a, k = i % a;
      T const* const d = &deltas(n, cell, 4 * k);
      box<T> const where = Rules::clip(coder.decode(anchors.template at<T>(i), delta<T>{d[0], d[1], d[2], d[3]}), im.h, im.w);
      T score = logits(n, cell, k);
      if constexpr (Rules::objectness == conventions::objectness_kind::softmax) score = logits(n, cell, a + k) - score;
      level.push_back({score, where});
    }
    if (!Rules::selects_per_level && l + 1 < Anchors::levels) continue;
    auto const narrow = [&](candidate const& p) { return !Rules::wide_enough(p.where, Rules::proposal_min_side(im.sx)); };
    if (Rules::filters_before_top_n) std::erase_if(level, narrow);
    std::stable_sort(level.begin(), level.end(), best_first);
    level.resize(std::min(level.size(), static_cast<std::size_t>(o.limit.before_nms)));
    std::erase_if(level, narrow);
    std::vector<candidate> survivors;
    for (auto const& p : level) {
      if (static_cast<int>(survivors.size()) == o.limit.after_nms) break;
      T const threshold = Rules::template nms_threshold<T>(o.nms_iou);
      if (std::none_of(survivors.begin(), survivors.end(), [&](candidate const& q) { return iou(p.where, q.where) > threshold; }))
        survivors.push_back(p);
    }
    all.insert(all.end(), survivors.begin(), survivors.end());
  }
  std::stable_sort(all.begin(), all.end(), best_first);
  all.resize(std::min(all.size(), static_cast<std::size_t>(o.limit.after_nms)));
  std::vector<box<T>> rois;
  for (auto const& p : all) rois.push_back(p.where);
  return rois;
}

}  // namespace

TEST_CASE_TEMPLATE("proposals are torchvision's, on one level and on two", T, float, double) {
  auto const& file = golden();
  auto const side = file.read<std::int32_t>("filter.sizes");
  array<image_info<T>, 1> info(of(2));
  for (int n = 0; n < 2; ++n) info(n) = {T(side[std::size_t(2 * n)]), T(side[std::size_t(2 * n + 1)]), 0, 0, 1, 1};
  std::vector<box<double>> const all(150), first(110), second(40);
  auto const compare = [&](std::string const& name, auto const& anchors) {
    array<T, 3> const logits(of(2, 150, 1), file.read<T>(name + ".objectness")), deltas(of(2, 150, 4), file.read<T>(name + ".proposals"));
    for (auto const& [mode, limit] : {std::pair{".train", proposal_limits{80, 30}}, std::pair{".test", proposal_limits{35, 12}}}) {
      auto const ours = proposed<torchvision>(anchors, literal_coder{}, info, logits, deltas, {limit, .5});
      CHECK(ours.count.values == file.read<std::int32_t>(name + mode + ".count"));
      CHECK(ours.rows.values == golden_boxes<T>(name + mode + ".boxes"));  // dead rows zero in both
    }
  };
  compare("filter.one", place(all));
  compare("filter.two", place(first, second));
}

TEST_CASE_TEMPLATE("a padded batch on a grid of two levels, step by step", Rules, torchvision, caffe) {
  using T = double;
  auto const scheme = make_anchors<Rules, 2>({{16, 24}, {40, 64}}, {.5, 1, 2});
  map_extent const maps[] = {{8, 10}, {4, 5}};
  int const strides[] = {16, 32};
  rpn::placed_anchors<grid_anchors<2>> const anchors{scheme, make_anchor_grid<Rules>(128, 160, maps, strides)};
  int const cells = 100, a = 6;
  array<image_info<T>, 1> info(of(2));
  info(0) = {128, 150, 128, 150, 1, 1};
  info(1) = {90, 160, 60, 107, 1.5, 1.5};  // under caffe the least side is 24
  array<T, 3> logits(of(2, cells, a * rpn::logits_per_anchor<Rules>())), deltas(of(2, cells, 4 * a));
  host_rng r(9, draw::test);
  for (auto& v : logits.values) v = std::round(4 * r.normal()) / 2;  // many ties
  for (auto& v : deltas.values) v = .3 * r.normal();
  for (proposal_limits const limit : {proposal_limits{200, 50}, proposal_limits{40, 300}, proposal_limits{proposal_limits::unlimited, 100}})
    for (double const nms : {.7, .3}) {
      rpn::proposal_options const o{limit, nms};
      auto const rois = proposed<Rules>(anchors, Rules::rpn_coder(), info, logits, deltas, o);
      for (int n = 0; n < 2; ++n) {
        auto const expected = naive<Rules>(anchors, Rules::rpn_coder(), info(n), n, logits, deltas, o);
        CHECK(expected.size() > 10);
        CHECK(rois.live(n) == expected);
        for (auto const& b : rois.live(n)) CHECK((b.x1 >= 0 && b.y1 >= 0 && b.x2 <= info(n).w && b.y2 <= info(n).h));
        for (int i = rois.count(n); i < limit.after_nms; ++i) CHECK(rois.rows(n, i) == box<T>{});
      }
    }
}

TEST_CASE("equal scores keep the order of their anchors") {
  scored<float> const s{{{{0, 0, 10, 10}, 1}, {{20, 0, 30, 10}, 2}, {{40, 0, 50, 10}, 1}, {{60, 0, 70, 10}, 2}}};
  CHECK(s.run({{10, 10}, .7}) == std::vector<box<float>>{{20, 0, 30, 10}, {60, 0, 70, 10}, {0, 0, 10, 10}, {40, 0, 50, 10}});
  CHECK(s.run({{3, 10}, .7}) == std::vector<box<float>>{{20, 0, 30, 10}, {60, 0, 70, 10}, {0, 0, 10, 10}});
  CHECK(s.run({{10, 1}, .7}) == std::vector<box<float>>{{20, 0, 30, 10}});
}

TEST_CASE_TEMPLATE("a box goes only where its IoU with a survivor is above the threshold", T, float, double) {
  // IoU with the first: 1/2, and just above it; the last overlaps only one that is gone
  scored<T> const s{{{{0, 0, 10, 10}, 4}, {{0, 0, 10, 5}, 3}, {{0, 0, 10, 5.5}, 2}, {{0, 5, 10, 5.75}, 1}}};
  CHECK(s.run({{10, 10}, .5}) == std::vector<box<T>>{{0, 0, 10, 10}, {0, 0, 10, 5}, {0, 5, 10, 5.75}});
}

TEST_CASE("what is not a number is not proposed") {
  float const nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
  scored<float> const s{
      {{{0, 0, 10, 10}, nan}, {{20, nan, 30, 10}, 3}, {{40, 0, 50, 10}, 2}, {{60, 0, nan, 10}, 1}, {{80, 0, infinite, 10}, 0}}};
  CHECK(s.run({{10, 10}, .7}) == std::vector<box<float>>{{40, 0, 50, 10}, {80, 0, 100, 10}});
  CHECK(scored<float>{{{{0, 0, 10, 10}, nan}}}.run({{10, 10}, .7}).empty());
}

TEST_CASE("narrow boxes leave before the ranking under caffe, after it under torchvision") {
  // four boxes of size 40, whose best two are squeezed below 16 pixels
  std::vector<box<double>> const squares{{0, 0, 40, 40}, {50, 0, 90, 40}, {100, 0, 140, 40}, {150, 0, 190, 40}};
  auto const anchors = place(squares);
  array<double, 3> one(of(1, 4, 1), std::vector<double>{4, 3, 2, 1}), two(of(1, 4, 2), std::vector<double>{0, 4, 0, 3, 0, 2, 0, 1});
  array<double, 3> deltas(of(1, 4, 4));
  deltas(0, 0, 2) = deltas(0, 1, 3) = std::log(.00001);
  image_info<double> im{200, 200, 200, 200, 1, 1};
  array<image_info<double>, 1> info(of(1), im);
  rpn::proposal_options const o{{3, 3}, .7};
  CHECK(proposed<torchvision>(anchors, torchvision::rpn_coder(), info, one, deltas, o).count(0) == 1);
  CHECK(proposed<caffe>(anchors, caffe::rpn_coder(), info, two, deltas, o).count(0) == 2);

  // the least side is 16 pixels of the original image
  info(0).sx = info(0).sy = 2.6;  // 41.6 pixels; decoded sides are 41
  CHECK(proposed<caffe>(anchors, caffe::rpn_coder(), info, two, deltas, o).count(0) == 0);
  info(0).sx = info(0).sy = 2.5;
  CHECK(proposed<caffe>(anchors, caffe::rpn_coder(), info, two, deltas, o).count(0) == 2);
}

TEST_CASE("an image's proposals do not depend on its place in the batch") {
  host_rng r(4, draw::test);
  auto const boxes = random_boxes<double>(r, 120, 100, 5, 50);
  std::vector<box<double>> const anchors(120);
  array<double, 3> logits(of(2, 120, 1)), deltas(of(2, 120, 4));
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 120; ++i) {
      auto const& b = boxes[std::size_t(n == 0 ? i : 119 - i)];
      logits(n, i, 0) = r.normal();
      deltas(n, i, 0) = b.x1, deltas(n, i, 1) = b.y1, deltas(n, i, 2) = b.x2, deltas(n, i, 3) = b.y2;
    }
  array<image_info<double>, 1> const info(of(2), image_info<double>{100, 100, 100, 100, 1, 1});
  rpn::proposal_options const o{{100, 40}, .6};
  auto const both = proposed<torchvision>(place(anchors), literal_coder{}, info, logits, deltas, o);
  for (int n = 0; n < 2; ++n) {
    auto const part = [n](array<double, 3> const& v) {
      auto const size = std::ptrdiff_t{v.dims[1]} * v.dims[2];
      return array<double, 3>(of(1, v.dims[1], v.dims[2]),
                              std::vector<double>(v.values.begin() + n * size, v.values.begin() + (n + 1) * size));
    };
    array<image_info<double>, 1> const own(of(1), info(n));
    CHECK(proposed<torchvision>(place(anchors), literal_coder{}, own, part(logits), part(deltas), o).live(0) == both.live(n));
  }
}

TEST_CASE("top N and suppression see all levels together under caffe, each for itself under torchvision") {
  using T = double;
  // Level 0: two boxes apart; level 1: one on the first of them, lower in score, and one apart, the lowest.
  std::vector<box<double>> const two(2);
  auto const anchors = place(two, two);
  box<T> const boxes[] = {{0, 0, 40, 40}, {50, 50, 90, 90}, {0, 0, 40, 39}, {50, 0, 90, 40}};
  T const z[] = {4, 3, 2, 1};
  array<image_info<T>, 1> const info(of(1), image_info<T>{100, 100, 100, 100, 1, 1});
  array<T, 3> one(of(1, 4, 1)), pair(of(1, 4, 2)), deltas(of(1, 4, 4));
  for (int i = 0; i < 4; ++i) {
    one(0, i, 0) = z[i];
    pair(0, i, 0) = -z[i] / 2, pair(0, i, 1) = z[i] / 2;
    deltas(0, i, 0) = boxes[i].x1, deltas(0, i, 1) = boxes[i].y1, deltas(0, i, 2) = boxes[i].x2, deltas(0, i, 3) = boxes[i].y2;
  }
  auto const separate = [&](proposal_limits limit) {
    return proposed<torchvision>(anchors, literal_coder{}, info, one, deltas, {limit, .7}).live(0);
  };
  auto const together = [&](proposal_limits limit) {
    return proposed<caffe>(anchors, literal_coder{}, info, pair, deltas, {limit, .7}).live(0);
  };
  using list = std::vector<box<T>>;
  CHECK(separate({2, 4}) == list{boxes[0], boxes[1], boxes[2], boxes[3]});
  CHECK(together({4, 4}) == list{boxes[0], boxes[1], boxes[3]});  // boxes[2] lies on boxes[0]
  CHECK(together({2, 4}) == list{boxes[0], boxes[1]});            // the best two of the image
}

TEST_CASE_TEMPLATE("proposals know their anchors, and gradients by their corners find the deltas", Rules, torchvision, caffe) {
  auto const scheme = make_anchors<Rules, 2>({{16, 24}, {40, 64}}, {.5, 1, 2});
  map_extent const maps[] = {{8, 10}, {4, 5}};
  int const strides[] = {16, 32}, cells = 100, a = 6;
  rpn::placed_anchors<grid_anchors<2>> const anchors{scheme, make_anchor_grid<Rules>(128, 160, maps, strides)};
  array<image_info<double>, 1> info(of(2));
  info(0) = {128, 150, 128, 150, 1, 1};
  info(1) = {90, 160, 90, 160, 1, 1};
  array<double, 3> logits(of(2, cells, a * rpn::logits_per_anchor<Rules>())), deltas(of(2, cells, 4 * a));
  host_rng r(9, draw::test);
  for (auto& v : logits.values) v = r.normal();
  for (auto& v : deltas.values) v = .3 * r.normal();
  auto coder = Rules::rpn_coder();
  coder.log_cap = .5;  // bites here too
  int const rows = 150;
  cpu::context c(2);
  rows_of<box<double>> rois(2, rows), again(2, rows);
  array<std::int32_t, 2> anchor(of(2, rows), -7);
  rpn::propose<Rules>(c, anchors, coder, info.in(), logits.in(), deltas.in(), rpn::proposal_options{{100, rows}, .4}, rois.out(),
                      anchor.out());
  rpn::decode_proposals<Rules>(c, anchors, coder, info.in(), deltas.in(), view<std::int32_t const, 2, cpu>(anchor.out()), again.out());
  CHECK(again.rows.values == rois.rows.values);
  CHECK(again.count.values == rois.count.values);
  std::size_t clipped = 0, capped = 0;
  for (int n = 0; n < 2; ++n) {
    REQUIRE(rois.count(n) > 10);
    REQUIRE(rois.count(n) < rows);
    for (int j = 0; j < rows; ++j) {
      CHECK((anchor(n, j) >= 0) == (j < rois.count(n)));
      if (anchor(n, j) < 0) continue;
      double const* const d = &deltas.values[(std::size_t(n) * anchors.count() + std::size_t(anchor(n, j))) * 4];
      auto const whole = coder.decode(anchors.template at<double>(anchor(n, j)), delta<double>{d[0], d[1], d[2], d[3]});
      CHECK(rois.rows(n, j) == Rules::clip(whole, info(n).h, info(n).w));
      clipped += rois.rows(n, j) != whole;
      capped += d[2] > .5 || d[3] > .5;
    }
  }
  CHECK(clipped > 5);
  CHECK(capped > 3);

  array<box<double>, 2> drois(of(2, rows));
  for (auto& b : drois.values) b = {r.normal(), r.normal(), r.normal(), r.normal()};
  auto const loss = [&] {
    rpn::decode_proposals<Rules>(c, anchors, coder, info.in(), deltas.in(), view<std::int32_t const, 2, cpu>(anchor.out()), again.out());
    double sum = 0;
    for (int n = 0; n < 2; ++n)
      for (int j = 0; j < again.count(n); ++j) {
        auto const &b = again.rows(n, j), &g = drois(n, j);
        sum += b.x1 * g.x1 + b.y1 * g.y1 + b.x2 * g.x2 + b.y2 * g.y2;
      }
    return sum;
  };
  array<double, 3> ddeltas(deltas.dims, 3.);  // what the loss has left
  rpn::add_gradients<Rules>(c, anchors, coder, info.in(), deltas.in(), view<std::int32_t const, 2, cpu>(anchor.out()), drois.in(),
                            rpn::gradient_bound<cpu>{}, ddeltas.out());
  for (auto& v : ddeltas.values) v -= 3;
  auto const report = testing::gradcheck(loss, std::span(deltas.values), ddeltas.values, {.tolerance = 1e-7, .step = 1e-6});
  CHECK_MESSAGE(report.ok, report.describe());

  // Bounded by 4 / N_reg, which is the number of sampled anchors, or the one that the loss is told.
  array<double, 1> const sampled(of(1), 8.);
  for (rpn::loss_options const of_loss : {rpn::loss_options{}, rpn::loss_options{.lambda = 10, .n_reg = 16}}) {
    double const most = of_loss.n_reg > 0 ? .25 : .5;
    array<double, 3> bounded(deltas.dims, 3.);
    rpn::add_gradients<Rules>(c, anchors, coder, info.in(), deltas.in(), view<std::int32_t const, 2, cpu>(anchor.out()), drois.in(),
                              rpn::gradient_bound<cpu>{4, of_loss, sampled.in()}, bounded.out());
    int cut = 0;
    for (std::size_t i = 0; i < bounded.values.size(); ++i) {
      double const whole = ddeltas.values[i];
      CHECK(bounded.values[i] - 3 == doctest::Approx(std::clamp(whole, -most, most)).epsilon(1e-12));
      cut += std::abs(whole) > most;
    }
    CHECK(cut > 10);
  }
}
