#pragma once
// Smaller models out of trained ones. Needs a LAPACK besides the library's own.
#include "frcnn/compress/compress.hpp"
