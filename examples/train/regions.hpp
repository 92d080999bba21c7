#pragma once
// Fast R-CNN: regions of files (--proposals, --test-proposals) in place of the RPN, which is not trained.
#include "../console/data_options.hpp"
#include "options.hpp"

#include <frcnn/geometry/region.hpp>

#include <cstdint>

struct run_regions {
  frcnn::region_source training{}, validation{}, test{};  // empty without --proposals
  int most_of_training, most_of_validation;               // regions of an image that are kept: no more than an image of the file has
  std::uint32_t crc = 0;                                  // CRC32C of the file of --proposals
};

// Throws error where a file is not what it should be.
run_regions read_regions(arguments const& a, console::datasets const& sets);
