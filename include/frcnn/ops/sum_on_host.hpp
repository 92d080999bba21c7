#pragma once
// Numbers of the host, summed over processes: counts, losses, lists of detections. A communicator sums memory of the device.
//
//   sum_on_host<B>(c, others, values)    values[i] becomes its sum over all processes. Waits, and throws what others.check() throws
#include "frcnn/concepts/communicator.hpp"
#include "frcnn/core/buffer.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

template <Backend B>
void sum_on_host(typename B::context& c, any_communicator<B>& others, std::span<double> values) {
  if constexpr (B::in_host_memory) {
    others.sum(c, values);
    others.settle(c);
  } else if (!values.empty()) {
    buffer<double, B> const there(c, values.size());
    c.copy_in(there.data(), values.data(), values.size_bytes());
    others.sum(c, std::span<double>(there.data(), values.size()));
    others.settle(c);
    c.copy_out(values.data(), there.data(), values.size_bytes());
    c.wait();
  }
  others.check();
}

}  // namespace frcnn
FRCNN_HIDDEN_END
