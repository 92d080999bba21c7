// .pth files: seeds without checksums, so that changed pickles are read.
#include "frcnn/io/pth_file.hpp"

#include "fuzz.hpp"

void fuzz_one(std::span<std::byte const> bytes) { read_all(frcnn::io::pth_file("fuzz", bytes), bytes.size()); }
