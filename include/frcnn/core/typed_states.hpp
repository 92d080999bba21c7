#pragma once
// What others keep with an object, by type: each type has one, made at first use. A context owns one of these, so that an engine or a
// library can keep handles and tables with it that the context does not know.
//
// Example: typed_states states;   states.get<table>(8);   table(8), made by the first call; later calls give the same one
#include "frcnn/config.hpp"

#include <memory>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class typed_states {
 public:
  template <class S, class... Arguments>
  S& get(Arguments&&... made_of) {
    for (entry const& e : entries_)
      if (e.tag == &tag<S>) return *static_cast<S*>(e.object.get());
    entries_.push_back({&tag<S>, std::make_shared<S>(std::forward<Arguments>(made_of)...)});
    return *static_cast<S*>(entries_.back().object.get());
  }

 private:
  template <class S>
  static inline char tag = 0;  // its address tells types apart
  struct entry {
    void* tag;
    std::shared_ptr<void> object;
  };
  std::vector<entry> entries_;
};

}  // namespace frcnn
FRCNN_HIDDEN_END
