#pragma once
// Splits of a data set by a hash of each image's id.
//
//   id_range{0, .8}, id_range{.8, 1}   disjoint, and together everything, whatever the ids
// place_of(id) in [0, 1) depends on the id's bytes alone: a new image moves no other, and the part of an image is the same in every run, on
// every machine and in every order. Parts are as large as asked for up to chance: of 1000 ids, 0.8 takes 800 give or take 25.
// So that no part of a few images is empty, a bound strictly between 0 and 1 leaves at least one id on each side where there are two.
//
// Example: ids_within({"a", "b", "c"}, {0, .8})
#include "frcnn/core/hash.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct id_range {
  double from = 0, to = 1;
  bool whole() const { return from <= 0 && to >= 1; }
};

// FNV-1a over the bytes, mixed as splitmix64 does so that ids that differ in one digit lie far apart.
inline double place_of(std::string_view id) {
  std::uint64_t h = fnv1a(id);
  h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
  h = (h ^ h >> 27) * 0x94D049BB133111EBu;
  return static_cast<double>((h ^ h >> 31) >> 11) * 0x1p-53;
}

// In the order of `ids`, each of which is there once.
inline std::vector<std::string> ids_within(std::vector<std::string> const& ids, id_range const& part) {
  if (part.whole()) return ids;
  std::vector<double> places;
  for (auto const& id : ids) places.push_back(place_of(id));
  std::sort(places.begin(), places.end());
  // How many ids lie below a bound, and then which place is the first that does not.
  auto const bound = [&](double fraction) -> double {
    if (fraction <= 0 || places.empty()) return 0;
    if (fraction >= 1) return 2;
    auto const below = static_cast<std::size_t>(std::lower_bound(places.begin(), places.end(), fraction) - places.begin());
    return places[std::clamp<std::size_t>(below, std::min<std::size_t>(1, places.size() - 1), places.size() - 1)];
  };
  double const from = bound(part.from), to = bound(part.to);
  std::vector<std::string> result;
  for (auto const& id : ids)
    if (double const at = place_of(id); from <= at && at < to) result.push_back(id);
  return result;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
