#pragma once
// A training run on disk: parameters, momentum, where the schedule stands, and the arguments it was started with.
//
//   checkpoint/step-00000200/model.safetensors      the detector as of that step, a model file like any other
//   checkpoint/step-00000200/state.safetensors      momentum ("<parameter>", of those that learn), metadata: step, seed, arguments
//   checkpoint/step-00000200/data                   what the images were (data/fingerprint.hpp), where the run says so
// Random state is (seed, step): nothing else is drawn from. Written beside and renamed, the last two are kept (io/checkpoint_dir.hpp).
// A run resumed here ends in the same bytes as one that was never stopped.
#include "frcnn/data/fingerprint.hpp"
#include "frcnn/detector/model_file.hpp"
#include "frcnn/io/checkpoint_dir.hpp"
#include "frcnn/train/trainer.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

// arguments: whatever must be the same to go on ("--lr 0.01 ..."), by name. images: what is trained on; none: not compared.
template <class Preset, class Trainer>
void save_checkpoint(io::checkpoint_dir const& dir, detector<Preset> const& d, Trainer const& t,
                     std::map<std::string, std::string> const& arguments, data::fingerprint const& images = {}) {
  t.wait();
  dir.write(static_cast<std::uint64_t>(t.step()), [&](std::filesystem::path const& folder) {
    save(d, folder / "model.safetensors");
    io::safetensors_writer state;
    for (auto const& [key, value] : arguments) state.metadata["argument " + key] = value;
    state.metadata["step"] = std::to_string(t.step());
    state.metadata["seed"] = std::to_string(t.options().seed);
    using T = typename Trainer::T;
    for (auto const& e : d.model().parameters().entries()) {
      if (e.p->kind != param_kind::trained) continue;
      auto const shape = e.file_shape();
      state.add_later<T>(e.name, {shape.begin(), shape.end()}, [&t, &e] { return t.optimiser().get_velocity(e); });
    }
    state.write(folder / "state.safetensors");
    if (!images.images.empty()) io::write_file_atomically(folder / "data", data::to_text(images));
  });
}

namespace detail {
// Throws error that says how the images have changed. A checkpoint that does not tell is said through `warn`.
inline void check_images(io::checkpoint const& from, data::fingerprint const& now, data::warning_callback const& warn) {
  if (now.images.empty()) return;
  auto const path = from.path / "data";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    if (warn) warn(from.path.string() + " does not say which images it was trained on: that they are the same is not checked");
    return;
  }
  auto const changed = data::difference(data::fingerprint_in(io::read_file(path), path.string()), now);
  if (!changed.empty())
    throw error("--resume", "the images that the run in " + from.path.parent_path().string() + " was trained on", changed);
}

// What an argument of an older run is called now: the engine fast was `onednn`, and always had oneDNN.
inline std::string today(std::string const& key, std::string const& value) {
  return key == "--engine" && value == "onednn" ? "fast with oneDNN" : value;
}
}  // namespace detail

// Puts model and trainer where the checkpoint left them. Throws error, and changes nothing, where the images have changed, naming the
// first; where an argument or a number of the detector's spec differs, naming it; where the state is of another step or seed, or a tensor
// is missing or misshapen.
template <class Preset, class Trainer>
void load_checkpoint(io::checkpoint const& from, detector<Preset>& d, Trainer& t, std::map<std::string, std::string> const& arguments,
                     data::fingerprint const& images = {}, data::warning_callback const& warn = {}) {
  io::safetensors_file const model(from.path / "model.safetensors"), state(from.path / "state.safetensors");
  detail::check_images(from, images, warn);  // before the arguments, some of which follow from the images
  for (auto const& [key, value] : arguments) {
    auto const found = state.metadata().find("argument " + key);
    bool const given = found != state.metadata().end();
    std::string const then = given ? detail::today(key, found->second) : "not given";
    if (!given || then != value)
      throw error("--resume", "the arguments of the run in " + from.path.parent_path().string() + " (" + key + " " + then + ")",
                  key + " " + (value.empty() ? "not given" : value));
  }
  auto const changed = difference(detail::spec_of<Preset>(model), spec_writer(model.name()).write(d.config()));
  if (!changed.empty()) throw error("--resume", "the detector of the run in " + from.path.parent_path().string(), "another: " + changed);
  auto const compare = [&](char const* key, std::string const& expected) {
    if (state.metadata(key) != expected)
      throw error(state.name(), std::string(key) + " " + expected, std::string(key) + " " + state.metadata(key));
  };
  compare("step", std::to_string(from.step));
  compare("seed", std::to_string(t.options().seed));
  using T = typename Trainer::T;
  for (auto const& e : d.model().parameters().entries()) {
    model.check(e.name, e.file_shape());
    if (e.p->kind == param_kind::trained) state.check(e.name, e.file_shape());
  }
  read_parameters(model, d.model().parameters());
  for (auto const& e : d.model().parameters().entries()) {
    if (e.p->kind != param_kind::trained) continue;
    auto const shape = e.file_shape();
    t.optimiser().set_velocity(e, state.read<T>(e.name, {shape.begin(), shape.end()}));
  }
  t.seek(static_cast<std::int64_t>(from.step));
}

}  // namespace frcnn
FRCNN_HIDDEN_END
