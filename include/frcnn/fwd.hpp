#pragma once
// Declarations of what programs name: for headers of yours that hold pointers and references to it, at no cost of compiling.
//
// Definitions: core/error.hpp, core/image.hpp, core/profiler.hpp, geometry/box.hpp, geometry/detect_options.hpp, detector/model_config.hpp,
// detector/any_detector.hpp, backend/cpu/options.hpp; detector/detector.hpp, detector/faster_rcnn.hpp, train/recipe.hpp.
#include "frcnn/config.hpp"

#include <cstdint>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_VOCABULARY {

FRCNN_VISIBLE_BEGIN
class error;
class stopped;
class detector_interface;
FRCNN_VISIBLE_END

struct image;
struct image_view;
enum class pixel_format : std::uint8_t;
struct pixel_normalisation;

template <class T>
struct box;
template <class T>
struct scored_box;
using detection = scored_box<float>;

class any_detector;
struct model_config;
enum class model_weights : std::uint8_t;
struct detect_options;
struct batch_options;

struct cpu_options;
enum class cpu_engine : std::uint8_t;
enum class compute : std::uint8_t;
class profiler;

struct schedule;
struct sgd_options;

}  // namespace frcnn
FRCNN_HIDDEN_END

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct cpu;
template <class Preset>
class detector;
template <class Backbone, class ProposalGenerator, class RoIHead>
class faster_rcnn;
template <class Model>
class trainer;
template <class... Models>
class recipe;

}  // namespace frcnn
FRCNN_HIDDEN_END
