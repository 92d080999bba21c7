#include "frcnn/io/new_folder.hpp"

#include "frcnn/io/read_file.hpp"

#include "scratch.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace frcnn;

TEST_CASE("a new folder is there whole, or not at all") {
  scratch const here;
  auto const fill = [](std::filesystem::path const& place) { io::write_new_file(place / "lists/all.txt", "1\n"); };
  io::write_new_folder(here / "data", {"lists", "images"}, fill);
  CHECK(io::read_file(here / "data/lists/all.txt") == "1\n");
  CHECK(std::filesystem::is_empty(here / "data/images"));
  CHECK(here.entries() == 1);

  CHECK(sentence([&] { io::write_new_folder(here / "data", {"lists"}, fill); }) ==
        (here / "data").string() + ": expected a new or an empty folder, found something in that place");
  CHECK_THROWS_AS(io::write_new_folder(here / "other", {"lists"}, [](auto const&) { throw std::runtime_error("half-way"); }),
                  std::runtime_error);
  CHECK(here.entries() == 1);

  std::filesystem::create_directories(here / "mine.part/photographs");  // of somebody else
  CHECK(sentence([&] { io::write_new_folder(here / "mine", {"lists"}, fill); }) ==
        (here / "mine.part").string() + ": expected nothing, or what a killed run left there, found 'photographs' in it");
  CHECK(std::filesystem::exists(here / "mine.part/photographs"));
  // ... of whatever name: what a killed run left there says so, and is replaced.
  std::filesystem::create_directories(here / "own.part/lists");
  CHECK(sentence([&] { io::write_new_folder(here / "own", {"lists"}, fill); }) ==
        (here / "own.part").string() + ": expected nothing, or what a killed run left there, found 'lists' in it");
  io::write_new_folder(here / "marked", {"lists"}, [&](std::filesystem::path const& place) {
    std::filesystem::copy(place, here / "killed.part", std::filesystem::copy_options::recursive);
    fill(place);
  });
  CHECK(!std::filesystem::exists(here / "marked/.frcnn-unfinished"));
  io::write_new_folder(here / "killed", {"lists"}, fill);
  CHECK(io::read_file(here / "killed/lists/all.txt") == "1\n");
  CHECK(!std::filesystem::exists(here / "killed.part"));
}
