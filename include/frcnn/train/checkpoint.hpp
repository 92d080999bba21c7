#pragma once
// A training run on disk: parameters, momentum, where the schedule stands, and the arguments it was started with.
//
//   checkpoint/step-00000200/model.safetensors      the detector as of that step, a model file like any other
//   checkpoint/step-00000200/state.safetensors      momentum ("<parameter>"), metadata: step, seed, arguments
// Random state is (seed, step): nothing else is drawn from. Written beside and renamed, the last two are kept (io/checkpoint_dir.hpp).
// A run resumed here ends in the same bytes as one that was never stopped.
#include "frcnn/detector/model_file.hpp"
#include "frcnn/io/checkpoint_dir.hpp"
#include "frcnn/train/trainer.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// arguments: whatever must be the same to go on ("--lr 0.01 ..."), by name.
template <class Preset, class Trainer>
void save_checkpoint(io::checkpoint_dir const& dir, detector<Preset> const& d, Trainer const& t, std::map<std::string, std::string> const& arguments) {
  dir.write(static_cast<std::uint64_t>(t.step()), [&](std::filesystem::path const& folder) {
    save(d, folder / "model.safetensors");
    io::safetensors_writer state;
    for (auto const& [key, value] : arguments) state.metadata["argument " + key] = value;
    state.metadata["step"] = std::to_string(t.step());
    state.metadata["seed"] = std::to_string(t.options().seed);
    using T = typename Trainer::T;
    for (auto const& e : d.model().parameters().entries()) {
      auto const shape = e.file_shape();
      state.add_later<T>(e.name, {shape.begin(), shape.end()}, [&t, &e] { return t.optimiser().get_velocity(e); });
    }
    state.write(folder / "state.safetensors");
  });
}

// Puts model and trainer where the checkpoint left them. Throws error naming the first argument that differs.
template <class Preset, class Trainer>
void load_checkpoint(io::checkpoint const& from, detector<Preset>& d, Trainer& t, std::map<std::string, std::string> const& arguments) {
  io::safetensors_file const model(from.path / "model.safetensors"), state(from.path / "state.safetensors");
  for (auto const& [key, value] : arguments) {
    auto const then = state.metadata().find("argument " + key);
    if (then == state.metadata().end() || then->second != value)
      throw error("--resume", "the arguments of the run in " + from.path.parent_path().string() + " (" + key + " " +
                                  (then == state.metadata().end() ? "not given" : then->second) + ")", key + " " + (value.empty() ? "not given" : value));
  }
  using T = typename Trainer::T;
  read_parameters(model, d.model().parameters());
  for (auto const& e : d.model().parameters().entries()) {
    auto const shape = e.file_shape();
    t.optimiser().set_velocity(e, state.read<T>(e.name, {shape.begin(), shape.end()}));
  }
  t.seek(static_cast<std::int64_t>(from.step));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
