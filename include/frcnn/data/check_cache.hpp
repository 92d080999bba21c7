#pragma once
// What the data check found out about images, kept in a file from one start of a run to the next: an image that has not changed since is
// not decoded again. Only good verdicts are kept.
//
// An image counts as unchanged when its path, its size and its times of change (of the contents, and of the file as such) are what they
// were. The file has a version and a checksum, and says which decoders gave the verdicts; one that is damaged, of another version or of
// other decoders holds nothing.
//
//   frcnn checked images 2, libjpeg-turbo, libtiff
//   <bytes> <mtime> <ctime> <width> <height> <colours> <transparency> <bits> <orientation><TAB><narrow><TAB><remark><TAB><absolute path>
//                                                                                                          a line per image
//   end <images> <FNV-1a of all before>
//
// find() may be called by many threads at once; add(), take() and save() by one, and not meanwhile.
//
// Example: check_cache known("run/checked_images.txt");  read_voc(sources, {.known = &known});  known.save("run/checked_images.txt");
#include "frcnn/core/hash.hpp"
#include "frcnn/data/image_io.hpp"

#include <sys/stat.h>

#include <charconv>
#include <map>
#include <optional>
#include <system_error>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// What changes when a file does.
struct file_stamp {
  std::int64_t size = -1, changed = 0, touched = 0;  // bytes; nanoseconds since 1970

  static std::optional<file_stamp> of(std::filesystem::path const& path) {
    struct stat about;
    if (::stat(path.c_str(), &about) != 0) return std::nullopt;
    auto const time = [](timespec const& t) { return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec; };
    return file_stamp{about.st_size, time(about.st_mtim), time(about.st_ctim)};
  }
  friend bool operator==(file_stamp const&, file_stamp const&) = default;
};

class check_cache {
 public:
  check_cache() = default;

  // Empty where there is no such file, or where it is of no use.
  explicit check_cache(std::filesystem::path const& file) {
    try {
      if (!parse(io::read_file(file))) known_.clear();
    } catch (error const&) {
    }
  }

  // Of an image that has not changed since.
  std::optional<image_facts> find(std::filesystem::path const& image, file_stamp const& stamp) const {
    std::string const path = key(image);
    for (table const* entries : {&seen_, &known_})
      if (auto const found = entries->find(path); found != entries->end() && found->second.stamp == stamp) return found->second.facts;
    return std::nullopt;
  }

  // stamp: taken before the image was read.
  void add(std::filesystem::path const& image, file_stamp const& stamp, image_facts const& facts) {
    seen_.insert_or_assign(key(image), entry{stamp, facts});
  }

  // The images of this start, whole or not at all.
  void save(std::filesystem::path const& file) const { io::write_file_atomically(file, text()); }

  // What save() writes.
  std::string text() const {
    std::string text = header();
    std::size_t lines = 0;
    for (auto const& [path, e] : seen_) {
      if ((path + e.facts.narrow + e.facts.remark).find('\n') != path.npos) continue;
      auto const& channels = e.facts.channels;
      for (std::int64_t v : {e.stamp.size, e.stamp.changed, e.stamp.touched, std::int64_t{e.facts.width}, std::int64_t{e.facts.height},
                             std::int64_t{channels.colours}, std::int64_t{channels.transparency}, std::int64_t{channels.bits}})
        text += std::to_string(v) + ' ';
      text += std::to_string(e.facts.orientation) + '\t' + e.facts.narrow + '\t' + e.facts.remark + '\t' + path + '\n';
      ++lines;
    }
    return text + end_of(text, lines);
  }

  // What the text() of another, of the same decoders, has found: find() knows it, save() writes what add() was given alone.
  void take(std::string const& text) {
    check_cache other;
    if (!other.parse(text)) return;
    other.known_.merge(known_);  // of two entries that of the text
    known_ = std::move(other.known_);
  }

 private:
  struct entry {
    file_stamp stamp;
    image_facts facts;
  };
  using table = std::map<std::string, entry>;

  static std::string header() {
    return std::string("frcnn checked images 2, ") + FRCNN_JPEG_DECODER + (FRCNN_HAS_TIFF ? ", libtiff" : "") + "\n";
  }

  static std::string key(std::filesystem::path const& image) {
    std::error_code problem;
    auto const whole = std::filesystem::absolute(image, problem);
    return (problem ? image : whole).lexically_normal().string();
  }

  static std::string end_of(std::string_view text, std::size_t lines) {
    return "end " + std::to_string(lines) + " " + std::to_string(fnv1a(text)) + "\n";
  }

  // False: not a file of ours, or not as it was written.
  bool parse(std::string const& file) {
    std::string const first = header();
    std::size_t const last = file.size() < 2 ? file.npos : file.rfind('\n', file.size() - 2);
    if (last == file.npos || file.compare(0, first.size(), first) != 0) return false;
    std::string_view const text(file.data(), last + 1);
    for (std::size_t at = first.size(); at < text.size();) {
      std::size_t const end = text.find('\n', at);
      if (!add_line(text.substr(at, end - at))) return false;
      at = end + 1;
    }
    return file.compare(last + 1, file.npos, end_of(text, known_.size())) == 0;
  }

  bool add_line(std::string_view line) {
    std::int64_t numbers[9];
    char const *at = line.data(), *const end = line.data() + line.size();
    for (std::int64_t& n : numbers) {
      auto const [next, code] = std::from_chars(at, end, n);
      if (code != std::errc{} || next == end) return false;
      at = next + 1;
    }
    auto const field = [&] {
      char const* const tab = std::find(at, end, '\t');
      std::string const text(at, tab);
      at = tab == end ? end : tab + 1;
      return text;
    };
    auto const [size, changed, touched, width, height, colours, transparency, bits, orientation] = numbers;
    if (width < 1 || height < 1 || width > max_pixels || height > max_pixels || orientation < 1 || orientation > 8) return false;
    if (colours < 1 || colours > most_channels || transparency < 0 || transparency > 1 || (bits != 8 && bits != 16)) return false;
    entry e{{size, changed, touched}, {static_cast<int>(width), static_cast<int>(height), static_cast<int>(orientation)}};
    e.facts.channels = {static_cast<int>(colours), transparency == 1, static_cast<int>(bits)};
    e.facts.narrow = field();
    e.facts.remark = field();
    return at != end && known_.emplace(std::string(at, end), std::move(e)).second;
  }

  table known_, seen_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
