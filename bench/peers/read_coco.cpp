// Reads COCO's instances JSON once, as `train_voc`, `inspect_data` and `evaluate` do: our side of bench/peers/compare_coco_json.
// usage: read_coco FILE.json      last line on stdout: seconds X images N annotations N categories N
#include <frcnn/coco.hpp>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) try {
  if (argc != 2) return std::fputs("usage: read_coco FILE.json\n", stderr), 2;
  auto const begin = std::chrono::steady_clock::now();
  auto const file = frcnn::io::read_coco_instances(argv[1], [](std::string const& said) { std::fprintf(stderr, "%s\n", said.c_str()); });
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("seconds %.4f images %zu annotations %zu categories %zu\n", seconds, file.images.size(), file.annotations.size(),
              file.categories.size());
} catch (frcnn::error const& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
