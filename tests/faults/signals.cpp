// A signal that arrives while a kernel runs finds the stack where the thread's stack is, and changes no bit: hosts have timers and
// profilers, and whoever trains presses Ctrl-C. (oneDNN before 3.11 has products that break this: backend/cpu/onednn/library.hpp.)
#include "../unit/detector/narrow_preset.hpp"
#include "../unit/engines.hpp"
#include "frcnn/presets/small.hpp"
#include "frcnn/presets/vgg16_tv.hpp"
#include "thread_start.hpp"

#include <doctest/doctest.h>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

using namespace frcnn;

namespace {

struct range {
  char const *low = nullptr, *high = nullptr;
};
thread_local range own_stack;  // asked before: a handler must not call what pthreads offer for it
thread_local long last_storm = 0;
std::atomic<long> handled, outside, threads_seen, storms;

void look(int) {
  if (!own_stack.low) return;
  auto const* const frame = static_cast<char const*>(__builtin_frame_address(0));
  ++handled;
  if (last_storm != storms) last_storm = storms, ++threads_seen;
  if (frame < own_stack.low || frame >= own_stack.high) ++outside;
}

void note_stack() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) std::abort();
  void* low;
  std::size_t size;
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  own_stack = {static_cast<char const*>(low), static_cast<char const*>(low) + size};
}
// Of every thread: those of a context and of OpenMP start when they are first needed, the first one is noted here.
bool const stacks_are_noted = (note_stack(), at_thread_start = note_stack, true);

// While it lives, every thread of the process but its own gets a signal a thousand times a second.
class signal_storm {
 public:
  signal_storm() {
    handled = outside = threads_seen = 0;
    ++storms;
    struct sigaction action = {};
    action.sa_handler = look;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &before_);
    sender_ = std::jthread([](std::stop_token stop) {
      long const self = ::syscall(SYS_gettid);
      while (!stop.stop_requested()) {
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/task"))
          if (long const id = std::stol(entry.path().filename()); id != self) ::syscall(SYS_tgkill, ::getpid(), id, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  ~signal_storm() {
    sender_ = {};
    sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  struct sigaction before_;
  std::jthread sender_;
};

using values = std::vector<std::vector<float>>;
std::vector<std::string> const classes{"disc", "bar", "ring"};

template <class Preset>
values trained(cpu_options const& options, int steps) {
  auto const model = Preset::make(Preset::config(classes));
  model->parameters().initialise(1);
  cpu::context c(options);
  trainer t(*model, c, detector_tests::empty_input<typename Preset::model>(),
            {.seed = 3, .rate = {.lr = 1e-4, .steps = steps}, .optimiser = {.clip_norm = 10}});
  detector_tests::memory_feed const scenes(detector_tests::memory_feed::eight_sizes());
  t.run([&](std::uint64_t micro_batch, input_batch<float, cpu>& input) {
    auto const& p = scenes.pictures[micro_batch % scenes.pictures.size()];
    input.start(1, p.h, p.w, 3);
    input.set_image(0, p.pixels.data(), resize_plan{p.w, p.h, 1, 1, 1, 1}, p.w, p.h, micro_batch);
    input.set_truth(0, p.boxes, p.labels);
  });
  return detector_tests::all_values(*model);
}

values detected(detector<presets::vgg16_tv<cpu>> const& d, compute precision) {
  std::vector<std::uint8_t> pixels(200 * 160 * 3);
  host_rng draws(9, draw::test, 0);
  for (auto& p : pixels) p = static_cast<std::uint8_t>(draws.integer(0, 255));
  detector<presets::vgg16_tv<cpu>>::session session(d, {.threads = 2, .precision = precision});
  values all;
  for (int i = 0; i < 3; ++i)
    for (auto const& found : d.detect(session, {pixels.data(), 200, 160}, {.score = 0, .max_detections = 20}))
      all.push_back({found.where.x1, found.where.y1, found.where.x2, found.where.y2, found.score, float(found.label)});
  REQUIRE(all.size() == 60);
  return all;
}

// f() undisturbed and under signals: the same bits, and no handler ran outside its thread's stack.
template <class F>
void undisturbed(F f) {
  values const alone = f();
  signal_storm const storm;
  values const disturbed = f();
  CHECK(disturbed == alone);
  CHECK(handled > 10);
  CHECK(threads_seen >= 2);
  CHECK(outside == 0);
}

}  // namespace

TEST_CASE("signals during training: 200 steps of small, 3 of vgg16_tv, and the portable engine") {
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    int const steps = options.engine == cpu_engine::fast ? 200 : 4;
    undisturbed([&] { return trained<presets::small_net<cpu>>(options, steps); });
  }
  undisturbed([] { return trained<presets::vgg16_tv<cpu>>({.threads = 2}, 3); });
}

TEST_CASE("signals during detection, in float and in bf16") {
  detector<presets::vgg16_tv<cpu>> d(presets::vgg16_tv<cpu>::config(classes));
  d.model().parameters().initialise(1);
  undisturbed([&] { return detected(d, compute::exact); });
#if FRCNN_HAS_ONEDNN
  if (cpu_backend::onednn::has_bf16()) undisturbed([&] { return detected(d, compute::bf16); });
#endif
}
