#pragma once
// A report as one HTML file: headings, sentences, tables, bars, charts and pictures. Nothing is loaded from elsewhere; light and dark follow
// the reader's system, and wide tables and charts scroll, so that it can be read on a phone.
//
//   html_page page("My data");
//   page.heading("Classes");  page.text("Two classes.");
//   page.table({"class", "objects"}, {{"cat", "12"}, {"dog", "7"}});      the first column is left-aligned, the others right
//   page.bars("Objects of an image", {{"0", 3}, {"1", 12}});              a bar for each, as long as its share of the greatest
//   page.matrix("object", {"cat", "dog"}, {"cat", "dog"}, {3, 0, 1, 5})   counts; a cell is as dark as its share of its row
//   page.listing("2 images", {"a.jpg", "b.jpg"})                         lines that are folded away
//   page.chart({.title = "Loss"}, series)                                 a line chart (viz/plot.hpp)
//   page.folded("More", [&] { page.chart(..); })                         anything that is folded away
//   page.pictures({{jpeg, "image/jpeg", "a.jpg: 2 missed"}})              files inside the page, with a line below each
//   page.str()                                                            the file
//
// Invariant: well-formed XML whatever the texts hold; equal calls give equal bytes.
#include "frcnn/viz/plot.hpp"

#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

struct html_picture {
  std::string bytes;  // of the file
  std::string type;   // "image/jpeg"
  std::string caption;
};

class html_page {
 public:
  explicit html_page(std::string const& title) : title_(title) {}

  void heading(std::string const& text) { body_ += "<h2>" + detail::escape_xml(text) + "</h2>\n"; }
  void text(std::string const& text) { body_ += "<p>" + detail::escape_xml(text) + "</p>\n"; }
  // A sentence that asks for attention.
  void warning(std::string const& text) { body_ += "<p class=\"warning\">" + detail::escape_xml(text) + "</p>\n"; }

  // What add() puts on the page, below a title, which shows it when it is clicked.
  template <class Add>
  void folded(std::string const& title, Add const& add) {
    body_ += "<details><summary>" + detail::escape_xml(title) + "</summary>\n";
    add();
    body_ += "</details>\n";
  }
  // Lines likewise.
  void listing(std::string const& title, std::span<std::string const> lines) {
    folded(title, [&] {
      body_ += "<ul>\n";
      for (auto const& line : lines) body_ += "<li>" + detail::escape_xml(line) + "</li>\n";
      body_ += "</ul>";
    });
  }

  // Rows have as many cells as `head`. words_from: the first column of texts, which are left-aligned and wrap.
  void table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows,
             std::size_t words_from = static_cast<std::size_t>(-1)) {
    body_ += "<div class=\"wide\"><table>\n<thead>" + row(head, "th", words_from) + "</thead>\n<tbody>\n";
    for (auto const& cells : rows) body_ += row(cells, "td", words_from) + "\n";
    body_ += "</tbody>\n</table></div>\n";
  }

  // counts [rows, columns]; corner: what the rows are.
  void matrix(std::string const& corner, std::vector<std::string> const& columns, std::vector<std::string> const& rows,
              std::span<std::size_t const> counts) {
    FRCNN_ASSERT(counts.size() == rows.size() * columns.size());
    body_ += "<div class=\"wide\"><table class=\"matrix\">\n<thead><tr><th>" + detail::escape_xml(corner) + "</th>";
    for (auto const& name : columns) body_ += "<th>" + detail::escape_xml(name) + "</th>";
    body_ += "</tr></thead>\n<tbody>\n";
    for (std::size_t r = 0; r < rows.size(); ++r) {
      auto const cells = counts.subspan(r * columns.size(), columns.size());
      double const all = static_cast<double>(std::accumulate(cells.begin(), cells.end(), std::size_t{0}));
      body_ += "<tr><th>" + detail::escape_xml(rows[r]) + "</th>";
      for (std::size_t const n : cells)
        body_ += "<td style=\"background: rgba(60, 130, 246, " + detail::number(all > 0 ? 0.7 * static_cast<double>(n) / all : 0, 3) +
                 ")\">" + std::to_string(n) + "</td>";
      body_ += "</tr>\n";
    }
    body_ += "</tbody>\n</table></div>\n";
  }

  void chart(chart_options const& options, std::span<chart_series const> series) {
    body_ += "<div class=\"wide\">" + detail::draw_chart(options, series, "plot" + std::to_string(charts_++)).svg + "</div>\n";
  }

  void pictures(std::span<html_picture const> list) {
    body_ += "<div class=\"pictures\">\n";
    for (auto const& p : list) {
      std::string const caption = detail::escape_xml(p.caption);
      body_ += "<figure><img alt=\"" + caption + "\" src=\"data:" + detail::escape_xml(p.type) + ";base64," + base64(p.bytes) +
               "\"/><figcaption>" + caption + "</figcaption></figure>\n";
    }
    body_ += "</div>\n";
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
  // RFC 4648, section 4.
  static std::string base64(std::string_view bytes) {
    constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      auto const byte = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
      unsigned const three = byte(0) << 16 | byte(1) << 8 | byte(2);
      for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
    }
    return text;
  }

  static std::string row(std::vector<std::string> const& cells, std::string const& tag, std::size_t words_from) {
    std::string text = "<tr>";
    for (std::size_t c = 0; c < cells.size(); ++c)
      text += "<" + tag + (c >= words_from ? " class=\"words\">" : ">") + detail::escape_xml(cells[c]) + "</" + tag + ">";
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
      "th.words, td.words { text-align: left; white-space: normal; min-width: 12rem; }\n"
      ".matrix tbody th { font-weight: 600; } .matrix td { min-width: 3rem; }\n"
      "svg { display: block; max-width: 100%; min-width: 34rem; height: auto; }\n"
      "svg > rect { fill: var(--paper); } svg text { fill: var(--ink); } svg > line { stroke: var(--line); }\n"
      "@media (prefers-color-scheme: dark) { svg path { filter: brightness(1.5); } }\n"
      ".pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }\n"
      "figure { margin: 0; } figure img { width: 100%; height: auto; display: block; } figcaption { font-size: .9rem; }\n"
      ".bars { width: 100%; max-width: 40rem; } .bars td { border: 0; padding: .1rem .7rem .1rem 0; }\n"
      ".bars td:last-child { width: 100%; } .bars div { background: var(--bar); height: .9rem; min-width: 1px; }\n";

  std::string title_, body_;
  std::size_t charts_ = 0;
};

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
