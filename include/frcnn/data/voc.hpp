#pragma once
// Data in PASCAL VOC layout: several roots and splits, checked whole and joined into one data set.
//
//   ROOT/ImageSets/Main/<split>.txt   an id per line; further columns, CRLF and empty lines are tolerated
//   ROOT/JPEGImages/<id>.{jpg,jpeg,png}   in any case; what it is its content says
//   ROOT/Annotations/<id>.xml
//
// 1. read the splits; a missing root, a missing split and an empty one are errors at once
// 2. decode every image and read every annotation, on all cores; <filename> and <size> are not trusted
// 3. an object is its <name> and its own <bndbox> (not its parts'), fractions allowed; (xmin-1, ymin-1, xmax, ymax) is its half-open box,
//    clipped to the image
// 4. every bad file of all splits is named in one error. With skip_bad, bad images are left out with a warning instead
// 5. warnings, each counted and given once with its first case: boxes without area or outside of the image (left out), images without
//    objects (they are negatives), wrong <size>, EXIF orientation (ignored), ids listed twice (kept once)
//
// Example: dataset const train = read_voc({parse_voc_spec("VOC2007:trainval"), parse_voc_spec("VOC2012:trainval")});
// Invariant: every box of the result has a positive area and lies inside its image; equal files give an equal result.
// XML is read as it stands: no DTD and no entity is fetched.
// Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010; the development kit's layout.
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/image_check.hpp"
#include "frcnn/data/image_finder.hpp"
#include "frcnn/data/parallel.hpp"
#include "frcnn/data/voc_annotation.hpp"
#include "frcnn/data/voc_source.hpp"

#include <map>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

enum class annotations : std::uint8_t {
  required,
  optional  // a split may have none at all; some of them missing is an error still
};

struct voc_options {
  std::vector<std::string> classes{};  // empty: read from the data and sorted by bytes
  annotations wanted = annotations::required;
  bool skip_bad = false;  // leave out images that are missing, cut or undecodable, instead of refusing the data
  int threads = 0;        // for the check; 0: as many as there are cores
  warning_callback warn{};
};

namespace detail {

// A warning that is given once, with its first case and the number of all.
struct tally {
  std::size_t count = 0;
  std::string first;
  void add(std::string const& example) {
    if (count++ == 0) first = example;
  }
  void add(tally const& more) {
    if (count == 0) first = more.first;
    count += more.count;
  }
};

// One line of a split, and what the check finds out about it.
struct checked_sample {
  std::filesystem::path annotation;  // empty: nobody has annotated this split
  sample result;
  problem_report image_problems, annotation_problems;
  image_verdict picture;
  bool wrong_size = false;
  tally flat, outside;
};

inline void check_annotation(checked_sample& c) {
  voc_annotation const written = read_voc_annotation(c.annotation);
  double const w = c.result.width, h = c.result.height;
  if (w == 0) return;  // the image is bad
  c.wrong_size = written.size && !size_agrees(c.picture, *written.size);
  std::size_t index = 0;
  for (voc_object const& o : written.objects) {
    std::string const which = c.annotation.string() + ", object " + std::to_string(++index);
    box<double> const inside{std::clamp(o.xmin - 1, 0., w), std::clamp(o.ymin - 1, 0., h), std::clamp(o.xmax, 0., w),
                             std::clamp(o.ymax, 0., h)};
    box<float> const where = inside.as<float>();
    if (!(o.xmin < o.xmax && o.ymin < o.ymax))  // in the file's numbers: with both corners in one pixel nothing was outlined
      c.flat.add(which);
    else if (!(where.x1 < where.x2 && where.y1 < where.y2))
      c.outside.add(which);
    else
      c.result.objects.push_back({where, o.name, 0, o.difficult, o.truncated});
  }
}

// Runs one check and turns whatever it throws into a problem of its file.
template <class Check>
void collect(problem_report& problems, std::filesystem::path const& file, Check const& check) {
  try {
    check();
  } catch (error const& e) {
    problems.add(e);
  } catch (std::exception const& e) {
    problems.add(file.string(), "a file that can be read", e.what());
  }
}

// Step 1: what the splits list, each id once, with the files that belong to it. Annotations that are missing altogether are a problem here.
inline std::vector<checked_sample> list_samples(std::vector<voc_source> const& sources, voc_options const& options,
                                                problem_report& problems, tally& repeated) {
  std::vector<checked_sample> samples;
  std::set<std::pair<std::string, std::string>> seen;
  for (voc_source const& source : sources) {
    std::vector<std::string> const lines = read_voc_split(source);
    std::string const root = std::filesystem::canonical(source.root).string();
    image_finder images(source.root / "JPEGImages");
    std::size_t const first = samples.size();
    std::size_t missing = 0;
    for (std::string const& line : lines) {
      checked_sample c;
      c.result.id = line.substr(0, line.find_first_of(" \t"));
      if (line != c.result.id && !images.find(line).empty()) c.result.id = line;  // a name with blanks in it
      if (!seen.emplace(root, c.result.id).second) {
        repeated.add((source.root / "ImageSets" / "Main" / (source.split + ".txt")).string() + ", '" + c.result.id + "'");
        continue;
      }
      c.result.image = images.find(c.result.id);
      if (c.result.image.empty())
        c.image_problems.add((source.root / "JPEGImages" / c.result.id).string() + ".{jpg,jpeg,png}", "an image", "no such file");
      c.annotation = source.root / "Annotations" / (c.result.id + ".xml");
      std::error_code ignored;
      missing += !std::filesystem::exists(c.annotation, ignored);
      samples.push_back(std::move(c));
    }
    if (missing == 0 || missing < samples.size() - first) continue;
    for (std::size_t i = first; i < samples.size(); ++i) {
      samples[i].annotation.clear();
      samples[i].result.annotated = false;
    }
    if (options.wanted == annotations::required)
      problems.add((source.root / "Annotations").string(), "annotations of split '" + source.split + "'",
                   "none for any of its " + std::to_string(missing) + " images");
  }
  return samples;
}

// Labels of the objects. Classes that were not given are read from the data; a class that is not among those given is a problem.
inline void label_objects(dataset& data, std::vector<std::filesystem::path> const& files, problem_report& problems) {
  if (data.classes.empty()) {
    std::set<std::string> names;
    for (sample const& s : data.samples)
      for (object const& o : s.objects) names.insert(o.name);
    data.classes.assign(names.begin(), names.end());
  }
  std::map<std::string, std::int32_t> label;
  for (std::string const& name : data.classes) label.emplace(name, data.label_of(name));
  for (std::size_t i = 0; i < data.size(); ++i) {
    std::set<std::string> unknown;
    for (object& o : data.samples[i].objects) {
      auto const found = label.find(o.name);
      if (found == label.end())
        unknown.insert(o.name);
      else
        o.label = found->second;
    }
    std::string known, others;
    for (auto const& name : data.classes) known += (known.empty() ? "" : ", ") + name;
    for (auto const& name : unknown) others += (others.empty() ? "'" : ", '") + name + "'";
    if (!unknown.empty()) problems.add(files[i].string(), "only the classes " + known, others);
  }
}

}  // namespace detail

inline dataset read_voc(std::vector<voc_source> const& sources, voc_options const& options = {}) {
  if (sources.empty()) throw error("data", "at least one ROOT:SPLIT", "none");
  std::string all;
  for (voc_source const& s : sources) all += (all.empty() ? "" : ", ") + s.root.string() + ":" + s.split;

  problem_report problems;
  detail::tally repeated, left_out, flat, outside, empty, turned, wrong_size;
  auto checked = detail::list_samples(sources, options, problems, repeated);
  for_each_in_parallel(checked.size(), options.threads, [&](std::size_t i) {
    detail::checked_sample& c = checked[i];
    if (!c.result.image.empty()) detail::collect(c.image_problems, c.result.image, [&] { c.picture = check_image(c.result.image); });
    c.result.width = c.picture.width;
    c.result.height = c.picture.height;
    if (!c.annotation.empty()) detail::collect(c.annotation_problems, c.annotation, [&] { detail::check_annotation(c); });
  });

  dataset data;
  data.classes = options.classes;
  std::vector<std::filesystem::path> files;  // of the annotations of data.samples
  for (detail::checked_sample& c : checked) {
    if (options.skip_bad && !c.image_problems.empty()) {
      left_out.add(c.image_problems.problems().front().what());
      continue;
    }
    problems.add(c.image_problems);
    problems.add(c.annotation_problems);
    std::string const image = c.result.image.string();
    flat.add(c.flat);
    outside.add(c.outside);
    if (c.picture.turned) turned.add(image);
    if (c.wrong_size)
      wrong_size.add(c.annotation.string() + " (the image is " + std::to_string(c.result.width) + " x " + std::to_string(c.result.height) +
                     ")");
    if (c.result.annotated && c.result.objects.empty()) empty.add(image);
    data.samples.push_back(std::move(c.result));
    files.push_back(std::move(c.annotation));
  }
  detail::label_objects(data, files, problems);
  problems.throw_if_any(all, "data without faults");
  if (data.samples.empty()) throw error(all, "at least one image that can be used", "none");
  if (data.classes.empty() && data.annotated())
    throw error(all, "at least one object", "none on any of " + std::to_string(data.size()) + " images");

  auto const warn = [&](detail::tally const& t, char const* one, char const* many) {
    if (t.count == 0 || !options.warn) return;
    options.warn(t.count == 1 ? std::string("1 ") + one + ": " + t.first
                              : std::to_string(t.count) + " " + many + ", the first: " + t.first);
  };
  warn(left_out, "bad image is left out", "bad images are left out");
  warn(repeated, "id is listed twice and kept once", "ids are listed twice and kept once");
  warn(flat, "box without area is left out", "boxes without area are left out");
  warn(outside, "box outside of its image is left out", "boxes outside of their images are left out");
  warn(empty, "image without objects counts as a negative", "images without objects count as negatives");
  warn(wrong_size, "annotation states a wrong <size>, which is not used", "annotations state a wrong <size>, which is not used");
  warn(turned, "image has an EXIF orientation, which is ignored", "images have an EXIF orientation, which is ignored");
  return data;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
