// Readers on changed files: whatever the bytes are, a reader of ours returns or throws frcnn::error.
#include "fuzz.hpp"

#include "frcnn/data.hpp"
#include "frcnn/data/fingerprint.hpp"
#include "frcnn/eval.hpp"
#include "frcnn/io.hpp"
#include "frcnn/train/metrics_file.hpp"

using namespace frcnn;

TEST_CASE("fuzz: safetensors") {
  fuzz::folder const folder;
  io::safetensors_writer out;
  out.metadata["preset"] = "small";
  out.add<float>("a.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  out.add<std::int32_t>("b", {3}, {1, 2, 3});
  out.add<double>("c", {0}, {});
  out.write(folder.path / "good.safetensors");
  std::string const good = io::read_file(folder.path / "good.safetensors");
  std::size_t opened = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(4000); ++round) {
    auto const bytes = fuzz::dice(round).changed(good);
    fuzz::allowed(round, [&] {
      io::safetensors_file const file("fuzz", std::as_bytes(std::span(bytes)));
      ++opened;
      for (auto const& [name, tensor] : file.tensors()) (void)file.read<float>(name);
      for (auto const& [name, tensor] : file.tensors()) (void)file.read<std::uint8_t>(name);
    });
  }
  CHECK(opened > 0);
}

TEST_CASE("fuzz: a checkpoint's folder") {
  fuzz::folder const folder;
  io::checkpoint_dir const dir(folder.path / "checkpoint");
  for (std::uint64_t const step : {3, 6})
    dir.write(step, [](std::filesystem::path const& at) { io::write_file_atomically(at / "data", "some bytes\n"); });
  auto const manifest = folder.path / "checkpoint/step-00000006/manifest";
  std::string const good = io::read_file(manifest);
  for (std::uint64_t round = 0; round < fuzz::rounds(1000); ++round) {
    folder.put("checkpoint/step-00000006/manifest", fuzz::dice(round).changed(good));
    fuzz::allowed(round, [&] {
      auto const last = dir.latest();
      CHECK(last);
    });
  }
  // What lies there under names of checkpoints.
  for (char const* name : {"checkpoint/step-99999999999999999999/x", "checkpoint/step-00000007", "checkpoint/step-00000008/manifest/x",
                           "checkpoint/step-00000009.part", "checkpoint/step-00000010.old/x"}) {
    CAPTURE(name);
    folder.put(name, "x");
    fuzz::allowed(0, [&] { (void)dir.latest(); });
    fuzz::allowed(0, [&] { dir.write(6, [](std::filesystem::path const& at) { io::write_file_atomically(at / "data", "x"); }); });
  }
  for (char const* root : {"", "/dev/null", "/dev/null/x", "/proc/self/mem"}) {
    CAPTURE(root);
    io::checkpoint_dir const none{root};
    fuzz::allowed(0, [&] { (void)none.latest(); });
    fuzz::allowed(0, [&] { none.write(1, [](std::filesystem::path const& at) { io::write_file_atomically(at / "data", "x"); }); });
  }
  io::checkpoint_dir const long_name{folder.path / std::string(300, 'x')};
  fuzz::allowed(0, [&] { (void)long_name.latest(); });
  fuzz::allowed(0, [&] { long_name.write(1, [](std::filesystem::path const&) {}); });
  std::filesystem::remove_all("step-00000001");
}

TEST_CASE("fuzz: texts of a run") {
  fuzz::folder const folder;
  std::string const images = "frcnn data 1\n640 480 2 12345678901234567890 a\n320 200 0 7 b c\n";
  std::string const metrics = "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n";
  for (std::uint64_t round = 0; round < fuzz::rounds(1500); ++round) {
    fuzz::dice d(round);
    auto const text = d.changed(images);
    fuzz::allowed(round, [&] { (void)data::difference(data::fingerprint_in(images, "good"), data::fingerprint_in(text, "fuzz")); });
    if (round % 5) continue;
    auto const path = folder.put("metrics.jsonl", d.changed(metrics));
    fuzz::allowed(round, [&] {
      metrics_file file(path);
      file.cut_back_to(1);
      file.write(3, {{"loss", d.real()}});
    });
  }
  for (auto const& path : {std::filesystem::path("/dev/null/x"), folder.path, folder.path / std::string(300, 'x'), std::filesystem::path()})
    fuzz::allowed(0, [&] { metrics_file file(path); });
}

TEST_CASE("fuzz: result files") {
  fuzz::folder const folder;
  std::vector<std::string> const ids{"a", "b", "c"}, classes{"cat", "dog"};
  eval::voc_results const where{folder.path / "results", "test"};
  std::vector<std::vector<detection>> const found{{{{1, 2, 3, 4}, .5f, 1}}, {}, {{{1, 2, 3, 4}, .25f, 1}, {{1, 2, 3, 4}, .5f, 2}}};
  eval::write_voc_results(where, ids, found, classes);
  std::string const good = io::read_file(where.file("cat"));
  for (std::uint64_t round = 0; round < fuzz::rounds(1000); ++round) {
    fuzz::dice d(round);
    std::ofstream(where.file("cat"), std::ios::binary) << d.changed(good);
    fuzz::allowed(round, [&] { (void)eval::read_voc_results(where, ids, classes, [](std::string const&) {}); });
    // And numbers that a detector of somebody's own may report.
    auto other = found;
    auto& hit = other[0][0];
    hit = {{static_cast<float>(d.real()), static_cast<float>(d.real()), static_cast<float>(d.real()), static_cast<float>(d.real())},
           static_cast<float>(d.real()),
           d.integer()};
    fuzz::allowed(round, [&] { eval::write_voc_results({folder.path / "own", "test"}, ids, other, classes); });
    std::vector<std::vector<eval::truth_box>> truth(other.size());
    truth[0].push_back({hit.where, d.integer(), false});
    fuzz::allowed(round, [&] {
      (void)eval::evaluate_voc(other, truth, d.of({0, 1, 2, 3}), {d.of({eval::ap_metric::area, eval::ap_metric::voc07})});
    });
  }
}

TEST_CASE("fuzz: annotations, lists and a whole folder") {
  fuzz::folder const folder;
  image const picture(40, 30);
  std::string const xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<annotation><size><width>40</width><height>30</height><depth>3</depth></size>\n"
      "<object><name>cat</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20.5</xmax><ymax>25</ymax></bndbox></"
      "object>\n"
      "<object><name>dog</name><part><name>head</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>25</ymax></bndbox></part>"
      "<bndbox><xmin>4</xmin><ymin>3</ymin><xmax>9</xmax><ymax>12</ymax></bndbox></object></annotation>\n";
  std::string const list = "a\nb 2\nc\n";
  for (auto const* id : {"a", "b 2", "c"}) {
    folder.put("voc/JPEGImages/" + std::string(id) + ".png", data::encode_png(picture));
    folder.put("voc/Annotations/" + std::string(id) + ".xml", xml);
  }
  folder.put("voc/ImageSets/Main/trainval.txt", list);
  std::size_t whole = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(1500); ++round) {
    fuzz::dice d(round);
    auto const file = folder.put("voc/Annotations/b 2.xml", d.changed(xml));
    fuzz::allowed(round, [&] { (void)data::read_voc_annotation(file); });
    if (round % 5) continue;
    folder.put("voc/ImageSets/Main/trainval.txt", d.one_in(2) ? list : d.changed(list));
    whole += fuzz::allowed(round, [&] {
      data::voc_options options;
      options.threads = 1;
      options.skip_bad = d.one_in(2);
      options.wanted = d.one_in(2) ? data::annotations::required : data::annotations::optional;
      if (d.one_in(4)) options.classes = {"cat", d.changed("dog")};
      auto const set = data::read_voc({data::parse_voc_spec((folder.path / "voc").string())}, options);
      for (auto const& s : set.samples)
        for (auto const& o : s.objects) CHECK((0 <= o.where.x1 && o.where.x1 < o.where.x2 && o.where.x2 <= 40 && o.label > 0));
    });
  }
  CHECK(whole > 0);
  for (std::uint64_t round = 0; round < fuzz::rounds(300); ++round) {
    auto const text = fuzz::dice(round).changed("VOC2007:trainval");
    fuzz::allowed(round, [&] { (void)data::parse_voc_spec(text); });
    fuzz::allowed(round, [&] { (void)data::parse_class_list(text); });
    if (text.find('\0') == std::string::npos) fuzz::allowed(round, [&] { (void)data::read_voc({data::parse_voc_spec(text)}); });
  }
}

TEST_CASE("fuzz: images") {
  image picture(24, 17);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i * 37);
  std::string const bmp = [&] {
    std::string b("BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0", 30);
    b.resize(54 + 16);
    return b;
  }();
  auto const tiff = [](std::string const& name) { return io::read_file("tests/golden/tiff/" + name); };
  std::string const files[] = {data::encode_png(picture), data::encode_jpeg(picture), bmp, tiff("rgb8.tif"), tiff("grey16.tif")};
  std::size_t decoded = 0;
  for (std::uint64_t round = 0; round < fuzz::rounds(3000); ++round) {
    fuzz::dice d(round);
    auto const bytes = d.changed(files[round % std::size(files)]);
    decoded += fuzz::allowed(round, [&] {
      auto const im = data::decode_image(data::bytes{reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()}, "fuzz");
      CHECK(im.pixels.size() == static_cast<std::size_t>(im.width) * static_cast<std::size_t>(im.height) * 3);
    });
    fuzz::allowed(round, [&] {
      (void)data::inspect_image(data::bytes{reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()}, "fuzz");
    });
  }
  CHECK(decoded > 0);
}
