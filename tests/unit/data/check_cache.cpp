#include "frcnn/data/check_cache.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

namespace {

image_facts const plain_facts{640, 480},
    odd_facts{30, 40, 6, "1 to 2 of 65535 become 0 to 0 of 255", "Corrupt JPEG data: 7 extraneous bytes"};

std::string told_facts(std::optional<image_facts> const& f) {
  if (!f) return "nothing";
  return std::to_string(f->width) + " " + std::to_string(f->height) + " " + std::to_string(f->orientation) + "|" + f->narrow + "|" +
         f->remark;
}

}  // namespace

TEST_CASE("what was added is found again, in this start and in the next, under the same stamp only") {
  ::scratch folder;
  std::filesystem::path const file = folder / "checked.txt";
  file_stamp const stamp{1234, 5, 6};
  check_cache first(file);  // none there
  CHECK(told_facts(first.find("a.jpg", stamp)) == "nothing");
  first.add("a.jpg", stamp, plain_facts);
  first.add("deep/with blanks\tand tabs.jpg", stamp, odd_facts);
  first.add("two\nlines.jpg", stamp, plain_facts);
  CHECK(told_facts(first.find("a.jpg", stamp)) == told_facts(plain_facts));
  first.save(file);
  CHECK(folder.entries() == 1);

  check_cache const second(file);
  CHECK(told_facts(second.find("a.jpg", stamp)) == told_facts(plain_facts));
  CHECK(told_facts(second.find("./deep/../a.jpg", stamp)) == told_facts(plain_facts));
  CHECK(told_facts(second.find(std::filesystem::absolute("a.jpg"), stamp)) == told_facts(plain_facts));
  CHECK(told_facts(second.find("deep/with blanks\tand tabs.jpg", stamp)) == told_facts(odd_facts));
  CHECK(told_facts(second.find("two\nlines.jpg", stamp)) == "nothing");
  CHECK(told_facts(second.find("b.jpg", stamp)) == "nothing");
  for (file_stamp const& other : {file_stamp{1235, 5, 6}, {1234, 4, 6}, {1234, 5, 7}})
    CHECK(told_facts(second.find("a.jpg", other)) == "nothing");
}

TEST_CASE("a cache that was damaged anywhere holds nothing") {
  ::scratch folder;
  std::filesystem::path const file = folder / "checked.txt";
  file_stamp const stamp{1234, 5, 6};
  check_cache first;
  first.add("/a.jpg", stamp, odd_facts);
  first.add("/b.jpg", stamp, plain_facts);
  first.save(file);
  std::string const whole = io::read_file(file);
  auto const holds = [&](std::string const& text) {
    io::write_file_atomically(file, text);
    check_cache const c(file);
    return c.find("/a.jpg", stamp).has_value() || c.find("/b.jpg", stamp).has_value();
  };
  CHECK(holds(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CHECK_FALSE_MESSAGE(holds(whole.substr(0, n)), n);
    std::string changed = whole;
    changed[n] = static_cast<char>(changed[n] ^ 1);
    CHECK_FALSE_MESSAGE(holds(changed), n);
  }
  CHECK_FALSE(holds(whole + whole));
  CHECK_FALSE(holds(""));
  CHECK_FALSE(holds("\n\n\n"));
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  CHECK(told_facts(check_cache(file).find("/a.jpg", stamp)) == "nothing");
}

TEST_CASE("a stamp changes with the contents, even where size and time of change are put back") {
  ::scratch folder;
  std::filesystem::path const file = folder / "a";
  CHECK_FALSE(file_stamp::of(file).has_value());
  io::write_file_atomically(file, "one");
  auto const before = file_stamp::of(file);
  REQUIRE(before.has_value());
  CHECK(before->size == 3);
  CHECK(file_stamp::of(file) == before);
  auto const time = std::filesystem::last_write_time(file);
  for (int i = 0; i < 100 && file_stamp::of(file) == before; ++i) {  // a file system's clock may be coarse
    io::write_file_atomically(file, "two");
    std::filesystem::last_write_time(file, time);
  }
  auto const after = file_stamp::of(file);
  REQUIRE(after.has_value());
  CHECK(after->size == before->size);
  CHECK(after->touched != before->touched);
}
