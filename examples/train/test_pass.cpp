#include "test_pass.hpp"

#include "../console/coco_scores.hpp"
#include "../console/outputs.hpp"
#include "../console/report.hpp"

#include <frcnn/core/message.hpp>
#include <frcnn/data/image_io.hpp>
#include <frcnn/data/problems.hpp>
#include <frcnn/eval/voc_results.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/io/coco_writer.hpp>
#include <frcnn/io/file_name.hpp>
#include <frcnn/io/folder.hpp>
#include <frcnn/train/coco_evaluation.hpp>
#include <frcnn/train/shared_evaluation.hpp>
#include <frcnn/viz/draw.hpp>
#include <frcnn/viz/picture.hpp>
#include <frcnn/viz/plot.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

namespace console {

namespace {

frcnn::eval::voc_results result_files(std::filesystem::path const& out, std::string const& split) { return {out / "results", split}; }

// Joined roots may have images of one id.
frcnn::data::tally repeated_ids(frcnn::data::dataset const& set) {
  frcnn::data::tally twice;
  std::set<std::string> seen;
  for (auto const& s : set.samples)
    if (!seen.insert(s.id).second) twice.add(s.image.string());
  return twice;
}

void draw(tested const& t, std::size_t i, std::filesystem::path const& path) {
  frcnn::image im = frcnn::viz::picture_of(frcnn::data::read_image(t.set.samples[i], t.set.layout));
  std::vector<frcnn::detection> sure;
  for (auto const& b : t.found[i])
    if (b.score > 0.5f) sure.push_back(b);
  frcnn::viz::draw_truth(im, t.truth[i], t.classes);
  frcnn::viz::draw_detections(im, sure, t.classes);
  frcnn::io::make_folder(path.parent_path());
  frcnn::data::write_png(path, im);
}

void draw_curves(std::filesystem::path const& path, frcnn::eval::voc_evaluation const& scores, std::span<std::string const> classes) {
  std::vector<frcnn::viz::chart_series> curves;
  for (std::size_t k = 0; k < classes.size(); ++k)
    if (scores.classes[k].truths > 0) curves.push_back(frcnn::viz::precision_recall_series(classes[k], scores.classes[k].curve));
  frcnn::io::write_file_atomically(path,
                                   frcnn::viz::line_chart(frcnn::viz::precision_recall_options("Precision and recall at IoU 0.5"), curves));
}

}  // namespace

test_pass::test_pass(frcnn::data::dataset const& set, std::string split, std::vector<std::string> classes, metric_argument metric,
                     int threads, std::filesystem::path out, frcnn::region_source regions)
    : set_(set),
      split_(std::move(split)),
      classes_(std::move(classes)),
      metric_(metric),
      threads_(threads),
      out_(std::move(out)),
      regions_(std::move(regions)) {}

void test_pass::warn_of_files() const {
  if (!set_.coco_parts.empty() && !set_.coco) warn_of_mixed_data();
  else if (set_.coco_parts.size() > 1)
    warn(fmt::format("test data: of {} COCO files: COCO's numbers are of all of them together, and each has a file in results/",
                     set_.coco_parts.size()));
  auto const results = result_files(out_, split_);
  std::size_t ids = 0, classes = 0;
  std::string first_id, first_class;
  for (auto const& s : set_.samples)
    if (frcnn::eval::result_id(s.id) != s.id && ids++ == 0) first_id = frcnn::excerpt(s.id, 255) + " as " + frcnn::eval::result_id(s.id);
  for (auto const& name : classes_)
    if (!results.takes(name) && classes++ == 0) first_class = frcnn::excerpt(name, 255) + " in " + results.file(name).filename().string();
  if (auto const twice = repeated_ids(set_); twice.count)
    warn(fmt::format(
        "test data: {}; result files cannot tell them apart, and are not written",
        twice.sentence("id is that of an image before it, of another root", "ids are those of images before them, of other roots")));
  constexpr char const* sentence = "{} of {} {} cannot stand in result files as written and {} there; the first: {}";
  if (ids) warn(fmt::format(fmt::runtime(sentence), ids, set_.size(), "image ids", ids == 1 ? "is encoded" : "are encoded", first_id));
  if (classes)
    warn(fmt::format(fmt::runtime(sentence), classes, classes_.size(), "class names", classes == 1 ? "is encoded" : "are encoded",
                     first_class));
}

std::function<void(std::size_t)> test_pass::progress_of_images() const {
  return [this, show = progress(), speed = pace(static_cast<double>(set_.size()))](std::size_t n) mutable {
    show(fmt::format("test image {} of {}, {:.1f} a second", n, set_.size(), speed.rate(static_cast<double>(n))), n == set_.size());
    stop_between(n, set_.size());
  };
}

bool test_pass::gather(lists& found, frcnn::any_communicator<frcnn::cpu>* others) {
  if (!others) return true;
  frcnn::cpu::context c(1);
  frcnn::gather_detections(c, *others, found);
  return others->rank() == 0;
}

void test_pass::finish(lists const& found, double seconds, std::function<std::vector<frcnn::box<float>>(frcnn::image_view)> const& propose,
                       attempts& attempt, run_facts run) const {
  run.times.emplace_back("test", timed_images(seconds, set_.size()));
  auto const truth = frcnn::truth_of(set_);
  tested result{set_, classes_, found, truth, metric_.get().metric, threads_};
  frcnn::eval::voc_evaluation scores;
  std::size_t parts = 0;
  for (auto const& part : set_.coco_parts)
    attempt([&] {
      std::string const name = ++parts > 1 ? fmt::format("coco-{}.json", parts) : "coco.json";
      frcnn::io::make_folder(out_ / "results");
      frcnn::io::write_coco_results(out_ / "results" / name, frcnn::coco_results_of(set_, found, part));
      if (set_.coco_parts.size() > 1) say(fmt::format("{}: of {}", (out_ / "results" / name).string(), part.file.string()));
    });
  if (set_.coco && set_.annotated())
    attempt([&] {
      result.coco = frcnn::evaluate_coco(set_, frcnn::coco_results_of(set_, found), coco_options_of(false, threads_));
      report_coco(*result.coco, set_.coco->categories, {});
    });
  if (set_.annotated()) attempt([&] { print_scores(scores = score(found, truth, classes_, metric_), classes_); });
  else say("AP needs annotations, and this split has none: results/ and detections/ hold what was found");

  attempt([&] {
    if (repeated_ids(set_).count) return;  // which was said before training
    std::vector<std::string> ids;
    for (auto const& s : set_.samples) ids.push_back(s.id);
    frcnn::eval::write_voc_results(result_files(out_, split_), ids, found, classes_);
  });
  std::size_t const pictures = std::min<std::size_t>(12, set_.size());
  free_names names;  // images of joined roots may have one id
  for (std::size_t k = 0; k < pictures; ++k) {
    stop_if_interrupted();
    std::size_t const i = k * set_.size() / pictures;
    auto const& id = set_.samples[i].id;
    std::string const name =
        names.take([&](int n) { return frcnn::io::file_path(n > 1 ? fmt::format("{}-{}", id, n) : id, ".png").string(); });
    attempt([&] { draw(result, i, out_ / "detections" / name); });
  }
  if (!scores.classes.empty()) attempt([&] { draw_curves(out_ / "pr.svg", scores, classes_); });
  auto const proposals = [&](std::size_t i) {  // of a test image: the RPN's, or where the head was told to look
    stop_if_interrupted();
    if (!regions_) return propose(frcnn::data::read_image(set_.samples[i], set_.layout));
    std::vector<frcnn::box<float>> boxes;
    for (auto const& r : regions_(i, false)) boxes.push_back(r.where);
    return boxes;
  };
  attempt([&] {
    if (!scores.classes.empty()) result.recall = study_recall(proposals, truth, 200);
    write_report(out_ / "report.html", run, scores.classes.empty() ? nullptr : &result);
  });
}

}  // namespace console
