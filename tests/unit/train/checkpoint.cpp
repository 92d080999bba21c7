#include "frcnn/train/checkpoint.hpp"

#include "../detector/narrow_preset.hpp"
#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

using preset = narrow_preset<cpu>;
using model = preset::model;
using arguments = std::map<std::string, std::string>;

arguments const told{{"lr", "0.001"}, {"data", "some/folder"}, {"init", ""}};

struct run {
  detector<preset> d;
  cpu::context c{2};
  trainer<model> t;
  explicit run(std::uint64_t seed, std::int64_t steps = 10)
      : d(preset::config(), 2),
        t(d.model(), c, empty_input<model>(),
          {.seed = seed,
           .rate = {.lr = .001, .warmup = 3, .steps = steps, .drops = {.6}},
           .optimiser = {.clip_norm = 10},
           .accumulate = 2}) {
    liven(d.model());
  }
  std::vector<std::vector<float>> velocities() const {
    std::vector<std::vector<float>> all;
    for (auto const& e : d.model().parameters().entries()) all.push_back(t.optimiser().get_velocity(e));
    return all;
  }
};

memory_feed const pictures(memory_feed::eight_sizes());

io::checkpoint latest(io::checkpoint_dir const& dir) {
  auto const found = dir.latest();
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("a resumed run ends in the bits of one that was never stopped") {
  ::scratch folder;
  run whole(4);
  whole.t.run(pictures);

  io::checkpoint_dir const dir(folder / "checkpoint");
  {
    run first(4);
    std::stop_source stop;
    first.t.hooks.after_step = [&](std::int64_t done) {
      if (done != 5) return;
      first.t.flush();
      save_checkpoint(dir, first.d, first.t, told);
      stop.request_stop();
    };
    first.t.run(pictures, stop.get_token());
  }
  run second(4);
  second.d.model().parameters().initialise(99);  // whatever was there before does not matter
  load_checkpoint(latest(dir), second.d, second.t, told);
  CHECK(second.t.step() == 5);
  std::vector<std::int64_t> steps;
  second.t.hooks.on_step = [&](step_report const& r) { steps.push_back(r.step); };
  CHECK(second.t.run(pictures));
  CHECK(steps == std::vector<std::int64_t>{5, 6, 7, 8, 9});
  CHECK(same_bits(all_values(second.d.model()), all_values(whole.d.model())));
  CHECK(same_bits(second.velocities(), whole.velocities()));

  // Without the momentum it would not: the comparison sees it.
  run third(4);
  load_checkpoint(latest(dir), third.d, third.t, told);
  for (auto const& e : third.d.model().parameters().entries()) third.t.optimiser().set_velocity(e, std::vector<float>(e.p->size()));
  third.t.run(pictures);
  CHECK_FALSE(same_bits(all_values(third.d.model()), all_values(whole.d.model())));
}

TEST_CASE("notes lie beside the state, are no arguments, and come back") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, told);
  CHECK(notes_of(latest(dir)).empty());
  arguments const notes{{"best", "0.25"}, {"argument lr", "7"}};
  save_checkpoint(dir, r.d, r.t, told, {}, notes);
  CHECK(notes_of(latest(dir)) == notes);
  run other(4);
  load_checkpoint(latest(dir), other.d, other.t, told);
  CHECK(other.t.step() == 2);
}

TEST_CASE("equal runs write equal bytes") {
  ::scratch folder;
  for (char const* name : {"a", "b"}) {
    run r(4, 3);
    r.t.run(pictures);
    save_checkpoint(io::checkpoint_dir(folder / name), r.d, r.t, told);
  }
  for (char const* file : {"model.safetensors", "state.safetensors"}) {
    auto const a = io::read_file(latest(io::checkpoint_dir(folder / "a")).path / file),
               b = io::read_file(latest(io::checkpoint_dir(folder / "b")).path / file);
    CHECK(a.size() > 1000);
    CHECK(a == b);
  }
}

TEST_CASE("other arguments are refused, and named") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, told);
  auto const resumed = [&](arguments const& now) {
    run other(4);
    return sentence([&] { load_checkpoint(latest(dir), other.d, other.t, now); });
  };
  CHECK(resumed(told) == "nothing");
  auto changed = told;
  changed["lr"] = "0.1";
  CHECK(resumed(changed).starts_with("--resume: expected the arguments of the run in"));
  CHECK(resumed(changed).ends_with("(lr 0.001), found lr 0.1"));
  changed = told;
  changed["batch"] = "4";
  CHECK(resumed(changed).ends_with("(batch not given), found batch 4"));
  changed = told;
  changed.erase("lr");
  CHECK(resumed(changed).ends_with("(lr 0.001), found lr not given"));
}

TEST_CASE("a run of the engine that was called onednn goes on where oneDNN is, and only there") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, {{"--engine", "onednn"}});
  auto const resumed = [&](std::string const& engine) {
    run other(4);
    return sentence([&] { load_checkpoint(latest(dir), other.d, other.t, {{"--engine", engine}}); });
  };
  CHECK(resumed("fast with oneDNN") == "nothing");
  CHECK(resumed("fast").ends_with("(--engine fast with oneDNN), found --engine fast"));
  CHECK(resumed("portable").ends_with("(--engine fast with oneDNN), found --engine portable"));
}

TEST_CASE("a state of another seed or step is refused") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, told);
  run other(5);
  auto const state = (latest(dir).path / "state.safetensors").string();
  CHECK(sentence([&] { load_checkpoint(latest(dir), other.d, other.t, told); }) == state + ": expected seed 5, found seed 4");
  auto renamed = latest(dir);
  renamed.step = 7;
  run same(4);
  CHECK(sentence([&] { load_checkpoint(renamed, same.d, same.t, told); }) ==
        renamed.path.string() +
            ": expected step 7, as its name says, found step 2 (a copied or renamed checkpoint; without it the last one before is taken)");
  CHECK(same.t.step() == 0);
}

TEST_CASE("other images than the run's are refused before its arguments, and the first is named") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  data::fingerprint images{{{"a", 640, 480, 3, 77}, {"b", 640, 480, 1, 78}}};
  save_checkpoint(dir, r.d, r.t, told, images);
  std::vector<std::string> warnings;
  auto const resumed = [&](arguments const& now, data::fingerprint const& seen) {
    run other(4);
    return sentence(
        [&] { load_checkpoint(latest(dir), other.d, other.t, now, seen, [&](std::string const& w) { warnings.push_back(w); }); });
  };
  CHECK(resumed(told, images) == "nothing");
  CHECK(resumed(told, {}) == "nothing");  // a program that does not ask
  auto more = images;
  more.images.push_back({"c", 640, 480, 1, 78});
  // An argument that changed by itself is named before them, one that follows from them is not.
  auto other_rate = told, more_steps = told;
  other_rate["lr"] = "1";
  more_steps["--epochs or --iterations"] = "3";
  CHECK(resumed(other_rate, more).find("found lr 1") != std::string::npos);
  CHECK(resumed(more_steps, more) == "--resume: expected the images that the run in " + (folder / "checkpoint").string() +
                                         " was trained on, found 1 image that differs: 'c' is new");
  CHECK(warnings.empty());

  // Data at another place: where its images are the same.
  auto elsewhere = told;
  elsewhere["--data"] = "b";
  auto here = told;
  here["--data"] = "a";
  save_checkpoint(dir, r.d, r.t, here, images);
  CHECK(resumed(elsewhere, images) == "nothing");
  CHECK(warnings == std::vector<std::string>{"--data was a: images, sizes and objects are the same now, and the run goes on with them"});
  warnings.clear();
  CHECK(resumed(elsewhere, more).ends_with("(--data a), found --data b"));
  CHECK(resumed(elsewhere, {}).ends_with("(--data a), found --data b"));
  CHECK(warnings.empty());

  // A checkpoint from before there was such a thing.
  save_checkpoint(dir, r.d, r.t, told);
  CHECK(resumed(told, images) == "nothing");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].ends_with("step-00000002 does not say which images it was trained on: that they are the same is not checked"));
}

TEST_CASE("a refused checkpoint leaves the model as it was") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, told);
  run other(5);
  auto const before = all_values(other.d.model());
  auto changed = told;
  changed["lr"] = "1";
  CHECK_THROWS_AS(load_checkpoint(latest(dir), other.d, other.t, changed), error);
  CHECK(same_bits(all_values(other.d.model()), before));
  CHECK(other.t.step() == 0);
}

TEST_CASE("the model of a checkpoint is a model file like any other") {
  ::scratch folder;
  io::checkpoint_dir const dir(folder / "checkpoint");
  run r(4, 2);
  r.t.run(pictures);
  save_checkpoint(dir, r.d, r.t, told);
  auto const d = load<preset>(latest(dir).path / "model.safetensors", 1);
  CHECK(same_bits(all_values(d.model()), all_values(r.d.model())));
  CHECK(d.classes() == preset::config().classes);
}
