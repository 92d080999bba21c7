// compress --model FILE --out FILE [--fc6-rank 1024] [--fc7-rank 256] [--test ROOT[:SPLIT]].. [--metric area|voc07]
//          [--split F] [--skip-bad] [what to compute with: compute_options.hpp]
//
// Truncated SVD of a trained model's fully connected layers (Fast R-CNN, section 3.1). What it prints: what each layer loses. With --test
// also time and average precision before and after: both models detect on every image, in turns, so that whatever else the machine does
// falls on both; --profile lists the layers of the two in one table. A rank of 0 leaves its layer as it is.
#include "console/coco_data.hpp"
#include "console/coco_scores.hpp"
#include "console/compute_options.hpp"
#include "console/data_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"
#include "console/scores.hpp"

#include <frcnn/compress.hpp>
#include <frcnn/load.hpp>
#include <frcnn/presets/load_weights.hpp>
#include <frcnn/train/evaluation.hpp>

using namespace frcnn;

struct arguments {
  std::string model, out;
  std::vector<std::string> test;
  console::metric_argument metric;
  std::array<int, 2> ranks{1024, 256};
  console::compute_arguments compute;
  console::data_arguments reading;

  console::named_data data() const { return reading.test_data(test); }
};

static double median(std::vector<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Two detectors on the same images.
template <class Preset>
static void compare(detector<Preset> const& before, detector<Preset> const& after, data::dataset const& set, arguments const& a) {
  struct side {
    detector<Preset> const& model;
    std::vector<std::vector<detection>> found;
    std::vector<double> milliseconds;
  };
  std::array<side, 2> sides{side{before, {}, {}}, side{after, {}, {}}};
  console::progress show;
  for_each_image(set, [&](std::size_t i, image const& im) {
    if (i == 0)
      for (auto& s : sides) s.model.detect(im);  // warm
    for (std::size_t k = 0; k < 2; ++k) {
      auto& s = sides[(i + k) % 2];
      auto const begin = std::chrono::steady_clock::now();
      s.found.push_back(s.model.detect(im));
      s.milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    show(fmt::format("{} of {} images", i + 1, set.size()), i + 1 == set.size());
    console::stop_between(i + 1, set.size());
  });

  auto const truth = truth_of(set);
  auto const one = console::score(sides[0].found, truth, set.classes, a.metric);
  auto const two = eval::evaluate_voc(sides[1].found, truth, static_cast<int>(set.classes.size()), a.metric.get());
  double const slow = median(sides[0].milliseconds), fast = median(sides[1].milliseconds);
  std::size_t width = 20;
  for (auto const& name : set.classes) width = std::max(width, name.size() + 5);
  fmt::print("{:<{}} {:>8} {:>8}\n", "", width, "before", "after");
  fmt::print("{:<{}} {:>8.1f} {:>8.1f}   median of {} images, {:.2f} times as fast\n", "ms per image", width, slow, fast, set.size(),
             slow / fast);
  auto const row = [&](std::string const& name, double x, double y) {
    fmt::print("{:<{}} {:>8} {:>8}\n", name, width, eval::format_ap(x), eval::format_ap(y));
  };
  for (std::size_t k = 0; k < set.classes.size(); ++k) row("AP50 " + set.classes[k], one.classes[k].ap, two.classes[k].ap);
  row("mAP50", one.mean, two.mean);
  if (!set.coco) return;
  auto const numbers = [&](side const& s) {
    return eval::coco_stats(evaluate_coco(set, coco_results_of(set, s.found), console::coco_options_of(false, a.compute.threads)));
  };
  auto const first = numbers(sides[0]), second = numbers(sides[1]);
  for (auto const& [name, place] : {std::pair{"COCO AP", 0}, {"COCO AP at 0.50", 1}, {"COCO AP at 0.75", 2}})
    row(name, first[static_cast<std::size_t>(place)], second[static_cast<std::size_t>(place)]);
}

template <class Family>
static int run(detector<Family> const& whole, arguments const& a) {
  auto const cpu = a.compute.cpu();
  data::dataset set;  // checked before anything is written
  if (!a.test.empty()) {
    auto how = a.reading;
    how.follow(a.model, whole.config().normalisation.layout());
    auto reading = how.options("test data", a.compute.threads);
    reading.classes = whole.classes();
    set = a.data().read_sparing(a.out, reading);
  }

  auto const made = [&] {
    try {
      return compress(whole, a.ranks, cpu);
    } catch (error const& e) {
      throw error(a.model + ", " + e.where() + " (--fc6-rank, --fc7-rank)", e.expected(), e.found());
    }
  }();
  console::catch_interrupts();
  save(made.model, a.out);

  for (auto const& l : made.layers)
    fmt::print("{} {} x {} to rank {}: {:.2f} of {:.2f} million weights, relative error {:.4f}, singular values {:.4g} to {:.4g}\n", l.name,
               l.out, l.in, l.rank, 1e-6 * static_cast<double>(l.weights_after()), 1e-6 * static_cast<double>(l.weights_before()), l.error,
               l.largest, l.last);
  auto const megabytes = [](std::string const& path) { return 1e-6 * static_cast<double>(std::filesystem::file_size(path)); };
  fmt::print("{}: {:.1f} MB\n{}: {:.1f} MB\n", a.model, megabytes(a.model), a.out, megabytes(a.out));
  if (!a.test.empty()) compare(whole, made.model, set, a);
  a.compute.report();
  return 0;
}

int main(int argc, char** argv) {
  CLI::App app("Truncated SVD of a model's fully connected layers");
  arguments a;
  app.add_option("--model", a.model, "model file")->required()->check(console::path());
  app.add_option("--out", a.out, "write the compressed model here")->required()->check(console::path());
  app.add_option("--fc6-rank", a.ranks[0], "0: as it is")->capture_default_str()->check(console::whole(0));
  app.add_option("--fc7-rank", a.ranks[1], "0: as it is")->capture_default_str()->check(console::whole(0));
  auto* test =
      app.add_option(
             "--test", a.test,
             "data, ROOT or ROOT:SPLIT in VOC or COCO layout, or FILE.json[:IMAGES]: time and AP before and after; several are joined")
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->check(console::path());
  a.metric.add_to(app);
  a.reading.add_to(app, false);
  for (char const* of_test : {"--metric", "--split", "--skip-bad", "--exif"}) app.get_option(of_test)->needs(test);
  a.compute.add_to(app, console::compute_arguments::use::cpu_alone);
  return console::run(app, argc, argv, [&] {
    if (auto const kind = data::lower(std::filesystem::path(a.out).extension().string()); kind != ".safetensors")
      throw error("--out " + a.out, "a name that ends with .safetensors (convert makes a .pth of it)", kind.empty() ? "none" : kind);
    console::check_files({a.model}, {a.out});
    console::check_replaces(a.out, console::output::model);
    if (!a.test.empty()) a.data().require_there();
    weights_file const file(a.model);
    return every_file_preset<cpu>::with(
        preset_of(file, {}), [&]<class Preset>() { return run<family_of<Preset>>(load_family<Preset>(file, {}, a.compute.cpu()), a); });
  });
}
