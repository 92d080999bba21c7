#pragma once
// A host backend that queues its work and runs it late: what a device with a stream does, without one. For tests.
//
// Every operation of a context (kernels, ops, copies, fills, the end of a frame's scratch, frees) is queued, and runs when somebody waits,
// in order, by the CPU backend. Its memory is inaccessible to the host meanwhile (queue.hpp). So what would go wrong on a device goes wrong
// here, on a CPU: a read of a count without a wait is SIGSEGV; a wait is counted; a copy from host memory that has changed or gone brings
// other values; scratch that is used after its frame is NaN. What goes right has the CPU backend's bits.
//
// Example: queued::context c;  model.step(c, ...);   c.waits() == 0, and nothing has run     c.wait();   it has
#include "frcnn/backend/queued/queue.hpp"
#include "frcnn/core/counted.hpp"
#include "frcnn/core/maps.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct queued {
  template <class T>
  using activation = cpu_activation<T>;
  using options = cpu_options;  // of the operations, when they run
  class memory;
  class host_memory;
  class event;
  class context;
  static constexpr bool in_host_memory = false;
};

// A block of the device's: inaccessible while nothing runs, freed in the queue's order.
class queued::memory {
 public:
  memory() = default;
  memory(std::shared_ptr<detail::operation_queue> where, std::size_t bytes, bool is_clear = false)
      : where_(std::move(where)), data_(detail::guarded_blocks::all().take(bytes, is_clear)) {}
  memory(memory&& other) noexcept : where_(std::move(other.where_)), data_(std::exchange(other.data_, nullptr)) {}
  memory& operator=(memory&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~memory() {
    if (data_) where_->push([p = data_](cpu::context&) { detail::guarded_blocks::all().give_back(p); });
  }
  void* data() const noexcept { return data_; }

 private:
  std::shared_ptr<detail::operation_queue> where_;
  void* data_ = nullptr;
};

// A block of the host's, which stays until what was queued before it was given up has run.
class queued::host_memory {
 public:
  host_memory() = default;
  host_memory(std::shared_ptr<detail::operation_queue> where, std::size_t bytes)
      : where_(std::move(where)), block_(std::make_shared<cpu_memory>(bytes)) {}
  host_memory(host_memory&&) noexcept = default;
  host_memory& operator=(host_memory&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(block_, other.block_);
    return *this;
  }
  ~host_memory() {
    if (block_) where_->push([owner = std::move(block_)](cpu::context&) {});
  }
  void* data() const noexcept { return block_ ? block_->data() : nullptr; }

 private:
  std::shared_ptr<detail::operation_queue> where_;
  std::shared_ptr<cpu_memory> block_;
};

class queued::context {
 public:
  static constexpr std::size_t arena_bytes = std::size_t{2} << 30;  // of address space

  explicit context(queued::options options = {})
      : queue_(std::make_shared<detail::operation_queue>(options)), arena_(queue_, arena_bytes, true) {}
  explicit context(int threads) : context(cpu_options{.threads = threads}) {}
  ~context() { queue_->close(); }
  context(context const&) = delete;
  context& operator=(context const&) = delete;

  class frame {
   public:
    explicit frame(context& c) : c_(c), mark_(c.used_) {}
    ~frame() {
      void* const begin = static_cast<std::byte*>(c_.arena_.data()) + mark_;
      if (std::size_t const bytes = c_.used_ - mark_)
        c_.push([begin, bytes](cpu::context&) { std::memset(begin, detail::guarded_blocks::poison, bytes); });
      c_.used_ = mark_;
    }
    frame(frame const&) = delete;
    frame& operator=(frame const&) = delete;

   private:
    context& c_;
    std::size_t mark_;
  };

  // An operation of one's own: f(cpu::context&), when its turn comes.
  template <class F>
  void push(F f) {
    queue_->push(std::move(f));
  }
  std::uint64_t waits() const { return queue_->waits; }
  std::uint64_t operations() const { return queue_->queued(); }  // ever queued
  std::uint64_t ran() const { return queue_->ran(); }            // of them

  void* scratch(std::size_t bytes) {
    std::size_t const begin = used_, size = checked::sum(bytes, arena::alignment) / arena::alignment * arena::alignment;
    if (size > arena_bytes - used_)
      throw error("queued context's arena", "room for " + std::to_string(bytes) + " bytes", std::to_string(arena_bytes - used_));
    used_ += size;
    return static_cast<std::byte*>(arena_.data()) + begin;
  }
  template <class T>
  static std::size_t storage(shape<4> s) {
    return cpu::context::storage<T>(s);
  }
  template <class T>
  cpu_activation<T> make(shape<4> s) {
    return make_at<T>(scratch(checked::bytes<T>(storage<T>(s))), s);
  }
  template <class T>
  static cpu_activation<T> make_at(void* memory, shape<4> s) {
    return cpu::context::make_at<T>(memory, s);
  }
  template <class T>
  void to_plain(cpu_activation<T> a, std::type_identity_t<view<std::remove_const_t<T>, 4, queued>> plain) {
    push([a, plain](cpu::context& c) { c.to_plain(a, view<std::remove_const_t<T>, 4, cpu>{plain.data, plain.dims}); });
  }
  template <class T>
  void from_plain(std::type_identity_t<view<T const, 4, queued>> plain, cpu_activation<T> a) {
    push([a, plain](cpu::context& c) { c.from_plain(view<T const, 4, cpu>{plain.data, plain.dims}, a); });
  }

  queued::memory allocate(std::size_t bytes) { return {queue_, bytes}; }
  queued::host_memory allocate_host(std::size_t bytes) { return {queue_, bytes}; }
  void copy_in(void* device, void const* host, std::size_t bytes) { copy(device, host, bytes); }
  void copy_out(void* host, void const* device, std::size_t bytes) { copy(host, device, bytes); }
  void copy(void* to, void const* from, std::size_t bytes) {
    if (bytes) push([to, from, bytes](cpu::context&) { std::memcpy(to, from, bytes); });
  }
  void wait() {
    ++queue_->waits;
    queue_->run_until(queue_->queued());
  }

 private:
  friend class queued::event;

  std::shared_ptr<detail::operation_queue> queue_;
  queued::memory arena_;
  std::size_t used_ = 0;
};

class queued::event {
 public:
  void record(context& c) {
    where_ = c.queue_;
    number_ = where_->queued();
  }
  bool done() const noexcept { return !where_ || where_->ran() >= number_; }
  void wait() const {
    if (done()) return;
    ++where_->waits;
    where_->run_until(number_);
  }

 private:
  std::shared_ptr<detail::operation_queue> where_;
  std::uint64_t number_ = 0;
};

static_assert(Backend<queued> && PlainLayout<queued>);

namespace detail {

// A queued operation's argument as the CPU backend takes it, by value: nothing of the caller's is left when it runs.
template <class X>
X on_cpu(X const& x) {
  return x;
}
template <class T, int R>
view<T, R, cpu> on_cpu(view<T, R, queued> const& v) {
  return {v.data, v.dims};
}
template <class T, int R>
counted<T, R, cpu> on_cpu(counted<T, R, queued> const& c) {
  return {on_cpu(c.rows), on_cpu(c.count)};
}
template <class T, int L>
maps<T, L, cpu> on_cpu(maps<T, L, queued> const& f) {
  maps<T, L, cpu> g;
  for (int l = 0; l < L; ++l) g.level[l] = f.level[l];
  return g;
}

}  // namespace detail

}  // namespace frcnn
FRCNN_HIDDEN_END
