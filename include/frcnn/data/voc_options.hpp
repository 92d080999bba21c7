#pragma once
// How a data set in VOC or COCO layout is read: which classes and images, what its coordinates count from, and what the reader says
// meanwhile. What the options mean for each layout: voc.hpp, coco.hpp.
#include "frcnn/core/pixels.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/exif.hpp"
#include "frcnn/data/origin.hpp"
#include "frcnn/data/shared_check.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// What an image without an annotation is where others of its split have one. Datumaro and Label Studio list images without objects and
// write no file for them.
enum class missing_annotation : std::uint8_t {
  error,
  empty  // an image without objects; where a file of a name that looks the same is there, an error still
};

enum class annotations : std::uint8_t {
  required,
  optional  // a split may have none at all; some of them missing is an error still
};

struct voc_options {
  std::vector<std::string> classes{};  // empty: read from the data and sorted by bytes; objects of others are left out
  bool more_classes = false;           // others are not left out: they follow `classes`, sorted by bytes
  annotations wanted = annotations::required;
  bool skip_bad = false;  // leave out images that are missing, cut, undecodable or not annotated, instead of refusing the data
  int threads = 0;        // for the check; 0: as many as there are cores
  exif_mode exif = exif_mode::automatic;                             // which images are turned
  std::optional<coordinate_origin> origin = coordinate_origin::voc;  // nothing: as the folder's annotations say, each folder for itself
  missing_annotation missing = missing_annotation::error;
  pixel_layout layout{};         // channels and bits of the images; a file that does not have the channels is bad
  bool headers_only = false;     // sizes of images are read from their headers: damage behind them is not found; no `known`
  check_cache* known = nullptr;  // images that it knows are not decoded again; it gets those of this data
  check_sharing sharing{};       // with `known`: the other processes of this machine that read this data meanwhile
  warning_callback warn{};
  std::string name{};                                        // what warnings call the data; empty: its splits
  warning_callback note{};                                   // what was decided where the layout left a choice
  std::function<void(std::size_t, std::size_t)> progress{};  // images checked, and of how many; one call at a time, from any thread
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
