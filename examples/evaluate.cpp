// evaluate (--model FILE | --results DIR) --test ROOT[:SPLIT] [--split F] [--skip-bad] [--exif auto|apply|ignore] [--metric area|voc07]
//          [--proposals] [what to compute with: cpu_options.hpp]
//
// Average precision of a model, or of result files in the VOC server's format, on a split. With --proposals the recall of the model's
// proposals too. The last lines on stdout: AP50 of each class, then mAP50.
#include "cpu_options.hpp"
#include "data_options.hpp"
#include "scores.hpp"

#include <frcnn/load.hpp>
#include <frcnn/presets/every_preset.hpp>
#include <frcnn/train/evaluation.hpp>

using namespace frcnn;

int main(int argc, char** argv) {
  CLI::App app("Average precision of a model or of result files");
  std::string model, results, test;
  console::metric_argument metric;
  console::cpu_arguments cpu;
  console::data_arguments how;
  bool proposals = false;
  auto* from = app.add_option_group("what to evaluate")->require_option(1);
  from->add_option("--model", model, "model file")->check(console::path());
  from->add_option("--results", results, "folder of result files, comp4_det_<split>_<class>.txt")->check(console::path());
  app.add_option("--test", test, "data in VOC layout, ROOT or ROOT:SPLIT")->required()->check(console::path());
  metric.add_to(app);
  how.add_to(app, false);
  cpu.add_to(app);
  app.add_flag("--proposals", proposals, "recall of the model's proposals too");

  return console::run(app, argc, argv, [&] {
    if (proposals && model.empty()) throw error("--proposals", "--model", "result files, which hold none");
    auto const source = how.test_source(test);
    auto reading = how.options("test data", cpu.threads);

    std::vector<std::vector<detection>> found;
    std::vector<std::int32_t> left_out;  // labels
    data::dataset set;
    if (!model.empty()) {
      auto const detector = load_detector(model, every_cpu_preset, cpu.get());
      reading.classes = detector.classes();
      set = data::read_voc({source}, reading);
      console::progress show;
      console::pace pace(static_cast<double>(set.size()));
      found = detect_all(detector, set, {}, [&](std::size_t n) {
        show(fmt::format("{} of {} images, {:.1f} a second", n, set.size(), pace.rate(static_cast<double>(n))), n == set.size());
      });
      if (proposals) {
        std::vector<std::vector<box<float>>> regions(set.size());
        for_each_image(set, [&](std::size_t i, image const& im) { regions[i] = detector.propose(im); });
        fmt::print("{}", eval::recall_report(eval::evaluate_proposals(regions, truth_of(set), std::array{50, 100, 300})));
      }
    } else {
      set = data::read_voc({source}, reading);
      std::vector<std::string> ids;
      for (auto const& s : set.samples) ids.push_back(s.id);
      eval::voc_results const files{results, how.name_of_test(source)};
      found = eval::read_voc_results(files, ids, set.classes, console::warn);
      left_out = eval::classes_without_file(files, set.classes);
      if (!left_out.empty())
        console::warn(
            fmt::format("{} of {} classes of the data {} no result file and {} left out of the mean (what found nothing has an empty "
                        "file); the first: {}",
                        left_out.size(), set.classes.size(), left_out.size() == 1 ? "has" : "have", left_out.size() == 1 ? "is" : "are",
                        files.file(set.classes[static_cast<std::size_t>(left_out.front() - 1)]).string()));
    }
    cpu.report();
    console::print_scores(console::score(found, truth_of(set), set.classes, metric, left_out), set.classes);
    return 0;
  });
}
