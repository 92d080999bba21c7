#pragma once
// CRC-32 of records of a zip archive that are read in parts, in any order and by several threads: what was read is compared when the last
// part of a record has come, so that nothing is read twice.
//
//   record_check checks;
//   checks.part(where, record, begin, bytes)   bytes from `begin` on, of the record
//   checks.once(where, record, file)           of a record that is not read whole: reads it, the first time
// A record whose CRC is 0 has none. A difference throws error at `where`.
#include "frcnn/io/byte_source.hpp"
#include "frcnn/io/crc32.hpp"
#include "frcnn/io/zip_archive.hpp"

#include <map>
#include <mutex>
#include <set>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

class record_check {
 public:
  static void whole(std::string const& where, zip_record const& r, std::string_view bytes) {
    if (r.crc != 0 && crc32(bytes) != r.crc) throw differs(where);
  }

  void part(std::string const& where, zip_record const& r, std::uint64_t begin, std::span<std::byte const> bytes) const {
    if (r.crc == 0) return;
    piece mine{begin + bytes.size(), fast_crc32(as_text(bytes))};
    std::lock_guard const lock(mutex_);
    if (done_.contains(r.begin)) return;
    auto& pieces = pieces_[r.begin];  // by where they begin; none touches the next
    auto next = pieces.lower_bound(begin);
    if (next != pieces.end() && next->first < mine.end) return;  // read again
    if (next != pieces.end() && next->first == mine.end) {
      mine = {next->second.end, crc32_of_both(mine.crc, next->second.crc, next->second.end - next->first)};
      next = pieces.erase(next);
    }
    if (next != pieces.begin()) {
      auto const before = std::prev(next);
      if (before->second.end > begin) return;
      if (before->second.end == begin) {
        mine.crc = crc32_of_both(before->second.crc, mine.crc, mine.end - begin);
        begin = before->first;
        pieces.erase(before);
      }
    }
    pieces[begin] = mine;
    if (begin != 0 || mine.end != r.size) return;
    pieces_.erase(r.begin);
    if (mine.crc != r.crc) throw differs(where);
    done_.insert(r.begin);
  }

  void once(std::string const& where, zip_record const& r, byte_source const& file) const {
    if (r.crc == 0) return;
    std::lock_guard const lock(mutex_);
    if (done_.contains(r.begin)) return;
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(r.size, std::uint64_t{1} << 18)));
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < r.size; at += bytes.size()) {
      auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), r.size - at));
      file.read(r.begin + at, n, bytes.data());
      crc = fast_crc32(as_text(std::span(bytes).first(n)), crc);
    }
    if (crc != r.crc) throw differs(where);
    done_.insert(r.begin);
  }

 private:
  struct piece {
    std::uint64_t end;
    std::uint32_t crc;
  };
  static std::string_view as_text(std::span<std::byte const> bytes) { return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; }
  static error differs(std::string const& where) { return {where, "the bytes of its CRC-32", "others: the file is damaged"}; }

  mutable std::mutex mutex_;
  mutable std::map<std::uint64_t, std::map<std::uint64_t, piece>> pieces_;  // by the record's begin
  mutable std::set<std::uint64_t> done_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
