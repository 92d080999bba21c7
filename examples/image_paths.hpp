#pragma once
// What a program's IMAGE arguments mean: files, folders of images, and patterns that the shell has left to us.
//
//   photo.jpg       that file, whatever its name looks like
//   photos          a folder: the images in it by name, those of folders below it not
//   'photos/*.jpg'  where no file has this name: what the pattern (* ? [..]) matches, by name
// What means nothing stays as it is, so that it is said to be missing where it is read: a folder by check_no_folder.
#include <frcnn/core/error.hpp>
#include <frcnn/data/file_finder.hpp>

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace console {

inline std::vector<std::string> images_in(std::string const& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  auto const extensions = frcnn::data::image_extensions();
  std::error_code problem, ignored;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
    auto const extension = frcnn::data::lower(at->path().extension().string());
    if (at->is_regular_file(ignored) && std::find(extensions.begin(), extensions.end(), extension) != extensions.end() &&
        !frcnn::data::kept_by_a_system(at->path().filename().string()))
      found.push_back(at->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline std::vector<std::string> image_paths(std::vector<std::string> const& arguments) {
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

// Throws where pictures would be written into a folder whose images are read: the next run would take them for images.
inline void check_not_read(std::string const& option, std::string const& folder, std::vector<std::string> const& arguments) {
  for (auto const& given : arguments) {
    std::error_code unknown;
    if (std::filesystem::is_directory(given, unknown) && std::filesystem::equivalent(folder, given, unknown))
      throw frcnn::error(option, "another folder than that of the images, which the next run would take its pictures for", folder);
  }
}

// The paths without those that name, in whatever spelling, the place of one before.
inline std::vector<std::string> without_repeats(std::vector<std::string> const& paths) {
  std::set<std::filesystem::path> seen;
  std::vector<std::string> once;
  for (auto const& path : paths)
    if (seen.insert(std::filesystem::absolute(path).lexically_normal()).second) once.push_back(path);
  return once;
}

// Throws where an image that is to be read is a folder: one in which images_in found none.
inline void check_no_folder(std::string const& image) {
  std::error_code unknown;
  if (!std::filesystem::is_directory(image, unknown)) return;
  std::string endings;
  for (auto const& ending : frcnn::data::image_extensions()) endings += (endings.empty() ? "" : ", ") + ending;
  throw frcnn::error(image, "images in the folder itself (" + endings + ")", frcnn::data::contents_of(image));
}

}  // namespace console
