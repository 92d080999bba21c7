#pragma once
// The demo data as a folder in VOC layout: pictures rendered by demo_scene.hpp, their annotations, splits trainval and test.
//
// Pictures are JPEGs. Ids count from 000001; the last test_fraction of them are the test split; each
// split has one at least. The folder appears whole or not at all: it is made beside its place and renamed. A folder that holds anything is
// refused.
//
// Example: write_demo_voc("demo", {.images = 300});  dataset const train = read_voc({{"demo", "trainval"}});  // 240 images
// Invariant: equal options give equal bytes; picture i depends on the seed and i alone.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/demo_scene.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/io/folder.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct demo_options {
  int images = 300;
  std::uint64_t seed = 0;
  double test_fraction = 0.2;
  int threads = 0;  // 0: as many as there are cores
};

namespace detail {

inline std::string demo_id(int index) {
  std::string const number = std::to_string(index + 1);
  return std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number;
}

// 1-based and inclusive, as VOC writes boxes.
inline std::string demo_annotation(std::string const& file, demo_scene const& scene) {
  auto const tag = [](std::string const& name, std::string const& value) { return "<" + name + ">" + value + "</" + name + ">"; };
  auto const number = [](float v) { return std::to_string(static_cast<int>(v)); };
  std::string xml = "<annotation>\n  " + tag("folder", "JPEGImages") + "\n  " + tag("filename", file) + "\n  " +
                    tag("size", tag("width", std::to_string(scene.pixels.width)) + tag("height", std::to_string(scene.pixels.height)) +
                                    tag("depth", "3")) +
                    "\n";
  for (object const& o : scene.objects)
    xml += "  <object>\n    " + tag("name", o.name) + "\n    " + tag("truncated", o.truncated ? "1" : "0") + "\n    " +
           tag("difficult", o.difficult ? "1" : "0") + "\n    " +
           tag("bndbox", tag("xmin", number(o.where.x1 + 1)) + tag("ymin", number(o.where.y1 + 1)) + tag("xmax", number(o.where.x2)) +
                             tag("ymax", number(o.where.y2))) +
           "\n  </object>\n";
  return xml + "</annotation>\n";
}

// The folder is renamed when all is there, so that its files need no such care of their own.
inline void write_new_file(std::filesystem::path const& path, std::string const& contents) {
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) io::detail::throw_write_error(path, errno);
}

}  // namespace detail

// A new folder with folders inside: fill(place) writes into one beside it, which is renamed when that is done, or removed when it throws.
template <class Fill>
void write_new_folder(std::filesystem::path out, std::initializer_list<char const*> folders, Fill const& fill) {
  namespace fs = std::filesystem;
  std::error_code problem;
  if (!out.has_filename()) out = out.parent_path();  // "demo/"
  if (fs::exists(out, problem) && !(fs::is_directory(out, problem) && fs::is_empty(out, problem)))
    throw error(out.string(), "a new or an empty folder", "something in that place");

  fs::path const beside = out.string() + ".part";
  if (auto const other = io::in_the_way(out); !other.empty()) throw error(out.string(), "a folder that can be made", other);
  auto const refuse = [&](fs::path const& path) {
    if (problem) throw error(path.string(), "a folder that can be made", excerpt(problem.message()));
  };
  if (fs::equivalent(out, fs::current_path(problem), problem))  // it would be replaced, and whoever is in it be nowhere
    throw error(out.string(), "a folder that can be made", "the working folder of this program");
  auto const is_ours = [&](std::string const& name) {
    return std::any_of(folders.begin(), folders.end(), [&](char const* folder) { return *fs::path(folder).begin() == name; });
  };
  for (fs::directory_iterator at(beside, problem), end; !problem && at != end; at.increment(problem))
    if (auto const name = at->path().filename().string(); !is_ours(name))
      throw error(beside.string(), "nothing, or what a killed run left there", excerpt(name, 255) + " in it");
  fs::remove_all(beside, problem);
  refuse(beside);
  for (char const* folder : folders) io::make_folder(beside / folder, out.string());
  try {
    fill(beside);
    fs::rename(beside, out, problem);
    refuse(out);
  } catch (...) {
    fs::remove_all(beside, problem);
    throw;
  }
}

inline void write_demo_voc(std::filesystem::path const& out, demo_options const& o = {}) {
  if (!(o.test_fraction > 0 && o.test_fraction < 1))
    throw error("demo data", "a fraction for the test between 0 and 1", number_text(o.test_fraction));
  if (o.images < 2) throw error("demo data", "at least two images, one to train on and one to test on", std::to_string(o.images));
  int const test = std::clamp(static_cast<int>(o.images * o.test_fraction + 0.5), 1, o.images - 1), train = o.images - test;
  write_new_folder(out, {"JPEGImages", "Annotations", "ImageSets/Main"}, [&](std::filesystem::path const& beside) {
    for_each_in_parallel(static_cast<std::size_t>(o.images), o.threads, [&](std::size_t i) {
      demo_scene const scene = render_demo_scene(o.seed, i);
      std::string const id = detail::demo_id(static_cast<int>(i)), file = id + ".jpg";
      detail::write_new_file(beside / "JPEGImages" / file, encode_jpeg(scene.pixels));
      detail::write_new_file(beside / "Annotations" / (id + ".xml"), detail::demo_annotation(file, scene));
    });
    std::string splits[2];
    for (int i = 0; i < o.images; ++i) splits[i < train ? 0 : 1] += detail::demo_id(i) + "\n";
    detail::write_new_file(beside / "ImageSets/Main/trainval.txt", splits[0]);
    detail::write_new_file(beside / "ImageSets/Main/test.txt", splits[1]);
  });
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
