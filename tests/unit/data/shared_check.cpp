#include "frcnn/data/shared_check.hpp"

#include "voc_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace frcnn;
using namespace frcnn::data;

namespace {

struct seven_images : voc_folder {
  seven_images() {
    std::string lines;
    for (char const* id : {"a", "b", "c", "d", "e", "f", "g"}) add(id), lines += std::string(id) + "\n";
    split(lines);
  }
  // As process `rank` of two, to which the other says `theirs`. Its own text is kept.
  dataset read_as(int rank, std::string const& theirs) {
    voc_options o;
    check_cache known;
    o.known = &known;
    o.sharing = {{rank, 2}, [&](std::string const& text) {
                   ours = text;
                   return std::vector<std::string>{text, theirs};
                 }};
    o.progress = [&](std::size_t done, std::size_t all) {
      CHECK(done <= all);
      CHECK(all == 7);
      ended += done == all;
    };
    ended = 0;
    auto set = read(o);
    CHECK(ended == 1);
    return set;
  }
  static auto images_in(std::string const& text) { return std::count(text.begin(), text.end(), '\n') - 2; }
  std::string ours;
  int ended = 0;
};

}  // namespace

TEST_CASE("shared_check: each process decodes its share, and takes the others' word for the rest") {
  seven_images f;
  auto const alone = f.read();
  for (int const rank : {0, 1}) {
    f.read_as(1 - rank, "");
    auto const theirs = f.ours;
    CHECK(f.images_in(theirs) == (rank == 0 ? 3 : 4));
    CHECK((theirs.find("/b.png\n") != theirs.npos) == (rank == 0));
    auto const set = f.read_as(rank, theirs);
    CHECK(f.images_in(f.ours) == (rank == 0 ? 4 : 3));
    REQUIRE(set.size() == alone.size());
    for (std::size_t i = 0; i < set.size(); ++i) {
      CHECK(set.samples[i].id == alone.samples[i].id);
      CHECK(set.samples[i].width == 20);
      CHECK(set.samples[i].objects.front().where == alone.samples[i].objects.front().where);
    }
  }
  // What the other has found is not looked at again: it says that b is 30 pixels wide.
  auto const b = f.folder / "JPEGImages/b.png";
  check_cache other;
  other.add(b, *file_stamp::of(b), {30, 10});
  auto const set = f.read_as(0, other.text());
  CHECK(set.samples[1].width == 30);
  CHECK(set.samples[3].width == 20);
  // It holds for the file that it was said of.
  f.write("JPEGImages/b.png", voc_folder::picture(24, 10));
  CHECK(f.read_as(0, other.text()).samples[1].width == 24);
}

TEST_CASE("shared_check: a bad image is refused by every process as by one alone") {
  seven_images f;
  f.write("JPEGImages/b.png", "no picture");
  auto const alone = f.refusal();
  for (int const rank : {0, 1}) {
    voc_options o;
    check_cache known;
    o.known = &known;
    o.sharing = {{rank, 2}, [&](std::string const& text) { return std::vector<std::string>{text}; }};
    CHECK(f.refusal(o) == alone);
  }
}
