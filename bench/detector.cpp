// The two figures that count: an image to its detections, and a training step.
//
//   detect   an 8-bit image of 8/5 the size to boxes: resizing, normalising, network, post-processing
//            _bf16: products in bf16   _transforms: weights converted in every call   _compressed: fc6 and fc7 of low rank
//   step     approximate joint training on the preset's batch: four losses, all gradients, the update
#include "lively.hpp"
#include "suite.hpp"

#include <frcnn/presets/presets.hpp>

namespace bench {
namespace {

template <class Lively>
job detect(frcnn::cpu_options const& options, int h, int w) {
  using detector_type = typename Lively::detector_type;
  using convention = typename Lively::preset::convention;
  auto& d = Lively::get().detector();
  auto const session = std::make_shared<typename detector_type::session>(d, options);
  auto const im = std::make_shared<frcnn::image>(random_image(h * 8 / 5, w * 8 / 5));
  auto const plan = convention::resize(im->width, im->height, d.config().short_side, d.config().max_side);
  auto const live = static_cast<double>(d.propose(*session, *im).size()), found = static_cast<double>(d.detect(*session, *im).size());
  return {.run = [=, &d] { benchmark::DoNotOptimize(d.detect(*session, *im).data()); },
          .wrong =
              [=] {
                if (plan.h != h || plan.w != w) return not_equal("resized height", plan.h, h) + not_equal("resized width", plan.w, w);
                return found > 0 ? not_equal("live proposals", live, 300) : std::string("no detections");
              },
          .images = 1,
          .counters = {{"live_rois", live},
                       {"detections", found},
                       {"arena_mbyte", 1e-6 * static_cast<double>(session->context().high_water())}}};
}

template <class Preset>
job step(context& c, int h, int w) {
  struct state {
    lively<Preset>& alive = lively<Preset>::get(phase::train);
    random_batch<Preset> input;
    typename Preset::model::tape tape;
    frcnn::sgd<float, device> optimiser;
    view<float, 1, device> loss;
    frcnn::rng<device> rng;
    state(context& c, int h, int w)
        : input(Preset::training().batch, h, w),
          optimiser(alive.model().parameters(), Preset::training().optimiser),
          loss(uploaded(c, values(4, 0.f))),
          rng{uploaded(c, shape<1>{{2}}, std::vector<std::uint64_t>{0, 0})} {}
  };
  auto const s = std::make_shared<state>(c, h, w);
  return {.run =
              [s, &c] {
                s->alive.model().step(c, s->input.images, s->input.truth, s->rng, s->tape, s->loss);
                s->optimiser.update(c, 0, 1, view<float const, 1, device>(s->loss));  // rate 0: the same work, and the weights stay lively
              },
          .wrong =
              [s] {
                auto const loss = frcnn::to_host(s->loss);
                for (float const l : loss)
                  if (!(l > 0)) return not_finite(loss) + not_equal("a loss", l, 1, 0.999);
                return not_equal("finite", s->optimiser.control()->finite, 1);
              },
          .images = static_cast<double>(Preset::training().batch),
          .label = "batch " + std::to_string(Preset::training().batch)};
}

template <class Preset, int fc6_rank, int fc7_rank>
void add_detector(int h, int w) {
  constexpr auto ms = benchmark::kMillisecond;
  auto const name = [=](char const* kind) { return image_name(kind, Preset::name, h, w); };
  using full = lively<Preset>;
  add(name("detect"), ms, [=](context& c) { return detect<full>(c.options(), h, w); });
  auto const add_variant = [=](char const* kind, auto change) {
    add_for(frcnn::cpu_engine::fast, name(kind), ms, [=](context& c) {
      auto options = c.options();
      change(options);
      return detect<full>(options, h, w);
    });
  };
  add_variant("detect_transforms", [](auto& o) { o.keep_transforms = false; });
#if FRCNN_HAS_ONEDNN
  if (frcnn::cpu_backend::onednn::has_bf16()) add_variant("detect_bf16", [](auto& o) { o.precision = frcnn::compute::bf16; });
#endif
  add(name("detect_compressed"), ms, [=](context& c) { return detect<lively<Preset, fc6_rank, fc7_rank>>(c.options(), h, w); });
  add(name("step"), ms, [=](context& c) { return step<Preset>(c, h, w); });
}

}  // namespace

void add_detectors() {
  add_detector<frcnn::presets::small_net<device>, 128, 64>(300, 400);
  add_detector<frcnn::presets::vgg16_tv<device>, 1024, 256>(600, 800);
}

}  // namespace bench
