#pragma once
// The values that a Python pickle holds, as nodes that name each other: io/pickle.hpp makes them.
//
//   v.at(id), v.entries(id), v.get(id, "model")
// Numbers, texts, lists, tuples, sets and dictionaries are values. An object is what the pickle would have called to make it: `call`, with
// the name of a class or a function and its arguments, and what was put into the object afterwards. Who reads the values knows some of these
// names (io/pth_file.hpp knows those of PyTorch's tensors); all others are opaque. What is there several times is one node, so there may be
// loops: code that walks the graph bounds the depth.
#include "frcnn/config.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct pickle_value {
  using id = std::uint32_t;
  static constexpr id none_id = 0;                                             // the node of None
  enum part : std::size_t { called, arguments, dictionary, sequence, state };  // items of a call; absent ones are none_id

  enum class kind : std::uint8_t {
    none,
    boolean,     // whole
    whole,       // an integer of up to 64 bits; longer ones are `opaque`
    real,        // number
    text,        // text, UTF-8
    bytes,       // text
    sequence,    // items: of a list, a tuple or a set
    dictionary,  // items: key, value, key, value ...
    name,        // text "module", second "attribute": a class or a function
    call,        // items: what is called, its arguments, a dictionary and a sequence of what was put into it, its state
    persistent,  // items: one, by which the pickle's owner knows an object that lies elsewhere
    opaque
  } what = kind::none;
  std::int64_t whole = 0;
  double number = 0;
  std::string_view text{}, second{};
  std::vector<id> items{};

  bool is(kind k) const { return what == k; }
};

class pickle_values {
 public:
  using id = pickle_value::id;
  using kind = pickle_value::kind;

  id root() const { return root_; }
  pickle_value const& at(id i) const { return nodes_[i]; }

  // Keys and values of a dictionary, or of an object that is one (OrderedDict, Counter): what was put into it, and what its class was called
  // with, [(key, value), ...] or a dictionary.
  std::vector<std::pair<id, id>> entries(id i) const {
    std::vector<std::pair<id, id>> all;
    auto const add = [&](pickle_value const& v) {
      for (std::size_t k = 0; k + 1 < v.items.size(); k += 2) all.emplace_back(v.items[k], v.items[k + 1]);
    };
    auto const& v = at(i);
    if (v.is(kind::dictionary)) add(v);
    if (!v.is(kind::call)) return all;
    if (auto const& given = at(v.items[pickle_value::arguments]); given.is(kind::sequence) && given.items.size() == 1) {
      auto const& first = at(given.items[0]);
      if (first.is(kind::dictionary)) add(first);
      if (first.is(kind::sequence))
        for (id const pair : first.items)
          if (auto const& two = at(pair); two.is(kind::sequence) && two.items.size() == 2) all.emplace_back(two.items[0], two.items[1]);
    }
    add(at(v.items[pickle_value::dictionary]));
    return all;
  }
  // The value of a text key; none_id where there is none.
  id get(id i, std::string_view key) const {
    id found = pickle_value::none_id;
    for (auto const& [k, v] : entries(i))
      if (at(k).is(kind::text) && at(k).text == key) found = v;  // the last, as in Python
    return found;
  }

 protected:
  pickle_values() = default;
  pickle_values(pickle_values const&) = delete;  // values point into the pickle's bytes
  pickle_values& operator=(pickle_values const&) = delete;
  ~pickle_values() = default;

  std::vector<pickle_value> nodes_{pickle_value()};  // the first is None
  id root_ = 0;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
