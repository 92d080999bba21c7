#pragma once
// Weights and source of a layer in the layouts and types that a oneDNN primitive asks for.
//
//   converter(from, to, add)            a job {source, destination}: layout and type change; add: to what is there
//   weights_for(c, state, plan, w, owner)  the weights as the plan's kernel reads them: the parameter itself, a kept copy (which `owner`
//                                       owns from then on), or one in the arena
//   source_for(c, state, plan, x)       x, or x rounded to bf16 in the arena
// What is in the arena lives as long as the caller's frame.
#include "frcnn/backend/cpu/onednn/packed.hpp"
#include "frcnn/backend/cpu/onednn/state.hpp"

#if FRCNN_HAS_ONEDNN

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

inline job converter(desc const& from, desc const& to, bool add = false) {
  auto const made = reorder(from, to, attributes(add));
  return job(dnnl::reorder(made), made, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

inline void const* weights_for(cpu::context& c, state& s, plan& p, weights const& w, std::shared_ptr<void>& owner) {
  if (!p.weight) return w.data;
  if (w.keep) {
    owner = w.keep->get(p.packed, w.version, [&](void* memory) { p.weight.run(c, s.stream, {w.data, memory}); });
    return owner.get();
  }
  void* const memory = c.scratch(p.packed.get_size());
  p.weight.run(c, s.stream, {w.data, memory});
  return memory;
}

inline void const* source_for(cpu::context& c, state& s, plan& p, float const* x) {
  if (!p.source) return x;
  void* const rounded = c.scratch(p.converted.get_size());
  p.source.run(c, s.stream, {x, rounded});
  return rounded;
}

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
