// Pickles byte by byte: what each operation makes, and what is said of wrong ones.
#include "frcnn/io/pickle.hpp"

#include "../sentence.hpp"

#include <doctest/doctest.h>

using namespace frcnn::io;
using namespace std::string_literals;
using kind = pickle_value::kind;

namespace {

// "[1, ('a', None), {'k': 2.5}]"
std::string shown(pickle const& p, pickle_value::id at) {
  auto const& v = p.at(at);
  auto const all = [&](char const* open, char const* close) {
    std::string text = open;
    for (std::size_t i = 0; i < v.items.size(); ++i) text += (i ? " " : "") + shown(p, v.items[i]);
    return text + close;
  };
  switch (v.what) {
    case kind::none: return "None";
    case kind::boolean: return v.whole ? "True" : "False";
    case kind::whole: return std::to_string(v.whole);
    case kind::real: return std::to_string(v.number);
    case kind::text: return "'" + std::string(v.text) + "'";
    case kind::bytes: return "b'" + std::string(v.text) + "'";
    case kind::sequence: return all("[", "]");
    case kind::dictionary: return all("{", "}");
    case kind::name: return std::string(v.text) + "." + std::string(v.second);
    case kind::call: return all("<", ">");
    case kind::persistent: return all("@", "");
    case kind::opaque: return "?";
  }
  return "";
}
std::string shown(std::string const& bytes) {
  pickle const p("p", bytes);
  return shown(p, p.root());
}
std::string said(std::string const& bytes) {
  return sentence([&] { pickle("p", bytes); });
}

}  // namespace

TEST_CASE("numbers and texts of every form") {
  CHECK(shown("N.") == "None");
  CHECK(shown("\x88.") == "True");
  CHECK(shown("I00\n.") == "False");
  CHECK(shown("I-12\n.") == "-12");
  CHECK(shown("K\xff.") == "255");
  CHECK(shown("M\x01\x02.") == "513");
  CHECK(shown("J\xfe\xff\xff\xff.") == "-2");
  CHECK(shown("L123L\n.") == "123");
  CHECK(shown("\x8a\x00."s) == "0");
  CHECK(shown("\x8a\x01\xff."s) == "-1");
  CHECK(shown("\x8a\x05\x00\x00\x00\x00\x01."s) == "4294967296");
  CHECK(shown("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."s) == "?");  // beyond 64 bits
  CHECK(shown("F2.5\n.") == "2.500000");
  CHECK(shown("G\x40\x04\x00\x00\x00\x00\x00\x00."s) == "2.500000");
  CHECK(shown("X\x02\x00\x00\x00"
              "ab."s) == "'ab'");
  CHECK(shown("\x8c\x02"
              "ab.") == "'ab'");
  CHECK(shown("\x8d\x02\x00\x00\x00\x00\x00\x00\x00"
              "ab."s) == "'ab'");
  CHECK(shown("S'ab'\n.") == "'ab'");
  CHECK(shown("Vab\n.") == "'ab'");
  CHECK(shown("C\x02"
              "ab.") == "b'ab'");
}

TEST_CASE("lists, tuples, dictionaries and what is kept") {
  CHECK(shown("\x80\x02](K\x01K\x02"
              "eK\x03"
              "a.") == "[1 2 3]");
  CHECK(shown("K\x01K\x02\x86.") == "[1 2]");
  CHECK(shown("(K\x01K\x02K\x03t.") == "[1 2 3]");
  CHECK(shown("}(\x8c\x01"
              "aK\x01\x8c\x01"
              "bNuS'c'\nK\x02s.") == "{'a' 1 'b' None 'c' 2}");
  CHECK(shown("(\x8c\x01"
              "aK\x01"
              "d.") == "{'a' 1}");
  CHECK(shown("\x8f(K\x01\x90.") == "[1]");
  CHECK(shown("K\x07q\x05K\x08h\x05\x86.") == "[8 7]");
  CHECK(shown("K\x07\x94K\x08h\x00\x86."s) == "[8 7]");
  CHECK(shown("K\x07p300\nK\x08g300\n\x86.") == "[8 7]");
  CHECK(shown("(K\x01K\x02"
              "1K\x03.") == "3");   // POP_MARK
  CHECK(shown("K\x01(0.") == "1");  // POP of a mark
  CHECK(shown("K\x01"
              "2\x86.") == "[1 1]");  // DUP
}

TEST_CASE("objects are what would have been called, and nothing is") {
  CHECK(shown("cposix\nsystem\n(S'rm -r x'\ntR.") == "<posix.system ['rm -r x'] None None None>");
  CHECK(shown("\x8c\x01m\x8c\x01"
              "c\x93)\x81}\x8c\x01xK\x01sb.") == "<m.c [] None None {'x' 1}>");
  CHECK(shown("ccollections\nOrderedDict\n)R\x8c\x01xK\x01s.") == "<collections.OrderedDict [] {'x' 1} None None>");
  CHECK(shown("cm\nc\n)RK\x01"
              "a.") == "<m.c [] None [1] None>");
  CHECK(shown("(cm\nc\nK\x01o.") == "<m.c [1] None None None>");
  CHECK(shown("(K\x01im\nc\n.") == "<m.c [1] None None None>");
  CHECK(shown("Pabc\n.") == "@'abc'");
  pickle const p("p",
                 "ccollections\nOrderedDict\n(](\x8c\x01xK\x01\x86\x8c\x01yK\x02\x86"
                 "etR\x8c\x01xK\x05s.");
  CHECK(p.entries(p.root()).size() == 3);
  CHECK(p.at(p.get(p.root(), "y")).whole == 2);
  CHECK(p.at(p.get(p.root(), "x")).whole == 5);
  CHECK(p.get(p.root(), "z") == pickle_value::none_id);
}

TEST_CASE("a value that contains itself") {
  pickle const p("p",
                 "]q\x01h\x01"
                 "a.");
  CHECK(p.at(p.root()).items == std::vector<pickle_value::id>{p.root()});
}

TEST_CASE("wrong pickles are sentences") {
  CHECK(said("") == "p: expected a pickle of Python, found its end missing at its byte 0");
  CHECK(said("N") == "p: expected a pickle of Python, found its end missing at its byte 0");
  CHECK(said("N!.") == "p: expected a pickle of Python, found an unknown operation at its byte 1");
  CHECK(said(".") == "p: expected a pickle of Python, found an operation on an empty stack at its byte 0");
  CHECK(said("(N\x85.").find("empty stack") == std::string::npos);
  CHECK(said("N(\x85.").find("empty stack") != std::string::npos);  // not beyond the mark
  CHECK(said("Nt.").find("without a mark") != std::string::npos);
  CHECK(said("h\x01.").find("was not kept") != std::string::npos);
  CHECK(said("K\x01\x94\x94\x94.").find("kept twice") != std::string::npos);
  CHECK(said("I1x\n.").find("no number") != std::string::npos);
  CHECK(said("X\xff\xff\xff\xff"
             "a.")
            .find("its end missing") != std::string::npos);
  CHECK(said("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
             "a.")
            .find("its end missing") != std::string::npos);
  CHECK(said("}(Nu.").find("a key without a value") != std::string::npos);
  CHECK(said("K\x01K\x02"
             "a.")
            .find("holds none") != std::string::npos);
  CHECK(said("NN\x93.").find("no text") != std::string::npos);
  CHECK(said("(o.").find("without a class") != std::string::npos);
  CHECK(said("cabc").find("line without end") != std::string::npos);
}
