#pragma once
// Fast R-CNN: regions of files (--proposals, --test-proposals) in place of the RPN, which is not trained.
#include "../console/data_options.hpp"
#include "options.hpp"

#include <frcnn/geometry/region.hpp>

#include <cstdint>

struct outside_regions {
  frcnn::region_source training{}, validation{}, test{};  // empty: there are none
  int most, most_of_validation;                           // of an image, where not all of them are looked at
  std::uint32_t crc = 0;                                  // CRC32C of the file
};

// All empty without --proposals. Throws error where a file is not what it should be.
outside_regions regions_of(arguments const& a, console::datasets const& sets);
