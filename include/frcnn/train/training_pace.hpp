#pragma once
// How fast a training goes: images a second, and the part of its time that went by waiting for them. The time of training alone counts, not
// that of validation, checkpoints and proposals, which are made between its steps.
//
//   training_pace pace;
//   { training_pace<>::running const on(pace);  pace.add_wait(t);  pace.add_images(2); }   a step, of which t was the wait for two images
//   pace.look()    since the last look            pace.images_per_second()   since the beginning
//
// Example: 4 images in 2 s of steps, 0.5 s of which were the wait for them, and 10 s of validation: 2 images a second, a feed share of 0.25
#include "frcnn/config.hpp"

#include <chrono>
#include <cstddef>
#include <limits>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Clock = std::chrono::steady_clock>
class training_pace {
 public:
  using duration = typename Clock::duration;

  // NaN where no time has gone by.
  struct figures {
    double images_per_second = std::numeric_limits<double>::quiet_NaN(), feed_share = images_per_second;
  };

  // Training goes on while one of these lives; one that is made inside of another adds nothing.
  class running {
   public:
    explicit running(training_pace& of) : of_(of) {
      if (of_.depth_++ == 0) of_.begun_ = Clock::now();
    }
    ~running() {
      if (--of_.depth_ == 0) of_.all_.time += Clock::now() - of_.begun_;
    }
    running(running const&) = delete;
    running& operator=(running const&) = delete;

   private:
    training_pace& of_;
  };

  void add_wait(duration t) { all_.wait += t; }  // for images; a part of the time
  void add_images(std::size_t n) { all_.images += static_cast<double>(n); }

  figures look() {
    sums const now = present();
    figures const f = of({now.time - seen_.time, now.wait - seen_.wait, now.images - seen_.images});
    seen_ = now;
    return f;
  }
  // not_done: images that were added and are still computed.
  double images_per_second(std::size_t not_done = 0) const {
    sums now = present();
    now.images -= static_cast<double>(not_done);
    return of(now).images_per_second;
  }

 private:
  struct sums {
    duration time{}, wait{};
    double images = 0;
  };
  static figures of(sums const& s) {
    if (s.time <= duration::zero()) return {};
    auto const seconds = [](duration d) { return std::chrono::duration<double>(d).count(); };
    return {s.images / seconds(s.time), seconds(s.wait) / seconds(s.time)};
  }
  sums present() const {
    sums now = all_;
    if (depth_ > 0) now.time += Clock::now() - begun_;
    return now;
  }

  sums all_, seen_;
  typename Clock::time_point begun_{};
  int depth_ = 0;
};

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
