#pragma once
// Which file holds the image of an id: folder/<id>.{jpg,jpeg,png}, extensions in any case.
//
// With several candidates jpg wins over jpeg over png, and then the smaller name by bytes. A folder is listed once, when first asked about.
// An id may have folders in front: "2007/000001".
#include "frcnn/data/text.hpp"

#include <array>
#include <filesystem>
#include <map>
#include <tuple>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class image_finder {
 public:
  explicit image_finder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Empty: there is none.
  std::filesystem::path find(std::string const& id) {
    std::filesystem::path const stem = folder_ / id, parent = stem.parent_path();
    auto const [listed, is_new] = folders_.try_emplace(parent.string());
    if (is_new) list(parent, listed->second);
    auto const found = listed->second.find(stem.filename().string());
    return found == listed->second.end() ? std::filesystem::path{} : parent / found->second.name;
  }

 private:
  struct entry {
    int rank;
    std::string name;
  };
  using listing = std::map<std::string, entry>;

  static void list(std::filesystem::path const& folder, listing& files) {
    constexpr std::array<std::string_view, 3> known{".jpg", ".jpeg", ".png"};
    std::error_code problem;
    for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
      auto const name = at->path().filename();
      auto const rank = std::find(known.begin(), known.end(), lower(name.extension().string())) - known.begin();
      if (rank == std::ptrdiff_t{known.size()}) continue;
      entry candidate{static_cast<int>(rank), name.string()};
      auto const [there, is_new] = files.try_emplace(name.stem().string(), candidate);
      if (!is_new && std::tie(candidate.rank, candidate.name) < std::tie(there->second.rank, there->second.name)) there->second = candidate;
    }
  }

  std::filesystem::path folder_;
  std::map<std::string, listing> folders_;
};

}  // namespace frcnn::data
FRCNN_HIDDEN_END
