#pragma once
// A state dict into a .pth file that torch.load(FILE, weights_only=True) reads, and model.load_state_dict takes.
//
//   pth_writer out;
//   out.add<float>("fc.bias", {3}, {1, 2, 3});          or add_later, as of io/safetensors_writer.hpp
//   out.attributes["spec"] = "...";                      texts beside the state dict: its attribute `frcnn`, a dictionary; PyTorch ignores it
//   out.write("m.pth");
// The bytes are a function of names, shapes, values and attributes alone. Memory holds one tensor. Each storage begins at a multiple of 64
// bytes, as PyTorch's own do; sizes beyond 32 bits are written as Zip64.
// Source: torch/serialization.py (2.15), CPython's pickletools.py (protocol 2), PKWARE's APPNOTE 6.3.10.
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/crc32.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/weight_source.hpp"

#include <functional>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

namespace detail {

// Values as a pickle of protocol 2, in the order in which Python's would come.
class pickle_text {
 public:
  std::string bytes{"\x80\x02"};

  void name(std::string_view module, std::string_view attribute) {
    bytes.append("c").append(module).append("\n").append(attribute).append("\n");
  }
  void text(std::string_view t) { number('X', static_cast<std::uint32_t>(t.size())), bytes += t; }
  void whole(std::int64_t v) {
    if (v >= 0 && v < 256) number('K', static_cast<std::uint8_t>(v));
    else if (v >= INT32_MIN && v <= INT32_MAX) number('J', static_cast<std::int32_t>(v));
    else bytes += "\x8a\x08", append(v);
  }
  void tuple(tensor_shape const& numbers) {
    bytes += '(';
    for (auto const n : numbers) whole(n);
    bytes += 't';
  }
  void empty_ordered_dict() { name("collections", "OrderedDict"), bytes += ")R"; }

 private:
  template <class T>
  void append(T v) {
    bytes.append(reinterpret_cast<char const*>(&v), sizeof v);
  }
  template <class T>
  void number(char operation, T v) {
    bytes += operation, append(v);
  }
};

// Records one after another into a zip archive, stored as they are.
class zip_writer {
 public:
  explicit zip_writer(atomic_file& file) : file_(file) {}

  void add(std::string const& name, std::string_view bytes) {
    entry e{name, at_, bytes.size(), fast_crc32(bytes)};
    bool const wide = e.size >= wide_from;
    std::string const sizes = wide ? zip64({e.size, e.size}) : std::string();
    // A field of PyTorch's, "FB", moves the bytes to a multiple of 64.
    std::size_t const unpadded = static_cast<std::size_t>(at_) + 30 + name.size() + sizes.size() + 4, padding = (64 - unpadded % 64) % 64;
    std::string header = "PK\3\4";
    append(header, std::uint16_t(wide ? 45 : 20), flags, std::uint16_t(0), time, date, e.crc, narrow(e.size), narrow(e.size),
           std::uint16_t(name.size()), std::uint16_t(sizes.size() + 4 + padding));
    header += name + sizes + "FB";
    append(header, std::uint16_t(padding));
    header.append(padding, 'Z');
    put(header);
    put(bytes);
    entries_.push_back(std::move(e));
  }

  void finish() {
    std::uint64_t const begin = at_;
    for (auto const& e : entries_) {
      std::vector<std::uint64_t> wide;
      if (e.size >= wide_from) wide = {e.size, e.size};
      if (e.at >= wide_from) wide.push_back(e.at);
      std::string const extra = wide.empty() ? std::string() : zip64(wide);
      std::string header = "PK\1\2";
      append(header, std::uint16_t(0), std::uint16_t(wide.empty() ? 20 : 45), flags, std::uint16_t(0), time, date, e.crc, narrow(e.size),
             narrow(e.size), std::uint16_t(e.name.size()), std::uint16_t(extra.size()), std::uint16_t(0), std::uint16_t(0),
             std::uint16_t(0), std::uint32_t(0), narrow(e.at));
      put(header + e.name + extra);
    }
    std::uint64_t const size = at_ - begin, count = entries_.size();
    if (begin >= wide_from || size >= wide_from || count >= 0xffff) {
      std::uint64_t const at = at_;
      std::string end = "PK\6\6";
      append(end, std::uint64_t(44), std::uint16_t(45), std::uint16_t(45), std::uint32_t(0), std::uint32_t(0), count, count, size, begin);
      end += "PK\6\7";
      append(end, std::uint32_t(0), at, std::uint32_t(1));
      put(end);
    }
    auto const short_count = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffff));
    std::string end = "PK\5\6";
    append(end, std::uint16_t(0), std::uint16_t(0), short_count, short_count, narrow(size), narrow(begin), std::uint16_t(0));
    put(end);
  }

 private:
  struct entry {
    std::string name;
    std::uint64_t at, size;
    std::uint32_t crc;
  };
  static constexpr std::uint64_t wide_from = 0xffffffffu;
  static constexpr std::uint16_t flags = 0x800, time = 0, date = 0x21;  // names in UTF-8; 1980-01-01, the format's first day

  static std::uint32_t narrow(std::uint64_t v) { return static_cast<std::uint32_t>(std::min(v, wide_from)); }
  template <class... Numbers>
  static void append(std::string& to, Numbers... numbers) {
    (to.append(reinterpret_cast<char const*>(&numbers), sizeof numbers), ...);
  }
  static std::string zip64(std::vector<std::uint64_t> const& numbers) {
    std::string field;
    append(field, std::uint16_t(1), std::uint16_t(8 * numbers.size()));
    for (auto const n : numbers) append(field, n);
    return field;
  }
  void put(std::string_view bytes) {
    file_.write(bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  atomic_file& file_;
  std::uint64_t at_ = 0;
  std::vector<entry> entries_;
};

}  // namespace detail

class pth_writer {
 public:
  std::map<std::string, std::string> attributes;  // UTF-8

  // values: C order, as many as the shape says. Kept until write().
  template <Stored T>
  void add(std::string name, tensor_shape shape, std::vector<T> values) {
    add_later<T>(std::move(name), std::move(shape), [values = std::move(values)] { return values; });
  }
  // The same, made while writing: only one such tensor is in memory at a time.
  template <Stored T>
  void add_later(std::string name, tensor_shape shape, std::function<std::vector<T>()> make) {
    static_assert(std::floating_point<T> || std::same_as<T, std::int64_t>, "frcnn: a .pth file takes float, double and std::int64_t");
    std::string const where = "tensor " + in_quotes(name);
    if (!names_.insert(name).second) throw error(where, "a name of its own", "one that is taken");
    std::uint64_t n = 1;
    for (auto const d : shape) n *= static_cast<std::uint64_t>(d);
    entries_.push_back({std::move(name),
                        std::same_as<T, float>    ? "FloatStorage"
                        : std::same_as<T, double> ? "DoubleStorage"
                                                  : "LongStorage",
                        std::move(shape), n, [where, n, make = std::move(make)](detail::zip_writer& zip, std::string const& record) {
                          auto const values = make();
                          if (values.size() != n) throw error(where, std::to_string(n) + " elements", std::to_string(values.size()));
                          zip.add(record, {reinterpret_cast<char const*>(values.data()), values.size() * sizeof(T)});
                        }});
  }

  void write(std::filesystem::path const& path) const {
    std::vector<entry const*> order;
    for (auto const& e : entries_) order.push_back(&e);
    std::ranges::sort(order, {}, &entry::name);
    atomic_file file(path);
    detail::zip_writer zip(file);
    zip.add("archive/data.pkl", pickled(order));
    zip.add("archive/byteorder", "little");
    for (std::size_t i = 0; i < order.size(); ++i) order[i]->put(zip, "archive/data/" + std::to_string(i));
    zip.add("archive/version", "3\n");
    zip.finish();
    file.commit();
  }

 private:
  struct entry {
    std::string name;
    char const* storage;
    tensor_shape shape;
    std::uint64_t size;
    std::function<void(detail::zip_writer&, std::string const&)> put;
  };

  std::string pickled(std::vector<entry const*> const& order) const {
    detail::pickle_text p;
    p.empty_ordered_dict();
    p.bytes += '(';
    for (std::size_t i = 0; i < order.size(); ++i) {
      auto const& e = *order[i];
      tensor_shape strides(e.shape.size(), 1);
      for (std::size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<std::int64_t>(e.shape[d], 1);
      p.text(e.name);
      p.name("torch._utils", "_rebuild_tensor_v2");
      p.bytes += "((";
      p.text("storage");
      p.name("torch", e.storage);
      p.text(std::to_string(i));
      p.text("cpu");
      p.whole(static_cast<std::int64_t>(e.size));
      p.bytes += "tQ";
      p.whole(0);
      p.tuple(e.shape);
      p.tuple(strides);
      p.bytes += '\x89';  // needs no gradient
      p.empty_ordered_dict();
      p.bytes += "tR";
    }
    p.bytes += 'u';
    if (!attributes.empty()) {
      p.bytes += "}(";
      p.text("frcnn");
      p.bytes += "}(";
      for (auto const& [key, value] : attributes) p.text(key), p.text(value);
      p.bytes += "uub";
    }
    return p.bytes + '.';
  }

  std::vector<entry> entries_;
  std::set<std::string> names_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
