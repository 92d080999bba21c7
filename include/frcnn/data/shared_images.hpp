#pragma once
// Test images that are training images: on those a detector looks better than it is.
//
//   shared_images(train, test)   tally of the test images whose file is a file of the training data, through links too, or equals the
//                                training image of the same id byte for byte (a copy below another root)
// Of other sources than VOC folders: those whose pixels, or the bytes of whose files, are those of a training image.
#include "frcnn/core/hash.hpp"
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/problems.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/read_file.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// threads: 0: as many as there are cores.
inline tally shared_images(dataset const& train, dataset const& test, int threads = 0) {
  if (test.samples.empty()) return {};
  auto const files_of = [&](dataset const& set) {
    std::vector<std::optional<io::file_id>> files(set.size());
    for_each_in_parallel(files.size(), threads, [&](std::size_t i) { files[i] = io::id_of_file(set.samples[i].image); });
    return files;
  };
  auto trained_on = files_of(train);
  std::ranges::sort(trained_on);
  std::multimap<std::string_view, sample const*> by_id;
  for (sample const& s : train.samples) by_id.emplace(s.id, &s);
  auto const same_bytes = [](sample const& a, sample const& b) {
    std::error_code failed;
    auto const size = [&](sample const& s) { return std::filesystem::file_size(s.image, failed); };
    return a.width == b.width && a.height == b.height && size(a) == size(b) && !failed && io::read_file(a.image) == io::read_file(b.image);
  };
  tally shared;
  auto const tested_on = files_of(test);
  for (std::size_t i = 0; i < test.size(); ++i) {
    sample const& s = test.samples[i];
    bool found = tested_on[i] && std::ranges::binary_search(trained_on, tested_on[i]);
    auto const [first, last] = by_id.equal_range(s.id);
    for (auto at = first; at != last && !found; ++at) found = same_bytes(s, *at->second);
    if (found) shared.add(s.image.string());
  }
  return shared;
}

template <DataSource Train, DataSource Test>
tally shared_images(Train const& train, Test const& test) {
  static_assert(gives_files<Train> == gives_files<Test>, "images in files are not compared with images in memory");
  // The bytes of an image, and a number that says what they mean.
  auto const digest_of = [](auto const& source, std::size_t i) {
    auto&& given = source.pixels(i);
    if constexpr (gives_files<Train>) return fnv1a(given.file);
    else {
      image_view const v = given;
      std::uint64_t hash = 0;
      for (int const part : {v.width, static_cast<int>(v.format), v.channels(), v.bits}) hash = fnv1a(std::to_string(part) + " ", hash);
      for (int y = 0; y < v.height; ++y)
        hash = fnv1a(
            {reinterpret_cast<char const*>(v.row(y)), static_cast<std::size_t>(v.width) * static_cast<std::size_t>(v.pixel_bytes())}, hash);
      return hash;
    }
  };
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < train.size(); ++i) seen.insert(digest_of(train, i));
  tally shared;
  for (std::size_t i = 0; i < test.size(); ++i)
    if (seen.contains(digest_of(test, i))) shared.add(name_of(test, i));
  return shared;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
