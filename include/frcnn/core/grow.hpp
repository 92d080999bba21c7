#pragma once
// Memory that grows and forgets: the old block goes before the new one is made, since both at once would be the peak.
//
//   grow(memory, size, wanted, make)   where size < wanted: memory = make(), size = wanted
// Contents are lost where it grows, and stay where it does not. Where make() throws, memory is empty and size is 0.
//
// Example: grow(block, bytes, 4096, [&] { return c.allocate_host(4096); });
#include "frcnn/config.hpp"

#include <cstddef>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <class Memory, class Make>
void grow(Memory& memory, std::size_t& size, std::size_t wanted, Make const& make) {
  if (wanted <= size) return;
  size = 0;
  memory = Memory();
  memory = make();
  size = wanted;
}

}  // namespace frcnn
FRCNN_HIDDEN_END
