#include "coco_scores.hpp"

#include "console.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/eval/coco_report.hpp>
#include <frcnn/io/coco_json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <tuple>

namespace console {

frcnn::eval::coco_options coco_options_of(bool pycocotools_exact, int threads, bool stops) {
  frcnn::eval::coco_options o;
  o.pycocotools_exact = pycocotools_exact;
  o.threads = threads;
  o.progress = [stops, show = progress()](std::size_t done, std::size_t all) mutable {
    show(fmt::format("COCO's numbers: {} of {} parts", done, all), done == all);
    if (stops) stop_between(done, all);
  };
  return o;
}

void warn_of_mixed_data() { warn("test data: of COCO's files and of folders in VOC layout: there will be AP50, but not COCO's numbers"); }

void report_coco(frcnn::eval::coco_evaluation const& e, std::vector<frcnn::io::coco_category> const& categories, std::string const& json) {
  std::map<std::int64_t, std::string> name;
  for (auto const& c : categories) name[c.id] = c.name;
  std::vector<std::string> names;
  for (auto const id : e.categories) names.push_back(name[id]);
  fmt::print("{}{}", frcnn::eval::coco_report_by_category(e, names), frcnn::eval::coco_report(e));
  if (!json.empty()) frcnn::io::write_coco_stats(json, frcnn::eval::coco_stats(e));
}

namespace {

// Of results whose boxes are mostly what no detector means: fractions, or corners. Each alone may be right, so they are judged.
void warn_of_odd_boxes(std::string const& results, std::vector<frcnn::io::coco_result> const& found,
                       frcnn::io::coco_instances const& truth) {
  std::map<std::int64_t, frcnn::io::coco_image const*> image_of;
  for (auto const& im : truth.images) image_of.emplace(im.id, &im);
  auto const is_fraction = [](double v) { return v >= 0 && v <= 1; };
  std::size_t fractions = 0, corners = 0;
  for (auto const& d : found) {
    auto const& b = d.where;
    fractions += is_fraction(b.x) && is_fraction(b.y) && is_fraction(b.w) && is_fraction(b.h);
    auto const im = image_of.find(d.image);
    if (im == image_of.end() || im->second->width == 0 || im->second->height == 0) continue;
    corners += frcnn::io::looks_like_corners(b, im->second->width, im->second->height);
  }
  if (found.size() < 2) return;
  if (fractions == found.size())
    warn(fmt::format("{}: all {} boxes lie in 0..1, as fractions of their images do, where pixels are meant", results, fractions));
  if (2 * corners > found.size())
    warn(fmt::format(
        "{}: {} of {} boxes reach over the border of their image, and would not as corners x1, y1, x2, y2, where x, y, width and "
        "height are meant",
        results, corners, found.size()));
}

// Of detections whose category the file does not have.
void warn_of_other_categories(std::string const& results, std::vector<frcnn::io::coco_result> const& found, std::string const& test,
                              std::vector<std::int64_t> const& categories, std::size_t count) {
  std::set<std::int64_t> const known(categories.begin(), categories.end());
  auto const first = std::ranges::find_if(found, [&](auto const& d) { return !known.contains(d.category); });
  bool const from_zero =
      first != found.end() && !known.contains(0) && std::ranges::any_of(found, [](auto const& d) { return d.category == 0; });
  warn(
      fmt::format("{}: {} of {} detections are of categories that {} does not have, and are not judged; the first: {}, where it has {} to "
                  "{}{}",
                  results, count, found.size(), test, first == found.end() ? 0 : first->category, known.empty() ? 0 : *known.begin(),
                  known.empty() ? 0 : *known.rbegin(), from_zero ? " (are they counted from 0?)" : ""));
}

// Of detections that are there twice, each judged as one of its own: a file joined to itself, say.
void warn_of_repeated(std::string const& results, std::vector<frcnn::io::coco_result> const& found) {
  struct place {
    std::uint64_t hash;  // most differ in it
    std::size_t at;
  };
  std::vector<place> places;
  places.reserve(found.size());
  auto const key = [&](place const& p) {
    auto const& d = found[p.at];
    return std::tuple(d.image, d.category, d.score, d.where.x, d.where.y, d.where.w, d.where.h);
  };
  for (auto const& d : found) {
    std::uint64_t hash = static_cast<std::uint64_t>(d.image) * 31 + static_cast<std::uint64_t>(d.category);
    for (double const value : {d.score, d.where.x, d.where.y}) hash = (hash ^ std::hash<double>()(value)) * 0x9E3779B97F4A7C15u;
    places.push_back({hash, places.size()});
  }
  std::sort(places.begin(), places.end(), [&](place const& a, place const& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    auto const of_a = key(a), of_b = key(b);
    return of_a != of_b ? of_a < of_b : a.at < b.at;
  });
  std::size_t repeated = 0, first = found.size();
  for (std::size_t i = 1; i < places.size(); ++i)
    if (places[i].hash == places[i - 1].hash && key(places[i]) == key(places[i - 1])) {
      ++repeated;
      first = std::min(first, places[i].at);
    }
  if (repeated)
    warn(fmt::format("{}: {} an earlier one, each judged as one of its own; the first: result {}", results,
                     repeated == 1 ? "1 detection repeats" : fmt::format("{} detections repeat", repeated), first));
}

}  // namespace

void evaluate_coco_files(std::string const& results, std::string const& test, std::string const& json, bool pycocotools_exact,
                         int threads) {
  auto const truth = frcnn::io::read_coco_instances(test, [&](std::string const& text) { warn(test + ": " + text); });
  auto const found = frcnn::io::read_coco_results(results, [&](std::string const& text) { warn(results + ": " + text); });
  std::vector<std::int64_t> images, categories;
  for (auto const& im : truth.images) images.push_back(im.id);
  for (auto const& c : truth.categories) categories.push_back(c.id);
  auto const e = [&] {
    try {
      return frcnn::eval::evaluate_coco(images, categories, truth.annotations, found, coco_options_of(pycocotools_exact, threads, true));
    } catch (frcnn::error const& problem) {
      throw problem.in(results + ", " + problem.where());
    }
  }();
  if (e.other_categories) warn_of_other_categories(results, found, test, categories, e.other_categories);
  warn_of_odd_boxes(results, found, truth);
  warn_of_repeated(results, found);
  report_coco(e, truth.categories, json);
}

}  // namespace console
