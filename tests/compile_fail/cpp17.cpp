// expect: frcnn needs C++20: compile with -std=c++20
// options: -std=c++17
#include "frcnn/load.hpp"
