// load, save, detect, checkpoints and options with arguments nobody should give: each returns or throws frcnn::error, and the detector
// works on as before.
#include "fuzz.hpp"

#include "../unit/detector/narrow_preset.hpp"
#include "frcnn/load.hpp"
#include "frcnn/train/checkpoint.hpp"
#include "frcnn/viz.hpp"

using namespace detector_tests;
using preset = narrow_preset<cpu>;

namespace {

image grey(int w, int h) {
  image im(w, h);
  for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
  return im;
}

detector<preset> lively() {
  detector<preset> d(preset::config(), 1);
  liven(d.model());
  return d;
}

}  // namespace

TEST_CASE("fuzz: model files") {
  fuzz::folder const folder;
  auto const d = lively();
  save(d, folder.path / "good.safetensors");
  std::string const good = io::read_file(folder.path / "good.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, good.data(), 8);
  auto const header = good.substr(8, length), tensors = good.substr(8 + length);
  auto const im = grey(70, 60);
  std::size_t loaded = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(600); ++round) {
    fuzz::dice dice(round);
    // The header is where the sense is; its length is put right.
    std::string const text = dice.changed(header);
    std::uint64_t const size = text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    auto const file = folder.put("m.safetensors", bytes + text + tensors);
    fuzz::allowed(round, [&] {
      auto const other = load<preset>(file, 1, dice.one_in(2) ? model_weights::mapped : model_weights::read);
      ++loaded;
      (void)other.detect(im);
    });
  }
  CHECK(loaded > 0);
  std::filesystem::path const with_zero = folder.path / std::string("a\0b", 3);
  for (std::filesystem::path const& path :
       {std::filesystem::path(), std::filesystem::path("/"), std::filesystem::path("/dev/null"), std::filesystem::path("/dev/null/x"),
        std::filesystem::path("/proc/self/mem"), with_zero, std::filesystem::path("nowhere/m.safetensors")}) {
    fuzz::allowed(0, [&] { (void)load<preset>(path, 1); });
    fuzz::allowed(0, [&] { save(d, path == "/dev/null" ? "/dev/null/y" : path); });
  }
  fuzz::allowed(0, [&] { save(d, folder.path / std::string(300, 'x')); });
  fuzz::allowed(0, [&] { (void)load<preset>(folder.path / std::string(300, 'x')); });
}

TEST_CASE("fuzz: configurations: what can be saved can be loaded") {
  fuzz::folder const folder;
  auto const path = folder.path / "m.safetensors";
  std::size_t saved = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(600); ++round) {
    fuzz::dice dice(round);
    auto config = preset::config();
    for (std::size_t n = 1 + dice.below(2); n-- > 0;) switch (dice.below(8)) {
        case 0: config.short_side = dice.integer(); break;
        case 1: config.max_side = dice.integer(); break;
        case 2: config.anchor_sizes[0][dice.below(3)] = dice.real(); break;
        case 3: config.anchor_ratios[dice.below(3)] = dice.real(); break;
        case 4: config.classes[dice.below(3)] = dice.changed("disc"); break;
        case 5: config.normalisation.mean[dice.below(3)] = dice.real(); break;
        case 6: config.normalisation.deviation[dice.below(3)] = dice.real(); break;
        default: (dice.one_in(2) ? config.normalisation.range : config.anchor_ratios[0]) = dice.real();
      }
    bool const written = fuzz::allowed(round, [&] {
      detector<preset> d(config, 1);
      liven(d.model());
      save(d, path);
    });
    if (!written) continue;
    ++saved;
    try {
      auto const back = load<preset>(path, 1);
      CHECK(back.classes() == config.classes);
    } catch (error const& e) {
      FAIL_CHECK("round " << round << ": saved and not loaded: " << std::string(e.what()));
    }
  }
  CHECK(saved > 0);
}

TEST_CASE("fuzz: detect: images and options") {
  auto const d = lively();
  auto const im = grey(70, 60);
  auto const expected = d.detect(im);
  detector<preset>::session session(d);
  std::size_t detected = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(300); ++round) {
    fuzz::dice dice(round);
    detect_options o;
    if (dice.one_in(2)) o.score = static_cast<float>(dice.real());
    if (dice.one_in(2)) o.nms = dice.real();
    if (dice.one_in(2)) o.max_detections = dice.integer();
    detected += fuzz::allowed(round, [&] {
      for (auto const& hit : d.detect(im, o)) CHECK((1 <= hit.label && hit.label <= 3 && is_finite(hit.score)));
    });
    image_view view = im;
    if (dice.one_in(2)) view.width = dice.of({0, -1, 1, 2, 69, std::numeric_limits<int>::min()});
    if (dice.one_in(2)) view.height = dice.of({0, -1, 1, 2, 59, std::numeric_limits<int>::min()});
    if (dice.one_in(3))
      view.row_stride = dice.of(
          {std::ptrdiff_t{0}, std::ptrdiff_t{1}, std::ptrdiff_t{-210}, std::ptrdiff_t{210}, std::numeric_limits<std::ptrdiff_t>::min()});
    if (dice.one_in(4)) view.format = static_cast<pixel_format>(dice.below(256));
    if (dice.one_in(8)) view.data = nullptr;
    bool const inside = view.data && (view.row_stride == 0 || view.row_stride == 210) && view.width <= 70 && view.height <= 60;
    if (!inside && view.data && view.row_stride < 0) continue;  // rows before the first: the caller's pixels, wherever they are
    fuzz::allowed(round, [&] { (void)d.detect(session, view); });
    if (round % 50 == 0) CHECK(d.detect(session, im) == expected);
  }
  CHECK(detected > 0);
  CHECK(d.detect(im) == expected);
  CHECK(d.detect(session, im) == expected);
  for (int const threads : {-1, 100000, std::numeric_limits<int>::min()})
    fuzz::allowed(0, [&] { detector<preset>::session s(d, threads); });
}

TEST_CASE("fuzz: a checkpoint's state") {
  fuzz::folder const folder;
  cpu::context c(1);
  auto d = lively();
  trainer<preset::model> t(d.model(), c, empty_input<preset::model>(), {.seed = 3});
  std::map<std::string, std::string> const told{{"lr", "1"}};
  io::checkpoint_dir const dir(folder.path / "checkpoint");
  save_checkpoint(dir, d, t, told, {{{"a", 1, 1, 1, 1}}});
  auto const last = dir.latest();
  REQUIRE(last);
  std::string const state = io::read_file(last->path / "state.safetensors");
  for (std::uint64_t round = 0; round < fuzz::rounds(300); ++round) {
    fuzz::dice dice(round);
    std::uint64_t length = 0;
    std::memcpy(&length, state.data(), 8);
    std::string const text = dice.changed(state.substr(8, length));
    std::uint64_t const size = text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    io::write_file_atomically(last->path / "state.safetensors", bytes + text + state.substr(8 + length));
    fuzz::allowed(round, [&] { load_checkpoint(*last, d, t, told, {{{"a", 1, 1, 1, 1}}}); });
  }
}

TEST_CASE("a curve whose values differ in their last bits is drawn") {  // its ticks never arrived at the end
  viz::chart_series const flat{.name = "loss", .x = {0, 1, 2}, .y = {1.0, 1.0000000000000002, 1.0}};
  CHECK(viz::line_chart({.title = "Losses", .x_label = "step", .y_label = "loss"}, std::span(&flat, 1)).ends_with("</svg>\n"));
}

TEST_CASE("fuzz: pictures of detections") {
  std::vector<std::string> const names{"disc", "bar"};
  for (std::uint64_t round = 0; round < fuzz::rounds(500); ++round) {
    fuzz::dice dice(round);
    image im = grey(40, 30);
    auto const corner = [&] { return static_cast<float>(dice.real()); };
    std::vector<detection> const found{{{corner(), corner(), corner(), corner()}, corner(), dice.integer()}, {{1, 2, 30, 20}, .5f, 1}};
    fuzz::allowed(round, [&] { viz::draw_detections(im, found, names); });
    fuzz::allowed(round, [&] {
      (void)viz::line_chart(
          {.title = dice.changed("title"), .x_label = "x", .y_label = "y"},
          std::vector{viz::chart_series{.name = dice.changed("name"), .x = {0, dice.real(), 2}, .y = {dice.real(), 1, dice.real()}}});
    });
  }
}
