#include "frcnn/ops/resize.hpp"

#include "../sentence.hpp"
#include "frcnn/core/pixels.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

image ramp(int w, int h) {
  image im(w, h);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      for (int c = 0; c < 3; ++c) im.at(x, y)[c] = static_cast<std::uint8_t>(37 * x + 91 * y + 53 * c + 11 * x * y);
  return im;
}

}  // namespace

TEST_CASE("floats are PyTorch's, 8-bit values the same rounded") {
  io::safetensors_file const golden(std::filesystem::path(__FILE__).parent_path() / "../../golden/resize.safetensors");
  int cases = 0;
  for (std::string name : {"up", "down", "same", "mixed", "row", "pixel", "s1.37", "s0.61"}) {
    CAPTURE(name);
    auto const in_shape = golden.tensor(name + ".in").shape, out_shape = golden.tensor(name + ".out").shape;
    auto const step = golden.read<double>(name + ".step", {2});
    auto const expected = golden.read<double>(name + ".out", out_shape);
    image in(static_cast<int>(in_shape[1]), static_cast<int>(in_shape[0]));
    golden.read<std::uint8_t>(name + ".in", in_shape, in.pixels);
    resize_plan const plan{static_cast<int>(out_shape[1]), static_cast<int>(out_shape[0]), 1, 1, step[1], step[0]};

    std::vector<float> out(expected.size());
    ops::resizer resize;
    resize(in, plan, out.data());
    image const rounded = ops::resize(in, plan);
    double worst = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      worst = std::max(worst, std::abs(out[i] - expected[i]) / 255);
      CHECK(std::abs(rounded.pixels[i] - expected[i]) <= 0.5001);
    }
    CHECK(worst < 1e-6);
    ++cases;
  }
  CHECK(cases == 8);
}

TEST_CASE("any number of channels, of 8 and 16 bits, is resized as PyTorch does it") {
  io::safetensors_file const golden(std::filesystem::path(__FILE__).parent_path() / "../../golden/resize.safetensors");
  for (std::string name : {"c1", "c5", "c16", "c1.16", "c3.16", "c5.16"}) {
    CAPTURE(name);
    auto const in_shape = golden.tensor(name + ".in").shape, out_shape = golden.tensor(name + ".out").shape;
    auto const step = golden.read<double>(name + ".step", {2});
    auto const expected = golden.read<double>(name + ".out", out_shape);
    bool const wide = name.ends_with(".16");
    int const channels = static_cast<int>(in_shape[2]);
    image in(static_cast<int>(in_shape[1]), static_cast<int>(in_shape[0]), channels, wide ? 16 : 8);
    if (wide) {
      auto const values = golden.read<std::uint16_t>(name + ".in", in_shape);
      std::copy(values.begin(), values.end(), in.at_16(0, 0));
    } else {
      golden.read<std::uint8_t>(name + ".in", in_shape, in.pixels);
    }
    resize_plan const plan{static_cast<int>(out_shape[1]), static_cast<int>(out_shape[0]), 1, 1, step[1], step[0]};

    std::vector<float> out(expected.size());
    ops::resizer()(in, plan, out.data(), channels);
    image const rounded = ops::resize(in, plan, channels);
    CHECK(rounded.channels == channels);
    CHECK(rounded.bits == in.bits);
    double worst = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      worst = std::max(worst, std::abs(out[i] - expected[i]) / (wide ? 65535 : 255));
      double const whole = wide ? rounded.at_16(0, 0)[i] : rounded.pixels[i];
      CHECK(std::abs(whole - expected[i]) <= (wide ? 0.51 : 0.5001));
    }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("channels that an image has not are refused, and rounding does not change its bits") {
  resize_plan const plan{2, 2, 1, 1, 2, 2};
  image out(2, 2, 16);
  ops::resizer resize;
  auto const refused = [&](image const& in, int channels) { return sentence([&] { resize(in, plan, out.pixels.data(), channels); }); };
  CHECK(refused(image(4, 4), 5) == "resizing: expected an image of 5 channels, found 3");
  CHECK(refused(image(4, 4), 1) == "resizing: expected an image of 1 channels, found 3");
  CHECK(refused(image(4, 4, 1), 3) == "nothing");
  CHECK(refused(image(4, 4, 5, 16), 5) == "resizing: expected an image of 8 bits, found 16");
}

TEST_CASE("three of several channels are RGB, grey of 16 bits fills them, and BGR of 16 bits is turned") {
  resize_plan const plan{7, 3, 1, 1, 6 / 7.0, 5 / 3.0};
  image const rgb = ramp(6, 5);
  image_view same = rgb;
  same.format = pixel_format::multichannel;
  CHECK(ops::resize(same, plan).pixels == ops::resize(rgb, plan).pixels);
  image wide(6, 5, 3, 16), bgr = wide, grey(6, 5, 1, 16);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) {
      for (int c = 0; c < 3; ++c) wide.at_16(x, y)[c] = bgr.at_16(x, y)[2 - c] = static_cast<std::uint16_t>(257 * rgb.at(x, y)[c]);
      grey.at_16(x, y)[0] = wide.at_16(x, y)[1];
    }
  image_view turned = bgr;
  turned.format = pixel_format::bgr;
  CHECK(ops::resize(turned, plan).pixels == ops::resize(wide, plan).pixels);
  image const filled = ops::resize(grey, plan), one = ops::resize(grey, plan, 1), all = ops::resize(wide, plan);
  std::vector<float> of_rgb(63), of_wide(63);
  ops::resizer()(rgb, plan, of_rgb.data());
  ops::resizer()(wide, plan, of_wide.data());
  for (int i = 0; i < 21; ++i)
    for (int c = 0; c < 3; ++c) {
      CHECK(filled.at_16(0, 0)[3 * i + c] == all.at_16(0, 0)[3 * i + 1]);
      CHECK(one.at_16(0, 0)[i] == all.at_16(0, 0)[3 * i + 1]);
      CHECK(of_wide[static_cast<std::size_t>(3 * i + c)] == doctest::Approx(257 * of_rgb[static_cast<std::size_t>(3 * i + c)]));
    }
}

TEST_CASE("the example of the header") {
  std::uint8_t const row[] = {0, 100};
  image const out = ops::resize({row, 2, 1, pixel_format::grey, 0}, {4, 1, 2, 1, 0.5, 1});
  for (int c = 0; c < 3; ++c) {
    CHECK(out.at(0, 0)[c] == 0);
    CHECK(out.at(1, 0)[c] == 25);
    CHECK(out.at(2, 0)[c] == 75);
    CHECK(out.at(3, 0)[c] == 100);
  }
}

TEST_CASE("size and step of the source give the source, and a constant stays constant") {
  image const im = ramp(9, 7);
  CHECK(ops::resize(im, {9, 7, 1, 1, 1, 1}).pixels == im.pixels);
  image flat(5, 4);
  std::fill(flat.pixels.begin(), flat.pixels.end(), std::uint8_t{201});
  for (std::uint8_t v : ops::resize(flat, {13, 3, 1, 1, 5 / 13.0, 4 / 3.0}).pixels) CHECK(v == 201);
}

TEST_CASE("any channel order and row stride gives the same pixels") {
  image const im = ramp(6, 5);
  resize_plan const plan{11, 4, 1, 1, 6 / 11.0, 5 / 4.0};
  image const expected = ops::resize(im, plan);

  std::vector<std::uint8_t> bgr(5 * 32, 77);  // rows of 18 bytes in a stride of 32
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x)
      for (int c = 0; c < 3; ++c) bgr[static_cast<std::size_t>(y * 32 + x * 3 + c)] = im.at(x, y)[2 - c];
  CHECK(ops::resize({bgr.data(), 6, 5, pixel_format::bgr, 32}, plan).pixels == expected.pixels);

  // upside down: a negative stride from the last row
  image flipped(6, 5);
  for (int y = 0; y < 5; ++y) std::copy(im.at(0, y), im.at(0, y) + 18, flipped.at(0, 4 - y));
  CHECK(ops::resize({flipped.at(0, 4), 6, 5, pixel_format::rgb, -18}, plan).pixels == expected.pixels);

  std::vector<std::uint8_t> grey(5 * 8);
  image as_rgb(6, 5);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) {
      grey[static_cast<std::size_t>(y * 8 + x)] = im.at(x, y)[1];
      for (int c = 0; c < 3; ++c) as_rgb.at(x, y)[c] = im.at(x, y)[1];
    }
  CHECK(ops::resize({grey.data(), 6, 5, pixel_format::grey, 8}, plan).pixels == ops::resize(as_rgb, plan).pixels);
}

TEST_CASE("a step beyond the source repeats its last pixel") {
  image const im = ramp(4, 3);
  image const out = ops::resize(im, {3, 3, 1, 1, 4, 4});  // samples at 1.5, 5.5, 9.5
  for (int y = 1; y < 3; ++y)
    for (int x = 1; x < 3; ++x) CHECK(std::equal(out.at(x, y), out.at(x, y) + 3, im.at(3, 2)));
}

TEST_CASE("one resizer serves images of all sizes") {
  ops::resizer resize;
  for (int w : {3, 40, 2, 17}) {
    image const im = ramp(w, 5);
    resize_plan const plan{8, 6, 1, 1, w / 8.0, 5 / 6.0};
    image out(8, 6);
    resize(im, plan, out.pixels.data());
    CHECK(out.pixels == ops::resize(im, plan).pixels);
  }
}

TEST_CASE("under caffe an image is resized as py-faster-rcnn's prep_im_for_blob does it with OpenCV") {
  io::safetensors_file const golden(std::filesystem::path(__FILE__).parent_path() / "../../golden/py_faster_rcnn.safetensors");
  auto const means = pixel_normalisation::caffe();
  for (std::string const name : {"resize.whole", "resize.odd"}) {
    CAPTURE(name);
    auto const in = golden.tensor(name + ".x").shape, sampled = golden.tensor(name + ".y").shape;
    int const h = static_cast<int>(in[0]), w = static_cast<int>(in[1]);
    std::vector<std::uint8_t> pixels(golden.tensor(name + ".x").size());
    golden.read<std::uint8_t>(name + ".x", in, pixels);
    auto const plan = conventions::caffe::resize(w, h, 300, 500);
    CHECK(plan.scale_x == golden.read<double>(name + ".scale")[0]);
    CHECK(std::vector<std::int32_t>{plan.h, plan.w} == golden.read<std::int32_t>(name + ".size"));
    std::vector<float> out(static_cast<std::size_t>(plan.h) * static_cast<std::size_t>(plan.w) * 3);  // RGB
    ops::resizer()(image_view{pixels.data(), w, h, pixel_format::bgr}, plan, out.data());
    auto const theirs = golden.read<double>(name + ".y");
    double worst = 0;
    std::size_t at = 0;
    for (int y = 0; y < sampled[0]; ++y)
      for (int x = 0; x < sampled[1]; ++x)
        for (int c = 0; c < 3; ++c, ++at) {
          float const value =
              out[(static_cast<std::size_t>(37 * y) * static_cast<std::size_t>(plan.w) + static_cast<std::size_t>(41 * x)) * 3 +
                  static_cast<std::size_t>(means.source_channel(c))];
          worst = std::max(worst, std::abs(double{means(value, c)} - theirs[at]) / 255);
        }
    CHECK(worst <= 1e-5);
  }
}

TEST_CASE("resizing that nobody waits for is given up") {
  std::atomic<bool> flag{false};
  image const in = ramp(7, 5);
  resize_plan const plan = conventions::torchvision::resize(7, 5, 10, 100);
  {
    abandonable const scope(flag);
    auto const whole = ops::resize(in, plan);
    flag = true;
    CHECK_THROWS_AS(ops::resize(in, plan), abandoned);
    flag = false;
    CHECK(ops::resize(in, plan).pixels == whole.pixels);
  }
}
