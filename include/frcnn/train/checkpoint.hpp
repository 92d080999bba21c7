#pragma once
// A training run on disk: parameters, momentum, where the run stands, and the arguments it was started with.
//
//   checkpoint/step-00000200/model.safetensors      the detector as of that step, a model file like any other
//   checkpoint/step-00000200/stage-1.safetensors    parameters of another model of the recipe, which that stage was the first to train
//   checkpoint/step-00000200/state.safetensors      momentum ("<parameter>", of those that learn), metadata: step, seed, arguments;
//                                                   stage, from the second on; notes of code that watches the run ("note <name>")
//   checkpoint/step-00000200/data                   what the images were (data/fingerprint.hpp), where the run says so
// The folder counts the steps of all stages, `step` those of the stage. A run is a recipe, or a trainer: a recipe of one stage, as is what
// says nothing of stages. Random state is (seed, step): nothing else is drawn from. Written beside and renamed, the last two are kept
// (io/checkpoint_dir.hpp). A run resumed here ends in the same bytes as one that was never stopped.
#include "frcnn/data/fingerprint.hpp"
#include "frcnn/detector/model_file.hpp"
#include "frcnn/io/checkpoint_dir.hpp"
#include "frcnn/train/recipe.hpp"

#include <algorithm>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

namespace detail {

// A run of one stage, as recipe shows it.
template <class Trainer>
struct lone_stage {
  Trainer& t;
  training_position position() const { return {0, t.step()}; }
  std::int64_t done() const { return t.step(); }
  std::int64_t before(std::size_t) const { return 0; }
  std::size_t size() const { return 1; }
  trainer_options const& options(std::size_t) const { return t.options(); }
  bool learns(std::size_t, auto const& e) const { return e.p->kind == param_kind::trained; }
  void go_to(training_position p) { t.seek(p.step); }
  template <class F>
  void with_trainer(F f) const {
    f(t);
  }
  template <class F>
  void for_each_model(std::size_t, F f) const {
    f(std::size_t{0}, t.model());
  }
  template <class F>
  void with_model(std::size_t, F f) const {
    f(t.model());
  }
};

// f(name of its file, model) for the models up to a stage that are not the detector's.
template <class Run, class Preset, class F>
void for_each_other_model(Run const& run, int stage, detector<Preset> const& d, F f) {
  run.for_each_model(static_cast<std::size_t>(stage), [&](std::size_t first, auto& model) {
    if (static_cast<void const*>(&model) != static_cast<void const*>(&d.model()))
      f("stage-" + std::to_string(first) + ".safetensors", model);
  });
}

constexpr char const* note = "note ";

template <class Preset, class Run>
void save_run(io::checkpoint_dir const& dir, detector<Preset> const& d, Run const& run, std::map<std::string, std::string> const& arguments,
              data::fingerprint const& images, std::map<std::string, std::string> const& notes) {
  run.with_trainer([](auto const& t) { t.wait(); });
  auto const at = run.position();
  dir.write(static_cast<std::uint64_t>(run.done()), [&](std::filesystem::path const& folder) {
    save(d, folder / "model.safetensors");
    for_each_other_model(run, at.stage, d, [&](std::string const& name, auto const& model) {
      io::safetensors_writer out;
      add_parameters(out, model.parameters());
      out.write(folder / name);
    });
    io::safetensors_writer state;
    for (auto const& [key, value] : arguments) state.metadata["argument " + key] = value;
    for (auto const& [key, value] : notes) state.metadata[note + key] = value;
    state.metadata["step"] = std::to_string(at.step);
    state.metadata["seed"] = std::to_string(run.options(static_cast<std::size_t>(at.stage)).seed);
    if (at.stage > 0) state.metadata["stage"] = std::to_string(at.stage);
    run.with_trainer([&](auto const& t) {
      using T = typename std::remove_cvref_t<decltype(t)>::T;
      for (auto const& e : t.model().parameters().entries()) {
        if (e.p->kind != param_kind::trained) continue;
        auto const shape = e.file_shape();
        state.add_later<T>(e.name, {shape.begin(), shape.end()}, [&t, &e] { return t.optimiser().get_velocity(e); });
      }
      state.write(folder / "state.safetensors");
    });
    if (!images.images.empty()) io::write_file_atomically(folder / "data", data::to_text(images));
  });
}

// How the images have changed, in words; empty: they have not. Nothing: they are not compared, which is said through `warn` where it is the
// checkpoint that does not tell.
inline std::optional<std::string> change_of_images(io::checkpoint const& from, data::fingerprint const& now,
                                                   data::warning_callback const& warn) {
  if (now.images.empty()) return {};
  auto const path = from.path / "data";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    if (warn) warn(from.path.string() + " does not say which images it was trained on: that they are the same is not checked");
    return {};
  }
  return data::difference(data::fingerprint_in(io::read_file(path), path.string()), now);
}

// Arguments that can be other because the images are.
inline bool follows_from_images(std::string const& argument) {
  constexpr std::string_view all[] = {"--anchors", "--classes", "--epochs or --iterations", "--ratios", "validation images"};
  return std::ranges::find(all, argument) != std::end(all);
}

// What an argument of an older run is called now: the engine fast was `onednn`, and always had oneDNN.
inline std::string today(std::string const& key, std::string const& value) {
  return key == "--engine" && value == "onednn" ? "fast with oneDNN" : value;
}

// Whether two lists of data, which blanks separate, are of the same places: "d:train" and "./d/:train".
inline bool same_data(std::string_view a, std::string_view b) {
  auto const next = [](std::string_view& list) {
    auto const spec = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(list.size(), spec.size() + 1));
    auto const colon = spec.rfind(':');
    std::error_code unknown;
    auto const root = std::filesystem::weakly_canonical(std::filesystem::absolute(spec.substr(0, colon), unknown), unknown);
    return std::pair((root.has_filename() ? root : root.parent_path()).string(),
                     colon == spec.npos ? std::string() : std::string(spec.substr(colon)));
  };
  while (!a.empty() && !b.empty())
    if (next(a) != next(b)) return false;
  return a.empty() && b.empty();
}

template <class Preset, class Run>
void load_run(io::checkpoint const& from, detector<Preset>& d, Run& run, std::map<std::string, std::string> const& arguments,
              data::fingerprint const& images, data::warning_callback const& warn) {
  io::safetensors_file const model(from.path / "model.safetensors"), state(from.path / "state.safetensors");
  auto const change = change_of_images(from, images, warn);
  std::string const other_images = change.value_or("");
  bool const same_images = change && change->empty();
  std::string const folder = from.path.parent_path().string();
  auto const refuse = [&](std::string const& key, std::string const& then, std::string const& now) {
    auto const said = [&](std::string const& value) { return key + " " + (value.empty() ? "not given" : value); };
    throw error("--resume", "the arguments of the run in " + folder + " (" + said(then) + ")",
                said(now) + (key == "--epochs or --iterations" ? "; a finished model is trained further by --init, in another --out" : ""));
  };
  for (char const* first : {"--preset", "--scheme"})  // what others follow from
    if (auto const now = arguments.find(first), then = state.metadata().find(std::string("argument ") + first);
        now != arguments.end() && then != state.metadata().end() && now->second != then->second)
      refuse(first, then->second, now->second);
  std::string moved;  // data at another place
  for (auto const& [key, value] : arguments) {
    if (!other_images.empty() && follows_from_images(key)) continue;
    auto const found = state.metadata().find("argument " + key);
    bool const given = found != state.metadata().end();
    std::string const then = given ? today(key, found->second) : "";
    if (given && then == value) continue;
    bool const is_data = given && (key == "--data" || key == "--val");
    if (is_data && same_data(then, value)) continue;
    if (!is_data || !same_images) refuse(key, then, value);
    moved += (moved.empty() ? "" : ", ") + key + " was " + then;  // of --val's images "validation images" tells
  }
  if (!moved.empty() && warn) warn(moved + ": images, sizes and objects are the same now, and the run goes on with them");
  for (auto const& [key, value] : state.metadata())  // what is an argument only where it is given
    if (std::string const prefix = "argument "; key.starts_with(prefix) && !arguments.contains(key.substr(prefix.size())))
      refuse(key.substr(prefix.size()), value, "");
  if (!other_images.empty()) throw error("--resume", "the images that the run in " + folder + " was trained on", other_images);
  auto const changed = difference(spec_of<Preset>(model), spec_writer(model.name()).write(d.config()));
  if (!changed.empty()) throw error("--resume", "the detector of the run in " + folder, "another: " + changed);
  auto const compare = [&](char const* key, std::string const& expected) {
    if (state.metadata(key) != expected)
      throw error(state.name(), std::string(key) + " " + expected, std::string(key) + " " + state.metadata(key));
  };
  std::size_t stage = 0;
  while (stage < run.size() && state.metadata().contains("stage") && state.metadata("stage") != std::to_string(stage)) ++stage;
  if (stage == run.size())
    throw error(state.name(), "a stage from 0 to " + std::to_string(run.size() - 1), "stage " + state.metadata("stage"));
  auto const step = static_cast<std::int64_t>(from.step) - run.before(stage);
  if (state.metadata("step") != std::to_string(step))
    throw error(from.path.string(), "step " + std::to_string(step) + ", as its name says",
                "step " + state.metadata("step") + " (a copied or renamed checkpoint; without it the last one before is taken)");
  compare("seed", std::to_string(run.options(stage).seed));
  for (auto const& e : d.model().parameters().entries()) model.check(e.name, e.file_shape());
  run.with_model(stage, [&](auto const& trained) {
    for (auto const& e : trained.parameters().entries())
      if (run.learns(stage, e)) state.check(e.name, e.file_shape());
  });
  std::vector<std::unique_ptr<io::safetensors_file>> others;  // all are checked before any is read
  for_each_other_model(run, static_cast<int>(stage), d, [&](std::string const& name, auto const& other) {
    others.push_back(std::make_unique<io::safetensors_file>(from.path / name));
    for (auto const& e : other.parameters().entries()) others.back()->check(e.name, e.file_shape());
  });

  read_parameters(model, d.model().parameters());
  std::size_t next = 0;
  for_each_other_model(run, static_cast<int>(stage), d,
                       [&](std::string const&, auto& other) { read_parameters(*others[next++], other.parameters()); });
  run.go_to({static_cast<int>(stage), step});
  run.with_trainer([&](auto& t) {
    using T = typename std::remove_cvref_t<decltype(t)>::T;
    for (auto const& e : t.model().parameters().entries()) {
      if (e.p->kind != param_kind::trained) continue;
      auto const shape = e.file_shape();
      t.optimiser().set_velocity(e, state.read<T>(e.name, {shape.begin(), shape.end()}));
    }
  });
}

}  // namespace detail

// arguments: whatever must be the same to go on ("--lr 0.01 ..."), by name. images: what is trained on; none: not compared. notes: of the
// caller, which notes_of() gives back. The detector's model has values from the first stage on, even where only a later one trains it.
template <class Preset, class... Models>
void save_checkpoint(io::checkpoint_dir const& dir, detector<Preset> const& d, recipe<Models...> const& run,
                     std::map<std::string, std::string> const& arguments, data::fingerprint const& images = {},
                     std::map<std::string, std::string> const& notes = {}) {
  detail::save_run(dir, d, run, arguments, images, notes);
}
template <class Preset, class Model>
void save_checkpoint(io::checkpoint_dir const& dir, detector<Preset> const& d, trainer<Model> const& t,
                     std::map<std::string, std::string> const& arguments, data::fingerprint const& images = {},
                     std::map<std::string, std::string> const& notes = {}) {
  detail::save_run(dir, d, detail::lone_stage<trainer<Model> const>{t}, arguments, images, notes);
}

inline std::map<std::string, std::string> notes_of(io::checkpoint const& from) {
  io::safetensors_file const state(from.path / "state.safetensors");
  std::map<std::string, std::string> notes;
  std::string const prefix = detail::note;
  for (auto const& [key, value] : state.metadata())
    if (key.starts_with(prefix)) notes[key.substr(prefix.size())] = value;
  return notes;
}

// Puts models and run where the checkpoint left them. Throws error, and changes nothing, where an argument or a number of the detector's
// spec differs, naming it; where the images have changed, naming the first; where the state is of another stage, step or seed, or a tensor
// is missing or misshapen.
template <class Preset, class... Models>
void load_checkpoint(io::checkpoint const& from, detector<Preset>& d, recipe<Models...>& run,
                     std::map<std::string, std::string> const& arguments, data::fingerprint const& images = {},
                     data::warning_callback const& warn = {}) {
  detail::load_run(from, d, run, arguments, images, warn);
}
template <class Preset, class Model>
void load_checkpoint(io::checkpoint const& from, detector<Preset>& d, trainer<Model>& t,
                     std::map<std::string, std::string> const& arguments, data::fingerprint const& images = {},
                     data::warning_callback const& warn = {}) {
  detail::lone_stage<trainer<Model>> run{t};
  detail::load_run(from, d, run, arguments, images, warn);
}

}  // namespace frcnn
FRCNN_HIDDEN_END
