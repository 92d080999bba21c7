// make_demo_data OUT [--images N] [--seed N] [--object-size LEAST[,MOST]]
//
// Renders scenes with three classes of objects into a folder in PASCAL VOC layout: something to train on within a minute of cloning.
#include "console/console.hpp"
#include "console/options.hpp"

#include <frcnn/data.hpp>

#include <string>

int main(int argc, char** argv) {
  CLI::App app("Renders a demo data set in PASCAL VOC layout");
  std::string out;
  std::string sizes;
  frcnn::data::demo_options options;
  app.add_option("OUT", out, "folder to make")->required()->check(console::path());
  app.add_option("--images", options.images, "how many, train and test together")->capture_default_str()->check(console::whole(2));
  app.add_option("--seed", options.seed, "equal seeds give equal bytes")->capture_default_str()->check(console::whole<std::uint64_t>(0));
  app.add_option("--object-size", sizes, "LEAST,MOST, or one for all: diameters of circles around objects, pixels (mostly 24 to 100)")
      ->check(console::list(console::between(4, 4096), 2));

  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    if (!sizes.empty()) {
      auto const told = console::numbers_in<double>(sizes);
      if (told.front() > told.back()) throw frcnn::error("--object-size", "the least first", sizes);
      options.sizes = {told.front(), told.back()};
    }
    options.progress = [show = console::progress()](std::size_t done, std::size_t all) mutable {
      show(fmt::format("{} of {} images", done, all), done == all);
      console::stop_between(done, all);
    };
    frcnn::data::write_demo_voc(out, options);
    console::say(fmt::format("{} images in {}: splits trainval and test", options.images, out));
    return 0;
  });
}
