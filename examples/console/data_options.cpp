#include "data_options.hpp"

#include "coco_data.hpp"
#include "options.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/shared_images.hpp>

#include <stdexcept>
#include <tuple>
#include <utility>

namespace console {

CLI::Option* data_arguments::add_to(CLI::App& app, bool training) {
  add_reading_to(app);
  if (training)
    difficult_option_ =
        app.add_option("--difficult", difficult,
                       "objects marked difficult, and crowds, in training: drop (they count as background), ignore (of COCO's data), keep")
            ->capture_default_str()
            ->check(one_of({"drop", "ignore", "keep"}));
  return app
      .add_option("--split", fraction_,
                  training ? "train on this fraction of the images, by a hash of their ids, and test on the others"
                           : "the images that training with this --split leaves to the test")
      ->check(inside(0, 1));
}

void data_arguments::add_reading_to(CLI::App& app) {
  app.add_flag("--skip-bad", skip_bad, "leave out images that cannot be read or have no annotation");
  app.add_option("--exif", exif, "which images are turned by their EXIF orientation: auto (where <size> says so), apply, ignore")
      ->capture_default_str()
      ->check(one_of({"auto", "apply", "ignore"}));
  app.add_option(
         "--origin", origin,
         "what coordinates are counted from: voc (1, inclusive), zero (0, half-open), zero-inclusive, auto (what the data looks like)")
      ->capture_default_str()
      ->check(one_of({"voc", "zero", "zero-inclusive", "auto"}));
  app.add_option("--missing-xml", missing_xml, "an image without an annotation where others have one: error, or empty (without objects)")
      ->capture_default_str()
      ->check(one_of({"error", "empty"}));
  app.add_option("--channels", channels_,
                 "of the images: 3 is RGB, of grey files too; other numbers as the files have them (3, or what the model reads)")
      ->check(whole(1, frcnn::most_channels));
  app.add_option("--bits", bits_, "of a channel: 16 leaves files of 16 bits as they are, 8 takes their high byte (8 of RGB, else 16)")
      ->check(one_of({"8", "16"}));
}

frcnn::pixel_layout data_arguments::layout() const {
  auto found = frcnn::pixel_layout::of(channels_.value_or(3));
  if (bits_) found.bits = *bits_;
  return found;
}

void data_arguments::follow(std::string const& model, frcnn::pixel_layout const& its) {
  for (auto const& [name, said, is] : {std::tuple{"--channels", channels_, its.channels}, {"--bits", bits_, its.bits}})
    if (said && *said != is) throw frcnn::error(name, fmt::format("{}, as {} has it", is, model), std::to_string(*said));
  channels_ = its.channels, bits_ = its.bits;
}

void data_arguments::choose_difficult(std::vector<std::string> const& specs) {
  if (!difficult_option_ || difficult_option_->count() > 0) return;
  named_data const data(specs, false);
  if (data.coco.empty()) return;
  difficult = "ignore";
  if (!data.voc.empty()) say("--difficult ignore, for COCO's crowds: VOC's difficult objects are regions to ignore, too");
}

named_data data_arguments::test_data(std::vector<std::string> const& specs) const {
  named_data source(specs, !splits());
  source.set_part(test_part());
  return source;
}

// The user, and somebody else where there is one.
static frcnn::data::warning_callback warning_told_to(frcnn::data::warning_callback const& other) {
  return [other](std::string const& text) {
    warn(text);
    if (other) other(text);
  };
}

frcnn::data::voc_options data_arguments::options(std::string const& name, int threads) const {
  frcnn::data::voc_options o;
  o.skip_bad = skip_bad;
  o.threads = threads;
  o.exif = frcnn::data::parse_exif_mode(exif);
  o.origin = frcnn::data::parse_origin(origin);
  if (missing_xml == "empty") o.missing = frcnn::data::missing_annotation::empty;
  o.warn = warning_told_to(hears_warnings);
  o.note = say;
  o.name = name;
  o.layout = layout();
  o.progress = [name, show = progress()](std::size_t done, std::size_t all) mutable {
    show(fmt::format("{}: {} of {} images checked", name, done, all), done == all);
    stop_between(done, all);
  };
  return o;
}

datasets::datasets(request const& r, data_arguments const& how) : checked(r.known) {
  namespace data = frcnn::data;
  named_data sources(r.data, false);
  auto test_sources = how.splits() || r.no_test ? sources : r.test.empty() ? sources.test_beside() : named_data(r.test, true);
  auto validation_sources = r.validation.empty() ? sources : named_data::of_validation(r.validation);
  if (r.validation.empty()) validation_sources.set_part(how.validation_part(r.held_out));
  sources.set_part(how.training_part(r.held_out));
  test_sources.set_part(how.test_part());
  test_split = how.splits() ? "test" : test_sources.split();

  auto const options_of = [&](char const* name) {
    auto options = how.options(name, r.threads);
    options.known = &checked;
    options.headers_only = r.headers_only;
    options.sharing = r.sharing;
    return options;
  };
  auto options = options_of("training data");
  if (!r.classes.empty()) options.classes = data::parse_class_list(r.classes);
  std::string problems;
  auto const end_with_problems = [&] {
    if (!problems.empty()) throw std::runtime_error(problems);
  };
  auto const attempt = [&](auto read) {
    try {
      read();
    } catch (std::exception const& e) {
      if (problems != e.what()) problems += (problems.empty() ? "" : "\nerror: ") + std::string(e.what());
    }
  };
  attempt([&] { sources.require_there(); });
  if (r.validates()) attempt([&] { validation_sources.require_there(); });
  if (!r.no_test) attempt([&] { test_sources.require_there(); });
  end_with_problems();
  attempt([&] {
    train = sources.read(options);
    data::require_trainable(train, "training data", how.difficult_in_training());
  });
  auto const classes = options.classes.empty() ? train.classes : options.classes;
  if (r.validates())
    attempt([&] {
      options = options_of("validation data");
      options.classes = classes;
      validation = validation_sources.read(options);
      data::require_trainable(validation, "validation data", how.difficult_in_training());
    });
  if (!r.no_test) {
    options = options_of("test data");
    options.classes = classes;
    options.wanted = data::annotations::optional;
    attempt([&] { test = test_sources.read(options); });
  }
  end_with_problems();
  if (says) say_what_is_there(r, warning_told_to(how.hears_warnings));
}

void datasets::say_what_is_there(request const& r, frcnn::data::warning_callback const& tells) {
  namespace data = frcnn::data;
  summaries.emplace_back("training", data::summarise(train));
  if (r.validates()) summaries.emplace_back("validation", data::summarise(validation));
  if (!r.no_test) summaries.emplace_back("test", data::summarise(test));
  data::tally unused;
  for (std::size_t k = 0; k < train.classes.size(); ++k)
    if (summaries.front().second.of_class[k] == 0) unused.add("'" + train.classes[k] + "'");
  if (unused.count) tells("training data: " + unused.sentence("class has no object", "classes have no object"));
  for (auto const& [name, set] : {std::pair{"validation", &validation}, {"test", &test}})
    if (auto const shared = data::shared_images(train, *set, r.threads); shared.count)
      tells(fmt::format("{} data: {} of its {} images are training images, on which AP says nothing about new ones, the first: {}", name,
                        shared.count, set->size(), shared.first));
  if (auto const shared = data::shared_images(validation, test, r.threads); shared.count)
    tells(fmt::format("test data: {} of its {} images are validation images, by which the best model is chosen, the first: {}",
                      shared.count, test.size(), shared.first));
  tell(data::summary_table(summaries));
}

}  // namespace console
