#pragma once
// A detection data set: classes, and for each image its file, size and objects. Pixels stay in the files.
//
//   classes  label i + 1 is classes[i]; 0 is the background
//   samples  in the order of the split files, each with the size of its image as decoded and its objects
// Boxes are half-open, in pixels of the image as it is used, which is turned by `orientation`, and lie inside it.
//
// A data set is read once, checked whole, and then shared by const reference: loaders keep a reference to it. It models DataSource: its
// images are files, which pixels(i) reads, and an image's id is its place.
#include "frcnn/concepts/data_source.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/geometry/box.hpp"
#include "frcnn/io/coco_records.hpp"
#include "frcnn/io/read_file.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Receives one sentence per warning, without a line end. Empty: nobody listens.
using warning_callback = std::function<void(std::string const&)>;

struct object {
  box<float> where;
  std::string name{};      // of its class
  std::int32_t label = 0;  // dataset::label_of(name)
  bool difficult = false;  // not trained on; neither right nor wrong in evaluation
  bool truncated = false;  // goes on beyond the image
};

// What is known of an image without its pixels.
struct image_truth {
  int width = 0, height = 0;        // of the image as it is used
  std::span<object const> objects;  // memory of the source that gave this
  bool annotated = true;            // false: nobody has said what is on it
};

struct sample {
  std::string id;               // how split and result files call it
  std::filesystem::path image;  // its file
  int width = 0, height = 0;    // of the image as it is used
  int orientation = 1;          // EXIF's: how the stored image is turned first (data/exif.hpp)
  std::vector<object> objects;
  bool annotated = true;    // false: nobody has said what is on it
  std::int64_t number = 0;  // its id in `coco`, which is that of its COCO file where there is one file alone; 0: of no COCO file
};

// A COCO file that a data set is of, or is of among others.
struct coco_part {
  std::filesystem::path file;
  std::vector<io::coco_category> categories;
  bool has_own_numbers = false;                                 // whether sample::number is the file's id
  std::unordered_map<std::int64_t, std::int64_t> id_of_number;  // else of its images: the file's id
};

struct dataset {
  std::vector<std::string> classes;
  std::vector<sample> samples;
  std::shared_ptr<io::coco_instances const> coco{};  // what its COCO files say, several with ids of their own; null: it is of others too
  pixel_layout layout{};                             // what its files are decoded to
  std::vector<coco_part> coco_parts{};               // its COCO files

  std::size_t size() const { return samples.size(); }
  encoded_image pixels(std::size_t i) const {
    sample const& s = samples[i];
    return {io::read_file(s.image), s.image.string(), s.orientation, layout};
  }
  image_truth truth(std::size_t i) const {
    sample const& s = samples[i];
    return {s.width, s.height, s.objects, s.annotated};
  }
  std::uint64_t id(std::size_t i) const { return i; }
  std::string name(std::size_t i) const { return samples[i].image.string(); }

  // 1..K; 0 when there is no such class.
  std::int32_t label_of(std::string const& name) const {
    auto const found = std::find(classes.begin(), classes.end(), name);
    return found == classes.end() ? 0 : static_cast<std::int32_t>(found - classes.begin()) + 1;
  }
  // False for a split that came without annotations: AP cannot be computed on it.
  bool annotated() const {
    return std::all_of(samples.begin(), samples.end(), [](sample const& s) { return s.annotated; });
  }
};

static_assert(DataSource<dataset>);

// What training makes of objects that are marked difficult (VOC), or are crowds. Evaluation is another matter: there they count neither way.
enum class difficult_objects : std::uint8_t {
  drop,    // they are not there: what lies on them may become an example of the background, as in both releases
  ignore,  // ignore regions, label -1: nothing matches them, and what lies on them by half of its area is no example of the background
  keep     // objects like all others
};

// Throws where nothing can be learned: nobody has annotated the data, or every object is difficult and those are not kept.
template <DataSource Source>
void require_trainable(Source const& data, std::string const& name = "training data", difficult_objects how = difficult_objects::drop) {
  std::size_t objects = 0, difficult = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    auto const& truth = data.truth(i);
    if (!truth.annotated) throw error(name, "annotated images", "some that nobody has annotated");
    for (auto const& o : truth.objects) ++objects, difficult += o.difficult;
  }
  if (how != difficult_objects::keep && objects > 0 && objects == difficult)
    throw error(name, "an object that is not difficult, since those are not trained on",
                "<difficult>1</difficult> in all " + std::to_string(objects));
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
