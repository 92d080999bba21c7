#pragma once
// Named tensors in a safetensors file: 8 bytes of header length, a JSON header, the elements.
//
// Reading trusts nothing: whatever the bytes are, the file opens with every tensor inside it, or one frcnn::error names the file, the
// tensor, what was expected and what was found. Opening reads the header alone; elements are read when they are asked for, in parts where
// the caller wants them so, and nothing of them is kept; or they are mapped, and lie where the file has them. As the format asks, elements
// follow one another in the file without gaps or overlaps, and keys are not repeated.
// Writing is a function of the contents alone (no time, host or path): equal tensors and metadata give equal bytes.
//
// Example: safetensors_writer out;
//          out.metadata["preset"] = "small";
//          out.add<float>("fc.bias", {3}, {1, 2, 3});
//          out.write("m.safetensors");
//          safetensors_file in("m.safetensors");
//          in.read<double>("fc.bias", {3});   // {1.0, 2.0, 3.0}
//          in.read<float>("fc.bias", {4});    // throws: m.safetensors, tensor "fc.bias": expected shape [4], found shape [3]
// Source: github.com/huggingface/safetensors, "Format". Its Python package reads what this writes, and the other way round (a test does
// both).
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/mapping.hpp"
#include "frcnn/io/weight_source.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
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
    std::error_code ignored;
    if (auto const status = std::filesystem::status(path, ignored);
        std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
      throw error(name_, "a safetensors file", std::filesystem::is_directory(status) ? "a folder" : "a device or a pipe");
    file_ = std::make_shared<detail::descriptor const>(detail::open_to_read(path));
    parse(detail::size_of_file(*file_, path));
  }
  // The same from memory that the caller keeps; `name` stands for the path in messages.
  safetensors_file(std::string name, std::span<std::byte const> bytes) : name_(std::move(name)), memory_(bytes) { parse(bytes.size()); }

  std::string const& name() const override { return name_; }
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
    std::uint64_t const from = t.begin + first * size_of(t.type);
    if (t.type == dtype_of<T>()) return fetch(from, out.size_bytes(), out.data());
    constexpr std::size_t piece = std::size_t{1} << 16;
    std::vector<std::byte> bytes(std::min(piece, out.size()) * size_of(t.type));
    for (std::size_t i = 0; i < out.size(); i += piece) {
      std::size_t const n = std::min(piece, out.size() - i);
      fetch(from + i * size_of(t.type), n * size_of(t.type), bytes.data());
      if (!convert(t.type, bytes.data(), n, out.data() + i))
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
    auto const bytes = map_privately(*file_, t.begin, static_cast<std::size_t>(t.end - t.begin));
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

  void parse(std::uint64_t file_size) {
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
};

class safetensors_writer {
 public:
  std::map<std::string, std::string> metadata;  // UTF-8

  // values: C order, as many as the shape says. Kept until write().
  template <Stored T>
  void add(std::string name, tensor_shape shape, std::vector<T> values) {
    auto const n = values.size();
    auto const kept = std::make_shared<std::vector<T> const>(std::move(values));
    insert<T>(std::move(name), std::move(shape), n, [kept](atomic_file& file) { file.write(kept->data(), kept->size() * sizeof(T)); });
  }
  // The same without a copy: the caller keeps the values until write().
  template <Stored T>
  void add_view(std::string name, tensor_shape shape, std::span<T const> values) {
    insert<T>(std::move(name), std::move(shape), values.size(),
              [values](atomic_file& file) { file.write(values.data(), values.size_bytes()); });
  }
  // The same, made while writing: only one such tensor is in memory at a time.
  template <Stored T>
  void add_later(std::string name, tensor_shape shape, std::function<std::vector<T>()> make) {
    auto const n = elements(shape);
    auto const where = name;
    insert<T>(std::move(name), std::move(shape), n, [n, where, make = std::move(make)](atomic_file& file) {
      auto const values = make();
      if (values.size() != n) throw error("tensor \"" + where + "\"", std::to_string(n) + " elements", std::to_string(values.size()));
      file.write(values.data(), n * sizeof(T));
    });
  }

  void write(std::filesystem::path const& path) const {
    // For readers that map the file: tensors of whole cache lines first, each at a multiple of a line, then the others, large elements
    // first, each at a multiple of its element's size.
    constexpr std::size_t line = 64;
    std::vector<entry const*> order;
    for (auto const& e : entries_) order.push_back(&e);
    std::ranges::stable_sort(order, std::greater<>{}, [](entry const* e) { return std::pair(e->bytes % line == 0, size_of(e->type)); });

    nlohmann::json header = nlohmann::json::object();  // its keys are sorted
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::uint64_t end = 0;
    for (auto const* e : order) {
      header[e->name] = {{"dtype", name_of(e->type)}, {"shape", e->shape}, {"data_offsets", {end, end + e->bytes}}};
      end += e->bytes;
    }
    std::string text;
    try {
      text = header.dump();
    } catch (nlohmann::json::exception const&) {
      throw error(path.string(), "names and metadata in UTF-8", "other bytes");
    }
    std::uint64_t const length = (8 + text.size() + line - 1) / line * line - 8;
    text.resize(length, ' ');

    atomic_file file(path);
    file.write(&length, 8);
    file.write(text.data(), text.size());
    for (auto const* e : order) e->put(file);
    file.commit();
  }

 private:
  struct entry {
    std::string name;
    dtype type;
    tensor_shape shape;
    std::uint64_t bytes;
    std::function<void(atomic_file&)> put;
  };

  static std::size_t elements(tensor_shape const& shape) {
    std::size_t n = 1;
    for (auto const d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }

  template <Stored T>
  void insert(std::string name, tensor_shape shape, std::size_t n, std::function<void(atomic_file&)> put) {
    std::string const where = "tensor \"" + name + "\"";
    if (elements(shape) != n) throw error(where, std::to_string(elements(shape)) + " elements for " + to_string(shape), std::to_string(n));
    if (name == "__metadata__" || !names_.insert(name).second) throw error(where, "a name of its own", "one that is taken");
    entries_.push_back({std::move(name), dtype_of<T>(), std::move(shape), n * sizeof(T), std::move(put)});
  }

  std::vector<entry> entries_;
  std::set<std::string> names_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
