#pragma once
// Groups of class names that differ only in case, or in characters that look alike: for a warning.
//
//   by_case   'Cat', 'cat'                             the same but for upper and lower case, of any script that look_alike.hpp covers
//   by_look   'traffic light', 'traffic\u00A0light'     different in what the eye does not see; shown with that escaped
//
// Example: name_groups({"Cat", "cat", "dog"}).by_case is one group, "'Cat', 'cat'"
#include "frcnn/data/look_alike.hpp"
#include "frcnn/data/problems.hpp"

#include <map>
#include <set>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct name_groups {
  tally by_case;  // the same but for upper and lower case
  tally by_look;  // different in what the eye does not see: blanks, normal forms, letters of two scripts

  explicit name_groups(std::set<std::string> const& all) {
    std::map<std::u32string, std::set<std::string>> by_one_case, alike;
    for (auto const& name : all) by_one_case[in_one_case(name)].insert(name), alike[look_alike_key(name)].insert(name);
    for (auto const& [key, names] : by_one_case)
      if (different(names, decomposed) > 1) by_case.add(quoted(names, [](std::string const& n) { return n; }));
    for (auto const& [key, names] : alike)
      if (different(names, decomposed) < names.size() || different(names, in_one_case) > 1)
        by_look.add(quoted(names, [](std::string const& n) { return with_visible_escapes(n); }));
  }

 private:
  // How many of the names differ in what `key` leaves of them.
  static std::size_t different(std::set<std::string> const& names, std::u32string (*key)(std::string_view)) {
    std::set<std::u32string> keys;
    for (auto const& name : names) keys.insert(key(name));
    return keys.size();
  }
  template <class Write>
  static std::string quoted(std::set<std::string> const& names, Write write) {
    std::string text;
    for (auto const& name : names) text += (text.empty() ? "'" : ", '") + write(name) + "'";
    return text;
  }
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
