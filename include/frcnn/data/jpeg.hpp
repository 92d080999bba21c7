#pragma once
// The JPEG decoder: libjpeg-turbo where the build has it (FRCNN_JPEG=turbo, the macro FRCNN_HAS_TURBOJPEG), else stb.
//
//   decode_jpeg(file, name)   RGB pixels as stored
//   verify_jpeg(file, name)   the same verdict, and no pixels: libjpeg-turbo decodes at an eighth of the size, which reads
//                             every coefficient
// Both take a file that claims_of_jpeg() found whole, and throw frcnn::error that names it; no memory: std::bad_alloc. libjpeg-turbo's
// pixels may be given up between two rows (core/abandon.hpp).
//
// With libjpeg-turbo grey and YCbCr pixels are Pillow's, bit for bit, and so are CMYK ones with Adobe's marker. A file whose pixels are
// damaged is refused, which stb, where it does not notice, fills with grey, and so is a progressive one whose last scans are missing. What
// libjpeg merely wonders about (bytes before a marker, an unknown JFIF version) is in `remark`, in its words.
//
// Everything here has internal linkage, as stb has: translation units that were built with different decoders do not disturb each other.
// libjpeg reports faults by a call that may not return. It ends in longjmp, over frames of C code and of functions without destructors.
// Source: libjpeg-turbo, libjpeg.txt, "Error handling" and "Special considerations".
#include "frcnn/core/abandon.hpp"
#include "frcnn/core/error.hpp"
#include "frcnn/data/decoded_image.hpp"
#include "frcnn/data/image_file.hpp"
#include "frcnn/data/stb.hpp"

#include <new>
#include <string>
#include <utility>

#if !defined(FRCNN_HAS_TURBOJPEG)
#define FRCNN_HAS_TURBOJPEG 0  // set by the build: FRCNN_JPEG
#endif
#if FRCNN_HAS_TURBOJPEG
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// after cstdio, which it does not include
#include <jpeglib.h>
// after jpeglib.h
#include <jerror.h>
#endif

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

// What decided about a JPEG: verdicts of one decoder are not the other's.
#if FRCNN_HAS_TURBOJPEG
#define FRCNN_JPEG_DECODER "libjpeg-turbo"
#else
#define FRCNN_JPEG_DECODER "stb"
#endif

struct verified_image {
  int width = 0, height = 0;  // as stored
  std::string remark{};       // what the decoder wondered about; mostly empty
};

namespace detail {

#if FRCNN_HAS_TURBOJPEG
namespace {

enum class jpeg_goal : std::uint8_t { pixels, verdict };

class jpeg_session {
 public:
  jpeg_session() {
    info_.err = jpeg_std_error(&faults_);
    info_.client_data = this;
    faults_.error_exit = [](j_common_ptr info) {
      jpeg_session& s = *static_cast<jpeg_session*>(info->client_data);
      s.no_memory_ = info->err->msg_code == JERR_OUT_OF_MEMORY;
      info->err->format_message(info, s.fault_);
      std::longjmp(s.back_, 1);
    };
    faults_.emit_message = [](j_common_ptr info, int level) {
      if (level >= 0) return;  // traces
      switch (info->err->msg_code) {
        case JWRN_ARITH_BAD_CODE:
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_JPEG_EOF:
        case JWRN_MUST_RESYNC:
          info->err->error_exit(info);  // pixels are missing or wrong
          break;
        default:
          jpeg_session& s = *static_cast<jpeg_session*>(info->client_data);
          if (!s.remark_[0]) info->err->format_message(info, s.remark_);
      }
    };
    faults_.output_message = [](j_common_ptr) {};  // never prints
  }
  jpeg_session(jpeg_session const&) = delete;
  jpeg_session& operator=(jpeg_session const&) = delete;
  ~jpeg_session() {
    jpeg_destroy_decompress(&info_);
    std::free(pixels_);
  }

  // False: why() says what was wrong. No object with a destructor may live in here, since libjpeg's faults jump back over it.
  bool run(bytes file, jpeg_goal goal) {
    if (setjmp(back_)) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_read_header(&info_, TRUE);
    if (std::int64_t{info_.image_width} * info_.image_height > max_pixels) return refuse("more pixels than it claimed");
    if (info_.num_components != 1 && info_.num_components < 3) return refuse("two channels");
    if (goal == jpeg_goal::verdict) read_eighth();
    else if (!read_pixels()) return false;
    if (!judge_scans()) return false;
    jpeg_finish_decompress(&info_);
    return true;
  }

  bool no_memory() const { return no_memory_; }
  std::string why() const { return fault_; }
  std::string remark() const { return remark_; }
  int width() const { return static_cast<int>(info_.image_width); }
  int height() const { return static_cast<int>(info_.image_height); }
  decoded_image take() { return {std::exchange(pixels_, nullptr), width(), height()}; }

 private:
  bool refuse(char const* why) {
    std::strncpy(fault_, why, sizeof fault_ - 1);
    return false;
  }

  // A progressive file sends its coefficients in several scans. Cut between two of them, with an end marker behind, it is well-formed and
  // blurred: false where a coefficient was never sent, a remark where last bits are missing, which an encoder may leave out.
  bool judge_scans() {
    if (!info_.coef_bits) return true;
    bool whole = true;
    for (int c = 0; c < info_.num_components; ++c)
      for (int k = 0; k < DCTSIZE2; ++k) {
        if (info_.coef_bits[c][k] < 0) return refuse("scans missing at the end of a progressive file");
        whole = whole && info_.coef_bits[c][k] == 0;
      }
    if (!whole && !remark_[0]) std::strncpy(remark_, "a progressive file without its last scans", sizeof remark_ - 1);
    return true;
  }

  // Every coefficient is decoded, nearly none is transformed: colour is left out where it may be.
  void read_eighth() {
    info_.scale_num = 1;
    info_.scale_denom = 8;
    info_.out_color_space = info_.jpeg_color_space == JCS_YCbCr ? JCS_GRAYSCALE : info_.jpeg_color_space;
    jpeg_start_decompress(&info_);
    JSAMPARRAY const rows = rows_of(1);
    while (info_.output_scanline < info_.output_height) jpeg_read_scanlines(&info_, rows, 1);
  }

  bool read_pixels() {
    bool const four = info_.num_components == 4;
    info_.out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    std::size_t const stride = std::size_t{3} * info_.output_width;
    pixels_ = static_cast<std::uint8_t*>(std::malloc(stride * info_.output_height));
    if (!pixels_) {
      no_memory_ = true;
      return refuse("no memory");
    }
    JSAMPARRAY const inks = four ? rows_of(1) : nullptr;
    while (info_.output_scanline < info_.output_height) {
      if (is_abandoned()) return false;
      std::uint8_t* out = pixels_ + stride * info_.output_scanline;
      if (!four) {
        jpeg_read_scanlines(&info_, &out, 1);
        continue;
      }
      jpeg_read_scanlines(&info_, inks, 1);
      rgb_of_inks(inks[0], out);
    }
    return true;
  }

  JSAMPARRAY rows_of(JDIMENSION n) {
    return info_.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&info_), JPOOL_IMAGE,
                                   info_.output_width * static_cast<JDIMENSION>(info_.out_color_components), n);
  }

  // Adobe stores inks inverted, 255 for none. Rounded as Pillow rounds.
  void rgb_of_inks(std::uint8_t const* inks, std::uint8_t* rgb) const {
    for (JDIMENSION x = 0; x < info_.output_width; ++x, inks += 4)
      for (int c = 0; c < 3; ++c) {
        int const product = (255 - inks[c]) * inks[3] + 128;
        *rgb++ = static_cast<std::uint8_t>(inks[3] - (((product >> 8) + product) >> 8));
      }
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr faults_{};
  std::jmp_buf back_{};
  std::uint8_t* pixels_ = nullptr;
  bool no_memory_ = false;
  char fault_[JMSG_LENGTH_MAX] = {}, remark_[JMSG_LENGTH_MAX] = {};
};

[[maybe_unused]] void run_jpeg(jpeg_session& session, bytes file, std::string const& name, jpeg_goal goal) {
  if (session.run(file, goal)) return;
  stop_if_abandoned();
  if (session.no_memory()) throw std::bad_alloc();
  throw undecodable(name, "JPEG", session.why());
}

[[maybe_unused]] decoded_image decode_jpeg(bytes file, std::string const& name) {
  jpeg_session session;
  run_jpeg(session, file, name, jpeg_goal::pixels);
  return session.take();
}

[[maybe_unused]] verified_image verify_jpeg(bytes file, std::string const& name) {
  jpeg_session session;
  run_jpeg(session, file, name, jpeg_goal::verdict);
  return {session.width(), session.height(), session.remark()};
}

}  // namespace
#else
namespace {

[[maybe_unused]] decoded_image decode_jpeg(bytes file, std::string const& name) { return decode_with_stb(file, name, "JPEG"); }

[[maybe_unused]] verified_image verify_jpeg(bytes file, std::string const& name) {
  decoded_image const pixels = decode_jpeg(file, name);
  return {pixels.width(), pixels.height(), {}};
}

}  // namespace
#endif

}  // namespace detail
}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
