#pragma once
// A tensor of a model as a layer declares it and the parameter store fills it.
//
// A layer owns no parameter memory: it holds `param`s whose views the detector's parameter_store sets. value and grad are in the
// engine's order (param::stored); files, initialisation, checkpoints and tests see the logical order. Logical dims are always four,
// [O, C, H, W] (a vector is [O,1,1,1], a linear layer's matrix [O,C,1,1]), and `rank` says how many of them files show.
#include "frcnn/core/view.hpp"

#include <cstdint>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// A gradient's first writer sets (nothing is zeroed before), later ones add.
enum class writing : std::uint8_t { set, add };

// Which parts of a model (0 to 31, in the order in which a step's backward finishes) have written their gradients in an update so far. So
// who sets and who adds is known from the calls alone: next(part) is what that part's next backward does.
struct part_set {
  std::uint32_t bits = 0;

  static constexpr part_set all() { return {~std::uint32_t{0}}; }
  constexpr bool has(int part) const { return (bits >> part & 1) != 0; }
  constexpr part_set with(int part) const { return {bits | std::uint32_t{1} << part}; }
  constexpr writing next(int part) const { return has(part) ? writing::add : writing::set; }
  friend constexpr bool operator==(part_set, part_set) = default;
};

// Where in memory logical element [o,c,h,w] lies.
enum class param_order : std::uint8_t {
  plain,         // as the logical order: ((o*C + c)*H + h)*W + w
  channels_last  // ((o*H + h)*W + w)*C + c: what a channels-last engine multiplies with
};

// What training does to a parameter. Files hold all three.
enum class param_kind : std::uint8_t {
  trained,  // learns: it has a gradient, and momentum in the optimiser
  frozen,   // could learn: parameter_store::unfreeze
  buffer    // never learns: the statistics of a frozen batch normalisation
};

// What a parameter holds before training.
struct initializer {
  enum class kind : std::uint8_t { zero, constant, normal, uniform } what = kind::zero;
  double scale = 0;  // constant: the value; normal: standard deviation; uniform: values in (-scale, scale)

  static constexpr initializer zero() { return {}; }
  static constexpr initializer constant(double v) { return {kind::constant, v}; }
  static constexpr initializer normal(double deviation) { return {kind::normal, deviation}; }
  static constexpr initializer uniform(double bound) { return {kind::uniform, bound}; }
};

template <Real T, Backend B>
struct param;

// Is told when a gradient is final: nothing of this backward pass will write it again. For code that sends gradients to other processes
// while the rest is computed (train/shared_gradients.hpp).
template <Real T, Backend B>
struct gradient_listener {
  virtual void done(typename B::context& c, param<T, B> const& p) = 0;

 protected:
  ~gradient_listener() = default;
};

template <Real T, Backend B>
struct param {
  std::string name;    // within its scopes: "weight", "bias"
  std::string path{};  // with its scopes: "backbone.0.weight"; set by the store
  int rank = 1;
  shape<4> dims{{0, 1, 1, 1}};  // logical [O, C, H, W]
  param_order stored = param_order::plain;
  initializer init{};
  float lr_mult = 1, decay_mult = 1;
  param_kind kind = param_kind::trained;
  view<T, 1, B> value{};                        // set by the store
  view<T, 1, B> grad{};                         // of a trained one, set by the store in training; empty: not wanted, and not computed
  gradient_listener<T, B>* listener = nullptr;  // set by the store
  std::uint64_t version = 0;                    // code that changes the value raises it: packed copies are remade when it moves

  std::size_t size() const { return dims.size(); }
  std::string_view layer() const { return std::string_view(path).substr(0, path.rfind('.')); }  // the path of what holds it
  bool wants_grad() const { return grad.data != nullptr; }
  // Its gradient is final. May be said more than once.
  void gradient_done(typename B::context& c) const {
    if (listener && wants_grad()) listener->done(c, *this);
  }
  // For a layer that is built frozen. In a model: parameter_store::freeze, which gives the memory back too.
  void freeze() {
    if (kind == param_kind::trained) kind = param_kind::frozen;
    grad = {};
  }
};

}  // namespace frcnn
FRCNN_HIDDEN_END
