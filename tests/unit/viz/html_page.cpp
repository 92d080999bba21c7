#include "frcnn/viz/html_page.hpp"

#include <doctest/doctest.h>

using namespace frcnn::viz;

TEST_CASE("a page holds what it is given, escaped, in one file") {
  html_page page("A <title> & more");
  page.heading("Classes");
  page.text("one < two");
  page.warning("\"look\" here \x01");
  page.table({"class", "objects"}, {{"c&t", "12"}, {"d\xC3\xB6g", "7"}});
  page.bars("Objects", {{"0", 3}, {"1", 12}});
  page.listing("2 files", std::vector<std::string>{"a.jpg", "<b>.jpg"});
  std::string const text = page.str();
  auto const has = [&](char const* part) { return text.find(part) != std::string::npos; };
  CHECK(text.find("<!DOCTYPE html>\n") == 0);
  CHECK(has("<title>A &lt;title&gt; &amp; more</title>"));
  CHECK(has("<h2>Classes</h2>\n<p>one &lt; two</p>\n<p class=\"warning\">&quot;look&quot; here \xEF\xBF\xBD</p>"));
  CHECK(has("<thead><tr><th>class</th><th>objects</th></tr></thead>"));
  CHECK(has("<tr><td>c&amp;t</td><td>12</td></tr>\n<tr><td>d\xC3\xB6g</td><td>7</td></tr>"));
  CHECK(has("<td>0</td><td>3</td><td><div style=\"width: 25%\"></div></td>"));
  CHECK(has("<td>1</td><td>12</td><td><div style=\"width: 100%\"></div></td>"));
  CHECK(has("<details><summary>2 files</summary>\n<ul>\n<li>a.jpg</li>\n<li>&lt;b&gt;.jpg</li>\n</ul></details>"));
  CHECK(has("prefers-color-scheme: dark"));
  for (char const* outside : {"http://", "https://"})  // but for the name of the namespace
    CHECK(text.find(outside, text.find("<head>")) == std::string::npos);
  html_page empty("");
  empty.bars("nothing", {});
  empty.bars("zeros", {{"a", 0}});
  CHECK(empty.str().find("width: 0%") != std::string::npos);
}

TEST_CASE("a page holds a matrix, charts whose clip paths are apart, and pictures as base64") {
  html_page page("p");
  page.table({"kind", "n", "what"}, {{"a", "1", "a sentence"}}, 2);
  page.matrix("object", {"a", "b&c"}, {"a", "none"}, std::vector<std::size_t>{3, 1, 0, 0});
  std::vector<chart_series> const one{{"loss", {1, 2}, {3, 4}}};
  page.chart({.title = "first"}, one);
  page.chart({.title = "second"}, one);
  page.pictures(std::vector<html_picture>{{"f", "image/png", "one \"<\""}, {"fo", "image/png", ""}, {"foo\xFF", "image/jpeg", ""}});
  std::string const text = page.str();
  auto const has = [&](char const* part) { return text.find(part) != std::string::npos; };
  CHECK(has("<tr><td>a</td><td>1</td><td class=\"words\">a sentence</td></tr>"));
  CHECK(has("<thead><tr><th>object</th><th>a</th><th>b&amp;c</th></tr></thead>"));
  CHECK(has("<tr><th>a</th><td style=\"background: rgba(60, 130, 246, 0.525)\">3</td>"));
  CHECK(has("<tr><th>none</th><td style=\"background: rgba(60, 130, 246, 0)\">0</td>"));
  for (char const* part : {"first", "second", "id=\"plot0\"", "id=\"plot1\"", "url(#plot1)"}) CHECK(has(part));
  // RFC 4648's examples, and a byte above 127.
  for (char const* part :
       {"src=\"data:image/png;base64,Zg==\"", "src=\"data:image/png;base64,Zm8=\"", "src=\"data:image/jpeg;base64,Zm9v/w==\""})
    CHECK(has(part));
  CHECK(has("alt=\"one &quot;&lt;&quot;\""));
}
