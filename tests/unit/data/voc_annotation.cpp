#include "frcnn/data/voc_annotation.hpp"
#include "frcnn/io/atomic_file.hpp"

#include "../io/scratch.hpp"

#include <doctest/doctest.h>

using namespace frcnn;
using namespace frcnn::data;

namespace {

voc_annotation parsed(std::string const& xml) {
  ::scratch folder;
  io::write_file_atomically(folder / "a.xml", xml);
  return read_voc_annotation(folder / "a.xml");
}

}  // namespace

TEST_CASE("an annotation is read as written") {
  auto const a = parsed(R"(<?xml version="1.0"?>
<annotation>
  <size><width> 640 </width><height>480</height></size>
  <object><name>
     caf&amp;&#233; </name><difficult> 1 </difficult><truncated>Unspecified</truncated>
    <bndbox><ymax>4</ymax><xmin>-1.5</xmin><ymin>0</ymin><xmax>3e0</xmax></bndbox></object>
</annotation>)");
  REQUIRE(a.size);
  CHECK((*a.size)[0] == 640);
  CHECK((*a.size)[1] == 480);
  REQUIRE(a.objects.size() == 1);
  CHECK(a.objects[0].name == "caf&\xC3\xA9");
  CHECK(a.objects[0].difficult);
  CHECK_FALSE(a.objects[0].truncated);
  CHECK(a.objects[0].xmin == -1.5);
  CHECK(a.objects[0].ymin == 0);
  CHECK(a.objects[0].xmax == 3);
  CHECK(a.objects[0].ymax == 4);
  CHECK_FALSE(parsed("<annotation/>").size);
}

TEST_CASE("difficult is 0 or 1, also as converters write them; anything else is said to be neither") {
  auto const read = [](std::string const& difficult) {
    return parsed("<annotation><object><name>cat</name>" + difficult +
                  "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>")
        .objects.at(0);
  };
  for (char const* yes : {"1", "1.0", "True", "yes"}) {
    voc_object const o = read("<difficult>" + std::string(yes) + "</difficult>");
    CAPTURE(yes);
    CHECK((o.difficult && !o.unclear));
  }
  for (char const* no : {"0", "0.0", "False", "no", ""}) {
    voc_object const o = read("<difficult>" + std::string(no) + "</difficult>");
    CAPTURE(no);
    CHECK((!o.difficult && !o.unclear));
  }
  CHECK_FALSE(read("").unclear);
  for (char const* neither : {"2", "-1", "Unspecified"}) {
    voc_object const o = read("<difficult>" + std::string(neither) + "</difficult>");
    CAPTURE(neither);
    CHECK((!o.difficult && o.unclear));
  }
  for (std::string const mark : {"deleted", "ignore", "crowd", "iscrowd"}) {
    auto const marked = [&](char const* value) { return read("<" + mark + ">" + value + "</" + mark + ">").mark; };
    CHECK(marked("1") == mark);
    CHECK(marked("true") == mark);
    CHECK(marked("0").empty());
  }
}

TEST_CASE("other encodings are read, and no DTD and no external entity is fetched") {
  auto const latin = parsed(
      "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><annotation><object><name>\xE9</name><bndbox><xmin>1</xmin>"
      "<ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>");
  CHECK(latin.objects[0].name == "\xC3\xA9");
  CHECK(latin.doubtful_encoding.empty());
  // As declared, with a doubt, where the bytes of a code page of single bytes are UTF-8 too; not where a character has several bytes.
  auto const declared = [](std::string const& encoding, std::string const& name) {
    return parsed("<?xml version=\"1.0\" encoding=\"" + encoding + "\"?><!-- \xC3\xA9 --><annotation><object><name>" + name +
                  "</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>");
  };
  for (char const* encoding : {"ISO-8859-1", "windows-1252"}) {
    auto const a = declared(encoding, "caf\xC3\xA9");
    CHECK(a.objects[0].name == "caf\xC3\x83\xC2\xA9");
    CHECK(a.doubtful_encoding == encoding);
    CHECK(declared(encoding, "cafe").doubtful_encoding.empty());  // nothing that is read depends on it
  }
  CHECK(declared("ISO-8859-1", "caf\xE9").doubtful_encoding.empty());
  CHECK(declared("GB18030", "\xC3\xA9").doubtful_encoding.empty());
  CHECK(declared("UTF-8", "caf\xC3\xA9").doubtful_encoding.empty());

  ::scratch folder;
  io::write_file_atomically(folder / "secret", "secret");
  std::string const said = sentence([&] {
    parsed("<!DOCTYPE annotation [<!ENTITY x SYSTEM \"file://" + (folder / "secret").string() +
           "\">]><annotation><object><name>&x;</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
           "</bndbox></object></annotation>");
  });
  CHECK(said.find("a.xml:1: expected well-formed XML, found a fault (&x;, which stands for nothing here)") != std::string::npos);
}

TEST_CASE("numbers are whole numbers of text, in no locale") {
  auto const xmin = [](std::string const& text) {
    std::string const said = sentence([&] {
      parsed("<annotation><object><name>a</name><bndbox><xmin>" + text +
             "</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>");
    });
    return said.substr(0, 7) == "nothing" ? said : said.substr(said.find("a.xml"));
  };
  for (char const* good : {"1", "-1", "+1", "1.", ".5", "1e2", "\t7\n"}) CHECK(xmin(good) == "nothing");
  for (std::string bad : {"", "1,5", "0x10", "1 2", "inf", "-nan", "1e999", "++1", "+-1", "left"}) {
    CAPTURE(bad);
    CHECK(xmin(bad) == "a.xml, object 1: expected a number in <xmin>, found '" + bad + "'");
  }
}

TEST_CASE("faults say where they are") {
  auto const said = [](std::string const& xml) {
    std::string const s = sentence([&] { parsed(xml); });
    return s.substr(s.find("a.xml"));
  };
  CHECK(said("") == "a.xml: expected an annotation, found an empty file");
  CHECK(said("<annotation>\n<object>\n") == "a.xml:2: expected well-formed XML, found a fault (start-end tags mismatch)");
  CHECK(said("<a/>") == "a.xml: expected an <annotation>, found <a>");
  CHECK(said("<annotation><object/></annotation>") == "a.xml, object 1: expected a class <name>, found none");
  CHECK(said("<annotation><object><name>a</name><bndbox><xmin>1</xmin><xmax>1</xmax></bndbox></object></annotation>") ==
        "a.xml, object 1: expected a <ymin>, found <xmin>, <xmax>");
  CHECK(said("<annotation><object><name>a</name><bndbox><x1>1</x1><y1>1</y1><x2>3</x2><y2>3</y2></bndbox></object></annotation>") ==
        "a.xml, object 1: expected a <xmin>, found <x1>, <y1>, <x2>, <y2>");
  CHECK(said("<annotation><object><name>a</name><bndbox/></object></annotation>") == "a.xml, object 1: expected a <xmin>, found none");
}

TEST_CASE("sizes and rotations are read around a comment, as all text is") {
  auto const a = parsed("<annotation><size><width>6<!-- c -->40</width><height><![CDATA[48]]>0 px</height></size></annotation>");
  REQUIRE(a.size);
  CHECK(*a.size == std::array<double, 2>{640, 480});
  CHECK(*parsed("<annotation><size><width>wide</width><height/></size></annotation>").size == std::array<double, 2>{0, 0});
  std::string const said = sentence([&] {
    parsed(
        "<annotation><object><name>a</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
        "<attributes><attribute><name>rota<!-- c -->tion</name><value><!---->30.0</value></attribute></attributes></object></annotation>");
  });
  CHECK(said.find("found a rotation of 30 degrees") != std::string::npos);
}

TEST_CASE("a name is one line") {
  auto const name = [](std::string const& text) {
    return parsed("<annotation><object><name>" + text +
                  "</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>")
        .objects[0]
        .name;
  };
  CHECK(name("\n big\n\t  cat \n") == "big cat");
  CHECK(name("a\r\nb\n c") == "a b c");
  CHECK(name("big  cat") == "big  cat");
}

TEST_CASE("what would be read in part is refused") {
  auto const said = [](std::string const& inside) {
    std::string const s = sentence([&] { parsed("<annotation>\n" + inside + "</annotation>"); });
    return s.substr(0, 7) == "nothing" ? s : s.substr(s.find("a.xml"));
  };
  std::string const box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>", cat = "<name>cat</name>";
  CHECK(said("<object>" + cat + box + "<part><name>head</name>" + box + "</part></object>") == "nothing");
  CHECK(said("<object>" + cat + box + box + "</object>") == "a.xml, object 1: expected one <bndbox>, found several");
  CHECK(said("<object>" + cat + cat + box + "</object>") == "a.xml, object 1: expected one <name>, found several");
  for (std::string const flag : {"difficult", "truncated", "pose", "occluded"}) {
    auto const twice = [&](char const* first, char const* second) {
      return said("<object>" + cat + "<" + flag + ">" + first + "</" + flag + "><" + flag + ">" + second + "</" + flag + ">" + box +
                  "</object>");
    };
    CHECK(twice("0", "1") == "a.xml, object 1: expected one <" + flag + ">, found several, '0' and '1'");
    CHECK(twice("1", "") == "a.xml, object 1: expected one <" + flag + ">, found several, '1' and ''");
    CHECK(twice("1", " 1 ") == "nothing");
  }
  auto const size = [](std::string const& width, std::string const& more = "") {
    return "<size><width>" + width + "</width>" + more + "<height>20</height></size>";
  };
  CHECK(said(size("10") + size("10")) == "nothing");
  CHECK(said(size("10") + size("30")) == "a.xml: expected one <size>, found several, 10 x 20 and 30 x 20");
  CHECK(said(size("10", "<width>30</width>")) == "a.xml, <size>: expected one <width>, found several, '10' and '30'");
  CHECK(said("<object><name>cat<b>x</b></name>" + box + "</object>") == "a.xml, object 1: expected text in <name>, found <b> there");
  std::string const stray = "expected every <bndbox> in an <object> of <annotation>, found ";
  CHECK(said("<objects>\n<object>" + cat + box + "</object></objects>") == "a.xml:3: " + stray + "<bndbox> in <object> of <objects>");
  CHECK(said("<Object>" + cat + box + "</Object>") == "a.xml:2: " + stray + "<bndbox> in <Object> of <annotation>");
  CHECK(said("<![CDATA[<object>" + cat + box + "</object>]]>") ==
        "a.xml:2: expected every <bndbox> in an <object> of <annotation>, found one in text, in CDATA or behind &lt;");
  CHECK(said("&lt;object>&lt;bndbox>").find("found one in text") != std::string::npos);
  CHECK(said("<v:object><v:bndbox/></v:object>") == "a.xml:2: " + stray + "<v:bndbox> in <v:object> of <annotation>");
  CHECK(said(box) == "a.xml:2: " + stray + "<bndbox> in <annotation> of <>");
  CHECK(said("<object>" + cat + box + "<object>" + cat + box + "</object></object>").find("found <bndbox> in <object> of <object>") !=
        std::string::npos);
}

TEST_CASE("shapes that are no upright rectangles are named") {
  auto const said = [](std::string const& shape) {
    std::string const s = sentence([&] { parsed("<annotation><object><name>a</name>" + shape + "</object></annotation>"); });
    return s.substr(s.find("a.xml"));
  };
  std::string const upright = "a.xml, object 1: expected an upright <bndbox> (rotated boxes and polygons are not supported), found ";
  CHECK(said("<type>robndbox</type><robndbox><cx>4</cx><angle>0.3</angle></robndbox>") == upright + "<robndbox>");
  CHECK(said("<polygon><pt><x>1</x><y>1</y></pt></polygon>") == upright + "<polygon>");
  CHECK(said("<bndbox><x1>1</x1><y1>1</y1><x2>1</x2><y2>1</y2><x3>1</x3></bndbox>") == upright + "<x3> in it");
  auto const turned_by = [](std::string const& degrees) {
    return "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
           "<attributes><attribute><name>rotation</name><value>" +
           degrees + "</value></attribute></attributes>";
  };
  CHECK(said(turned_by("32.5")) == upright + "a rotation of 32.5 degrees");
  CHECK_NOTHROW(parsed("<annotation><object><name>a</name>" + turned_by("0.0") + "</object></annotation>"));
  CHECK(said("") == "a.xml, object 1: expected a <bndbox>, found none");
}
