// evaluate --results DT.json --test GT.json [--json OUT] [--pycocotools-exact] [--threads N]
// evaluate (--model FILE [--preset NAME ..: model_options.hpp] | --results DIR) --test ROOT[:SPLIT].. [--split F] [--skip-bad] [--exif auto|apply|ignore] [--metric area|voc07]
//          [--proposals FILE [--top N]] [--recall] [--report FILE] [what to compute with: compute_options.hpp]
//
// Average precision of a model, or of result files in the VOC server's format, on a split. With --proposals the model's head looks at the
// regions of a file, which propose or another generator wrote, in place of its RPN's proposals (Fast R-CNN). With --recall the recall of the
// proposals too. --report writes a page with AP, mistakes and the worst images (report.hpp). The last lines on stdout: AP50 of each class,
// then mAP50. A signal after the last image does not stop them.
#include "console/coco_data.hpp"
#include "console/coco_scores.hpp"
#include "console/compute_options.hpp"
#include "console/data_options.hpp"
#include "console/load_model.hpp"
#include "console/model_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"
#include "console/outside_regions.hpp"
#include "console/report.hpp"
#include "console/scores.hpp"

#include <frcnn/train/evaluation.hpp>

using namespace frcnn;

int main(int argc, char** argv) {
  CLI::App app("Average precision of a model or of result files");
  console::model_arguments model;
  std::string results, proposals, json, page;
  int top = 0;
  console::metric_argument metric;
  console::compute_arguments compute;
  console::data_arguments how;
  std::vector<std::string> test;
  bool recall = false, exact = false;
  auto* from = app.add_option_group("what to evaluate")->require_option(1);
  model.add_to(app, from);
  from->add_option("--results", results, "folder of result files, comp4_det_<split>_<class>.txt, or a file of COCO's results")
      ->check(console::path());
  app.add_option("--test", test, "data, ROOT or ROOT:SPLIT in VOC or COCO layout, or FILE.json[:IMAGES]; several are joined")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(console::path());
  metric.add_to(app);
  how.add_to(app, false);
  compute.add_to(app);
  auto* file = app.add_option("--proposals", proposals, "file of regions for the model's head, lines image_id x1 y1 x2 y2 [score]")
                   ->check(console::path());
  app.add_option("--top", top, "of the file's regions the best N of each image (all)")->check(console::whole(1))->needs(file);
  app.add_flag("--recall", recall, "recall of the proposals too");
  app.add_option("--report", page, "file for a page: AP by IoU and size, score thresholds, mistakes and what they cost, the worst images")
      ->check(console::path());

  app.add_option("--json", json, "of COCO's data: write the twelve numbers here, in full precision")->check(console::path());
  app.add_flag("--pycocotools-exact", exact, "of COCO's data: an object whose annotation id is 0 is never found, as pycocotools has it");

  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    std::string const named = fmt::format("{}", fmt::join(test, ", "));
    for (auto const& [name, given] : {std::pair{"--recall", recall}, {"--proposals", !proposals.empty()}})
      if (given && model.file.empty()) throw error(name, "--model", "result files, which hold no proposals and look at none");
    for (char const* name : {"--device", "--deterministic", "--engine", "--precision", "--transforms", "--timing", "--profile"})
      if (model.file.empty() && app.count(name)) throw error(name, "--model, which computes", "result files");
    if (!results.empty() && !console::there(results))
      throw error("--results " + results, "a folder of result files, or a file of COCO's results", "nothing at that place");
    if (std::error_code unknown; !results.empty() && !std::filesystem::is_directory(results, unknown)) {
      for (char const* name :
           {"--split", "--metric", "--skip-bad", "--exif", "--origin", "--missing-xml", "--channels", "--bits", "--report"})
        if (app.count(name) > 0) throw error(name, "data, or a folder of result files", "a file of COCO's results");
      if (test.size() > 1) throw error("--test", "one, whose ids are those of " + results, std::to_string(test.size()));
      auto const truth = data::find_coco(test.front(), "val");
      if (std::error_code unknown; !truth && std::filesystem::is_regular_file(test.front(), unknown)) how.test_data(test).require_there();
      if (!truth)
        throw error("--results " + results, "a folder of result files, since --test " + named + " has no annotations in COCO's JSON",
                    "a file");
      if (!json.empty()) console::check_files({results, truth->file}, {json}), console::check_replaces(json, console::output::numbers);
      console::evaluate_coco_files(results, truth->file.string(), json, exact, compute.threads);
      return 0;
    }
    auto const source = how.test_data(test);
    for (auto const& [name, given] : {std::pair{"--json", !json.empty()}, {"--pycocotools-exact", exact}})
      if (given && (source.coco.empty() || !source.voc.empty())) throw error(name, "data in COCO's layout alone", named);
    if (!source.coco.empty() && !source.voc.empty()) console::warn_of_mixed_data();
    std::vector<std::filesystem::path> inputs{model.file, proposals}, outputs;
    for (auto const& s : source.coco) inputs.push_back(s.file);
    io::for_each_entry(results, [&](auto const& at) {
      if (std::error_code unknown; at.is_regular_file(unknown)) inputs.push_back(at.path());
    });
    for (auto const& file_out : {json, page})
      if (!file_out.empty()) outputs.emplace_back(file_out);
    console::check_files(inputs, outputs);
    if (!json.empty()) console::check_replaces(json, console::output::numbers);
    if (!page.empty()) console::check_replaces(page, console::output::page);
    source.require_there();
    if (!page.empty() && !source.voc.empty()) console::check_spares_data(page, source.voc);
    console::run_facts facts{"Evaluation on " + named, {{"--test", named}, {"--metric", metric.name()}}, {}, {}};
    console::recall_study proposals_found;
    std::vector<std::vector<detection>> found;
    std::vector<std::int32_t> left_out;  // labels
    data::dataset set;
    if (!model.file.empty()) {
      auto const detector = console::load_model(model, compute);
      if (proposals.empty()) console::warn_of_untrained_rpn(detector.config(), model.file);
      how.follow(model.file, detector.config().normalisation.layout());
      auto reading = how.options("test data", compute.threads);
      reading.classes = detector.classes();
      set = source.read(reading);
      std::shared_ptr<eval::proposal_lists> lists;
      if (!proposals.empty()) lists = console::proposals_of(set, proposals);
      if (lists && top) lists->keep_best(static_cast<std::size_t>(top));
      console::progress show;
      console::pace pace(static_cast<double>(set.size()));
      auto const progress = [&](std::size_t n) {
        show(fmt::format("{} of {} images, {:.1f} a second", n, set.size(), pace.rate(static_cast<double>(n))), n == set.size());
        console::stop_between(n, set.size());
      };
      console::stopwatch const clock;
      found = detect_all(detector, set, {}, progress, eval::proposal_lists::source(lists));
      facts.settings.emplace_back("--model", model.file);
      facts.times.emplace_back("detection", console::timed_images(clock.seconds(), set.size()));
      auto const find_recall = [&] {
        std::vector<std::vector<box<float>>> regions(set.size());
        if (lists) regions = lists->boxes();
        else
          for_each_image(set, [&](std::size_t i, image const& im) {
            console::stop_if_interrupted();
            regions[i] = detector.propose(im);
          });
        auto const objects = truth_of(set);
        fmt::print("{}", eval::recall_report(eval::evaluate_proposals(regions, objects, std::array{50, 100, 300})));
        proposals_found = console::study_recall([&](std::size_t i) { return regions[i]; }, objects, objects.size());
      };
      try {
        if (recall) find_recall();
      } catch (console::interruption const&) {  // the detections are whole
        console::say("\nstopped before --recall was through");
      }
    } else {
      set = source.read(how.options("test data", compute.threads));
      std::vector<std::string> ids;
      for (auto const& s : set.samples) ids.push_back(s.id);
      facts.settings.emplace_back("--results", results);
      eval::voc_results const files{results, how.splits() ? "test" : source.split()};
      found = eval::read_voc_results(files, ids, set.classes, console::warn);
      left_out = eval::classes_without_file(files, set.classes);
      if (!left_out.empty())
        console::warn(
            fmt::format("{} of {} classes of the data {} no result file and {} left out of the mean (what found nothing has an empty "
                        "file); the first: {}",
                        left_out.size(), set.classes.size(), left_out.size() == 1 ? "has" : "have", left_out.size() == 1 ? "is" : "are",
                        files.file(set.classes[static_cast<std::size_t>(left_out.front() - 1)]).string()));
    }
    compute.report();
    console::attempts attempt;
    auto const truth = console::judged_objects(truth_of(set), left_out);
    console::tested result{set, set.classes, found, truth, metric.get().metric, compute.threads, std::move(proposals_found)};
    if (set.coco)
      attempt([&] {
        result.coco = evaluate_coco(set, coco_results_of(set, found), console::coco_options_of(exact, compute.threads), left_out);
        console::report_coco(*result.coco, set.coco->categories, json);
      });
    console::print_scores(console::score(found, truth, set.classes, metric, left_out), set.classes);
    if (!page.empty())
      attempt([&] {
        facts.data.emplace_back("test", data::summarise(set));
        console::write_report(page, facts, &result);
      });
    return attempt.status();
  });
}
