// The two figures that count: an image to its detections, and a training step.
//
//   detect   an 8-bit image of 8/5 the size to boxes: resizing, normalising, network, post-processing
//   step     approximate joint training on the preset's batch: four losses, all gradients, the update
#include "lively.hpp"
#include "suite.hpp"

#include <frcnn/presets/presets.hpp>

namespace bench {
namespace {

template <class Preset>
job detect(context&, int h, int w) {
  using detector_type = frcnn::detector<Preset>;
  auto& d = lively<Preset>::get().detector();
  auto const session = std::make_shared<typename detector_type::session>(d, threads());
  auto const im = std::make_shared<frcnn::image>(random_image(h * 8 / 5, w * 8 / 5));
  auto const plan = Preset::convention::resize(im->width, im->height, d.config().short_side, d.config().max_side);
  auto const live = static_cast<double>(d.propose(*session, *im).size()), found = static_cast<double>(d.detect(*session, *im).size());
  return {.run = [=, &d] { benchmark::DoNotOptimize(d.detect(*session, *im).data()); },
          .wrong =
              [=] {
                if (plan.h != h || plan.w != w) return not_equal("resized height", plan.h, h) + not_equal("resized width", plan.w, w);
                return found > 0 ? not_equal("live proposals", live, 300) : std::string("no detections");
              },
          .images = 1,
          .counters = {{"live_rois", live}, {"detections", found}}};
}

template <class Preset>
job step(context& c, int h, int w) {
  struct state {
    lively<Preset>& alive = lively<Preset>::get();
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

template <class Preset>
void add_detector(int h, int w) {
  add(image_name("detect", Preset::name, h, w), benchmark::kMillisecond, [=](context& c) { return detect<Preset>(c, h, w); });
  add(image_name("step", Preset::name, h, w), benchmark::kMillisecond, [=](context& c) { return step<Preset>(c, h, w); });
}

}  // namespace

void add_detectors() {
  add_detector<frcnn::presets::small<device>>(300, 400);
  add_detector<frcnn::presets::vgg16_tv<device>>(600, 800);
}

}  // namespace bench
