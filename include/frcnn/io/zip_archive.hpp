#pragma once
// The records of a zip archive: where each lies in the file. Nothing is unpacked: PyTorch stores tensors as they are.
//
//   zip_archive const zip(file);
//   zip.records().at("archive/data/0").begin      the first of .size bytes of the file
// Everything is taken from the central directory at the file's end, since a writer that streams leaves sizes and checksums of local headers
// zero. Sizes beyond 32 bits are read too (Zip64). Trusts nothing: a record lies in the file, before the directory, over no other record,
// and has the name that its local header says, or one error names the file and the record.
// A checksum of 0 is one that was not computed (torch.serialization.set_crc32_options(False)).
// Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16, 4.5.3 (Zip64).
#include "frcnn/io/byte_source.hpp"
#include "frcnn/io/json.hpp"

#include <algorithm>
#include <map>
#include <optional>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct zip_record {
  std::uint64_t begin = 0, size = 0;  // of its bytes in the file
  std::uint32_t crc = 0;              // CRC-32, or 0
  int method = 0;                     // 0: the bytes are stored as they are; else they are packed
};

class zip_archive {
 public:
  explicit zip_archive(byte_source const& file) : file_(file) { read_directory(find_end()); }

  std::map<std::string, zip_record> const& records() const { return records_; }
  zip_record const* find(std::string const& name) const {
    auto const found = records_.find(name);
    return found == records_.end() ? nullptr : &found->second;
  }
  // The same of a record that is to be read: throws error where it is packed.
  zip_record const* plain(std::string const& name) const {
    auto const* const found = find(name);
    if (found && found->method != 0)
      throw error(place(name), "a record stored as it is",
                  "one packed by method " + std::to_string(found->method) + " (was the archive unpacked and packed again?)");
    return found;
  }

 private:
  struct directory {
    std::uint64_t at, size, count;
  };
  struct placed {
    std::string name;
    std::uint64_t local, end = 0;  // local header ... end of the data
  };
  static constexpr std::size_t end_size = 22, local_size = 30, entry_size = 46;
  static constexpr std::uint64_t most_directory = std::uint64_t{256} << 20;

  error broken(std::string const& expected, std::string const& found) const { return {file_.name(), expected, found}; }
  std::string place(std::string const& record) const { return file_.name() + ", record " + in_quotes(record); }

  // The end of the central directory: the last 22 bytes, before a comment of up to 64 KiB.
  directory find_end() const {
    std::size_t const tail = static_cast<std::size_t>(std::min<std::uint64_t>(file_.size(), end_size + 65535));
    std::string const bytes = file_.text(file_.size() - tail, tail);
    for (std::size_t i = tail < end_size ? 0 : tail - end_size + 1; i-- > 0;) {
      if (bytes.compare(i, 4, "PK\5\6") != 0 || i + end_size + little_endian<std::uint16_t>(bytes, i + 20) != tail) continue;
      directory found{little_endian<std::uint32_t>(bytes, i + 16), little_endian<std::uint32_t>(bytes, i + 12),
                      little_endian<std::uint16_t>(bytes, i + 10)};
      if (little_endian<std::uint16_t>(bytes, i + 4) != 0 || little_endian<std::uint16_t>(bytes, i + 6) != 0)
        throw broken("a zip archive of one file", "a part of several");
      std::uint64_t const end = file_.size() - tail + i;
      if (found.at == 0xffffffffu || found.size == 0xffffffffu || found.count == 0xffffu) found = zip64_end(end);
      if (found.at > end || found.size > end - found.at)
        throw broken("a zip archive", "a directory of " + std::to_string(found.size) + " bytes that is not in the file");
      return found;
    }
    throw broken("a whole zip archive", "one without its directory at the end (a copy that was cut off?)");
  }
  directory zip64_end(std::uint64_t end) const {
    auto const wrong = [&] { return broken("a whole zip archive", "one without the directory that its end speaks of"); };
    if (end < 20) throw wrong();
    auto const locator = file_.text(end - 20, 20);
    auto const at = little_endian<std::uint64_t>(locator, 8);
    if (!locator.starts_with("PK\6\7") || !file_.holds(at, 56)) throw wrong();
    auto const record = file_.text(at, 56);
    if (!record.starts_with("PK\6\6")) throw wrong();
    return {little_endian<std::uint64_t>(record, 48), little_endian<std::uint64_t>(record, 40), little_endian<std::uint64_t>(record, 32)};
  }

  void read_directory(directory const& d) {
    if (d.size > most_directory) throw broken("a zip archive whose directory has at most 256 MiB", std::to_string(d.size >> 20) + " MiB");
    if (d.count > d.size / entry_size) throw broken("a directory of " + std::to_string(d.count) + " records", "one that is too short");
    std::string const bytes = file_.text(d.at, static_cast<std::size_t>(d.size));
    std::vector<placed> all;
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < d.count; ++i) {
      if (bytes.size() - at < entry_size || bytes.compare(at, 4, "PK\1\2") != 0)
        throw broken("a directory of " + std::to_string(d.count) + " records", "something else in it");
      std::size_t const name = little_endian<std::uint16_t>(bytes, at + 28), extra = little_endian<std::uint16_t>(bytes, at + 30),
                        comment = little_endian<std::uint16_t>(bytes, at + 32);
      if (bytes.size() - at - entry_size < name + extra + comment) throw broken("a whole directory", "one that is cut short");
      auto const entry = std::string_view(bytes).substr(at, entry_size);
      all.push_back(
          read_entry(entry, bytes.substr(at + entry_size, name), std::string_view(bytes).substr(at + entry_size + name, extra), d.at));
      at += entry_size + name + extra + comment;
    }
    std::ranges::sort(all, {}, &placed::local);
    for (std::size_t i = 1; i < all.size(); ++i)
      if (all[i].local < all[i - 1].end)
        throw error(place(all[i].name), "bytes of its own", "some that " + in_quotes(all[i - 1].name) + " has");
  }

  placed read_entry(std::string_view entry, std::string name, std::string_view extra, std::uint64_t directory_at) {
    std::uint64_t packed = little_endian<std::uint32_t>(entry, 20), size = little_endian<std::uint32_t>(entry, 24),
                  local = little_endian<std::uint32_t>(entry, 42);
    read_zip64(name, extra, size, packed, local);
    if (little_endian<std::uint16_t>(entry, 8) & 1) throw error(place(name), "a record that is not encrypted", "one that is");
    int const method = little_endian<std::uint16_t>(entry, 10);
    if (method != 0) size = packed;
    if (packed != size) throw error(place(name), "a record stored as it is", "one of other sizes packed and unpacked");
    auto const outside = [&] { return error(place(name), "a record inside the file", "one beyond it"); };
    if (local > directory_at || directory_at - local < local_size) throw outside();
    auto const header = file_.text(local, local_size);
    std::uint64_t const begin = local + local_size + little_endian<std::uint16_t>(header, 26) + little_endian<std::uint16_t>(header, 28);
    if (begin > directory_at || size > directory_at - begin) throw outside();
    if (!header.starts_with("PK\3\4") || little_endian<std::uint16_t>(header, 26) != name.size() ||
        file_.text(local + local_size, name.size()) != name)
      throw error(place(name), "a local header that says so too", "another");
    if (!records_.emplace(name, zip_record{begin, size, little_endian<std::uint32_t>(entry, 16), method}).second)
      throw error(place(name), "a name of its own", "one that is there twice");
    return {std::move(name), local, begin + size};
  }

  // Of the three those that the directory has no room for, in this order.
  void read_zip64(std::string const& name, std::string_view extra, std::uint64_t& size, std::uint64_t& packed, std::uint64_t& local) const {
    std::uint64_t* const wide[] = {&size, &packed, &local};
    if (std::ranges::none_of(wide, [](auto const* v) { return *v == 0xffffffffu; })) return;
    while (extra.size() >= 4) {
      std::size_t const id = little_endian<std::uint16_t>(extra, 0), n = little_endian<std::uint16_t>(extra, 2);
      extra.remove_prefix(4);
      if (n > extra.size()) break;
      if (id != 1) {
        extra.remove_prefix(n);
        continue;
      }
      std::size_t at = 0;
      for (auto* const v : wide) {
        if (*v != 0xffffffffu) continue;
        if (n - at < 8) break;
        *v = little_endian<std::uint64_t>(extra, at);
        at += 8;
      }
      return;
    }
    throw error(place(name), "a size of 64 bits in its directory entry", "none");
  }

  byte_source const& file_;
  std::map<std::string, zip_record> records_;
};

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
