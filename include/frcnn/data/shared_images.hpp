#pragma once
// Test images that are training images: on those a detector looks better than it is.
//
//   shared_images(train, test)   tally of the test images whose file is a file of the training data, through links too, or equals the
//                                training image of the same id byte for byte (a copy below another root)
#include "frcnn/data/dataset.hpp"
#include "frcnn/data/problems.hpp"
#include "frcnn/io/atomic_file.hpp"

#include <map>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

inline tally shared_images(dataset const& train, dataset const& test) {
  std::set<std::filesystem::path> files;
  std::multimap<std::string, sample const*> by_id;
  auto const file_of = [](sample const& s) {
    std::error_code failed;
    auto file = std::filesystem::canonical(s.image, failed);
    return failed ? s.image : file;
  };
  for (sample const& s : train.samples) {
    files.insert(file_of(s));
    by_id.emplace(s.id, &s);
  }
  auto const same_bytes = [](sample const& a, sample const& b) {
    std::error_code failed;
    auto const size = [&](sample const& s) { return std::filesystem::file_size(s.image, failed); };
    return a.width == b.width && a.height == b.height && size(a) == size(b) && !failed && io::read_file(a.image) == io::read_file(b.image);
  };
  tally shared;
  for (sample const& s : test.samples) {
    bool found = files.count(file_of(s)) > 0;
    auto const [first, last] = by_id.equal_range(s.id);
    for (auto at = first; at != last && !found; ++at) found = same_bytes(s, *at->second);
    if (found) shared.add(s.image.string());
  }
  return shared;
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
