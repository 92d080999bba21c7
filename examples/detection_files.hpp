#pragma once
// What a program found, as files for other programs: CSV, and drafts of labels in COCO's JSON and in labelImg's XML.
//
//   csv_file      image,class,score,x1,y1,x2,y2: a line for each box, half-open pixels; it is whole or not there
//   coco_drafts   COCO's instances: boxes as annotations, image files named from the folder that holds them all
//   write_draft   labelImg's XML of an image, boxes in VOC's whole pixels
#include "outputs.hpp"

#include <frcnn/data/common_folder.hpp>
#include <frcnn/data/voc_writer.hpp>
#include <frcnn/io/coco_writer.hpp>

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

namespace console {

class csv_file {
 public:
  explicit csv_file(std::filesystem::path const& path) : file_(path) { put("image,class,score,x1,y1,x2,y2\n"); }

  void add(std::string const& image, std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes) {
    for (auto const& d : found)
      put(fmt::format("{},{},{},{},{},{},{}\n", csv_field(image), csv_field(classes.at(static_cast<std::size_t>(d.label - 1))), d.score,
                      d.where.x1, d.where.y1, d.where.x2, d.where.y2));
  }
  void commit() { file_.commit(); }

 private:
  void put(std::string const& text) { file_.write(text.data(), text.size()); }

  frcnn::io::atomic_file file_;
};

class coco_drafts {
 public:
  explicit coco_drafts(std::vector<std::string> const& classes) {
    for (auto const& name : classes) all_.categories.push_back({static_cast<std::int64_t>(all_.categories.size() + 1), name});
  }

  void add(std::string const& image, int width, int height, std::vector<frcnn::detection> const& found) {
    frcnn::data::sample s;
    s.image = image;
    files_.samples.push_back(std::move(s));
    auto const id = static_cast<std::int64_t>(all_.images.size() + 1);
    all_.images.push_back({id, width, height, {}});
    for (auto const& d : found) {
      auto const b = d.where.as<double>();
      frcnn::io::coco_box const where{b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1};
      all_.annotations.push_back({static_cast<std::int64_t>(all_.annotations.size() + 1), id, d.label, where, where.area()});
    }
  }
  // The folder that file names are relative to.
  std::filesystem::path write(std::filesystem::path const& path) {
    auto const folder = frcnn::data::common_folder(files_);
    for (std::size_t i = 0; i < all_.images.size(); ++i)
      all_.images[i].file_name = frcnn::data::path_from(folder, files_.samples[i].image).generic_string();
    frcnn::io::write_coco_instances(path, all_);
    return folder;
  }

 private:
  frcnn::io::coco_instances all_;
  frcnn::data::dataset files_;  // their places alone
};

// Throws where a file lies at the path: labels that somebody may have corrected are not written over.
inline void check_no_labels(std::filesystem::path const& path) {
  std::error_code unknown;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, unknown)))
    throw frcnn::error(path.string(), "a place without labels, which a draft would replace", "a file that is there");
}

inline void write_draft(std::filesystem::path const& path, std::filesystem::path const& image, int width, int height,
                        std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes) {
  frcnn::data::sample s;
  s.width = width, s.height = height;
  auto const within = [](float v, int least, int most) {
    return static_cast<float>(std::clamp(static_cast<int>(std::lround(v)), least, most));
  };
  for (auto const& d : found) {
    frcnn::data::object o;
    o.name = classes.at(static_cast<std::size_t>(d.label - 1));
    o.where.x1 = within(d.where.x1, 0, width - 1), o.where.y1 = within(d.where.y1, 0, height - 1);
    o.where.x2 = within(d.where.x2, static_cast<int>(o.where.x1) + 1, width);
    o.where.y2 = within(d.where.y2, static_cast<int>(o.where.y1) + 1, height);
    s.objects.push_back(o);
  }
  check_no_labels(path);
  auto const folder = std::filesystem::absolute(image).parent_path().filename().string();
  frcnn::io::write_file_atomically(path, frcnn::data::annotation_text(s, image.filename().string(), folder));
}

}  // namespace console
