#pragma once
// The CPU engines of this build, for tests of what holds on each of them.
#include "frcnn/backend/cpu/context.hpp"

#include <vector>

namespace tests {

inline std::vector<frcnn::cpu_options> engines(int threads) {
  std::vector<frcnn::cpu_options> all{{.threads = threads, .engine = frcnn::cpu_engine::portable}};
  if (frcnn::has_fast) all.push_back({.threads = threads, .engine = frcnn::cpu_engine::fast});
  return all;
}
inline frcnn::cpu_options with(frcnn::cpu_options o, int threads) {
  o.threads = threads;
  return o;
}
inline char const* name(frcnn::cpu_options const& o) { return o.engine == frcnn::cpu_engine::fast ? "engine fast" : "engine portable"; }

}  // namespace tests
