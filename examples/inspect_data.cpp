// inspect_data: what is in data in PASCAL VOC layout or in COCO's, and what may be wrong with it, before anything is trained.
//
//   inspect_data --data ROOT[:SPLIT] [--test ROOT[:SPLIT] | --split F] [--preset NAME --short-side N --anchors S,.. --ratios R,..] [--html FILE]
//
// On stdout: of each class objects, images, sizes before and after resizing, and how the preset's anchors fit; objects of an image; images
// and boxes that are there twice, images of the training data in the test data, boxes that no anchor trains; anchors that would fit better.
// --html writes the same as one page, with more cases. Of images only headers are read, and of files that may be equal all bytes. Where the
// first --data has test data beside it (a list `test`, COCO's `val`), that is looked at, as train_voc does.
#include "console/anchor_options.hpp"
#include "console/coco_data.hpp"
#include "console/data_findings.hpp"
#include "console/data_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"

#include <frcnn/io/atomic_file.hpp>
#include <frcnn/presets/every_preset.hpp>
#include <frcnn/viz/html_page.hpp>

using namespace frcnn;

namespace {

struct arguments {
  std::vector<std::string> data, test;
  std::string preset = "small", classes, html;
  int threads = 0, short_side = 0, max_side = 0;
  bool no_test = false;
  console::anchor_arguments anchors;
  console::data_arguments reading;
};

void declare(CLI::App& app, arguments& a) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("--data", a.data,
                 "training data, ROOT or ROOT:SPLIT (trainval, COCO's train), or FILE.json; ROOT:all is every image; several are joined")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(console::path());
  auto* test =
      app.add_option("--test", a.test,
                     "test data, ROOT, ROOT:SPLIT or FILE.json (the first --data's test, COCO's val, where it has one); several are joined")
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->check(console::path());
  a.reading.add_to(app, true)->excludes(test);
  app.add_flag("--no-test", a.no_test, "the training data only");
  app.add_option("--preset", a.preset, "whose sides and anchors: " + every_preset<cpu>::names())->capture_default_str();
  app.add_option("--short-side", a.short_side, "shorter side of resized images, pixels (the preset's)")->check(console::side());
  app.add_option("--max-side", a.max_side, "longer side at most (the preset's)")->check(console::side());
  a.anchors.add_to(app, false);
  app.add_option("--classes", a.classes, "A,B,.. or a file with one per line; others are left out (read from the data)")
      ->check(console::path());
  app.add_option("--threads", a.threads, "for reading (as many as there are cores)")->check(console::whole(1, 1024));
  app.add_option("--html", a.html, "file for the report as a page")->check(console::path());
}

// An output that is nothing of the data. beside: whether the test data are those beside the first --data.
void check_html(arguments const& a, bool beside) {
  std::vector<std::string> specs = a.data;
  specs.insert(specs.end(), a.test.begin(), a.test.end());
  std::vector<data::voc_source> sources;
  for (auto const& spec : specs) sources.push_back(data::parse_voc_spec(spec));
  console::check_spares_data(a.html, sources);
  std::vector<std::filesystem::path> inputs;
  if (std::error_code unknown; std::filesystem::is_regular_file(a.classes, unknown)) inputs.emplace_back(a.classes);  // else names
  auto const add_files = [&](console::named_data const& set) {
    for (auto const& source : set.coco) inputs.push_back(source.file);
  };
  console::named_data const named(a.data, false);
  add_files(named);
  if (beside) add_files(named.test_beside());
  add_files({a.test, true});
  console::check_files(inputs, {a.html});
  console::check_replaces(a.html, console::output::page);
}

using rows = std::vector<std::vector<std::string>>;

struct table {
  std::string title;
  std::vector<std::string> head;
  rows body;
};

// On stdout; the first column left, the others right.
void print(table const& t) {
  rows all{t.head};
  all.insert(all.end(), t.body.begin(), t.body.end());
  std::vector<std::size_t> width(t.head.size());
  for (auto const& r : all)
    for (std::size_t c = 0; c < r.size(); ++c) width[c] = std::max(width[c], data::letters_in(r[c]));
  fmt::print("{}\n", t.title);
  for (auto const& r : all) {
    std::string line;
    for (std::size_t c = 0; c < r.size(); ++c) {
      std::string const pad(width[c] - data::letters_in(r[c]), ' ');
      line += c == 0 ? "  " + r[c] + pad : "  " + pad + r[c];
    }
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

table class_table(std::string const& name, data::inspection const& of, std::size_t images, int short_side) {
  table t{name + ": sizes of boxes (square roots of areas in pixels: least, tenth, median, nine tenths, most)",
          {"class", "objects", "difficult", "images", "size", fmt::format("resized to {}", short_side), "under 8"},
          {}};
  auto const sizes = [](data::spread const& s) {
    return fmt::format("{:.0f} {:.0f} {:.0f} {:.0f} {:.0f}", s.least, s.low, s.median, s.high, s.most);
  };
  auto const line = [&](data::class_inspection const& c) {
    t.body.push_back({c.name, std::to_string(c.objects), std::to_string(c.difficult), fmt::format("{} of {}", c.images, images),
                      sizes(c.side), sizes(c.resized_side), std::to_string(c.tiny)});
  };
  for (auto const& c : of.classes) line(c);
  if (of.classes.size() > 1) line(of.all);
  return t;
}

table fit_table(data::anchor_study const& study) {
  table t{"training data: boxes whose best anchor has an IoU of at least 0.5, 0.7 (" + data::to_options(study.present) + ")",
          {"class", "boxes", "0.5", "0.7", "stride costs", "border costs", "no anchor trains", "proposed 0.5", "proposed 0.7"},
          {}};
  auto const line = [&](std::string const& name, data::fit_counts const& now, data::fit_counts const& then) {
    t.body.push_back({name, std::to_string(now.boxes), data::percent(now.share(now.best, 0)), data::percent(now.share(now.best, 1)),
                      data::percent(now.share(now.anywhere, 1) - now.share(now.on_grid, 1)),
                      data::percent(now.share(now.on_grid, 1) - now.share(now.best, 1)), std::to_string(now.not_learned),
                      data::percent(then.share(then.best, 0)), data::percent(then.share(then.best, 1))});
  };
  for (std::size_t k = 0; k < study.classes.size(); ++k) line(study.classes[k], study.fit.of_class[k], study.fit_of_proposed.of_class[k]);
  if (study.classes.size() > 1) line("all", study.fit.all, study.fit_of_proposed.all);
  return t;
}

// Images by how many objects they have: at most ten lines.
std::vector<std::pair<std::string, double>> objects_per_image(data::inspection const& of) {
  std::size_t const step = std::max<std::size_t>(1, (of.images_with.size() + 8) / 10);
  std::vector<std::pair<std::string, double>> bars;
  if (of.images_with.empty()) return bars;
  bars.emplace_back("0", static_cast<double>(of.images_with[0]));
  for (std::size_t from = 1; from < of.images_with.size(); from += step) {
    std::size_t const to = std::min(from + step, of.images_with.size()) - 1;
    double n = 0;
    for (std::size_t k = from; k <= to; ++k) n += static_cast<double>(of.images_with[k]);
    bars.emplace_back(from == to ? std::to_string(from) : fmt::format("{} to {}", from, to), n);
  }
  return bars;
}

struct report {
  std::vector<table> tables;
  console::findings findings;
  std::vector<std::string> anchors;  // sentences
  std::vector<console::inspected> sets;
};

// warnings: those of reading the data.
std::string page_of(report const& r, data::named_summaries const& summaries, std::vector<std::string> const& warnings) {
  viz::html_page page("What is in the data");
  page.heading("What may be wrong");
  for (auto const& text : warnings) page.text(text);
  console::show(page, r.findings.list());
  if (warnings.empty() && r.findings.list().empty()) page.text("Nothing was found.");
  page.heading("Images");
  auto const lines = data::summary_rows(summaries);
  page.table(lines.front(), {lines.begin() + 1, lines.end()});
  for (auto const& s : r.sets) page.bars(s.name + ": images by their number of objects", objects_per_image(s.of));
  page.heading("Classes and anchors");
  for (auto const& t : r.tables) {
    page.text(t.title);
    page.table(t.head, t.body);
  }
  for (auto const& line : r.anchors) page.text(line);
  return page.str();
}

template <class Family>
report inspect(console::datasets const& sets, arguments const& a, typename Family::config_type const& config) {
  report r;
  auto const resize = [&](int w, int h) { return Family::convention::resize(w, h, config.short_side, config.max_side); };
  r.sets = console::inspect_sets(sets, resize);
  r.findings.add_sets(r.sets, a.threads, [show = console::progress()](std::size_t done, std::size_t all) mutable {
    show(fmt::format("{} of {} images compared that may be equal", done, all), done == all);
    console::stop_between(done, all);
  });
  for (auto const& s : r.sets) r.tables.push_back(class_table(s.name, s.of, s.of.summary.images, config.short_side));
  auto const study =
      console::study_anchors<Family>(sets.train, config, !a.anchors.gives_ratios(), a.reading.difficult_in_training(), a.threads);
  r.tables.push_back(fit_table(study));
  r.anchors = study.lines(false);
  r.findings.add_anchors(study.fit);
  return r;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Shows what is in data in PASCAL VOC layout or in COCO's, what may be wrong with it, and how anchors fit");
  arguments a;
  declare(app, a);
  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    return every_preset<cpu>::with(a.preset, [&]<class Preset>() {
      auto config = Preset::config({});
      a.anchors.apply_to(config);
      if (a.short_side) config.short_side = a.short_side;
      if (a.max_side) config.max_side = a.max_side;
      config.max_side = std::max(config.max_side, config.short_side);
      make_anchors<typename Preset::convention, Preset::model::levels>(config.anchor_sizes,
                                                                       config.anchor_ratios);  // throws where they are none
      if (a.max_side && a.max_side < config.short_side)
        throw error("--max-side", fmt::format("at least the short side, {}", config.short_side), std::to_string(a.max_side));
      bool const beside = !a.no_test && a.test.empty() && !a.reading.splits() && console::named_data(a.data, false).has_test_beside();
      bool const has_test = beside || (!a.no_test && (!a.test.empty() || a.reading.splits()));
      if (!a.html.empty()) check_html(a, beside);
      std::vector<std::string> warnings;
      a.reading.hears_warnings = [&](std::string const& text) { warnings.push_back(text); };
      auto const read = [&]() -> console::datasets {
        try {
          return {{a.data, a.test, a.classes, !has_test, a.threads, {}, true}, a.reading};
        } catch (std::exception const&) {
          if (!a.html.empty()) console::say(a.html + " is not written: the data cannot be read as a whole");
          throw;
        }
      };
      auto const sets = read();
      report const r = inspect<typename Preset::family>(sets, a, config);
      for (auto const& t : r.tables) print(t), fmt::print("\n");
      for (auto const& s : r.sets)
        fmt::print("{}: objects of an image: least {:.0f}, median {:.0f}, most {:.0f}\n", s.name, s.of.objects_per_image.least,
                   s.of.objects_per_image.median, s.of.objects_per_image.most);
      console::print(r.findings.list());
      fmt::print("\n");
      for (auto const& line : r.anchors) fmt::print("{}\n", line);
      if (!a.html.empty()) io::write_file_atomically(a.html, page_of(r, sets.summaries, warnings));
      return 0;
    });
  });
}
