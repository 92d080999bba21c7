#include "frcnn/rpn/anchor_target.hpp"

#include "../batches.hpp"

using namespace batches;
using conventions::caffe, conventions::torchvision;

namespace {

// What anchor_targets decides for a scene; everything is kept unless `options` says less.
template <class Rules, class T>
struct decided {
  array<std::int32_t, 2> label, match;

  template <int L>
  decided(scene<T> const& s, rpn::placed_anchors<listed_anchors<L>> const& anchors,
          rpn::anchor_target_options options = {.7, .3, 1 << 20, 1, .5})
      : label(of(s.id.dims[0], anchors.count()), 77), match(label.dims, 77) {
    cpu::context c(2);
    options.batch = std::min(options.batch, anchors.count());
    rpn::anchor_targets<Rules>(c, anchors, s.info.in(), s.gt(), s.id.in(), s.random(), options, label.out(), match.out());
  }
  std::vector<std::int32_t> image(int n) const {
    auto const first = label.values.begin() + std::ptrdiff_t{n} * label.dims[1];
    return {first, first + label.dims[1]};
  }
};
using labels = std::vector<std::int32_t>;
using anchor_list = std::vector<box<double>>;

}  // namespace

TEST_CASE_TEMPLATE("the example of the header", T, float, double) {
  anchor_list const boxes{{0, 0, 16, 16}, {8, 0, 24, 16}, {32, 32, 48, 48}};
  auto const anchors = place(boxes);
  scene<T> const s(objects<T>{{{{0, 0, 16, 16}, 3}}});
  CHECK(decided<torchvision, T>(s, anchors).image(0) == labels{1, -1, 0});
  CHECK(decided<caffe, T>(s, anchors).image(0) == labels{1, -1, 0});
}

TEST_CASE("thresholds belong to the positive and not to the negative side") {
  anchor_list const boxes{{0, 0, 10, 10}, {0, 0, 10, 7}, {0, 0, 10, 6.9}, {0, 0, 10, 3}, {0, 0, 10, 2.9}};
  scene<double> const s(objects<double>{{{{0, 0, 10, 10}}}});
  CHECK(decided<torchvision, double>(s, place(boxes)).image(0) == labels{1, 1, -1, -1, 0});
}

TEST_CASE_TEMPLATE("all anchors that tie for the best of a box are positive, however little they overlap", T, float, double) {
  // IoU 1/3 with both neighbours, less with the last
  anchor_list const boxes{{8, 0, 24, 16}, {-8, 0, 8, 16}, {12, 0, 28, 16}};
  scene<T> const s(objects<T>{{{{0, 0, 16, 16}}}});
  CHECK(decided<torchvision, T>(s, place(boxes)).image(0) == labels{1, 1, 0});
}

TEST_CASE_TEMPLATE("an anchor learns the box it overlaps most, also when another box made it positive", T, float, double) {
  // anchor 0 is the best of box 1 (IoU 1/7) and overlaps box 0 by 1/2
  anchor_list const boxes{{0, 0, 20, 20}, {0, 0, 20, 10}};
  scene<T> const s(objects<T>{{{{0, 0, 20, 10}}, {{15, 10, 35, 20}}}});
  decided<torchvision, T> const d(s, place(boxes));
  CHECK(d.image(0) == labels{1, 1});
  CHECK(d.match(0, 0) == 0);
  CHECK(d.match(0, 1) == 0);
}

TEST_CASE_TEMPLATE("labels and matches are torchvision's", T, float, double) {
  auto const compare = [](std::string const& anchor_name, std::string const& name) {
    auto const boxes = golden_boxes<double>(anchor_name);
    std::vector<object<T>> list;
    for (auto const& b : golden_boxes<T>(name + ".truth")) list.push_back({b});
    decided<torchvision, T> const d(scene<T>(objects<T>{list}), place(boxes));
    auto const theirs = golden().read<std::int32_t>(name + ".rpn");
    int positives = 0;
    for (int i = 0; i < static_cast<int>(theirs.size()); ++i) {
      auto const t = theirs[std::size_t(i)];
      CHECK(d.label(0, i) == (t >= 0 ? 1 : t == -1 ? 0 : -1));
      if (t >= 0) CHECK(d.match(0, i) == t);
      positives += t >= 0;
    }
    CHECK(positives > 0);
  };
  compare("matcher.anchors", "matcher.plain");
  compare("matcher.own.anchors", "matcher.own");
}

TEST_CASE("a box that no anchor touches changes nothing") {
  auto const boxes = golden_boxes<double>("matcher.anchors");
  std::vector<object<double>> list;
  for (auto const& b : golden_boxes<double>("matcher.lonely.truth")) list.push_back({b});
  decided<torchvision, double> const with(scene<double>(objects<double>{list}), place(boxes));
  list.pop_back();
  decided<torchvision, double> const without(scene<double>(objects<double>{list}), place(boxes));
  CHECK(with.label.values == without.label.values);
  CHECK(with.match.values == without.match.values);
  for (auto const theirs : golden().read<std::int32_t>("matcher.lonely.rpn")) CHECK(theirs >= 0);  // there every anchor becomes positive
}

TEST_CASE("an image without boxes has negatives only, and rows past the count of truth are not looked at") {
  anchor_list const boxes{{0, 0, 16, 16}, {8, 0, 24, 16}};
  scene<float> s(objects<float>{{}, {{{0, 0, 16, 16}}}});
  s.boxes.rows(0, 0) = {0, 0, 16, 16};
  s.label(0, 0) = 1;  // dead
  decided<torchvision, float> const d(s, place(boxes));
  CHECK(d.image(0) == labels{0, 0});
  CHECK(d.image(1) == labels{1, -1});
}

TEST_CASE_TEMPLATE("on an ignore region there are no negatives, and it is nobody's match", T, float, double) {
  anchor_list const boxes{{0, 0, 10, 10}, {5, 0, 15, 10}, {6, 0, 16, 10}, {0, 0, 40, 40}, {100, 0, 110, 10}};
  scene<T> const s(objects<T>{{{{0, 0, 10, 10}, -1}, {{100, 0, 110, 10}, 2}, {{100, 0, 110, 10}, -1}}});
  decided<torchvision, T> const d(s, place(boxes));
  // all of it, half of it, less than half, the region is a small part of it; positive although ignored
  CHECK(d.image(0) == labels{-1, -1, 0, 0, 1});
  CHECK(d.match(0, 4) == 1);
}

TEST_CASE("under caffe anchors over the border of their own image take no part, under torchvision they do") {
  anchor_list const boxes{{30, 30, 50, 50}, {20, 20, 40, 40}, {-1, 0, 19, 20}, {0, 0, 20, 20}, {20, 20, 41, 41}};
  // both images lie in a padded batch; each has a box at the lower right
  scene<double> const s(objects<double>{{{{30, 30, 50, 50}}}, {{{30, 30, 50, 50}}}}, {{{40, 40}}, {{80, 80}}});
  decided<caffe, double> const theirs(s, place(boxes));
  CHECK(theirs.image(0) == labels{-1, 1, -1, 0, -1});  // the second is the best that may train, at IoU 1/7
  CHECK(theirs.image(1) == labels{1, 0, -1, 0, 0});
  decided<torchvision, double> const ours(s, place(boxes));
  CHECK(ours.image(0) == labels{1, 0, 0, 0, 0});
  CHECK(ours.image(1) == labels{1, 0, 0, 0, 0});
}

TEST_CASE("256 of an image are drawn, at most half of them positive, and the draw belongs to the image") {
  anchor_list boxes;
  for (int i = 0; i < 300; ++i) boxes.push_back({0, 0, 16, 16});
  for (int i = 0; i < 700; ++i) boxes.push_back({100, 100, 116, 116});
  for (int i = 0; i < 10; ++i) boxes.push_back({0, 0, 16, 8});  // IoU 1/2
  auto const anchors = place(boxes);
  auto const options = rpn::anchor_target_options::of<torchvision>();
  auto const count = [](labels const& of, int l) { return std::count(of.begin(), of.end(), l); };
  std::vector<object<float>> const one{{{0, 0, 16, 16}}};
  scene<float> s(objects<float>{one, one});
  decided<torchvision, float> const d(s, anchors, options);
  for (int n = 0; n < 2; ++n) {
    CHECK(count(d.image(n), 1) == 128);
    CHECK(count(d.image(n), 0) == 128);
    CHECK(count(d.image(n), -1) == 1010 - 256);
    for (int i = 1000; i < 1010; ++i) CHECK(d.label(n, i) == -1);
  }
  CHECK(d.image(0) != d.image(1));

  CHECK(decided<torchvision, float>(s, anchors, options).label.values == d.label.values);
  std::swap(s.id(0), s.id(1));
  decided<torchvision, float> const swapped(s, anchors, options);
  CHECK(swapped.image(0) == d.image(1));
  CHECK(swapped.image(1) == d.image(0));
  std::swap(s.id(0), s.id(1));
  s.state(1) += 1;
  CHECK(decided<torchvision, float>(s, anchors, options).image(0) != d.image(0));
  s.state(1) -= 1;
  s.state(0) += 1;
  CHECK(decided<torchvision, float>(s, anchors, options).image(0) != d.image(0));

  // few positives: negatives fill up
  scene<float> const rare(objects<float>{{{{0, 0, 16, 8}}}});
  decided<torchvision, float> const few(rare, anchors, options);
  CHECK(count(few.image(0), 1) == 10);
  CHECK(count(few.image(0), 0) == 246);
}
