#pragma once
// A detection data set in memory: what is known of every image but its pixels.
//
//   classes  label i + 1 is classes[i]; 0 is the background
//   samples  in the order of the split files, each with the size of its image as decoded and its objects
// Boxes are half-open, in pixels of the image as it is used, which is turned by `orientation`, and lie inside it.
//
// A data set is read once, checked whole, and then shared by const reference: loaders keep a reference to it.
#include "frcnn/core/error.hpp"
#include "frcnn/geometry/box.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// Receives one sentence per warning, without a line end. Empty: nobody listens.
using warning_callback = std::function<void(std::string const&)>;

struct object {
  box<float> where;
  std::string name;        // of its class
  std::int32_t label = 0;  // dataset::label_of(name)
  bool difficult = false;  // not trained on; neither right nor wrong in evaluation
  bool truncated = false;  // goes on beyond the image
};

struct sample {
  std::string id;               // how split and result files call it
  std::filesystem::path image;  // its file
  int width = 0, height = 0;    // of the image as it is used
  int orientation = 1;          // EXIF's: how the stored image is turned first (data/exif.hpp)
  std::vector<object> objects;
  bool annotated = true;  // false: nobody has said what is on it
};

struct dataset {
  std::vector<std::string> classes;
  std::vector<sample> samples;

  std::size_t size() const { return samples.size(); }

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

// Throws where nothing can be learned: nobody has annotated the data, or every object is difficult, and those are not trained on.
inline void require_trainable(dataset const& data, std::string const& name = "training data") {
  if (!data.annotated()) throw error(name, "annotated images", "some that nobody has annotated");
  std::size_t objects = 0, difficult = 0;
  for (sample const& s : data.samples)
    for (object const& o : s.objects) ++objects, difficult += o.difficult;
  if (objects > 0 && objects == difficult)
    throw error(name, "an object that is not difficult, since those are not trained on",
                "<difficult>1</difficult> in all " + std::to_string(objects));
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
