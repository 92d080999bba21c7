// Whatever allocation of ours fails, the next call gives what it always gave: every one of a detection and of a training step is made to
// fail in its turn, an exception is caught, and the same bytes are asked for again.
//
// Linux with glibc only. Ours are those that this program makes: operator new, cpu_memory's blocks and mappings, the arena's ranges and
// their growth. Those of libgomp, BLAS and oneDNN are left alone.
#include "../unit/detector/narrow_preset.hpp"
#include "../unit/engines.hpp"

#include <doctest/doctest.h>

#if defined(__GLIBC__)
#include <dlfcn.h>
#include <link.h>

#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

thread_local long countdown = -1;  // allocations until one fails; negative: none does
thread_local bool has_failed = false;

// Whether the caller is code of this program, not of a library that it uses.
bool is_ours(void* caller) {
  static struct program {
    std::uintptr_t begin = ~std::uintptr_t{0}, end = 0;
    program() {
      ::dl_iterate_phdr(
          [](dl_phdr_info* object, std::size_t, void* out) {  // the first is the program
            auto& p = *static_cast<program*>(out);
            for (int i = 0; i < object->dlpi_phnum; ++i) {
              auto const& h = object->dlpi_phdr[i];
              if (h.p_type != PT_LOAD || !(h.p_flags & PF_X)) continue;
              p.begin = std::min<std::uintptr_t>(p.begin, object->dlpi_addr + h.p_vaddr);
              p.end = std::max<std::uintptr_t>(p.end, object->dlpi_addr + h.p_vaddr + h.p_memsz);
            }
            return 1;
          },
          this);
    }
  } const here;
  auto const a = reinterpret_cast<std::uintptr_t>(caller);
  return a >= here.begin && a < here.end;
}
bool fails(void* caller) {
  if (countdown < 0 || !is_ours(caller) || countdown-- > 0) return false;
  has_failed = true;  // and countdown is negative: later ones succeed
  return true;
}

template <class F>
F* next(char const* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  static auto* const real = next<void*(std::size_t, std::size_t)>("aligned_alloc");
  return fails(__builtin_return_address(0)) ? nullptr : real(alignment, n);
}
void* mmap(void* at, std::size_t n, int protection, int flags, int file, off_t offset) noexcept {
  static auto* const real = next<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  if (!fails(__builtin_return_address(0))) return real(at, n, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
int mprotect(void* at, std::size_t n, int protection) noexcept {
  static auto* const real = next<int(void*, std::size_t, int)>("mprotect");
  if (!fails(__builtin_return_address(0))) return real(at, n, protection);
  errno = ENOMEM;
  return -1;
}
}
[[gnu::noinline]] void* operator new(std::size_t n) {
  void* const p = fails(__builtin_return_address(0)) ? nullptr : std::malloc(n ? n : 1);
  if (!p) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void* operator new[](std::size_t n) {
  void* const p = fails(__builtin_return_address(0)) ? nullptr : std::malloc(n ? n : 1);
  if (!p) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

using namespace detector_tests;

namespace {

// Whether f ended in an exception because its n-th allocation failed.
template <class F>
bool fails_at(long n, F f) {
  has_failed = false;
  countdown = n;
  bool thrown = false;
  try {
    f();
  } catch (std::bad_alloc const&) {
    thrown = true;
  } catch (error const&) {  // the arena's
    thrown = true;
  }
  countdown = -1;
  if (thrown) CHECK(has_failed);
  return has_failed && thrown;
}

using narrow = narrow_preset<cpu>;
using whole = narrow_preset<cpu, float, whole_chain>;

image_view view_of(memory_feed::picture const& p) { return {p.pixels.data(), p.w, p.h, pixel_format::rgb, 0}; }

}  // namespace

TEST_CASE_TEMPLATE("allocations: each of a detection fails, and the next detection is right", P, narrow, whole) {
  memory_feed const feed({{96, 64}, {128, 80}});
  auto const& small = feed.pictures[0];
  auto const& large = feed.pictures[1];
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    auto const make = [&] {
      auto d = std::make_unique<detector<P>>(P::config(), options);
      liven(d->model());
      return d;
    };
    detect_options const o{.score = .1f};
    auto const right = make()->detect(view_of(large), o), right_small = make()->detect(view_of(small), o);
    REQUIRE(right.size() > 3);
    // A detector that has seen a smaller image grows; one that has seen none makes its session.
    for (bool const warm : {false, true}) {
      long n = 0;
      for (;; ++n) {
        auto const d = make();
        if (warm) d->detect(view_of(small), o);
        std::vector<detection> found;
        bool const failed = fails_at(n, [&] { found = d->detect(view_of(large), o); });
        CAPTURE(n);
        if (!failed) CHECK(found == right);  // nothing was left to fail, or what failed was not needed
        CHECK(d->detect(view_of(small), o) == right_small);
        CHECK(d->detect(view_of(large), o) == right);
        if (!has_failed) break;
      }
      CHECK(n >= (warm ? 6 : 16));
    }
    // Nor does the same session suffer when one after the other fails.
    auto const d = make();
    typename detector<P>::session s(*d, options);
    for (long n = 0; n < 40; ++n) {
      fails_at(n, [&] { d->detect(s, view_of(n % 2 ? small : large), o); });
      if (n % 8 == 0) CHECK(d->detect(s, view_of(large), o) == right);
    }
  }
}

TEST_CASE("allocations: each of a training step fails, and the run goes on to the same weights") {
  using P = std::conditional_t<has_fast, whole, narrow>;
  memory_feed const feed({{64, 48}, {48, 64}, {80, 56}});
  for (auto const& options : tests::engines(1)) {
    CAPTURE(tests::name(options));
    trainer_options const how{.seed = 1, .rate = {.lr = .001, .steps = 2}, .optimiser = {.clip_norm = 10}, .accumulate = 2};
    // Two steps, one of which loses its n-th allocation; false when there was none to lose. The first makes everything, the second grows.
    auto const run = [&](std::int64_t victim, long n, std::vector<std::vector<float>>& values) {
      auto const model = P::make(P::config());
      model->parameters().initialise(1);
      cpu::context c(options);
      trainer t(*model, c, empty_input<P::model>(), how);
      t.hooks.after_step = [&](std::int64_t done) { countdown = done == victim ? n : -1; };
      has_failed = false;
      countdown = victim == 0 ? n : -1;
      bool done = false;
      for (int tries = 0; tries < 3 && !done; ++tries) {
        try {
          done = t.run(feed);
        } catch (std::bad_alloc const&) {
        } catch (error const&) {
        }
        countdown = -1;
      }
      CHECK(done);
      CHECK(t.step() == 2);
      values = all_values(*model);
      return has_failed;
    };
    std::vector<std::vector<float>> right, values;
    CHECK_FALSE(run(0, -1, right));
    for (std::int64_t const victim : {0, 1}) {
      // Of the hundreds that oneDNN's headers make for its kernels, in this program's code, one in eleven is enough for CI;
      // FRCNN_TEST_EVERY_ALLOCATION=1 tries each.
      char const* const every = std::getenv("FRCNN_TEST_EVERY_ALLOCATION");
      bool const is_sampled = options.engine == cpu_engine::fast && has_onednn && !(every && *every);
      long const few = is_sampled ? 60 : std::numeric_limits<long>::max();
      long n = 0;
      for (; run(victim, n, values); n += n < few ? 1 : 11) {
        CAPTURE(n);
        CHECK(same_bits(values, right));
      }
      CHECK(same_bits(values, right));
      CHECK(n >= (victim == 0 ? 40 : 10));
    }
  }
}
#else
TEST_CASE("allocations: each fails in its turn") { MESSAGE("skipped: allocations are made to fail on Linux with glibc"); }
#endif
