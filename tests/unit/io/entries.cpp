#include "frcnn/io/entries.hpp"

#include "frcnn/io/atomic_file.hpp"

#include "scratch.hpp"
#include "without_rights.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace frcnn::io;

TEST_CASE("entries: what a folder holds; one that cannot be read is not empty") {
  ::scratch folder;
  std::filesystem::create_directory(folder / "sub");
  write_file_atomically(folder / "a", "");
  write_file_atomically(folder / "sub/b", "");
  std::set<std::string> names;
  auto const take = [&](std::filesystem::directory_entry const& at) { names.insert(at.path().filename().string()); };
  for_each_entry(folder.path, take);
  CHECK(names == std::set<std::string>{"a", "sub"});
  names.clear();
  for_each_entry(folder / "none", take);
  for_each_entry(folder / "a", take);
  CHECK(names.empty());
  CHECK(can_be_searched(folder / "sub"));

  using std::filesystem::perms;
  std::filesystem::permissions(folder.path, perms(0755));
  std::filesystem::permissions(folder / "sub", perms::none);
  std::string said;
  {
    without_rights const now;
    said = sentence([&] { for_each_entry(folder / "sub", take); });
  }
  std::filesystem::permissions(folder / "sub", perms::owner_all);
  CHECK(said == (folder / "sub").string() + ": expected a folder that can be read, found 'Permission denied'");
  CHECK(names.empty());
}
