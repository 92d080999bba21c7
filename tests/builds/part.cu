// A part compiled by nvcc, with the library's umbrellas included whole: it detects through the border.
#include "frcnn/load.hpp"
#include "part.hpp"

builds::part builds::cuda() { return {FRCNN_TEXT(FRCNN_ABI), nullptr, detect, refuse, caught}; }
