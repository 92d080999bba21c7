#pragma once
// Data in PASCAL VOC layout: several roots and splits, checked whole and joined into one data set.
//
//   ROOT/ImageSets/Main/<split>.txt   an id per line; class flags, CRLF and empty lines are tolerated, and other layouts (voc_layout.hpp)
//   ROOT/JPEGImages/<id>.{jpg,jpeg,png,bmp,jfif}   in any case, and {tif,tiff} where the build has libtiff; what it is its content says
//   ROOT/Annotations/<id>.xml
//
// 1. list the splits (voc_listing.hpp); a missing root, a missing split and an empty one are errors at once
// 2. decode every image (of several processes each its share, shared_check.hpp) and read every annotation, on all cores; <filename> and
//    <size> are not trusted. An image is turned by its EXIF orientation where <size> is that of the turned picture and not that of the stored
//    one
// 3. an object is its <name> and its own <bndbox> (not its parts'), fractions allowed; (xmin-1, ymin-1, xmax, ymax) is its half-open box,
//    clipped to the image. `origin` says where else coordinates are counted from (origin.hpp)
// 4. every bad file of all splits is named in one error, of a kind the first ten. With skip_bad, images that are bad or have no
//    annotation are left out with a warning instead
// 5. warnings, each counted and given once with its first case, before any error: what is left out, what counts otherwise than it was
//    written, and what looks like a mistake
//
// Example: dataset const train = read_voc({parse_voc_spec("VOC2007:trainval"), parse_voc_spec("VOC2012:trainval")});
// Invariant: every box of the result has a positive area and lies inside its image; equal files give an equal result.
// XML is read as it stands: no DTD and no external entity is fetched.
// Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010; the development kit's layout.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/name_groups.hpp"
#include "frcnn/data/shared_check.hpp"
#include "frcnn/data/voc_annotation.hpp"
#include "frcnn/data/voc_listing.hpp"
#include "frcnn/data/voc_options.hpp"
#include "frcnn/data/voc_origin.hpp"
#include "frcnn/io/descriptor.hpp"

#include <cstdint>
#include <map>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

namespace detail {

// One image of a split, and what the check finds out about it.
struct checked_sample {
  std::filesystem::path annotation;  // empty: nobody has annotated this split
  bool without_annotation = false;   // it counts as an image without objects
  coordinate_origin origin = coordinate_origin::voc;
  origin_evidence evidence;
  sample result;
  problem_report image_problems, annotation_problems;
  image_verdict picture;
  io::file_id file;                                                     // of the image
  std::string wrong_size;                                               // the size that the file states, where the image has another
  std::size_t written = 0;                                              // objects in the file
  tally points, thin, swapped, outside, fractions, clipped, from_zero;  // boxes
  tally unclear, marked;                                                // objects
  std::string doubtful_encoding;                                        // of the annotation
};

// Whether more than a tenth of a box's area lies outside of the image. A 0 where VOC counts from 1 costs a box nothing here.
inline bool loses_a_tenth(voc_object const& o, box<double> whole, box<double> const& inside) {
  if (o.xmin == 0) whole.x1 = 0;
  if (o.ymin == 0) whole.y1 = 0;
  return inside.area() < 0.9 * whole.area();
}

inline void place_image(checked_sample& c, exif_mode exif, std::optional<std::array<double, 2>> const& claimed) {
  c.picture.place(exif, claimed);
  c.result.width = c.picture.width;
  c.result.height = c.picture.height;
  c.result.orientation = c.picture.orientation;
}

inline void check_annotation(checked_sample& c, exif_mode exif, voc_annotation const& written) {
  place_image(c, exif, written.size);
  double const w = c.result.width, h = c.result.height;
  if (w == 0) return;  // the image is bad
  if (written.size && !size_agrees(c.picture, *written.size)) c.wrong_size = detail::text_of_size(*written.size);
  c.doubtful_encoding = written.doubtful_encoding;
  c.written = written.objects.size();
  std::size_t index = 0;
  for (voc_object const& o : written.objects) {
    std::string const which = c.annotation.string() + ", object " + std::to_string(++index);
    box<double> const whole = half_open(c.origin, o.xmin, o.ymin, o.xmax, o.ymax);
    box<double> const inside{std::clamp(whole.x1, 0., w), std::clamp(whole.y1, 0., h), std::clamp(whole.x2, 0., w),
                             std::clamp(whole.y2, 0., h)};
    box<float> const where = inside.as<float>();
    auto const fraction = [](double v) { return v >= 0 && v <= 1; };
    if (fraction(o.xmin) && fraction(o.ymin) && fraction(o.xmax) && fraction(o.ymax) && (w > 1 || h > 1)) c.fractions.add(which);
    else if (o.xmin > o.xmax || o.ymin > o.ymax) c.swapped.add(which);
    else if ((o.xmin == o.xmax && o.ymin == o.ymax) || !(whole.area() > 0)) c.points.add(which);  // a click: nothing was outlined
    else if (!(where.x1 < where.x2 && where.y1 < where.y2)) c.outside.add(which);
    else {
      c.evidence.add(o.xmin, o.ymin, o.xmax, o.ymax, w, h);
      if (c.origin == coordinate_origin::voc && (o.xmin == 0 || o.ymin == 0)) c.from_zero.add(which);
      if (o.xmin == o.xmax || o.ymin == o.ymax) c.thin.add(which);
      if (loses_a_tenth(o, whole, inside)) c.clipped.add(which);
      if (o.unclear) c.unclear.add(which);
      if (!o.mark.empty()) c.marked.add(which + " (<" + o.mark + ">)");
      c.result.objects.push_back({where, o.name, 0, o.difficult, o.truncated});
    }
  }
}

// Runs one check and turns whatever it throws into a problem of its file.
template <class Check>
void collect(problem_report& problems, std::filesystem::path const& file, bool can_be_skipped, Check const& check) {
  try {
    check();
  } catch (error const& e) {
    problems.add(e, can_be_skipped);
  } catch (std::exception const& e) {
    problems.add(file.string(), "a file that can be read", e.what(), can_be_skipped);
  }
}

inline std::vector<checked_sample> check_listed(voc_listing& listing, voc_options const& options) {
  auto const origins = options.origin ? folder_origins() : origins_of(listing, options.threads, options.note);
  if (options.sharing.share.processes > 1 && options.known && !options.headers_only) {
    std::vector<std::filesystem::path> images;
    for (listed_image const& from : listing.images)
      if (!from.image.empty() && from.image_problems.empty()) images.push_back(from.image);
    check_shared(images, *options.known, options.layout, options.threads, options.progress, options.sharing);
  }
  std::vector<checked_sample> checked(listing.images.size());
  turn_counter done(options.progress, checked.size());
  for_each_in_parallel(checked.size(), options.threads, [&](std::size_t i) {
    listed_image& from = listing.images[i];
    checked_sample& c = checked[i];
    if (auto const at = origins.find(from.annotations); at != origins.end()) c.origin = at->second;
    else c.origin = from.written ? coordinate_origin::zero : options.origin.value_or(coordinate_origin::voc);
    c.without_annotation = from.without_annotation;
    c.annotation = std::move(from.annotation);
    c.result.id = std::move(from.id);
    c.result.image = std::move(from.image);
    c.result.number = from.number;
    c.result.annotated = !c.annotation.empty();
    c.image_problems = std::move(from.image_problems);
    c.annotation_problems = std::move(from.annotation_problems);
    if (!c.result.image.empty() && c.image_problems.empty())
      collect(c.image_problems, c.result.image, true,
              [&] { c.picture = check_image(c.result.image, options.known, options.headers_only, options.layout); });
    if (auto const file = io::id_of_file(c.result.image)) c.file = *file;
    place_image(c, options.exif, {});
    if (!c.annotation.empty() && !c.without_annotation && c.annotation_problems.empty())
      collect(c.annotation_problems, c.annotation, false,
              [&] { check_annotation(c, options.exif, from.written ? *from.written : read_voc_annotation(c.annotation)); });
    if (from.written) c.evidence = {};  // its origin is no question
    done.add();
  });
  return checked;
}

// Class names and how many objects have them: "cow 7, dog 5".
inline std::string counted_names(std::map<std::string, std::size_t> const& counts) {
  return first_of(counts, 10, [](auto const& c) { return listed_name(c.first) + " " + std::to_string(c.second); });
}

// Labels of the objects. Classes that were not given are read from the data, behind those given with more_classes; else objects of classes
// that are not among those given are taken out, counted by their names.
inline std::map<std::string, std::size_t> label_objects(dataset& data, std::vector<std::filesystem::path> const& files, bool more_classes,
                                                        tally& others) {
  if (data.classes.empty() || more_classes) {
    std::set<std::string> names;
    for (sample const& s : data.samples)
      for (object const& o : s.objects) names.insert(o.name);
    for (auto const& given : data.classes) names.erase(given);
    data.classes.insert(data.classes.end(), names.begin(), names.end());
  }
  std::map<std::string, std::int32_t> label;
  for (std::string const& name : data.classes) label.emplace(name, data.label_of(name));
  std::map<std::string, std::size_t> left_out;
  for (std::size_t i = 0; i < data.size(); ++i)
    std::erase_if(data.samples[i].objects, [&](object& o) {
      auto const found = label.find(o.name);
      if (found != label.end()) {
        o.label = found->second;
        return false;
      }
      ++left_out[o.name];
      others.add(files[i].string() + ", " + excerpt(o.name, 255));
      return true;
    });
  return left_out;
}

}  // namespace detail

// What a listing names, checked and joined. all, splits: the sources, in messages and in front of warnings.
inline dataset read_listed(voc_listing listing, std::string const& all, std::string const& splits, voc_options const& options) {
  if (options.note)
    for (auto const& note : listing.notes) options.note(note);
  auto checked = detail::check_listed(listing, options);

  problem_report problems = listing.problems;
  tally left_out, unannotated, points, thin, swapped, outside, fractions, clipped, from_zero, other_class, empty, turned, narrow, odd,
      wrong_size, unclear, marked, without_file, again, misread;
  std::set<std::pair<std::uint64_t, std::uint64_t>> image_files;
  std::size_t written = 0;
  origin_evidence evidence;
  dataset data;
  data.classes = options.classes;
  data.layout = options.layout;
  std::vector<std::filesystem::path> files;  // of the annotations of data.samples
  for (detail::checked_sample& c : checked) {
    if (options.known && !options.headers_only && c.picture.width > 0) options.known->add(c.result.image, c.picture.stamp, c.picture.facts);
    bool const no_file = !c.annotation_problems.empty() && c.annotation_problems.can_be_skipped();
    if (options.skip_bad && (!c.image_problems.empty() || no_file)) {
      if (c.image_problems.empty()) unannotated.add(c.result.image.string());
      else left_out.add(c.image_problems.first().what());
      continue;
    }
    problems.add(c.image_problems);
    problems.add(c.annotation_problems);
    if (!c.image_problems.empty() || !c.annotation_problems.empty()) continue;
    written += c.written;
    points.add(c.points);
    thin.add(c.thin);
    swapped.add(c.swapped);
    outside.add(c.outside);
    fractions.add(c.fractions);
    clipped.add(c.clipped);
    from_zero.add(c.from_zero);
    unclear.add(c.unclear);
    marked.add(c.marked);
    if (!c.doubtful_encoding.empty()) misread.add(c.annotation.string() + " (" + excerpt(c.doubtful_encoding) + ")");
    evidence.add(c.evidence);
    if (!image_files.insert(c.file).second) again.add(c.result.image.string());
    if (c.without_annotation) without_file.add(c.result.image.string());
    if (c.picture.doubtful && (c.written > 0 || !c.result.annotated)) turned.add(c.result.image.string());
    if (!c.picture.facts.narrow.empty() && options.layout.bits == 8)
      narrow.add(c.result.image.string() + " (" + c.picture.facts.narrow + ")");
    if (!c.picture.facts.remark.empty()) odd.add(c.result.image.string() + " (" + c.picture.facts.remark + ")");
    if (!c.wrong_size.empty())
      wrong_size.add(c.annotation.string() + " (" + c.wrong_size + ", the image is " + std::to_string(c.result.width) + " x " +
                     std::to_string(c.result.height) + ")");
    data.samples.push_back(std::move(c.result));
    files.push_back(std::move(c.annotation));
  }
  auto const other_names = detail::label_objects(data, files, options.more_classes, other_class);
  std::size_t objects = 0;
  for (sample const& s : data.samples) {
    objects += s.objects.size();
    if (s.annotated && s.objects.empty()) empty.add(s.image.string());
  }

  auto const warn = [&](tally const& t, char const* one, char const* many) {
    if (t.count && options.warn) options.warn((options.name.empty() ? splits : options.name) + ": " + t.sentence(one, many));
  };
  std::string const others = "object of a class that is not asked for is left out (" + detail::counted_names(other_names) + ")";
  std::string const many_others = "objects of classes that are not asked for are left out (" + detail::counted_names(other_names) + ")";
  warn(left_out, "bad image is left out", "bad images are left out");
  warn(unannotated, "image without an annotation is left out", "images without an annotation are left out");
  warn(listing.repeated, "id is listed twice and kept once", "ids are listed twice and kept once");
  warn(again, "image is a file that was taken before, and is taken once more with the objects of its own entry",
       "images are files that were taken before, and are taken once more with the objects of their own entries");
  warn(listing.other_lists, "split has several lists, of which one is read", "splits have several lists, of which one is read");
  warn(listing.alternatives, "id has several images, of which one is read", "ids have several images, of which one is read");
  warn(listing.other_annotations, "id has several annotations, of which one is read", "ids have several annotations, of which one is read");
  warn(listing.strays, "annotation has no image and is not read", "annotations have no image and are not read");
  warn(fractions, "box has all its coordinates in 0..1, as fractions of an image, and is left out",
       "boxes have all their coordinates in 0..1, as fractions of an image, and are left out");
  warn(swapped, "box has its corners swapped (xmin > xmax or ymin > ymax) and is left out",
       "boxes have their corners swapped (xmin > xmax or ymin > ymax) and are left out");
  warn(points, "box without area is left out", "boxes without area are left out");
  warn(outside, "box outside of its image is left out", "boxes outside of their images are left out");
  warn(thin, "box is one pixel wide or high, as VOC counts where xmin == xmax or ymin == ymax (a line drawn by mistake?)",
       "boxes are one pixel wide or high, as VOC counts where xmin == xmax or ymin == ymax (lines drawn by mistake?)");
  warn(clipped, "box loses more than a tenth at its image's border (made for a larger image?)",
       "boxes lose more than a tenth at their images' borders (made for larger images?)");
  // What the data looks like, where it is read otherwise: with the boxes that begin at 0, or by itself.
  auto const doubt = options.origin ? doubt_of(*options.origin, evidence) : std::string();
  std::string const more = doubt.empty() ? "" : " (" + doubt + ")";
  warn(from_zero, ("box begins at 0 where VOC counts from 1: if the data counts from 0, its boxes are read a pixel off" + more).c_str(),
       ("boxes begin at 0 where VOC counts from 1: if the data counts from 0, its boxes are read a pixel off" + more).c_str());
  if (from_zero.count == 0 && !doubt.empty() && options.warn)
    options.warn((options.name.empty() ? splits : options.name) + ": coordinates may be read a pixel off (" + doubt + ")");
  warn(without_file, "image has no annotation and counts as without objects", "images have no annotation and count as without objects");
  warn(unclear, "object has a <difficult> that is neither 0 nor 1, and counts as not difficult",
       "objects have a <difficult> that is neither 0 nor 1, and count as not difficult");
  warn(marked, "object is marked <deleted>, <ignore> or <crowd>, which PASCAL VOC does not know, and is read as any other",
       "objects are marked <deleted>, <ignore> or <crowd>, which PASCAL VOC does not know, and are read as any other");
  warn(misread, "annotation declares an encoding and looks as if it was UTF-8: its class names are read as declared, and may be wrong",
       "annotations declare an encoding and look as if they were UTF-8: their class names are read as declared, and may be wrong");
  warn(other_class, others.c_str(), many_others.c_str());
  std::set<std::string> all_names(data.classes.begin(), data.classes.end());
  for (auto const& [name, count] : other_names) all_names.insert(name);
  name_groups const names(all_names);
  warn(names.by_case, "class name differs from another in upper and lower case only, and is a class of its own",
       "groups of class names differ in upper and lower case only, and are classes of their own");
  warn(names.by_look, "class name looks like another and differs in its bytes (blanks, normal forms, letters), and is a class of its own",
       "groups of class names look alike and differ in their bytes (blanks, normal forms, letters), and are classes of their own");
  warn(empty, "image without objects counts as a negative", "images without objects count as negatives");
  warn(wrong_size, "annotation states another image size (was the image resized after it was labelled?); its boxes are taken as they stand",
       "annotations state other image sizes (were the images resized after they were labelled?); their boxes are taken as they stand");
  warn(turned,
       "image has an EXIF orientation, and nothing tells whether its boxes mean the turned picture: it is left as stored, and its boxes "
       "may be "
       "wrong (--exif apply or --exif ignore decides)",
       "images have an EXIF orientation, and nothing tells whether their boxes mean the turned picture: they are left as stored, and their "
       "boxes may be wrong (--exif apply or --exif ignore decides)");
  warn(narrow,
       "image of 16 bits uses few of its values, and is nearly flat when cut to 8 bits (a training with --bits 16 keeps them; for a model "
       "of 8 bits scale them up)",
       "images of 16 bits use few of their values, and are nearly flat when cut to 8 bits (a training with --bits 16 keeps them; for a "
       "model of 8 bits scale them up)");
  warn(odd, "image is odd to its decoder, and used", "images are odd to their decoder, and used");

  problems.throw_if_any(all, "data without faults", "--skip-bad leaves");
  if (data.samples.empty()) throw error(all, "at least one image that can be used", "none");
  std::string const images = std::to_string(data.size()) + (data.size() == 1 ? " image" : " images");
  if (written > 0 && fractions.count == written)
    throw error(all, "coordinates in pixels",
                "that all " + std::to_string(written) + " boxes lie in 0..1, as fractions of their images do");
  if (objects == 0 && other_class.count)
    throw error(all, "objects of the classes " + detail::joined(data.classes), "none; there are " + detail::counted_names(other_names));
  if (objects == 0 && written > 0)
    throw error(all, "at least one object that can be used", "none among the " + std::to_string(written) + " of " + images);
  if (data.classes.empty() && data.annotated()) throw error(all, "at least one object", "none on any of " + images);
  return data;
}

namespace detail {

// "VOC2007:trainval, VOC2012:trainval" and "trainval, trainval".
inline std::pair<std::string, std::string> names_of(std::vector<voc_source> const& sources) {
  std::string all, splits;
  for (voc_source const& s : sources) {
    all += (all.empty() ? "" : ", ") + s.root.string() + ":" + s.split;
    splits += (splits.empty() ? "" : ", ") + s.split;
  }
  return {all, splits};
}

inline voc_listing list_voc(std::vector<voc_source> const& sources, voc_options const& options) {
  return data::list_voc(sources, options.wanted == annotations::required, options.skip_bad, options.missing);
}

}  // namespace detail

inline dataset read_voc(std::vector<voc_source> const& sources, voc_options const& options = {}) {
  if (sources.empty()) throw error("data", "at least one ROOT:SPLIT", "none");
  auto const [all, splits] = detail::names_of(sources);
  return read_listed(detail::list_voc(sources, options), all, splits, options);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
