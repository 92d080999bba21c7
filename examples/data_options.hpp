#pragma once
// How the programs are told to read data in VOC layout, and what they say about it while they do:
//   --split F   --skip-bad   --exif auto|apply|ignore   --difficult drop|ignore|keep (where they train)
//   --origin voc|zero|zero-inclusive|auto   --missing-xml error|empty   --channels N   --bits 8|16
// Warnings and decisions go to stderr with the name of their data; a line tells how far the check is.
#include "coco_data.hpp"
#include "console.hpp"
#include "options.hpp"

#include <frcnn/data.hpp>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace console {

class data_arguments {
 public:
  // training: whether the program takes the part before --split, or the one behind it alone.
  CLI::Option* add_to(CLI::App& app, bool training) {
    add_reading_to(app);
    if (training)
      difficult_option_ =
          app.add_option(
                 "--difficult", difficult,
                 "objects marked difficult, and crowds, in training: drop (they count as background), ignore (of COCO's data), keep")
              ->capture_default_str()
              ->check(CLI::IsMember({"drop", "ignore", "keep"}));
    return app
        .add_option("--split", fraction_,
                    training ? "train on this fraction of the images, by a hash of their ids, and test on the others"
                             : "the images that training with this --split leaves to the test")
        ->check(inside(0, 1));
  }
  // All but --split.
  void add_reading_to(CLI::App& app) {
    app.add_flag("--skip-bad", skip_bad, "leave out images that cannot be read or have no annotation");
    app.add_option("--exif", exif, "which images are turned by their EXIF orientation: auto (where <size> says so), apply, ignore")
        ->capture_default_str()
        ->check(CLI::IsMember({"auto", "apply", "ignore"}));
    app.add_option(
           "--origin", origin,
           "what coordinates are counted from: voc (1, inclusive), zero (0, half-open), zero-inclusive, auto (what the data looks like)")
        ->capture_default_str()
        ->check(CLI::IsMember({"voc", "zero", "zero-inclusive", "auto"}));
    app.add_option("--missing-xml", missing_xml, "an image without an annotation where others have one: error, or empty (without objects)")
        ->capture_default_str()
        ->check(CLI::IsMember({"error", "empty"}));
    app.add_option("--channels", channels_,
                   "of the images: 3 is RGB, of grey files too; other numbers as the files have them (3, or what the model reads)")
        ->check(whole(1, frcnn::most_channels));
    app.add_option("--bits", bits_, "of a channel: 16 leaves files of 16 bits as they are, 8 takes their high byte (8 of RGB, else 16)")
        ->check(CLI::IsMember({8, 16}));
  }
  frcnn::pixel_layout layout() const {
    auto found = frcnn::pixel_layout::of(channels_.value_or(3));
    if (bits_) found.bits = *bits_;
    return found;
  }
  // Images are read as a model reads them. Throws where the options say otherwise.
  void follow(std::string const& model, frcnn::pixel_layout const& its) {
    for (auto const& [name, said, is] : {std::tuple{"--channels", channels_, its.channels}, {"--bits", bits_, its.bits}})
      if (said && *said != is) throw frcnn::error(name, fmt::format("{}, as {} has it", is, model), std::to_string(*said));
    channels_ = its.channels, bits_ = its.bits;
  }

  bool skip_bad = false;
  std::string exif = "auto", difficult = "drop", origin = "voc", missing_xml = "error";
  frcnn::data::difficult_objects difficult_in_training() const {
    using enum frcnn::data::difficult_objects;
    return difficult == "keep" ? keep : difficult == "ignore" ? ignore : drop;
  }
  // Crowds are no background: COCO's data has them ignored unless --difficult says otherwise.
  void choose_difficult(std::vector<std::string> const& specs) {
    if (difficult_option_ && difficult_option_->count() == 0 && !named_data(specs, false).coco.empty()) difficult = "ignore";
  }
  bool splits() const { return fraction_ > 0; }
  double fraction() const { return fraction_; }
  // held_out: the part of the training images that is for validation, the last by that hash.
  frcnn::data::id_range training_part(double held_out = 0) const { return {0, training_end() * (1 - held_out)}; }
  frcnn::data::id_range validation_part(double held_out) const { return {training_end() * (1 - held_out), training_end()}; }
  frcnn::data::id_range test_part() const { return {splits() ? fraction_ : 0, 1}; }

  // Of --test where --split says which of its images those are.
  named_data test_data(std::vector<std::string> const& specs) const {
    named_data source(specs, !splits());
    source.set_part(test_part());
    return source;
  }
  // name: "training data", which warnings begin with.
  frcnn::data::voc_options options(std::string const& name, int threads) const {
    frcnn::data::voc_options o;
    o.skip_bad = skip_bad;
    o.threads = threads;
    o.exif = frcnn::data::parse_exif_mode(exif);
    o.origin = frcnn::data::parse_origin(origin);
    if (missing_xml == "empty") o.missing = frcnn::data::missing_annotation::empty;
    o.warn = warn;
    o.note = say;
    o.name = name;
    o.layout = layout();
    o.progress = [name, show = progress()](std::size_t done, std::size_t all) mutable {
      show(fmt::format("{}: {} of {} images checked", name, done, all), done == all);
      stop_between(done, all);
    };
    return o;
  }

 private:
  double training_end() const { return splits() ? fraction_ : 1; }

  double fraction_ = 0;
  std::optional<int> channels_, bits_;
  CLI::Option* difficult_option_ = nullptr;
};

// Training, validation and test data, checked whole: every bad file of all is named before training begins. Prints what is in them.
struct datasets {
  frcnn::data::dataset train, validation, test;
  std::string test_split;  // what result files are called after
  frcnn::data::check_cache checked;
  frcnn::data::named_summaries summaries;  // of those that are there; none in a process that says nothing

  struct request {
    std::vector<std::string> data;    // ROOT, ROOT:SPLIT or FILE.json
    std::vector<std::string> test{};  // empty: the first root's test split, or what `how` splits off
    std::string classes{};            // empty: those of the data
    bool no_test = false;
    int threads = 0;
    std::filesystem::path known{};  // what `checked` saved at the last start; images that have not changed since are not decoded again
    bool headers_only = false;      // nothing is decoded
    std::string validation{};       // ROOT, ROOT:SPLIT or FILE.json; empty: the images held out, where there are any
    double held_out = 0;            // this part of the training images is not trained on
    frcnn::data::check_sharing sharing{};  // the processes of this machine that read this data
    bool validates() const { return !validation.empty() || held_out > 0; }
  };

  datasets(request const& r, data_arguments const& how) : checked(r.known) {
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
    if (says) say_what_is_there(r);
  }

 private:
  void say_what_is_there(request const& r) {
    namespace data = frcnn::data;
    summaries.emplace_back("training", data::summarise(train));
    if (r.validates()) summaries.emplace_back("validation", data::summarise(validation));
    if (!r.no_test) summaries.emplace_back("test", data::summarise(test));
    data::tally unused;
    for (std::size_t k = 0; k < train.classes.size(); ++k)
      if (summaries.front().second.of_class[k] == 0) unused.add("'" + train.classes[k] + "'");
    if (unused.count) warn("training data: " + unused.sentence("class of --classes has no object", "classes of --classes have no object"));
    for (auto const& [name, set] : {std::pair{"validation", &validation}, {"test", &test}})
      if (auto const shared = data::shared_images(train, *set); shared.count)
        warn(fmt::format("{} data: {} of its {} images are training images, on which AP says nothing about new ones, the first: {}", name,
                         shared.count, set->size(), shared.first));
    tell("{}", data::summary_table(summaries));
  }
};

}  // namespace console
