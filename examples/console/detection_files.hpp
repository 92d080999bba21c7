#pragma once
// What a program found, as files for other programs: CSV, and drafts of labels in COCO's JSON and in labelImg's XML.
//
//   csv_file      image,class,score,x1,y1,x2,y2: a line for each box, half-open pixels; it is whole or not there
//   coco_drafts   COCO's instances: boxes as annotations, image files named from the folder that holds them all
//   write_draft   labelImg's XML of an image, boxes in VOC's whole pixels
#include <frcnn/core/image.hpp>
#include <frcnn/data/dataset.hpp>
#include <frcnn/geometry/box.hpp>
#include <frcnn/io/atomic_file.hpp>
#include <frcnn/io/coco_records.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace console {

class csv_file {
 public:
  explicit csv_file(std::filesystem::path const& path);

  void add(std::string const& image, std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes);
  void commit() { file_.commit(); }

 private:
  void put(std::string const& text) { file_.write(text.data(), text.size()); }

  frcnn::io::atomic_file file_;
};

class coco_drafts {
 public:
  explicit coco_drafts(std::vector<std::string> const& classes);

  void add(std::string const& image, int width, int height, std::vector<frcnn::detection> const& found);
  // Throws where the file could not name one of the images.
  static void check_names(std::string const& option, std::vector<std::string> const& images);
  // The folder that file names are relative to.
  std::filesystem::path write(std::filesystem::path const& path);

 private:
  frcnn::io::coco_instances all_;
  frcnn::data::dataset files_;  // their places alone
};

// Throws where XML could not hold what a draft says of an image, or of a class.
void check_xml_names(std::string const& option, std::vector<std::string> const& images, std::vector<std::string> const& classes);

void write_draft(std::filesystem::path const& path, std::filesystem::path const& image, frcnn::image_view const& im,
                 std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes);

// What lies in the folder of pictures from earlier runs is said: what of it this run replaces, and what stays. outputs, images: of this run.
void warn_of_earlier_pictures(std::filesystem::path const& folder, std::vector<std::filesystem::path> const& outputs,
                              std::vector<std::string> const& images);

}  // namespace console
