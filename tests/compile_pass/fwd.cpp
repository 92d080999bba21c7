// frcnn/fwd.hpp declares what the headers define: in the same namespaces, with the same keys.
#include "frcnn/fwd.hpp"

std::int64_t uses(frcnn::error const&, frcnn::stopped const*, frcnn::image const&, frcnn::image_view const&,
                  frcnn::pixel_normalisation const*, frcnn::box<float> const*, frcnn::detection const*, frcnn::any_detector const&,
                  frcnn::detector_interface const*, frcnn::model_config const&, frcnn::model_weights, frcnn::detect_options const&,
                  frcnn::batch_options const*, frcnn::cpu_options const*, frcnn::cpu_engine, frcnn::compute, frcnn::profiler*,
                  frcnn::schedule const&, frcnn::sgd_options const*, frcnn::cpu*, frcnn::pixel_format);
template <class Preset, class Model, class A, class B, class C>
void uses(frcnn::detector<Preset>*, frcnn::faster_rcnn<A, B, C>*, frcnn::trainer<Model>*, frcnn::recipe<Model>*);

#include "frcnn/load.hpp"

std::int64_t uses(frcnn::error const& e, frcnn::stopped const*, frcnn::image const& im, frcnn::image_view const& v,
                  frcnn::pixel_normalisation const*, frcnn::box<float> const* b, frcnn::detection const*, frcnn::any_detector const& d,
                  frcnn::detector_interface const*, frcnn::model_config const& m, frcnn::model_weights, frcnn::detect_options const& o,
                  frcnn::batch_options const*, frcnn::cpu_options const*, frcnn::cpu_engine, frcnn::compute, frcnn::profiler* p,
                  frcnn::schedule const& s, frcnn::sgd_options const*, frcnn::cpu*, frcnn::pixel_format) {
  p->clear();
  uses(static_cast<frcnn::detector<frcnn::presets::small_net<frcnn::cpu>>*>(nullptr),
       static_cast<frcnn::presets::small_net<frcnn::cpu>::model*>(nullptr),
       static_cast<frcnn::trainer<frcnn::presets::small_net<frcnn::cpu>::model>*>(nullptr),
       static_cast<frcnn::recipe<frcnn::presets::small_net<frcnn::cpu>::model>*>(nullptr));
  return static_cast<std::int64_t>(e.where().size()) + im.width + v.height + static_cast<std::int64_t>(b->x1) + m.short_side +
         static_cast<std::int64_t>(sizeof o) + s.steps + static_cast<std::int64_t>(d.classes().size());
}
template <class Preset, class Model, class A, class B, class C>
void uses(frcnn::detector<Preset>*, frcnn::faster_rcnn<A, B, C>*, frcnn::trainer<Model>*, frcnn::recipe<Model>*) {}
