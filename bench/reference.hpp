#pragma once
// What an operation that is defined as a whole must give: the portable engine's first output, in double. It is compiled by the host's
// compiler whatever the device: files of nvcc's cannot have the CPU's kernels.
#include <vector>

namespace bench {

template <class Op>
std::vector<double> by_portable_engine(typename Op::problem const& p);

}  // namespace bench
