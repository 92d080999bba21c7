#include "frcnn/detector/widened_weights.hpp"

#include "../io/scratch.hpp"
#include "../sentence.hpp"
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/parameter_io.hpp"
#include "frcnn/detector/weights_file.hpp"
#include "frcnn/presets/small.hpp"

#include <doctest/doctest.h>

using namespace frcnn;

namespace {

using preset = presets::small_net<cpu>;

detector<preset> reading(int channels) {
  auto config = preset::config({"a"});
  config.head.fc6 = config.head.fc7 = 8;
  config.normalisation.channels = channels;
  for (double& d : config.normalisation.deviation) d = .2;
  detector<preset> d(config, {.threads = 1});
  d.model().parameters().initialise(5);
  return d;
}

std::vector<float> first_weights(detector<preset> const& d) {
  auto const& store = d.model().parameters();
  return store.get(store.at("backbone.0.weight"));
}

}  // namespace

TEST_CASE("weights for RGB become those of one, two, five and sixteen channels") {
  ::scratch folder;
  auto const rgb = reading(3);
  save(rgb, folder / "rgb.safetensors");
  weights_file const file(folder / "rgb.safetensors");
  auto const before = first_weights(rgb);
  std::size_t const filters = before.size() / 27;
  for (int const channels : {1, 2, 5, 16})
    for (bool const bgr : {false, true}) {
      CAPTURE(channels);
      auto d = reading(channels);
      CHECK(widened_by(file, d) == std::vector<std::string>{"backbone.0.weight"});
      widened_weights const source(file.source(), d.model().parameters(), bgr);
      read_parameters(source, d.model().parameters());
      auto const after = first_weights(d);
      std::size_t const n = static_cast<std::size_t>(channels);
      REQUIRE(after.size() == filters * n * 9);
      bool same = true;
      for (std::size_t f = 0; f < filters; ++f)
        for (std::size_t k = 0; k < 9; ++k) {
          auto const of = [&](std::size_t colour) { return before[(f * 3 + (bgr ? 2 - colour : colour)) * 9 + k]; };
          float const sum = of(0) + of(1) + of(2);
          for (std::size_t c = 0; c < n; ++c)
            same &= after[(f * n + c) * 9 + k] == (n < 3 ? sum / static_cast<float>(n) : c < 3 ? of(c) : sum / 3);
        }
      CHECK(same);
      auto const& ours = d.model().parameters();
      auto const& theirs = rgb.model().parameters();
      CHECK(ours.get(ours.at("backbone.2.weight")) == theirs.get(theirs.at("backbone.2.weight")));
    }
  CHECK(widened_by(file, reading(3)).empty());
}

TEST_CASE("a grey image gives what three equal channels gave") {
  ::scratch folder;
  auto const rgb = reading(3);
  save(rgb, folder / "rgb.safetensors");
  auto one = reading(1);
  weights_file const file(folder / "rgb.safetensors");
  read_parameters(widened_weights(file.source(), one.model().parameters(), false), one.model().parameters());
  auto three = rgb.config().normalisation;
  image grey(64, 64, 1);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 64 * 11);
  // Of one normalisation for all channels, so that three equal channels are equal once they are normalised.
  for (int c = 0; c < 3; ++c) three.mean[c] = .4, three.deviation[c] = .2;
  auto config_of = [&](detector<preset> const& d, int channels) {
    auto config = d.config();
    config.normalisation = three, config.normalisation.channels = channels;
    return config;
  };
  detector<preset> a(config_of(rgb, 3), {.threads = 1}), b(config_of(one, 1), {.threads = 1});
  auto const copy = [](detector<preset> const& from, detector<preset>& to) {
    auto const& store = from.model().parameters();
    for (auto const& e : to.model().parameters().entries()) to.model().parameters().set(e, store.get(store.at(e.name)));
  };
  copy(rgb, a), copy(one, b);
  auto const of_three = a.propose(grey), of_one = b.propose(grey);
  REQUIRE(of_three.size() > 10);
  REQUIRE(of_three.size() == of_one.size());
  for (std::size_t i = 0; i < 10; ++i) CHECK(std::abs(of_three[i].x1 - of_one[i].x1) < .01f);
}

TEST_CASE("what is not RGB is left as it is, and refused by whoever reads it") {
  ::scratch folder;
  save(reading(5), folder / "five.safetensors");
  weights_file const file(folder / "five.safetensors");
  auto d = reading(4);
  CHECK(widened_by(file, d).empty());
  CHECK(sentence([&] {
          read_parameters(widened_weights(file.source(), d.model().parameters(), false), d.model().parameters());
        }).find("tensor \"backbone.0.weight\": expected shape [") != std::string::npos);
}
