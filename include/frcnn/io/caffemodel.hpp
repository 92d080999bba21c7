#pragma once
// A .caffemodel of Caffe as a source of weights. The only header that includes protozero: where FRCNN_HAS_PROTOZERO is not 1 it is empty.
//
//   caffemodel const file("VGG_ILSVRC_16_layers.caffemodel");     names(): "conv1_1.weight", "conv1_1.bias", "fc6.weight", ...
// The first blob of a layer is its weight, the second its bias, others are ".2", ".3". Convolutions are [O, C, H, W], fully connected layers
// [O, C]: leading extents of 1 that old files have (1 x 1 x O x C, 1 x 1 x 1 x O) are taken away.
// What files differ in: layers are `layer`, or, in old files, `layers`, which win where both are; of several layers of one name the first
// that has blobs counts; shapes are `shape`, or num, channels, height, width; elements are floats (packed in one run or in several, or
// unpacked), doubles, or, of NVIDIA's fork and OpenCV's shrinkCaffeModel, raw bytes with a type (half, float, double).
//
// Opening walks over the file without reading elements. Those are read when they are asked for, from where they lie. Wrong bytes throw one
// error: a file cut short, elements that are more or fewer than the shape. There are no checksums in such files.
// Source: BVLC/caffe, src/caffe/proto/caffe.proto; field numbers below.
#include "frcnn/io/byte_source.hpp"
#include "frcnn/io/dtype.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/weight_source.hpp"

#if FRCNN_HAS_PROTOZERO
#include <protozero/pbf_reader.hpp>

#include <array>
#include <map>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class caffemodel final : public weight_source {
 public:
  explicit caffemodel(std::filesystem::path const& path) : file_(path, "a .caffemodel file") { open(); }
  caffemodel(std::string name, std::span<std::byte const> bytes) : file_(std::move(name), bytes) { open(); }
  caffemodel(caffemodel const&) = delete;

  std::string const& name() const override { return file_.name(); }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (auto const& [name, b] : blobs_) all.push_back(name);
    return all;
  }
  bool contains(std::string const& tensor) const override { return blobs_.contains(tensor); }
  tensor_shape const& shape(std::string const& tensor) const override { return blob_of(tensor).shape; }
  void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const override { read_as(tensor, first, out); }
  void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const override { read_as(tensor, first, out); }

 private:
  using reader = protozero::pbf_reader;
  using wire = protozero::pbf_wire_type;

  // `count` elements from byte `begin` on, one every `stride` bytes: 4 of packed floats, 5 of unpacked ones.
  struct run {
    std::uint64_t begin, count, stride;
  };
  struct blob {
    dtype type = dtype::f32;
    tensor_shape shape;
    std::uint64_t size = 0;
    std::vector<run> runs;
  };
  struct layer {
    std::string name;
    bool is_linear = false, is_transposed = false;
    std::vector<protozero::data_view> blobs;
  };
  // Field numbers of LayerParameter and of V1LayerParameter.
  struct layer_fields {
    protozero::pbf_tag_type name, type, blobs, linear;
  };
  static constexpr layer_fields fields{1, 2, 7, 117}, old_fields{4, 5, 6, 17};
  static constexpr std::uint64_t old_inner_product = 14;
  static constexpr std::size_t most_axes = 32;  // kMaxBlobAxes of Caffe

  static constexpr std::uint32_t field(protozero::pbf_tag_type tag, wire type) { return protozero::tag_and_type(tag, type); }

  void open() {
    if (file_.size() == 0) throw error(name(), "a .caffemodel file", "an empty file");
    auto const mapped = file_.view(0, static_cast<std::size_t>(file_.size()));
    base_ = reinterpret_cast<char const*>(mapped.get());
    try {
      read_net(protozero::data_view(base_, static_cast<std::size_t>(file_.size())));
    } catch (protozero::exception const& e) {
      refuse("a whole .caffemodel file", std::string("one that is cut short or damaged (") + e.what() + ")");
    }
    base_ = nullptr;
    if (blobs_.empty()) refuse("a .caffemodel file, layers with blobs", "none of them");
  }
  // A file whose first bytes are another format's is that: an error page, an archive.
  [[noreturn]] void refuse(std::string const& expected, std::string const& found) const {
    auto const other = foreign_file(file_.text(0, static_cast<std::size_t>(std::min<std::uint64_t>(file_.size(), 512))));
    if (!other.empty()) throw error(name(), "a .caffemodel file", other);
    throw error(name(), expected, found);
  }
  std::uint64_t place_of(char const* p) const { return static_cast<std::uint64_t>(p - base_); }

  void read_net(protozero::data_view bytes) {
    std::vector<protozero::data_view> layers, old_layers;
    for (reader net(bytes); net.next();) switch (net.tag_and_type()) {
        case field(2, wire::length_delimited): old_layers.push_back(net.get_view()); break;
        case field(100, wire::length_delimited): layers.push_back(net.get_view()); break;
        default: net.skip();
      }
    bool const old = !old_layers.empty();
    std::set<std::string> known;
    for (auto const& view : old ? old_layers : layers) {
      auto const l = read_layer(view, old ? old_fields : fields);
      if (l.blobs.empty() || !known.insert(l.name).second) continue;
      if (l.name.size() > most_tensor_name)
        throw error(name(), "names of at most " + std::to_string(most_tensor_name) + " bytes", in_quotes(l.name));
      for (std::size_t i = 0; i < l.blobs.size(); ++i) {
        std::string const tensor = l.name + (i == 0 ? ".weight" : i == 1 ? ".bias" : "." + std::to_string(i));
        auto b = read_blob(tensor, l.blobs[i]);
        if (b.runs.empty()) continue;  // shared with another layer, or taken out
        std::size_t const rank = i > 0 ? 1 : l.is_linear ? 2 : 4;
        while (b.shape.size() > rank && b.shape.front() == 1) b.shape.erase(b.shape.begin());
        if (l.is_transposed && i == 0) throw error(place(tensor), "a fully connected layer's [O, C]", "one that is transposed");
        blobs_[tensor] = std::move(b);
      }
    }
  }

  static layer read_layer(protozero::data_view bytes, layer_fields const& f) {
    layer l;
    for (reader r(bytes); r.next();) {
      auto const at = r.tag_and_type();
      if (at == field(f.name, wire::length_delimited)) l.name = r.get_string();
      else if (at == field(f.blobs, wire::length_delimited)) l.blobs.push_back(r.get_view());
      else if (at == field(f.type, wire::length_delimited)) l.is_linear = r.get_string() == "InnerProduct";
      else if (at == field(f.type, wire::varint)) l.is_linear = r.get_uint64() == old_inner_product;
      else if (at == field(f.linear, wire::length_delimited)) l.is_transposed = is_transposed(r.get_view());
      else r.skip();
    }
    return l;
  }
  static bool is_transposed(protozero::data_view bytes) {  // InnerProductParameter
    bool transposed = false;
    for (reader r(bytes); r.next();)
      if (r.tag_and_type() == field(6, wire::varint)) transposed = r.get_uint64() != 0;
      else r.skip();
    return transposed;
  }

  blob read_blob(std::string const& tensor, protozero::data_view bytes) const {
    blob floats, doubles, raw;
    std::array<std::int64_t, 4> old_shape{};
    bool has_shape = false, has_old_shape = false;
    tensor_shape shape;
    std::uint64_t raw_type = 1;
    for (reader r(bytes); r.next();) {
      auto const at = r.tag_and_type();
      if (at == field(7, wire::length_delimited)) has_shape = true, shape = read_shape(r.get_view());
      else if (at == field(5, wire::length_delimited)) add(tensor, floats, r.get_view(), 4);
      else if (at == field(5, wire::fixed32)) r.skip(), add(floats, {place_of(r.data().data()) - 4, 1, 4});
      else if (at == field(8, wire::length_delimited)) add(tensor, doubles, r.get_view(), 8);
      else if (at == field(8, wire::fixed64)) r.skip(), add(doubles, {place_of(r.data().data()) - 8, 1, 8});
      else if (at == field(10, wire::varint)) raw_type = r.get_uint64();
      else if (at == field(12, wire::length_delimited)) {
        auto const view = r.get_view();
        raw.runs = {{place_of(view.data()), view.size(), 1}};
      } else if (r.tag() >= 1 && r.tag() <= 4 && r.wire_type() == wire::varint) {
        auto const position = r.tag() - 1;
        has_old_shape = true, old_shape[position] = r.get_int64();
      } else r.skip();
    }
    doubles.type = dtype::f64;
    auto b = !doubles.runs.empty()  ? std::move(doubles)
             : !floats.runs.empty() ? std::move(floats)
                                    : take_raw(tensor, std::move(raw), raw_type);
    b.shape = has_shape || !has_old_shape ? std::move(shape) : tensor_shape(old_shape.begin(), old_shape.end());
    if (b.runs.empty()) return b;
    if (b.shape.size() > most_axes)
      throw error(place(tensor), "at most " + std::to_string(most_axes) + " extents, as Caffe has it", std::to_string(b.shape.size()));
    std::uint64_t elements = 1;
    for (auto const d : b.shape)
      if (d < 0 || __builtin_mul_overflow(elements, static_cast<std::uint64_t>(d), &elements))
        throw error(place(tensor), "a shape of extents from 0", to_string(b.shape));
    for (auto const& r : b.runs) b.size += r.count;
    if (b.size != elements)
      throw error(place(tensor), std::to_string(elements) + " elements for the shape " + to_string(b.shape), std::to_string(b.size));
    return b;
  }
  blob take_raw(std::string const& tensor, blob raw, std::uint64_t type) const {
    if (raw.runs.empty()) return raw;
    static constexpr dtype types[] = {dtype::f64, dtype::f32, dtype::f16};
    if (type >= std::size(types))
      throw error(place(tensor), "elements of type 0, 1 or 2: double, float, half", "type " + std::to_string(type));
    raw.type = types[type];
    auto& all = raw.runs.front();
    std::size_t const element = size_of(raw.type);
    if (all.count % element != 0) throw error(place(tensor), "whole elements", std::to_string(all.count) + " bytes");
    all = {all.begin, all.count / element, element};
    if (all.count == 0) raw.runs.clear();
    return raw;
  }
  static tensor_shape read_shape(protozero::data_view bytes) {
    tensor_shape shape;
    for (reader r(bytes); r.next();) {
      if (r.tag_and_type() == field(1, wire::length_delimited)) {
        for (auto const d : r.get_packed_int64()) shape.push_back(d);
      } else if (r.tag_and_type() == field(1, wire::varint)) {
        shape.push_back(r.get_int64());
      } else {
        r.skip();
      }
    }
    return shape;
  }

  void add(std::string const& tensor, blob& b, protozero::data_view packed, std::size_t element) const {
    if (packed.size() % element != 0) throw error(place(tensor), "whole elements", std::to_string(packed.size()) + " bytes");
    if (!packed.empty()) add(b, {place_of(packed.data()), packed.size() / element, element});
  }
  // One element more at the stride of those before goes on with their run.
  static void add(blob& b, run next) {
    if (!b.runs.empty() && next.count == 1) {
      auto& last = b.runs.back();
      std::uint64_t const step = next.begin - last.begin;
      if (last.count == 1 || step == last.count * last.stride) {
        if (last.count == 1) last.stride = step;
        ++last.count;
        return;
      }
    }
    b.runs.push_back(next);
  }

  blob const& blob_of(std::string const& tensor) const {
    auto const found = blobs_.find(tensor);
    if (found == blobs_.end()) throw error(place(tensor), "such a blob", "none of that name");
    return found->second;
  }

  template <class T>
  void read_as(std::string const& tensor, std::size_t first, std::span<T> out) const {
    blob const& b = blob_of(tensor);
    FRCNN_ASSERT(first + out.size() <= b.size);
    std::size_t const element = size_of(b.type);
    std::uint64_t skip = first;
    for (auto const& r : b.runs) {
      if (skip >= r.count) {
        skip -= r.count;
        continue;
      }
      auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(r.count - skip, out.size()));
      read_run(r, skip, element, b.type, out.first(n));
      out = out.subspan(n);
      skip = 0;
      if (out.empty()) return;
    }
  }
  template <class T>
  void read_run(run const& r, std::uint64_t first, std::size_t element, dtype type, std::span<T> out) const {
    if (r.stride == element && type == dtype_of<T>()) return file_.read(r.begin + first * r.stride, out.size_bytes(), out.data());
    std::array<std::byte, std::size_t{1} << 16> bytes;
    std::size_t const stride = static_cast<std::size_t>(r.stride),
                      at_once = stride > bytes.size() ? 1 : (bytes.size() - element) / stride + 1;
    for (std::size_t done = 0; done < out.size();) {
      std::size_t const n = std::min(at_once, out.size() - done);
      file_.read(r.begin + (first + done) * r.stride, (n - 1) * stride + element, bytes.data());
      if (stride != element)
        for (std::size_t i = 1; i < n; ++i) std::memmove(bytes.data() + i * element, bytes.data() + i * stride, element);
      convert(type, bytes.data(), n, out.data() + done);
      done += n;
    }
  }

  byte_source file_;
  char const* base_ = nullptr;  // of the mapped file, while it is walked over
  std::map<std::string, blob> blobs_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
#endif
