// What is written once on the executor's words, on the kernels of the CUDA backend by the host launcher: targets, sampling, losses,
// proposals, post-processing, dropout and the optimiser find what they find on the CPU, whatever the order of threads. On an ordinary input
// and on the worst: no boxes, all boxes equal, tied scores, counts at capacity, ten thousand truth boxes, scores that are no numbers.
#include "../batches.hpp"
#include "../train/few_parameters.hpp"
#include "frcnn/nn/dropout.hpp"
#include "frcnn/roi/loss.hpp"
#include "frcnn/roi/postprocess.hpp"
#include "frcnn/rpn/proposal.hpp"
#include "frcnn/train/sgd.hpp"
#include "on_both.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace batches;
using namespace cuda_tests;
using conventions::caffe, conventions::torchvision;

namespace {

template <class B, class T, int R>
view<T const, R, B> in(array<T, R> const& a) {
  return {a.values.data(), a.dims};
}
template <class B, class T, int R>
view<T, R, B> out(array<T, R>& a) {
  return {a.values.data(), a.dims};
}
template <class B, class T>
counted<T const, 2, B> in(rows_of<T> const& r) {
  return {in<B>(r.rows), {const_cast<std::int32_t*>(r.count.values.data()), r.count.dims}};
}
template <class B, class T>
counted<T, 2, B> out(rows_of<T>& r) {
  return {out<B>(r.rows), out<B>(r.count)};
}
template <class B, class T>
truth<T, B> truth_on(scene<T> const& s) {
  return {in<B>(s.boxes), in<B>(s.label)};
}

// What an algorithm has found. Numbers have equal bits, or both are none; sums, which the device folds in another order, are within rounding.
template <class T>
class findings {
 public:
  void add(std::vector<std::int32_t> const& v) { integers_.push_back(v); }
  void add(std::vector<std::uint8_t> const& v) { integers_.emplace_back(v.begin(), v.end()); }
  void add(std::vector<T> const& v) { numbers_.push_back(v); }
  void add(std::vector<box<T>> const& boxes) {
    numbers_.emplace_back();
    for (auto const& b : boxes) numbers_.back().insert(numbers_.back().end(), {b.x1, b.y1, b.x2, b.y2});
  }
  void add(std::vector<delta<T>> const& deltas) {
    numbers_.emplace_back();
    for (auto const& d : deltas) numbers_.back().insert(numbers_.back().end(), {d.dx, d.dy, d.dw, d.dh});
  }
  void add(std::vector<scored_box<T>> const& hits) {
    numbers_.emplace_back();
    integers_.emplace_back();
    for (auto const& h : hits) {
      numbers_.back().insert(numbers_.back().end(), {h.where.x1, h.where.y1, h.where.x2, h.where.y2, h.score});
      integers_.back().push_back(h.label);
    }
  }
  template <class U, int R>
  void add(array<U, R> const& a) {
    add(a.values);
  }
  template <class U>
  void add(rows_of<U> const& r) {
    add(r.rows);
    add(r.count);
  }
  void add_sums(std::vector<T> const& v) { sums_.insert(sums_.end(), v.begin(), v.end()); }

  void check_equal(findings const& expected) const {
    CHECK(integers_ == expected.integers_);
    REQUIRE(numbers_.size() == expected.numbers_.size());
    for (std::size_t k = 0; k < numbers_.size(); ++k) {
      CAPTURE(k);
      CHECK(std::equal(numbers_[k].begin(), numbers_[k].end(), expected.numbers_[k].begin(), expected.numbers_[k].end(), is_same));
    }
    double const rounding = 64 * static_cast<double>(std::numeric_limits<T>::epsilon());
    CHECK(std::equal(sums_.begin(), sums_.end(), expected.sums_.begin(), expected.sums_.end(), [rounding](T a, T b) {
      return is_same(a, b) || std::abs(static_cast<double>(a) - static_cast<double>(b)) <= rounding * std::abs(static_cast<double>(b));
    }));
  }

 private:
  static bool is_same(T a, T b) { return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b)); }

  std::vector<std::vector<std::int32_t>> integers_;
  std::vector<std::vector<T>> numbers_;
  std::vector<T> sums_;
};

// find(context, B{}, findings&) on the CPU, then on the device in every order of threads, where nothing may wait or allocate.
template <class T, class Find>
void compare(Find find) {
  findings<T> expected;
  on_both([&]<class B>(typename B::context& c, B b) {
    findings<T> found;
    find(c, b, found);
    if constexpr (std::is_same_v<B, cpu>) expected = std::move(found);
    else found.check_equal(expected);
  });
}

enum class scores { drawn, tied, not_numbers };

// A batch of images with what each algorithm is given.
struct hard_input {
  std::string name{};
  std::vector<box<double>> anchors{};
  objects<double> truth{};                          // of each image
  std::vector<std::vector<box<double>>> regions{};  // of each image
  scores kind = scores::drawn;
  int drawn = 16;                     // anchors and regions that a step learns from
  proposal_limits proposals{60, 25};  // of a level, of an image
  int detections = 20;                // of an image at most
  bool moves = true;                  // whether deltas are not 0
  bool learns_truth = true;           // whether truth boxes are candidates of the head

  int images() const { return static_cast<int>(truth.size()); }
  template <class T>
  scene<T> images_of() const {
    objects<T> lists(truth.size());
    sizes<T> hw;
    for (std::size_t n = 0; n < truth.size(); ++n) {
      for (auto const& o : truth[n]) lists[n].push_back({o.where.template as<T>(), o.label});
      hw.push_back({T(120 - 20 * static_cast<int>(n)), T(90 + 70 * static_cast<int>(n))});
    }
    scene<T> s(lists, hw);
    for (auto& i : s.info.values) i.h0 = i.h / 2, i.w0 = i.w / 2, i.sx = i.sy = T(2);
    return s;
  }
  template <class T>
  rows_of<box<T>> regions_of(int spare) const {
    std::vector<std::vector<box<T>>> lists(regions.size());
    std::size_t longest = 1;
    for (std::size_t n = 0; n < regions.size(); ++n) {
      for (auto const& b : regions[n]) lists[n].push_back(b.template as<T>());
      longest = std::max(longest, lists[n].size());
    }
    return filled(lists, static_cast<int>(longest) + spare);
  }
  // Logits as the input's kind has them.
  template <class T, int R>
  array<T, R> logits(shape<R> dims, std::uint64_t stream) const {
    array<T, R> a(dims, T(.25));
    host_rng r(17, draw::test, stream);
    if (kind != scores::tied)
      for (auto& v : a.values) v = static_cast<T>(2 * r.normal());
    if (kind == scores::not_numbers) {
      using limits = std::numeric_limits<T>;
      T const strange[] = {limits::quiet_NaN(), -limits::quiet_NaN(), limits::infinity(), -limits::infinity()};
      for (auto& v : a.values)
        if (r.integer(0, 3) == 0) v = strange[r.integer(0, 3)];
    }
    return a;
  }
  template <class T, int R>
  array<T, R> deltas(shape<R> dims, std::uint64_t stream) const {
    array<T, R> a(dims);
    host_rng r(18, draw::test, stream);
    if (!moves) return a;
    for (auto& v : a.values) v = static_cast<T>(.3 * r.normal());
    if (kind == scores::not_numbers)
      for (auto& v : a.values)
        if (r.integer(0, 15) == 0) v = std::numeric_limits<T>::quiet_NaN();
    return a;
  }
};

std::vector<object<double>> some_objects(host_rng& r, int n) {
  std::vector<object<double>> all;
  for (auto const& b : random_boxes<double>(r, n, 90, 10, 50))
    all.push_back({b, all.size() % 4 == 3 ? -1 : static_cast<std::int32_t>(1 + all.size() % 3)});
  return all;
}
// Near the objects, so that some overlap one.
std::vector<box<double>> around(host_rng& r, std::vector<object<double>> const& objects, int n) {
  auto all = random_boxes<double>(r, n, 90, 10, 50);
  for (std::size_t i = 0; i < all.size() && !objects.empty(); i += 2) {
    auto const& b = objects[i / 2 % objects.size()].where;
    all[i] = {b.x1 + r.uniform(-4, 4), b.y1 + r.uniform(-4, 4), b.x2 + r.uniform(-4, 4), b.y2 + r.uniform(-4, 4)};
  }
  return all;
}

hard_input ordinary() {
  host_rng r(21, draw::test);
  hard_input i{.name = "ordinary"};
  i.truth = {some_objects(r, 6), some_objects(r, 3)};
  for (auto const& objects : i.truth) {
    i.regions.push_back(around(r, objects, 40));
    for (auto const& b : around(r, objects, 70)) i.anchors.push_back(b);
  }
  return i;
}

std::vector<hard_input> all_inputs() {
  std::vector<hard_input> all{ordinary()};
  all.push_back(ordinary());
  all.back().name = "no boxes";
  all.back().truth = {{}, {}};
  all.back().regions = {{}, {}};

  box<double> const one{10, 12, 50, 60};
  all.push_back({.name = "all boxes equal",
                 .anchors = std::vector<box<double>>(140, one),
                 .truth = objects<double>(2, std::vector<object<double>>(12, {one, 2})),
                 .regions = {std::vector<box<double>>(40, one), std::vector<box<double>>(9, one)},
                 .moves = false});

  all.push_back(ordinary());
  all.back().name = "tied scores";
  all.back().kind = scores::tied;

  // Few are wanted of many: all places are taken, in the batch of a step, among proposals and among detections.
  all.push_back(ordinary());
  all.back().name = "counts at capacity";
  all.back().truth[1] = all.back().truth[0];
  all.back().regions[1] = all.back().regions[0];
  all.back().drawn = 4;
  all.back().proposals = {8, 3};
  all.back().detections = 2;

  host_rng r(22, draw::test);
  all.push_back({.name = "ten thousand truth boxes", .truth = {some_objects(r, 10000)}, .learns_truth = false});
  all.back().anchors = around(r, all.back().truth[0], 48);
  all.back().regions = {around(r, all.back().truth[0], 40)};

  all.push_back(ordinary());
  all.back().name = "scores that are no numbers";
  all.back().kind = scores::not_numbers;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  for (auto& regions : all.back().regions) regions[1] = {nan, nan, nan, nan}, regions[4].x2 = nan;
  return all;
}

// The anchors in two levels.
struct two_levels {
  std::vector<box<double>> first, second;
  explicit two_levels(std::vector<box<double>> const& all)
      : first(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 3)),
        second(all.begin() + static_cast<std::ptrdiff_t>(all.size() / 3), all.end()) {}
  auto placed() const { return place(first, second); }
};

// What an RPN does with its outputs: targets, the loss on them, proposals, and gradients by these.
template <class Rules, class T>
void check_rpn(hard_input const& i) {
  int const n = i.images(), k = static_cast<int>(i.anchors.size()), a = rpn::logits_per_anchor<Rules>();
  scene<T> const s = i.images_of<T>();
  two_levels const levels(i.anchors);
  auto const anchors = levels.placed();
  auto const coder = Rules::rpn_coder();
  auto const logits = i.logits<T>(of(n, k, a), 1);
  auto const deltas = i.deltas<T>(of(n, k, 4), 2);
  auto targets = rpn::anchor_target_options::of<Rules>();
  targets.batch = i.drawn;
  compare<T>([&]<class B>(typename B::context& c, B, findings<T>& found) {
    array<std::int32_t, 2> label(of(n, k), 77), match(of(n, k), 77);
    rpn::anchor_targets<Rules>(c, anchors, in<B>(s.info), truth_on<B>(s), in<B>(s.id), rng<B>{in<B>(s.state)}, targets, out<B>(label),
                               out<B>(match));
    found.add(label);
    found.add(match);

    auto dlogits = nans<T>(logits.dims), ddeltas = nans<T>(deltas.dims);
    array<T, 1> loss(of(2), T(1));
    array<double, 1> sampled(of(1), -1.);
    rpn::anchor_losses<Rules>(c, anchors, coder, truth_on<B>(s), in<B>(label), in<B>(match), in<B>(logits), in<B>(deltas), {},
                              out<B>(dlogits), out<B>(ddeltas), out<B>(loss), out<B>(sampled));
    found.add(dlogits);
    found.add(ddeltas);
    found.add_sums(loss.values);
    found.add(std::vector<std::int32_t>{static_cast<std::int32_t>(sampled(0))});

    rows_of<box<T>> rois(n, i.proposals.after_nms), again(n, i.proposals.after_nms);
    array<std::int32_t, 2> anchor(rois.rows.dims, 77);
    rpn::propose<Rules>(c, anchors, coder, in<B>(s.info), in<B>(logits), in<B>(deltas), {i.proposals, .7}, out<B>(rois), out<B>(anchor));
    found.add(rois);
    found.add(anchor);
    rpn::decode_proposals<Rules>(c, anchors, coder, in<B>(s.info), in<B>(deltas), in<B>(anchor), out<B>(again));
    found.add(again);
    array<box<T>, 2> const drois(anchor.dims, box<T>{T(.5), T(-1), T(2), T(.25)});
    rpn::gradient_bound<B> const bound{.times = 4, .loss = {}, .sampled = in<B>(sampled)};
    rpn::add_gradients<Rules>(c, anchors, coder, in<B>(s.info), in<B>(deltas), in<B>(anchor), in<B>(drois), bound, out<B>(ddeltas));
    found.add(ddeltas);
  });
}

// What a head does: targets, the loss on them, with and without weights of classes, gradients by regions, and detections.
template <class Rules, class T>
void check_head(hard_input const& i) {
  constexpr int classes = 4;  // with background
  int const n = i.images(), q = i.drawn;
  scene<T> const s = i.images_of<T>();
  auto const rois = i.regions_of<T>(i.name == "counts at capacity" ? 0 : 3);
  auto moved = rois;
  for (auto& b : moved.rows.values) b.x1 -= T(1.5), b.y2 += T(.75);
  int const r = rois.rows.dims[1];
  auto const coder = Rules::head_coder();
  auto const logits = i.logits<T>(of(n * q, classes), 3);
  auto const deltas = i.deltas<T>(of(n * q, 4 * classes), 4);
  array<T, 1> const weight(of(classes), std::vector<T>{T(.5), T(1), T(2.25), T(4)});
  auto options = roi::target_options::of<Rules>();
  options.batch = q;
  options.add_truth = i.learns_truth;
  compare<T>([&]<class B>(typename B::context& c, B, findings<T>& found) {
    rows_of<box<T>> sampled(n, q);
    array<std::int32_t, 2> label(of(n, q), 77), proposal(of(n, q), 77);
    array<delta<T>, 2> target(of(n, q));
    array<box<T>, 2> truth(of(n, q));
    roi::targets<T, B> const decided{out<B>(sampled), out<B>(label), out<B>(target), out<B>(proposal), out<B>(truth)};
    auto const say = [&] {
      found.add(sampled);
      found.add(label);
      found.add(target);
      found.add(proposal);
      found.add(truth);
    };
    roi::roi_targets<Rules>(c, coder, in<B>(rois), truth_on<B>(s), in<B>(s.id), rng<B>{in<B>(s.state)}, options, decided);
    say();

    for (bool const weighs : {false, true}) {
      auto dlogits = nans<T>(logits.dims), ddeltas = nans<T>(deltas.dims);
      array<T, 1> loss(of(2), T(1));
      roi::roi_losses<Rules>(c, decided, in<B>(logits), in<B>(deltas), out<B>(dlogits), out<B>(ddeltas), out<B>(loss),
                             static_cast<any_communicator<B>*>(nullptr), weighs ? in<B>(weight) : view<T const, 1, B>{});
      found.add(dlogits);
      found.add(ddeltas);
      found.add_sums(loss.values);
      array<box<T>, 2> const pooled(of(n, q), box<T>{T(1), T(-2), T(.5), T(3)});
      array<box<T>, 2> drois(rois.rows.dims);
      roi::gradients_of_proposals(c, coder, decided, in<B>(pooled), in<B>(std::as_const(ddeltas)), out<B>(drois));
      found.add(drois);
    }
    roi::follow_proposals(c, coder, in<B>(std::as_const(moved)), decided);
    say();
  });

  auto const scored = i.logits<T>(of(n * r, classes), 5);
  auto const refined = i.deltas<T>(of(n * r, 4 * classes), 6);
  detect_thresholds const thresholds{.1f, static_cast<float>(Rules::nms_detect)};
  compare<T>([&]<class B>(typename B::context& c, B, findings<T>& found) {
    rows_of<scored_box<T>> hits(n, i.detections);
    roi::postprocess<Rules>(c, coder, in<B>(s.info), in<B>(rois), in<B>(scored), in<B>(refined),
                            view<detect_thresholds const, 1, B>{&thresholds, {{1}}}, out<B>(hits));
    found.add(hits);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("cuda functors: what an RPN labels, loses and proposes is the CPU's, on the worst of inputs", T, float, double) {
  for (auto const& i : all_inputs()) {
    CAPTURE(i.name);
    check_rpn<torchvision, T>(i);
    check_rpn<caffe, T>(i);
  }
}

TEST_CASE_TEMPLATE("cuda functors: what a head samples, loses and detects is the CPU's, on the worst of inputs", T, float, double) {
  for (auto const& i : all_inputs()) {
    CAPTURE(i.name);
    check_head<torchvision, T>(i);
    check_head<caffe, T>(i);
  }
}

// That the inputs are what their names say: the CPU fills every place, and draws, proposes and detects something.
TEST_CASE("cuda functors: the inputs reach what they are made for") {
  auto const inputs = all_inputs();
  for (auto const& i : inputs) {
    CAPTURE(i.name);
    scene<float> const s = i.images_of<float>();
    two_levels const levels(i.anchors);
    auto const anchors = levels.placed();
    int const n = i.images(), k = static_cast<int>(i.anchors.size());
    auto const logits = i.logits<float>(of(n, k, 1), 1), deltas = i.deltas<float>(of(n, k, 4), 2);
    cpu::context c(2);
    rows_of<box<float>> rois(n, i.proposals.after_nms);
    rpn::propose<torchvision>(c, anchors, torchvision::rpn_coder(), s.info.in(), logits.in(), deltas.in(), {i.proposals, .7}, rois.out());
    CHECK(rois.count(0) > 0);
    auto options = rpn::anchor_target_options::of<torchvision>();
    options.batch = i.drawn;
    array<std::int32_t, 2> label(of(n, k)), match(of(n, k));
    rpn::anchor_targets<torchvision>(c, anchors, s.info.in(), s.gt(), s.id.in(), s.random(), options, label.out(), match.out());
    auto const drawn = std::count_if(label.values.begin(), label.values.begin() + k, [](std::int32_t l) { return l >= 0; });
    auto const positive = std::count(label.values.begin(), label.values.begin() + k, 1);
    CHECK((positive > 0) == !i.truth[0].empty());
    if (i.name == "counts at capacity") {
      CHECK(rois.count.values == std::vector<std::int32_t>(2, i.proposals.after_nms));
      CHECK(drawn == i.drawn);
      CHECK(positive == i.drawn / 2);
    }
    if (i.name == "ten thousand truth boxes") CHECK(s.boxes.count(0) == 10000);
  }
}

TEST_CASE("cuda functors: a head that learns ten thousand truth boxes has them all as candidates") {
  host_rng r(23, draw::test);
  objects<float> lists(1);
  for (auto const& o : some_objects(r, 10000)) lists[0].push_back({o.where.as<float>(), o.label});
  scene<float> const s(lists);
  auto const rois = filled<box<float>>({random_boxes<float>(r, 8, 90, 10, 50)}, 8);
  roi::target_options const options{2000, 1, .5, 0, .5, .5, true};
  array<std::int32_t, 2> expected(of(1, 2000));
  cpu::context host(2);
  cuda_on_host::context c({.order = thread_order::shuffled});
  auto const find = [&]<class B>(typename B::context& context, B) {
    rows_of<box<float>> sampled(1, 2000);
    array<std::int32_t, 2> label(of(1, 2000));
    array<delta<float>, 2> target(of(1, 2000));
    roi::roi_targets<torchvision>(context, torchvision::head_coder(), in<B>(rois), truth_on<B>(s), in<B>(s.id), rng<B>{in<B>(s.state)},
                                  options, roi::targets<float, B>{out<B>(sampled), out<B>(label), out<B>(target)});
    findings<float> found;
    found.add(sampled);
    found.add(label);
    found.add(target);
    CHECK(sampled.count(0) == 2000);
    return found;
  };
  find(c, cuda_on_host{}).check_equal(find(host, cpu{}));
}

TEST_CASE("cuda functors: a sample of none, of all, of one kind alone, and of ten thousand is the CPU's") {
  host_rng r(24, draw::test);
  std::vector<std::vector<std::int32_t>> kinds;
  for (int const only : {-1, 0, 1, 3}) kinds.emplace_back(100, only);
  kinds.emplace_back(0);
  for (int const size : {1, 2, 63, 64, 65, 10000}) {
    kinds.emplace_back();
    for (int k = 0; k < size; ++k) kinds.back().push_back(r.integer(-1, 2));
  }
  array<std::uint64_t, 1> const id(of(1), 12), state(of(2), std::vector<std::uint64_t>{5, 9});
  for (auto const& kind : kinds)
    for (auto const& [positives, total] : {std::pair{0, 1}, {1, 1}, {32, 64}, {100, 100}, {128, 512}}) {
      CAPTURE(kind.size());
      compare<float>([&, most = positives, all = total]<class B>(typename B::context& c, B, findings<float>& found) {
        array<std::int32_t, 2> label(of(1, static_cast<int>(kind.size())), kind);
        ops::sample_balanced<B>(c, out<B>(label), in<B>(id), rng<B>{in<B>(state)}, draw::roi_sample, most, all);
        found.add(label);
      });
    }
}

TEST_CASE_TEMPLATE("cuda functors: dropout has the CPU's masks, in both forms", T, float, double) {
  for (int const rows : {1, 7, 300})
    for (double const p : {0., .5, .9}) {
      array<T, 2> x(of(2 * rows, 37));
      host_rng r(25, draw::test);
      for (auto& v : x.values) v = r.integer(0, 9) == 0 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(r.normal());
      array<std::uint64_t, 1> const id(of(2), std::vector<std::uint64_t>{3, ~std::uint64_t{0}}),
          state(of(2), std::vector<std::uint64_t>{5, 9});
      compare<T>([&]<class B>(typename B::context& c, B, findings<T>& found) {
        array<std::uint8_t, 2> mask(x.dims, 77);
        nn::dropout_mask<B>(c, in<B>(id), rng<B>{in<B>(state)}, draw::dropout6, p, out<B>(mask));
        found.add(mask);
        for (auto const form : {nn::dropout_form::inverted, nn::dropout_form::in_testing}) {
          auto trained = x, tested = x;
          nn::apply_dropout<T, B>(c, out<B>(trained), in<B>(mask), p, form);
          nn::dropout_in_testing<T, B>(c, out<B>(tested), p, form);
          found.add(trained);
          found.add(tested);
        }
      });
    }
}

namespace {

template <class T, class B>
using few = train_tests::few_parameters<T, B, 3001>;  // more than a block of the sums of squares

// Sixteenths, so that sums of their squares are exact in any order.
template <class T>
std::vector<T> sixteenths(std::size_t n, std::uint64_t stream) {
  host_rng r(26, draw::test, stream);
  std::vector<T> v(n);
  for (auto& x : v) x = static_cast<T>(r.integer(-64, 64)) / T(16);
  return v;
}

}  // namespace

TEST_CASE_TEMPLATE("cuda functors: updates are the CPU's; none is made after a gradient or a loss that is no number", T, float, double) {
  T const nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  for (bool const inside : {false, true})
    for (double const clip : {0., 1., 1e6}) {
      CAPTURE(inside);
      CAPTURE(clip);
      findings<T> expected;
      on_each([&]<class B>(typename B::context& c, B) {
        few<T, B> model;
        parameter_store<T, B> store;
        store.bind(model);
        sgd<T, B> optimiser(store, {.clip_norm = clip, .lr_inside_momentum = inside});
        std::uint64_t stream = 0;
        for (auto const& e : store.entries()) store.set(e, sixteenths<T>(e.p->size(), stream++));
        buffer<T, B> loss(store.home(), 4);
        findings<T> found;
        for (int step = 0; step < 7; ++step) {
          std::vector<T> losses{1, 2, 3, 4};
          for (auto const& e : store.entries()) {
            if (!e.p->wants_grad()) continue;
            auto gradient = sixteenths<T>(e.p->size(), stream++);
            if (step == 1) std::fill(gradient.begin(), gradient.end(), T(0));
            if (step == 2) std::fill(gradient.begin(), gradient.end(), T(.5));
            if (step == 3 && e.name == "bias") gradient[1] = nan;
            from_host(c, gradient, e.p->grad);
          }
          if (step == 5) losses[2] = infinity;
          from_host(c, losses, view<T, 1, B>{loss.data(), {{4}}});
          optimiser.set_rate(c, .01 / (1 + step), 1 + step % 2);
          {
            std::optional<detail::capture_scope<typename B::context>> captured;
            if constexpr (!std::is_same_v<B, cpu>) captured.emplace(c);
            optimiser.apply(c, view<T const, 1, B>{loss.data(), {{4}}});
            if (step == 4 || step == 5) optimiser.go_on(c);
          }
          for (auto const& e : store.entries()) {
            found.add(to_host(c, e.p->value));
            if (e.p->wants_grad()) found.add(optimiser.get_velocity(e));
          }
          detail::sgd_control said{};
          c.copy_out(&said, optimiser.control(), sizeof said);
          c.wait();
          bool const is_applied = step != 3 && step != 4 && step != 5;  // the one after the first is not, until go_on
          CHECK((said.finite == 1) == is_applied);
          found.add(std::vector<T>{static_cast<T>(said.norm), static_cast<T>(said.scale)});
        }
        if constexpr (std::is_same_v<B, cpu>) expected = std::move(found);
        else found.check_equal(expected);
      });
    }
}
