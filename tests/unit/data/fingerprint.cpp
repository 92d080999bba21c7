#include "frcnn/data/fingerprint.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

data::object thing(std::string name, box<float> where) {
  data::object o;
  o.name = std::move(name);
  o.where = where;
  return o;
}

data::dataset three() {
  data::dataset set;
  set.classes = {"cat", "dog"};
  for (auto const* id : {"a", "b 2", "a"}) {  // two folders with an image of one name
    data::sample s;
    s.id = id;
    s.width = 640, s.height = 480;
    s.objects = {thing("cat", {1, 2, 30, 40}), thing("dog", {5, 6, 70, 80})};
    set.samples.push_back(s);
  }
  return set;
}

std::string changed(auto edit) {
  auto set = three();
  edit(set);
  return difference(data::fingerprint_of(three()), data::fingerprint_of(set));
}

}  // namespace

TEST_CASE("what has changed in a data set is said, with the first image") {
  CHECK(changed([](auto&) {}) == "");
  CHECK(changed([](auto& set) { set.samples[1].objects.pop_back(); }) ==
        "1 image that differs: 'b 2', 2 objects on 640 x 480 before, 1 object on 640 x 480 now");
  CHECK(changed([](auto& set) { set.samples[0].width = 641, set.samples[2].width = 1; }) ==
        "2 images that differ, the first: 'a', 2 objects on 640 x 480 before, 2 objects on 641 x 480 now");
  CHECK(changed([](auto& set) { set.samples[2].objects[0].where.x2 += 0.5f; }) == "1 image that differs: 'a' has other boxes or classes");
  CHECK(changed([](auto& set) { set.samples[2].objects[0].name = "dog"; }) == "1 image that differs: 'a' has other boxes or classes");
  CHECK(changed([](auto& set) { set.samples[2].objects[0].difficult = true; }) == "1 image that differs: 'a' has other boxes or classes");
  CHECK(changed([](auto& set) { set.samples[1].orientation = 3; }) == "1 image that differs: 'b 2' has other boxes or classes");
  CHECK(changed([](auto& set) { set.samples.erase(set.samples.begin() + 1); }) == "1 image that differs: 'b 2' is not there any more");
  CHECK(changed([](auto& set) { set.samples.pop_back(); }) == "1 image that differs: 'a' is not there any more");
  CHECK(changed([](auto& set) { set.samples.push_back(set.samples[0]), set.samples.back().id = "c"; }) ==
        "1 image that differs: 'c' is new");
  CHECK(changed([](auto& set) { std::swap(set.samples[0], set.samples[1]); }) == "the same images in another order");
  CHECK(changed([](auto& set) { set.samples.clear(); }) == "3 images that differ, the first: 'a' is not there any more");
}

TEST_CASE("a fingerprint comes back from its text, and other text is refused") {
  auto const f = data::fingerprint_of(three());
  auto const text = to_text(f);
  CHECK(text.starts_with("frcnn data 1\n640 480 2 "));
  CHECK(data::fingerprint_in(text, "data") == f);
  CHECK_THROWS_WITH_AS(data::fingerprint_in("", "data"), "data: expected the images of a run (\"frcnn data 1\"), found something else",
                       error);
  for (auto const* line : {"", "640", "640 480 2 77", "640 480 -2 77 a", "x 480 2 77 a", "99999999999 480 2 77 a"}) {
    CAPTURE(line);
    CHECK_THROWS_AS(data::fingerprint_in(std::string("frcnn data 1\n") + line + "\n", "data"), error);
  }
}
