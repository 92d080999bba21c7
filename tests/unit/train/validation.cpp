#include "frcnn/train/validation.hpp"

#include "../detector/narrow_preset.hpp"
#include "../detector/thread_group.hpp"
#include "../engines.hpp"
#include "../io/scratch.hpp"
#include "frcnn/data/memory_source.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;

// Images of several sizes; one of them has a difficult object besides. order: their places in the set; ids stay with the images.
data::memory_source pictures(bool reversed = false) {
  data::memory_source made({"disc", "bar", "ring"});
  memory_feed const from(memory_feed::eight_sizes());
  for (std::size_t k = 0; k < 5; ++k) {
    std::size_t const i = reversed ? 4 - k : k;
    auto const& p = from.pictures[i];
    image im(p.w, p.h);
    im.pixels.assign(p.pixels.begin(), p.pixels.end());
    std::vector<data::object> objects;
    for (std::size_t g = 0; g < p.boxes.size(); ++g)
      objects.push_back({.where = p.boxes[g], .label = p.labels[g], .difficult = i == 2 && g == 1});
    made.add(std::move(im), std::move(objects), 100 + i);
  }
  return made;
}

region_source const corners = [](std::size_t, bool) { return std::vector<region>{{{0, 0, 30, 30}, 1}, {{8, 8, 60, 50}, .5f}}; };

}  // namespace

TEST_CASE("validation losses are the same in every call, on any number of threads and in any order of the images") {
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  auto const set = pictures(), turned = pictures(true);
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    auto const once = validation_losses(c, d, set);
    for (double const l : once) CHECK(l > 0);
    CHECK(validation_losses(c, d, set) == once);
    CHECK(validation_losses(c, d, turned) == once);
    CHECK(validation_losses(c, d, set, {.seed = 1}) != once);
    for (int const threads : {2, 3}) {
      auto more = options;
      more.threads = threads;
      cpu::context other(more);
      CHECK(validation_losses(other, d, set) == once);
    }
    thread_group group(3);
    std::array<double, 4> found[3];
    group.run([&](int r) {
      cpu::context own(options);
      found[r] = validation_losses(own, d, set, {}, {}, &group[r]);
    });
    for (auto const& f : found) CHECK(f == once);
  }
}

TEST_CASE("validation losses are the means of a step's, on the regions that are given where they are") {
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  auto const set = pictures();
  cpu::context c(2);
  using enum data::difficult_objects;
  for (auto const how : {drop, ignore, keep}) {
    for (bool const on_regions : {false, true}) {
      CAPTURE(on_regions);
      validation_options const o{.difficult = how, .regions = on_regions ? corners : region_source(), .most_regions = 5, .seed = 7};
      std::size_t last = 0;
      auto const found = validation_losses(c, d, set, o, [&](std::size_t n) { last = n; });
      CHECK(last == set.size());

      auto const m = preset::make(preset::config());
      liven(*m);
      m->parameters().enable_gradients();
      std::array<double, 4> mean{};
      auto input = d.make_input();
      model::tape tape;
      std::uint64_t const state[2] = {7, 0};
      for (std::size_t i = 0; i < set.size(); ++i) {
        auto one = data::load_one<preset::convention>(set, i, 64, 128);
        for (std::size_t g = one.boxes.size(); g-- > 0;) {
          if (!one.difficult[g] || how == keep) continue;
          if (how == ignore) one.labels[g] = -1;
          else one.boxes.erase(one.boxes.begin() + std::ptrdiff_t(g)), one.labels.erase(one.labels.begin() + std::ptrdiff_t(g));
        }
        if (on_regions)
          for (auto const& r : corners(i, false))
            one.regions.push_back(region_in_input<preset::convention>(r, one.original_width, false, one.plan));
        input.start(1, one.plan.h, one.plan.w, 3, on_regions ? std::optional(5) : std::nullopt);
        fill(input, std::span<data::loaded const>(&one, 1), on_regions);
        std::vector<float> loss(4);
        view<float, 1, cpu> const into{loss.data(), {{4}}};
        rng<cpu> const r{{state, {{2}}}};
        if (on_regions) m->step_head(c, input.upload(c), input.upload_truth(c), r, tape, into);
        else m->step(c, input.upload(c), input.upload_truth(c), r, tape, into);
        for (std::size_t k = 0; k < 4; ++k) mean[k] += loss[k] / static_cast<double>(set.size());
      }
      for (std::size_t k = 0; k < 4; ++k) CHECK(found[k] == doctest::Approx(mean[k]).epsilon(1e-12));
      CHECK((found[0] == 0) == on_regions);
    }
  }
}

TEST_CASE("a training that is looked at goes on as one that is not") {
  auto const set = pictures();
  auto const trained = [&](bool looks) {
    detector<preset> d(preset::config(), 1);
    liven(d.model());
    cpu::context c(2);
    trainer<model> t(d.model(), c, d.make_input(), {.seed = 3, .rate = {.lr = .001, .steps = 6}, .optimiser = {.clip_norm = 10}});
    std::vector<std::array<double, 4>> seen;
    t.hooks.after_step = [&](std::int64_t done) {
      if (!looks || done % 2) return;
      t.wait();
      seen.push_back(validation_losses(c, d, set));
    };
    t.run(memory_feed(memory_feed::eight_sizes()));
    CHECK(seen.size() == (looks ? 3 : 0));
    if (looks) CHECK(seen[0] != seen[1]);
    return all_values(d.model());
  };
  CHECK(same_bits(trained(true), trained(false)));
}

TEST_CASE("images that training leaves out are not validated on, and none at all are refused") {
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  cpu::context c(1);
  data::memory_source const none({"disc", "bar", "ring"});
  CHECK(sentence([&] { validation_losses(c, d, none); }) == "validation data: expected an image that could be trained on, found none of 0");
  data::memory_source without({"disc", "bar", "ring"});
  without.add(noise(64, 48));
  auto const losses = validation_losses(c, d, without);  // torchvision's convention learns from them
  CHECK(losses[0] > 0);
  CHECK(losses[1] == 0);
  CHECK_FALSE(data::detail::is_trained_on<conventions::caffe>(without.truth(0), data::difficult_objects::drop));
  CHECK(data::detail::is_trained_on<conventions::caffe>(pictures().truth(0), data::difficult_objects::drop));

  std::vector<double> values{1, std::numeric_limits<double>::infinity()};
  CHECK(is_nan(frcnn::detail::mean_of(values)));
  values = {1e16, 1, -1e16};
  auto again = std::vector<double>{1, -1e16, 1e16};
  CHECK(frcnn::detail::mean_of(values) == frcnn::detail::mean_of(again));
}
