#pragma once
// One description per operation, in a file of its own beside this one. It drives the operation's parity test on every engine against the
// portable engine in double, its gradient check, the refusal of what it must refuse (tests/unit/ops/described.cpp), its row in the benchmark
// (bench/described.cpp) and its line in docs/backends.md (tests/unit/ops/backends_page.cpp). Shapes stand here and nowhere else.
//
// A description has:
//   name, computes, refuses, fast     text of its line; fast: what the engine fast computes it with
//   tolerance                         of float against double, relative to the largest value (double: 1e-9)
//   problem, problems()               what to compute, small; measured(): what the benchmark times
//   inputs(p), output(p)              floats of each differentiable input, and of the output
//   operations(p)                     FLOPs of the definition, forward
//   forward(c, p, in, out), backward(c, p, in, out, dout, din)      din is set; dout is overwritten
//   refused(c)                        calls each of which must throw a frcnn::error
// Arrays are in the memory order of the CPU: maps [N, H, W, C], a convolution's weights [O, k, k, C].
#include "frcnn/backend/cpu.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ops_described {

using namespace frcnn;

template <class T>
using arrays = std::vector<std::vector<T>>;
using refusals = std::vector<std::function<void(cpu::context&)>>;

template <class T>
cpu_activation<T> map(std::vector<T> const& v, shape<4> s) {
  return {const_cast<T*>(v.data()), s};
}
template <class T>
view<T, 1, cpu> row(std::vector<T> const& v) {
  return {const_cast<T*>(v.data()), {{static_cast<std::int32_t>(v.size())}}};
}
template <class T>
view<T, 2, cpu> matrix(std::vector<T> const& v, int rows) {
  return {const_cast<T*>(v.data()), {{rows, rows ? static_cast<std::int32_t>(v.size()) / rows : 0}}};
}
inline std::string text(shape<4> s) {
  return std::to_string(s[0]) + "x" + std::to_string(s[1]) + "x" + std::to_string(s[2]) + "x" + std::to_string(s[3]);
}

// Every input read once, the output written once, in float.
template <class Op>
double bytes(typename Op::problem const& p) {
  double sum = static_cast<double>(Op::output(p));
  for (auto const n : Op::inputs(p)) sum += static_cast<double>(n);
  return 4 * sum;
}

}  // namespace ops_described
