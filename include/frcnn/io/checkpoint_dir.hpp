#pragma once
// The checkpoints of a run: a folder each, written so that at any moment at least one is whole.
//
//   root/step-00000400/   the files of one checkpoint and `manifest`: size and CRC-32C of each, and of the manifest's own lines
//   root/step-00000400.part/   being written: readers ignore it, the next write() removes it
//   root/step-00000400.old/    the checkpoint that another of the same step is just replacing: whole, counted only without its successor
//
// write() 1. fills the .part folder, 2. puts every byte onto the disk, 3. renames it into place, 4. only then removes what is no longer
// kept. A kill -9 between any two instructions leaves the checkpoint before, or the new one.
// One process writes at a time; any number may read.
//
// Example: checkpoint_dir runs("out/checkpoint");
//          runs.write(200, [&](std::filesystem::path const& folder) { weights.write(folder / "model.safetensors"); });
//          if (auto last = runs.latest(warn)) load(last->path / "model.safetensors");   // last->step == 200
#include "frcnn/io/atomic_file.hpp"
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/descriptor.hpp"
#include "frcnn/io/read_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct checkpoint {
  std::uint64_t step;
  std::filesystem::path path;  // of the folder
};

class checkpoint_dir {
 public:
  // keep: how many of the newest stay. Two, so that a newest one that the disk spoiled has a predecessor.
  explicit checkpoint_dir(std::filesystem::path root, int keep = 2) : root_(std::move(root)), keep_(keep) { FRCNN_ASSERT(keep >= 1); }

  std::filesystem::path const& root() const { return root_; }

  // fill(folder) writes the files (no folders) of the checkpoint into the folder it is given. Checkpoints of later steps, left from a run
  // that this one has gone back behind, are removed with the old ones. Returns the checkpoint's folder.
  std::filesystem::path write(std::uint64_t step, std::function<void(std::filesystem::path const&)> const& fill) const {
    clean();
    auto const place = root_ / name_of(step);
    auto const beside = root_ / (name_of(step) + ".part"), before = root_ / (name_of(step) + ".old");
    try {
      attempt(beside, [&] {
        if (std::filesystem::create_directories(root_)) detail::sync_folder(std::filesystem::absolute(root_).parent_path());
        std::filesystem::create_directory(beside);
      });
      fill(beside);  // 1
      seal(beside);  // 2
    } catch (...) {
      std::error_code ignored;
      std::filesystem::remove_all(beside, ignored);
      throw;
    }
    attempt(place, [&] {  // 3
      if (there(place)) std::filesystem::rename(place, before);
      std::filesystem::rename(beside, place);
    });
    detail::sync_folder(root_);

    int whole = 0;  // 4
    for (auto const& c : all())
      if (c.step > step || ++whole > keep_) remove(c.path);
    clean();
    return place;
  }

  // The newest checkpoint that is whole. Says through `warn` which newer ones are not, and why, and which folders have no checkpoint's name.
  std::optional<checkpoint> latest(std::function<void(std::string const&)> const& warn = {}) const {
    for (auto const& path : entries())
      if (warn && named_by_hand(path))
        warn(error(path.string(), "a checkpoint's name, as " + name_of(400), "another").what() + std::string("; this folder is left out"));
    for (auto const& c : all()) {
      try {
        check(c.path);
        return c;
      } catch (error const& e) {
        if (warn) warn(std::string(e.what()) + "; this checkpoint is left out");
      }
    }
    return std::nullopt;
  }

  // All that are in place, newest first, unchecked.
  std::vector<checkpoint> all() const {
    std::vector<checkpoint> found;
    for (auto const& path : entries()) {
      std::string name = path.filename().string();
      bool const replaced = name.ends_with(".old");
      if (replaced) name.resize(name.size() - 4);
      auto const step = step_of(name);
      if (step && !(replaced && there(root_ / name))) found.push_back({*step, path});
    }
    std::ranges::sort(found, std::greater<>{}, &checkpoint::step);
    return found;
  }

 private:
  static std::string name_of(std::uint64_t step) {
    std::string const digits = std::to_string(step);
    return "step-" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
  }
  static std::optional<std::uint64_t> step_of(std::string_view name) {
    std::uint64_t step = 0;
    if (!name.starts_with("step-") || name.size() < 13) return std::nullopt;
    auto const [end, failed] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
    return failed == std::errc{} && end == name.data() + name.size() ? std::optional(step) : std::nullopt;
  }

  // "step-400", "step-00000400 (copy)": meant as a checkpoint, and none of ours.
  static bool named_by_hand(std::filesystem::path const& folder) {
    std::error_code ignored;
    std::string const name = folder.filename().string();
    return name.starts_with("step-") && !name.ends_with(".part") && !name.ends_with(".old") && !step_of(name) &&
           std::filesystem::is_directory(folder, ignored);
  }

  static bool there(std::filesystem::path const& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  }
  template <class F>
  static void attempt(std::filesystem::path const& path, F&& f) {
    try {
      f();
    } catch (std::filesystem::filesystem_error const& e) {
      detail::throw_write_error(path, e.code().value());
    }
  }

  // Renamed first, so that nobody finds a checkpoint with half of its files gone.
  void remove(std::filesystem::path const& folder) const {
    auto part = folder;
    part += ".part";
    attempt(folder, [&] { std::filesystem::rename(folder, part), std::filesystem::remove_all(part); });
  }

  // What killed writers left.
  void clean() const {
    for (auto const& path : entries()) {
      std::string const name = path.filename().string();
      bool const replaced = name.ends_with(".old") && there(root_ / name.substr(0, name.size() - 4));
      if (name.starts_with("step-") && (name.ends_with(".part") || replaced)) attempt(path, [&] { std::filesystem::remove_all(path); });
    }
  }

  std::vector<std::filesystem::path> entries() const {
    std::vector<std::filesystem::path> paths;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(root_, failed), end; !failed && at != end; at.increment(failed))
      paths.push_back(at->path());
    if (failed == std::errc::not_a_directory) throw error(root_.string(), "a folder of checkpoints", "a file");
    if (failed && failed != std::errc::no_such_file_or_directory) detail::throw_read_error(root_, failed.value());
    return paths;
  }

  // "<crc> <size> <name>" for each file, sorted by name; "<crc of these lines> manifest" at the end.
  static void seal(std::filesystem::path const& folder) {
    std::vector<std::filesystem::path> files;
    attempt(folder, [&] {
      for (auto const& item : std::filesystem::directory_iterator(folder)) {
        if (!item.is_regular_file()) throw error(item.path().string(), "a plain file in a checkpoint", "something else");
        files.push_back(item.path());
      }
    });
    std::ranges::sort(files);
    std::string manifest;
    for (auto const& file : files) {
      auto const [crc, size] = checksum(file, true);
      manifest += std::to_string(crc) + ' ' + std::to_string(size) + ' ' + file.filename().string() + '\n';
    }
    manifest += std::to_string(crc32c(manifest)) + " manifest\n";
    write_file_atomically(folder / "manifest", manifest);
  }

  static void check(std::filesystem::path const& folder) {
    auto const path = folder / "manifest";
    std::string const manifest = read_file(path);
    auto const last = manifest.size() < 2 ? std::string::npos : manifest.rfind('\n', manifest.size() - 2);
    auto const body = std::string_view(manifest).substr(0, last == std::string::npos ? 0 : last + 1);
    if (manifest.substr(body.size()) != std::to_string(crc32c(body)) + " manifest\n")
      throw error(path.string(), "the checkpoint's list of files", "a spoiled one");
    for (std::size_t begin = 0, end; begin < body.size(); begin = end + 1) {
      end = body.find('\n', begin);
      auto const line = body.substr(begin, end - begin);
      auto const name = line.substr(line.find(' ', line.find(' ') + 1) + 1);
      auto const [crc, size] = checksum(folder / name, false);
      if (line != std::to_string(crc) + ' ' + std::to_string(size) + ' ' + std::string(name))
        throw error((folder / name).string(), "what the checkpoint wrote", "other bytes");
    }
  }

  // In pieces: a checkpoint may be larger than the memory that is left. `keep`: and onto the disk with it.
  static std::pair<std::uint32_t, std::uint64_t> checksum(std::filesystem::path const& path, bool keep) {
    detail::descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) detail::throw_read_error(path, errno);
    std::vector<char> piece(1 << 20);
    std::uint32_t crc = 0;
    std::uint64_t size = 0;
    for (;;) {
      ssize_t const n = ::read(file.get(), piece.data(), piece.size());
      if (n == 0) break;
      if (n < 0 && errno != EINTR) detail::throw_read_error(path, errno);
      if (n > 0) crc = crc32c({piece.data(), static_cast<std::size_t>(n)}, crc), size += static_cast<std::uint64_t>(n);
    }
    if (keep) detail::sync(file.get(), path);
    return {crc, size};
  }

  std::filesystem::path root_;
  int keep_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
