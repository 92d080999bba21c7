#pragma once
// A .pth file of PyTorch as a source of weights: the state dict in it, found by what the file says, none of which is executed.
//
//   pth_file const file("vgg16-397923af.pth");           names(), shape(), read_part(): io/weight_source.hpp
//   pth_file const file("checkpoint.pth", "model_ema");  the state dict under this key; "a/b" for one inside another
// What is read: files of torch.save since PyTorch 1.6, a zip of a pickle and of storages. Tensors may share storages, begin anywhere in
// them and have any strides, 0 too (a weight of a model in channels_last is stored permuted); floating types become float or double. Without
// a key the state dict is what lies in the file under model, state_dict, model_state, model_state_dict or ema, the first of
// these that has tensors, else the whole file, else one of them inside another. What is no tensor in it is skipped: optimisers, arguments, counters, numbers of NumPy.
// What is refused, with a sentence that says what to do in Python: files of older versions, whole models, TorchScript.
//
// Opening reads the pickle. Elements are read when they are asked for, and nothing of them is kept. They are compared with the CRC-32 of
// their record, where the file has one (0: not computed).
// attribute(key) is a text that our own writer leaves beside the state dict (io/pth_writer.hpp).
// Source: torch/serialization.py, torch/_utils.py (2.15).
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/pickle.hpp"
#include "frcnn/io/pth_tensor.hpp"
#include "frcnn/io/record_check.hpp"
#include "frcnn/io/weight_source.hpp"
#include "frcnn/io/zip_archive.hpp"

#include <array>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class pth_file final : public weight_source {
 public:
  explicit pth_file(std::filesystem::path const& path, std::string const& key = {}) : file_(path, "a .pth file") { open(key); }
  pth_file(std::string name, std::span<std::byte const> bytes, std::string const& key = {}) : file_(std::move(name), bytes) { open(key); }
  pth_file(pth_file const&) = delete;

  std::string const& name() const override { return file_.name(); }
  pth_file const* as_pth() const override { return this; }
  std::string const& key() const { return key_; }  // where the state dict was found; empty: it is the whole file
  std::map<std::string, std::string> const& attributes() const { return attributes_; }

  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (auto const& [name, t] : tensors_) all.push_back(name);
    return all;
  }
  bool contains(std::string const& tensor) const override { return tensors_.contains(tensor); }
  tensor_shape const& shape(std::string const& name) const override { return tensor(name).shape; }
  pth_tensor const& tensor(std::string const& name) const {
    auto const found = tensors_.find(name);
    if (found == tensors_.end()) throw error(place(name), "such a tensor", "none of that name");
    if (!found->second.unreadable.empty()) throw error(place(name), "a plain tensor", found->second.unreadable);
    return found->second;
  }
  void read_part(std::string const& name, std::size_t first, std::span<float> out) const override { read_as(name, first, out); }
  void read_part(std::string const& name, std::size_t first, std::span<double> out) const override { read_as(name, first, out); }

 private:
  using id = pickle_value::id;
  using kind = pickle_value::kind;

  // A value of a pickle can be there many times at little cost: what is copied for each tensor is bounded. PyTorch allows 64 dimensions.
  static constexpr std::size_t most_dimensions = 64;
  static constexpr std::array<char const*, 5> usual_keys{"model", "state_dict", "model_state", "model_state_dict", "ema"};
  static constexpr std::uint64_t most_repeated = std::uint64_t{1} << 24;  // elements of a tensor that stand for one another (stride 0)

  // --- opening
  void open(std::string const& key) {
    std::string const first = file_.text(0, static_cast<std::size_t>(std::min<std::uint64_t>(file_.size(), 512)));
    if (!first.starts_with("PK\3\4"))
      throw error(name(), "a .pth file, a zip archive as torch.save writes it since PyTorch 1.6", other(first));
    archive_.emplace(file_);
    std::string const suffix = "data.pkl";
    std::string prefix;
    for (auto const& [record, where] : archive_->records())
      if (record.ends_with("/" + suffix) && record.find('/') + 1 + suffix.size() == record.size())
        prefix = record.substr(0, record.size() - suffix.size());
    if (prefix.empty()) {
      for (auto const& [record, where] : archive_->records())
        if (record.ends_with(".safetensors") || record.ends_with(".pth") || record.ends_with(".pt"))
          throw error(name(), "a .pth file", "a zip archive that holds " + in_quotes(record) + ": unpack it first");
      throw error(name(), "a .pth file", "a zip archive without data.pkl");
    }
    if (archive_->find(prefix + "constants.pkl"))
      throw error(name(), "a state dict", "a TorchScript archive (in Python: torch.save(torch.jit.load(FILE).state_dict(), NEW))");
    if (auto const* const order = archive_->plain(prefix + "byteorder"))
      if (auto const text = file_.text(order->begin, static_cast<std::size_t>(std::min<std::uint64_t>(order->size, 8))); text != "little")
        throw error(name(), "numbers in little-endian order", in_quotes(text));
    auto const* const pickled = archive_->plain(prefix + suffix);
    if (pickled->size > pickle::most_bytes) throw error(name(), "a data.pkl of at most 64 MiB", std::to_string(pickled->size) + " bytes");
    auto bytes = file_.text(pickled->begin, static_cast<std::size_t>(pickled->size));
    record_check::whole(name() + ", record " + in_quotes(prefix + suffix), *pickled, bytes);
    pickle const values(name() + ", record " + in_quotes(prefix + suffix), std::move(bytes));
    read_tensors(values, prefix, state_dict(values, prefix, key));
  }
  // What a file is that is no zip.
  static std::string other(std::string_view first) {
    constexpr std::string_view legacy("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);
    if (first.starts_with(legacy))
      return "one of an older version (in Python: torch.save(torch.load(FILE, map_location='cpu'), NEW) writes the new form)";
    if (!first.empty() && first[0] == '\x80')
      return "a pickle, as detectron2 writes its .pkl files (in Python: d = pickle.load(open(FILE, 'rb'), encoding='latin1'); "
             "torch.save({k: torch.as_tensor(v) for k, v in d['model'].items()}, NEW) if its names are torchvision's; detectron2's "
             "networks are not read)";
    if (first.empty()) return "an empty file";
    auto const known = foreign_file(first);
    return known.empty() ? "something else" : known;
  }

  // Keys within keys: "a/b".
  static std::vector<std::string_view> parts_of(std::string_view key) {
    std::vector<std::string_view> parts;
    for (auto end = key.find('/'); end != key.npos; end = key.find('/')) parts.push_back(key.substr(0, end)), key.remove_prefix(end + 1);
    parts.push_back(key);
    return parts;
  }

  // The node of the state dict.
  id state_dict(pickle const& values, std::string const& prefix, std::string const& key) {
    if (!key.empty()) {
      id at = values.root();
      for (auto const part : parts_of(key)) {
        auto const next = values.get(at, part);
        if (next == pickle_value::none_id) throw error(name(), "a key " + in_quotes(part), keys_of(values, at));
        at = next;
      }
      refuse_module(values, at, key);
      if (!has_tensors(values, prefix, at)) throw error(name(), "a state dict under the key " + in_quotes(key), keys_of(values, at));
      key_ = key;
      return at;
    }
    // Before the whole: a checkpoint may have tensors beside its model, such as the state of a generator.
    for (char const* usual : usual_keys)
      if (id const inside = values.get(values.root(), usual); has_tensors(values, prefix, inside)) {
        key_ = usual;
        return inside;
      }
    if (has_tensors(values, prefix, values.root())) return values.root();
    for (char const* outer : usual_keys)
      for (char const* inner : usual_keys)
        if (id const inside = values.get(values.get(values.root(), outer), inner); has_tensors(values, prefix, inside)) {
          key_ = std::string(outer) + '/' + inner;
          return inside;
        }
    refuse_module(values, values.root());
    for (char const* usual : usual_keys) refuse_module(values, values.get(values.root(), usual), usual);
    throw error(name(),
                "a state dict, or one under model, state_dict, model_state, model_state_dict or ema (else say its key, as a/b where it "
                "lies in another)",
                keys_of(values, values.root()));
  }
  static std::string keys_of(pickle const& values, id at) {
    std::string keys;
    std::size_t n = 0;
    for (auto const& [k, v] : values.entries(at))
      if (values.at(k).is(kind::text) && n++ < 8) keys += (keys.empty() ? "" : ", ") + in_quotes(values.at(k).text);
    return keys.empty() ? "a value without keys" : "the keys " + keys + (n > 8 ? " ..." : "");
  }
  bool has_tensors(pickle const& values, std::string const& prefix, id at) const {
    for (auto const& [k, v] : values.entries(at))
      if (values.at(k).is(kind::text) && tensor_at(values, prefix, v)) return true;
    return false;
  }
  // Where a whole model lies at `at`, under this key, throws what to do in Python.
  void refuse_module(pickle const& values, id at, std::string const& key = {}) const {
    if (!is_module(values, at)) return;
    std::string inside;
    if (!key.empty())
      for (auto const part : parts_of(key)) inside += "[" + in_quotes(part) + "]";
    throw error(name(), "a state dict",
                "a whole model" + (key.empty() ? "" : " under " + in_quotes(key)) +
                    " (in Python: torch.save(torch.load(FILE, weights_only=False)" + inside + ".state_dict(), NEW))");
  }
  static bool is_module(pickle const& values, id at) {
    auto const& v = values.at(at);
    return v.is(kind::call) && values.get(v.items[pickle_value::state], "_modules") != pickle_value::none_id;
  }

  void read_tensors(pickle const& values, std::string const& prefix, id from) {
    for (auto const& [k, v] : values.entries(from)) {
      if (!values.at(k).is(kind::text)) continue;
      auto tensor = tensor_at(values, prefix, v);
      if (!tensor) continue;
      auto const key = values.at(k).text;
      if (key.size() > most_tensor_name)
        throw error(name(), "names of at most " + std::to_string(most_tensor_name) + " bytes", in_quotes(key));
      tensors_[std::string(key)] = std::move(*tensor);
    }
    auto const& object = values.at(from);
    if (!object.is(kind::call)) return;
    std::size_t bytes = 0;
    for (auto const& [k, v] : values.entries(values.get(object.items[pickle_value::state], "frcnn"))) {
      if (!values.at(k).is(kind::text) || !values.at(v).is(kind::text)) continue;
      bytes += values.at(k).text.size() + values.at(v).text.size();
      if (bytes > pickle::most_bytes) throw error(name(), "attributes of at most 64 MiB", "more");
      attributes_[std::string(values.at(k).text)] = values.at(v).text;
    }
  }

  // --- tensors
  // Nothing where the value is no tensor.
  std::optional<pth_tensor> tensor_at(pickle const& values, std::string const& prefix, id at, int depth = 0) const {
    auto const& v = values.at(at);
    if (!v.is(kind::call) || depth > 4) return std::nullopt;
    auto const& called = values.at(v.items[pickle_value::called]);
    auto const& arguments = values.at(v.items[pickle_value::arguments]);
    if (!called.is(kind::name) || !arguments.is(kind::sequence)) return std::nullopt;
    auto const& a = arguments.items;
    bool const of_utils = called.text == "torch._utils", of_tensor = called.text == "torch._tensor";
    if ((of_utils && called.second.starts_with("_rebuild_parameter")) && !a.empty()) return tensor_at(values, prefix, a[0], depth + 1);
    if (of_tensor && called.second == "_rebuild_from_type_v2" && a.size() >= 3) {  // (function, type, arguments, state)
      auto const& inner = values.at(a[2]);
      if (values.at(a[0]).is(kind::name) && inner.is(kind::sequence)) return rebuilt(values, prefix, values.at(a[0]), inner.items);
    }
    if (of_utils || of_tensor) return rebuilt(values, prefix, called, a);
    return std::nullopt;
  }

  std::optional<pth_tensor> rebuilt(pickle const& values, std::string const& prefix, pickle_value const& called,
                                    std::vector<id> const& a) const {
    pth_tensor t;
    bool const typed = called.second == "_rebuild_tensor_v3";
    bool const plain = typed || called.second == "_rebuild_tensor_v2" || called.second == "_rebuild_tensor";
    if (!plain || a.size() < (typed ? 7 : 4)) {
      if (!called.second.starts_with("_rebuild_")) return std::nullopt;
      t.unreadable =
          "one that " +
          in_quotes(std::string(called.text.substr(0, most_tensor_name)) + "." + std::string(called.second.substr(0, most_tensor_name))) +
          " makes";
      return t;
    }
    auto const say = [&](std::string what) {
      t.unreadable = std::move(what);
      return t;
    };
    // ("storage", class, record, device, elements)
    auto const& storage = values.at(a[0]);
    auto const* const about = storage.is(kind::persistent) ? &values.at(storage.items[0]) : nullptr;
    if (!about || !about->is(kind::sequence) || about->items.size() < 5 || !values.at(about->items[1]).is(kind::name) ||
        !values.at(about->items[2]).is(kind::text) || values.at(about->items[2]).text.size() > most_tensor_name)
      return say("one without a storage");
    auto const type_name = typed ? values.at(a[6]).second : values.at(about->items[1]).second;
    auto const type = pth_type(type_name);
    if (!type) return say("one of " + in_quotes(type_name));
    t.type = *type;
    std::string const record = prefix + "data/" + std::string(values.at(about->items[2]).text);
    t.record = archive_->plain(record);
    if (!t.record) return say("one whose storage, record " + in_quotes(record) + ", is not in the file");
    if (a.size() > 6 && !typed && a[6] != pickle_value::none_id) {  // {"conj": True}, {"neg": True}: bits that change what elements mean
      if (!values.at(a[6]).is(kind::dictionary) || values.at(a[6]).items.size() > 64)
        return say("one whose bits are told by something else than a dictionary of at most 32");
      for (auto const& [k, v] : values.entries(a[6]))
        if (values.at(v).is(kind::boolean) && values.at(v).whole) return say("one with the bit " + in_quotes(values.at(k).text));
    }
    auto const whole = [&](id i, std::uint64_t& out) {
      out = static_cast<std::uint64_t>(values.at(i).whole);
      return values.at(i).is(kind::whole) && values.at(i).whole >= 0;
    };
    auto const list = [&](id i, tensor_shape& out) {
      if (!values.at(i).is(kind::sequence) || values.at(i).items.size() > most_dimensions) return false;
      for (id const n : values.at(i).items) {
        std::uint64_t value;
        if (!whole(n, value)) return false;
        out.push_back(static_cast<std::int64_t>(value));
      }
      return true;
    };
    if (values.at(a[2]).items.size() > most_dimensions) return say("one of more than " + std::to_string(most_dimensions) + " dimensions");
    if (!whole(a[1], t.offset) || !list(a[2], t.shape) || !list(a[3], t.strides) || t.shape.size() != t.strides.size())
      return say("one whose place is not told by whole numbers");
    if (!t.lay_out())
      return say("one of shape " + to_string(t.shape) + ", beyond the " + std::to_string(t.record->size) + " bytes of its record");
    if (t.size > most_repeated && t.size > t.record->size / size_of(t.type))
      return say("one of shape " + to_string(t.shape) + ", which repeats the elements of a record of " + std::to_string(t.record->size) +
                 " bytes");
    return t;
  }

  // --- elements
  template <class T>
  void read_as(std::string const& name, std::size_t first, std::span<T> out) const {
    auto const& t = tensor(name);
    FRCNN_ASSERT(first + out.size() <= t.size);
    if (out.empty()) return;
    std::size_t const element = size_of(t.type);
    auto const refuse = [&] {
      return error(place(name), "values that fit " + std::string(name_of(dtype_of<T>())), "type " + std::string(name_of(t.type)));
    };
    if (t.contiguous && t.type == dtype_of<T>()) {
      std::uint64_t const begin = (t.offset + first) * element;
      file_.read(t.record->begin + begin, out.size_bytes(), out.data());
      if (t.size * element == t.record->size) checks_.part(place(name), *t.record, begin, std::as_bytes(std::span<T const>(out)));
      else checks_.once(place(name), *t.record, file_);
      return;
    }
    checks_.once(place(name), *t.record, file_);
    std::array<std::byte, std::size_t{1} << 16> beside;
    std::size_t const at_once = beside.size() / element;
    auto const from =
        t.contiguous ? nullptr : file_.view(t.record->begin + t.offset * element, static_cast<std::size_t>(t.extent) * element);
    for (std::size_t done = 0; done < out.size();) {
      std::size_t const n = std::min(at_once, out.size() - done);
      if (t.contiguous) file_.read(t.record->begin + (t.offset + first + done) * element, n * element, beside.data());
      else t.gather(first + done, n, from.get(), beside.data());
      if (!convert(t.type, beside.data(), n, out.data() + done)) throw refuse();
      done += n;
    }
  }

  byte_source file_;
  std::optional<zip_archive> archive_;
  std::string key_;
  std::map<std::string, pth_tensor> tensors_;
  std::map<std::string, std::string> attributes_;
  record_check checks_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
