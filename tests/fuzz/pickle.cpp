// Pickles alone, without an archive around them.
#include "frcnn/io/pickle.hpp"

#include "fuzz.hpp"

void fuzz_one(std::span<std::byte const> bytes) {
  frcnn::io::pickle const p("fuzz", std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
  for (auto const& [k, v] : p.entries(p.root())) static_cast<void>(p.get(v, "model"));
}
