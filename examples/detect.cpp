// detect --model FILE [--threshold X] [--nms X] [--nms-across-classes] [--max-detections N] [--tile N --overlap M]
//        [--json FILE] [--csv FILE] [--coco FILE] [--xml DIR] [--out DIR] [--overwrite|--skip-done] [--exif apply|ignore]
//        [--preset NAME ..: model_options.hpp] [what to compute with: compute_options.hpp] IMAGE|FOLDER|PATTERN...
//
// Finds objects on images with a trained model: boxes drawn into --out, numbers into --json and --csv, drafts of labels into --coco and
// --xml. Boxes are half-open, in pixels of the image as its EXIF orientation turns it, which is how viewers show it; "turned_by_exif"
// is that orientation, 1 where the image is as stored. With --tile small objects in large images are found in overlapping tiles
// (detector/tiles.hpp).
// One image is in memory at a time. One that cannot be read is reported with its name, the others are done, and the exit status is 1.
// An output that is an input is refused before anything is written, and so are names that a format cannot hold. --json, --csv and --coco
// are whole or not there, and an old one stays where no image could be read at all, or a signal came. Labels that are there, which people
// may have corrected, and pictures that are there in a folder of the images, which may be photographs, are refused unless --overwrite says
// to replace them, or --skip-done to leave their images out.
// With --json - it goes to standard output and nothing else does: the lines that otherwise stand there go to standard error.
#include "console/compute_options.hpp"
#include "console/console.hpp"
#include "console/detection_files.hpp"
#include "console/image_paths.hpp"
#include "console/load_model.hpp"
#include "console/model_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"

#include <frcnn/data/image_io.hpp>
#include <frcnn/detector/tiles.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/viz.hpp>

#include <nlohmann/json.hpp>
#include <optional>

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// A list written one object at a time, so that no more than one is in memory.
class json_list {
 public:
  explicit json_list(fs::path const& path) : file_(path) {}

  void add(ordered_json const& object) {
    // A file name may hold bytes that are not UTF-8, which JSON cannot: they become U+FFFD.
    std::string text = object.dump(1, ' ', false, ordered_json::error_handler_t::replace);
    for (auto at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) text.insert(at + 1, 1, ' ');
    file_.stream() << (std::exchange(empty_, false) ? "[\n " : ",\n ") << text;
  }
  bool is_beside() const { return file_.can_overwrite(); }  // until commit()
  void commit() {
    file_.stream() << (empty_ ? "[]\n" : "\n]\n");
    file_.commit();
  }

 private:
  frcnn::io::atomic_file file_;
  bool empty_ = true;
};

// Detection on an image as the options say: in one piece or in tiles, classes apart or not.
class finder {
 public:
  bool across_classes = false;
  std::optional<double> nms;
  std::optional<int> most;
  int tile = 0, overlap = -1, batch = 1;
  std::string merge = "iou";

  void add_to(CLI::App& app) {
    app.add_option("--nms", nms, "of two boxes of a class that overlap with an IoU above this the lower score goes (the model's)")
        ->check(console::between(0, 1));
    app.add_flag("--nms-across-classes", across_classes, "of two boxes of whatever classes");
    app.add_option("--max-detections", most, "of an image the best N (the model's, 100; with --tile, that of each tile)")
        ->check(console::whole(1, frcnn::most_detections));
    auto* const side = app.add_option("--tile", tile, "look at overlapping tiles of N x N pixels, and at the whole image")
                           ->check(console::whole(32, 16384));
    app.add_option("--overlap", overlap, "pixels that neighbours share: as large as what tiles are to find (a quarter of --tile)")
        ->needs(side)
        ->check(console::whole(0, 16383));
    app.add_option("--batch", batch, "tiles that are computed together, which takes more memory")
        ->capture_default_str()
        ->needs(side)
        ->check(console::whole(1, frcnn::most_in_batch));
    app.add_option("--merge", merge,
                   "boxes of several tiles that are of one object: by iou, or by smaller (intersection over the smaller box)")
        ->capture_default_str()
        ->needs(side)
        ->check(console::one_of({"iou", "smaller"}));
  }
  // model: whose limits hold where the options say none.
  void settle(frcnn::detect_defaults const& theirs) {
    if (tile && overlap < 0) overlap = tile / 4;
    if (tile && overlap >= tile) throw frcnn::error("--overlap", fmt::format("less than --tile, {}", tile), std::to_string(overlap));
    says_limit_ = most.has_value();
    limit_ = most.value_or(theirs.max_detections);
    nms_ = nms.value_or(theirs.nms);
  }

  // told(n, of): tiles so far.
  template <class Told>
  std::vector<frcnn::detection> operator()(frcnn::any_detector const& d, frcnn::image_view im, float threshold, Told const& told) {
    frcnn::detect_options const options{.score = threshold, .nms = nms_, .max_detections = limit_};
    frcnn::tile_options const tiles{.side = tile ? tile : std::max(im.width, im.height),
                                    .overlap = tile ? overlap : 0,
                                    .measure = merge == "smaller" ? frcnn::overlap_measure::smaller : frcnn::overlap_measure::iou,
                                    .threshold = nms_,
                                    .across_classes = across_classes};
    auto result = frcnn::detect_tiled(d, im, options, tiles, {.most = batch}, told);
    auto const most = static_cast<std::size_t>(limit_);
    full_ = result.at_the_limit > 0;
    if (!tile || says_limit_) {  // the model's limit is that of a tile
      full_ = full_ || result.found.size() >= most;
      if (result.found.size() > most) result.found.resize(most);
    }
    return std::move(result.found);
  }
  // What to say before an image that the tiles' overlap makes long work of; empty: nothing.
  std::string remark(frcnn::image_view im) const {
    auto const tiles = [&](int shared) { return frcnn::number_of_tiles(im.width, im.height, {.side = tile, .overlap = shared}); };
    if (tile == 0 || 2 * overlap <= tile || tiles(overlap) <= 1000) return {};
    return fmt::format("{} tiles of {} pixels, as neighbours share {} (--overlap {} makes {})", tiles(overlap), tile, overlap, tile / 4,
                       tiles(tile / 4));
  }
  // What the model looks at in one pass.
  std::string passes() const { return tile == 0 ? "image" : batch == 1 ? "tile" : fmt::format("pass of up to {} tiles", batch); }
  // Of the last image: whether more objects may be there than were reported.
  bool is_full() const { return full_; }
  int limit() const { return limit_; }

 private:
  double nms_ = 0;
  int limit_ = 0;
  bool says_limit_ = false, full_ = false;
};

// An image, and where what is found on it goes; empty: nowhere.
struct job {
  std::string image;
  fs::path picture, draft;

  bool is_done() const { return (picture.empty() || console::there(picture)) && (draft.empty() || console::there(draft)); }
};

int main(int argc, char** argv) {
  CLI::App app("Finds objects on images with a trained model");
  console::model_arguments model;
  std::string json_file, csv, coco, xml, out, exif = "apply";
  std::vector<std::string> images;
  float threshold = 0.5f;
  bool overwrite = false, skip_done = false;
  console::compute_arguments compute;
  finder find_on;
  model.add_to(app)->required();
  app.add_option("--threshold", threshold, "report boxes that score above this")->capture_default_str()->check(console::between(0, 1));
  app.add_option("--json", json_file, "write detections here; - is standard output")->check(console::path(true));
  find_on.add_to(app);
  app.add_option("--csv", csv, "write detections here, a line for each")->check(console::path());
  app.add_option("--coco", coco, "write drafts of labels here, as COCO's instances")->check(console::path());
  app.add_option("--xml", xml, "write drafts of labels into this folder, as labelImg's XML")->check(console::path());
  app.add_option("--out", out, "write images with boxes into this folder")->check(console::path());
  auto* const replaces =
      app.add_flag("--overwrite", overwrite, "replace what is there: labels of --xml and --coco, pictures among the images");
  auto* const continues =
      app.add_flag("--skip-done", skip_done, "leave out images whose files in --xml and --out are there")->excludes(replaces);
  for (char const* lists_all : {"--json", "--csv", "--coco"}) continues->excludes(app.get_option(lists_all));
  app.add_option("--exif", exif, "apply: images are turned as their EXIF orientation says; ignore: taken as stored")
      ->capture_default_str()
      ->check(console::one_of({"apply", "ignore"}));
  compute.add_to(app);
  app.add_option("IMAGE", images, FRCNN_IMAGE_FORMATS " files, folders of them, patterns in quotes")->required()->check(console::path());

  return console::run(app, argc, argv, [&] {
    for (char const* name : {"-", "/dev/fd/1", "/proc/self/fd/1"})
      if (json_file == name) json_file = "/dev/stdout";
    if (!out.empty()) console::check_not_read("--out", out, images);
    images = console::image_paths(images);
    if (auto once = console::without_repeats(images); once.size() < images.size()) {
      console::say(fmt::format("{} of {} images are named before, and are looked at once", images.size() - once.size(), images.size()));
      images = std::move(once);
    }
    if (skip_done && xml.empty() && out.empty())
      throw frcnn::error("--skip-done", "--xml or --out, whose files say what is done", "neither");
    if (!coco.empty()) console::coco_drafts::check_names("--coco " + coco, images);
    if (!xml.empty()) console::check_xml_names("--xml " + xml, images, {});
    if (!out.empty()) console::check_place(out);
    if (!xml.empty()) console::check_folder("--xml " + xml, xml);
    std::FILE* const lines = json_file == "/dev/stdout" ? stderr : stdout;
    std::vector<job> jobs;
    for (auto const& image : images) jobs.push_back({image, {}, {}});
    std::vector<fs::path> inputs(images.begin(), images.end()), outputs;
    inputs.push_back(model.file);
    auto const give_places = [&](fs::path job::*place, std::string const& folder, char const* ending) {
      if (folder.empty()) return;
      auto const paths = console::picture_paths(folder, images, ending);
      for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].*place = paths[i];
      outputs.insert(outputs.end(), paths.begin(), paths.end());
    };
    give_places(&job::picture, out, ".png");
    give_places(&job::draft, xml, ".xml");
    for (auto const& file : {json_file, csv, coco})
      if (!file.empty()) outputs.push_back(file);
    console::check_outputs(inputs, outputs);
    if (!json_file.empty() && json_file != "/dev/stdout") console::check_replaces(json_file, console::output::detections);
    if (!csv.empty()) console::check_replaces(csv, console::output::table);
    if (!coco.empty() && !overwrite) console::check_nothing_there(coco, "labels", "--overwrite replaces them");
    if (!xml.empty() && !overwrite && !skip_done)
      for (auto const& j : jobs)
        console::check_nothing_there(j.draft, "labels", "--overwrite replaces them, --skip-done leaves out images that have some");
    if (!out.empty() && !overwrite && !skip_done) {
      std::vector<fs::path> pictures;
      for (auto const& j : jobs) pictures.push_back(j.picture);
      console::check_nothing_beside(images, pictures);
    }
    if (skip_done) {
      auto const done = std::erase_if(jobs, [](job const& j) { return j.is_done(); });
      console::say(fmt::format("{} of {} images are done", done, images.size()));
      if (jobs.empty()) return 0;
    } else if (!out.empty()) {
      console::warn_of_earlier_pictures(out, outputs, images);
    }

    console::catch_interrupts();
    console::folder_to_fill const for_pictures(out, "--out " + out), for_drafts(xml, "--xml " + xml);
    if (!coco.empty()) console::check_file(coco);
    std::optional<json_list> report;
    if (!json_file.empty()) report.emplace(json_file);
    std::optional<console::csv_file> lines_of_csv;
    if (!csv.empty()) lines_of_csv.emplace(csv);
    auto const detector = console::load_model(model, compute);
    console::warn_of_untrained_rpn(detector.config(), model.file);
    auto const layout = detector.config().normalisation.layout();
    find_on.settle(detector.defaults());
    if (!xml.empty()) console::check_xml_names("--xml " + xml, {}, detector.classes());
    console::coco_drafts labels(detector.classes());
    console::progress show;
    console::pace pace(static_cast<double>(jobs.size()));
    std::size_t full = 0, in_part = 0, flat = 0;
    bool remarked = false;

    auto const find = [&](std::size_t i, ordered_json& entry) {
      job const& j = jobs[i];
      console::check_no_folder(j.image);
      auto const file = frcnn::io::read_file(j.image);
      int const orientation = exif == "apply" ? frcnn::data::exif_orientation(frcnn::data::as_bytes(file)) : 1;
      auto const decoded = frcnn::data::decode_pixels(frcnn::data::as_bytes(file), j.image, orientation, layout);
      frcnn::image_view const im = decoded;
      if (auto const remark = frcnn::data::image_remark(frcnn::data::as_bytes(file), j.image); !remark.empty() && ++in_part == 1)
        console::warn(j.image + ": " + remark);
      if (layout.bits == 8)
        if (auto const remark = frcnn::data::narrow_remark(frcnn::data::as_bytes(file), j.image); !remark.empty() && ++flat == 1)
          console::warn(
              fmt::format("{}: 16 bits, of which few values are used, nearly flat when cut to 8 ({}): scale them up", j.image, remark));
      if (auto const remark = find_on.remark(im); !remark.empty() && !std::exchange(remarked, true)) console::warn(j.image + ": " + remark);
      auto const told = [&](std::size_t n, std::size_t of) {
        if (of > 1) show(fmt::format("image {} of {}: tile {} of {}", i + 1, jobs.size(), n, of));
        console::stop_between(n, of);
      };
      auto const found = find_on(detector, im, threshold, told);
      if (find_on.is_full()) {
        ++full;
        if (full == 1)
          console::warn(fmt::format("{}: {} detections, as many as are reported {}; there may be more (--max-detections)", j.image,
                                    find_on.limit(), find_on.tile ? "of a tile or an image" : "of an image"));
      }

      auto boxes = ordered_json::array();
      for (auto const& d : found)
        boxes.push_back({{"box", {d.where.x1, d.where.y1, d.where.x2, d.where.y2}},
                         {"label", d.label},
                         {"class", detector.class_name(d.label)},
                         {"score", d.score}});
      entry.update({{"width", im.width}, {"height", im.height}, {"turned_by_exif", orientation}, {"detections", std::move(boxes)}});

      show.clear();
      fmt::print(lines, "{}: {} {}\n", j.image, found.size(), found.size() == 1 ? "box" : "boxes");
      if (lines_of_csv) lines_of_csv->add(j.image, found, detector.classes());
      if (!coco.empty()) labels.add(j.image, im.width, im.height, found);
      bool const has_draft = !xml.empty() && !overwrite && console::there(j.draft);  // made in the meantime, where it is no old one
      if (has_draft && !skip_done) console::check_nothing_there(j.draft, "labels", "--overwrite replaces them");
      if (!xml.empty() && !has_draft) console::write_draft(j.draft, j.image, im, found, detector.classes());
      if (out.empty() || (skip_done && console::there(j.picture))) return;
      frcnn::image picture = frcnn::viz::picture_of(decoded);
      frcnn::viz::draw_detections(picture, found, detector.classes());
      frcnn::data::write_png(j.picture, picture);
    };

    std::size_t failed = 0, seen = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      std::string const& image = jobs[i].image;
      ordered_json entry{{"image", image}};
      std::string fault;
      try {
        console::stop_if_interrupted();
        fault = console::fault_of([&] { find(i, entry); });
      } catch (console::interruption const&) {
        show.clear();
        throw console::interruption{fmt::format("{} of {} images", i, jobs.size())};
      }
      if (entry.contains("detections")) ++seen;
      if (!fault.empty()) {
        if (fault.find(image) == fault.npos) fault = image + ": " + fault;
        ++failed;
        console::fail(fault);
        if (!entry.contains("detections")) entry["error"] = fault;
      }
      if (report) report->add(entry);
      auto const n = static_cast<double>(i + 1);
      if (i + 1 < jobs.size())
        show(fmt::format("image {} of {}, {:.1f} a second, {} left", i + 1, jobs.size(), pace.rate(n), pace.remaining(n)));
    }
    show.clear();
    compute.report(find_on.passes());
    bool const keep_old = seen == 0;
    if (report && !(keep_old && report->is_beside())) report->commit();
    if (lines_of_csv && !keep_old) lines_of_csv->commit();
    if (!coco.empty() && !keep_old && !overwrite) console::check_nothing_there(coco, "labels", "--overwrite replaces them");
    if (!coco.empty() && !keep_old) fmt::print(lines, "{}: names of images are relative to {}\n", coco, labels.write(coco).string());
    if (full > 1) console::warn(fmt::format("{} of {} images reached the number of detections that are reported", full, jobs.size()));
    if (flat > 1) console::warn(fmt::format("{} of {} images are such of 16 bits, the first is named", flat, jobs.size()));
    if (in_part > 1) console::warn(fmt::format("{} of {} images have such a remark, the first is named", in_part, jobs.size()));
    if (failed && jobs.size() > 1)
      console::say(fmt::format("{} of {} images failed; {}", failed, jobs.size(),
                               seen == 0 ? "no file of detections is written" : "the others are done"));
    return failed ? 1 : 0;
  });
}
