// propose --model FILE [--preset NAME ..: model_options.hpp] --data ROOT[:SPLIT] [--data ..] --out FILE [--top N] [--no-nms] [--no-cls] [--no-reg] [--seed N] [--with-anchors]
//         [--skip-bad] [--exif ..]
//         [what to compute with: compute_options.hpp]
// propose --method selective-search|edge-boxes [--edge-model FILE|sobel] --data ROOT[:SPLIT] --out FILE [--top N]
//
// Proposals of every image of a split, as train_voc and evaluate take them (--proposals) and proposal_recall measures them: lines
// image_id x1 y1 x2 y2 [score], in VOC coordinates, by rank (frcnn/eval/proposal_file.hpp). From a trained model's RPN, or, where the build
// found OpenCV's ximgproc (FRCNN_OPENCV), by the methods that the paper compares with. --out is whole or not there.
// --no-nms, --no-cls and --no-reg take a part of a trained RPN away, as Table 2's ablations do: boxes in the order of a draw, anchors as
// proposals. All three with a --top of all anchors are dense sliding windows (Table 10).
#include "console/coco_data.hpp"
#include "console/compute_options.hpp"
#include "console/data_options.hpp"
#include "console/model_types.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"
#include "console/outside_regions.hpp"

#include <frcnn/detector/proposer.hpp>
#include <frcnn/train/evaluation.hpp>
#if FRCNN_HAS_OPENCV
#include "console/opencv_proposals.hpp"
#endif

using namespace frcnn;
using words = eval::proposal_writer::words;

namespace {

struct request {
  console::model_arguments model;
  std::string method = "rpn", edge_model, out;
  std::vector<std::string> data;
  int top = 0;  // 0: the model's own number, or 2000
  std::uint64_t seed = 0;
  bool no_nms = false, no_cls = false, no_reg = false, with_anchors = false;
  console::compute_arguments compute;
  console::data_arguments how;
};

data::dataset read(request const& r, console::data_arguments const& how) {
  auto reading = how.options("data", r.compute.threads);
  reading.wanted = data::annotations::optional;
  auto set = console::named_data(r.data, false).read_sparing(r.out, reading);
  eval::require_distinct_ids(r.out, console::listed_images(set));
  return set;
}

// find(i, image, regions, anchors): the proposals of an image in their order; anchors only where asked for.
template <class Find>
int write(request const& r, data::dataset const& set, words what, Find find) {
  eval::proposal_writer file(r.out, what);
  console::progress show;
  console::pace pace(static_cast<double>(set.size()));
  std::size_t all = 0;
  std::vector<region> regions;
  std::vector<anchor_shape> anchors;
  for_each_image(set, [&](std::size_t i, image const& im) {
    console::stop_if_interrupted();
    regions.clear(), anchors.clear();
    find(i, im, regions, anchors);
    file.add(set.samples[i].id, regions, anchors);
    all += regions.size();
    show(fmt::format("{} of {} images, {:.1f} a second", i + 1, set.size(), pace.rate(static_cast<double>(i + 1))), i + 1 == set.size());
  });
  file.commit();
  r.compute.report();
  fmt::print("{}: {} proposals, {:.1f} an image\n", r.out, all, static_cast<double>(all) / static_cast<double>(set.size()));
  return 0;
}

template <class Family>
int from(detector<Family> const& d, request const& r) {
  if (!r.no_cls || !r.no_reg) console::warn_of_untrained_rpn(d.config(), r.model.file);
  auto how = r.how;
  how.follow(r.model.file, d.config().normalisation.layout());
  proposer_options options = proposer<Family>::defaults(d);
  options.without_cls = r.no_cls, options.without_reg = r.no_reg, options.seed = r.seed;
  auto& limits = options.proposals;
  if (r.no_nms) limits.nms_iou = 1, limits.limit.after_nms = limits.limit.before_nms;
  if (r.top) limits.limit.after_nms = r.top;
  limits.limit.before_nms = std::max(limits.limit.before_nms, limits.limit.after_nms);
  proposer<Family> propose(d, options);
  auto const set = read(r, how);
  auto const what = r.with_anchors ? words::anchor : r.no_cls ? words::box : words::score;
  return write(r, set, what, [&](std::size_t i, image const& im, auto& regions, auto& anchors) {
    for (auto const& p : propose(im, fnv1a(set.samples[i].id))) {
      regions.push_back(p.what);
      if (r.with_anchors) anchors.push_back(p.anchor);
    }
  });
}

int from_model(request const& r) {
  return console::with_model(r.model, r.compute, [&]<class Family>(detector<Family> const& d) { return from<Family>(d, r); });
}

#if FRCNN_HAS_OPENCV
int from_opencv(request const& r) {
  int const top = r.top ? r.top : 2000;
  auto const first = [&](std::vector<region> all) {
    all.resize(std::min(all.size(), static_cast<std::size_t>(top)));
    return all;
  };
  if (r.method == "selective-search")
    return write(r, read(r, r.how), words::box,
                 [&](std::size_t, image const& im, auto& regions, auto&) { regions = first(console::selective_search(im)); });
  if (r.edge_model.empty())
    throw error("--edge-model",
                "OpenCV's structured edge model, model.yml.gz of opencv_extra, which no package has; or sobel, for other edges", "none");
  console::edge_boxes const find(r.edge_model == "sobel" ? std::string() : r.edge_model, top);
  return write(r, read(r, r.how), words::score, [&](std::size_t, image const& im, auto& regions, auto&) { regions = first(find(im)); });
}
#else
int from_opencv(request const& r) {
  throw error("--method " + r.method,
              "a build with OpenCV's ximgproc (cmake -DFRCNN_OPENCV=ON; Debian: libopencv-dev and libopencv-contrib-dev)", "one without");
}
#endif

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Writes the proposals of every image of a data set");
  request r;
  r.model.add_to(app);
  app.add_option("--method", r.method, "what proposes: rpn, or selective-search or edge-boxes of OpenCV")
      ->capture_default_str()
      ->check(console::one_of({"rpn", "selective-search", "edge-boxes"}));
  app.add_option("--edge-model", r.edge_model, "of edge-boxes: OpenCV's structured edge model, or sobel")->check(console::path());
  app.add_option("--data", r.data, "data, ROOT or ROOT:SPLIT in VOC or COCO layout, or FILE.json[:IMAGES]; several are joined")
      ->required()
      ->check(console::path());
  app.add_option("--out", r.out, "the file to write")->required()->check(console::path());
  app.add_option("--top", r.top, "proposals of an image at most (the model's, 300 mostly; 2000 of other methods)")
      ->check(console::whole(1, 1'000'000));
  app.add_flag("--no-nms", r.no_nms, "no suppression: the best before it, 6000 mostly");
  auto* drawn = app.add_flag("--no-cls", r.no_cls, "without objectness: boxes in the order of a draw, and no scores");
  app.add_flag("--no-reg", r.no_reg, "without box regression: the anchors are the proposals");
  app.add_option("--seed", r.seed, "of --no-cls")->capture_default_str()->check(console::whole<std::uint64_t>(0))->needs(drawn);
  app.add_flag("--with-anchors", r.with_anchors, "behind each score the anchor, size:ratio, for proposal_recall")->excludes(drawn);
  r.how.add_reading_to(app);
  r.compute.add_to(app);

  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    bool const rpn = r.method == "rpn";
    if (rpn && r.model.file.empty()) throw error("--model", "a model file", "none");
    for (auto const& [name, given] : {std::pair{"--model", !r.model.file.empty()},
                                      {"--no-nms", r.no_nms},
                                      {"--no-cls", r.no_cls},
                                      {"--no-reg", r.no_reg},
                                      {"--with-anchors", r.with_anchors},
                                      {"--device", r.compute.is_cuda()}})
      if (!rpn && given) throw error(name, "--method rpn, whose option it is", r.method);
    if (r.method != "edge-boxes" && !r.edge_model.empty()) throw error("--edge-model", "--method edge-boxes, whose option it is", r.method);
    console::check_files({r.model.file, r.edge_model == "sobel" ? std::string() : r.edge_model}, {r.out});
    console::check_replaces(r.out, console::output::proposals);
    console::named_data(r.data, false).require_there();
    return rpn ? from_model(r) : from_opencv(r);
  });
}
