#pragma once
// The CPU backend: its tag `cpu` and its context (threads, arena, options). Activations are [N, H, W, C], so that the channels of a pixel
// are contiguous: im2col and RoI pooling copy whole pixels.
//
// Two engines compute with the same activations and parameters (docs/cpu-kernels.md): `portable` is BLAS and plain loops, in
// float and double, and the reference of the tests; `fast` has register-tiled kernels of our own (kernels/) for float, and oneDNN's beside
// them where the build has it (FRCNN_FAST, FRCNN_ONEDNN). What neither has a kernel for, the portable engine takes.
// Both may serve one model at once, each through its own context.
//
// A context is one calling thread's: its arena is not shared. Several contexts may run at once, each with its own team of threads
// (thread_team.hpp).
//
// Example: cpu::context c(2);  cpu::context d({.threads = 2, .engine = cpu_engine::portable});
//          { cpu::context::frame scope(c); auto x = c.make<float>({{1, 3, 600, 800}}); }   x's memory is free for the next scope
#include "frcnn/backend/cpu/arena.hpp"
#include "frcnn/backend/cpu/memory.hpp"
#include "frcnn/backend/cpu/openmp_library.hpp"
#include "frcnn/backend/cpu/options.hpp"
#include "frcnn/backend/cpu/thread_team.hpp"
#include "frcnn/backend/cpu/transpose.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/core/typed_states.hpp"
#include "frcnn/core/view.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#if defined(_OPENMP)
#include <omp.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// Logical [N, C, H, W], stored [N, H, W, C]. data == nullptr: not wanted, or not there.
template <class T>
struct cpu_activation {
  T* data = nullptr;
  shape<4> dims{};

  constexpr explicit operator bool() const { return data != nullptr; }
};

inline constexpr bool has_fast = FRCNN_HAS_FAST != 0, has_onednn = FRCNN_HAS_ONEDNN != 0;

struct cpu {
  template <class T>
  using activation = cpu_activation<T>;
  using options = cpu_options;
  class context;
  static constexpr bool in_host_memory = true;

  using memory = cpu_memory;
  using host_memory = cpu_memory;
  // Whatever a context is asked for is done when the call returns.
  struct event {
    void record(context&) noexcept {}
    bool done() const noexcept { return true; }
    void wait() const noexcept {}
  };
};

class cpu::context {
 public:
  // A build without OpenMP always has one thread. Throws frcnn::error when the number of threads is negative or above most_threads, where
  // the build has not the engine asked for, and for a precision that the engine does not have.
  explicit context(cpu_options options = {}) : options_(options) {
    if (options.threads < 0 || options.threads > cpu_options::most_threads)
      throw error("cpu context", "1 to " + std::to_string(cpu_options::most_threads) + " threads, or 0 for all",
                  std::to_string(options.threads));
    if (options_.engine == cpu_engine::best) options_.engine = has_fast ? cpu_engine::fast : cpu_engine::portable;
    if (options_.engine == cpu_engine::fast && !has_fast)
      throw error("cpu context", "a build with FRCNN_FAST for the engine fast", "one without");
    if (options.precision == compute::tf32 || (options.precision == compute::bf16 && options_.engine != cpu_engine::fast))
      throw error("cpu context", "precision f32, or bf16 on the engine fast", to_string(options.precision));
    if (options.precision == compute::bf16 && !has_onednn)
      throw error("cpu context", "a build with FRCNN_ONEDNN for precision bf16", "one without");
    detail::prepare_openmp_library();
#if defined(_OPENMP)
    if (options_.threads == 0) options_.threads = std::min(omp_get_max_threads(), cpu_options::most_threads);
#else
    options_.threads = 1;
#endif
    team_ = std::make_unique<thread_team>(options_.threads);
  }
  explicit context(int threads) : context(cpu_options{.threads = threads}) {}

  // RAII scope: what was taken from the arena inside it dies with it. Frames nest.
  class frame {
   public:
    explicit frame(context& c) : arena_(c.arena_), mark_(arena_.mark()) {}
    ~frame() { arena_.release(mark_); }
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;

   private:
    arena& arena_;
    std::size_t mark_;
  };

  int threads() const noexcept { return options_.threads; }
  thread_team& team() const noexcept { return *team_; }  // the threads of its loops (parallel.hpp)
  cpu_options const& options() const noexcept { return options_; }
  profiler* profile() const noexcept { return options_.profile; }
  // Whether layers of scalar T use the fast kernels.
  template <class T>
  bool is_fast() const noexcept {
    return has_fast && std::is_same_v<T, float> && options_.engine == cpu_engine::fast;
  }
  std::size_t high_water() const noexcept { return arena_.high_water(); }  // bytes of the arena ever in use at once

  cpu_memory allocate(std::size_t bytes) { return cpu_memory(bytes); }
  cpu_memory allocate_host(std::size_t bytes) { return cpu_memory(bytes); }
  void copy_in(void* device, void const* host, std::size_t bytes) { copy(device, host, bytes); }
  void copy_out(void* host, void const* device, std::size_t bytes) { copy(host, device, bytes); }
  void copy(void* to, void const* from, std::size_t bytes) {
    if (bytes) std::memcpy(to, from, bytes);
  }
  void wait() noexcept {}

  void* scratch(std::size_t bytes) { return arena_.take(bytes); }
  template <class T>
  T* scratch_of(std::size_t n) {
    return static_cast<T*>(arena_.take(checked::bytes<T>(n)));
  }

  // What an engine keeps with this context: each type S has its own, default-constructed at first use.
  template <class S>
  S& state() {
    return states_.get<S>();
  }

  // Elements that an activation of this shape occupies; make and make_at take as many. Contents are undefined.
  template <class T>
  static std::size_t storage(shape<4> s) {
    return checked::elements(s);
  }
  template <class T>
  cpu_activation<T> make(shape<4> s) {
    return make_at<T>(scratch(checked::bytes<T>(storage<T>(s))), s);
  }
  template <class T>
  static cpu_activation<T> make_at(void* memory, shape<4> s) {
    return {static_cast<T*>(memory), s};
  }

  // Between the engine's layout and plain [N, C, H, W]: for inputs, tests and files.
  template <class T>
  void to_plain(cpu_activation<T> a, std::type_identity_t<view<std::remove_const_t<T>, 4, cpu>> plain) {
    FRCNN_ASSERT(a.dims == plain.dims);
    transpose(a.data, plain.data, a.dims[0], a.dims[2] * a.dims[3], a.dims[1]);
  }
  template <class T>
  void from_plain(std::type_identity_t<view<T const, 4, cpu>> plain, cpu_activation<T> a) {
    FRCNN_ASSERT(a.dims == plain.dims);
    transpose(plain.data, a.data, a.dims[0], a.dims[1], a.dims[2] * a.dims[3]);
  }

 private:
  // out[n][j][i] = in[n][i][j] over [N, rows, columns].
  template <class T>
  static void transpose(T const* in, T* out, std::int32_t batch, std::int32_t rows, std::int32_t columns) {
    std::size_t const height = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(columns);
    for (std::int32_t n = 0; n < batch; ++n, in += height * width, out += height * width)
      detail::transpose(in, width, height, width, out, height);
  }

  arena arena_;
  cpu_options options_;
  std::unique_ptr<thread_team> team_;
  typed_states states_;
};

static_assert(Backend<cpu> && PlainLayout<cpu>);

}  // namespace frcnn
FRCNN_HIDDEN_END
