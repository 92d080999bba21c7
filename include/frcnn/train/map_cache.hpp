#pragma once
// Feature maps of a backbone that does not learn, computed once for each picture: steps 3 and 4 of alternating training.
//
//   map_cache<model> cache({.memory_mb = 1024, .disk_mb = 8192, .folder = "run"});
//   stage.step = on_cached_maps<model>(rpn_step(), cache);        rpn_step() without the backbone's work
// A picture is a number of batch::pictures, for which a data_feed takes an image and whether it is mirrored. Its maps are those of the image
// alone in its batch, whatever images it is with: they are computed once. In a batch of larger images they are zero right and below, where
// rpn_step() has what the backbone makes of padding; batches of one size give the same bytes as rpn_step(). A batch whose feed names no
// pictures goes through the backbone as ever: so does every one under augmentation, and nothing is cached.
// Memory is filled first, then a file in the folder that has no name, so that a killed run leaves nothing; at least a gigabyte of the disk
// stays free. What has no room is computed again. Maps are those of one state of the backbone: other values of its parameters empty the
// cache.
// Activations hold the images of a batch one after the other, as those of our backends do.
#include "frcnn/core/maps.hpp"
#include "frcnn/core/profiler.hpp"
#include "frcnn/core/staging.hpp"
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/ops/fit_planes.hpp"
#include "frcnn/ops/rows.hpp"
#include "frcnn/train/steps.hpp"

#include <unistd.h>
#include <array>
#include <cstdlib>
#include <map>
#include <span>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

struct map_budget {
  std::size_t memory_mb = 0, disk_mb = 0;
  std::filesystem::path folder{};  // of the file
};

// Bytes under keys, in memory and then on the disk, first come, never dropped but all at once.
class blob_cache {
 public:
  using key = std::uint64_t;

  explicit blob_cache(map_budget budget) : budget_(std::move(budget)) { clear(); }

  void clear() {
    entries_.clear();
    memory_room_ = budget_.memory_mb << 20;
    disk_room_ = budget_.folder.empty() ? 0 : budget_.disk_mb << 20;
    file_ = io::detail::descriptor();
    file_size_ = 0;
  }
  std::size_t size() const { return entries_.size(); }
  std::size_t on_disk() const { return file_size_; }  // bytes
  // Whether something of that size would be stored.
  bool has_room(std::size_t bytes) const { return memory_room_ >= bytes || disk_room_ >= bytes; }

  // The bytes, there until clear() or the next find(); none: nothing is under the key, or the disk does not give it back.
  std::span<char const> find(key const& k) {
    auto const found = entries_.find(k);
    if (found == entries_.end()) return {};
    place const& p = found->second;
    if (!p.memory.empty()) return p.memory;
    read_.resize(p.bytes);
    for (std::size_t done = 0; done < p.bytes;) {
      auto const n = ::pread(file_.get(), read_.data() + done, p.bytes - done, static_cast<off_t>(p.offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return {};
      done += static_cast<std::size_t>(n);
    }
    return read_;
  }

  void store(key const& k, std::span<char const> bytes) {
    if (memory_room_ >= bytes.size()) {
      entries_[k].memory.assign(bytes.begin(), bytes.end());
      memory_room_ -= bytes.size();
    } else if (disk_room_ >= bytes.size() && append(bytes)) {
      entries_[k] = {{}, file_size_ - bytes.size(), bytes.size()};
      disk_room_ -= bytes.size();
    } else if (memory_room_ < bytes.size()) {
      disk_room_ = 0;  // what the disk has refused it is not asked for again
    }
  }

 private:
  static constexpr std::uintmax_t stays_free = std::uintmax_t{1} << 30;

  struct place {
    std::vector<char> memory;
    std::size_t offset = 0, bytes = 0;  // in the file
  };

  // False where the disk has no room, or is none.
  bool append(std::span<char const> bytes) {
    std::error_code failed;
    auto const space = std::filesystem::space(budget_.folder, failed);
    if (failed || space.available < stays_free + bytes.size()) return false;
    if (!file_) {
      std::string name = (budget_.folder / "maps-XXXXXX").string();
      file_ = io::detail::descriptor(::mkostemp(name.data(), O_CLOEXEC));
      if (!file_) return false;
      ::unlink(name.c_str());
    }
    for (std::size_t done = 0; done < bytes.size();) {
      auto const n = ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(file_size_ + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      done += static_cast<std::size_t>(n);
    }
    file_size_ += bytes.size();
    return true;
  }

  map_budget budget_;
  std::map<key, place> entries_;
  std::size_t memory_room_ = 0, disk_room_ = 0, file_size_ = 0;
  io::detail::descriptor file_;
  std::vector<char> read_;
};

template <class Model>
class map_cache {
  using T = typename Model::scalar;
  using B = typename Model::device;
  using context = typename B::context;
  static constexpr int levels = Model::levels;

 public:
  explicit map_cache(map_budget budget) : blobs_(std::move(budget)) {}

  // The backbone's maps of a batch, in memory of the context's present frame. Values of the backbone are as the context has left them.
  maps<T, levels, B> of(Model const& model, context& c, batch<T, B> const& im) {
    auto const& backbone = model.backbone();
    maps<T, levels, B> f;
    for (int l = 0; l < levels; ++l) f.level[l] = c.template make<T>(backbone.map_shape(l, im.pixels.dims));
    if (im.pictures.empty()) {
      backbone.infer(c, im, f);
      return f;
    }
    if (auto const now = state_of(model); now != state_) blobs_.clear(), state_ = now;
    profiled const timed(c, "maps");
    for (int n = 0; n < im.size(); ++n) {
      typename context::frame scope(c);
      auto const& picture = im.pictures[static_cast<std::size_t>(n)];
      shape<4> const alone{{1, im.pixels.dims[1], picture.h, picture.w}};
      bool const fits = alone[2] == im.pixels.dims[2] && alone[3] == im.pixels.dims[3];
      auto const place = of_image(c, f, n);
      maps<T, levels, B> one = place;
      if (!fits)
        for (int l = 0; l < levels; ++l) one.level[l] = c.template make<T>(backbone.map_shape(l, alone));
      if (auto const bytes = blobs_.find(picture.number); !bytes.empty()) {
        put(c, bytes, one);
        ++found_;
      } else {
        backbone.infer(c, image(c, im, n, alone), one);
        ++computed_;
        if (blobs_.has_room(bytes_of(c, one))) blobs_.store(picture.number, taken(c, one));
      }
      if (!fits)
        for (int l = 0; l < levels; ++l) enlarge(c, one.level[l], place.level[l]);
    }
    return f;
  }

  std::uint64_t found() const { return found_; }  // images whose maps were there
  std::uint64_t computed() const { return computed_; }
  blob_cache const& contents() const { return blobs_; }

 private:
  static std::size_t elements(context& c, activation<T, B> const& a) { return c.template storage<T>(a.dims); }
  static std::size_t bytes_of(context& c, maps<T, levels, B> const& f) {
    std::size_t all = 0;
    for (auto const& a : f.level) all += elements(c, a) * sizeof(T);
    return all;
  }
  static maps<T, levels, B> of_image(context& c, maps<T, levels, B> const& f, int n) {
    maps<T, levels, B> one;
    for (int l = 0; l < levels; ++l) {
      shape<4> s = f.level[l].dims;
      s[0] = 1;
      one.level[l] = c.template make_at<T>(f.level[l].data + static_cast<std::size_t>(n) * c.template storage<T>(s), s);
    }
    return one;
  }
  // s: the sides that it has alone.
  static batch<T, B> image(context& c, batch<T, B> const& im, int n, shape<4> s) {
    auto const at = static_cast<std::size_t>(n);
    view<T const, 3, B> const whole{im.pixels.data + at * (im.pixels.size() / static_cast<std::size_t>(im.size())),
                                    {{im.pixels.dims[1], im.pixels.dims[2], im.pixels.dims[3]}}};
    view<T const, 4, B> pixels{whole.data, s};
    if (whole.dims[1] != s[2] || whole.dims[2] != s[3]) {
      auto const cut = scratch<T, B>(c, shape<3>{{s[1], s[2], s[3]}});
      ops::fit_planes<T, B>(c, whole, cut);
      pixels.data = cut.data;
    }
    return {pixels, {im.info.data + at, {{1}}}, {im.id.data + at, {{1}}}};
  }
  // The map of an image alone, in its place in the batch's.
  static void enlarge(context& c, activation<T, B> const& from, activation<T, B> const& to) {
    auto const rows_of = [&](activation<T, B> const& a) { return scratch<T, B>(c, shape<3>{{1, a.dims[2] * a.dims[3], a.dims[1]}}); };
    auto const small = rows_of(from), large = rows_of(to);
    ops::rows<B>::gather(c, from, small, 0);
    int const columns = from.dims[1];  // a row of a map, as a row of a plane
    ops::fit_planes<T, B>(c, {small.data, {{1, from.dims[2], from.dims[3] * columns}}},
                          {large.data, {{1, to.dims[2], to.dims[3] * columns}}});
    ops::rows<B>::scatter(c, view<T const, 3, B>(large), 0, to);
  }

  void put(context& c, std::span<char const> bytes, maps<T, levels, B>& to) {
    for (auto& a : to.level) {
      std::size_t const count = elements(c, a);
      staged_.send(c, {reinterpret_cast<T const*>(bytes.data()), count}, a.data);
      bytes = bytes.subspan(count * sizeof(T));
    }
  }
  std::span<char const> taken(context& c, maps<T, levels, B> const& from) {
    taken_.resize(bytes_of(c, from));
    char* to = taken_.data();
    for (auto const& a : from.level) {
      c.copy_out(to, a.data, elements(c, a) * sizeof(T));
      to += elements(c, a) * sizeof(T);
    }
    c.wait();
    return taken_;
  }

  // Rises with every change of a value of the backbone.
  static std::uint64_t state_of(Model const& model) {
    std::uint64_t sum = 1;
    for (auto const& e : model.parameters().entries())
      if (e.name.starts_with("backbone.")) sum += e.p->version;
    return sum;
  }

  blob_cache blobs_;
  std::uint64_t state_ = 0, found_ = 0, computed_ = 0;
  staging<T, B> staged_;
  std::vector<char> taken_;
};

// A step of rpn_step or head_step on maps of the cache, which outlives it. For stages in which nothing of the backbone learns.
template <class Model, class Step>
step_function<Model> on_cached_maps(Step step, map_cache<Model>& cache) {
  using T = typename Model::scalar;
  using B = typename Model::device;
  return [step, &cache](Model& model, typename B::context& c, batch<T, B> const& im, truth<T, B> const& gt, rng<B> r,
                        typename Model::tape& tape, view<T, 1, B> loss, part_set written) {
    typename B::context::frame scope(c);
    auto const f = cache.of(model, c, im);
    return step(model, c, im, f, gt, r, tape, loss, written);
  };
}

}  // namespace frcnn
FRCNN_HIDDEN_END
