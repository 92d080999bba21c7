#include "frcnn/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cmath>
#include <random>
#include <thread>

#include "scratch.hpp"

using namespace frcnn::io;
using std::string;

namespace {

safetensors_writer contents() {
  static float const later[] = {9, 8};
  safetensors_writer out;
  out.metadata["preset"] = "small";
  out.metadata["quote\"d"] = "line\nbreak, Fu\xc3\x9fg\xc3\xa4nger";
  out.add<std::uint8_t>("u8", {3}, {1, 2, 255});
  out.add<float>("fc.weight", {2, 3}, {1, 2, 3.5f, -1, 0, 1e-30f});
  out.add_later<double>("d", {1}, [] { return std::vector{0.1}; });
  out.add<std::int64_t>("scalar", {}, {-7});
  out.add<float>("empty", {0, 4}, {});
  out.add_view("later", {2}, std::span<float const>(later));
  out.add<float>("line", {16}, std::vector<float>(16, 0.5f));
  return out;
}

// A file of this header and so many bytes of data.
string file_of(string const& header, std::size_t data) {
  std::uint64_t const n = header.size();
  return string(reinterpret_cast<char const*>(&n), 8) + header + string(data, '\0');
}
safetensors_file open(string const& bytes) { return {"m", std::as_bytes(std::span(bytes))}; }
string complaint(string const& bytes) {
  return sentence([&] { open(bytes); });
}
string complaint(string const& header, std::size_t data) { return complaint(file_of(header, data)); }

// Opens the bytes and, where that works, reads every tensor as far as its type allows. Returns whether it opened; anything but a
// one-line frcnn::error ends the test.
bool survives(string const& bytes) {
  try {
    auto const file = open(bytes);
    for (auto const& [name, tensor] : file.tensors()) {
      CHECK(tensor.begin <= tensor.end);
      REQUIRE(tensor.end <= bytes.size());
      sentence([&, &key = name] { file.read<double>(key); });
      sentence([&, &key = name] { file.read<std::int64_t>(key); });
    }
    return true;
  } catch (frcnn::error const& e) {
    CHECK(string(e.what()).starts_with("m"));
    CHECK(string(e.what()).find('\n') == string::npos);
    CHECK(string(e.what()).size() < 600);
    return false;
  }
}

}  // namespace

TEST_CASE("what is written is read") {
  ::scratch folder;
  auto const path = folder / "m.safetensors";
  contents().write(path);
  safetensors_file const file(path);
  CHECK(file.metadata() == contents().metadata);
  CHECK(file.metadata("preset") == "small");
  CHECK(file.tensors().size() == 7);
  CHECK(file.contains("d"));
  CHECK_FALSE(file.contains("e"));
  CHECK(file.read<float>("fc.weight", {2, 3}) == std::vector<float>{1, 2, 3.5f, -1, 0, 1e-30f});
  CHECK(file.read<double>("fc.weight", {2, 3})[2] == 3.5);
  CHECK(file.read<float>("d") == std::vector{0.1f});
  CHECK(file.read<std::int32_t>("scalar", {}) == std::vector{-7});
  CHECK(file.read<float>("later") == std::vector<float>{9, 8});
  CHECK(file.read<float>("empty", {0, 4}).empty());
  CHECK(file.tensor("u8").type == dtype::u8);
  // Copies stay valid when the first is gone.
  auto other = std::make_unique<safetensors_file>(path);
  auto const copy = *other;
  other.reset();
  CHECK(copy.read<std::uint8_t>("u8") == std::vector<std::uint8_t>{1, 2, 255});
}

TEST_CASE("bytes are a function of the contents") {
  ::scratch folder;
  contents().write(folder / "a");
  contents().write(folder / "b");
  CHECK(read_file(folder / "a") == read_file(folder / "b"));
  CHECK(read_file(folder / "a") == read_file("tests/golden/safetensors_ours.safetensors"));  // which the Python package has read
  safetensors_file const file(folder / "a");
  for (auto const& [name, tensor] : file.tensors()) {
    std::uint64_t const size = tensor.end - tensor.begin;
    CHECK(tensor.begin % (size % 64 == 0 ? 64 : size_of(tensor.type)) == 0);
  }
}

TEST_CASE("parts of a tensor, converted or not, from a file and from memory") {
  ::scratch folder;
  contents().write(folder / "a");
  auto const bytes = read_file(folder / "a");
  for (auto const& file : {safetensors_file(folder / "a"), open(bytes)}) {
    std::vector<float> two(2);
    file.read_part("fc.weight", 1, std::span<float>(two));
    CHECK(two == std::vector<float>{2, 3.5f});
    std::vector<double> three(3);
    file.read_part("fc.weight", 2, std::span<double>(three));
    CHECK(three == std::vector<double>{3.5, -1, 0});
  }
}

TEST_CASE("tensors where the file has them") {
  ::scratch folder;
  auto const path = folder / "a";
  contents().write(path);
  auto const bytes = read_file(path);
  auto file = std::make_unique<safetensors_file>(path);
  auto const weight = file->map<float>("fc.weight", {2, 3});
  REQUIRE(weight);
  CHECK(std::vector<float>(weight.get(), weight.get() + 6) == file->read<float>("fc.weight"));
  CHECK(file->map<std::uint8_t>("u8", {3}).get()[2] == 255);
  CHECK_FALSE(file->map<double>("fc.weight", {2, 3}));  // would have to be converted
  CHECK_FALSE(file->map<float>("empty", {0, 4}));
  CHECK_FALSE(open(bytes).map<float>("fc.weight", {2, 3}));
  CHECK(sentence([&] { file->map<float>("fc.weight", {3, 2}); }).find("[3,2]") != string::npos);
  CHECK(sentence([&] { file->map<float>("none", {1}); }).find("none") != string::npos);

  // What is written stays here; the pointer outlives its file, and that the file is replaced.
  weight.get()[1] = 5;
  CHECK(read_file(path) == bytes);
  file.reset();
  write_file_atomically(path, "something else");
  CHECK(std::vector<float>(weight.get(), weight.get() + 6) == std::vector<float>{1, 5, 3.5f, -1, 0, 1e-30f});

  string header = R"({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})";
  write_file_atomically(path, file_of(header + string(8 - header.size() % 8, ' '), 4));
  CHECK(safetensors_file(path).map<float>("x", {1}));
  write_file_atomically(path, file_of(header + string(9 - header.size() % 8, ' '), 4));
  CHECK_FALSE(safetensors_file(path).map<float>("x", {1}));  // at no multiple of its size
}

TEST_CASE("a file cut short while it is open") {
  ::scratch folder;
  contents().write(folder / "a");
  safetensors_file const file(folder / "a");
  std::filesystem::resize_file(folder / "a", std::filesystem::file_size(folder / "a") - 4);
  CHECK(sentence([&] {
          for (auto const& [name, tensor] : file.tensors()) file.read<double>(name);
        }).find("cut short") != string::npos);
  CHECK(sentence([&] {
          for (auto const& [name, tensor] : file.tensors()) file.map<std::uint8_t>(name, tensor.shape);
        }).find("cut short") != string::npos);
}

TEST_CASE("what the Python package wrote is read") {
  safetensors_file const file("tests/golden/safetensors_peer.safetensors");
  CHECK(file.metadata() == std::map<string, string>{{"preset", "small"}, {"klasse", "Fu\xc3\x9fg\xc3\xa4nger"}});
  CHECK(file.read<float>("f32", {2, 3}) == std::vector<float>{0, .25f, .5f, .75f, 1, 1.25f});
  auto const half = file.read<double>("f16", {6});
  CHECK(std::vector(half.begin(), half.begin() + 5) == std::vector<double>{1, -.5, 65504, std::ldexp(1, -24), INFINITY});
  CHECK(std::isnan(half[5]));
  CHECK(file.read<double>("f64", {}) == std::vector{3.25});
  CHECK(file.read<std::int64_t>("i64", {2}) == std::vector<std::int64_t>{1, -2});
  CHECK(file.read<std::uint8_t>("bool", {3}) == std::vector<std::uint8_t>{1, 0, 1});
  CHECK(file.read<int>("u8", {3}) == std::vector{1, 2, 255});
  CHECK(file.tensor("empty").shape == tensor_shape{0, 3});
}

TEST_CASE("the reader asked for what is not there") {
  ::scratch folder;
  auto const path = folder / "m.safetensors";
  contents().write(path);
  safetensors_file const file(path);
  string const m = path.string();
  CHECK(sentence([&] { file.read<float>("fc.weight", {3, 2}); }) == m + ", tensor \"fc.weight\": expected shape [3,2], found shape [2,3]");
  CHECK(sentence([&] { file.read<float>("fc.weight", {6}); }) == m + ", tensor \"fc.weight\": expected shape [6], found shape [2,3]");
  CHECK(sentence([&] { file.read<float>("nope", {6}); }) == m + ", tensor \"nope\": expected such a tensor, found none of that name");
  CHECK(sentence([&] { file.read<float>("u8", {3}); }) == m + ", tensor \"u8\": expected values that fit F32, found type U8");
  CHECK(sentence([&] { file.read<std::int8_t>("u8", {3}); }) == m + ", tensor \"u8\": expected values that fit I8, found type U8");
  CHECK(sentence([&] { file.metadata("anchors"); }) == m + ": expected metadata \"anchors\", found none of that name");
  CHECK(sentence([&] { safetensors_file(folder / "none"); }) ==
        (folder / "none").string() + ": expected a file, found nothing at that place");
  CHECK(sentence([&] { safetensors_file{folder.path}; }) == folder.path.string() + ": expected a safetensors file, found a folder");
  CHECK(sentence([&] { safetensors_file("/dev/zero"); }) == "/dev/zero: expected a safetensors file, found a device or a pipe");
}

TEST_CASE("the writer given what does not fit together") {
  ::scratch folder;
  safetensors_writer out;
  out.add<float>("w", {2}, {1, 2});
  CHECK(sentence([&] { out.add<float>("w", {1}, {1}); }) == "tensor \"w\": expected a name of its own, found one that is taken");
  CHECK(sentence([&] { out.add<float>("__metadata__", {1}, {1}); }) != "nothing");
  CHECK(sentence([&] { out.add<float>("v", {2, 2}, {1}); }) == "tensor \"v\": expected 4 elements for [2,2], found 1");
  out.add_later<float>("late", {2}, [] { return std::vector<float>(3); });
  CHECK(sentence([&] { out.write(folder / "m"); }) == "tensor \"late\": expected 2 elements, found 3");
  safetensors_writer latin;
  latin.metadata["name"] = "Fu\xdf";
  CHECK(sentence([&] { latin.write(folder / "m"); }) ==
        (folder / "m").string() + ": expected names and metadata in UTF-8, found other bytes");
  CHECK(folder.entries() == 0);  // no half-written file
}

TEST_CASE("headers that lie, one sentence each") {
  auto const one = [](string const& fields) { return "{\"w\":{" + fields + "}}"; };
  string const good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  REQUIRE(complaint(one(good), 8) == "nothing");
  CHECK(complaint("{}", 0) == "nothing");
  CHECK(complaint("{}      ", 0) == "nothing");

  CHECK(complaint("") == "m: expected a safetensors file, found an empty file");
  CHECK(complaint("1234567") == "m: expected a safetensors file, found a file of 7 bytes");
  CHECK(complaint(one(good), 7) == "m: expected 8 bytes of tensors, found 7 bytes (the file is cut short)");
  CHECK(complaint(one(good), 9) == "m: expected 8 bytes of tensors, found 9 bytes");
  CHECK(complaint(file_of("{}", 0).substr(0, 9)) == "m: expected a header of 2 bytes, found a file cut short after 9 bytes");
  CHECK(complaint("\xff\xff\xff\xff\xff\xff\xff\xff{}") ==
        "m: expected a safetensors header of at most 100000000 bytes, found one of 18446744073709551615 bytes");
  CHECK(complaint("[]", 0) == "m: expected a safetensors header, found something else");
  CHECK(complaint("", 4) == "m: expected a safetensors header, found something else");
  CHECK(complaint("{", 0) == "m: expected a header of tensors in JSON, found a mistake at its byte 2");
  CHECK(complaint("{\"\xff\":1}", 0) == "m: expected a header of tensors in JSON, found a mistake at its byte 3");
  CHECK(complaint(R"({"w":1e999})", 0) == "m: expected a header of tensors in JSON, found a number that is too large");
  CHECK(complaint("{\"w\":" + string(1000, '['), 0) == "m: expected a header of tensors, found one nested too deeply");
  CHECK(complaint("{\"w\":{" + good + "},\"w\":{" + good + "}}", 8) == "m: expected a name that is there once, found \"w\" twice");
  CHECK(complaint(one(good + ",\"shape\":[2]"), 8) == "m: expected a name that is there once, found \"shape\" twice");
  CHECK(complaint(R"({"__metadata__":3})", 0) == "m: expected metadata that is an object, found something else");
  CHECK(complaint(R"({"__metadata__":{"a":3}})", 0) == "m: expected metadata \"a\" that is a string, found something else");

  string const w = "m, tensor \"w\": expected ";
  CHECK(complaint(R"({"w":3})", 0) == w + "a list shape, found none");
  CHECK(complaint(one(R"("dtype":"F32","data_offsets":[0,8])"), 8) == w + "a list shape, found none");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2])"), 8) == w + "a list data_offsets, found none");
  CHECK(complaint(one(R"("shape":[2],"data_offsets":[0,8])"), 8) == w + "a dtype, found none");
  CHECK(complaint(one(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])"), 8) == w + "a known dtype, found \"F33\"");
  for (char const* type : {"F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ"}) {  // later ones than are known here
    CHECK(complaint(one(string(R"("dtype":")") + type + R"(","shape":[2],"data_offsets":[0,1])"), 1) ==
          w + "a known dtype, found \"" + type + "\"");
  }
  CHECK(complaint(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8) == w + "whole numbers in shape, found something else");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8) == w + "whole numbers in shape, found something else");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])"), 8) == w + "data_offsets [begin, end], found something else");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8) == w + "data_offsets [begin, end], found something else");
  CHECK(complaint(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8) == w + "the bytes of F32 [3], found 8 bytes");
  // 2^62 elements of 4 bytes are 0 modulo 2^64.
  CHECK(complaint(one(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"), 0) ==
        w + "the bytes of F32 [4611686018427387904], found 0 bytes");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])"), 16) ==
        "m: expected tensors that follow one another, found a gap at byte 0");
  CHECK(complaint(one(R"("dtype":"F32","shape":[2],"data_offsets":[1000000,1000008])"), 8) ==
        "m: expected tensors that follow one another, found a gap at byte 0");
  CHECK(complaint(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", 6) ==
        "m: expected tensors that follow one another, found an overlap at byte 2");
  // Names from the file are made printable and short.
  CHECK(complaint(R"({"a\nb":3})", 0) == "m, tensor \"a\\x0Ab\": expected a list shape, found none");
  CHECK(complaint("{\"" + string(10'000, 'a') + "\":3}", 0).size() < 200);
}

TEST_CASE("a file cut anywhere is refused") {
  ::scratch folder;
  contents().write(folder / "m");
  string const whole = read_file(folder / "m");
  CHECK(survives(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(survives(whole.substr(0, n)));
  CHECK_FALSE(survives(whole + '\0'));
}

TEST_CASE("broken bits never do harm") {
  ::scratch folder;
  contents().write(folder / "m");
  string const whole = read_file(folder / "m");
  std::mt19937 random(1);
  std::size_t header;
  std::memcpy(&header, whole.data(), 8);
  int opened = 0;
  for (int round = 0; round < 4000; ++round) {
    string broken = whole;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips)
      broken[random() % (8 + header)] ^= static_cast<char>(1 << random() % 8);
    opened += survives(broken);
  }
  CHECK(opened > 0);  // a digit of a checksum changes
  CHECK(opened < 4000);
}

namespace {

// Three pieces and a bit of float, and a small tensor.
std::vector<float> rising(std::size_t n) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(i);
  return values;
}
constexpr std::size_t in_piece = tensor_sums::usual_piece / sizeof(float), large = 3 * in_piece + 5;
string large_file() {
  ::scratch folder;
  safetensors_writer out;
  out.metadata = {{"mean", "0.485"}, {"preset", "small"}};
  out.add<float>("large", {static_cast<std::int64_t>(large)}, rising(large));
  out.add<float>("bias", {3}, {1, 2, 3});
  out.write(folder / "m");
  return read_file(folder / "m");
}
string without_sums(string bytes) {  // as older writers left it: the reader does not know the key
  auto const at = bytes.find(tensor_sums::key);
  REQUIRE(at != string::npos);
  bytes[at] = 'x';
  return bytes;
}

}  // namespace

TEST_CASE("checksums in the metadata: what they are of") {
  auto const bytes = large_file();
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  auto const header = nlohmann::json::parse(bytes.substr(8, length));
  string const text = header["__metadata__"][tensor_sums::key];
  auto const sums = tensor_sums_in("m", text);
  CHECK(to_text(sums) == text);
  CHECK(sums.metadata == crc32c(string("mean\0"
                                       "0.485\0preset\0small\0",
                                       24)));
  REQUIRE(sums.tensors.size() == 2);
  auto const data = std::string_view(bytes).substr(8 + length);
  std::uint64_t const at = header["large"]["data_offsets"][0];
  auto const& of_large = sums.tensors.at("large");
  REQUIRE(of_large.size() == 4);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(of_large[i] == crc32c(data.substr(at + i * sums.piece, std::min<std::size_t>(sums.piece, 4 * large - i * sums.piece))));
  CHECK(open(bytes).metadata() == std::map<string, string>{{"mean", "0.485"}, {"preset", "small"}});  // without them
}

TEST_CASE("parts of a tensor with checksums, wherever they begin and end, converted or not") {
  auto const bytes = large_file();
  auto const expected = rising(large);
  for (auto const& text : {bytes, without_sums(bytes)}) {
    auto const file = open(text);
    for (std::size_t const begin : {std::size_t{0}, std::size_t{1}, in_piece - 1, in_piece, in_piece + 7, 3 * in_piece, large - 1})
      for (std::size_t const n : {std::size_t{0}, std::size_t{1}, in_piece - 1, in_piece, 2 * in_piece + 1, large}) {
        std::size_t const count = std::min(n, large - begin);
        std::vector<float> same(count);
        std::vector<double> converted(count);
        file.read_part<float>("large", begin, same);
        file.read_part<double>("large", begin, converted);
        CHECK(std::equal(same.begin(), same.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)));
        CHECK(std::equal(converted.begin(), converted.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
  }
}

TEST_CASE("every byte of the tensors is proved when it is read or mapped") {
  ::scratch folder;
  auto const path = folder / "m";
  auto const bytes = large_file();
  std::size_t const data = bytes.size() - 4 * large - 12;  // large, then bias
  auto const read = [&](string const& text, char const* name) {
    write_file_atomically(path, text);
    auto const of_file = sentence([&] { safetensors_file(path).read<double>(name); });
    auto const of_memory = sentence([&] { safetensors_file(path.string(), std::as_bytes(std::span(text))).read<float>(name); });
    auto const mapped = sentence([&] {
      safetensors_file const file(path);
      file.map<float>(name, file.shape(name));
    });
    CHECK(of_memory == of_file);
    CHECK(mapped == of_file);
    return of_file;
  };
  auto const damaged = [&](string const& name, string const& range) {
    return path.string() + ", tensor \"" + name + "\": expected the bytes of its checksums, found others within bytes " + range +
           ": the file is damaged, or a program changed it and kept its metadata \"frcnn.crc32c\"";
  };
  for (std::size_t const at :
       {std::size_t{0}, std::size_t{tensor_sums::usual_piece - 1}, std::size_t{tensor_sums::usual_piece}, 4 * large - 1}) {
    CAPTURE(at);
    auto flipped = bytes;
    flipped[data + at] ^= 1;
    auto const piece = at / tensor_sums::usual_piece * tensor_sums::usual_piece;
    CHECK(read(flipped, "large") ==
          damaged("large",
                  std::to_string(piece) + " to " + std::to_string(std::min<std::size_t>(piece + tensor_sums::usual_piece, 4 * large) - 1)));
    CHECK(read(flipped, "bias") == "nothing");
  }
  auto zeroed = bytes;
  std::fill(zeroed.begin() + static_cast<std::ptrdiff_t>(zeroed.size() / 2), zeroed.end(), '\0');
  CHECK(read(zeroed, "large").starts_with(path.string() + ", tensor \"large\": expected the bytes of its checksums"));
  CHECK(read(zeroed, "bias") == damaged("bias", "0 to 11"));
  // A part tells of the pieces that it lies in.
  auto flipped = bytes;
  flipped[data] ^= 1;
  auto const file = open(flipped);
  std::vector<float> one(1);
  CHECK(sentence([&] { file.read_part<float>("large", in_piece - 1, one); }) != "nothing");
  CHECK(sentence([&] { file.read_part<float>("large", in_piece, one); }) == "nothing");
  // Files of other programs and of older versions have no checksums.
  flipped[data] ^= 1;
  CHECK(read(without_sums(bytes), "large") == "nothing");
}

TEST_CASE("metadata and checksums that do not belong to the file") {
  auto const bytes = large_file();
  auto const with = [&](string const& from, string const& to) {
    auto text = bytes;
    REQUIRE(from.size() == to.size());
    text.replace(text.find(from), from.size(), to);
    return complaint(text);
  };
  CHECK(with("0.485", "0.885") ==
        "m, metadata: expected the text of its checksum, found another: the file is damaged, or a program changed it and kept its metadata "
        "\"frcnn.crc32c\"");
  CHECK(
      with("\"bias\":{", "\"b1as\":{").starts_with("m, tensor \"bias\": expected a tensor, which has checksums, found none of that name"));
  CHECK(with("bias\\\":", "b1as\\\":").starts_with("m, tensor \"b1as\": expected a tensor, which has checksums"));
  CHECK(with("262144", "524288").starts_with("m, tensor \"large\": expected 2 checksums, found 4: the file is damaged"));
  string const place = "m, metadata \"frcnn.crc32c\": expected ";
  CHECK(with("262144", "262143") == place + "a piece of 64 bytes, or a multiple of it up to 67108864, found another");
  CHECK(with("262144", "-62144") == place + "a piece of 64 bytes, or a multiple of it up to 67108864, found another");

  auto const of = [](string const& text) { return sentence([&] { tensor_sums_in("m", text); }); };
  CHECK(of("{") == place + "checksums in JSON, found a mistake at its byte 2");
  CHECK(of("3") == place + "an object of metadata, piece and tensors, found something else");
  CHECK(of(R"({"metadata":"00000000","piece":64})") == place + "an object of metadata, piece and tensors, found something else");
  string const digits = place + "checksums of eight hexadecimal digits, found something else";
  CHECK(of(R"({"metadata":"0000000g","piece":64,"tensors":{}})") == digits);
  CHECK(of(R"({"metadata":"0000000","piece":64,"tensors":{}})") == digits);
  CHECK(of(R"({"metadata":0,"piece":64,"tensors":{}})") == digits);
  CHECK(of(R"({"metadata":"00000000","piece":64,"tensors":{"w":"-0000001"}})") == digits);
  CHECK(of(R"({"metadata":"","piece":64,"tensors":{}})") == place + "one checksum of the metadata, found 0");
  CHECK(of(R"({"metadata":"00000000","piece":64,"tensors":{"w":""}})") == "nothing");
}

TEST_CASE("a writer given the metadata of another file makes checksums of its own") {
  ::scratch folder;
  auto const file = open(large_file());
  safetensors_writer out;
  out.metadata = file.metadata();
  out.metadata[tensor_sums::key] = "of another";
  out.add<float>("bias", {2}, {4, 5});
  out.write(folder / "m");
  safetensors_file const back(folder / "m");
  CHECK(back.metadata() == file.metadata());
  CHECK(back.read<float>("bias") == std::vector<float>{4, 5});
}

TEST_CASE("into a pipe, where nothing can be put in later, go the same bytes") {
  ::scratch folder;
  auto const path = folder / "pipe";
  contents().write(folder / "a");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  string read;
  std::thread reader([&] { read = read_file(path); });
  contents().write(path);
  reader.join();
  CHECK(read == read_file(folder / "a"));
}

TEST_CASE("half, bfloat16 and double become float; 8-bit floats and complex numbers are named") {
  std::vector<float> two(2);
  auto const read = [&](char const* type, std::size_t bytes, string const& data) {
    auto const file =
        file_of("{\"w\":{\"dtype\":\"" + string(type) + "\",\"shape\":[2],\"data_offsets\":[0," + std::to_string(bytes) + "]}}", 0) + data;
    return sentence([&] { open(file).read("w", {2}, std::span(two)); });
  };
  CHECK(read("F16", 4, {"\x00\x3c\x00\xc1", 4}) == "nothing");
  CHECK(two == std::vector<float>{1, -2.5f});
  CHECK(read("BF16", 4, {"\x80\x3f\x20\xc0", 4}) == "nothing");
  CHECK(two == std::vector<float>{1, -2.5f});
  CHECK(read("F64", 16, {"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\4\xc0", 16}) == "nothing");
  CHECK(two == std::vector<float>{1, -2.5f});
  for (auto const& [type, size] : {std::pair{"F8_E4M3", 1u}, {"F8_E5M2", 1u}, {"F8_E8M0", 1u}, {"C64", 8u}})
    CHECK(read(type, 2 * size, string(2 * size, '\0')) == "m, tensor \"w\": expected values that fit F32, found type " + string(type));
}
