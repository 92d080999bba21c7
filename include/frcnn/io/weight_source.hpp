#pragma once
// Where weights come from: named tensors of any kind of file, as the parameter store reads them.
//
//   source.names(), source.shape(name)             what is there, in the order of the names
//   source.read_part(name, first, out)             elements first ... first + out.size() in C order into memory of the caller; float or
//                                                  double, whatever the file has; safe from several threads
//   source.map(name, T())                          the elements as memory where they lie so in the file, else null
//   source.place(name)                             "m.safetensors, tensor \"fc6.weight\"", for messages
//
// safetensors_file is one (io/safetensors.hpp). renamed_source is another with names of one's own: a reader of other people's files is a
// source with their names, and a table.
//
// A table is a list of rules, of which the first that fits a name counts. '*' stands for any characters, as few as will do, and the n-th
// '*' of `to` for what the n-th of `from` stood for; an empty `to` leaves the tensor out. A name that no rule fits stays as it is: the
// code that reads the source says that it is left over.
// Example: {{"features.*", "backbone.*"}, {"classifier.0.*", "roi_heads.box_head.fc6.*"}, {"*.num_batches_tracked", ""}}
//          features.0.weight -> backbone.0.weight
#include "frcnn/io/json.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

using tensor_shape = std::vector<std::int64_t>;

// "[64,3,3,3]", for messages
inline std::string to_string(tensor_shape const& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < std::min<std::size_t>(shape.size(), 8); ++i) text.append(i ? "," : "").append(std::to_string(shape[i]));
  return text.append(shape.size() > 8 ? ",...]" : "]");
}

// A small file can ask for a tensor's name many times: readers of other people's files refuse longer ones.
inline constexpr std::size_t most_tensor_name = 4096;  // bytes

class safetensors_file;
class pth_file;

class weight_source {
 public:
  virtual ~weight_source() = default;
  virtual std::string const& name() const = 0;  // of the file
  virtual std::vector<std::string> names() const = 0;
  virtual bool contains(std::string const& tensor) const = 0;
  virtual tensor_shape const& shape(std::string const& tensor) const = 0;  // throws error where there is none of that name
  virtual void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const = 0;
  virtual void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const = 0;
  virtual std::shared_ptr<float> map(std::string const& /*tensor*/, float) const { return nullptr; }
  virtual std::shared_ptr<double> map(std::string const& /*tensor*/, double) const { return nullptr; }
  // Itself, where it is one of these (a program may be built without run-time type information).
  virtual safetensors_file const* as_safetensors() const { return nullptr; }
  virtual pth_file const* as_pth() const { return nullptr; }
  virtual std::string place(std::string const& tensor) const { return name() + ", tensor " + in_quotes(tensor); }

  // Throws error where there is no such tensor, or one of another shape.
  void check(std::string const& tensor, tensor_shape const& expected) const {
    if (auto const& found = shape(tensor); found != expected)
      throw error(place(tensor), "shape " + to_string(expected), "shape " + to_string(found));
  }

 protected:
  weight_source() = default;
  weight_source(weight_source const&) = default;
  weight_source& operator=(weight_source const&) = default;
};

struct rename_rule {
  std::string from, to;
};
using rename_table = std::vector<rename_rule>;

namespace detail {
// What each '*' of the pattern stands for; nothing where the text does not fit.
inline std::optional<std::vector<std::string>> fit(std::string_view pattern, std::string_view text) {
  auto const star = pattern.find('*');
  if (star == pattern.npos) return pattern == text ? std::optional(std::vector<std::string>()) : std::nullopt;
  if (!text.starts_with(pattern.substr(0, star))) return std::nullopt;
  auto const rest = text.substr(star);
  for (std::size_t n = 0; n <= rest.size(); ++n)
    if (auto more = fit(pattern.substr(star + 1), rest.substr(n))) {
      more->insert(more->begin(), std::string(rest.substr(0, n)));
      return more;
    }
  return std::nullopt;
}
}  // namespace detail

class renamed_source final : public weight_source {
 public:
  // `from` lives as long as this. Throws error for a rule whose `to` has more '*' than its `from`, and where two tensors get one name.
  renamed_source(weight_source const& from, rename_table const& rules) : from_(from) {
    for (auto const& r : rules)
      if (std::ranges::count(r.to, '*') > std::ranges::count(r.from, '*'))
        throw error("rename rule " + in_quotes(r.from) + " to " + in_quotes(r.to), "no more * than the pattern has", "more");
    for (auto const& theirs : from.names()) {
      auto const ours = renamed(rules, theirs);
      if (ours.empty()) continue;
      if (auto const [at, is_new] = theirs_.emplace(ours, theirs); !is_new)
        throw error(from.name(), "a name for each tensor", in_quotes(at->second) + " and " + in_quotes(theirs) + " for " + in_quotes(ours));
    }
  }

  std::string const& name() const override { return from_.name(); }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (auto const& [ours, theirs] : theirs_) all.push_back(ours);
    return all;
  }
  bool contains(std::string const& tensor) const override { return theirs_.contains(tensor); }
  tensor_shape const& shape(std::string const& tensor) const override { return from_.shape(theirs(tensor)); }
  void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const override {
    from_.read_part(theirs(tensor), first, out);
  }
  void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const override {
    from_.read_part(theirs(tensor), first, out);
  }
  std::shared_ptr<float> map(std::string const& tensor, float t) const override { return from_.map(theirs(tensor), t); }
  std::shared_ptr<double> map(std::string const& tensor, double t) const override { return from_.map(theirs(tensor), t); }
  std::string place(std::string const& tensor) const override {
    auto const found = theirs_.find(tensor);
    if (found == theirs_.end()) return weight_source::place(tensor);
    return from_.place(found->second) + (found->second == tensor ? "" : " for " + in_quotes(tensor));
  }

 private:
  static std::string renamed(rename_table const& rules, std::string const& theirs) {
    for (auto const& r : rules)
      if (auto const parts = detail::fit(r.from, theirs)) {
        std::string ours;
        std::size_t next = 0;
        for (char const c : r.to)
          if (c == '*') ours += (*parts)[next++];
          else ours += c;
        return ours;
      }
    return theirs;
  }
  std::string const& theirs(std::string const& tensor) const {
    auto const found = theirs_.find(tensor);
    if (found == theirs_.end()) throw error(place(tensor), "such a tensor", "none of that name");
    return found->second;
  }

  weight_source const& from_;
  std::map<std::string, std::string> theirs_;  // by our names
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
