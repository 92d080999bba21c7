#pragma once
// Named tensors in a safetensors file: 8 bytes of header length, a JSON header, the elements. The reader; io/safetensors_writer.hpp, which
// this brings too, is the writer.
//
// Reading trusts nothing: whatever the bytes are, the file opens with every tensor inside it, or one frcnn::error names the file, the
// tensor, what was expected and what was found. Opening reads the header alone; elements are read when they are asked for, in parts where
// the caller wants them so, and nothing of them is kept; or they are mapped, and lie where the file has them. As the format asks, elements
// follow one another in the file without gaps or overlaps, and keys are not repeated.
// Elements are what was written, or an error names their tensor: the writer leaves checksums in the metadata (io/tensor_sums.hpp), and
// all that is read or mapped is compared with them, piece by piece. metadata() leaves them out, so that a program that copies metadata into
// a writer does not copy them. Files without them, other programs' and older ones, are taken as they are.
//
// Example: safetensors_file in("m.safetensors");
//          in.read<double>("fc.bias", {3});   // {1.0, 2.0, 3.0}
//          in.read<float>("fc.bias", {4});    // throws: m.safetensors, tensor "fc.bias": expected shape [4], found shape [3]
// Source: github.com/huggingface/safetensors, "Format". Its Python package reads what the writer writes, and the other way round (a test
// does both).
#include "frcnn/core/threads.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/mapping.hpp"
#include "frcnn/io/read_file.hpp"
#include "frcnn/io/safetensors_writer.hpp"
#include "frcnn/io/tensor_sums.hpp"
#include "frcnn/io/weight_source.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

// One tensor of an open file, C order: bytes [begin, end) of the file.
struct stored_tensor {
  dtype type{};
  tensor_shape shape;
  std::uint64_t begin = 0, end = 0;

  std::size_t size() const { return static_cast<std::size_t>(end - begin) / size_of(type); }
};

class safetensors_file : public weight_source {
 public:
  // Reads and checks the header.
  explicit safetensors_file(std::filesystem::path const& path) : name_(path.string()) {
    if (std::string const other = detail::other_than_file(path); !other.empty()) throw error(name_, "a safetensors file", other);
    file_ = std::make_shared<detail::descriptor const>(detail::open_to_read(path));
    parse(detail::size_of_file(*file_, path));
  }
  // The same from memory that the caller keeps; `name` stands for the path in messages.
  safetensors_file(std::string name, std::span<std::byte const> bytes) : name_(std::move(name)), memory_(bytes) { parse(bytes.size()); }

  std::string const& name() const override { return name_; }
  safetensors_file const* as_safetensors() const override { return this; }
  std::map<std::string, std::string> const& metadata() const { return metadata_; }
  std::string const& metadata(std::string const& key) const {
    auto const found = metadata_.find(key);
    if (found == metadata_.end()) throw error(name_, "metadata " + in_quotes(key), "none of that name");
    return found->second;
  }

  std::map<std::string, stored_tensor> const& tensors() const { return tensors_; }  // by name, sorted by bytes
  bool contains(std::string const& tensor) const override { return tensors_.contains(tensor); }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (auto const& [name, t] : tensors_) all.push_back(name);
    return all;
  }
  tensor_shape const& shape(std::string const& name) const override { return tensor(name).shape; }
  stored_tensor const& tensor(std::string const& name) const {
    auto const found = tensors_.find(name);
    if (found == tensors_.end()) throw error(place(name), "such a tensor", "none of that name");
    return found->second;
  }

  // The elements as T (dtype.hpp says what converts to what), where the shape is the expected one.
  template <Stored T>
  void read(std::string const& name, tensor_shape const& expected, std::span<T> out) const {
    check(name, expected);
    FRCNN_ASSERT(out.size() == tensor(name).size());
    read_part(name, 0, out);
  }
  // Elements first ... first + out.size() of the tensor, which has so many. Safe from several threads.
  template <Stored T>
  void read_part(std::string const& name, std::size_t first, std::span<T> out) const {
    stored_tensor const& t = tensor(name);
    FRCNN_ASSERT(first + out.size() <= t.size());
    if (out.empty()) return;
    std::size_t const element = size_of(t.type), begin = first * element, end = begin + out.size() * element;  // bytes of the tensor
    auto const* const sums = sums_of(name);
    bool const same = t.type == dtype_of<T>();
    if (same && !sums) return fetch(t.begin + begin, end - begin, out.data());
    // Piece by piece, the first and the last, of which perhaps only a part is wanted, whole.
    std::size_t const piece = static_cast<std::size_t>(sums_ ? sums_->piece : tensor_sums::usual_piece);
    std::unique_ptr<std::byte[]> beside;
    for (std::size_t i = begin / piece; i * piece < end; ++i) {
      std::size_t const from = i * piece, to = static_cast<std::size_t>(std::min<std::uint64_t>(from + piece, t.end - t.begin)),
                        want = std::max(from, begin), n = std::min(to, end) - want;
      auto* const values = out.data() + (want - begin) / element;
      bool const straight = same && n == to - from;
      if (!straight && !beside) beside = std::make_unique_for_overwrite<std::byte[]>(piece);
      auto* const bytes = straight ? reinterpret_cast<std::byte*>(values) : beside.get();
      fetch(t.begin + from, to - from, bytes);
      if (sums) check_piece(name, *sums, i, {bytes, to - from});
      if (straight) continue;
      if (same) std::memcpy(values, bytes + (want - from), n);
      else if (!convert(t.type, bytes + (want - from), n / element, values))
        throw error(place(name), "values that fit " + std::string(name_of(dtype_of<T>())), "type " + std::string(name_of(t.type)));
    }
  }
  void read_part(std::string const& name, std::size_t first, std::span<float> out) const override { read_part<float>(name, first, out); }
  void read_part(std::string const& name, std::size_t first, std::span<double> out) const override { read_part<double>(name, first, out); }
  // The elements as memory (io/mapping.hpp says what may then happen to the file), where the shape is the expected one. nullptr where they
  // would have to be converted, lie at no multiple of their size, are none, or the file is memory or cannot be mapped.
  template <Stored T>
  std::shared_ptr<T> map(std::string const& name, tensor_shape const& expected) const {
    check(name, expected);
    stored_tensor const& t = tensor(name);
    if (!file_ || t.type != dtype_of<T>() || t.begin % alignof(T) != 0) return nullptr;
    if (detail::size_of_file(*file_, name_) < t.end) throw detail::cut_short(name_);
    auto const size = static_cast<std::size_t>(t.end - t.begin);
    auto const bytes = map_privately(*file_, t.begin, size);
    if (auto const* const sums = sums_of(name); bytes && sums) check_pieces(name, *sums, {bytes.get(), size});
    return {bytes, reinterpret_cast<T*>(bytes.get())};
  }
  std::shared_ptr<float> map(std::string const& name, float) const override { return map<float>(name, shape(name)); }
  std::shared_ptr<double> map(std::string const& name, double) const override { return map<double>(name, shape(name)); }
  template <Stored T>
  std::vector<T> read(std::string const& name, tensor_shape const& expected) const {
    std::vector<T> values(tensor(name).size());
    read(name, expected, std::span<T>(values));
    return values;
  }
  template <Stored T>
  std::vector<T> read(std::string const& name) const {
    return read<T>(name, tensor(name).shape);
  }

 private:
  using json = nlohmann::json;

  void fetch(std::uint64_t from, std::size_t n, void* out) const {
    if (n == 0) return;
    if (file_) detail::read_at(*file_, from, n, out, name_);
    else std::memcpy(out, memory_.data() + from, n);
  }

  // Of the pieces of a tensor; nullptr where the file has none.
  std::vector<std::uint32_t> const* sums_of(std::string const& name) const { return sums_ ? &sums_->tensors.at(name) : nullptr; }
  void check_piece(std::string const& name, std::vector<std::uint32_t> const& sums, std::size_t i, std::span<std::byte const> bytes) const {
    if (sum_of(bytes) == sums[i]) return;
    auto const from = i * sums_->piece;
    throw error(place(name), "the bytes of its checksums",
                "others within bytes " + std::to_string(from) + " to " + std::to_string(from + bytes.size() - 1) + changed());
  }
  // Of a whole tensor, on several threads.
  void check_pieces(std::string const& name, std::vector<std::uint32_t> const& sums, std::span<std::byte const> bytes) const {
    std::atomic<std::size_t> next{0}, wrong{sums.size()};
    auto const piece_of = [&](std::size_t i) {
      auto const from = i * static_cast<std::size_t>(sums_->piece);
      return bytes.subspan(from, std::min<std::size_t>(static_cast<std::size_t>(sums_->piece), bytes.size() - from));
    };
    auto const work = [&] {
      for (std::size_t i; wrong == sums.size() && (i = next++) < sums.size();)
        if (sum_of(piece_of(i)) != sums[i]) wrong = i;
    };
    helping_threads others(std::min<std::size_t>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u), sums.size() / 16 + 1) - 1, work);
    work();
    others.join();
    if (wrong < sums.size()) check_piece(name, sums, wrong, piece_of(wrong));
  }
  static std::string changed() {
    return std::string(": the file is damaged, or a program changed it and kept its metadata \"") + tensor_sums::key + "\"";
  }

  void parse(std::uint64_t file_size);
  void take_sums() {
    auto const found = metadata_.find(tensor_sums::key);
    if (found == metadata_.end()) return;
    auto sums = tensor_sums_in(name_, found->second);
    metadata_.erase(found);
    if (sum_of(metadata_) != sums.metadata) throw error(name_ + ", metadata", "the text of its checksum", "another" + changed());
    for (auto const& [name, pieces] : sums.tensors)
      if (!contains(name)) throw error(place(name), "a tensor, which has checksums", "none of that name" + changed());
    for (auto const& [name, t] : tensors_) {
      auto const sum = sums.tensors.find(name);
      auto const expected = sums.pieces_of(t.end - t.begin);
      std::uint64_t const has = sum == sums.tensors.end() ? 0 : sum->second.size();
      if (sum == sums.tensors.end() || has != expected)
        throw error(place(name), std::to_string(expected) + " checksums", std::to_string(has) + changed());
    }
    sums_ = std::move(sums);
  }

  json parse_header(std::string_view text) const {
    if (!text.starts_with('{')) throw error(name_, "a safetensors header", "something else");
    return parse_json(name_, "a header of tensors", 3, text);
  }

  void read_metadata(json const& value) {
    if (!value.is_object()) throw error(name_, "metadata that is an object", "something else");
    for (auto const& [key, text] : value.items()) {
      if (!text.is_string()) throw error(name_, "metadata " + in_quotes(key) + " that is a string", "something else");
      metadata_[key] = text.get<std::string>();
    }
  }

  // Fills type and shape; returns the bytes' range in the data.
  std::array<std::uint64_t, 2> read_entry(std::string const& key, json const& value, stored_tensor& tensor) const {
    auto const list = [&](char const* field) -> json const& {
      if (!value.is_object() || !value.contains(field) || !value[field].is_array())
        throw error(place(key), std::string("a list ") + field, "none");
      for (auto const& number : value[field])
        if (!number.is_number_unsigned() || number.get<std::uint64_t>() > max_number)
          throw error(place(key), std::string("whole numbers in ") + field, "something else");
      return value[field];
    };
    json const& shape = list("shape");
    json const& offsets = list("data_offsets");
    if (!value.contains("dtype") || !value["dtype"].is_string()) throw error(place(key), "a dtype", "none");
    auto const& type_name = value["dtype"].get_ref<std::string const&>();
    auto const type = dtype_named(type_name);
    if (!type) throw error(place(key), "a known dtype", in_quotes(type_name));
    tensor.type = *type;
    tensor.shape = shape.get<tensor_shape>();

    if (offsets.size() != 2 || offsets[0] > offsets[1]) throw error(place(key), "data_offsets [begin, end]", "something else");
    std::array<std::uint64_t, 2> const range{offsets[0].get<std::uint64_t>(), offsets[1].get<std::uint64_t>()};
    std::uint64_t size = size_of(*type);
    bool const empty = std::ranges::count(tensor.shape, 0) > 0;
    for (auto const d : tensor.shape) {
      if (empty) size = 0;
      else if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(d), &size)) size = ~std::uint64_t{0};
    }
    if (range[1] - range[0] != size)
      throw error(place(key), "the bytes of " + type_name + " " + to_string(tensor.shape), std::to_string(range[1] - range[0]) + " bytes");
    return range;
  }
  static constexpr std::uint64_t max_header = 100'000'000;  // the reference implementation's limit
  static constexpr std::uint64_t max_number = std::uint64_t{1} << 62;
  std::string name_;
  std::shared_ptr<detail::descriptor const> file_;  // or
  std::span<std::byte const> memory_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, stored_tensor> tensors_;
  std::optional<tensor_sums> sums_;
};

#if !FRCNN_DECLARES_FILES
FRCNN_FILES_INLINE void safetensors_file::parse(std::uint64_t file_size) {
  auto const bytes = [](std::uint64_t n) { return std::to_string(n) + " bytes"; };
  if (file_size < 8) throw error(name_, "a safetensors file", file_size == 0 ? "an empty file" : "a file of " + bytes(file_size));
  std::uint64_t length;
  fetch(0, 8, &length);
  if (length > file_size - 8 || length > max_header) {
    std::string first(static_cast<std::size_t>(std::min<std::uint64_t>(file_size, 512)), '\0');
    fetch(0, first.size(), first.data());
    if (std::string const other = foreign_file(first); !other.empty()) throw error(name_, "a safetensors file", other);
    if (length > max_header) throw error(name_, "a safetensors header of at most " + bytes(max_header), "one of " + bytes(length));
    throw error(name_, "a header of " + bytes(length), "a file cut short after " + bytes(file_size));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  fetch(8, text.size(), text.data());
  std::uint64_t const data = 8 + length, data_size = file_size - data;

  json const header = parse_header(text);
  std::vector<std::array<std::uint64_t, 2>> ranges;
  std::map<std::string, std::array<std::uint64_t, 2>> range_of;
  for (auto const& [key, value] : header.items()) {
    if (key == "__metadata__") {
      read_metadata(value);
    } else {
      auto const range = read_entry(key, value, tensors_[key]);
      ranges.push_back(range);
      range_of[key] = range;
    }
  }

  std::ranges::sort(ranges);
  std::uint64_t end = 0;
  for (auto const& range : ranges) {
    if (range[0] != end)
      throw error(name_, "tensors that follow one another",
                  (range[0] > end ? "a gap at byte " : "an overlap at byte ") + std::to_string(std::min(range[0], end)));
    end = range[1];
  }
  if (end != data_size)
    throw error(name_, bytes(end) + " of tensors", bytes(data_size) + (end > data_size ? " (the file is cut short)" : ""));
  for (auto& [key, tensor] : tensors_) {
    tensor.begin = data + range_of[key][0];
    tensor.end = data + range_of[key][1];
  }
  take_sums();
}
#endif

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
