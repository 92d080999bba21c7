#pragma once
// Where the coordinates of listed images are counted from, decided for each folder of annotations by all that lies in it.
//
// Whichever split names a file: training and test data of a folder, and programs that read one of them alone, decide alike. Sizes of
// images are those that the annotations claim. Files that cannot be read are left to the check, which names them.
//
// Example: folder_origins const o = origins_of(list_voc(sources, true, false), 0, note);  o.at("ROOT/Annotations")
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/file_finder.hpp"
#include "frcnn/data/listed_image.hpp"
#include "frcnn/data/origin.hpp"
#include "frcnn/data/voc_annotation.hpp"

#include <map>
#include <mutex>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

using folder_origins = std::map<std::filesystem::path, coordinate_origin>;

inline origin_evidence evidence_below(std::filesystem::path const& folder, int threads = 0) {
  file_finder finder(folder, {".xml"});
  std::vector<std::filesystem::path> files;
  for (auto const& id : finder.ids(true)) files.push_back(finder.find(id));
  origin_evidence all;
  std::mutex adding;
  for_each_in_parallel(files.size(), threads, [&](std::size_t i) {
    origin_evidence of_file;
    try {
      voc_annotation const a = read_voc_annotation(files[i]);
      double const nowhere = -1e9,  // beside which no coordinate lies
          w = a.size ? (*a.size)[0] : nowhere, h = a.size ? (*a.size)[1] : nowhere;
      for (voc_object const& o : a.objects) of_file.add(o.xmin, o.ymin, o.xmax, o.ymax, w, h);
    } catch (error const&) {
      return;
    }
    std::lock_guard const lock(adding);
    all.add(of_file);
  });
  return all;
}

// note: is told of each decision; may be empty.
inline folder_origins origins_of(voc_listing const& listing, int threads, warning_callback const& note) {
  folder_origins origins;
  for (listed_image const& im : listing.images) {
    if (im.annotation.empty() || im.written || origins.contains(im.annotations)) continue;
    origin_evidence const e = evidence_below(im.annotations, threads);
    coordinate_origin const from = origins[im.annotations] = e.likely();
    if (note) note(im.annotations.string() + ": coordinates are read as --origin " + name_of(from) + " has them: " + e.sentence());
  }
  return origins;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
