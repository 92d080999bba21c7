#pragma once
// All parameters of a model by name: the values of all in one packed buffer, the gradients of those that learn in another, like which the
// optimiser lays out its momentum. For inference single values may lie elsewhere: see lend().
//
// What learns may change between updates, when the device has nothing to do: freeze() and unfreeze() by scope. Gradients, and memory for
// them, are there for param_kind::trained alone; an optimiser made before follows with its next update.
//
// Layers declare parameters, the store gives them memory. Offsets run in the order in which a step's backward finishes: part by part, in
// each the last declared first. So a prefix of the gradients is ready while the rest is still computed. Each starts at a multiple of 16
// elements. Whatever changes values raises their versions, by which kernels know that what they keep of them is stale: set, write and
// broadcast themselves, an optimiser (or code that replays its kernels) by changed().
// Names are the scopes joined by dots: "roi_heads.box_head.fc6.weight".
//
// The store has a context of its own, home(): parameters are made, filled and read there, and what fills or reads them returns when it is
// done. Code that changes parameters in another context (a trainer) waits for that one before they are read here or used elsewhere.
#include "frcnn/concepts/trainable.hpp"
#include "frcnn/core/buffer.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/core/hash.hpp"
#include "frcnn/core/rng.hpp"
#include "frcnn/nn/stored_order.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Real T, Backend B>
class parameter_store {
 public:
  struct entry {
    std::string name;
    param<T, B>* p;
    std::size_t offset;           // elements into the packed values
    std::size_t gradient_offset;  // of one that learns, elements into the packed gradients
    int part = 0;                 // which of the parts given to bind_in_order

    std::shared_ptr<T> lent{};  // who owns the values, where they are not in the packed buffer

    // The shape as files show it.
    std::vector<std::int64_t> file_shape() const { return {p->dims.d, p->dims.d + p->rank}; }
    // Whether memory and files have the values in the same order.
    bool in_logical_order() const { return p->stored == param_order::plain || p->dims[1] == 1 || p->dims[2] * p->dims[3] == 1; }
  };

  using context = typename B::context;

  // Collects the model's parameters and gives them memory, in a context of these options. The model must not move afterwards. Throws for a
  // parameter of more elements than a view has.
  template <class Model>
  void bind(Model& model, typename B::options options = {}) {
    bind_in_order(options, model);
  }
  // The same for the parts of a model, in the order in which a step's backward finishes with them.
  template <class... Parts>
  void bind_in_order(typename B::options options, Parts&... parts) {
    if (!home_) home_ = std::make_unique<context>(options);
    struct collector {
      std::vector<entry>& entries;
      int part;
      std::string scope{};
      std::vector<std::size_t> lengths{};
      void operator()(param<T, B>& p) {
        p.path = scope + p.name;
        entries.push_back({p.path, &p, 0, 0, part, {}});
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
    int number = 0;
    auto const add = [&](auto& part) {
      auto const first = static_cast<std::ptrdiff_t>(entries_.size());
      part.for_each_param(collector{entries_, number++});
      std::reverse(entries_.begin() + first, entries_.end());
    };
    (add(parts), ...);
    size_ = 0;
    for (auto& e : entries_) {
      std::size_t const count = checked::elements(e.p->dims);
      if (count > most_elements)
        throw error("parameter " + e.name, "at most " + std::to_string(most_elements) + " elements", to_string(e.p->dims));
      e.offset = size_;
      size_ = checked::sum(size_, padded(count));
    }
    values_.reserve(home(), size_);
    for (auto& e : entries_) take_back(e);
  }

  // The values of a parameter in memory of another owner, in the order of a file, such as a mapped one. With set(), write(), broadcast()
  // or enable_gradients() they are the packed buffer's again.
  void lend(entry const& e, std::shared_ptr<T> values) requires(B::in_host_memory) {
    FRCNN_ASSERT(values && e.in_logical_order());
    entry& mine = own(e);
    mine.lent = std::move(values);
    mine.p->value.data = mine.lent.get();
    ++mine.p->version;
  }

  // Gives gradients to every parameter that learns.
  void enable_gradients() {
    take_all_back();
    has_gradients_ = true;
    std::size_t size = 0;
    std::vector<std::size_t> places;
    bool is_as_before = gradients_.capacity() > 0;
    for (auto& e : entries_) {
      places.push_back(size);
      if (e.p->kind != param_kind::trained) places.back() = none;
      else size = checked::sum(size, padded(e.p->size()));
      is_as_before = is_as_before && (e.p->wants_grad() ? e.gradient_offset : none) == places.back();
    }
    if (is_as_before && size == gradient_size_) return;
    for (auto& e : entries_) e.p->grad = {};
    ++gradient_layout_;
    gradient_size_ = 0;
    gradients_ = {};  // what is not needed any more goes back
    gradients_.reserve(home(), size);
    home().wait();  // contexts of other streams use it
    gradient_size_ = size;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      auto& e = entries_[i];
      if (places[i] == none) continue;
      e.gradient_offset = places[i];
      e.p->grad = {gradients_.data() + places[i], e.p->value.dims};
    }
  }

  // Takes gradients away from a scope ("backbone", "backbone.0", a full name; "" is all), or gives them where gradients are enabled.
  // Buffers stay what they are. Throws for a scope that holds no other parameter.
  void freeze(std::string_view scope) { turn(scope, param_kind::frozen); }
  void unfreeze(std::string_view scope) { turn(scope, param_kind::trained); }

  // Gives their memory back: nothing of the model is trained until enable_gradients().
  void disable_gradients() {
    for (auto& e : entries_) e.p->grad = {};
    has_gradients_ = false;
    ++gradient_layout_;
    gradient_size_ = 0;
    gradients_ = {};
  }

  // Parameters of these parts that learn have other values: at the end of an update, and of every replay of one.
  void changed(part_set parts = part_set::all()) {
    for (auto& e : entries_)
      if (e.p->wants_grad() && parts.has(e.part)) ++e.p->version;
  }

  // Who hears of gradients that are final, or nobody. A part of the model may say it of single parameters as its backward goes on; the model
  // says it of all of a part behind that.
  void listen(gradient_listener<T, B>* who) {
    for (auto& e : entries_) e.p->listener = who;
  }
  void gradients_done(context& c, int part) const {
    for (auto const& e : entries_)
      if (e.part == part) e.p->gradient_done(c);
  }

  // All values as they lie in memory, size() elements, padding included: from the host, and to it.
  void write(std::span<T const> packed) {
    if (packed.size() != size_) throw error("parameters", std::to_string(size_) + " packed values", std::to_string(packed.size()));
    broadcast([&](std::span<T> device) {
      home().copy_in(device.data(), packed.data(), packed.size_bytes());
      home().wait();
    });
  }
  std::vector<T> read() const {
    std::vector<T> packed(size_, T(0));
    for (auto const& e : entries_) home().copy_out(packed.data() + e.offset, e.p->value.data, e.p->size() * sizeof(T));
    home().wait();
    return packed;
  }
  // f(span of device memory) fills all values: NCCL's or MPI's broadcast, an average. It returns when that is done. Values that were lent
  // are the packed buffer's before it, and every version has risen after it, whatever it throws.
  template <class F>
  void broadcast(F&& f) {
    take_all_back();
    struct raised {
      std::vector<entry>& entries;
      ~raised() {
        for (auto& e : entries) ++e.p->version;
      }
    } const after{entries_};
    f(std::span<T>(values_.data(), size_));
  }

  // Values by each parameter's own initializer: a function of the seed and the parameter's name alone. scope: as of freeze().
  void initialise(std::uint64_t seed, std::string_view scope = {}) {
    for_each_in(scope, [&](entry& e) {
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
    });
  }

  // Takes the values of a scope over from a store that has them under `theirs`. Throws where a name is missing there, or has another size.
  void copy(std::string_view scope, parameter_store const& from, std::string_view theirs) {
    for_each_in(scope, [&](entry& e) { set(e, from.get(from.at(std::string(theirs) + e.name.substr(scope.size())))); });
  }
  void copy(std::string_view scope, parameter_store const& from) { copy(scope, from, scope); }

  // Logical order, as files and tests see it. logical() and from_logical() do the same for anything stored beside the values, such as
  // momentum.
  std::vector<T> get(entry const& e) const { return logical(e, e.p->value.data); }
  std::vector<T> get_gradient(entry const& e) const { return logical(e, e.p->grad.data); }
  void set(entry const& e, std::vector<T> const& values) {
    from_logical(e, values, packed_values(e));
    take_back(own(e));
    ++e.p->version;
  }
  // The same in parts, so that no second copy of a large parameter is made: fetch(first, out) gives the logical elements from the first on.
  // Parts are fetched and laid out by `threads` threads, or fewer where the system starts no more.
  template <class Fetch>
  void set_in_parts(entry const& e, int threads, Fetch fetch) {
    fill_in_parts(e, threads, fetch, packed_values(e));
    take_back(own(e));
    ++e.p->version;
  }
  template <class Fetch>
  void fill_in_parts(entry const& e, int threads, Fetch fetch, T* stored) const {
    std::size_t const rows = static_cast<std::size_t>(e.p->dims[0]), row = rows ? e.p->size() / rows : 0;
    detail::for_each_part(rows, std::max<std::size_t>(1, (std::size_t{1} << 19) / std::max<std::size_t>(row, 1)), threads, [&] {
      return [&, logical = std::vector<T>(), ordered = std::vector<T>()](std::size_t first, std::size_t count) mutable {
        std::size_t const n = count * row;
        bool const plain = e.p->stored == param_order::plain;
        if constexpr (B::in_host_memory) {  // no copy between
          T* const to = stored + first * row;
          if (plain) return fetch(first * row, std::span<T>(to, n));
          logical.resize(n);
          fetch(first * row, std::span<T>(logical));
          return detail::rows_to_stored(e.p->dims, count, logical.data(), to);
        }
        logical.resize(n);
        fetch(first * row, std::span<T>(logical));
        if (!plain) {
          ordered.resize(n);
          detail::rows_to_stored(e.p->dims, count, logical.data(), ordered.data());
        }
        from_host(home(), plain ? logical : ordered, view<T, 1, B>{stored + first * row, {{static_cast<std::int32_t>(n)}}});
      };
    });
  }
  std::vector<T> logical(entry const& e, T const* stored) const {
    return detail::reordered(e.p->stored, e.p->dims, to_host(home(), view<T const, 1, B>{stored, e.p->value.dims}), false);
  }
  void from_logical(entry const& e, std::vector<T> const& values, T* stored) const {
    if (values.size() != e.p->size())
      throw error("parameter " + e.name, std::to_string(e.p->size()) + " values", std::to_string(values.size()));
    from_host(home(), detail::reordered(e.p->stored, e.p->dims, values, true), view<T, 1, B>{stored, e.p->value.dims});
  }

  entry const& at(std::string_view name) const {
    for (auto const& e : entries_)
      if (e.name == name) return e;
    throw error("parameter " + std::string(name), "a name of the model", "none of that name");
  }

  context& home() const { return *home_; }
  // Throws error where a context is of another device than the parameters, whose memory its kernels could not reach.
  void check_reachable(context const& c) const {
    if constexpr (requires { c.options().device; })
      if (int const here = home().options().device, there = c.options().device; here != there)
        throw error("context", "one of device " + std::to_string(here) + ", where the model's parameters lie",
                    "one of device " + std::to_string(there));
  }
  std::vector<entry> const& entries() const { return entries_; }
  std::size_t size() const { return size_; }                    // elements of the packed values, padding included
  std::size_t gradient_size() const { return gradient_size_; }  // of the packed gradients
  // Moves on when other parameters have gradients, or the same ones elsewhere; 0 before any have.
  std::uint64_t gradient_layout() const { return gradient_layout_; }
  std::span<T> gradients() const { return {gradients_.data(), gradient_size_}; }  // packed, device memory

 private:
  static constexpr std::size_t none = std::size_t(-1);  // of a parameter without gradient
  static constexpr std::size_t most_elements = std::numeric_limits<std::int32_t>::max();

  static std::size_t padded(std::size_t elements) { return (elements + 15) / 16 * 16; }

  void turn(std::string_view scope, param_kind to) {
    std::vector<param_kind> before;
    bool is_there = false;
    for (auto& e : entries_) {
      before.push_back(e.p->kind);
      if (e.p->kind == param_kind::buffer || !lies_in(e.name, scope)) continue;
      e.p->kind = to;
      is_there = true;
    }
    if (!is_there) throw no_such(scope);
    try {
      if (has_gradients_) enable_gradients();
    } catch (...) {
      for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].p->kind = before[i];
      enable_gradients();  // in the memory that it had before
      throw;
    }
  }
  static error no_such(std::string_view scope) {
    return error("scope '" + std::string(scope) + "'", "a scope of the model's parameters", "none of that name");
  }
  // f(entry) for those of a scope. Throws where there are none.
  template <class F>
  void for_each_in(std::string_view scope, F f) {
    bool is_there = entries_.empty();
    for (auto& e : entries_)
      if (lies_in(e.name, scope)) is_there = true, f(e);
    if (!is_there) throw no_such(scope);
  }
  static bool lies_in(std::string_view name, std::string_view scope) {
    return scope.empty() || (name.starts_with(scope) && (name.size() == scope.size() || name[scope.size()] == '.'));
  }

  entry& own(entry const& e) { return entries_[static_cast<std::size_t>(&e - entries_.data())]; }
  // Values that are lent move into the packed buffer.
  void take_all_back() {
    for (auto& e : entries_) {
      if (!e.lent) continue;
      auto const lent = std::move(e.lent);
      take_back(e);
      home().copy_in(e.p->value.data, lent.get(), e.p->size() * sizeof(T));
      home().wait();
      ++e.p->version;
    }
  }
  // Where its values are when they are not lent.
  T* packed_values(entry const& e) { return values_.data() + e.offset; }
  // Its values are the packed buffer's, whatever that holds.
  void take_back(entry& e) {
    e.lent.reset();
    e.p->value = {packed_values(e), shape<1>{{static_cast<std::int32_t>(e.p->size())}}};
  }

  // FNV-1a from the start value that it has always had here, a digit short of the published one: weights of every seed hang on it.
  static std::uint64_t hash(std::string_view text) { return fnv1a(text, 1469598103934665603ull); }

  std::vector<entry> entries_;
  std::unique_ptr<context> home_;
  buffer<T, B> values_, gradients_;
  std::size_t size_ = 0, gradient_size_ = 0;
  std::uint64_t gradient_layout_ = 0;
  bool has_gradients_ = false;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
