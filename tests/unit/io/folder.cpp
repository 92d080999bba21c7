#include "frcnn/io/folder.hpp"

#include "frcnn/io/atomic_file.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn::io;

TEST_CASE("a folder is made, or what lies in its place is named") {
  ::scratch folder;
  make_folder(folder / "a/b");
  make_folder(folder / "a/b");
  CHECK(std::filesystem::is_directory(folder / "a/b"));
  CHECK(in_the_way(folder / "a/b/c").empty());
  write_file_atomically(folder / "file", "");
  std::filesystem::create_symlink("gone", folder / "link");
  std::filesystem::create_symlink("a", folder / "alias");
  make_folder(folder / "alias/c");
  CHECK(std::filesystem::is_directory(folder / "a/c"));
  std::string const wanted = ": expected a folder, or a place for one, found ", root = folder.path.string() + "/";
  CHECK(sentence([&] { make_folder(folder / "file"); }) == root + "file" + wanted + "a file");
  CHECK(sentence([&] { make_folder(folder / "file/x", "--out"); }) == "--out" + wanted + "'" + root + "file', a file");
  CHECK(sentence([&] { make_folder(folder / "link"); }) == root + "link" + wanted + "a symbolic link to 'gone', where nothing is");
  CHECK(sentence([&] { make_folder(folder / "link/x", "--out"); }) ==
        "--out" + wanted + "'" + root + "link', a symbolic link to 'gone', where nothing is");
  CHECK(sentence([&] { make_folder(folder / "new/../b", "--out"); }) ==
        "--out" + wanted + "'" + root + "new/..', where '" + root + "new' is not there");
  CHECK(!std::filesystem::exists(folder / "new"));
  make_folder(folder / "a/../b");
  CHECK(std::filesystem::is_directory(folder / "b"));
  CHECK(sentence([&] { make_folder(folder / std::string(300, 'x'), "--out"); }) ==
        "--out" + wanted + "a name of 300 bytes, where file systems take 255");
}
