// frcnn/fwd.hpp behind the definitions of what it declares: no warning. (fwd.cpp: before them.)
#include "frcnn/core/error.hpp"
#include "frcnn/core/image.hpp"
#include "frcnn/detector/any_detector.hpp"

#include "frcnn/fwd.hpp"

int width_of(frcnn::image const& im) { return im.width; }
