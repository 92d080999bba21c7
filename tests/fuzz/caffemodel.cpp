#include "frcnn/io/caffemodel.hpp"

#include "fuzz.hpp"

void fuzz_one(std::span<std::byte const> bytes) { read_all(frcnn::io::caffemodel("fuzz", bytes), bytes.size()); }
