#pragma once
// The gradients of a step that several processes share, summed while backward goes on.
//
// The packed gradients are cut into buckets: contiguous ranges, fixed by the model and by what learns in it. A bucket ends with a parameter,
// when it has `least_bytes` or its part of the model ends. Backward says of each parameter when nothing will write its gradient any more
// (core/param.hpp, gradient_listener); with its last one a bucket's sum begins. Every process runs the same kind of step, so all begin the
// same sums in the same order, whatever images they have. finish() begins those that are left: of parts that the step does not train they
// are sums of zeros, so that the list is the same in every step.
//
// The gradients are memory of the device; nothing here looks at them. From `listening` to settle() work is queued and nothing else, so a
// recording may hold it all where the sums may be recorded. A replay tells the listener nothing, and need not.
//
// Example, one step:   shared_gradients<T, B> shared(others);
//                      shared.prepare(c, store);                              // before the first micro-batch
//                      { shared_gradients<T, B>::listening on(&shared, store);  written = step(...); }   // the last micro-batch
//                      shared.finish(c, written);
//                      others.settle(c);                                      // the gradients are the sums
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/nn/parameter_store.hpp"
#include "frcnn/ops/clear.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct sharing_options {
  std::size_t least_bytes = std::size_t{4} << 20;  // of a bucket, unless its part of the model ends before
  bool overlaps = true;                            // sums run beside backward; else they begin behind it. The results are the same
};

struct gradient_bucket {
  std::size_t first = 0, count = 0;  // elements of the packed gradients
  int parameters = 0;
};

template <Real T, Backend B>
class shared_gradients final : gradient_listener<T, B> {
 public:
  using context = typename B::context;
  using store_type = parameter_store<T, B>;

  explicit shared_gradients(any_communicator<B>& others, sharing_options o = {})
      : others_(others), least_(o.least_bytes / sizeof(T)), overlaps_(o.overlaps) {}

  // Before the first micro-batch of a step. Where other parameters learn than before, buckets are cut anew.
  void prepare(context& c, store_type& store) {
    if (layout_ != store.gradient_layout()) cut(c, store);
  }

  // While it lives, what the store's parameters say of their gradients is heard (by nobody: nullptr). At first none is final: a step whose
  // recording failed is queued again from its start.
  class listening {
   public:
    listening(shared_gradients* who, store_type& store) : who_(who), store_(store) {
      if (!who) return;
      for (auto& l : who->learning_) l.is_done = false;
      for (std::size_t b = 0; b < who->buckets_.size(); ++b) who->missing_[b] = who->buckets_[b].parameters;
      store_.listen(who);
    }
    listening(listening const&) = delete;
    listening& operator=(listening const&) = delete;
    ~listening() {
      if (who_) store_.listen(nullptr);
    }

   private:
    shared_gradients* who_;
    store_type& store_;
  };

  // Begins the sums that are left. written: the parts that the step has trained; gradients of the others are 0.
  void finish(context& c, part_set written) {
    begun_early_ = overlaps_ ? static_cast<std::size_t>(std::ranges::count(missing_, 0)) : 0;
    for (auto const& l : learning_)
      if (!written.has(l.part)) ops::clear<B>(c, l.gradient.data, l.gradient.size());
    for (std::size_t b = 0; b < buckets_.size(); ++b)
      if (missing_[b] > 0 || !overlaps_) begin(c, b);
  }

  std::vector<gradient_bucket> const& buckets() const { return buckets_; }
  // How many of the last step's sums had begun when finish() was called.
  std::size_t begun_early() const { return begun_early_; }

 private:
  struct learning {  // a parameter that learns
    view<T, 1, B> gradient;
    std::size_t bucket;
    int part;
    bool is_done;
  };

  void done(context& c, param<T, B> const& p) override {
    auto const found = place_.find(&p);
    if (found == place_.end() || learning_[found->second].is_done) return;
    auto& l = learning_[found->second];
    l.is_done = true;
    if (--missing_[l.bucket] == 0 && overlaps_) begin(c, l.bucket);
  }
  void begin(context& c, std::size_t b) { others_.sum(c, packed_.subspan(buckets_[b].first, buckets_[b].count)); }

  void cut(context& c, store_type& store) {
    buckets_.clear();
    place_.clear();
    learning_.clear();
    packed_ = store.gradients();
    int part = -1;
    for (auto const& e : store.entries()) {  // by ascending place of their gradients
      if (!e.p->wants_grad()) continue;
      if (buckets_.empty() || part != e.part || buckets_.back().count >= least_) buckets_.push_back({e.gradient_offset, 0, 0});
      part = e.part;
      auto& b = buckets_.back();
      b.count = e.gradient_offset + e.p->size() - b.first;
      ++b.parameters;
      place_.emplace(e.p, learning_.size());
      learning_.push_back({e.p->grad, buckets_.size() - 1, e.part, false});
    }
    missing_.assign(buckets_.size(), 0);
    ops::clear<B>(c, packed_.data(), packed_.size());  // the gaps between parameters, which nobody writes, are summed too
    layout_ = store.gradient_layout();
  }

  any_communicator<B>& others_;
  std::size_t least_;
  bool overlaps_;
  std::uint64_t layout_ = 0;
  std::span<T> packed_;
  std::vector<gradient_bucket> buckets_;
  std::vector<int> missing_;  // of each bucket, parameters whose gradient is not done
  std::vector<learning> learning_;
  std::unordered_map<param<T, B> const*, std::size_t> place_;  // in learning_
  std::size_t begun_early_ = 0;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
