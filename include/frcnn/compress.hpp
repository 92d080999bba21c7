#pragma once
// Smaller models out of trained ones. Needs a LAPACK besides the library's own; without a BLAS there is nothing in it.
#include "frcnn/compress/compress.hpp"
