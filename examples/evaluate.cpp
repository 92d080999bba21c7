// evaluate (--model FILE | --results DIR) --test ROOT[:SPLIT] [--split F] [--skip-bad] [--metric area|voc07] [--proposals] [what to compute with: cpu_options.hpp]
//
// Average precision of a model, or of result files in the VOC server's format, on a split. With --proposals the recall of the model's
// proposals too. The last lines on stdout: AP50 of each class, then mAP50.
#include "console.hpp"
#include "cpu_options.hpp"
#include "data_options.hpp"

#include <frcnn/eval.hpp>
#include <frcnn/load.hpp>
#include <frcnn/train/evaluation.hpp>

using namespace frcnn;

int main(int argc, char** argv) {
  CLI::App app("Average precision of a model or of result files");
  std::string model, results, test, metric = "area";
  console::cpu_arguments cpu;
  console::data_arguments how;
  bool proposals = false;
  auto* from = app.add_option_group("what to evaluate")->require_option(1);
  from->add_option("--model", model, "model file");
  from->add_option("--results", results, "folder of result files, comp4_det_<split>_<class>.txt");
  app.add_option("--test", test, "data in VOC layout, ROOT or ROOT:SPLIT")->required();
  app.add_option("--metric", metric, "area (VOC2010) or voc07 (11 points)")->capture_default_str()->check(CLI::IsMember({"area", "voc07"}));
  how.add_to(app, false);
  cpu.add_to(app);
  app.add_flag("--proposals", proposals, "recall of the model's proposals too");

  return console::run(app, argc, argv, [&] {
    if (proposals && model.empty()) throw error("--proposals", "--model", "result files, which hold none");
    auto source = data::parse_voc_spec(test, how.splits() ? "trainval" : "test");
    source.part = how.test_part();
    eval::ap_options const options{metric == "area" ? eval::ap_metric::area : eval::ap_metric::voc07};
    auto reading = how.options("test data", cpu.threads);

    std::vector<std::vector<detection>> found;
    data::dataset set;
    if (!model.empty()) {
      auto const detector = load_detector(model, cpu.get());
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
      found = eval::read_voc_results({results, how.splits() ? "test" : source.split}, ids, set.classes, console::warn);
    }
    cpu.report();
    fmt::print("{}", eval::ap_report(eval::evaluate_voc(found, truth_of(set), static_cast<int>(set.classes.size()), options), set.classes));
    return 0;
  });
}
