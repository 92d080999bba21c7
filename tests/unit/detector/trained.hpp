#pragma once
// Short trainings of the narrow detector on any backend, to compare what backends make of one feed.
#include "narrow_preset.hpp"

namespace detector_tests {

inline image_view view_of(memory_feed::picture const& p) { return {p.pixels.data(), p.w, p.h, pixel_format::rgb, 0}; }

template <class P>
input_batch<float, typename P::device> input_of() {
  return input_batch<float, typename P::device>(pixel_normalisation::imagenet(), conventions::torchvision::size_divisor);
}

// Parameters after some steps of training. waits[i]: of the host, during step i.
template <class P>
std::vector<std::vector<float>> trained(typename P::device::options const& options, memory_feed const& feed, std::int64_t steps,
                                        bool lively, std::vector<std::uint64_t>* waits = nullptr, bool exact = false) {
  auto config = P::config({"disc", "bar", "ring"});
  if (exact) config.pooling.kind = roi::pooling::warp;
  auto const model = P::make(config);
  if (lively) liven(*model);
  else model->parameters().initialise(1);
  typename P::device::context c(options);
  trainer t(*model, c, input_of<P>(), {.seed = 1, .rate = {.lr = .001, .steps = steps}, .optimiser = {.clip_norm = 10}, .accumulate = 2},
            exact ? step_function<typename P::model>(exact_step()) : joint_step());
  std::uint64_t before = 0;
  t.hooks.after_step = [&](std::int64_t) {
    if constexpr (requires { c.waits(); })
      if (waits) waits->push_back(c.waits() - std::exchange(before, c.waits()));
  };
  t.run(feed);
  t.wait();
  return all_values(*model);
}

// Six steps of one of two processes, each of which has one picture of every batch: share() makes them one training.
template <class P>
struct sharing_process {
  using model_type = typename P::model;
  std::unique_ptr<model_type> model;
  typename P::device::context c;
  trainer<model_type> t;
  std::vector<double> losses{};

  sharing_process(typename P::device::options const& options, int accumulate)
      : model(detail::make_model<P>(P::config({"disc", "bar", "ring"}), options)),
        c(options),
        t(*model, c, input_of<P>(),
          {.seed = 1, .rate = {.lr = .001, .steps = 6}, .optimiser = {.clip_norm = 10}, .accumulate = accumulate}) {
    liven(*model);
    t.hooks.on_step = [&](step_report const& r) { losses.push_back(r.total()); };
  }
  void run(memory_feed const& feed, int rank) {
    t.run([&](std::uint64_t m, auto& input) {
      auto const at = static_cast<std::size_t>(2 * m + static_cast<std::uint64_t>(rank)) % feed.pictures.size();
      auto const& p = feed.pictures[at];
      input.start(1, p.h, p.w, 3);
      input.set_image(0, p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, at);
      input.set_truth(0, p.boxes, p.labels);
    });
    t.wait();
  }
};

}  // namespace detector_tests
