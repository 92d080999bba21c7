// expect: frcnn uses std::min and std::max, which are macros here: define NOMINMAX before <windows.h>
// options: -Dmin(a,b)=((a)<(b)?(a):(b)) -Dmax(a,b)=((a)>(b)?(a):(b))
#include "frcnn/load.hpp"
