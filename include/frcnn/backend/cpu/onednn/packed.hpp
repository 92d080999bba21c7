#pragma once
// Weights in a layout of oneDNN's choice, kept beside the parameter that they are made from.
//
//   get(layout, version, make)   the copy in that layout of that version; where there is none, make(memory) fills one
// A model in inference packs each weight once for each layout that its contexts ask for (at most `capacity`: f32 and bf16, seldom more);
// a parameter whose version moved is packed anew. Safe from several threads: one packs, the others wait, and a copy lives for as long as
// somebody holds it. A copied or moved layer starts empty: it has a parameter of its own.
//
// Example: packed p;  auto w = p.get(layout, weight.version, [&](void* m) { reorder(weight, m); });   w.get() is 64-byte aligned
#include "frcnn/backend/cpu/memory.hpp"
#include "frcnn/backend/cpu/onednn/library.hpp"

#if FRCNN_HAS_ONEDNN

#include <mutex>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {

class packed {
 public:
  static constexpr std::size_t capacity = 4;

  packed() = default;
  packed(packed const&) noexcept {}
  packed& operator=(packed const&) noexcept {
    clear();
    return *this;
  }

  template <class Make>
  std::shared_ptr<void> get(desc const& layout, std::uint64_t version, Make const& make) {
    std::lock_guard const lock(mutex_);
    std::size_t at = 0;
    while (at < copies_.size() && copies_[at].layout != layout) ++at;
    if (at == capacity) copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(--at));
    if (at == copies_.size()) copies_.push_back({layout, 0, nullptr});
    copy& found = copies_[at];
    if (!found.memory || found.version != version) {
      bool const mine = found.memory && found.memory.use_count() == 1;  // else somebody still reads it
      std::shared_ptr<cpu_memory> memory = mine ? std::move(found.memory) : std::make_shared<cpu_memory>(layout.get_size());
      make(memory->data());
      found.memory = std::move(memory);
      found.version = version;
    }
    return {found.memory, found.memory->data()};
  }
  void clear() {
    std::lock_guard const lock(mutex_);
    copies_.clear();
  }
  std::size_t bytes() const {
    std::lock_guard const lock(mutex_);
    std::size_t sum = 0;
    for (copy const& c : copies_) sum += c.layout.get_size();
    return sum;
  }

 private:
  struct copy {
    desc layout;
    std::uint64_t version;
    std::shared_ptr<cpu_memory> memory;
  };
  mutable std::mutex mutex_;
  std::vector<copy> copies_;
};

// A layer's weights: where they lie, and where a packed copy may be kept (nullptr: packed in every call).
struct weights {
  float const* data = nullptr;
  packed* keep = nullptr;
  std::uint64_t version = 0;
};

}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#else

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::cpu_backend::onednn {
class packed {
 public:
  static constexpr std::size_t bytes() { return 0; }
};
}  // namespace frcnn::cpu_backend::onednn
FRCNN_HIDDEN_END

#endif
