#pragma once
// The values of one tensor of a file of weights, whole.
#include "frcnn/io/weight_source.hpp"

#include <span>
#include <string>
#include <vector>

template <class T>
std::vector<T> all_of(frcnn::io::weight_source const& file, std::string const& name) {
  std::size_t n = 1;
  for (auto const d : file.shape(name)) n *= static_cast<std::size_t>(d);
  std::vector<T> values(n);
  file.read_part(name, 0, std::span<T>(values));
  return values;
}
