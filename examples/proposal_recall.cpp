// proposal_recall --test ROOT[:SPLIT].. --out DIR [--short-side N] [--max-side N] [--split F] [--skip-bad] [--exif ..] FILE...
//
// How many objects the proposals of each FILE (propose writes them) cover: recall over IoU of the best 50, 100, 300, 1,000 and 2,000 of an
// image, as Fig. 4 of the paper; and, of files that name anchors (propose --with-anchors), the mean size of each anchor's proposals, as
// Table 1. On stdout a line for each number of proposals and for each anchor; in --out
//   recall.svg    one FILE: a curve for each number of proposals; several: a chart for each number, with a curve for each FILE
//   recall.csv    file,proposals,iou,recall      anchors.csv   file,size,ratio,proposals,width,height
// Difficult objects, and crowds, are left out. Sizes are in pixels of the resized image, so that they compare with their anchors:
// --short-side and --max-side are those of the model.
#include "console/coco_data.hpp"
#include "console/console.hpp"
#include "console/data_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"
#include "console/outside_regions.hpp"

#include <frcnn/eval.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/train/evaluation.hpp>
#include <frcnn/viz/plot.hpp>

#include <set>

using namespace frcnn;
namespace fs = std::filesystem;

namespace {

constexpr int limits[] = {50, 100, 300, 1000, 2000};

// 0.50, 0.51, .. 1.00
std::vector<double> thresholds() {
  std::vector<double> t;
  for (int percent = 50; percent <= 100; ++percent) t.push_back(percent / 100.);
  return t;
}

// What curves are called: names of files without folder and extension where those differ.
std::vector<std::string> names_of(std::vector<std::string> const& files) {
  std::vector<std::string> names;
  for (auto const& f : files) names.push_back(fs::path(f).stem().string());
  return std::set<std::string>(names.begin(), names.end()).size() == files.size() ? names : files;
}

struct measured {
  std::vector<std::vector<double>> recall;  // [limit][threshold]
  std::vector<eval::anchor_mean> anchors;
};

std::string picture(std::vector<std::string> const& names, std::vector<measured> const& all) {
  auto const options = [](std::string title, int width, int height) {
    return viz::chart_options{
        .title = std::move(title), .x_label = "IoU", .y_label = "recall", .x = {0.5, 1}, .y = {0, 1}, .width = width, .height = height};
  };
  std::vector<viz::chart_series> curves;
  if (all.size() == 1) {
    for (std::size_t l = 0; l < std::size(limits); ++l)
      curves.push_back({std::to_string(limits[l]) + " proposals", thresholds(), all[0].recall[l]});
    return viz::line_chart(options("Recall of " + names[0], 720, 420), curves);
  }
  std::vector<viz::chart_panel> charts;
  for (std::size_t l = 0; l < std::size(limits); ++l) {
    curves.clear();
    for (std::size_t f = 0; f < all.size(); ++f) curves.push_back({names[f], thresholds(), all[f].recall[l]});
    charts.push_back({options(std::to_string(limits[l]) + " proposals", 560, 360), curves});
  }
  return viz::chart_grid(charts, 3);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Recall of proposals over IoU, and the mean size of each anchor's");
  std::string out;
  std::vector<std::string> test, files;
  int short_side = 0, max_side = 1000;
  console::data_arguments how;
  app.add_option("--test", test,
                 "data with annotations, ROOT or ROOT:SPLIT in VOC or COCO layout (test, val), or FILE.json[:IMAGES]; several are joined")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)  // what follows is a FILE
      ->check(console::path());
  app.add_option("--out", out, "folder for recall.svg, recall.csv and anchors.csv")->required()->check(console::path());
  auto* side =
      app.add_option("--short-side", short_side, "shorter side of the model's resized images (sizes are in original pixels without)")
          ->check(console::side());
  app.add_option("--max-side", max_side, "longer side at most")->capture_default_str()->check(console::side())->needs(side);
  how.add_to(app, false);
  app.add_option("FILE", files, "proposals, lines image_id x1 y1 x2 y2 [score [size:ratio]]")->required()->check(console::path());

  return console::run(app, argc, argv, [&] {
    if (short_side && max_side < short_side)
      throw error("--max-side", "at least --short-side, " + std::to_string(short_side), std::to_string(max_side));
    fs::path const folder = out;
    console::check_place(folder);
    console::check_inputs({files.begin(), files.end()});
    std::vector<fs::path> const written{folder / "recall.svg", folder / "recall.csv", folder / "anchors.csv"};
    console::check_outputs({files.begin(), files.end()}, written);
    auto const source = how.test_data(test);
    for (auto const& file : written) console::check_spares_data(file, source.voc);
    auto const set = source.read(how.options("test data", 0));
    auto const truth = truth_of(set);
    std::vector<double> scales;
    for (auto const& s : set.samples)
      scales.push_back(short_side ? std::min(short_side / static_cast<double>(std::min(s.width, s.height)),
                                             max_side / static_cast<double>(std::max(s.width, s.height)))
                                  : 1.);

    console::catch_interrupts();
    std::vector<measured> all;
    for (auto const& file : files) {
      console::stop_if_interrupted();
      auto const lists = console::proposals_of(set, file);
      auto const boxes = lists->boxes();
      if (files.size() > 1) fmt::print("{}\n", file);
      measured m;
      std::vector<eval::proposal_recall> report;
      for (int const limit : limits) {
        auto const overlaps = eval::covered_overlaps_of(boxes, truth, limit);
        report.push_back(eval::recall_of(limit, overlaps));
        m.recall.emplace_back();
        for (double const t : thresholds()) m.recall.back().push_back(eval::recall_at(overlaps, t));
      }
      m.anchors = eval::mean_sizes(*lists, scales);
      fmt::print("{}{}", eval::recall_report(report), eval::size_report(m.anchors));
      all.push_back(std::move(m));
    }

    console::make_folder(folder);
    std::string recalls = "file,proposals,iou,recall\n", anchors = "file,size,ratio,proposals,width,height\n";
    bool have_anchors = false;
    for (std::size_t f = 0; f < files.size(); ++f) {
      for (std::size_t l = 0; l < std::size(limits); ++l)
        for (std::size_t t = 0; t < thresholds().size(); ++t)
          recalls += fmt::format("{},{},{:.2f},{}\n", console::csv_field(files[f]), limits[l], thresholds()[t],
                                 eval::format_ap(all[f].recall[l][t]));
      for (auto const& a : all[f].anchors)
        anchors += fmt::format("{},{},{},{},{:.2f},{:.2f}\n", console::csv_field(files[f]), a.anchor.size, a.anchor.ratio, a.proposals,
                               a.width, a.height);
      have_anchors = have_anchors || !all[f].anchors.empty();
    }
    io::write_file_atomically(folder / "recall.csv", recalls);
    io::write_file_atomically(folder / "recall.svg", picture(names_of(files), all));
    if (have_anchors) io::write_file_atomically(folder / "anchors.csv", anchors);
    return 0;
  });
}
