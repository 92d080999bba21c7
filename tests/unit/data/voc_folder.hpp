#pragma once
// A folder in VOC layout that a test fills, and the warnings and the sentence that reading it gives.
#include "../io/scratch.hpp"
#include "frcnn/data/voc.hpp"

#include <string>
#include <vector>

struct voc_folder {
  ::scratch folder;
  std::vector<std::string> warnings;

  std::string root() const { return folder.path.string(); }

  void write(std::string const& name, std::string const& contents) const {
    std::filesystem::create_directories((folder / name).parent_path());
    frcnn::io::write_file_atomically(folder / name, contents);
  }
  static std::string picture(int width = 20, int height = 10, int shade = 90) {
    frcnn::image im(width, height);
    for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(shade + static_cast<int>(i * 7 % 64));
    return frcnn::data::encode_png(im);
  }
  static std::string box(std::string const& xmin, std::string const& ymin, std::string const& xmax, std::string const& ymax) {
    return "<bndbox><xmin>" + xmin + "</xmin><ymin>" + ymin + "</ymin><xmax>" + xmax + "</xmax><ymax>" + ymax + "</ymax></bndbox>";
  }
  static std::string object(std::string const& name, std::string const& bounds, std::string const& more = "") {
    return "<object><name>" + name + "</name>" + more + bounds + "</object>";
  }
  static std::string annotation(std::string const& objects) { return "<annotation>" + objects + "</annotation>"; }

  // An image of 20 x 10 with one cat, unless said otherwise.
  void add(std::string const& id, std::string const& objects = object("cat", box("3", "2", "10", "8"))) const {
    write("JPEGImages/" + id + ".png", picture());
    write("Annotations/" + id + ".xml", annotation(objects));
  }
  void split(std::string const& lines, std::string const& name = "trainval") const { write("ImageSets/Main/" + name + ".txt", lines); }

  frcnn::data::dataset read(frcnn::data::voc_options options = {}, std::string const& which = "trainval") {
    warnings.clear();
    options.warn = [&](std::string const& w) { warnings.push_back(w); };
    return frcnn::data::read_voc({{root(), which}}, options);
  }
  // What reading throws, with the folder's own name taken out.
  std::string refusal(frcnn::data::voc_options const& options = {}, std::string const& which = "trainval") {
    return without_root(sentence([&] { read(options, which); }));
  }
  std::string without_root(std::string text) const {
    for (std::size_t at; (at = text.find(root())) != text.npos;) text.replace(at, root().size(), "VOC");
    return text;
  }
};
