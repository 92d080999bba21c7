#pragma once
// The check of one image of a data set: it is read, decoded as far as needed to know that it can be, and its EXIF orientation is compared
// with its annotation.
//
//   check_image(file, known)         what the file says about itself; a function of the file alone, or what is known of it from last time
//   v.place(mode, claimed)           which picture is used: as stored, or turned
//   size_agrees(verdict, claimed)    whether an annotation's <size> is the size of the picture that is used
// Throws frcnn::error that names the file: missing, empty, of no known format, cut short, undecodable, of other channels than the layout's.
//
// Example: image_verdict v = check_image("JPEGImages/000001.jpg");   // a phone's: stored 4000 x 3000, orientation 6
//          v.place(exif_mode::automatic, {{3000, 4000}});            // v.width x v.height is 3000 x 4000, v.orientation is 6
#include "frcnn/data/check_cache.hpp"
#include "frcnn/data/exif.hpp"
#include "frcnn/data/image_header.hpp"
#include "frcnn/data/image_io.hpp"

#include <array>
#include <filesystem>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct image_verdict {
  int width = 0, height = 0;  // of the image as it is used; 0: not checked, or bad
  int orientation = 1;        // by which it is turned for that
  bool doubtful = false;      // boxes may be meant in a frame turned otherwise
  image_facts facts;          // of the file as it is stored
  file_stamp stamp;

  void place(exif_mode mode, std::optional<std::array<double, 2>> const& claimed) {
    exif_decision const d = decide_orientation(mode, facts.orientation, facts.width, facts.height, claimed);
    orientation = d.orientation;
    doubtful = d.doubtful;
    width = swaps_sides(orientation) ? facts.height : facts.width;
    height = swaps_sides(orientation) ? facts.width : facts.height;
  }
};

// known: may be null. header_only: nothing is decoded (image_header.hpp), and the verdict is not one to be kept.
inline image_verdict check_image(std::filesystem::path const& file, check_cache const* known = nullptr, bool header_only = false,
                                 pixel_layout const& layout = {}) {
  image_verdict v;
  if (header_only) {
    v.facts = inspect_header(file);
    check_layout(v.facts.channels, layout, file.string());
    v.place(exif_mode::automatic, {});
    return v;
  }
  auto const stamp = file_stamp::of(file);  // before reading: a change in between is seen next time
  if (stamp) v.stamp = *stamp;
  auto facts = known && stamp ? known->find(file, *stamp) : std::nullopt;
  v.facts = facts ? std::move(*facts) : inspect_image(as_bytes(io::read_file(file)), file.string());
  check_layout(v.facts.channels, layout, file.string());
  v.place(exif_mode::automatic, {});
  return v;
}

// claimed: width, height.
inline bool size_agrees(image_verdict const& v, std::array<double, 2> const& claimed) {
  return claimed[0] == v.width && claimed[1] == v.height;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
