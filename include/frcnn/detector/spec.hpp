#pragma once
// The specification of a detector as JSON: everything besides weights that changes what it detects. It lies in the model file.
//
// A configuration says once, in describe(spec), what it has; a spec_writer makes JSON of it, a spec_reader sets it from JSON. Both check
// the ranges, so that what is refused when a file is read is not written either.
//
//   struct limits {
//     int before_nms, after_nms;
//     template <class Spec> void describe(Spec& spec) { spec.whole("before_nms", before_nms, 1, 100000);  spec.whole(...); }
//   };
//   spec_writer("m.safetensors").text_of(l)            {"version":1,"before_nms":6000,"after_nms":300}
//   spec_reader("m.safetensors, spec", json).read(l)   throws error: m.safetensors, spec "after_nms": expected a whole number from 1 ...
//
//   text, names, whole, number, numbers, divisors, lists, choice   a value that the file decides
//   constant                                                       one that the code decides: written, and a file that says another is refused
//   group                                                          an object of its own: several of the above
//   has(key, unusual)                                              whether a key is there that is written only where it says something unusual
// Every key but these must be there and no other: a file of a later version is refused, since what it adds may change what is detected.
// A change that adds a key raises spec_version and says what files of the version before mean; or it asks has() first, and files without
// the key mean what they always did.
// Keys are in the order of describe(), numbers as short as they come back exactly: equal configurations give equal text.
#include "frcnn/core/error.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/io/json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Without an order of keys, which a text has: a second type of nlohmann's, with its parser, costs every user's compiler two seconds.
using spec_json = nlohmann::json;

inline constexpr int spec_version = 1;

namespace detail {

// Where in a spec something is wrong, and what values may be.
class spec_place {
 public:
  explicit spec_place(std::string where) : where_(std::move(where)) {}

 protected:
  [[noreturn]] void refuse(std::string_view key, std::string const& expected, std::string const& found) const {
    throw error(where_ + " \"" + path_ + std::string(key) + "\"", expected, found);
  }

  // What no range says: of what was written under the key or read.
  void require(bool right, std::string_view key, std::string const& expected, std::string const& found) const {
    if (!right) refuse(key, expected, found);
  }

  static std::string whole_range(int least, int most) {
    return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  }
  static std::string range(double least, double most) {
    return "a number from " + spec_json(least).dump() + " to " + spec_json(most).dump();
  }

  void check_names(std::string_view key, std::vector<std::string> const& names) const {
    if (names.empty()) refuse(key, "names", "none");
    std::set<std::string_view> seen;
    for (auto const& name : names) {
      if (name.empty()) refuse(key, "names", "an empty one");
      if (!seen.insert(name).second) refuse(key, "names that are there once", io::in_quotes(name) + " twice");
    }
  }
  void check_text(std::string_view key, std::string const& text) const {
    if (text.empty()) refuse(key, "a name", "an empty one");
  }
  template <class Numbers>
  void check_numbers(std::string_view key, Numbers const& numbers) const {
    if (!std::ranges::all_of(numbers, [](double v) { return is_finite(v); })) refuse(key, "finite numbers", "others");
  }
  template <class Numbers>
  void check_divisors(std::string_view key, Numbers const& numbers) const {
    // as the float that divides: 1e-300 is 0 there
    if (!std::ranges::all_of(numbers, [](double v) { return is_finite(v) && is_finite(1 / static_cast<float>(v)); }))
      refuse(key, "finite numbers other than 0", "others");
  }

  // Keys below are those of a group.
  template <class Work>
  void inside(std::string_view key, Work work) {
    auto const outside = path_;
    path_.append(key).append(".");
    work();
    path_ = outside;
  }

 private:
  std::string where_, path_;
};

}  // namespace detail

class spec_writer : detail::spec_place {
 public:
  using spec_place::require;
  // where: the file, for messages.
  explicit spec_writer(std::string const& where) : spec_place(where + ", spec") {}

  // Throws what nlohmann throws where a name is not UTF-8.
  template <class Config>
  std::string text_of(Config config) {
    text_ = "{";
    put("version", spec_version);
    config.describe(*this);
    return text_ + "}";
  }
  template <class Config>
  spec_json write(Config config) {
    return spec_json::parse(text_of(std::move(config)));
  }

  void text(char const* key, std::string const& v) { check_text(key, v), put(key, v); }
  void names(char const* key, std::vector<std::string> const& v) { check_names(key, v), put(key, v); }
  void whole(char const* key, int v, int least, int most) {
    if (v < least || v > most) refuse(key, whole_range(least, most), std::to_string(v));
    put(key, v);
  }
  void number(char const* key, double v, double least, double most) {
    if (!(is_finite(v) && v >= least && v <= most)) refuse(key, range(least, most), std::to_string(v));
    put(key, v);
  }
  template <class Numbers>
  void numbers(char const* key, Numbers const& v) {
    check_numbers(key, v), put(key, v);
  }
  template <class Numbers>
  void divisors(char const* key, Numbers const& v) {
    check_divisors(key, v), put(key, v);
  }
  void lists(char const* key, std::vector<std::vector<double>> const& v) {
    for (auto const& list : v) check_numbers(key, list);
    put(key, v);
  }
  void choice(char const* key, bool v, char const* no, char const* yes) { put(key, v ? yes : no); }
  // An enumeration that counts from 0, and the names of its values.
  template <class Enum, std::size_t N>
  void choice(char const* key, Enum v, std::array<char const*, N> const& names) {
    put(key, names[static_cast<std::size_t>(v)]);
  }
  template <class Value>
  void constant(char const* key, Value const& v) {
    put(key, v);
  }
  bool has(char const*, bool unusual) const { return unusual; }
  template <class Work>
  void group(char const* key, Work work) {
    begin(key);
    text_ += '{';
    inside(key, work);
    text_ += '}';
  }

 private:
  void begin(char const* key) {
    if (text_.back() != '{') text_ += ',';
    text_ += spec_json(key).dump() + ":";
  }
  void put(char const* key, spec_json const& v) {
    begin(key);
    text_ += v.dump();
  }

  std::string text_;
};

class spec_reader : detail::spec_place {
 public:
  using spec_place::require;
  // where: "m.safetensors, spec". json: lives as long as the reader.
  spec_reader(std::string const& where, spec_json const& json) : spec_place(where), at_(&json) {}

  template <class Config>
  void read(Config& config) {
    read_part(config);
    finish();
  }
  // The same where the spec may say more than the configuration has.
  template <class Config>
  void read_part(Config& config) {
    if (!at_->is_object()) refuse("", "an object", said(*at_));
    std::string const known = "version " + std::to_string(spec_version);
    if (auto const& version = at("version", known); version != spec_version) refuse("version", known, said(version));
    config.describe(*this);
  }

  void text(char const* key, std::string& v) {
    auto const& found = at(key, "a name");
    if (!found.is_string()) refuse(key, "a name", said(found));
    check_text(key, v = found.get<std::string>());
  }
  void names(char const* key, std::vector<std::string>& v) {
    fetch(key, "a list of names", v);
    check_names(key, v);
  }
  void whole(char const* key, int& v, int least, int most) {
    auto const expected = whole_range(least, most);
    auto const& found = at(key, expected);
    // In double: what is out of the range of int does not wrap.
    if (!found.is_number_integer() || found.get<double>() < least || found.get<double>() > most) refuse(key, expected, said(found));
    v = found.get<int>();
  }
  void number(char const* key, double& v, double least, double most) {
    auto const expected = range(least, most);
    auto const& found = at(key, expected);
    if (!found.is_number() || found.get<double>() < least || found.get<double>() > most) refuse(key, expected, said(found));
    v = found.get<double>();
  }
  void numbers(char const* key, std::vector<double>& v) {
    fetch(key, "a list of numbers", v);
    check_numbers(key, v);
  }
  template <std::size_t N>
  void numbers(char const* key, double (&v)[N]) {
    std::vector<double> found;
    fetch(key, "a list of numbers", found);
    if (found.size() != N) refuse(key, std::to_string(N) + " numbers", std::to_string(found.size()));
    check_numbers(key, found);
    std::ranges::copy(found, v);
  }
  template <class Numbers>
  void divisors(char const* key, Numbers& v) {
    numbers(key, v);
    check_divisors(key, v);
  }
  void lists(char const* key, std::vector<std::vector<double>>& v) {
    fetch(key, "a list of lists of numbers", v);
    for (auto const& list : v) check_numbers(key, list);
  }
  void choice(char const* key, bool& v, char const* no, char const* yes) {
    auto const expected = std::string("\"") + no + "\" or \"" + yes + "\"";
    auto const& found = at(key, expected);
    if (found != no && found != yes) refuse(key, expected, said(found));
    v = found == yes;
  }
  template <class Enum, std::size_t N>
  void choice(char const* key, Enum& v, std::array<char const*, N> const& names) {
    std::string expected;
    for (auto const* name : names) expected += (expected.empty() ? "one of \"" : ", \"") + std::string(name) + "\"";
    auto const& found = at(key, expected);
    auto const* const name = std::ranges::find_if(names, [&](char const* n) { return found == n; });
    if (name == names.end()) refuse(key, expected, said(found));
    v = static_cast<Enum>(name - names.begin());
  }
  template <class Value>
  void constant(char const* key, Value const& v) {
    spec_json const expected = v;
    if (auto const& found = at(key, said(expected)); found != expected) refuse(key, said(expected) + ", which is in the code", said(found));
  }
  bool has(char const* key, bool) const { return at_->contains(key); }
  template <class Work>
  void group(char const* key, Work work) {
    auto const& found = at(key, "an object");
    if (!found.is_object()) refuse(key, "an object", said(found));
    auto const* const outside = std::exchange(at_, &found);
    auto const known = std::exchange(known_, {});
    inside(key, [&] {
      work();
      finish();
    });
    at_ = outside;
    known_ = known;
  }

 private:
  static std::string said(spec_json const& v) { return printable(v.dump(-1, ' ', false, spec_json::error_handler_t::replace), 100); }

  spec_json const& at(char const* key, std::string const& expected) {
    known_.push_back(key);
    auto const found = at_->find(key);
    if (found == at_->end()) refuse(key, expected, "none");
    return *found;
  }

  template <class Value>
  void fetch(char const* key, char const* expected, Value& v) {
    auto const& found = at(key, expected);
    try {
      v = found.get<Value>();
    } catch (nlohmann::json::exception const&) {
      refuse(key, expected, said(found));
    }
  }

  void finish() const {
    for (auto const& [key, value] : at_->items())
      if (std::ranges::find(known_, key) == known_.end()) {
        std::string known;
        for (auto const& k : known_) known += (known.empty() ? "" : ", ") + k;
        refuse(key, "the keys of version " + std::to_string(spec_version) + ": " + known, "one that this version does not know");
      }
  }

  spec_json const* at_;
  std::vector<std::string> known_;  // keys asked for in this object
};

// The first place, by its name, where two specs differ, "head.fc6: 512 and 256"; empty where they are equal.
inline std::string difference(spec_json const& a, spec_json const& b) {
  auto const left = a.flatten(), right = b.flatten();
  auto const name = [](std::string const& pointer) {
    auto text = pointer.substr(1);
    std::ranges::replace(text, '/', '.');
    return text;
  };
  for (auto const& [key, value] : left.items())
    if (auto const other = right.find(key); other == right.end() || *other != value)
      return name(key) + ": " + value.dump() + " and " + (other == right.end() ? "none" : other->dump());
  for (auto const& [key, value] : right.items())
    if (!left.contains(key)) return name(key) + ": none and " + value.dump();
  return {};
}

}  // namespace frcnn
FRCNN_HIDDEN_END
