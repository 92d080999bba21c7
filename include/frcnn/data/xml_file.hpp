#pragma once
// An XML file as a tree whose text is UTF-8; what is ill-formed is refused, also where pugixml lets it pass.
//
// 1. its encoding: a byte order mark, then what <?xml encoding=""?> declares (iconv converts), then UTF-8, which has to be UTF-8. Tools that
//    declare a Latin code page and write UTF-8 are believed, as XML has it, and noticed: doubtful_encoding()
// 2. it is one root element. pugixml reads what lies before and after the root and says nothing: elements and text there are faults
// 3. text_of(element) is all of its text: around comments, from CDATA sections, with its references resolved. Entities are those of XML and
//    those that the file itself declares as plain text; no DTD and no external entity is fetched, and a reference to one is a fault
//
// Throws frcnn::error with file and line: "a.xml:7: expected well-formed XML, found a fault (text after the root)".
// Example: xml_file const file("a.xml");  file.text_of(file.root().child("name"));   // <name>ca<!-- c -->t</name>: "cat"
#include "frcnn/core/error.hpp"
#include "frcnn/core/message.hpp"
#include "frcnn/data/text.hpp"
#include "frcnn/io/encoding.hpp"
#include "frcnn/io/foreign_file.hpp"
#include "frcnn/io/read_file.hpp"

#include <pugixml.hpp>

#include <charconv>
#include <filesystem>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class xml_file {
 public:
  explicit xml_file(std::filesystem::path const& path) : name_(path.string()), text_(decoded(io::read_file(path))) {
    for (std::size_t i = 0; i < text_.size(); ++i)
      if (auto const c = static_cast<unsigned char>(text_[i]); c < ' ' && c != '\t' && c != '\n' && c != '\r')
        throw fault(i, "a control character, code " + std::to_string(c));
    if (trimmed(text_).empty()) throw error(name_, "an annotation", "an empty file");
    auto const parsed = document_.load_buffer(text_.data(), text_.size(), pugi::parse_default | pugi::parse_fragment, pugi::encoding_utf8);
    if (!parsed) throw fault(static_cast<std::size_t>(parsed.offset), lower(parsed.description()));
    find_root();
  }

  pugi::xml_node root() const { return root_; }
  std::string const& name() const { return name_; }

  // The encoding that it declares, where that has one byte a character and the bytes above 0x7F are UTF-8 all the same: "ISO-8859-1", and
  // "café" is read as "cafÃ©". Empty: no such doubt.
  std::string const& doubtful_encoding() const { return doubtful_encoding_; }

  // "a.xml:3": where a node of this file begins.
  std::string place_of(pugi::xml_node node) const {
    return place(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, node.offset_debug())));
  }

  // Trimmed. Of elements within the element: nothing.
  std::string text_of(pugi::xml_node element) const {
    std::string all;
    for (pugi::xml_node const part : element.children())
      if (part.type() == pugi::node_cdata) all += part.value();
      else if (part.type() == pugi::node_pcdata) all += resolved(static_cast<std::size_t>(part.offset_debug()));
    return std::string(trimmed(all));
  }

 private:
  std::string place(std::size_t at) const {
    auto const end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(at, text_.size()));
    return name_ + ":" + std::to_string(1 + std::count(text_.begin(), end, '\n'));
  }
  error fault(std::size_t at, std::string const& what) const { return {place(at), "well-formed XML", "a fault (" + what + ")"}; }

  std::string decoded(std::string bytes) {
    if (io::mark_of(bytes).encoding.empty() && !trimmed(bytes).starts_with('<'))
      if (std::string const other = io::foreign_file(std::string_view(bytes).substr(0, 512)); !other.empty())
        throw error(name_, "XML", other);
    if (!io::mark_of(bytes).encoding.empty()) bytes = io::without_mark(std::move(bytes), name_);
    else if (std::string const declared = declared_encoding(bytes); !declared.empty()) {
      std::string text = io::convert_to_utf8(bytes, declared, name_);
      bool const one_byte_each = letters_in(text) == bytes.size(), beyond_ascii = text.size() > bytes.size();
      if (one_byte_each && beyond_ascii && fault_in_utf8(bytes) == std::string::npos) doubtful_encoding_ = declared;
      return text;
    }
    if (std::size_t const bad = fault_in_utf8(bytes); bad != std::string::npos)
      throw error(name_ + ":" + std::to_string(1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bad), '\n')),
                  "UTF-8, or the encoding in a first line like <?xml version=\"1.0\" encoding=\"windows-1252\"?>",
                  "bytes that are no UTF-8");
    return bytes;
  }

  // Empty: none, or UTF-8. UTF-16 cannot be true where the declaration could be read byte by byte: some writers say it of UTF-8.
  static std::string declared_encoding(std::string_view bytes) {
    bytes = trimmed(bytes);
    if (bytes.substr(0, 5) != "<?xml") return {};
    bytes = bytes.substr(0, bytes.find("?>"));
    std::size_t const at = bytes.find("encoding");
    std::size_t const quote = at == bytes.npos ? at : bytes.find_first_of("\"'", at);
    if (quote == bytes.npos) return {};
    std::size_t const end = bytes.find(bytes[quote], quote + 1);
    std::string const encoding(trimmed(bytes.substr(quote + 1, end == bytes.npos ? end : end - quote - 1)));
    std::string const known = lower(encoding);
    bool const utf = known.substr(0, 5) == "utf-8" || known == "utf8" || known == "us-ascii" || known == "ascii" ||
                     known.substr(0, 4) == "ucs-" || known.substr(0, 6) == "utf-16" || known.substr(0, 6) == "utf-32";
    return utf ? std::string() : encoding;
  }

  void find_root() {
    pugi::xml_node first;
    for (pugi::xml_node const node : document_.children()) {
      if (node.type() != pugi::node_element) continue;
      if (!first) first = node;
      if (!root_ && std::string_view(node.name()) == "annotation") root_ = node;
    }
    if (!root_) root_ = first;
    if (!root_) throw fault(text_.size(), "no document element found");
    bool after = false;
    for (pugi::xml_node const node : document_.children()) {
      if (node == root_) after = true;
      bool const element = node.type() == pugi::node_element, words = node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata;
      if (node == root_ || !(element || words)) continue;
      std::string const what = element ? "<" + std::string(node.name()) + ">" : "text";
      auto const at = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, node.offset_debug()));
      throw fault(text_.find_first_not_of(" \t\r\n", at), what + (after ? " after" : " before") + " the root <" + root_.name() + ">");
    }
  }

  // The character data that begins at `at`, up to the next tag.
  std::string resolved(std::size_t at) const {
    std::string_view const raw = std::string_view(text_).substr(at, text_.find('<', at) - at);
    std::string result;
    for (std::size_t i = 0; i < raw.size();) {
      std::size_t const end = raw[i] == '&' ? raw.find_first_of("; \t\r\n&", i + 1) : raw.npos;
      if (end == raw.npos || raw[end] != ';') {  // a bare & is what it looks like
        result += raw[i++];
        continue;
      }
      result += reference(raw.substr(i + 1, end - i - 1), at + i);
      i = end + 1;
    }
    return result;
  }

  std::string reference(std::string_view name, std::size_t at) const {
    constexpr std::pair<std::string_view, char> known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (auto const& [word, character] : known)
      if (name == word) return std::string(1, character);
    if (name.substr(0, 1) == "#") {
      bool const hex = name.substr(1, 1) == "x";
      std::string_view const digits = name.substr(hex ? 2 : 1);
      std::uint32_t code = 0;
      auto const [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
      bool const character = code >= ' ' || code == '\t' || code == '\n' || code == '\r';
      std::string const text = utf8(code);
      if (problem == std::errc{} && end == digits.data() + digits.size() && character && fault_in_utf8(text) == text.npos) return text;
    } else if (std::string value; declared(name, value)) {
      return value;
    }
    throw fault(at, "&" + std::string(name) + ";, which stands for nothing here");
  }

  // <!ENTITY name "value">, where the value is plain text.
  bool declared(std::string_view name, std::string& value) const {
    std::string_view const before = std::string_view(text_).substr(0, static_cast<std::size_t>(root_.offset_debug()));
    for (std::size_t at = 0; (at = before.find("<!ENTITY", at)) != before.npos; ++at) {
      std::string_view rest = trimmed(before.substr(at + 8));
      if (rest.substr(0, name.size()) != name) continue;
      std::string_view const behind = rest.substr(name.size());
      rest = trimmed(behind);
      if (behind.size() == rest.size() || rest.empty() || (rest[0] != '"' && rest[0] != '\'')) continue;
      std::size_t const end = rest.find(rest[0], 1);
      if (end == rest.npos || rest.substr(0, end).find_first_of("&<%") != rest.npos) continue;
      value = rest.substr(1, end - 1);
      return true;
    }
    return false;
  }

  static std::string utf8(std::uint32_t code) {
    auto const byte = [](std::uint32_t v) { return static_cast<char>(v); };
    auto const tail = [&](int shift) { return byte(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) return {byte(code)};
    if (code < 0x800) return {byte(0xC0 | code >> 6), tail(0)};
    if (code < 0x10000) return {byte(0xE0 | code >> 12), tail(6), tail(0)};
    return code < 0x110000 ? std::string{byte(0xF0 | code >> 18), tail(12), tail(6), tail(0)} : "\xFF";
  }

  std::string name_, doubtful_encoding_, text_;  // the text last: reading it sets the encoding
  pugi::xml_document document_;
  pugi::xml_node root_;
};

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
