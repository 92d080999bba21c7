#pragma once
// Named tensors into a safetensors file (io/safetensors.hpp), with checksums of them in its metadata (io/tensor_sums.hpp).
//
// The bytes are a function of the contents alone (no time, host or path): equal tensors and metadata give equal bytes. Tensors may be made
// one by one while they are written; memory holds one of them, and their sums.
//
// Example: safetensors_writer out;
//          out.metadata["preset"] = "small";
//          out.add<float>("fc.bias", {3}, {1, 2, 3});
//          out.write("m.safetensors");
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/tensor_sums.hpp"
#include "frcnn/io/weight_source.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class safetensors_writer {
 public:
  std::map<std::string, std::string> metadata;  // UTF-8

  // values: C order, as many as the shape says. Kept until write().
  template <Stored T>
  void add(std::string name, tensor_shape shape, std::vector<T> values) {
    auto const n = values.size();
    auto const owned = std::make_shared<std::vector<T> const>(std::move(values));
    insert<T>(std::move(name), std::move(shape), n, [owned](sink const& to) { to(std::as_bytes(std::span(*owned))); });
  }
  // The same without a copy: the caller keeps the values until write().
  template <Stored T>
  void add_view(std::string name, tensor_shape shape, std::span<T const> values) {
    insert<T>(std::move(name), std::move(shape), values.size(), [values](sink const& to) { to(std::as_bytes(values)); });
  }
  // The same, made while writing: only one such tensor is in memory at a time.
  template <Stored T>
  void add_later(std::string name, tensor_shape shape, std::function<std::vector<T>()> make) {
    auto const n = elements(shape);
    auto const where = name;
    insert<T>(std::move(name), std::move(shape), n, [n, where, make = std::move(make)](sink const& to) {
      auto const values = make();
      if (values.size() != n) throw error("tensor \"" + where + "\"", std::to_string(n) + " elements", std::to_string(values.size()));
      to(std::as_bytes(std::span(values)));
    });
  }

  void write(std::filesystem::path const& path) const {
    // For readers that map the file: tensors of whole cache lines first, each at a multiple of a line, then the others, large elements
    // first, each at a multiple of its element's size.
    std::vector<entry const*> order;
    for (auto const& e : entries_) order.push_back(&e);
    std::ranges::stable_sort(order, std::greater<>{}, [](entry const* e) { return std::pair(e->bytes % line == 0, size_of(e->type)); });

    tensor_sums sums;
    sums.metadata = sum_of(metadata);
    for (auto const* e : order) sums.tensors[e->name].resize(static_cast<std::size_t>(sums.pieces_of(e->bytes)));
    // Gives a tensor's bytes piece by piece, and leaves their sums.
    auto const put = [&](entry const& e, auto to) {
      e.put([&](std::span<std::byte const> bytes) {
        for (auto& sum : sums.tensors[e.name]) {
          auto const piece = bytes.first(std::min<std::size_t>(bytes.size(), sums.piece));
          sum = sum_of(piece);
          to(piece);
          bytes = bytes.subspan(piece.size());
        }
      });
    };

    atomic_file file(path);
    // The sums lie before the tensors and are known after them: they are put in then, or, where a file cannot go back, made first.
    if (!file.can_overwrite())
      for (auto const* e : order) put(*e, [](std::span<std::byte const>) {});
    std::string const before = beginning(order, sums, path);
    file.write(before.data(), before.size());
    for (auto const* e : order) put(*e, [&](std::span<std::byte const> piece) { file.write(piece.data(), piece.size()); });
    if (file.can_overwrite()) {
      std::string const now = beginning(order, sums, path);
      FRCNN_ASSERT(now.size() == before.size());
      file.overwrite(0, now.data(), now.size());
    }
    file.commit();
  }

 private:
  using sink = std::function<void(std::span<std::byte const>)>;
  static constexpr std::size_t line = 64;  // bytes of a cache line

  struct entry {
    std::string name;
    dtype type;
    tensor_shape shape;
    std::uint64_t bytes;
    std::function<void(sink const&)> put;  // gives all bytes at once
  };

  // What comes before the tensors: length and header.
  std::string beginning(std::vector<entry const*> const& order, tensor_sums const& sums, std::filesystem::path const& path) const;

  static std::size_t elements(tensor_shape const& shape) {
    std::size_t n = 1;
    for (auto const d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }

  template <Stored T>
  void insert(std::string name, tensor_shape shape, std::size_t n, std::function<void(sink const&)> put) {
    std::string const where = "tensor \"" + name + "\"";
    if (elements(shape) != n) throw error(where, std::to_string(elements(shape)) + " elements for " + to_string(shape), std::to_string(n));
    if (name == "__metadata__" || !names_.insert(name).second) throw error(where, "a name of its own", "one that is taken");
    entries_.push_back({std::move(name), dtype_of<T>(), std::move(shape), n * sizeof(T), std::move(put)});
  }

  std::vector<entry> entries_;
  std::set<std::string> names_;
};

#if !FRCNN_DECLARES_FILES
FRCNN_FILES_INLINE std::string safetensors_writer::beginning(std::vector<entry const*> const& order, tensor_sums const& sums,
                                                             std::filesystem::path const& path) const {
  try {
    nlohmann::json header = nlohmann::json::object();  // its keys are sorted
    header["__metadata__"] = metadata;
    header["__metadata__"][tensor_sums::key] = to_text(sums);
    std::uint64_t end = 0;
    for (auto const* e : order) {
      header[e->name] = {{"dtype", name_of(e->type)}, {"shape", e->shape}, {"data_offsets", {end, end + e->bytes}}};
      end += e->bytes;
    }
    std::string text(8, '\0');
    text += header.dump();
    text.resize((text.size() + line - 1) / line * line, ' ');
    std::uint64_t const length = text.size() - 8;
    std::memcpy(text.data(), &length, 8);
    return text;
  } catch (nlohmann::json::exception const&) {
    throw error(path.string(), "names and metadata in UTF-8", "other bytes");
  }
}
#endif

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
