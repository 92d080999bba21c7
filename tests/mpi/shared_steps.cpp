// Processes that share each batch are one process with the whole batch: 20 steps of the preset `small`, in double, over MPI.
//
//   mpirun -n 2 test_mpi_shared_steps       2 images a step: one for each process, against both in one process
// Network, sizes, initialisation and schedule are the preset's; images are small. Every parameter is compared, in parts of the largest value
// of its tensor, and every loss: within 1e-12. Status 0 where that is so, 1 and a sentence where it is not.
#include "../unit/detector/shared_process.hpp"
#include "frcnn/distributed/mpi.hpp"
#include "frcnn/presets/small.hpp"

#include <cstdio>

using namespace frcnn;
using namespace detector_tests;

namespace {

using preset = presets::small_net<cpu, double>;
using model = preset::model;
constexpr double tolerance = 1e-12;

std::unique_ptr<process<model>> begin(int batch, data::batch_share share = {}) {
  auto const o = preset::training();
  auto rate = o.rate;
  rate.steps = 20;
  auto made = preset::make(preset::config(pictures().classes()));
  made->parameters().initialise(3);
  return std::make_unique<process<model>>(std::move(made), trainer_options{.seed = 3, .rate = rate, .optimiser = o.optimiser}, batch,
                                          share);
}

// What is compared with one process, which is trained where the others wait.
void compare(process<model> const& shared, int processes) {
  auto const alone = begin(processes);
  auto const before = all_values(*alone->m);
  alone->t.run(alone->feed);
  auto const ours = all_values(*shared.m), theirs = all_values(*alone->m);
  double most = 0;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    auto const& name = alone->m->parameters().entries()[i].name;
    if (same_bits(theirs[i], before[i])) throw error(name, "a parameter that learns", "the values that it began with");
    double const off = apart(ours[i], theirs[i]);
    if (!(off <= tolerance))
      throw error(name, "the values of one process within 1e-12 of the largest", std::to_string(off / tolerance) + "e-12");
    most = std::max(most, off);
  }
  for (auto const& [what, off] : {std::pair("losses", apart(shared.losses, alone->losses)), {"norms", apart(shared.norms, alone->norms)}})
    if (!(off <= tolerance))
      throw error(what, "those of one process within 1e-12 of the largest", std::to_string(off / tolerance) + "e-12");
  std::printf("%d processes and one: %zu steps, %zu tensors, %.1e apart at most\n", processes, alone->norms.size(), theirs.size(), most);
}

void work(distributed::mpi_processes& processes) {
  distributed::mpi_communicator<cpu> sums(processes);
  communicator_ref<distributed::mpi_communicator<cpu>> others(sums);
  if (others.size() < 2) throw error("mpirun", "at least 2 processes", std::to_string(others.size()));
  auto const mine = begin(others.size(), {others.rank(), others.size()});
  mine->t.share(others);
  mine->t.run(mine->feed);

  auto const& store = mine->m->parameters();
  auto const here = store.read();
  std::vector<double> of_0(here.begin(), here.end());
  others.broadcast(mine->c, std::span<double>(of_0));
  if (!std::ranges::equal(of_0, here)) throw error("parameters", "those of process 0, in every bit", "others");
  if (others.rank() == 0) compare(*mine, others.size());
  others.barrier();
}

}  // namespace

int main() {
  distributed::mpi_processes processes;
  processes.watch(
      [&](distributed::process_end const& e) { processes.end_all([&] { std::fprintf(stderr, "process %d has ended\n", e.rank); }); });
  try {
    work(processes);
  } catch (std::exception const& e) {
    processes.end_all([&] { std::fprintf(stderr, "process %d: %s\n", processes.rank(), e.what()); });
  }
}
