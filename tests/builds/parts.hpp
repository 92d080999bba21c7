#pragma once
// What the parts of one program hand to each other that are compiled with different flags and compilers.
#include "frcnn/detector/any_detector.hpp"

#include <string>
#include <vector>

namespace builds {

struct part {
  std::string name;               // FRCNN_ABI, as this part has it
  frcnn::any_detector (*make)();  // of random weights; null: this part has no kernels
  std::vector<frcnn::detection> (*detect)(frcnn::any_detector const&, frcnn::image const&);
  void (*refuse)(frcnn::image const&);                                              // throws for an image that is none
  std::string (*caught)(void (*refuse)(frcnn::image const&), frcnn::image const&);  // what() of what another part throws
};
part baseline();
part wide();
part cuda();

// A vector loaded and stored by this build's simd.hpp, through a pointer to the function that the linker kept.
struct vectors {
  std::string name;
  int lanes = 0;
  float out[16] = {};
};
vectors sse2(float const* in);
vectors avx(float const* in);
vectors asserting(float const* in);

}  // namespace builds
