#pragma once
// Parameters of a model to a file, and from any weight source: the first of a model of this library is its file, others are files of other
// people with a table of names (io/weight_source.hpp).
//
// Every parameter is read from the tensor of its name, and every tensor is a parameter: what is missing or left over is an error that names
// the first and counts the others, before anything is read. So is a tensor of another shape, and, while it is read, one that holds infinity
// or NaN.
#include "frcnn/core/finite.hpp"
#include "frcnn/detector/model_weights.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/io/weight_source.hpp"
#include "frcnn/nn/parameter_store.hpp"

#include <algorithm>
#include <functional>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Adds every parameter's value under its name, made while writing.
template <class Writer, Real T, Backend B>
void add_parameters(Writer& out, parameter_store<T, B> const& store) {
  for (auto const& e : store.entries()) {
    auto const shape = e.file_shape();
    out.template add_later<T>(e.name, {shape.begin(), shape.end()}, [&store, &e] { return store.get(e); });
  }
}

// Where names of parameters and of tensors differ, each in order.
struct name_difference {
  std::vector<std::string> missing, left_over;
};
template <Real T, Backend B>
name_difference compare_names(io::weight_source const& source, parameter_store<T, B> const& store) {
  name_difference found;
  std::set<std::string_view> parameters;
  for (auto const& e : store.entries()) {
    parameters.insert(e.name);
    if (!source.contains(e.name)) found.missing.push_back(e.name);
  }
  for (auto& name : source.names())
    if (!parameters.contains(name)) found.left_over.push_back(std::move(name));
  return found;
}

namespace detail {
inline std::string and_others(std::vector<std::string> const& names, char const* of) {
  return names.size() < 2 ? std::string() : std::string(", and ") + of + std::to_string(names.size() - 1) + " more";
}

// Whether the parameter's values are now those of the mapped file.
template <Real T, Backend B>
bool map_parameter(io::weight_source const& source, parameter_store<T, B>& store, typename parameter_store<T, B>::entry const& e) {
  if constexpr (B::in_host_memory) {
    constexpr std::size_t least = std::size_t{1} << 18;  // elements: small ones are not worth a mapping each
    if (e.p->size() < least || !e.in_logical_order()) return false;
    if (auto values = source.map(e.name, T())) {
      store.lend(e, std::move(values));
      return true;
    }
  }
  return false;
}
}  // namespace detail

// Sets every parameter, or those whose names are wanted(name), from the source, every tensor of which must be a parameter.
template <Real T, Backend B>
void read_parameters(io::weight_source const& source, parameter_store<T, B>& store, model_weights how = model_weights::read,
                     std::function<bool(std::string_view)> const& wanted = {}) {
  auto const is_wanted = [&](std::string_view name) { return !wanted || wanted(name); };
  auto names = compare_names(source, store);
  std::erase_if(names.missing, [&](auto const& name) { return !is_wanted(name); });
  if (auto const& missing = names.missing; !missing.empty()) {
    auto const all = static_cast<std::size_t>(std::ranges::count_if(store.entries(), [&](auto const& e) { return is_wanted(e.name); }));
    std::string const expected = "such a tensor of shape " + io::to_string(store.at(missing.front()).file_shape());
    throw error(source.place(missing.front()), expected,
                missing.size() * 2 > all ? "another network's weights: none of that name, nor of " + std::to_string(missing.size() - 1) +
                                               " more of the " + std::to_string(all) + " that this network has"
                                         : "none of that name" + detail::and_others(missing, "of "));
  }
  for (auto const& e : store.entries())
    if (is_wanted(e.name)) source.check(e.name, e.file_shape());
  if (auto const& left = names.left_over; !left.empty())
    throw error(source.place(left.front()), "parameters of the model only", "a tensor that is none of them" + detail::and_others(left, ""));

  int const threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
  for (auto const& e : store.entries())
    if (is_wanted(e.name) && (how == model_weights::read || !detail::map_parameter(source, store, e)))
      store.set_in_parts(e, threads, [&](std::size_t first, std::span<T> out) {
        source.read_part(e.name, first, out);
        bool finite = true;
        for (T const v : out) finite &= is_finite(v);
        if (!finite) throw error(source.place(e.name), "finite numbers", "infinity or NaN");
      });
}

}  // namespace frcnn
FRCNN_HIDDEN_END
