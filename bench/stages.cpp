// Stages of detection and of a training step, each on what the one before it gives, and each a graph where the device makes some.
//
//   detection, one image     backbone, rpn (3x3 and siblings), proposals, regions (pooling to detections)
//   training, a whole batch  train_backbone, train_rpn (with targets and losses), train_proposals, train_regions (targets to losses),
//                            rpn_backward, regions_backward, backbone_backward, update
#include "lively.hpp"
#include "suite.hpp"

namespace bench {
namespace {

using frcnn::writing;

// Everything that a stage reads, computed once; what it writes has its own place.
template <class Preset>
struct scene {
  lively<Preset>& alive;
  typename Preset::model& model;
  context& c;
  random_batch<Preset> input;
  frcnn::maps<float, 1, device> f{}, df{};
  typename Preset::model::tape tape;
  counted<box<float>, 2, device> rois;
  view<float, 1, device> rpn_loss, head_loss;
  frcnn::rng<device> rng;

  scene(context& c, int n, int h, int w, phase ph) : alive(lively<Preset>::get(ph)), model(alive.model()), c(c), input(c, n, h, w) {
    shape<4> const map = model.backbone().map_shape(0, input.images.pixels.dims);
    f.level[0] = c.make<float>(map);
    df.level[0] = activated(c, map, numbers(map.size(), -1e-3f, 1e-3f));
    rois = frcnn::scratch_counted<box<float>, device>(c, n, model.generator().capacity(ph));
    rpn_loss = uploaded(c, values(2, 0.f));
    head_loss = uploaded(c, values(2, 0.f));
    rng = {uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0})};
    if (ph == phase::train) {
      train_backbone();
      train_rpn();
      proposals(ph);
      train_regions();
    } else {
      model.backbone().infer(c, input.images, f);
      rpn();
      proposals(ph);
    }
  }

  void rpn() { model.generator().forward(c, input.images, f, tape.proposals); }
  void proposals(phase ph) { model.generator().propose(c, input.images, tape.proposals, ph, rois); }
  void train_backbone() { model.backbone().forward(c, input.images, f, tape.backbone); }
  void train_rpn() {
    rpn();
    model.generator().targets(c, input.images, input.truth, rng, tape.proposals);
    model.generator().loss(c, input.images, input.truth, tape.proposals, rpn_loss);
  }
  void train_regions() {
    model.head().targets(c, input.images, rois, input.truth, rng, tape.head);
    model.head().forward(c, input.images, f, tape.head);
    model.head().loss(c, input.images, input.truth, tape.head, head_loss);
  }
  void rpn_backward() { model.generator().backward(c, tape.proposals, {}, df, writing::set); }
  void regions_backward() { model.head().backward(c, tape.head, {}, df, writing::add); }
  void backbone_backward() { model.backbone().backward(c, tape.backbone, df); }
};

// Linear layers of the head over so many rows.
template <class Preset>
double head_flops(typename Preset::model const& model, double rows) {
  double weights = 0;
  for (auto const& e : model.parameters().entries())
    if (e.name.starts_with("roi_heads.") && e.name.ends_with(".weight")) weights += static_cast<double>(e.p->size());
  return 2 * rows * weights;
}

template <class Preset>
std::string wrong_map(scene<Preset> const& s) {
  return not_finite(downloaded(s.c, s.f.level[0]));
}
template <class Preset>
std::string wrong_count(scene<Preset> const& s) {
  for (auto const n : frcnn::to_host(s.c, s.rois.count))
    if (n != s.rois.rows.dims[1]) return not_equal("live proposals", n, s.rois.rows.dims[1]);
  return "";
}
// The gradient of every parameter that learns whose name begins so.
template <class Preset>
std::string wrong_gradients(scene<Preset> const& s, char const* scope) {
  auto const& store = s.model.parameters();
  for (auto const& e : store.entries())
    if (e.name.starts_with(scope) && e.p->wants_grad())
      if (auto const wrong = not_finite(store.get_gradient(e)); !wrong.empty()) return e.name + ": " + wrong;
  return "";
}

template <class Preset>
void add_stages_of(int h, int w) {
  int const batch = Preset::training().batch;
  auto const add_stage = [=](char const* stage, int n, phase ph, auto describe) {
    add(image_name(std::string("stage/") + stage, Preset::name, h, w), benchmark::kMillisecond, [=](context& c) {
      auto const s = std::make_shared<scene<Preset>>(c, n, h, w, ph);
      job j = recorded(c, describe(s, layers_of_preset<Preset>(n, h, w)));
      j.label = "batch " + std::to_string(n);
      return j;
    });
  };
  using ptr = std::shared_ptr<scene<Preset>>;

  add_stage("backbone", 1, phase::test, [](ptr s, layers const& l) {
    return job{.run = [s] { s->model.backbone().infer(s->c, s->input.images, s->f); },
               .wrong = [s] { return wrong_map(*s); },
               .flops = l.flops(l.backbone)};
  });
  add_stage("rpn", 1, phase::test, [](ptr s, layers const& l) {
    return job{.run = [s] { s->rpn(); },
               .wrong = [s] { return not_finite(frcnn::to_host(s->c, s->tape.proposals.logits)); },
               .flops = l.flops(l.rpn)};
  });
  add_stage("proposals", 1, phase::test, [](ptr s, layers const&) {
    return job{.run = [s] { s->proposals(phase::test); },
               .wrong = [s] { return wrong_count(*s); },
               .counters = {{"live_rois", s->rois.rows.dims[1]}}};
  });
  add_stage("regions", 1, phase::test, [](ptr s, layers const&) {
    auto const o = complete(frcnn::detect_options(), s->model.head());
    auto const hits = frcnn::scratch_counted<frcnn::scored_box<float>, device>(s->c, 1, *o.max_detections);
    view<frcnn::detect_thresholds const, 1, device> const thresholds =
        uploaded(s->c, shape<1>{{1}}, std::vector{frcnn::detect_thresholds::of<std::remove_cvref_t<decltype(s->model.head())>>(o)});
    auto run = [s, thresholds, hits] { s->model.head().infer(s->c, s->input.images, s->f, s->rois, thresholds, hits); };
    run();
    return job{.run = run,
               .wrong = [s, hits] { return frcnn::to_host(s->c, hits.count)[0] > 0 ? wrong_count(*s) : "no detections"; },
               .flops = head_flops<Preset>(s->model, s->rois.rows.dims[1]),
               .counters = {{"detections", frcnn::to_host(s->c, hits.count)[0]}, {"live_rois", s->rois.rows.dims[1]}}};
  });

  add_stage("train_backbone", batch, phase::train, [](ptr s, layers const& l) {
    return job{.run = [s] { s->train_backbone(); }, .wrong = [s] { return wrong_map(*s); }, .flops = l.flops(l.backbone)};
  });
  add_stage("train_rpn", batch, phase::train, [](ptr s, layers const& l) {
    return job{
        .run = [s] { s->train_rpn(); }, .wrong = [s] { return not_finite(frcnn::to_host(s->c, s->rpn_loss)); }, .flops = l.flops(l.rpn)};
  });
  add_stage("train_proposals", batch, phase::train, [](ptr s, layers const&) {
    return job{.run = [s] { s->proposals(phase::train); },
               .wrong =
                   [s] {
                     for (auto const n : frcnn::to_host(s->c, s->rois.count))
                       if (n < 300) return not_equal("live proposals", n, 300);
                     return std::string();
                   },
               .counters = {{"live_rois", frcnn::to_host(s->c, s->rois.count)[0]}}};
  });
  double const sampled = [=] { return static_cast<double>(batch); }();
  add_stage("train_regions", batch, phase::train, [=](ptr s, layers const&) {
    return job{.run = [s] { s->train_regions(); },
               .wrong = [s] { return not_finite(frcnn::to_host(s->c, s->head_loss)); },
               .flops = head_flops<Preset>(s->model, sampled * s->model.head().options().target.batch)};
  });
  add_stage("rpn_backward", batch, phase::train, [](ptr s, layers const& l) {
    return job{.run = [s] { s->rpn_backward(); }, .wrong = [s] { return wrong_gradients(*s, "rpn."); }, .flops = 2 * l.flops(l.rpn)};
  });
  add_stage("regions_backward", batch, phase::train, [=](ptr s, layers const&) {
    return job{.run = [s] { s->regions_backward(); },
               .wrong = [s] { return wrong_gradients(*s, "roi_heads."); },
               .flops = 2 * head_flops<Preset>(s->model, sampled * s->model.head().options().target.batch)};
  });
  add_stage("backbone_backward", batch, phase::train, [](ptr s, layers const& l) {
    // Weights of what learns, data down to it.
    double flops = 0;
    auto const frozen = static_cast<std::size_t>(chain_of_preset<Preset>().frozen);
    for (std::size_t i = frozen; i < l.backbone.size(); ++i) flops += (i > frozen ? 2 : 1) * l.backbone[i].flops();
    return job{.run = [s] { s->backbone_backward(); }, .wrong = [s] { return wrong_gradients(*s, "backbone."); }, .flops = flops};
  });
  add_stage("update", batch, phase::train, [](ptr s, layers const&) {
    s->rpn_backward(), s->regions_backward(), s->backbone_backward();
    auto const optimiser = std::make_shared<frcnn::sgd<float, device>>(s->model.parameters(), Preset::training().optimiser);
    double moved = 0;
    for (auto const& e : s->model.parameters().entries())
      if (e.p->wants_grad()) moved += 5.0 * sizeof(float) * static_cast<double>(e.p->size());
    optimiser->set_rate(s->c, 0, 1);  // the same work, and the weights stay lively
    return job{.run = [s, optimiser] { optimiser->apply(s->c, view<float const, 1, device>(s->head_loss)); },
               .wrong = [s, optimiser] { return not_finite_update(s->c, *optimiser); },
               .bytes = moved};
  });
}

}  // namespace

void add_stages() {
  add_stages_of<frcnn::presets::small_net<device>>(300, 400);
  add_stages_of<frcnn::presets::vgg16_tv<device>>(600, 800);
}

}  // namespace bench
