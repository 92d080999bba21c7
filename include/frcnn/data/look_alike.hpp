#pragma once
// Which texts look alike although their bytes differ: what a labelling tool, a Mac's file system or a copied web page makes of one name.
//
//   decomposed(text)            letters and their marks apart, as Unicode's NFD has them; NFC and NFD of a text become equal
//   in_one_case(text)           the same, in lower case
//   look_alike_key(text)        the same, and blanks of any kind and number are one blank, those at the ends and invisible characters are
//                               removed, full-width letters, ligatures, dashes and quotes are ASCII's, Cyrillic and Greek letters are the
//                               Latin ones they look like
//   with_visible_escapes(text)  characters that the look-alike key changes, but for case, as \u00A0
//   difference(text, other)     in words, for texts whose keys are equal
// Keys are code points, to be compared and no more. Bytes that are not UTF-8 equal only themselves.
//
// Covered: all letters of the blocks Latin (to U+024F, and U+1E00 to U+1EFF), Greek and Cyrillic, kana and Hangul. Not: polytonic Greek,
// Indic scripts, Arabic, Hebrew, superscripts. So a name too few may be found alike, which costs a warning and nothing else;
// that is worth a table and not a library of Unicode.
//
// Example: look_alike_key("traffic\u00A0light") == look_alike_key("traffic light")
//          with_visible_escapes("traffic\u00A0light") is "traffic\\u00A0light"
// Source: The Unicode Standard, section 3.11 (normal forms), 3.12 (Hangul); unicodedata of Python made the table, and is what a test
// compares with.
#include "frcnn/core/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {
namespace detail {

inline constexpr char32_t no_text = 0x110000;  // plus the byte that is no UTF-8

inline std::u32string code_points(std::string_view text) {
  std::u32string result;
  while (!text.empty()) {
    auto const first = static_cast<unsigned char>(text[0]);
    std::size_t const length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    std::string_view const piece = text.substr(0, length);
    bool const sound = piece.size() == length && fault_in_utf8(piece) == piece.npos;
    char32_t c = sound ? first & (length == 1 ? 0x7Fu : 0x7Fu >> length) : no_text + first;
    for (std::size_t k = 1; sound && k < length; ++k) c = c << 6 | static_cast<char32_t>(piece[k] & 0x3F);
    result += c;
    text.remove_prefix(sound ? length : 1);
  }
  return result;
}

struct marked_letters {
  char32_t mark;
  std::u32string_view pairs;  // a letter with that mark, the letter without it, and so on
};
inline constexpr marked_letters letters_by_mark[] = {
    {0x0300, U"ÀAÈEÌIÒOÙUàaèeìiòoùuǛÜǜüǸNǹnЀЕЍИѐеѝиḔĒḕēṐŌṑōẀWẁwẦÂầâẰĂằăỀÊềêỒÔồôỜƠờơỪƯừưỲYỳy"},
    {0x0301,
     U"ÁAÉEÍIÓOÚUÝYáaéeíióoúuýyĆCćcĹLĺlŃNńnŔRŕrŚSśsŹZźzǗÜǘüǴGǵgǺÅǻåǼÆǽæǾØǿø΅¨ΆΑΈΕΉΗΊΙΌΟΎΥΏΩΐϊάαέεήηίιΰϋόούυώωϓϒЃГЌКѓгќк"
     U"ḈÇḉçḖĒḗēḮÏḯïḰKḱkḾMḿmṌÕṍõṒŌṓōṔPṕpṸŨṹũẂWẃwẤÂấâẮĂắăẾÊếêỐÔốôỚƠớơỨƯứư"},
    {0x0302, U"ÂAÊEÎIÔOÛUâaêeîiôoûuĈCĉcĜGĝgĤHĥhĴJĵjŜSŝsŴWŵwŶYŷyẐZẑzẬẠậạỆẸệẹỘỌộọ"},
    {0x0303, U"ÃAÑNÕOãañnõoĨIĩiŨUũuṼVṽvẪÂẫâẴĂẵăẼEẽeỄÊễêỖÔỗôỠƠỡơỮƯữưỸYỹy"},
    {0x0304, U"ĀAāaĒEēeĪIīiŌOōoŪUūuǕÜǖüǞÄǟäǠȦǡȧǢÆǣæǬǪǭǫȪÖȫöȬÕȭõȰȮȱȯȲYȳyӢИӣиӮУӯуḠGḡgḸḶḹḷṜṚṝṛ"},
    {0x0306, U"ĂAăaĔEĕeĞGğgĬIĭiŎOŏoŬUŭuЎУЙИйиўуӁЖӂжӐАӑаӖЕӗеḜȨḝȩẶẠặạ"},
    {0x0307, U"ĊCċcĖEėeĠGġgİIŻZżzȦAȧaȮOȯoḂBḃbḊDḋdḞFḟfḢHḣhṀMṁmṄNṅnṖPṗpṘRṙrṠSṡsṤŚṥśṦŠṧšṨṢṩṣṪTṫtẆWẇwẊXẋxẎYẏyẛſ"},
    {0x0308, U"ÄAËEÏIÖOÜUäaëeïiöoüuÿyŸYΪΙΫΥϊιϋυϔϒЁЕЇІёеїіӒАӓаӚӘӛәӜЖӝжӞЗӟзӤИӥиӦОӧоӪӨӫөӬЭӭэӰУӱуӴЧӵчӸЫӹыḦHḧhṎÕṏõṺŪṻūẄWẅwẌXẍxẗt"},
    {0x0309, U"ẢAảaẨÂẩâẲĂẳăẺEẻeỂÊểêỈIỉiỎOỏoỔÔổôỞƠởơỦUủuỬƯửưỶYỷy"},
    {0x030A, U"ÅAåaŮUůuẘwẙy"},
    {0x030B, U"ŐOőoŰUűuӲУӳу"},
    {0x030C, U"ČCčcĎDďdĚEěeĽLľlŇNňnŘRřrŠSšsŤTťtŽZžzǍAǎaǏIǐiǑOǒoǓUǔuǙÜǚüǦGǧgǨKǩkǮƷǯʒǰjȞHȟh"},
    {0x030F, U"ȀAȁaȄEȅeȈIȉiȌOȍoȐRȑrȔUȕuѶѴѷѵ"},
    {0x0311, U"ȂAȃaȆEȇeȊIȋiȎOȏoȒRȓrȖUȗu"},
    {0x031B, U"ƠOơoƯUưu"},
    {0x0323, U"ḄBḅbḌDḍdḤHḥhḲKḳkḶLḷlṂMṃmṆNṇnṚRṛrṢSṣsṬTṭtṾVṿvẈWẉwẒZẓzẠAạaẸEẹeỊIịiỌOọoỢƠợơỤUụuỰƯựưỴYỵy"},
    {0x0324, U"ṲUṳu"},
    {0x0325, U"ḀAḁa"},
    {0x0326, U"ȘSșsȚTțt"},
    {0x0327, U"ÇCçcĢGģgĶKķkĻLļlŅNņnŖRŗrŞSşsŢTţtȨEȩeḐDḑdḨHḩh"},
    {0x0328, U"ĄAąaĘEęeĮIįiŲUųuǪOǫo"},
    {0x032D, U"ḒDḓdḘEḙeḼLḽlṊNṋnṰTṱtṶUṷu"},
    {0x032E, U"ḪHḫh"},
    {0x0330, U"ḚEḛeḬIḭiṴUṵu"},
    {0x0331, U"ḆBḇbḎDḏdḴKḵkḺLḻlṈNṉnṞRṟrṮTṯtẔZẕzẖh"}};

inline bool is_mark(char32_t c) { return (c >= 0x300 && c <= 0x36F) || c == 0x3099 || c == 0x309A; }

inline void append_decomposed(std::u32string& out, char32_t c) {
  if (c >= 0xAC00 && c <= 0xD7A3) {  // a Hangul syllable
    char32_t const s = c - 0xAC00;
    out += {0x1100 + s / 588, 0x1161 + s % 588 / 28};
    if (s % 28) out += 0x11A7 + s % 28;
    return;
  }
  if (c >= 0xC0 && c < 0x1F00)
    for (marked_letters const& m : letters_by_mark)
      for (std::size_t i = 0; i < m.pairs.size(); i += 2)
        if (m.pairs[i] == c) {
          append_decomposed(out, m.pairs[i + 1]);
          out += m.mark;
          return;
        }
  switch (c) {  // signs that Unicode has twice
    case 0x2126: out += 0x03A9; return;
    case 0x212A: out += 'K'; return;
    case 0x212B: out += {'A', 0x030A}; return;
    case 0x0387: out += 0x00B7; return;
    default: out += c;
  }
}

inline bool is_blank(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
inline bool is_invisible(char32_t c) {
  return c < ' ' || c == 0x7F || c == 0xAD || c == 0x180E || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x2069) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

inline char32_t in_lower_case(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F)) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  if (c == 0xC6 || c == 0xD8 || c == 0xDE || c == 0xD0) return c + 0x20;  // what no mark makes: Ae, O with stroke, thorn, eth
  if (c == 0x110 || c == 0x141 || c == 0x152) return c + 1;               // D and L with stroke, Oe
  return c;
}

// The ASCII sign that looks like it, or itself.
inline char32_t latin_look(char32_t c) {
  constexpr std::u32string_view pairs =
      U"аaсcеeоoрpхxуyѕsіiјjһhԁdԛqԝwАAВBСCЕEНHІIЈJКKМMОOРPЅSТTХXУYΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοo‘'’'ʼ'`'´'“\"”\"−-∕/⁄/µμ";
  if (c >= 0x2010 && c <= 0x2015) return '-';
  if (c >= 0xFF01 && c <= 0xFF5E) return c - 0xFEE0;
  for (std::size_t i = 0; c >= 0x60 && i < pairs.size(); i += 2)
    if (pairs[i] == c) return pairs[i + 1];
  return c;
}

}  // namespace detail

inline std::u32string decomposed(std::string_view text) {
  std::u32string result;
  for (char32_t const c : detail::code_points(text)) {
    if ((c == 0x3099 || c == 0x309A) && !result.empty() && result.back() >= 0x3041 && result.back() <= 0x30FD) {  // kana stay in one piece
      bool const u = result.back() == 0x3046 || result.back() == 0x30A6;
      result.back() += u ? 0x4E : c - 0x3098;
    } else {
      detail::append_decomposed(result, c);
    }
  }
  for (auto at = result.begin(); at != result.end();) {  // marks on one letter in one order, whichever it was
    auto const first = std::find_if(at, result.end(), detail::is_mark);
    at = std::find_if_not(first, result.end(), detail::is_mark);
    std::sort(first, at);
  }
  return result;
}

inline std::u32string in_one_case(std::string_view text) {
  auto result = decomposed(text);
  for (char32_t& c : result) c = detail::in_lower_case(c);
  return result;
}

inline std::u32string look_alike_key(std::string_view text) {
  std::u32string result;
  for (char32_t const c : decomposed(text))
    if (detail::is_blank(c)) {
      if (!result.empty() && result.back() != ' ') result += ' ';
    } else if (c >= 0xFB00 && c <= 0xFB04) {  // ligatures
      for (char const letter : std::string_view(c == 0xFB00 ? "ff" : c == 0xFB01 ? "fi" : c == 0xFB02 ? "fl" : c == 0xFB03 ? "ffi" : "ffl"))
        result += static_cast<char32_t>(letter);
    } else if (!detail::is_invisible(c)) {
      result += detail::in_lower_case(detail::latin_look(c));
    }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

inline std::string with_visible_escapes(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    while (i + length < text.size() && (text[i + length] & 0xC0) == 0x80) ++length;
    std::size_t at = i;
    for (char32_t const c : detail::code_points(text.substr(i, length))) {
      auto const bytes = text.substr(at, c < 0x80 || c >= detail::no_text ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
      at += bytes.size();
      bool const part = detail::is_mark(c) || (c >= 0x1100 && c <= 0x11FF);  // of a letter or a syllable
      std::u32string apart;
      detail::append_decomposed(apart, c);
      bool const plain = c < 0x80 && !detail::is_invisible(c);
      bool const ligature = c >= 0xFB00 && c <= 0xFB04;
      bool const same = apart.size() == 1 && apart[0] == c && detail::latin_look(c) == c && c < detail::no_text;
      if (plain || (same && !detail::is_blank(c) && !detail::is_invisible(c) && !part && !ligature)) {
        result += bytes;
        continue;
      }
      std::uint32_t const value = c < detail::no_text ? c : c - detail::no_text;
      int const digits = c >= detail::no_text ? 2 : value > 0xFFFF ? 8 : 4;
      result += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
      for (int k = digits - 1; k >= 0; --k) result += "0123456789ABCDEF"[value >> 4 * k & 15];
    }
    i += length;
  }
  return result;
}

inline std::string difference(std::string_view text, std::string_view other) {
  if (decomposed(text) == decomposed(other)) return "in another Unicode normal form (NFC, NFD)";
  if (in_one_case(text) == in_one_case(other)) return "in another case";
  return "which only looks the same";
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
