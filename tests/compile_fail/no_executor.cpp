// An algorithm runs on a tag whose executor was not included.
// expect: frcnn: this backend has no executor; include frcnn/backend/<backend>/executor.hpp
#include "frcnn/core/executor.hpp"

struct abacus {};

int main() { return static_cast<int>(sizeof(frcnn::exec<abacus>)); }
