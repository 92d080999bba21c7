#pragma once
// All parameters of a model in one packed buffer, by name: values, gradients, and whatever the optimiser keeps beside them.
//
// Layers declare parameters, the store gives them memory. Offsets run in the order in which backward finishes (last declared first), so
// that a prefix of the gradients is ready while the rest is still computed. Each starts at a multiple of 16 elements.
// Names are the scopes joined by dots: "roi_heads.box_head.fc6.weight".
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/rng.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
class parameter_store {
 public:
  struct entry {
    std::string name;
    param<T, B>* p;
    std::size_t offset;  // elements into the packed buffers

    // The shape as files show it.
    std::vector<std::int64_t> file_shape() const {
      auto const& d = p->dims;
      if (p->rank == 4) return {d[0], d[1], d[2], d[3]};
      if (p->rank == 2) return {d[0], std::int64_t{d[1]} * d[2] * d[3]};
      return {d[0]};
    }
  };

  // Collects the model's parameters and gives them memory. The model must not move afterwards.
  template <class Model>
  void bind(Model& model) {
    struct collector {
      std::vector<entry>& entries;
      std::string scope{};
      std::vector<std::size_t> lengths{};
      void operator()(param<T, B>& p) {
        p.path = scope + p.name;
        entries.push_back({p.path, &p, 0});
      }
      void enter(std::string const& name) {
        lengths.push_back(scope.size());
        scope += name + ".";
      }
      void leave() {
        scope.resize(lengths.back());
        lengths.pop_back();
      }
    };
    entries_.clear();
    model.for_each_param(collector{entries_});
    std::reverse(entries_.begin(), entries_.end());
    size_ = 0;
    for (auto& e : entries_) {
      e.offset = size_;
      size_ += (e.p->size() + 15) / 16 * 16;
    }
    values_.reserve(size_);
    for (auto& e : entries_) e.p->value = {values_.data() + e.offset, shape<1>{{static_cast<std::int32_t>(e.p->size())}}};
  }

  // Gives gradients to every trainable parameter; frozen ones stay without.
  void enable_gradients() {
    gradients_.reserve(size_);
    for (auto& e : entries_) {
      e.p->next = write::set;
      e.p->grad = {};
      if (e.p->trainable) e.p->grad = {gradients_.data() + e.offset, e.p->value.dims};
    }
  }

  // Values by each parameter's own initializer: a function of the seed and the parameter's name alone.
  void initialise(std::uint64_t seed) {
    for (auto& e : entries_) {
      host_rng draws(seed, draw::initialise, hash(e.name));
      auto const init = e.p->init;
      std::vector<T> values(e.p->size());
      for (auto& v : values) switch (init.what) {
          case initializer::kind::zero: v = T(0); break;
          case initializer::kind::constant: v = static_cast<T>(init.scale); break;
          case initializer::kind::normal: v = static_cast<T>(init.scale * draws.normal()); break;
          case initializer::kind::uniform: v = static_cast<T>(draws.uniform(-init.scale, init.scale)); break;
        }
      set(e, values);
    }
  }

  // Logical order, as files and tests see it. logical() and from_logical() do the same for anything stored beside the values, such as
  // momentum.
  std::vector<T> get(entry const& e) const { return logical(e, e.p->value.data); }
  std::vector<T> get_gradient(entry const& e) const { return logical(e, e.p->grad.data); }
  void set(entry const& e, std::vector<T> const& values) {
    from_logical(e, values, e.p->value.data);
    ++e.p->version;
  }
  std::vector<T> logical(entry const& e, T const* stored) const {
    return reordered(e, to_host(view<T const, 1, B>{stored, e.p->value.dims}), false);
  }
  void from_logical(entry const& e, std::vector<T> const& values, T* stored) const {
    if (values.size() != e.p->size()) throw error("parameter " + e.name, std::to_string(e.p->size()) + " values", std::to_string(values.size()));
    from_host(reordered(e, values, true), view<T, 1, B>{stored, e.p->value.dims});
  }

  entry const& at(std::string_view name) const {
    for (auto const& e : entries_)
      if (e.name == name) return e;
    throw error("parameter " + std::string(name), "a name of the model", "none of that name");
  }

  std::vector<entry> const& entries() const { return entries_; }
  std::size_t size() const { return size_; }  // elements of the packed buffers, padding included
  T* values() const { return values_.data(); }
  T* gradients() const { return gradients_.data(); }

 private:
  // FNV-1a: stable over platforms and runs.
  static std::uint64_t hash(std::string_view text) {
    std::uint64_t h = 1469598103934665603ull;
    for (unsigned char ch : text) h = (h ^ ch) * 1099511628211ull;
    return h;
  }

  static std::vector<T> reordered(entry const& e, std::vector<T> const& from, bool to_stored) {
    if (e.p->stored == param_order::plain || from.empty()) return from;
    auto const [o_count, c_count, h_count, w_count] = e.p->dims.d;
    std::vector<T> to(from.size());
    std::size_t plain = 0;
    for (std::size_t o = 0; o < std::size_t(o_count); ++o)
      for (std::size_t c = 0; c < std::size_t(c_count); ++c)
        for (std::size_t h = 0; h < std::size_t(h_count); ++h)
          for (std::size_t w = 0; w < std::size_t(w_count); ++w, ++plain) {
            std::size_t const stored = ((o * h_count + h) * w_count + w) * c_count + c;
            (to_stored ? to[stored] : to[plain]) = to_stored ? from[plain] : from[stored];
          }
    return to;
  }

  std::vector<entry> entries_;
  buffer<T, B> values_, gradients_;
  std::size_t size_ = 0;
};

}  // namespace frcnn
