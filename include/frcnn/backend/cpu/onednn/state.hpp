#pragma once
// A context's cache of oneDNN primitives by operation and shape.
//
//   job     one primitive with its memory objects: run(c, stream, {pointers}) allocates nothing of ours, scratch is the arena's; made for
//           several members it runs on several threads at once: run_as(member, stream, {pointers}, scratch)
//   plan    the jobs of one operation on one shape: the operation, and the conversions around it; without the operation where oneDNN has
//           no kernel that may run (library.hpp)
//   state   plan& find(key, make): the context's plans, at most `capacity`; the one not asked for longest goes
//   team    while it lives, oneDNN's loops run on threads of OpenMP, as many as the context has, and denormals are zero in them
//   alone   while it lives, oneDNN's loops run on the calling thread, and denormals are zero
// Threads of OpenMP look for work for milliseconds after a loop, in the way of the context's own: what runs in a step of training runs
// alone, part by part on the context's threads.
// A key is the operation, its shapes, its options and the size of the team that the kernel is made for.
// oneDNN takes its number of threads from the calling thread's OpenMP setting, when a primitive is made and when it runs: contexts in
// several threads do not meet. Its own cache behind ours holds 1024 kernels for the whole process.
#include "frcnn/backend/cpu/onednn/library.hpp"
#include "frcnn/backend/cpu/parallel.hpp"
#include "frcnn/core/openmp_threads.hpp"

#if FRCNN_HAS_ONEDNN

#include <array>
#include <initializer_list>
#include <map>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

class team {
 public:
  explicit team(cpu::context const& c) : threads_(frcnn::detail::has_lost_openmp_team() ? 1 : c.threads()), openmp_(threads_) {
    denormals(0x8040u);
  }
  ~team() { denormals(0); }
  int size() const { return threads_; }
  team(team const&) = delete;
  team& operator=(team const&) = delete;

 private:
  // Two of these cost 3 us on two threads: a dying layer costs more.
  void denormals([[maybe_unused]] unsigned flags) const {
#if defined(__SSE2__)
    auto const set = [this, flags] { _mm_setcsr((_mm_getcsr() & ~0x8040u) | flags | (flags ? 0 : before_)); };
    set();  // here first: LLVM's OpenMP gives a region's threads the caller's flags, and puts those back behind it
#if defined(_OPENMP)
    if (threads_ > 1) {
#pragma omp parallel num_threads(threads_)
      set();
    }
#endif
#endif
  }

  int threads_;
  openmp_threads openmp_;
#if defined(__SSE2__)
  unsigned before_ = _mm_getcsr() & 0x8040u;  // the calling thread's
#endif
};

class alone {
 public:
  alone() = default;
  alone(alone const&) = delete;
  alone& operator=(alone const&) = delete;

 private:
  openmp_threads one_{1};
  flush_denormals flush_;
};

// Kernels are made with denormals as they are: one whose ReLU has a slope must not find it equal to zero.
class keep_denormals {
 public:
#if defined(__SSE2__)
  keep_denormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ & ~0x8040u); }
  ~keep_denormals() { _mm_setcsr(saved_); }
#else
  keep_denormals() {}
  ~keep_denormals() {}
#endif
  keep_denormals(keep_denormals const&) = delete;
  keep_denormals& operator=(keep_denormals const&) = delete;

 private:
  [[maybe_unused]] unsigned saved_ = 0;
};

class job {
 public:
  struct argument {
    int name;  // DNNL_ARG_...
    desc what;
  };

  job() = default;
  template <class PrimitiveDesc>
  job(dnnl::primitive p, PrimitiveDesc const& made, std::initializer_list<argument> arguments, int members = 1)
      : primitive_(std::move(p)), scratch_(made.scratchpad_desc().get_size()), calls_(static_cast<std::size_t>(members)) {
    for (call& one : calls_) {
      for (argument const& a : arguments) one.add(a.name, a.what);
      one.add(DNNL_ARG_SCRATCHPAD, made.scratchpad_desc());
    }
  }

  explicit operator bool() const { return !calls_.empty(); }
  std::size_t scratch_size() const { return scratch_; }  // bytes

  // data: one pointer for each argument, in their order; nullptr for one that is not there.
  void run(cpu::context& c, dnnl::stream const& s, std::initializer_list<void const*> data) {
    cpu::context::frame const scope(c);
    run_as(0, s, data, scratch_ ? c.scratch(scratch_) : nullptr);
  }
  void run_as(int member, dnnl::stream const& s, std::initializer_list<void const*> data, void* scratch) {
    auto& call = calls_[static_cast<std::size_t>(member)].arguments;
    FRCNN_ASSERT(data.size() + 1 == call.size());
    auto at = call.begin();
    for (void const* p : data) point(*at++, const_cast<void*>(p));  // oneDNN has one type for what it reads and what it writes
    point(*at, scratch);
    // Not the C++ call, which copies the arguments into a vector.
    check(dnnl_primitive_execute(primitive_.get(), s.get(), static_cast<int>(call.size()), call.data()));
  }

 private:
  // The arguments of one thread.
  struct call {
    std::vector<dnnl::memory> memory;
    std::vector<dnnl_exec_arg_t> arguments;

    void add(int name, desc const& what) {
      memory.push_back(dnnl::memory(what, engine(), DNNL_MEMORY_NONE));
      arguments.push_back({name, memory.back().get()});
    }
  };
  static void point(dnnl_exec_arg_t const& a, void* p) { check(dnnl_memory_set_data_handle(a.memory, p)); }
  static void check(dnnl_status_t status) {
    if (status != dnnl_success) throw error("oneDNN", "a kernel that runs", "its status " + std::to_string(status));
  }

  dnnl::primitive primitive_;
  std::size_t scratch_ = 0;
  std::vector<call> calls_;
};

struct plan {
  job compute;
  job weight;              // between the parameter's order and the kernel's
  job source;              // to bf16
  desc packed, converted;  // weights as the kernel reads or writes them; the source as it reads it
  std::uint64_t used = 0;
};

enum class op : std::int32_t { forward, backward_data, backward_weight, inner_product };

class state {
 public:
  static constexpr std::size_t capacity = 512;
  using key = std::array<std::int32_t, 12>;

  dnnl::stream stream{engine()};

  // make(): a plan. Call inside a team or alone: a kernel is made for a number of threads.
  template <class Make>
  plan& find(key const& k, Make const& make) {
    auto found = plans_.find(k);
    if (found == plans_.end()) {
      if (plans_.size() >= capacity) drop_oldest();
      keep_denormals const scope;
      try {
        found = plans_.emplace(k, make()).first;
      } catch (dnnl::error const& e) {
        // Shapes that it does not take, such as some pads of the kernel's size: there is no plan, as where no kernel is usable.
        if (e.status != dnnl_invalid_arguments) throw error("oneDNN", "a kernel for this shape", e.what());
        found = plans_.emplace(k, plan()).first;
      }
    }
    found->second.used = ++clock_;
    return found->second;
  }
  std::size_t size() const { return plans_.size(); }

 private:
  void drop_oldest() {
    auto oldest = plans_.begin();
    for (auto i = plans_.begin(); i != plans_.end(); ++i)
      if (i->second.used < oldest->second.used) oldest = i;
    plans_.erase(oldest);
  }

  std::map<key, plan> plans_;
  std::uint64_t clock_ = 0;
};

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
