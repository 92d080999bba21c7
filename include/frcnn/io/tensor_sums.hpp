#pragma once
// Checksums of a file of tensors, which lie in its metadata: of every piece of every tensor, and of the rest of the metadata.
//
//   "frcnn.crc32c": {"metadata":"9ae0daaf","piece":262144,"tensors":{"fc6.bias":"8a9136aa","fc6.weight":"8a9136aa62a8ab43", ...}}
//
// As the format asks, the value is a string; its text is this JSON. A tensor's bytes are cut into pieces of so many, the last one shorter;
// each has eight hexadecimal digits of CRC-32C, one after another. Pieces are small enough that a reader of a part of a tensor can check
// it by reading little more. The metadata's sum is of key, zero byte, value, zero byte of all other entries, by the order of the keys: where
// tensors lie in the file is left out, so that programs that write the same tensors in another order keep the sums right.
#include "frcnn/io/crc32c.hpp"
#include "frcnn/io/json.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <span>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::io {

struct tensor_sums {
  static constexpr char const* key = "frcnn.crc32c";
  static constexpr std::uint64_t usual_piece = std::uint64_t{1} << 18;

  std::uint64_t piece = usual_piece;  // bytes: a multiple of every element's size
  std::uint32_t metadata = 0;
  std::map<std::string, std::vector<std::uint32_t>> tensors;

  std::uint64_t pieces_of(std::uint64_t bytes) const { return bytes / piece + (bytes % piece != 0); }
};

inline std::uint32_t sum_of(std::span<std::byte const> bytes) {
  return crc32c({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
}
// Of an entry of its own, `key`, nothing is taken.
inline std::uint32_t sum_of(std::map<std::string, std::string> const& metadata) {
  std::uint32_t sum = 0;
  for (auto const& [key, value] : metadata)
    if (key != tensor_sums::key)
      for (auto const* text : {&key, &value}) sum = crc32c({text->c_str(), text->size() + 1}, sum);  // with the zero byte
  return sum;
}

inline std::string to_text(tensor_sums const& sums) {
  auto const digits = [](std::uint32_t sum) {
    std::string text(8, '0');
    for (int i = 7; i >= 0; --i, sum >>= 4) text[static_cast<std::size_t>(i)] = "0123456789abcdef"[sum & 15];
    return text;
  };
  auto all = nlohmann::json::object();  // its keys are sorted
  for (auto const& [name, pieces] : sums.tensors) {
    std::string text;
    for (auto const sum : pieces) text += digits(sum);
    all[name] = text;
  }
  return nlohmann::json{{"metadata", digits(sums.metadata)}, {"piece", sums.piece}, {"tensors", all}}.dump();
}

// where: names the file in errors.
inline tensor_sums tensor_sums_in(std::string const& where, std::string_view text) {
  auto const place = where + ", metadata " + in_quotes(tensor_sums::key);
  auto const sums_of = [&](nlohmann::json const& value) {
    auto const wrong = [&] { return error(place, "checksums of eight hexadecimal digits", "something else"); };
    if (!value.is_string()) throw wrong();
    std::string_view const digits = value.get_ref<std::string const&>();
    std::vector<std::uint32_t> sums(digits.size() / 8);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      auto const* const begin = digits.data() + 8 * i;
      auto const [end, failed] = std::from_chars(begin, begin + 8, sums[i], 16);
      if (failed != std::errc{} || end != begin + 8) throw wrong();
    }
    if (digits.size() % 8 != 0) throw wrong();
    return sums;
  };
  auto const all = parse_json(place, "checksums", 2, text);
  auto const has = [&](char const* key) { return all.is_object() && all.contains(key); };
  if (!has("metadata") || !has("piece") || !has("tensors") || !all["tensors"].is_object())
    throw error(place, "an object of metadata, piece and tensors", "something else");
  constexpr std::uint64_t unit = 64, most = std::uint64_t{1} << 26;
  tensor_sums sums;
  auto const& piece = all["piece"];
  sums.piece = piece.is_number_unsigned() ? piece.get<std::uint64_t>() : 0;
  if (sums.piece == 0 || sums.piece > most || sums.piece % unit != 0)
    throw error(place, "a piece of 64 bytes, or a multiple of it up to " + std::to_string(most), "another");
  auto const metadata = sums_of(all["metadata"]);
  if (metadata.size() != 1) throw error(place, "one checksum of the metadata", std::to_string(metadata.size()));
  sums.metadata = metadata.front();
  for (auto const& [name, value] : all["tensors"].items()) sums.tensors[name] = sums_of(value);
  return sums;
}

}  // namespace frcnn::inline FRCNN_ABI::io
FRCNN_HIDDEN_END
