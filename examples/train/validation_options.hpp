#pragma once
// How train_voc is told of its validation data (validation.hpp):
//   --eval-every 500|1e   --val ROOT:SPLIT   --val-fraction F   --patience N
#include "../console/cli_names.hpp"

#include <frcnn/data/dataset.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace console {

struct validation_arguments {
  std::string every, data;
  double fraction = 0.1;
  int patience = 0;

  void add_to(CLI::App& app);
  bool wanted() const { return !every.empty(); }
  double held_out() const { return wanted() && data.empty() ? fraction : 0; }  // of the training images
  std::int64_t steps(std::int64_t per_epoch) const;
  // What a resumed run must have in common with the one it goes on from.
  void identify(std::map<std::string, std::string>& identity, frcnn::data::dataset const& set, std::string const& metric) const;
};

}  // namespace console
