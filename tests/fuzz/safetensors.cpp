#include "frcnn/io/safetensors.hpp"

#include "fuzz.hpp"

void fuzz_one(std::span<std::byte const> bytes) { read_all(frcnn::io::safetensors_file("fuzz", bytes), bytes.size()); }
