// expect: frcnn reports wrong files and images as exceptions: compile without -fno-exceptions
// options: -fno-exceptions
#include "frcnn/load.hpp"
