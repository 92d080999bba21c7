// compose: a detector with one part of one's own, trained for a few steps. Copy this page and change the part.
//
// The part here is a box coder. Instead of centre and size (eq. 2 of the paper) it regresses the four sides, as fractions of the box it
// corrects. Anything with `encode` and `decode` models BoxCoder; everything else (anchor targets, proposals, the head's targets, its
// losses, detection) works with it unchanged.
#include <frcnn/data.hpp>
#include <frcnn/frcnn.hpp>
#include <frcnn/train/data_feed.hpp>

#include <cstdio>

struct side_coder {
  template <class T>
  FRCNN_HD frcnn::delta<T> encode(frcnn::box<T> from, frcnn::box<T> to) const {
    T const w = from.width(), h = from.height();
    return {(to.x1 - from.x1) / w, (to.y1 - from.y1) / h, (to.x2 - from.x2) / w, (to.y2 - from.y2) / h};
  }
  template <class T>
  FRCNN_HD frcnn::box<T> decode(frcnn::box<T> from, frcnn::delta<T> d) const {
    T const w = from.width(), h = from.height();
    return {from.x1 + d.dx * w, from.y1 + d.dy * h, from.x2 + d.dw * w, from.y2 + d.dh * h};
  }
};

// The parts: `small`'s backbone, whose map has 256 channels, and torchvision's convention with our coder in both stages.
using convention = frcnn::conventions::with_coder<frcnn::conventions::torchvision, side_coder>;
using backbone = frcnn::backbone::plain<256, float, frcnn::cpu>;
using generator = frcnn::region_proposal_network<backbone::features_type, convention>;
using pooler = frcnn::roi::align_pooler<backbone::features_type, convention>;
using head = frcnn::fast_rcnn_head<backbone::features_type, convention, pooler>;
using model = frcnn::faster_rcnn<backbone, generator, head>;  // a part that does not fit is named here, in one sentence

int main(int argc, char** argv) try {
  int const steps = argc > 1 ? std::atoi(argv[1]) : 60;
  if (argc > 2 || steps < 1) return std::puts("usage: compose [STEPS]"), 2;
  std::filesystem::path const folder = std::filesystem::temp_directory_path() / "frcnn-compose-demo";
  if (!exists(folder)) frcnn::data::write_demo_voc(folder, {.images = 60});
  auto const set = frcnn::data::read_voc({{folder, "trainval"}});

  // The detector. Options not given are the convention's.
  auto const chain = frcnn::backbone::small_chain();
  std::array<int, 1> const strides{chain.stride()};
  frcnn::fast_rcnn_options<convention> options;
  options.classes = static_cast<int>(set.classes.size());
  options.fc6 = options.fc7 = 256;
  options.target.batch = 64;
  model m(backbone(chain), generator(frcnn::make_anchors<convention, 1>({{24, 48, 96}}, {0.5, 1, 2}), strides),
          head(pooler(strides), options));
  m.parameters().initialise(/*seed*/ 0);

  // A few steps of approximate joint training.
  frcnn::cpu::context context;
  frcnn::data_feed<convention> feed(set, {.short_side = 200, .max_side = 400, .batch = 2});
  frcnn::trainer<model> t(m, context,
                          frcnn::input_batch<float, frcnn::cpu>(frcnn::pixel_normalisation::imagenet(), convention::size_divisor),
                          {.rate = {.lr = 0.005, .warmup = 20, .steps = steps}, .optimiser = {.clip_norm = 10}});
  t.hooks.on_step = [&](frcnn::step_report const& r) {
    if (r.step % 10 == 0 || r.step + 1 == steps) std::printf("step %3d  loss %.3f\n", static_cast<int>(r.step), r.total());
  };
  t.run(feed);
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "error: %s\n", e.what());
  return 1;
}
