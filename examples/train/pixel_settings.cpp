#include "pixel_settings.hpp"

#include "../console/console.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/image_io.hpp>

#include <cstddef>

namespace console {

namespace {

std::string text_of(frcnn::pixel_layout const& l) {
  return frcnn::data::text_of_channels(l.channels) + (l.bits == 16 ? ", bits as stored" : ", 8 bits");
}

}  // namespace

void require_pixels(std::string const& run, frcnn::pixel_layout const& ours, frcnn::pixel_layout const& its) {
  if (ours != its)
    throw frcnn::error("--resume", "the arguments of the run in " + run + " (" + text_of(its) + ": --channels, --bits)", text_of(ours));
}

bool compare_pixels(std::string const& init, frcnn::pixel_layout const& ours, frcnn::pixel_layout const& theirs) {
  if (theirs != ours && theirs != frcnn::pixel_layout())
    throw frcnn::error(init, ours == frcnn::pixel_layout() ? "a model of RGB" : "a model of RGB, or of " + text_of(ours),
                       "one of " + text_of(theirs) + " (--channels, --bits)");
  return theirs == ours;
}

frcnn::pixel_normalisation measured(frcnn::data::dataset const& set, frcnn::pixel_normalisation const& preset, int threads,
                                    frcnn::data::measuring_share const& share) {
  auto const statistics = frcnn::data::measure_pixels(
      set, set.layout.channels, threads,
      [show = progress()](std::size_t done, std::size_t all) mutable {
        show(fmt::format("training data: pixels of {} of {} images measured", done, all), done == all);
        stop_if_interrupted();
      },
      share);
  auto const n = static_cast<std::size_t>(statistics.channels);
  std::vector<double> const mean(statistics.mean.begin(), statistics.mean.begin() + n),
      deviation(statistics.deviation.begin(), statistics.deviation.begin() + n);
  say(fmt::format("pixels: {}; mean {:.5g}, deviation {:.5g}, as parts of what the bits hold", text_of(set.layout), fmt::join(mean, ", "),
                  fmt::join(deviation, ", ")));
  for (std::size_t c = 0; c < n; ++c)
    if (deviation[c] == 0) warn(fmt::format("training data: channel {} of its images is constant, and tells nothing", c + 1));
  return frcnn::data::normalised_by(preset, statistics, set.layout.bits);
}

void detail::say_widened(std::string const& init, std::string const& layer, int channels, bool frozen) {
  say(fmt::format("{}: {} reads {} in place of RGB: {}{}", init, layer, frcnn::data::text_of_channels(channels),
                  channels > 3    ? "the first three keep the weights of red, green and blue, the others start from their mean"
                  : channels == 1 ? "it starts from the sum of the weights of red, green and blue"
                                  : "each starts from the sum of the weights of red, green and blue, divided by their number",
                  frozen ? "; it is trained, which the preset would have frozen" : ""));
}

}  // namespace console
