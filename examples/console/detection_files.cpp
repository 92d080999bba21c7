#include "detection_files.hpp"

#include "console.hpp"
#include "outputs.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/core/message.hpp>
#include <frcnn/core/utf8.hpp>
#include <frcnn/data/common_folder.hpp>
#include <frcnn/data/voc_writer.hpp>
#include <frcnn/io/coco_writer.hpp>
#include <frcnn/io/entries.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <system_error>
#include <utility>

namespace console {

csv_file::csv_file(std::filesystem::path const& path) : file_(path) { put(std::string(output::csv_header)); }

void csv_file::add(std::string const& image, std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes) {
  for (auto const& d : found)
    put(fmt::format("{},{},{},{},{},{},{}\n", csv_field(image), csv_field(classes.at(static_cast<std::size_t>(d.label - 1))), d.score,
                    d.where.x1, d.where.y1, d.where.x2, d.where.y2));
}

coco_drafts::coco_drafts(std::vector<std::string> const& classes) {
  for (auto const& name : classes) all_.categories.push_back({static_cast<std::int64_t>(all_.categories.size() + 1), name});
}

void coco_drafts::add(std::string const& image, int width, int height, std::vector<frcnn::detection> const& found) {
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

void coco_drafts::check_names(std::string const& option, std::vector<std::string> const& images) {
  frcnn::data::dataset all;
  for (auto const& image : images) all.samples.emplace_back().image = image;
  auto const folder = frcnn::data::common_folder(all);
  for (auto const& s : all.samples)
    if (frcnn::fault_in_utf8(frcnn::data::path_from(folder, s.image).native()) != std::string::npos)
      throw frcnn::error(option, "images with names in UTF-8, as JSON has them", frcnn::excerpt(s.image.native(), 255));
}

std::filesystem::path coco_drafts::write(std::filesystem::path const& path) {
  auto const folder = frcnn::data::common_folder(files_);
  for (std::size_t i = 0; i < all_.images.size(); ++i)
    all_.images[i].file_name = frcnn::data::path_from(folder, files_.samples[i].image).generic_string();
  frcnn::io::write_coco_instances(path, all_);
  return folder;
}

namespace {

std::string name_of_folder(std::filesystem::path const& image) {
  return std::filesystem::absolute(image).parent_path().filename().string();
}

}  // namespace

void check_xml_names(std::string const& option, std::vector<std::string> const& images, std::vector<std::string> const& classes) {
  auto const check = [&](std::string const& written, std::string const& name) {
    if (!frcnn::data::fits_xml(written))
      throw frcnn::error(option, "names that XML can hold, in UTF-8 and without control characters", frcnn::excerpt(name, 255));
  };
  for (auto const& image : images) {
    check(std::filesystem::path(image).filename().string(), image);
    check(name_of_folder(image), image);
  }
  for (auto const& name : classes) check(name, name);
}

void write_draft(std::filesystem::path const& path, std::filesystem::path const& image, frcnn::image_view const& im,
                 std::vector<frcnn::detection> const& found, std::vector<std::string> const& classes) {
  frcnn::data::sample s;
  int const width = s.width = im.width, height = s.height = im.height;
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
  frcnn::io::write_file_atomically(path, frcnn::data::annotation_text(s, image.filename().string(), name_of_folder(image), im.channels()));
}

void warn_of_earlier_pictures(std::filesystem::path const& folder, std::vector<std::filesystem::path> const& outputs,
                              std::vector<std::string> const& images) {
  std::error_code unknown;
  std::set<std::filesystem::path> written, read;
  for (auto const& path : outputs) written.insert(resolved(path, unknown));
  for (auto const& image : images) read.insert(resolved(image, unknown));
  std::size_t replaced = 0, others = 0;
  frcnn::io::for_each_entry(folder, [&](auto const& at) {
    auto const path = resolved(at.path(), unknown);
    if (path.extension() == ".png" && !read.contains(path)) ++(written.contains(path) ? replaced : others);
  });
  if (replaced) warn(fmt::format("--out {}: {} of the pictures in it are replaced", folder.string(), replaced));
  if (others) warn(fmt::format("--out {}: {} of the pictures in it are of other runs, and stay", folder.string(), others));
}

}  // namespace console
