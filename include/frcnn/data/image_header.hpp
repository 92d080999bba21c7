#pragma once
// What the beginning of an image file says: its size, its channels and its EXIF orientation. Nothing is decoded, and as little is read as needed.
//
//   inspect_header(path)     facts as inspect_image() has them, without narrow and remark
// A JPEG is read up to its frame header, which EXIF precedes; of a PNG the first 64 KiB, of a BMP its header, a TIFF whole: its directory
// lies anywhere in it. Whether the rest is there and can be decoded is not looked at. Throws frcnn::error that names the file: missing,
// empty, of no known format, without a size.
#include "frcnn/data/exif.hpp"
#include "frcnn/data/image_io.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

inline image_facts inspect_header(std::filesystem::path const& path) {
  auto const file = io::detail::open_to_read(path);
  std::uint64_t const size = io::detail::size_of_file(file, path);
  std::string start;
  for (std::uint64_t wanted = 4096;; wanted *= 16) {
    std::size_t const n = static_cast<std::size_t>(std::min(wanted, size)), before = start.size();
    start.resize(n);
    io::detail::read_at(file, before, n - before, start.data() + before, path.string());
    bytes const head = as_bytes(start);
    image_kind const kind = kind_of(head);
    if (kind == image_kind::png && n < std::min<std::uint64_t>(size, 65536)) continue;
    if (kind == image_kind::tiff && n < size) continue;
    auto const claims = kind == image_kind::tiff ? detail::check_claims(head, kind, path.string()) : detail::claims_of(head, kind);
    detail::check_pixels(claims, path.string());
    if (claims.pixels() > 0)
      return {static_cast<int>(claims.width), static_cast<int>(claims.height), exif_orientation(head), {}, {}, claims.channels};
    if (n < size && kind == image_kind::jpeg && claims.pixels() == 0) continue;
    if (kind == image_kind::unknown) detail::check_claims(head, kind, path.string());  // says what it is instead
    throw error(path.string(), std::string("a ") + detail::name_of(kind) + " that says its size", "none in it");
  }
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
