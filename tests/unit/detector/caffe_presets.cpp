// The presets of the paper: what they say, and a narrow one of their kind that trains, is saved and comes back.
#include "frcnn/load.hpp"
#include "frcnn/presets/unshared.hpp"
#include "frcnn/presets/vgg16.hpp"
#include "frcnn/presets/zf.hpp"
#include "frcnn/train/empirical_targets.hpp"

#include "../io/scratch.hpp"
#include "narrow_preset.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using zf = presets::zf<cpu>;
using vgg = presets::vgg16<cpu>;

// ZF's kinds of stages with few channels.
backbone::chain narrow_zf_chain() {
  lrn_spec const norm{3, .5, 0.75, 1, lrn_region::within_channel};
  return {{backbone::conv(4, 7, 2), backbone::lrn(norm), backbone::pool(3, 2, 1), backbone::conv(8, 5, 2), backbone::pool(3, 2, 1),
           backbone::conv(12)}};
}

struct narrow_caffe : presets::plain_caffe<any_channels, cpu, float> {
  using base = presets::plain_caffe<any_channels, cpu, float>;
  static constexpr char const* name = "narrow caffe";

  static typename base::config_type config(std::vector<std::string> classes = {"disc", "bar", "ring"}) {
    auto c = base::config_of(name, narrow_zf_chain(), 3, std::move(classes));
    c.anchor_sizes = {{24, 48, 96}};
    c.short_side = 64;
    c.max_side = 128;
    c.proposals = narrow_rpn<conventions::caffe>();
    c.head = narrow_head<conventions::caffe>(.5);
    c.head.dropout_form = nn::dropout_form::in_testing;
    return c;
  }
  template <class Model>
  static void freeze_published(Model& model) {
    base::freeze_layers(model, {"0", "4"});
  }
};

image noise(int w, int h) {
  image im(w, h);
  host_rng draws(4, draw::test);
  for (auto& v : im.pixels) v = static_cast<std::uint8_t>(draws.bits());
  return im;
}
template <class Detector>
std::vector<float> numbers(Detector const& d) {
  std::vector<float> all;
  for (auto const& f : d.detect(noise(150, 90), {.score = .01f}))
    all.insert(all.end(), {f.score, f.where.x1, f.where.y1, f.where.x2, f.where.y2, static_cast<float>(f.label)});
  return all;
}

template <class Preset>
spec_json spec_of(typename Preset::config_type const& config) {
  return spec_writer("m").write(config);
}

// What freeze_published asks for of a model.
struct backbone_alone {
  backbone::plain<any_channels, float, cpu, conventions::caffe> part;
  parameter_store<float, cpu> store;
  explicit backbone_alone(backbone::chain c) : part(std::move(c)) { store.bind(part); }
  parameter_store<float, cpu>& parameters() { return store; }
  std::vector<std::string> frozen() const {
    std::vector<std::string> names;
    for (auto const& e : store.entries())
      if (e.p->kind == param_kind::frozen && e.name.ends_with(".weight")) names.push_back(e.name);
    std::sort(names.begin(), names.end());
    return names;
  }
};

}  // namespace

TEST_CASE("zf and vgg16 have the release's numbers, and their files say them") {
  for (auto const& spec : {spec_of<zf>(zf::config({"cat"})), spec_of<vgg>(vgg::config({"cat"}))}) {
    CHECK(spec["input"]["short_side"] == 600);
    CHECK(spec["input"]["max_side"] == 1000);
    CHECK(spec["input"]["normalisation"]["order"] == "bgr");
    CHECK(spec["input"]["normalisation"]["mean"] == spec_json{102.9801, 115.9465, 122.7717});
    CHECK(spec["input"]["normalisation"]["range"] == 255);
    CHECK(spec["anchors"]["sizes"] == spec_json::parse("[[128,256,512]]"));
    CHECK(spec["convention"]["name"] == "caffe");
    CHECK(spec["convention"]["proposal_min_side"] == 16);
    CHECK(spec["convention"]["objectness"] == "softmax");
    CHECK(spec["convention"]["head_coder"]["weight"] == spec_json{10, 10, 5, 5});
    CHECK(spec["proposals"]["train"] == spec_json{{"before_nms", 12000}, {"after_nms", 2000}});
    CHECK(spec["proposals"]["test"] == spec_json{{"before_nms", 6000}, {"after_nms", 300}});
    CHECK(spec["pooler"] == "RoIPool");
    CHECK(spec["head"]["fc6"] == 4096);
    CHECK(spec["head"]["detections"] == spec_json{{"score", .05}, {"nms", .3}, {"max_detections", 100}});
    CHECK(spec["dropout"]["fraction"] == .5);
    CHECK(spec["targets"] == "fixed");
  }
  auto const of_zf = spec_of<zf>(zf::config({"cat"})), of_vgg = spec_of<vgg>(vgg::config({"cat"}));
  CHECK(of_zf["pooling"]["pooled"] == 6);
  CHECK(of_vgg["pooling"]["pooled"] == 7);
  CHECK(of_zf["dropout"]["scaled"] == "in testing");
  CHECK(of_vgg["dropout"]["scaled"] == "in training");
  CHECK(of_zf["backbone"] ==
        "conv 96 7x7/2 pad 3, lrn within a channel 3 alpha 5e-05 beta 0.75 k 1, pool 3x3/2 pad 1 ceil, conv 256 5x5/2 pad 2, lrn within a "
        "channel 3 alpha 5e-05 beta 0.75 k 1, pool 3x3/2 pad 1 ceil, conv 384 3x3/1 pad 1, conv 384 3x3/1 pad 1, conv 256 3x3/1 pad 1");
  CHECK(of_vgg["backbone"].get<std::string>().find("pool 2x2/2 pad 0 ceil") != std::string::npos);
}

TEST_CASE("zf and vgg16: maps of the release for 600, 800, 1000 pixels; what it freezes") {
  backbone_alone z(backbone::zf_chain());
  backbone_alone v(backbone::vgg16_chain());
  for (auto const& [side, of_zf, of_vgg] : {std::array{600, 39, 38}, std::array{800, 51, 50}, std::array{1000, 64, 63}}) {
    CHECK(z.part.map_shape(0, {{1, 3, side, 600}}) == shape<4>{{1, 256, of_zf, 39}});
    CHECK(v.part.map_shape(0, {{1, 3, side, 600}}) == shape<4>{{1, 512, of_vgg, 38}});
  }
  zf::freeze_published(z);
  CHECK(z.frozen().empty());
  CHECK(v.frozen().empty());  // without weights nothing is
  vgg::freeze_published(v);
  CHECK(v.frozen() == std::vector<std::string>{"backbone.0.weight", "backbone.2.weight", "backbone.5.weight", "backbone.7.weight"});
}

TEST_CASE("an unshared network: what the release freezes stays in both backbones") {
  auto const config = presets::unshared<narrow_caffe>::config({"disc", "bar", "ring"});
  auto const model = presets::unshared<narrow_caffe>::make(config);
  presets::unshared<narrow_caffe>::freeze_published(*model);
  int frozen = 0;
  for (auto const& e : model->parameters().entries()) {
    CAPTURE(e.name);
    bool const early = e.name.starts_with("backbone.0.") || e.name.starts_with("backbone.4.") || e.name.starts_with("rpn.backbone.0.") ||
                       e.name.starts_with("rpn.backbone.4.");
    CHECK((e.p->kind == param_kind::frozen) == early);
    frozen += early;
  }
  CHECK(frozen == 8);
}

TEST_CASE("the release's solvers: the rate drops after the step it names") {
  using coco = zf::family::coco_protocol;
  for (auto const& [solver, drop, steps, images, rate] :
       {std::tuple{zf::training(), 50000, 70000, 2, .001}, std::tuple{vgg::training_of_rpn(), 60000, 80000, 1, .001},
        std::tuple{vgg::training_of_head(), 30000, 40000, 2, .001}, std::tuple{coco::training(), 350000, 490000, 2, .001},
        std::tuple{coco::training_of_rpn(), 240000, 320000, 8, .003}, std::tuple{coco::training_of_head(), 240000, 320000, 16, .003},
        std::tuple{vgg::training_of_fast_rcnn(), 30000, 40000, 2, .001},
        std::tuple{coco::training_of_fast_rcnn(), 200000, 280000, 2, .001}}) {
    CHECK(solver.rate.steps == steps);
    CHECK(solver.rate.at(0) == rate);
    CHECK(solver.rate.at(drop - 1) == rate);
    CHECK(solver.rate.at(drop) == doctest::Approx(rate / 10));
    CHECK(solver.batch * solver.accumulate == images);
    CHECK(solver.optimiser.clip_norm == 0);
    CHECK(solver.optimiser.decay == 5e-4);
  }
}

TEST_CASE("their chains are made for pixels that are divided by nothing") {
  CHECK(vgg::config({"a"}).chain.input_deviation == doctest::Approx(255 * .226));
  CHECK(zf::config({"a"}).chain.input_deviation == doctest::Approx(255 * .226));
}

TEST_CASE("a detector of their kind trains, halves fc6 and fc7 in testing, is saved and comes back") {
  ::scratch const folder;
  for (bool const empirical : {false, true}) {
    CAPTURE(empirical);
    auto config = narrow_caffe::config();
    config.head.empirical_targets = empirical;
    detector<narrow_caffe> d(config, 1);
    liven(d.model());
    target_table table{std::vector<double>(16, 0), std::vector<double>(16, 1)};
    if (empirical) {
      for (std::size_t i = 4; i < 16; ++i)
        table.mean[i] = .1 * static_cast<double>(i), table.deviation[i] = .5 + .05 * static_cast<double>(i);
      table.give_to(d.model().parameters());
    }
    cpu::context c(1);
    memory_feed const pictures(memory_feed::eight_sizes());
    trainer<narrow_caffe::model> t(d.model(), c, d.make_input(), {.rate = {.lr = 1e-4, .steps = 4}});
    std::vector<double> losses;
    t.hooks.on_step = [&](step_report const& r) { losses.push_back(r.total()); };
    t.run(pictures);
    t.flush();
    CHECK(losses.size() == 4);
    for (double const loss : losses) CHECK(is_finite(loss));

    auto const before = numbers(d);
    CHECK(before.size() > 6);
    save(d, folder.path / "m.safetensors");
    auto const back = load<narrow_caffe>(folder.path / "m.safetensors", 1);
    CHECK(numbers(back) == before);
    CHECK(back.config().head.empirical_targets == empirical);
    CHECK(back.config().head.dropout_form == nn::dropout_form::in_testing);
    auto& store = d.model().parameters();

    if (empirical) {
      // As the release saves it: the predictor's rows times the deviation, plus the mean.
      auto plain = config;
      plain.head.empirical_targets = false;
      detector<narrow_caffe> same(plain, 1);
      for (auto const& e : same.model().parameters().entries()) same.model().parameters().set(e, store.get(store.at(e.name)));
      auto weight = store.get(store.at("roi_heads.box_predictor.bbox_pred.weight")),
           bias = store.get(store.at("roi_heads.box_predictor.bbox_pred.bias"));
      for (std::size_t i = 0; i < weight.size(); ++i) weight[i] *= static_cast<float>(table.deviation[i / (weight.size() / 16)]);
      for (std::size_t i = 0; i < 16; ++i) bias[i] = bias[i] * static_cast<float>(table.deviation[i]) + static_cast<float>(table.mean[i]);
      auto& to = same.model().parameters();
      to.set(to.at("roi_heads.box_predictor.bbox_pred.weight"), weight);
      to.set(to.at("roi_heads.box_predictor.bbox_pred.bias"), bias);
      auto const absorbed = numbers(same);
      REQUIRE(absorbed.size() == before.size());
      for (std::size_t i = 0; i < before.size(); ++i) CHECK(absorbed[i] == doctest::Approx(before[i]).epsilon(1e-4));
      continue;
    }
    // With inverted dropout, halved weights of the layers behind give the same.
    auto inverted = config;
    inverted.head.dropout_form = nn::dropout_form::inverted;
    detector<narrow_caffe> same(inverted, 1);
    auto& to = same.model().parameters();
    for (auto const& e : to.entries()) {
      auto values = store.get(store.at(e.name));
      bool const is_behind =
          e.name.ends_with(".weight") && (e.name.find("fc7") != std::string::npos || e.name.find("box_predictor") != std::string::npos);
      if (is_behind)
        for (auto& v : values) v *= .5f;
      to.set(e, values);
    }
    CHECK(numbers(same) == before);
  }
}

// models/coco/VGG16/faster_rcnn_end2end: 'scales' 4, 8, 16, 32; rpn_cls_score of 24 outputs and rpn_bbox_pred of 48; no dropout layer.
// experiments/cfgs/faster_rcnn_end2end.yml and lib/fast_rcnn/config.py: BG_THRESH_LO 0, BG_THRESH_HI .5, SCALES 600, MAX_SIZE 1000.
TEST_CASE("the protocol of COCO: the release's constants") {
  auto c = vgg::config({});
  vgg::family::coco_protocol::apply_to(c);
  auto const anchors = make_anchors<conventions::caffe, 1>(c.anchor_sizes, c.anchor_ratios);
  CHECK(anchors.per_cell() == 12);
  // lib/rpn/generate_anchors.py, in half-open boxes: the first of each ratio
  CHECK(anchors.base[0][0] == box<float>{-38, -16, 54, 32});
  CHECK(anchors.base[0][4] == box<float>{-24, -24, 40, 40});
  CHECK(anchors.base[0][8] == box<float>{-14, -36, 30, 52});
  CHECK(c.short_side == 600);
  CHECK(c.max_side == 1000);
  CHECK(c.head.dropout == 0);
  CHECK(c.head.target.background_low == 0);
  CHECK(c.head.target.background_high == .5);
}
