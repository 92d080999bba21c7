#pragma once
// A report as one HTML file: headings, sentences, tables and bars. Nothing is loaded from elsewhere; light and dark follow the reader's
// system, and wide tables scroll, so that it can be read on a phone.
//
//   html_page page("My data");
//   page.heading("Classes");  page.text("Two classes.");
//   page.table({"class", "objects"}, {{"cat", "12"}, {"dog", "7"}});      the first column is left-aligned, the others right
//   page.bars("Objects of an image", {{"0", 3}, {"1", 12}});              a bar for each, as long as its share of the greatest
//   page.str()                                                            the file
//
// Invariant: well-formed XML whatever the texts hold; equal calls give equal bytes.
#include "frcnn/viz/plot.hpp"

#include <string>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

class html_page {
 public:
  explicit html_page(std::string const& title) : title_(title) {}

  void heading(std::string const& text) { body_ += "<h2>" + detail::escape_xml(text) + "</h2>\n"; }
  void text(std::string const& text) { body_ += "<p>" + detail::escape_xml(text) + "</p>\n"; }
  // A sentence that asks for attention.
  void warning(std::string const& text) { body_ += "<p class=\"warning\">" + detail::escape_xml(text) + "</p>\n"; }

  // Rows have as many cells as `head`.
  void table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows) {
    body_ += "<div class=\"wide\"><table>\n<thead>" + row(head, "th") + "</thead>\n<tbody>\n";
    for (auto const& cells : rows) body_ += row(cells, "td") + "\n";
    body_ += "</tbody>\n</table></div>\n";
  }

  void bars(std::string const& title, std::vector<std::pair<std::string, double>> const& values) {
    double most = 0;
    for (auto const& [name, v] : values) most = std::max(most, v);
    body_ += "<h3>" + detail::escape_xml(title) + "</h3>\n<div class=\"wide\"><table class=\"bars\">\n<tbody>\n";
    for (auto const& [name, v] : values)
      body_ += "<tr><td>" + detail::escape_xml(name) + "</td><td>" + detail::number(v, 1) +
               "</td><td><div style=\"width: " + detail::number(most > 0 ? 100 * v / most : 0, 1) + "%\"></div></td></tr>\n";
    body_ += "</tbody>\n</table></div>\n";
  }

  std::string str() const {
    std::string const title = detail::escape_xml(title_);
    return "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
           title + "</title>\n<style>\n" + style + "</style>\n</head>\n<body>\n<h1>" + title + "</h1>\n" + body_ + "</body>\n</html>\n";
  }

 private:
  static std::string row(std::vector<std::string> const& cells, std::string const& tag) {
    std::string text = "<tr>";
    for (auto const& c : cells) text += "<" + tag + ">" + detail::escape_xml(c) + "</" + tag + ">";
    return text + "</tr>";
  }

  static constexpr char const* style =
      ":root { color-scheme: light dark; --ink: #1d2126; --paper: #ffffff; --line: #d5dae0; --bar: #2563c9; --mark: #fff3d6; }\n"
      "@media (prefers-color-scheme: dark) {\n"
      ":root { --ink: #e4e7eb; --paper: #15181c; --line: #3a414a; --bar: #6ea0ff; --mark: #43370f; } }\n"
      "body { margin: 1.5rem auto; padding: 0 1rem; max-width: 70rem; background: var(--paper); color: var(--ink);\n"
      "  font: 16px/1.5 system-ui, Helvetica, Arial, sans-serif; overflow-wrap: anywhere; }\n"
      "h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }\n"
      ".wide { overflow-x: auto; }\n"
      ".warning { background: var(--mark); padding: .4rem .6rem; border-left: .25rem solid var(--bar); }\n"
      "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }\n"
      "th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }\n"
      "th:first-child, td:first-child { text-align: left; padding-left: 0; }\n"
      ".bars { width: 100%; max-width: 40rem; } .bars td { border: 0; padding: .1rem .7rem .1rem 0; }\n"
      ".bars td:last-child { width: 100%; } .bars div { background: var(--bar); height: .9rem; min-width: 1px; }\n";

  std::string title_, body_;
};

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
