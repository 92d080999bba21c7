#pragma once
// A folder that is there whole or not at all: it is filled beside its place and renamed.
//
// Example: write_new_folder("demo", {"Annotations"}, [](auto const& place) { write_new_file(place / "Annotations/1.xml", text); });
#include "frcnn/io/entries.hpp"
#include "frcnn/io/folder.hpp"
#include "frcnn/io/folder_lock.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <system_error>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// The folder is renamed when all is there and on the disk, so that its files need no such care of their own.
inline void write_new_file(std::filesystem::path const& path, std::string const& contents) {
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) detail::throw_write_error(path, errno);
}

namespace detail {
// All of the folder's file system: after a power cut the folder is whole too.
inline void write_to_disk([[maybe_unused]] std::filesystem::path const& folder) {
#if defined(__linux__)
  descriptor const opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened && ::syncfs(opened.get()) == 0) return;
  for (int const is_not_there : {EINVAL, ENOSYS, ENOTSUP, EPERM})
    if (errno == is_not_there) return;
  throw_write_error(folder, errno);
#endif
}
}  // namespace detail

// Throws where something lies in the place of a new folder, or it could not be made.
inline void check_new_folder(std::filesystem::path const& out) {
  namespace fs = std::filesystem;
  std::error_code problem;
  if (fs::exists(out, problem) && !(fs::is_directory(out, problem) && fs::is_empty(out, problem)))
    throw error(out.string(), "a new or an empty folder", "something in that place");
  if (auto const other = in_the_way(out); !other.empty()) throw error(out.string(), "a folder that can be made", other);
  if (fs::equivalent(out, fs::current_path(problem), problem))  // it would be replaced, and this process be nowhere
    throw error(out.string(), "a folder that can be made", "the working folder of this program");
}

// A new folder with folders inside: fill(place) writes into one beside it, which is renamed when that is done, or removed when it throws.
template <class Fill>
void write_new_folder(std::filesystem::path out, std::initializer_list<char const*> folders, Fill const& fill) {
  namespace fs = std::filesystem;
  std::error_code problem;
  if (!out.has_filename()) out = out.parent_path();  // "demo/"
  check_new_folder(out);
  fs::path const beside = out.string() + ".part", mark = beside / ".frcnn-unfinished";
  auto const refuse = [&](fs::path const& path) {
    if (problem) throw error(path.string(), "a folder that can be made", excerpt(problem.message()));
  };
  auto const is_ours = [&](std::string const& name) {
    return std::any_of(folders.begin(), folders.end(), [&](char const* folder) { return *fs::path(folder).begin() == name; });
  };
  make_folder(beside, out.string());
  folder_lock const alone(beside, beside.string(), "a folder that no other program fills");
  bool const marked = fs::exists(mark, problem);  // a folder of the user's own of that name is not
  for_each_entry(beside, [&](auto const& at) {
    if (auto const name = at.path().filename().string(); !marked || (at.path() != mark && !is_ours(name)))
      throw error(beside.string(), "nothing, or what a killed run left there", excerpt(name, 255) + " in it");
  });
  auto const empty = [&] {  // the mark goes last: what is left by a kill has it
    for (char const* folder : folders) fs::remove_all(beside / *fs::path(folder).begin(), problem);
  };
  try {
    write_new_file(mark, "a program was stopped while it filled this folder\n");
    empty();
    for (char const* folder : folders) make_folder(beside / folder, out.string());
    fill(beside);
    detail::write_to_disk(beside);
    fs::rename(beside, out, problem);
    refuse(out);
    fs::remove(out / mark.filename(), problem);
  } catch (...) {
    empty();
    fs::remove(mark, problem);
    fs::remove(beside, problem);
    throw;
  }
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
