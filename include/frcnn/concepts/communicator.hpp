#pragma once
// Communicator: the processes that train one model together, as each of them sees the others.
//   1. k.rank(), k.size()        which one this is, counted from 0, and how many there are
//   2. x.sum(c, range)           range[i] becomes its sum over all processes, after what is queued in the context c. It may go on beside what
//                                is queued next, which leaves the range alone until settle(); range: memory of the device, float or double
//   3. x.settle(c)               what is queued in c from here on sees the sums
//   4. x.broadcast(c, range)     range becomes that of process 0; memory of the device, bytes, float or double; settled
//   5. x.barrier()               returns when every process has called it
//   6. k.is_recordable()         whether sum and settle only queue work, which a recording may hold (core/recorded.hpp) and every process
//                                replays. Else they do part of it on the host, and a recording ends before them
//   7. k.check()                 throws where a sum that was queued has failed: to be called after a wait for the device, before what it
//                                gave is used. Nothing where the calls above throw themselves
// Every process calls the same in the same order, with ranges of equal lengths. A sum has the same bits in all of them, and in every run of
// as many processes. Calls are one thread's. Numbers of the host: ops/sum_on_host.hpp.
//
// The smallest model:
//   struct alone {                                              // one process: each sum is its own
//     using device = cpu;
//     int rank() const { return 0; }
//     int size() const { return 1; }
//     template <class T> void sum(cpu::context&, std::span<T>) {}
//     void settle(cpu::context&) {}
//     template <class T> void broadcast(cpu::context&, std::span<T>) {}
//     void barrier() {}
//     bool is_recordable() const { return true; }
//     void check() const {}
//   };
#include "frcnn/core/backend.hpp"

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// clang-format off
template <class X>
concept Communicator = Backend<typename X::device> &&
                       requires(X& x, X const& k, typename X::device::context& c, std::span<float> f, std::span<double> d,
                                std::span<std::byte> bytes) {
                         { k.rank() } -> std::same_as<int>;
                         { k.size() } -> std::same_as<int>;
                         x.sum(c, f);
                         x.sum(c, d);
                         x.settle(c);
                         x.broadcast(c, f);
                         x.broadcast(c, d);
                         x.broadcast(c, bytes);
                         x.barrier();
                         { k.is_recordable() } -> std::same_as<bool>;
                         k.check();
                       };
// clang-format on

// One process.
template <Backend B>
struct null_communicator {
  using device = B;
  using context = typename B::context;
  int rank() const { return 0; }
  int size() const { return 1; }
  template <class T>
  void sum(context&, std::span<T>) {}
  void settle(context&) {}
  template <class T>
  void broadcast(context&, std::span<T>) {}
  void barrier() {}
  bool is_recordable() const { return true; }
  void check() const {}
};

// A communicator whose type is not known where it is used: a batch and a trainer hold one of these, so that they are compiled once.
template <Backend B>
class any_communicator {
 public:
  using device = B;
  using context = typename B::context;
  virtual ~any_communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void sum(context& c, std::span<float> range) = 0;
  virtual void sum(context& c, std::span<double> range) = 0;
  virtual void settle(context& c) = 0;
  virtual void broadcast(context& c, std::span<float> range) = 0;
  virtual void broadcast(context& c, std::span<double> range) = 0;
  virtual void broadcast(context& c, std::span<std::byte> range) = 0;
  virtual void barrier() = 0;
  virtual bool is_recordable() const = 0;
  virtual void check() const = 0;
};

// X as one: `to` outlives it.
template <Communicator X>
class communicator_ref final : public any_communicator<typename X::device> {
 public:
  using context = typename X::device::context;
  explicit communicator_ref(X& to) : to_(to) {}
  int rank() const override { return to_.rank(); }
  int size() const override { return to_.size(); }
  void sum(context& c, std::span<float> range) override { to_.sum(c, range); }
  void sum(context& c, std::span<double> range) override { to_.sum(c, range); }
  void settle(context& c) override { to_.settle(c); }
  void broadcast(context& c, std::span<float> range) override { to_.broadcast(c, range); }
  void broadcast(context& c, std::span<double> range) override { to_.broadcast(c, range); }
  void broadcast(context& c, std::span<std::byte> range) override { to_.broadcast(c, range); }
  void barrier() override { to_.barrier(); }
  bool is_recordable() const override { return std::as_const(to_).is_recordable(); }
  void check() const override { std::as_const(to_).check(); }

 private:
  X& to_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
