#pragma once
// The end of a training run: detections on the test split, their average precision, result files, pictures.
//
//   detections   everything below is made from them; Ctrl-C leaves between two images
//   scores       on stdout, as soon as they are known
//   results/     VOC server files, coco.json (of one)   detections/   a dozen images with boxes            pr.svg   precision over recall
//   report.html  all of it on a page, with the training's curves (report.hpp)
// None of these depends on another: what can be written is written, what cannot is said.
#include "coco_scores.hpp"
#include "outputs.hpp"
#include "report.hpp"
#include "scores.hpp"

#include <frcnn/data.hpp>
#include <frcnn/io/file_name.hpp>
#include <frcnn/io/folder.hpp>
#include <frcnn/train/evaluation.hpp>
#include <frcnn/train/shared_evaluation.hpp>
#include <frcnn/viz.hpp>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace console {

class test_pass {
 public:
  // set: stays the caller's. threads: to evaluate with. regions: where the head looks, in place of the RPN's proposals.
  test_pass(frcnn::data::dataset const& set, std::string split, std::vector<std::string> classes, metric_argument metric, int threads,
            std::filesystem::path out, frcnn::region_source regions = {})
      : set_(set),
        split_(std::move(split)),
        classes_(std::move(classes)),
        metric_(metric),
        threads_(threads),
        out_(std::move(out)),
        regions_(std::move(regions)) {}

  // What the files of results cannot hold as it is (names, ids that two images have) or not at all: said before training, not found out
  // after it.
  void warn_of_files() const {
    if (set_.coco_files > 0 && !set_.coco)
      warn("test data: of COCO's files and of folders in VOC layout: there will be AP50, but not COCO's numbers, and no results/coco.json");
    else if (set_.coco_files > 1)
      warn(
          fmt::format("test data: of {} COCO files, whose ids may be equal: COCO's numbers are of all of them together, and "
                      "results/coco.json is not written",
                      set_.coco_files));
    auto const results = files();
    std::size_t ids = 0, classes = 0;
    std::string first_id, first_class;
    for (auto const& s : set_.samples)
      if (frcnn::eval::result_id(s.id) != s.id && ids++ == 0) first_id = frcnn::excerpt(s.id, 255) + " as " + frcnn::eval::result_id(s.id);
    for (auto const& name : classes_)
      if (!results.takes(name) && classes++ == 0) first_class = frcnn::excerpt(name, 255) + " in " + results.file(name).filename().string();
    if (auto const twice = repeated_ids(); twice.count)
      warn(fmt::format(
          "test data: {}; result files cannot tell them apart, and are not written",
          twice.sentence("id is that of an image before it, of another root", "ids are those of images before them, of other roots")));
    constexpr char const* sentence = "{} of {} {} cannot stand in result files as written and {} there; the first: {}";
    if (ids) warn(fmt::format(fmt::runtime(sentence), ids, set_.size(), "image ids", ids == 1 ? "is encoded" : "are encoded", first_id));
    if (classes)
      warn(fmt::format(fmt::runtime(sentence), classes, classes_.size(), "class names", classes == 1 ? "is encoded" : "are encoded",
                       first_class));
  }

  // Throws interruption. run: what the report says of the training. others: processes that share the images; the first of them goes on with
  // what all have found.
  template <class Detector>
  void operator()(Detector const& d, attempts& attempt, run_facts run, frcnn::any_communicator<frcnn::cpu>* others = nullptr) const {
    progress show;
    stopwatch const clock;
    pace speed(static_cast<double>(set_.size()));
    auto const done = [&](std::size_t n) {
      show(fmt::format("test image {} of {}, {:.1f} a second", n, set_.size(), speed.rate(static_cast<double>(n))), n == set_.size());
      stop_between(n, set_.size());
    };
    auto const share = others ? frcnn::data::batch_share{others->rank(), others->size()} : frcnn::data::batch_share();
    auto found = frcnn::detect_all(d, set_, {}, done, regions_, share);
    if (others) {
      frcnn::cpu::context c(1);
      frcnn::gather_detections(c, *others, found);
      if (others->rank() != 0) return;
    }
    run.times.emplace_back("test", timed_images(clock.seconds(), set_.size()));
    auto const truth = frcnn::truth_of(set_);
    tested result{set_, classes_, found, truth, metric_.get().metric, threads_};
    frcnn::eval::voc_evaluation scores;
    if (set_.coco)
      attempt([&] {
        auto const results = frcnn::coco_results_of(set_, found);
        if (set_.coco_files < 2) {
          frcnn::io::make_folder(out_ / "results");
          frcnn::io::write_coco_results(out_ / "results" / "coco.json", results);
        }
        result.coco = frcnn::evaluate_coco(set_, results, coco_options_of(false, threads_));
        report_coco(*result.coco, set_.coco->categories, {});
      });
    if (set_.annotated()) attempt([&] { print_scores(scores = score(found, truth, classes_, metric_), classes_); });
    else say("AP needs annotations, and this split has none: results/ and detections/ hold what was found");

    attempt([&] {
      if (repeated_ids().count) return;  // which was said before training
      std::vector<std::string> ids;
      for (auto const& s : set_.samples) ids.push_back(s.id);
      frcnn::eval::write_voc_results(files(), ids, found, classes_);
    });
    std::size_t const pictures = std::min<std::size_t>(12, set_.size());
    console::free_names names;  // images of joined roots may have one id
    for (std::size_t k = 0; k < pictures; ++k) {
      stop_if_interrupted();
      std::size_t const i = k * set_.size() / pictures;
      auto const& id = set_.samples[i].id;
      std::string const name =
          names.take([&](int n) { return frcnn::io::file_path(n > 1 ? fmt::format("{}-{}", id, n) : id, ".png").string(); });
      attempt([&] { draw(set_.samples[i], out_ / "detections" / name, found[i], truth[i]); });
    }
    if (!scores.classes.empty()) attempt([&] { draw_curves(scores); });
    attempt([&] {
      if (!scores.classes.empty()) result.recall = study_recall([&](std::size_t i) { return proposals(d, i); }, truth, 200);
      write_report(out_ / "report.html", run, scores.classes.empty() ? nullptr : &result);
    });
  }

 private:
  // Of a test image: the RPN's, or where the head was told to look.
  template <class Detector>
  std::vector<frcnn::box<float>> proposals(Detector const& d, std::size_t i) const {
    stop_if_interrupted();
    if (!regions_) return d.propose(frcnn::data::read_image(set_.samples[i], set_.layout));
    std::vector<frcnn::box<float>> boxes;
    for (auto const& r : regions_(i, false)) boxes.push_back(r.where);
    return boxes;
  }

  frcnn::eval::voc_results files() const { return {out_ / "results", split_}; }

  // Joined roots may have images of one id.
  frcnn::data::tally repeated_ids() const {
    frcnn::data::tally twice;
    std::set<std::string> seen;
    for (auto const& s : set_.samples)
      if (!seen.insert(s.id).second) twice.add(s.image.string());
    return twice;
  }

  void draw(frcnn::data::sample const& s, std::filesystem::path const& path, std::vector<frcnn::detection> const& found,
            std::vector<frcnn::eval::truth_box> const& truth) const {
    frcnn::image im = frcnn::viz::picture_of(frcnn::data::read_image(s, set_.layout));
    std::vector<frcnn::detection> sure;
    for (auto const& b : found)
      if (b.score > 0.5f) sure.push_back(b);
    frcnn::viz::draw_truth(im, truth, classes_);
    frcnn::viz::draw_detections(im, sure, classes_);
    frcnn::io::make_folder(path.parent_path());
    frcnn::data::write_png(path, im);
  }

  void draw_curves(frcnn::eval::voc_evaluation const& scores) const {
    std::vector<frcnn::viz::chart_series> curves;
    for (std::size_t k = 0; k < classes_.size(); ++k)
      if (scores.classes[k].truths > 0) curves.push_back(frcnn::viz::precision_recall_series(classes_[k], scores.classes[k].curve));
    frcnn::io::write_file_atomically(
        out_ / "pr.svg", frcnn::viz::line_chart(frcnn::viz::precision_recall_options("Precision and recall at IoU 0.5"), curves));
  }

  frcnn::data::dataset const& set_;
  std::string split_;
  std::vector<std::string> classes_;
  metric_argument metric_;
  int threads_;
  std::filesystem::path out_;
  frcnn::region_source regions_;
};

}  // namespace console
