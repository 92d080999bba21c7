#include "image_paths.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/file_finder.hpp>
#include <frcnn/io/entries.hpp>

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

namespace console {

namespace {

// Links to nothing among them, which are faults where they are read; a pipe is an image where it is named alone.
std::vector<std::string> images_in(std::string const& folder) {
  std::vector<std::string> found;
  auto const extensions = frcnn::data::image_extensions();
  frcnn::io::for_each_entry(folder, [&](auto const& at) {
    auto const extension = frcnn::data::lower(at.path().extension().string());
    if (frcnn::io::detail::other_than_file(at.path()).empty() &&
        std::find(extensions.begin(), extensions.end(), extension) != extensions.end() &&
        !frcnn::data::belongs_to_a_system(at.path().filename().string()))
      found.push_back(at.path().string());
  });
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<std::string> image_paths(std::vector<std::string> const& arguments) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  for (std::string const& given : arguments) {
    std::error_code unknown;
    std::vector<std::string> meant;
    if (fs::is_directory(given, unknown)) {
      meant = images_in(given);
    } else if (given.find_first_of("*?[") != given.npos && !fs::exists(given, unknown)) {
      ::glob_t matches{};
      if (::glob(given.c_str(), 0, nullptr, &matches) == 0) meant.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
      ::globfree(&matches);
    }
    if (meant.empty()) paths.push_back(given);
    else paths.insert(paths.end(), meant.begin(), meant.end());
  }
  return paths;
}

void check_not_read(std::string const& option, std::string const& folder, std::vector<std::string> const& arguments) {
  for (auto const& given : arguments) {
    std::error_code unknown;
    if (std::filesystem::is_directory(given, unknown) && std::filesystem::equivalent(folder, given, unknown))
      throw frcnn::error(option, "another folder than that of the images, which the next run would take its pictures for", folder);
  }
}

std::vector<std::string> without_repeats(std::vector<std::string> const& paths) {
  std::set<std::filesystem::path> seen;
  std::vector<std::string> once;
  for (auto const& path : paths)
    if (seen.insert(std::filesystem::absolute(path).lexically_normal()).second) once.push_back(path);
  return once;
}

void check_no_folder(std::string const& image) {
  std::error_code unknown;
  if (!std::filesystem::is_directory(image, unknown)) return;
  std::string endings;
  for (auto const& ending : frcnn::data::image_extensions()) endings += (endings.empty() ? "" : ", ") + ending;
  throw frcnn::error(image, "images in the folder itself (" + endings + ")", frcnn::data::contents_of(image));
}

}  // namespace console
