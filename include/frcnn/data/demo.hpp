#pragma once
// The demo data as a folder in VOC layout: pictures rendered by demo_scene.hpp, their annotations, splits trainval and test.
//
// Pictures are JPEGs. Ids count from 000001; the last test_fraction of them are the test split; each
// split has one at least. The folder appears whole or not at all: it is made beside its place and renamed. A folder that holds anything is
// refused.
//
// Example: write_demo_voc("demo", {.images = 300});  dataset const train = read_voc({{"demo", "trainval"}});  // 240 images
// Invariant: equal options give equal bytes; picture i depends on the seed, the sizes and i alone.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/demo_scene.hpp"
#include "frcnn/data/image_io.hpp"
#include "frcnn/data/voc_writer.hpp"
#include "frcnn/io/new_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct demo_options {
  int images = 300;
  std::uint64_t seed = 0;
  double test_fraction = 0.2;
  demo_sizes sizes{};
  int threads = 0;                                           // 0: as many as there are cores
  std::function<void(std::size_t, std::size_t)> progress{};  // images written, and of how many; one call at a time, from any thread
};

namespace detail {

inline std::string demo_id(int index) {
  std::string const number = std::to_string(index + 1);
  return std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number;
}

}  // namespace detail

inline void write_demo_voc(std::filesystem::path const& out, demo_options const& o = {}) {
  if (!(o.test_fraction > 0 && o.test_fraction < 1))
    throw error("demo data", "a fraction for the test between 0 and 1", number_text(o.test_fraction));
  if (o.images < 2) throw error("demo data", "at least two images, one to train on and one to test on", std::to_string(o.images));
  if (auto const [least, most] = o.sizes; (least != 0 || most != 0) && !(least >= 4 && least <= most && most <= 4096))
    throw error("demo data", "sizes of objects from 4 to 4096 pixels, the least first", number_text(least) + " and " + number_text(most));
  int const test = std::clamp(static_cast<int>(o.images * o.test_fraction + 0.5), 1, o.images - 1), train = o.images - test;
  io::write_new_folder(out, {"JPEGImages", "Annotations", "ImageSets/Main"}, [&](std::filesystem::path const& beside) {
    turn_counter done(o.progress, static_cast<std::size_t>(o.images));
    for_each_in_parallel(static_cast<std::size_t>(o.images), o.threads, [&](std::size_t i) {
      demo_scene const scene = render_demo_scene(o.seed, i, o.sizes);
      std::string const id = detail::demo_id(static_cast<int>(i)), file = id + ".jpg";
      io::write_new_file(beside / "JPEGImages" / file, encode_jpeg(scene.pixels));
      sample said;
      said.width = scene.pixels.width, said.height = scene.pixels.height;
      said.objects = scene.objects;
      io::write_new_file(beside / "Annotations" / (id + ".xml"), annotation_text(said, file, "JPEGImages"));
      done.add();
    });
    std::string splits[2];
    for (int i = 0; i < o.images; ++i) splits[i < train ? 0 : 1] += detail::demo_id(i) + "\n";
    io::write_new_file(beside / "ImageSets/Main/trainval.txt", splits[0]);
    io::write_new_file(beside / "ImageSets/Main/test.txt", splits[1]);
  });
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
