// A program's part that has the library's own flags, and takes the presets from the compiled library.
#include "writer.hpp"

#include "frcnn/data/image_io.hpp"
#include "frcnn/load.hpp"

std::vector<frcnn::detection> written(std::filesystem::path const& model, std::filesystem::path const& picture, frcnn::image const& im) {
  using namespace frcnn;
  auto config = presets::small_net<cpu>::config({"a", "b"});
  config.short_side = 64;
  config.max_side = 96;
  detector<presets::small_net<cpu>> d(config, 2);
  d.model().parameters().initialise(1);
  save(d, model);
  data::write_png(picture, im);
  return d.detect(im, {.score = 0});
}
