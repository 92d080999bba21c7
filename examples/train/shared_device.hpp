#pragma once
// Who shares the steps of a training: mpirun's processes, by MPI where they train on the CPU, by NCCL where each has a GPU.
#include "../console/devices.hpp"
#include "processes.hpp"

#include <algorithm>

#if FRCNN_COMPILED_CUDA && FRCNN_HAS_NCCL && FRCNN_HAS_MPI
#include <frcnn/backend/cuda/nccl.cuh>
#define FRCNN_SHARES_GPUS 1
#else
#define FRCNN_SHARES_GPUS 0
#endif

namespace console {

// Before anything else is done: what processes that train together compute with. Throws error where they cannot.
inline void share_device(compute_arguments& compute, [[maybe_unused]] processes const& team) {
  if (!team.are_several() || !compute.is_cuda()) return;
#if FRCNN_SHARES_GPUS
  compute.take_device(frcnn::device_of_process(team.rank_here(), frcnn::visible_cuda_devices()));
  auto ids = team.gather_here(frcnn::cuda_device_id(compute.device_number()));
  std::ranges::sort(ids);
  if (std::ranges::adjacent_find(ids) != ids.end())
    throw frcnn::error("--device", "a GPU for each process of this machine", "one GPU for several");
#else
  throw frcnn::error("--device", "cpu: this build has no NCCL, by which processes share steps on GPUs (FRCNN_NCCL=ON)", compute.device());
#endif
}

// context and team outlive it.
template <frcnn::Backend B>
class shared_device {
 public:
  shared_device(processes& team, typename B::context&) : team_(team) {}
  // Null where there is one process alone.
  frcnn::any_communicator<B>* communicator() { return team_.communicator(); }

 private:
  processes& team_;
};

#if FRCNN_COMPILED_CUDA
template <>
class shared_device<frcnn::cuda> {
 public:
#if FRCNN_SHARES_GPUS
  shared_device(processes& team, frcnn::cuda::context& c) {
    if (!team.are_several()) return;
    sums_.emplace(c, team.by_mpi(), team.host(), frcnn::nccl_options{.failed = [&team](frcnn::error const& e) { team.end_all(e.what()); }});
    erased_.emplace(*sums_);
  }
  frcnn::any_communicator<frcnn::cuda>* communicator() { return erased_ ? &*erased_ : nullptr; }

 private:
  std::optional<frcnn::nccl_communicator> sums_;
  std::optional<frcnn::communicator_ref<frcnn::nccl_communicator>> erased_;
#else
  shared_device(processes&, frcnn::cuda::context&) {}
  frcnn::any_communicator<frcnn::cuda>* communicator() { return nullptr; }
#endif
};
#endif

}  // namespace console
