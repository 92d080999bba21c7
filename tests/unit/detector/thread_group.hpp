#pragma once
// A communicator of threads of one process, for tests: each element is summed in the order of the ranks.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/concepts/communicator.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

namespace detector_tests {

class thread_group {
 public:
  explicit thread_group(int size) : here_(size), ranges_(static_cast<std::size_t>(size)), lengths_(ranges_.size()) {
    for (int r = 0; r < size; ++r) members_.push_back(std::unique_ptr<member>(new member{this, r, communicator(this, r), {}}));
    for (auto& m : members_) m->erased = std::make_unique<frcnn::communicator_ref<communicator>>(m->own);
  }

  class communicator {
   public:
    using device = frcnn::cpu;
    communicator(thread_group* group, int rank) : group_(group), rank_(rank) {}
    int rank() const { return rank_; }
    int size() const { return static_cast<int>(group_->ranges_.size()); }
    template <class T>
    void sum(frcnn::cpu::context&, std::span<T> range) {
      group_->meet(rank_, range, [&](std::size_t i) {
        T total = 0;
        for (void* r : group_->ranges_) total += static_cast<T*>(r)[i];
        for (void* r : group_->ranges_) static_cast<T*>(r)[i] = total;
      });
      ++sums;
    }
    void settle(frcnn::cpu::context&) {}
    template <class T>
    void broadcast(frcnn::cpu::context&, std::span<T> range) {
      group_->meet(rank_, range, [&](std::size_t i) {
        for (void* r : group_->ranges_) static_cast<T*>(r)[i] = static_cast<T*>(group_->ranges_[0])[i];
      });
    }
    void barrier() { group_->here_.arrive_and_wait(); }
    bool is_recordable() const { return false; }
    void check() const {}

    std::size_t sums = 0;

   private:
    thread_group* group_;
    int rank_;
  };

  frcnn::any_communicator<frcnn::cpu>& operator[](int rank) { return *members_[static_cast<std::size_t>(rank)]->erased; }
  std::size_t sums(int rank) const { return members_[static_cast<std::size_t>(rank)]->own.sums; }
  bool lengths_were_equal() const { return equal_; }

  // work(rank) in a thread of each member. All of them throw, or none does.
  template <class Work>
  void run(Work work) {
    std::vector<std::exception_ptr> thrown(members_.size());
    {
      std::vector<std::jthread> threads;
      for (std::size_t r = 0; r < members_.size(); ++r)
        threads.emplace_back([&, r] {
          try {
            work(static_cast<int>(r));
          } catch (...) {
            thrown[r] = std::current_exception();
          }
        });
    }
    for (auto const& e : thrown)
      if (e) std::rethrow_exception(e);
  }

 private:
  struct member {
    thread_group* group;
    int rank;
    communicator own;
    std::unique_ptr<frcnn::any_communicator<frcnn::cpu>> erased;
  };

  // f(i) for every element, each by one of the threads.
  template <class T, class F>
  void meet(int rank, std::span<T> range, F f) {
    auto const r = static_cast<std::size_t>(rank), n = ranges_.size();
    ranges_[r] = range.data();
    lengths_[r] = range.size_bytes();
    here_.arrive_and_wait();
    bool const equal = std::ranges::all_of(lengths_, [&](std::size_t l) { return l == lengths_[0]; });
    if (!equal) equal_ = false;
    else
      for (std::size_t i = range.size() * r / n; i < range.size() * (r + 1) / n; ++i) f(i);
    here_.arrive_and_wait();
  }

  std::barrier<> here_;
  std::vector<void*> ranges_;
  std::vector<std::size_t> lengths_;
  std::atomic<bool> equal_ = true;
  std::vector<std::unique_ptr<member>> members_;
};

}  // namespace detector_tests
