#include "frcnn/data/xml_file.hpp"
#include "frcnn/io/atomic_file.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;
using namespace std::string_literals;

namespace {

std::string const n = "<annotation><name>x</name></annotation>";

std::string name_of(std::string const& contents) {
  ::scratch folder;
  io::write_file_atomically(folder / "a.xml", contents);
  xml_file const file(folder / "a.xml");
  return file.text_of(file.root().child("name"));
}
std::string refusal(std::string const& contents) {
  std::string const said = sentence([&] { name_of(contents); });
  return said.substr(0, 7) == "nothing" ? said : said.substr(said.find("a.xml"));
}
std::string fault(int line, std::string const& what) {
  return "a.xml:" + std::to_string(line) + ": expected well-formed XML, found a fault (" + what + ")";
}

}  // namespace

TEST_CASE("what lies outside of the root is refused with its line") {
  CHECK(name_of("<?xml version='1.0'?>\n<!DOCTYPE annotation>\n<!-- x --> " + n + " <!-- y -->\n") == "x");
  CHECK(refusal("\n<object/>\n<object/>" + n) == fault(2, "<object> before the root <annotation>"));
  CHECK(refusal(n + "\n\n" + n) == fault(3, "<annotation> after the root <annotation>"));
  CHECK(refusal(n + "\nrest") == fault(2, "text after the root <annotation>"));
  CHECK(refusal("words\n" + n) == fault(1, "text before the root <annotation>"));
  CHECK(refusal(n + "<![CDATA[x]]>") == fault(1, "text after the root <annotation>"));
  CHECK(refusal("<a/><b/>") == fault(1, "<b> after the root <a>"));
  CHECK(refusal("\n \n") == "a.xml: expected an annotation, found an empty file");
  CHECK(refusal("just words").find("a.xml:1: expected well-formed XML") == 0);
  CHECK(refusal("<annotation>\n\0</annotation>"s) == fault(2, "a control character, code 0"));
}

TEST_CASE("text is read whole") {
  auto const text = [](std::string const& t) { return name_of("<annotation><name>" + t + "</name></annotation>"); };
  CHECK(text("ca<!-- c -->t") == "cat");
  CHECK(text("<!-- c --> cat") == "cat");
  CHECK(text("c<![CDATA[a&]]>t") == "ca&t");
  CHECK(text("R&amp;D &lt;&gt;&quot;&apos;") == "R&D <>\"'");
  CHECK(text("R&D, R & D") == "R&D, R & D");
  CHECK(text("c&#97;&#x74;&#233;&#x20AC;&#x1F600;") == "cat\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(text("&amp;lt;") == "&lt;");
  for (std::string bad : {"#0", "#x1F", "#xD800", "#x110000", "#99999999999", "#", "#x", "#1a", "nbsp"}) {
    CAPTURE(bad);
    CHECK(refusal("<annotation>\n<name>ca&" + bad + ";t</name></annotation>") == fault(2, "&" + bad + ";, which stands for nothing here"));
  }
  CHECK(name_of("<!DOCTYPE annotation [<!ENTITY d 'x'><!ENTITY dog \"D\xC3\xB6g\">]><annotation><name>&dog;s</name></annotation>") ==
        "D\xC3\xB6gs");
  CHECK(refusal("<!DOCTYPE annotation [<!ENTITY a '&b;'>]><annotation><name>&a;</name></annotation>").find("&a;") != std::string::npos);
}

TEST_CASE("an encoding is what a mark, the declaration, or the bytes say") {
  auto const with = [](std::string const& encoding, std::string const& name) {
    return "<?xml version=\"1.0\" encoding=\"" + encoding + "\"?>\n<annotation><name>" + name + "</name></annotation>";
  };
  std::string const e = "\xC3\xA9";
  CHECK(name_of(with("windows-1251", "\xEA\xEE\xF2")) == "\xD0\xBA\xD0\xBE\xD1\x82");
  CHECK(name_of(with("iso-8859-1", "\xE9")) == e);
  CHECK(name_of(with("GB2312", "\xC3\xA8")) == "\xE7\x8C\xAB");
  for (char const* encoding : {"utf-8", "UTF8", "UTF-8-SIG", ""}) CHECK(name_of(with(encoding, e)) == e);
  CHECK(name_of(with("utf-16", e)) == e);  // said of UTF-8 by writers that mean their strings
  CHECK(name_of("\xEF\xBB\xBF" + with("latin1", e)) == e);
  std::string wide = "\xFF\xFE";
  for (char const c : with("utf-16", "cat")) wide += {c, '\0'};
  CHECK(name_of(wide) == "cat");
  CHECK(name_of(wide.substr(2)) == "cat");
  std::string const expected =
      "expected UTF-8, or the encoding in a first line like <?xml version=\"1.0\" encoding=\"windows-1252\"?>, found bytes that are no "
      "UTF-8";
  CHECK(refusal("<annotation>\n<name>\xC4pfel</name></annotation>") == "a.xml:2: " + expected);
  CHECK(refusal(with("UTF-8", "\xC4pfel")) == "a.xml:2: " + expected);
  CHECK(refusal(with("martian", "x")) == "a.xml: expected an encoding that is known here, found 'martian'");
}
