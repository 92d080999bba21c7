// The two figures that count: an image to its detections, and a training step.
//
//   detect          an 8-bit image of 8/5 the size to boxes: resizing, normalising, network, post-processing
//                   _compressed: fc6 and fc7 of low rank; others are the device's (engine.hpp)
//   detect_batch    images on the device, resized and normalised, to their detections on the host
//   detect_regions  the same, given the 300 regions of each image that the RPN would propose: what detect_batch takes longer, the RPN takes
//   step            approximate joint training: four losses, all gradients, the update; on the preset's batch and on one of four
// As in the library, the network of each is one recorded piece of work: a graph, where the device makes some.
#include "lively.hpp"
#include "suite.hpp"

namespace bench {
namespace {

template <class Context>
double arena_bytes([[maybe_unused]] Context& c) {
  if constexpr (requires { c.high_water(); }) return static_cast<double>(c.high_water());
  else return 0;
}

template <class Lively>
job detect(options const& options, int h, int w) {
  using detector_type = typename Lively::detector_type;
  using convention = typename Lively::preset::convention;
  auto& d = Lively::get().detector();
  auto const session = std::make_shared<typename detector_type::session>(d, options);
  auto const im = std::make_shared<frcnn::image>(random_image(h * 8 / 5, w * 8 / 5));
  auto const plan = convention::resize(im->width, im->height, d.config().short_side, d.config().max_side);
  auto const live = static_cast<double>(d.propose(*session, *im).size()), found = static_cast<double>(d.detect(*session, *im).size());
  return {.run = [=, &d] { benchmark::DoNotOptimize(d.detect(*session, *im).data()); },
          .wrong =
              [=, &d] {
                if (plan.h != h || plan.w != w) return not_equal("resized height", plan.h, h) + not_equal("resized width", plan.w, w);
                auto const now = static_cast<double>(d.detect(*session, *im).size());
                return found > 0 ? not_equal("live proposals", live, 300) + not_equal("detections", now, found) : "no detections";
              },
          .images = 1,
          .counters = {{"live_rois", live}, {"detections", found}, {"arena_mbyte", 1e-6 * arena_bytes(session->context())}},
          .on = &session->context(),
          .warm_up = until_graph,
          .result_waits = 1};
}

template <class Preset>
struct detection_work {
  lively<Preset>& alive = lively<Preset>::get();
  random_batch<Preset> input;
  counted<box<float>, 2, device> rois;
  counted<frcnn::scored_box<float>, 2, device> hits;
  view<frcnn::detect_thresholds const, 1, device> thresholds;
  frcnn::readback<frcnn::scored_box<float>, device> found;
  frcnn::readback<std::int32_t, device> count;

  detection_work(context& c, int n, int h, int w, bool is_given) : input(c, n, h, w) {
    auto const& m = alive.model();
    auto const o = complete(frcnn::detect_options(), m.head());
    rois = frcnn::scratch_counted<box<float>, device>(c, n, m.generator().capacity(phase::test));
    hits = frcnn::scratch_counted<frcnn::scored_box<float>, device>(c, n, *o.max_detections);
    thresholds = uploaded(c, shape<1>{{1}}, std::vector{frcnn::detect_thresholds::of<std::remove_cvref_t<decltype(m.head())>>(o)});
    m.propose(c, input.images, phase::test, rois);
    if (is_given) input.images.regions = {rois.rows, rois.count};
  }
  void run(context& c) {
    frcnn::recorded(
        c, [&](frcnn::call_key& key) { key.add(this); },
        [&] { return alive.model().detect(c, input.images, thresholds, hits), std::uint64_t{0}; });
    count.start(c, hits.count.data, hits.count.size());
    found.start(c, hits.rows.data, hits.rows.size());
    benchmark::DoNotOptimize(found.get().data());
  }
};

template <class Preset>
job detect_batch(context& c, int n, int h, int w, bool is_given) {
  auto const s = std::make_shared<detection_work<Preset>>(c, n, h, w, is_given);
  s->run(c);
  auto const live = frcnn::to_host(c, s->rois.count), found = frcnn::to_host(c, s->hits.count);
  return {.run = [s, &c] { s->run(c); },
          .wrong =
              [=, &c] {
                auto const now = frcnn::to_host(c, s->hits.count);
                for (std::size_t i = 0; i < now.size(); ++i) {
                  if (now[i] == 0) return std::string("no detections");
                  if (live[i] != 300 || now[i] != found[i])
                    return not_equal("live proposals", live[i], 300) + not_equal("detections", now[i], found[i]);
                }
                return std::string();
              },
          .images = static_cast<double>(n),
          .counters = {{"live_rois", live[0]}, {"detections", found[0]}},
          .warm_up = until_graph,
          .result_waits = 1};
}

template <class Preset>
struct training_work {
  lively<Preset>& alive = lively<Preset>::get(phase::train);
  random_batch<Preset> input;
  typename Preset::model::tape tape;
  frcnn::sgd<float, device> optimiser;
  view<float, 1, device> loss;
  frcnn::rng<device> rng;

  training_work(context& c, int n, int h, int w)
      : input(c, n, h, w),
        optimiser(alive.model().parameters(), Preset::training().optimiser),
        loss(uploaded(c, values(4, 0.f))),
        rng{uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0})} {}

  // As a trainer's, without what its feed and its reports copy.
  void run(context& c) {
    auto& m = alive.model();
    optimiser.set_rate(c, 0, 1);  // the same work, and the weights stay lively
    frcnn::recorded(
        c, [&](frcnn::call_key& key) { key.add(this); },
        [&] {
          m.step(c, input.images, input.truth, rng, tape, loss);
          optimiser.apply(c, view<float const, 1, device>(loss));
          return std::uint64_t{0};
        });
    m.parameters().changed(frcnn::part_set::all());
  }
};

template <class Preset>
job step(context& c, int n, int h, int w) {
  auto const s = std::make_shared<training_work<Preset>>(c, n, h, w);
  return {.run = [s, &c] { s->run(c); },
          .wrong =
              [s, &c] {
                auto const loss = frcnn::to_host(c, s->loss);
                for (float const l : loss)
                  if (!(l > 0)) return not_finite(loss) + not_equal("a loss", l, 1, 0.999);
                return not_finite_update(c, s->optimiser);
              },
          .images = static_cast<double>(n),
          .label = "batch " + std::to_string(n),
          .warm_up = until_graph};
}

template <class Preset, int fc6_rank, int fc7_rank>
void add_detector(int h, int w) {
  constexpr auto ms = benchmark::kMillisecond;
  auto const name = [=](char const* kind) { return image_name(kind, Preset::name, h, w); };
  using full = lively<Preset>;
  add(name("detect"), ms, [=](context& c) { return detect<full>(c.options(), h, w); });
  for (auto const& v : variants())
    add_for(v.engine, name(v.kind), ms, [=](context& c) {
      auto options = c.options();
      v.change(options);
      return detect<full>(options, h, w);
    });
  add(name("detect_compressed"), ms, [=](context& c) { return detect<lively<Preset, fc6_rank, fc7_rank>>(c.options(), h, w); });
  for (int const n : {1, 4}) {
    add(batch_name("detect_batch", Preset::name, n, h, w), ms, [=](context& c) { return detect_batch<Preset>(c, n, h, w, false); });
    add(batch_name("detect_regions", Preset::name, n, h, w), ms, [=](context& c) { return detect_batch<Preset>(c, n, h, w, true); });
  }
  add(name("step"), ms, [=](context& c) { return step<Preset>(c, Preset::training().batch, h, w); });
  add(batch_name("step", Preset::name, 4, h, w), ms, [=](context& c) { return step<Preset>(c, 4, h, w); });
}

}  // namespace

void add_detectors() {
  add_detector<frcnn::presets::small_net<device>, 128, 64>(300, 400);
  add_detector<frcnn::presets::vgg16_tv<device>, 1024, 256>(600, 800);
}

}  // namespace bench
