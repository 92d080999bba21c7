#pragma once
// Weights in a kernel's layout, kept beside the parameter that they are made from.
//
//   get(layout, version, floats, make)   the copy in that layout; where there is none of that version, make(memory) fills one
//   blocked                              copies in oneDNN's layouts (onednn/packed.hpp)
// Safe from several threads: one fills, the others wait. Changing a parameter needs exclusive access to the model.
// A copied or moved layer starts empty: its parameter is another.
#include "frcnn/backend/cpu/context.hpp"
#include "frcnn/backend/cpu/onednn/packed.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/core/grow.hpp"

#include <mutex>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

enum class weight_layout : std::uint8_t { winograd, panels, scaled };

class kept_weights {
 public:
  kept_weights() = default;
  kept_weights(kept_weights const&) noexcept {}
  kept_weights& operator=(kept_weights const&) noexcept {
    for (copy& c : copies_) c.version = none;
    blocked = {};
    return *this;
  }

  cpu_backend::onednn::packed blocked;

  template <class Make>
  float const* get(weight_layout layout, std::uint64_t version, std::size_t floats, Make const& make) {
    std::lock_guard const lock(mutex_);
    copy& found = copies_[static_cast<std::size_t>(layout)];
    if (found.version != version) {
      found.version = none;  // until it is whole
      grow(found.memory, found.floats, floats, [bytes = checked::bytes<float>(floats)] { return cpu_memory(bytes); });
      make(static_cast<float*>(found.memory.data()));
      found.version = version;
    }
    return static_cast<float const*>(found.memory.data());
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  struct copy {
    std::uint64_t version = none;
    cpu_memory memory{};
    std::size_t floats = 0;
  };
  std::mutex mutex_;
  copy copies_[3];
};

// A layer's weights: as the parameter has them, and where a copy in a kernel's layout may be kept (nullptr: made in every call).
template <class T>
struct cpu_weights {
  T const* data = nullptr;
  kept_weights* keep = nullptr;
  std::uint64_t version = 0;
  T const* scale = nullptr;  // of each output; nullptr: 1
};

// weights [outputs][fan_in] times their output's scale.
template <class T>
void scale_weights(cpu::context const& c, T const* weights, T const* scale, std::size_t outputs, std::size_t fan_in, T* out) {
  parallel_for(c, outputs, 16384 / (fan_in + 1) + 1, [=](std::size_t begin, std::size_t end) {
    for (std::size_t o = begin; o < end; ++o) {
      T const factor = scale[o];
      FRCNN_INDEPENDENT
      for (std::size_t i = o * fan_in; i < (o + 1) * fan_in; ++i) out[i] = weights[i] * factor;
    }
  });
}
// The same in scratch of the caller's frame; the weights themselves where there is no scale.
template <class T>
T const* scaled_weights(cpu::context& c, T const* weights, T const* scale, std::size_t outputs, std::size_t fan_in) {
  if (!scale) return weights;
  T* const memory = c.scratch_of<T>(outputs * fan_in);
  scale_weights(c, weights, scale, outputs, fan_in, memory);
  return memory;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
