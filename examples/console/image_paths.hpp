#pragma once
// What a program's IMAGE arguments mean: files, folders of images, and patterns that the shell has left to us.
//
//   photo.jpg       that file, whatever its name looks like
//   photos          a folder: the images in it by name, those of folders below it not
//   'photos/*.jpg'  where no file has this name: what the pattern (* ? [..]) matches, by name
// What means nothing stays as it is, so that it is said to be missing where it is read: a folder by check_no_folder.
#include <string>
#include <vector>

namespace console {

std::vector<std::string> image_paths(std::vector<std::string> const& arguments);

// Throws where pictures would be written into a folder whose images are read: the next run would take them for images.
void check_not_read(std::string const& option, std::string const& folder, std::vector<std::string> const& arguments);

// The paths without those that name, in whatever spelling, the place of one before.
std::vector<std::string> without_repeats(std::vector<std::string> const& paths);

// Throws where an image that is to be read is a folder: one in which image_paths found none.
void check_no_folder(std::string const& image);

}  // namespace console
