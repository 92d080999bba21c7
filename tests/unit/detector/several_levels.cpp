// ResNet with a feature pyramid: five maps from the backbone, proposals from all five, regions from the first four: what a feature pyramid is. A whole detection, and
// steps whose gradients are compared with differences.
#include "frcnn/nn/conv_stack.hpp"
#include "frcnn/roi/deep_pooler.hpp"
#include "frcnn/testing/decisions.hpp"
#include "gradients.hpp"
#include "pyramid.hpp"

#include <numeric>
#include <type_traits>

using namespace detector_tests;

namespace {

constexpr int width = 4;

template <class T, template <class, class> class Pooler = roi::pooler>
struct several {
  using rules = conventions::torchvision;
  using backbone = pyramid<T, width>;
  using generator = region_proposal_network<features<T, cpu, width, 5>, rules>;
  using plain_pooler = Pooler<features<T, cpu, width, 4>, rules>;
  using pooler = roi::deep_pooler<plain_pooler, nn::conv_stack<T, cpu>, roi::rows_of::cells>;
  using head = fast_rcnn_head<features<T, cpu, width, 4>, rules, pooler>;
  using model = faster_rcnn<backbone, generator, head>;

  // deep: as torchvision's fasterrcnn_resnet50_fpn_v2.
  static std::unique_ptr<model> make(roi::pooling kind = roi::pooling::align, bool deep = false) {
    auto of_rpn = narrow_rpn<rules>();
    auto of_head = narrow_head<rules>();
    std::optional<double> const epsilon = deep ? std::optional(1e-5) : std::nullopt;
    std::optional<nn::conv_stack<T, cpu>> layers;
    if (deep) {
      of_rpn.convolutions = 2;
      of_head.fc7 = 0;
      layers.emplace(width, 3, epsilon);
    }
    auto m = std::make_unique<model>(
        backbone(epsilon), generator(make_anchors<rules, 5>({{16}, {32}, {64}, {96}, {128}}, {.5, 1, 2}), {4, 8, 16, 32, 64}, of_rpn),
        head(pooler(plain_pooler({4, 8, 16, 32}, {kind, 3}), std::move(layers)), of_head));
    liven(*m);
    m->parameters().enable_gradients();
    return m;
  }
};

std::vector<scene<double>::size> const sizes{{64, 96}, {60, 96}};  // as detect pads them: every map is half of the one before

// A weight of the first layers moves all that follows, some of it over the corner of a ReLU: a short step goes over few, and
// leaves some rounding in the difference.
testing::gradcheck_options const through_many_layers{.tolerance = 2e-5, .step = 5e-7, .samples = 8, .may_skip = .4};

// The next frame finds nothing that could pass for a gradient.
void poison_arena(cpu::context& c) {
  cpu::context::frame const scope(c);
  std::size_t const bytes = std::max<std::size_t>(c.high_water(), std::size_t{8} << 20);
  std::memset(c.scratch(bytes), 0xff, bytes);
}

}  // namespace

TEST_CASE("5 maps, 5 levels of proposals, 4 of regions: a step's gradients are derivatives") {
  using V = several<double>;
  bool exact = false, deep = false;
  roi::pooling kind{};
  SUBCASE("RoIAlign") { kind = roi::pooling::align; }
  SUBCASE("RoI max pooling") { kind = roi::pooling::max; }
  SUBCASE("RoI warping, exact joint training") { kind = roi::pooling::warp, exact = true; }
  SUBCASE("batch normalisation, convolutions in RPN and head") { deep = true; }
  SUBCASE("the same, RoI warping, exact joint training") { deep = true, kind = roi::pooling::warp, exact = true; }
  auto const model = V::make(kind, deep);
  cpu::context c(1);
  scene<double> here(sizes);
  V::model::tape tape;
  auto const run = [&] {
    std::vector<double> loss(4);
    view<double, 1, cpu> const out{loss.data(), {{4}}};
    if (exact) model->step_exact(c, here.images(), here.objects(), here.random(), tape, out);
    else model->step(c, here.images(), here.objects(), here.random(), tape, out);
    for (double const l : loss) CHECK(l > 0);
    return std::accumulate(loss.begin(), loss.end(), 0.0);
  };
  run();
  testing::replay(c, testing::record(c, tape), tape, exact ? testing::proposals_are::moving : testing::proposals_are::constant);
  take_gradients(*model);
  poison_arena(c);
  check_gradients(*model, run, everywhere, through_many_layers);
}

TEST_CASE("a head of 4 levels alone: the fifth map's gradient, which nobody writes, is zero") {
  using V = several<double>;
  auto const model = V::make();
  cpu::context c(1);
  scene<double> here(sizes);
  V::model::tape tape;
  std::vector<box<double>> given;
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 20; ++i) {
      double const side = 12 + 25 * i;  // regions of all four levels
      given.push_back({i * .7, i * .5, i * .7 + side, i * .5 + side});
    }
  std::vector<std::int32_t> count{20, 18};
  std::vector<double> loss(4);
  auto const run = [&] {
    poison_arena(c);
    auto im = here.images();
    im.regions = {{given.data(), {{2, 20}}}, {count.data(), {{2}}}};
    model->step_head(c, im, here.objects(), here.random(), tape, {loss.data(), {{4}}});
    return loss[2] + loss[3];
  };
  run();
  testing::replay(c, testing::record(c, tape), tape);
  take_gradients(*model);
  check_gradients(
      *model, run, [](std::string const& name) { return !name.starts_with("rpn"); }, through_many_layers);
}

TEST_CASE("5 maps, 5 levels of proposals, 4 of regions: a whole detection, alike in float and double") {
  using V = several<float>;
  auto const narrow = V::make();
  auto const wide = several<double>::make();
  auto const spread_scores = [](auto& store) {  // else most are 1, and their order is that of rounding
    for (auto const* layer : {"cls_score.weight", "bbox_pred.weight"}) {
      auto const& e = store.at(std::string("roi_heads.box_predictor.") + layer);
      auto values = store.get(e);
      for (auto& v : values) v /= 20;
      store.set(e, values);
    }
  };
  spread_scores(narrow->parameters());
  spread_scores(wide->parameters());
  cpu::context c(2);
  scene<float> a({{128, 192}, {120, 192}});
  scene<double> b({{128, 192}, {120, 192}});
  auto const detected = [&]<class T>(auto const& model, scene<T>& s, std::vector<scored_box<T>>& hits) {
    detect_options const o{.score = 0.01f, .max_detections = 20};
    hits.resize(40);
    std::vector<std::int32_t> count(2);
    model.detect(c, s.images(), o, {{hits.data(), {{2, 20}}}, {count.data(), {{2}}}});
    return count;
  };
  std::vector<scored_box<float>> ours;
  std::vector<scored_box<double>> theirs;
  auto const count = detected(*narrow, a, ours);
  CHECK(count == detected(*wide, b, theirs));
  CHECK(count[0] > 0);
  CHECK(count[1] > 0);
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t i = 20 * n; i < 20 * n + std::size_t(count[n]); ++i) {
      CHECK(ours[i].label == theirs[i].label);
      CHECK(ours[i].score == doctest::Approx(theirs[i].score).epsilon(1e-4));
      CHECK(ours[i].where.x1 == doctest::Approx(theirs[i].where.x1).epsilon(1e-3));
      CHECK(ours[i].where.y2 == doctest::Approx(theirs[i].where.y2).epsilon(1e-3));
    }
}

namespace {

// Parts that count what they are asked for.
struct asked {
  int regions_to_maps = 0, proposals_to_maps = 0, backbone = 0;
} counted_calls;

template <class F, class Rules>
struct counting_pooler : roi::align_pooler<F, Rules> {
  using roi::align_pooler<F, Rules>::align_pooler;
  template <class... A>
  void backward(A&&... a) const {
    ++counted_calls.regions_to_maps;
    roi::align_pooler<F, Rules>::backward(std::forward<A>(a)...);
  }
};
template <class Generator>
struct counting_generator : Generator {
  using Generator::Generator;
  template <class C, class Tape, class Rois, class Maps>
  void backward(C& c, Tape& t, Rois d, Maps& df, writing how, writing gradients) {
    counted_calls.proposals_to_maps += is_there(df);
    Generator::backward(c, t, d, df, how, gradients);
  }
};
template <class Backbone>
struct counting_backbone : Backbone {
  template <class C, class Tape, class Maps>
  void backward(C& c, Tape& t, Maps& df, writing gradients) {
    ++counted_calls.backbone;
    Backbone::backward(c, t, df, gradients);
  }
};

}  // namespace

TEST_CASE("a backbone that is frozen at run time: nobody computes d(maps), all other gradients are the same") {
  using V = several<double, counting_pooler>;
  using model_type = faster_rcnn<counting_backbone<V::backbone>, counting_generator<V::generator>, V::head>;
  model_type model(counting_backbone<V::backbone>(),
                   {make_anchors<V::rules, 5>({{16}, {32}, {64}, {96}, {128}}, {.5, 1, 2}), {4, 8, 16, 32, 64}, narrow_rpn<V::rules>()},
                   V::head(V::pooler(V::plain_pooler({4, 8, 16, 32}, 3)), narrow_head<V::rules>()));
  liven(model);
  auto& store = model.parameters();
  store.enable_gradients();
  cpu::context c(1);
  scene<double> here(sizes);
  model_type::tape tape;

  auto const step = [&] {
    counted_calls = {};
    poison_arena(c);
    std::vector<std::vector<double>> gradients;
    auto losses = losses_of_step(model, c, here, tape);
    for (auto const& e : store.entries())
      if (!e.name.starts_with("backbone")) gradients.push_back(store.get_gradient(e));
    return std::pair(losses, gradients);
  };
  auto const before = step();
  CHECK(counted_calls.regions_to_maps == 1);
  CHECK(counted_calls.proposals_to_maps == 1);
  CHECK(counted_calls.backbone == 1);

  store.freeze("backbone");
  for (auto const& e : store.entries()) CHECK(e.p->wants_grad() == !e.name.starts_with("backbone"));
  auto const frozen = step();
  CHECK(counted_calls.regions_to_maps == 0);
  CHECK(counted_calls.proposals_to_maps == 0);
  CHECK(counted_calls.backbone == 0);
  CHECK(same_bits(frozen.first, before.first));
  CHECK(same_bits(frozen.second, before.second));

  store.unfreeze("backbone");
  auto const again = step();
  CHECK(counted_calls.backbone == 1);
  CHECK(same_bits(again.second, before.second));
}
