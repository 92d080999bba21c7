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
  std::string const text = page.str();
  auto const has = [&](char const* part) { return text.find(part) != std::string::npos; };
  CHECK(text.find("<!DOCTYPE html>\n") == 0);
  CHECK(has("<title>A &lt;title&gt; &amp; more</title>"));
  CHECK(has("<h2>Classes</h2>\n<p>one &lt; two</p>\n<p class=\"warning\">&quot;look&quot; here \xEF\xBF\xBD</p>"));
  CHECK(has("<thead><tr><th>class</th><th>objects</th></tr></thead>"));
  CHECK(has("<tr><td>c&amp;t</td><td>12</td></tr>\n<tr><td>d\xC3\xB6g</td><td>7</td></tr>"));
  CHECK(has("<td>0</td><td>3</td><td><div style=\"width: 25%\"></div></td>"));
  CHECK(has("<td>1</td><td>12</td><td><div style=\"width: 100%\"></div></td>"));
  CHECK(has("prefers-color-scheme: dark"));
  for (char const* outside : {"http://", "https://"})  // but for the name of the namespace
    CHECK(text.find(outside, text.find("<head>")) == std::string::npos);
  html_page empty("");
  empty.bars("nothing", {});
  empty.bars("zeros", {{"a", 0}});
  CHECK(empty.str().find("width: 0%") != std::string::npos);
}
