#pragma once
// TIFF by libtiff (4.5 or later, FRCNN_TIFF, the macro FRCNN_HAS_TIFF), and BigTIFF: 8 and 16 bits, 1 to 16 samples a pixel, in one plane
// or several, strips or tiles, whatever compression that libtiff has. Without libtiff these functions do not exist: kind_of() knows no TIFF
// then.
//
//   tiff_claims(file, name)            what the first page says of itself; nothing is decoded
//   tiff_remark(file, name)            what libtiff wondered about, and that there are other pages; mostly empty
//   decode_tiff(file, name, layout)    its pixels as stored, not turned by its orientation
//
// A page has the channels of its samples; the last is transparency where the file says so, or where an RGB page has a fourth and says
// nothing. White-is-zero pages are inverted. Palettes, CMYK, YCbCr, Lab and pages of 1, 2 and 4 bits become RGB or grey of 8 bits by
// libtiff. Samples with a sign, floating-point ones and those of 12 or 32 bits are refused: nothing says which of their values are black
// and white.
//
// The file is not trusted. What the page claims is compared with the size of the file before memory is asked for: no compression makes
// more than `expansion` bytes of one. Faults that libtiff reports end in frcnn::error that names the file, in its words; nothing is
// printed, and no handler of the process is changed: this is what libtiff before 4.5 cannot do.
// Everything here has internal linkage, as in jpeg.hpp.
// Source: TIFF 6.0 (Adobe, 1992), sections 4 to 8 and 18; libtiff, TIFFOpenOptions(3), TIFFReadEncodedStrip(3).
#include "frcnn/core/checked.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/data/decoded_image.hpp"
#include "frcnn/data/image_file.hpp"

#include <string>

#if FRCNN_HAS_TIFF
#include <tiffio.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>
#if TIFFLIB_VERSION < 20221213
#error "frcnn: expected libtiff 4.5 or later for FRCNN_TIFF, found an older one"
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data::detail {
namespace {

class tiff_session {
 public:
  tiff_session(bytes file, std::string const& name) : file_(file), name_(name) {
    std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> const options(TIFFOpenOptionsAlloc(), &TIFFOpenOptionsFree);
    if (!options) throw std::bad_alloc();
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 32);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &on_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), &on_warning, this);
    tiff_.reset(TIFFClientOpenExt("page", "rm", this, &read, &write, &seek, &close, &size, nullptr, nullptr, options.get()));
    if (!tiff_) fail();
    look();
  }
  tiff_session(tiff_session const&) = delete;
  tiff_session& operator=(tiff_session const&) = delete;

  image_claims const& claims() const { return claims_; }

  // Goes to the last page. What is wrong with those that are not read is no matter.
  std::string remark() {
    std::string const of_first = warning_;
    constexpr int most = 1000;  // a loop of directories is an error to libtiff, a long list of them a matter of time
    int pages = 1;              // besides masks and smaller copies
    for (int n = 0; n < most && TIFFReadDirectory(tiff_.get()); ++n) {
      std::uint32_t kind = 0;
      TIFFGetField(tiff_.get(), TIFFTAG_SUBFILETYPE, &kind);
      pages += (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
    }
    if (pages == 1) return of_first;
    return std::to_string(pages) + " pages, of which the first is read" + (of_first.empty() ? "" : "; ") + of_first;
  }

  decoded_image decode(pixel_layout const& layout) {
    int const w = static_cast<int>(claims_.width), h = static_cast<int>(claims_.height);
    if (by_libtiff_) return decode_rgba(w, h, layout);
    decoded_image whole(w, h, samples_, claims_.channels.bits);
    if (TIFFIsTiled(tiff_.get())) read_tiles(whole);
    else read_strips(whole);
    if (inverted_) invert(whole);
    int const bits = std::min(layout.bits, claims_.channels.bits);
    if (layout.channels == samples_ && bits == claims_.channels.bits) return whole;
    decoded_image result(w, h, layout.channels, bits);
    bool const repeats = claims_.channels.colours == 1 && layout.channels == 3 && samples_ != 3;
    std::size_t const pixels = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
    auto const copy = [&](auto const* from, auto* to, int shift) {
      for (std::size_t i = 0; i < pixels; ++i, from += samples_)
        for (int c = 0; c < layout.channels; ++c) *to++ = static_cast<std::remove_cvref_t<decltype(*to)>>(from[repeats ? 0 : c] >> shift);
    };
    auto const* const wide = reinterpret_cast<std::uint16_t const*>(whole.data());
    if (claims_.channels.bits == 8) copy(whole.data(), result.data(), 0);
    else if (bits == 8) copy(wide, result.data(), 8);
    else copy(wide, reinterpret_cast<std::uint16_t*>(result.data()), 0);
    return result;
  }

 private:
  struct closer {
    void operator()(TIFF* t) const { TIFFClose(t); }
  };

  // libtiff's ways to read: `this` is the handle.
  static tiff_session& of(thandle_t handle) { return *static_cast<tiff_session*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t wanted) {
    auto& s = of(handle);
    if (wanted <= 0 || s.at_ >= s.file_.size()) return 0;
    std::size_t const n = std::min(static_cast<std::size_t>(wanted), s.file_.size() - static_cast<std::size_t>(s.at_));
    std::memcpy(to, s.file_.data() + s.at_, n);
    s.at_ += n;
    return static_cast<tmsize_t>(n);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t to, int whence) {
    auto& s = of(handle);
    return s.at_ = (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? s.at_ : s.file_.size()) + to;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return of(handle).file_.size(); }

  // Called from C code, which no exception may cross.
  static void keep(std::string& text, char const* format, std::va_list arguments) noexcept {
    char line[256];
    if (!text.empty() || std::vsnprintf(line, sizeof line, format, arguments) < 0) return;
    try {
      text = line;
      while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
    } catch (std::bad_alloc const&) {
      text.clear();
    }
  }
  static int on_error(TIFF*, void* session, char const*, char const* format, std::va_list arguments) {
    keep(static_cast<tiff_session*>(session)->error_, format, arguments);
    return 1;
  }
  static int on_warning(TIFF*, void* session, char const*, char const* format, std::va_list arguments) {
    bool const of_others = std::string_view(format).starts_with("Unknown field with tag");  // a camera's, a map's
    if (!of_others) keep(static_cast<tiff_session*>(session)->warning_, format, arguments);
    return 1;
  }

  [[noreturn]] void fail() const {
    throw error(name_, "a TIFF that can be decoded",
                "a fault in it (" + (error_.empty() ? "strips or tiles of another size" : error_) + ")");
  }
  [[noreturn]] void refuse(std::string const& found) const {
    throw error(name_, "a TIFF of 1 to 16 channels of 8 or 16 bits without a sign", found);
  }
  void expect(bool sound) const {
    if (!sound) fail();
  }

  template <class T>
  T field(std::uint32_t tag) const {
    T value{};
    TIFFGetFieldDefaulted(tiff_.get(), tag, &value);
    return value;
  }

  // What the first page says. Throws where that is enough to refuse it.
  void look() {
    TIFF* const t = tiff_.get();
    auto const width = field<std::uint32_t>(TIFFTAG_IMAGEWIDTH), height = field<std::uint32_t>(TIFFTAG_IMAGELENGTH);
    auto const bits = field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE), samples = field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL),
               format = field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT);
    auto const packed = field<std::uint16_t>(TIFFTAG_COMPRESSION);
    claims_.whole = true;
    claims_.claim(width, height);
    if (width == 0 || height == 0) throw error(name_, "a TIFF that says its size", "none in it");
    if (claims_.pixels() > max_pixels)
      throw error(name_, "at most " + std::to_string(max_pixels) + " pixels", std::to_string(claims_.pixels()));
    if (!TIFFIsCODECConfigured(packed)) refuse("compression " + std::to_string(packed) + ", which this libtiff does not have");
    if (samples < 1 || samples > most_channels) refuse(std::to_string(samples) + " channels");
    std::uint16_t meaning = samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &meaning);
    if (packed == COMPRESSION_JPEG && meaning == PHOTOMETRIC_YCBCR && field<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_CONTIG)
      TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB), meaning = PHOTOMETRIC_RGB;
    bool const plain = meaning == PHOTOMETRIC_RGB || meaning == PHOTOMETRIC_MINISBLACK || meaning == PHOTOMETRIC_MINISWHITE;
    if (format == SAMPLEFORMAT_INT && bits > 1) refuse("samples with a sign");
    if (format == SAMPLEFORMAT_IEEEFP) refuse("floating-point samples");
    if (format > SAMPLEFORMAT_VOID) refuse("complex samples");
    if (meaning == PHOTOMETRIC_CIELAB || meaning == PHOTOMETRIC_ICCLAB || meaning == PHOTOMETRIC_ITULAB)
      refuse("colours of L*a*b*, of which libtiff makes another RGB than other programs");
    by_libtiff_ = !plain || bits < 8;
    if (!by_libtiff_ && bits != 8 && bits != 16) refuse("samples of " + std::to_string(bits) + " bits");
    if (by_libtiff_) {
      char why[1024] = "";
      if (!TIFFRGBAImageOK(t, why)) refuse(std::string("one that libtiff makes no RGB of (") + why + ")");
      claims_.channels = {plain ? (samples >= 3 ? 3 : 1) : 3, false, 8};
    } else {
      std::uint16_t extra = 0;
      std::uint16_t const* kinds = nullptr;
      TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
      bool const says = extra > 0 && kinds && (kinds[extra - 1] == EXTRASAMPLE_ASSOCALPHA || kinds[extra - 1] == EXTRASAMPLE_UNASSALPHA);
      bool const transparency = samples > 1 && (says || (extra == 0 && meaning == PHOTOMETRIC_RGB && samples == 4));
      claims_.channels = {samples - transparency, transparency, bits};
    }
    samples_ = samples;
    inverted_ = !by_libtiff_ && meaning == PHOTOMETRIC_MINISWHITE;
    std::uint64_t const bytes = static_cast<std::uint64_t>(claims_.pixels()) * samples * bits / 8;
    if (bytes > std::uint64_t{1} << 32) throw error(name_, "at most 4 GiB of pixels", std::to_string(bytes) + " bytes");
    if (bytes / expansion(packed) > file_.size())
      throw error(name_, "a whole TIFF",
                  "its end missing: " + std::to_string(file_.size()) + " bytes for " + std::to_string(bytes) + " of pixels");
    std::uint64_t const piece = TIFFIsTiled(t) ? TIFFTileSize64(t) : TIFFStripSize64(t);
    if (piece == 0) fail();
    if (piece > std::max(std::uint64_t{1} << 26, 4 * bytes + 4 * static_cast<std::uint64_t>(claims_.pixels())))
      throw error(name_, "tiles as large as the image", "some of " + std::to_string(piece) + " bytes");
  }

  // Bytes that one byte of the file stands for at most.
  static std::uint64_t expansion(std::uint16_t packed) {
    return packed == COMPRESSION_NONE ? 1 : packed == COMPRESSION_PACKBITS ? 64 : packed == COMPRESSION_LZW ? 4096 : 65536;
  }

  void read_strips(decoded_image& to) {
    TIFF* const t = tiff_.get();
    bool const apart = field<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE && samples_ > 1;
    std::size_t const sample = static_cast<std::size_t>(to.bits()) / 8, width = static_cast<std::size_t>(to.width()),
                      row = width * sample * static_cast<std::size_t>(apart ? 1 : samples_);
    auto const height = static_cast<std::uint32_t>(to.height()), rows = std::min(field<std::uint32_t>(TIFFTAG_ROWSPERSTRIP), height);
    if (rows == 0 || TIFFScanlineSize64(t) != row) fail();
    std::vector<std::uint8_t> plane(apart ? row * rows : 0);
    for (int c = 0; c < (apart ? samples_ : 1); ++c)
      for (std::uint32_t y = 0; y < height; y += rows) {
        std::size_t const size = row * std::min(rows, height - y);
        auto* const at = apart ? plane.data() : to.data() + row * y;
        auto const strip = TIFFComputeStrip(t, y, static_cast<std::uint16_t>(c));
        expect(TIFFReadEncodedStrip(t, strip, at, static_cast<tmsize_t>(size)) == static_cast<tmsize_t>(size));
        if (apart) scatter(plane.data(), width, size / row, width, to, 0, y, c);
      }
  }

  void read_tiles(decoded_image& to) {
    TIFF* const t = tiff_.get();
    bool const apart = field<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE && samples_ > 1;
    auto const tile_w = field<std::uint32_t>(TIFFTAG_TILEWIDTH), tile_h = field<std::uint32_t>(TIFFTAG_TILELENGTH);
    std::size_t const pixel = static_cast<std::size_t>(to.bits()) / 8 * static_cast<std::size_t>(apart ? 1 : samples_);
    auto const size = static_cast<std::size_t>(TIFFTileSize64(t));
    if (tile_w == 0 || tile_h == 0 || size != pixel * tile_w * tile_h) fail();
    std::vector<std::uint8_t> tile(size);
    auto const width = static_cast<std::uint32_t>(to.width()), height = static_cast<std::uint32_t>(to.height());
    for (int c = 0; c < (apart ? samples_ : 1); ++c)
      for (std::uint64_t y = 0; y < height; y += tile_h)
        for (std::uint64_t x = 0; x < width; x += tile_w) {
          auto const left = static_cast<std::uint32_t>(x), top = static_cast<std::uint32_t>(y);
          auto const number = TIFFComputeTile(t, left, top, 0, static_cast<std::uint16_t>(c));
          expect(TIFFReadEncodedTile(t, number, tile.data(), static_cast<tmsize_t>(size)) == static_cast<tmsize_t>(size));
          scatter(tile.data(), std::min(tile_w, width - left), std::min(tile_h, height - top), tile_w, to, left, top, apart ? c : -1);
        }
  }

  // Rows of `stride` pixels into the image at (left, top): of one channel, or, where it is -1, of all.
  void scatter(std::uint8_t const* from, std::size_t w, std::size_t h, std::size_t stride, decoded_image& to, std::size_t left,
               std::size_t top, int channel) const {
    std::size_t const whole = static_cast<std::size_t>(to.pixel_bytes()), sample = static_cast<std::size_t>(to.bits()) / 8;
    for (std::size_t y = 0; y < h; ++y) {
      auto* out = to.data() + ((top + y) * static_cast<std::size_t>(to.width()) + left) * whole;
      if (channel < 0) {
        std::memcpy(out, from + y * stride * whole, w * whole);
        continue;
      }
      out += sample * static_cast<std::size_t>(channel);
      auto const* in = from + y * stride * sample;
      for (std::size_t x = 0; x < w; ++x, in += sample, out += whole) std::memcpy(out, in, sample);
    }
  }

  void invert(decoded_image& im) const {
    std::size_t const bytes = im.size(), sample = static_cast<std::size_t>(im.bits()) / 8;
    std::size_t const skipped = claims_.channels.transparency ? sample : 0, pixel = static_cast<std::size_t>(im.pixel_bytes());
    for (std::size_t i = 0; i < bytes; i += pixel)
      for (std::size_t k = 0; k < pixel - skipped; ++k) im.data()[i + k] = static_cast<std::uint8_t>(~im.data()[i + k]);
  }

  decoded_image decode_rgba(int w, int h, pixel_layout const& layout) {
    TIFF* const t = tiff_.get();
    TIFFSetField(t, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // as stored
    std::vector<std::uint32_t> raster(static_cast<std::size_t>(w) * static_cast<std::size_t>(h));
    expect(TIFFReadRGBAImageOriented(t, static_cast<std::uint32_t>(w), static_cast<std::uint32_t>(h), raster.data(), ORIENTATION_TOPLEFT,
                                     1) == 1);
    decoded_image result(w, h, layout.channels);
    auto* to = result.data();
    for (std::uint32_t const p : raster) {
      *to++ = static_cast<std::uint8_t>(TIFFGetR(p));
      if (layout.channels == 3) *to++ = static_cast<std::uint8_t>(TIFFGetG(p)), *to++ = static_cast<std::uint8_t>(TIFFGetB(p));
    }
    return result;
  }

  bytes file_;
  std::string const& name_;
  toff_t at_ = 0;
  std::string error_, warning_;  // the first of each
  std::unique_ptr<TIFF, closer> tiff_;
  image_claims claims_;
  int samples_ = 0;
  bool by_libtiff_ = false, inverted_ = false;
};

[[maybe_unused]] image_claims tiff_claims(bytes file, std::string const& name) { return tiff_session(file, name).claims(); }
[[maybe_unused]] std::string tiff_remark(bytes file, std::string const& name) { return tiff_session(file, name).remark(); }

// layout: one that the page gives.
[[maybe_unused]] decoded_image decode_tiff(bytes file, std::string const& name, pixel_layout const& layout) {
  return tiff_session(file, name).decode(layout);
}

}  // namespace
}  // namespace frcnn::inline FRCNN_ABI::data::detail
FRCNN_HIDDEN_END
#endif
