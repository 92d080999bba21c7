#pragma once
// A process that trains on its share of each batch, or on the whole of it: model, trainer, and images from memory.
#include "frcnn/data/memory_source.hpp"
#include "frcnn/train/data_feed.hpp"
#include "frcnn/train/trainer.hpp"
#include "narrow_preset.hpp"

namespace detector_tests {

// Images of several sizes, so that a share alone would be padded otherwise; two of them are without objects.
inline data::memory_source const& pictures() {
  static data::memory_source const set = [] {
    data::memory_source made({"disc", "bar", "ring"});
    memory_feed const from(memory_feed::eight_sizes());
    for (std::size_t i = 0; i < from.pictures.size(); ++i) {
      auto const& p = from.pictures[i];
      image im(p.w, p.h);
      im.pixels.assign(p.pixels.begin(), p.pixels.end());
      std::vector<data::object> objects;
      for (std::size_t g = 0; g < p.boxes.size() && i % 4 != 1; ++g) {
        data::object o;
        o.where = p.boxes[g];
        o.label = p.labels[g];
        objects.push_back(o);
      }
      made.add(std::move(im), std::move(objects));
    }
    return made;
  }();
  return set;
}

// batch: images of all processes together; share: this one's.
template <class Model>
struct process {
  std::unique_ptr<Model> m;
  cpu::context c{1};
  trainer<Model> t;
  data_feed<conventions::torchvision, data::memory_source> feed;
  std::vector<double> losses{}, norms{};

  process(std::unique_ptr<Model> model, trainer_options const& options, int batch, data::batch_share share = {})
      : m(std::move(model)),
        t(*m, c, empty_input<Model>(), options),
        feed(pictures(), {.short_side = 64, .max_side = 128, .batch = batch, .seed = 3, .cache_mb = 1, .workers = 0, .share = share}) {
    t.hooks.on_step = [this](step_report const& r) {
      losses.insert(losses.end(), r.losses.begin(), r.losses.end());
      norms.push_back(r.norm);
    };
  }
};

// Largest difference, in parts of the largest value.
template <class T>
double apart(std::vector<T> const& a, std::vector<T> const& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return largest > 0 ? most / largest : most;
}

}  // namespace detector_tests
