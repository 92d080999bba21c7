// What a feed of the user's own may put into a batch, and what is refused with the image's name.
#include "frcnn/detector/input.hpp"

#include "../sentence.hpp"
#include "frcnn/backend/cpu/context.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace frcnn;

namespace {

using input_type = input_batch<float, cpu>;

constexpr resize_plan plan{16, 8, 1, 1, 1, 1};
std::vector<std::uint8_t> const pixels(16 * 8 * 3, 100);

// Two images of 16 x 8, room for two boxes each.
input_type two_images() {
  input_type in(pixel_normalisation::imagenet(), 32);
  in.expect_classes(3);
  in.start(2, 8, 16, 2);
  in.set_image(0, pixels.data(), plan, 32, 16, 70);
  in.set_image(1, pixels.data(), plan, 32, 16, 71);
  return in;
}

std::string refusal_of(box<double> b, std::int32_t label) {
  auto in = two_images();
  return sentence([&] { in.set_truth(1, std::vector<box<double>>{{1, 1, 5, 5}, b}, std::vector<std::int32_t>{1, label}); });
}

}  // namespace

TEST_CASE("input_batch: what is right goes through") {
  cpu::context c(1);
  auto in = two_images();
  in.set_truth(0, std::vector<box<float>>{{1, 2, 5, 6}, {-3, 0, 40, 8}}, std::vector<std::int32_t>{3, -1});
  in.set_truth(1, std::vector<box<float>>{}, std::vector<std::int32_t>{});
  auto const gt = in.upload_truth(c);
  CHECK(in.upload(c).pixels.dims == shape<4>{{2, 3, 32, 32}});
  CHECK(gt.boxes.count(0) == 2);
  CHECK(gt.boxes.count(1) == 0);
  CHECK(gt.label(0, 1) == -1);
  // A second list replaces the first: nothing of it is left.
  in.set_truth(0, std::vector<box<float>>{{1, 2, 5, 6}}, std::vector<std::int32_t>{2});
  auto const again = in.upload_truth(c);
  CHECK(again.boxes.count(0) == 1);
  CHECK(again.boxes.rows(0, 1) == box<float>{});
}

TEST_CASE("input_batch: labels that are no class") {
  CHECK(refusal_of({1, 1, 5, 5}, 3) == "nothing");
  CHECK(refusal_of({1, 1, 5, 5}, 4) ==
        "image 1 of a batch (id 71), box 2: expected a label from 1 to 3, or -1 for an ignore region, found 4");
  for (std::int32_t const label : {0, -2, 200, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()})
    CHECK(refusal_of({1, 1, 5, 5}, label).find("found " + std::to_string(label)) != std::string::npos);
  input_type unknown;  // of how many classes: what no model has is refused all the same
  unknown.start(1, 8, 16, 1);
  std::vector<box<float>> const one{{1, 1, 5, 5}};
  CHECK_NOTHROW(unknown.set_truth(0, one, std::vector<std::int32_t>{200}));
  CHECK_THROWS_AS(unknown.set_truth(0, one, std::vector<std::int32_t>{0}), error);
}

TEST_CASE("input_batch: boxes that are none") {
  double const nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  box<double> const wrong[] = {{5, 1, 1, 5},        {1, 5, 5, 1},    {1, 1, 1, 5},   {1, 5, 9, 5},     {nan, 1, 5, 5},
                               {1, 1, 5, nan},      {-inf, 1, 5, 5}, {1, 1, inf, 5}, {1, 1, 1e300, 5}, {-3e38, -3e38, 3e38, 3e38},
                               {1, 1, 1 + 1e-12, 5}};
  for (auto const& b : wrong) {
    std::string const said = refusal_of(b, 1);
    CAPTURE(said);
    CHECK(said.find("image 1 of a batch (id 71), box 2: expected a box of finite corners with x1 < x2 and y1 < y2, found (") == 0);
    CHECK(said.size() < 200);
  }
}

TEST_CASE("input_batch: more than there is room for") {
  auto in = two_images();
  std::vector<box<float>> const three(3, {1, 1, 5, 5});
  CHECK(sentence([&] { in.set_truth(0, three, std::vector<std::int32_t>(3, 1)); }) ==
        "image 0 of a batch (id 70): expected at most the 2 boxes that start() was told of, found 3");
  CHECK(sentence([&] { in.set_truth(0, three, std::vector<std::int32_t>(2, 1)); }).find("a label for each of its 3 boxes") !=
        std::string::npos);
  for (int const i : {-1, 2, 1000000}) {
    CHECK(sentence([&] { in.set_image(i, pixels.data(), plan, 16, 8, 9); }).find("image " + std::to_string(i) + " of a batch") == 0);
    CHECK(sentence([&] { in.set_truth(i, std::vector<box<float>>{}, std::vector<std::int32_t>{}); }).find("image " + std::to_string(i)) ==
          0);
  }
  CHECK(sentence([&] { in.set_image(0, pixels.data(), {33, 8, 1, 1, 1, 1}, 16, 8, 9); }).find("found 33 x 8") != std::string::npos);
  CHECK(sentence([&] { in.set_image(0, pixels.data(), {16, -8, 1, 1, 1, 1}, 16, 8, 9); }).find("found 16 x -8") != std::string::npos);
  CHECK(sentence([&] { in.set_image(0, static_cast<float const*>(nullptr), plan, 16, 8, 9); }).find("found none") != std::string::npos);
  CHECK_THROWS_AS(in.set_image(0, pixels.data(), plan, 0, 8, 9), error);
  CHECK_THROWS_AS(in.set_image(0, pixels.data(), {16, 8, 0, 1, 1, 1}, 16, 8, 9), error);
}

TEST_CASE("input_batch: regions, where the batch has them") {
  cpu::context c(1);
  auto in = two_images();
  CHECK_FALSE(in.upload(c).has_regions());
  std::vector<box<float>> const two{{1, 1, 5, 5}, {2, 0, 9, 4}};
  CHECK(sentence([&] { in.set_regions(0, two); }) == "image 0 of a batch (id 70): expected a start() with room for regions, found regions");
  in.start(2, 8, 16, 1, 2);
  in.set_image(0, pixels.data(), plan, 32, 16, 70);
  in.set_image(1, pixels.data(), plan, 32, 16, 71);
  in.set_regions(0, two);
  in.set_regions(0, std::vector<box<double>>{{2, 0, 9, 4}});  // in place of the two
  auto const regions = in.upload(c).regions;
  CHECK(regions.rows.dims == shape<2>{{2, 2}});
  CHECK(regions.count(0) == 1);
  CHECK(regions.rows(0, 0) == two[1]);
  CHECK(regions.rows(0, 1) == box<float>{});
  CHECK(regions.count(1) == 0);  // a batch with regions, an image without
  CHECK(sentence([&] {
          in.set_regions(1, std::vector<box<float>>(3, {1, 1, 5, 5}));
        }) == "image 1 of a batch (id 71): expected at most the 2 regions that start() was told of, found 3");
  CHECK(sentence([&] {
          in.set_regions(1, std::vector<box<double>>{{1, 1, 1e300, 5}});
        }) == "image 1 of a batch (id 71), region 1: expected finite corners, found one that is infinite, or NaN");
  CHECK_THROWS_AS(in.set_regions(2, two), error);
  CHECK_THROWS_AS(in.start(2, 8, 16, 1, -1), error);
  in.start(2, 8, 16, 1, 0);  // room for none is not the same as none given
  in.set_image(0, pixels.data(), plan, 32, 16, 70);
  in.set_image(1, pixels.data(), plan, 32, 16, 71);
  CHECK(in.upload(c).has_regions());
}

TEST_CASE("input_batch: batches of no size, and sizes that wrap") {
  cpu::context c(1);
  input_type in;
  CHECK_THROWS_AS(in.upload(c), error);
  CHECK_THROWS_AS(in.upload_truth(c), error);
  int const large = std::numeric_limits<int>::max();
  CHECK_THROWS_AS(in.start(0, 8, 16), error);
  CHECK_THROWS_AS(in.start(1, 0, 16), error);
  CHECK_THROWS_AS(in.start(1, 8, 16, -1), error);
  CHECK_THROWS_AS(in.start(-1, 8, 16), error);
  CHECK_THROWS(in.start(large, large, large, large));
  CHECK_THROWS_AS(input_type(pixel_normalisation::imagenet(), 32).start(1, large, 16), error);
  CHECK_THROWS_AS(input_type(pixel_normalisation::imagenet(), 0), error);
  // What was refused has left an empty batch, not one of the size refused.
  CHECK_THROWS_AS(in.set_image(0, pixels.data(), plan, 16, 8, 9), error);
  in.start(1, 8, 16);
  CHECK_NOTHROW(in.set_image(0, pixels.data(), plan, 16, 8, 9));
}

TEST_CASE("input_batch: as many channels as the normalisation has, of 8 and 16 bits and float, each with its own mean and deviation") {
  pixel_normalisation const five{.range = 2, .mean = {.1, .2, .3, .4, .5}, .deviation = {1, 2, 4, 8, 16}, .channels = 5};
  image narrow(3, 2, 5), wide(3, 2, 5, 16);
  std::vector<float> floats(30);
  for (int i = 0; i < 30; ++i) {
    narrow.pixels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(8 * i);
    wide.at_16(0, 0)[i] = static_cast<std::uint16_t>(257 * 8 * i);
    floats[static_cast<std::size_t>(i)] = static_cast<float>(8 * i);
  }
  input_batch<double, cpu> in(five, 4);
  resize_plan const small{3, 2, 1, 1, 1, 1};
  in.start(3, 2, 3);
  in.set_image(0, narrow, small, 3, 2, 70);
  in.set_image(1, wide, small, 3, 2, 71);
  in.set_image(2, floats.data(), small, 3, 2, 72);
  cpu::context c(1);
  auto const px = in.upload(c).pixels;
  REQUIRE(px.dims == shape<4>{{3, 5, 4, 4}});
  for (int n = 0; n < 3; ++n)
    for (int c = 0; c < 5; ++c)
      for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 4; ++x) {
          double const value = 8 * ((3 * y + x) * 5 + c) / 255.;
          CHECK(px(n, c, y, x) == doctest::Approx(x < 3 && y < 2 ? (2 * value - five.mean[c]) / five.deviation[c] : 0));
        }
  CHECK(sentence([&] { in.set_image(1, image(3, 2), small, 3, 2, 71); }) ==
        "image 1 of a batch (id 71): expected [2,3,5] pixels and channels, found [2,3,3]");
  CHECK_THROWS_AS(in.set_image(1, image(4, 2, 5), small, 3, 2, 71), error);
  for (int const channels : {0, 17, -1}) CHECK_THROWS_AS((input_batch<double, cpu>({.channels = channels})), error);
  CHECK_THROWS_AS((input_batch<double, cpu>({.bgr = true, .channels = 5})), error);
}
