// The training step, whole and in its halves, against central differences in double, with what it decided held; and how gradients are
// written: set, added, left alone.
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/parity.hpp"
#include "gradients.hpp"

#include <numeric>

using namespace detector_tests;

namespace {

template <class C, roi::pooling Kind, int Rank = 0>
struct variant {
  using conv = C;
  using parts_type = parts<double, C>;
  using model = typename parts_type::model;
  static auto make(double dropout, bool empirical = false) {
    auto head = narrow_head<C>(dropout);
    head.fc6_rank = head.fc7_rank = Rank;
    head.empirical_targets = empirical;
    auto m = parts_type::make(narrow_chain::make(), narrow_rpn<C>(), head, Kind);
    liven(*m);
    if (empirical) {
      std::vector<double> mean(16), deviation(16);
      for (std::size_t i = 0; i < 16; ++i) mean[i] = .02 * static_cast<double>(i), deviation[i] = 1.5 - .05 * static_cast<double>(i);
      auto& store = m->parameters();
      store.set(store.at("roi_heads.box_predictor.target_mean"), mean);
      store.set(store.at("roi_heads.box_predictor.target_deviation"), deviation);
    }
    m->parameters().enable_gradients();
    return m;
  }
};
using sigmoid_align = variant<conventions::torchvision, roi::pooling::align>;
using sigmoid_max = variant<conventions::torchvision, roi::pooling::max>;
using sigmoid_warp = variant<conventions::torchvision, roi::pooling::warp>;
using softmax_align = variant<conventions::caffe, roi::pooling::align>;
using softmax_max = variant<conventions::caffe, roi::pooling::max, 4>;  // fully connected layers of low rank
using softmax_warp = variant<conventions::caffe, roi::pooling::warp, 4>;

std::vector<scene<double>::size> const sizes{{48, 64}, {56, 40}};

}  // namespace

TEST_CASE_TEMPLATE("a whole step: gradients are derivatives of the sum of the four losses", V, sigmoid_align, sigmoid_max, sigmoid_warp,
                   softmax_align, softmax_max) {
  for (double const dropout : {0., .5}) {
    CAPTURE(dropout);
    auto const model = V::make(dropout);
    cpu::context c(1);
    scene<double> here(sizes);
    typename V::model::tape tape;
    auto const first = losses_of_step(*model, c, here, tape);
    for (double const l : first) CHECK(l > 0);
    testing::replay(c, testing::record(c, tape), tape);
    take_gradients(*model);
    check_gradients(
        *model,
        [&] {
          auto const l = losses_of_step(*model, c, here, tape);
          return std::accumulate(l.begin(), l.end(), 0.0);
        },
        everywhere);
  }
}

// Boxes move with the RPN's deltas, and take features and targets with them; which anchors are proposed and sampled is held.
TEST_CASE_TEMPLATE("exact joint training: gradients are derivatives, through proposals into the RPN", V, sigmoid_warp, sigmoid_align,
                   softmax_warp, softmax_max) {
  for (double const dropout : {0., .5}) {
    CAPTURE(dropout);
    auto const model = V::make(dropout, dropout > 0);  // and targets normalised by class, which move too
    cpu::context c(1);
    scene<double> here(sizes);
    typename V::model::tape tape;
    auto const run = [&] {
      std::vector<double> loss(4);
      model->step_exact(c, here.images(), here.objects(), here.random(), tape, {loss.data(), {{4}}});
      return std::accumulate(loss.begin(), loss.end(), 0.0);
    };
    double const first = run();
    auto const decided = testing::record(c, tape);
    CHECK(std::ranges::any_of(decided.roi_proposal.values, [&](std::int32_t j) { return j >= 0; }));
    testing::replay(c, decided, tape, testing::proposals_are::moving);
    poison(*model, c, tape);
    CHECK(run() == first);
    take_gradients(*model);
    check_gradients(*model, run, [](std::string const& name) { return name.find("box_predictor.target_") == name.npos; });
    // The way through the proposals is no trifle: without it the same step's gradients are others, and for the RPN alone.
    auto const exact = take_gradients(*model);
    losses_of_step(*model, c, here, tape);
    auto const approximate = take_gradients(*model);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      auto const& name = model->parameters().entries()[i].name;
      CAPTURE(name);
      bool const same = testing::compare(exact[i], approximate[i], 1e-3).ok;
      if (name.starts_with("rpn.head.bbox_pred")) CHECK_FALSE(same);
      if (name.starts_with("rpn.head.cls_logits") || name.starts_with("roi_heads")) CHECK(same);
    }
  }
}

TEST_CASE_TEMPLATE("the RPN alone: the head is left alone", V, sigmoid_align, softmax_max) {
  auto const model = V::make(0);
  cpu::context c(1);
  scene<double> here(sizes);
  typename V::model::tape tape;
  std::vector<double> loss(4);
  auto const run = [&] {
    model->step_rpn(c, here.images(), here.objects(), here.random(), tape, {loss.data(), {{4}}});
    CHECK(loss[2] == 0);
    CHECK(loss[3] == 0);
    return loss[0] + loss[1];
  };
  run();
  testing::replay(c, testing::record(c, tape), tape);
  poison(*model, c, tape);
  take_gradients(*model);
  check_gradients(*model, run, [](std::string const& name) { return !name.starts_with("roi_heads"); });
  CHECK(std::isnan(model->parameters().get_gradient(model->parameters().at("roi_heads.box_predictor.cls_score.weight"))[0]));
}

TEST_CASE_TEMPLATE("the head alone, on given regions: the RPN is left alone", V, sigmoid_align, softmax_max) {
  auto const model = V::make(.5);
  cpu::context c(1);
  scene<double> here(sizes);
  typename V::model::tape tape;
  std::vector<box<double>> given;
  for (int i = 0; i < 40; ++i) given.push_back({i * .7, i * .5, i * .7 + 11, i * .5 + 17});
  std::vector<std::int32_t> count{20, 18};
  std::vector<double> loss(4);
  auto const run = [&] {
    auto images = here.images();
    images.regions = {{given.data(), {{2, 20}}}, {count.data(), {{2}}}};
    model->step_head(c, images, here.objects(), here.random(), tape, {loss.data(), {{4}}});
    CHECK(loss[0] == 0);
    CHECK(loss[1] == 0);
    return loss[2] + loss[3];
  };
  run();
  // Sampled from the given regions and the truth, and from nothing else.
  auto const d = testing::record(c, tape);
  std::size_t from_given = 0, live = 0;
  for (std::size_t i = 0; i < d.rois.values.size(); ++i) {
    if (d.roi_label.values[i] < 0) continue;
    ++live;
    auto const is = [&](box<double> const& b) { return b == d.rois.values[i]; };
    bool const one = std::any_of(given.begin(), given.end(), is);
    CHECK((one || std::any_of(here.boxes.begin(), here.boxes.end(), is)));
    from_given += one;
  }
  CHECK(live == 32);
  CHECK(from_given > 20);
  testing::replay(c, d, tape);
  poison(*model, c, tape);
  take_gradients(*model);
  check_gradients(*model, run, [](std::string const& name) { return !name.starts_with("rpn"); });
}

TEST_CASE_TEMPLATE("the first writer sets: nothing left from before is read", V, sigmoid_align, sigmoid_max, softmax_align, softmax_max) {
  for (double const dropout : {0., .5}) {
    auto const model = V::make(dropout);
    cpu::context c(2);
    scene<double> here(sizes), larger({{72, 88}, {64, 96}}, 3);
    typename V::model::tape clean, used;
    poison(*model, c, clean);
    auto const losses = losses_of_step(*model, c, here, clean);
    auto const gradients = take_gradients(*model);
    for (auto const& g : gradients)
      for (double const v : g) CHECK(std::isfinite(v));
    losses_of_step(*model, c, larger, used);  // grows every buffer of the tape
    take_gradients(*model);
    poison(*model, c, used);
    CHECK(same_bits(losses_of_step(*model, c, here, used), losses));
    CHECK(same_bits(take_gradients(*model), gradients));
  }
}

TEST_CASE_TEMPLATE("further micro-batches add", V, sigmoid_align, softmax_max) {
  auto const model = V::make(.5);
  cpu::context c(2);
  scene<double> one(sizes, 1), two({{64, 64}}, 2);
  typename V::model::tape tape;
  losses_of_step(*model, c, one, tape);
  auto const of_one = take_gradients(*model);
  losses_of_step(*model, c, two, tape);
  auto const of_two = take_gradients(*model);
  losses_of_step(*model, c, one, tape);
  losses_of_step(*model, c, two, tape, part_set::all());
  auto const of_both = take_gradients(*model);
  for (std::size_t i = 0; i < of_both.size(); ++i) {
    auto sum = of_one[i];
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += of_two[i][k];
    auto const report = testing::compare(of_both[i], sum, 1e-12);
    CHECK_MESSAGE(report.ok, model->parameters().entries()[i].name, ": ", report.describe());
    CHECK_FALSE(testing::compare(of_both[i], of_two[i], 1e-3).ok);
  }
}

TEST_CASE("frozen layers get no gradient and change nobody else's") {
  using conv = conventions::torchvision;
  auto half_frozen = narrow_chain::make();
  half_frozen.frozen = 3;
  auto const free = parts<double>::make(narrow_chain::make(), narrow_rpn<conv>(), narrow_head<conv>());
  auto const frozen = parts<double>::make(half_frozen, narrow_rpn<conv>(), narrow_head<conv>());
  cpu::context c(1);
  scene<double> here(sizes);
  liven(*free);
  liven(*frozen);
  free->parameters().enable_gradients();
  frozen->parameters().enable_gradients();
  std::remove_reference_t<decltype(*free)>::tape a;
  std::remove_reference_t<decltype(*frozen)>::tape b;
  CHECK(same_bits(losses_of_step(*free, c, here, a), losses_of_step(*frozen, c, here, b)));
  std::size_t without = 0;
  for (auto const& e : frozen->parameters().entries()) {
    CAPTURE(e.name);
    bool const early = e.name.starts_with("backbone.0.") || e.name.starts_with("backbone.2.") || e.name.starts_with("backbone.4.");
    CHECK(e.p->wants_grad() == !early);
    without += early;
    if (!early) CHECK(same_bits(frozen->parameters().get_gradient(e), free->parameters().get_gradient(free->parameters().at(e.name))));
  }
  CHECK(without == 6);
}
