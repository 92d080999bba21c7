#include "frcnn/data/stored_image.hpp"

#include "fuzz.hpp"

void fuzz_one(std::span<std::byte const> bytes) {
  frcnn::data::bytes const file(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
  if (frcnn::data::kind_of(file) != frcnn::data::image_kind::tiff) return;
  auto const claims = frcnn::data::detail::tiff_claims(file, "fuzz");
  if (claims.pixels() > 1 << 20) return;  // a few bytes may stand for 65536 times as many, which is a matter of time
  frcnn::data::decode_stored_image(file, "fuzz");
  frcnn::data::inspect_image(file, "fuzz");
}
