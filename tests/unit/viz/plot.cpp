#include "frcnn/viz/plot.hpp"

#include <doctest/doctest.h>

#include <pugixml.hpp>

#include <limits>

using namespace frcnn::viz;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

struct chart {
  pugi::xml_document document;
  pugi::xml_node svg;
  std::vector<std::string> texts, paths;  // the curves' paths

  explicit chart(std::string const& text) {
    auto const parsed = document.load_string(text.c_str(), pugi::parse_full | pugi::parse_ws_pcdata);
    REQUIRE_MESSAGE(parsed, parsed.description());
    svg = document.child("svg");
    REQUIRE(svg);
    for (auto const& t : svg.children("text")) texts.push_back(t.text().get());
    for (auto const& p : svg.child("g").children("path")) paths.push_back(p.attribute("d").value());
  }
  bool shows(std::string const& text) const { return std::find(texts.begin(), texts.end(), text) != texts.end(); }
};

std::string plot(chart_options const& options, std::vector<chart_series> const& series) { return line_chart(options, series); }
std::size_t points(std::string const& d) {
  return static_cast<std::size_t>(std::count(d.begin(), d.end(), 'M') + std::count(d.begin(), d.end(), 'L'));
}

chart_options titled(std::string title) {
  chart_options o;
  o.title = std::move(title);
  return o;
}

}  // namespace

TEST_CASE("plot: title, labels, legend and round ticks are there; points lie where the axes say") {
  chart_options options = titled("Training");
  options.x_label = "step", options.y_label = "loss";
  chart const c(plot(options, {{"total", {0, 50, 100}, {0, 2, 1}}}));
  for (char const* text : {"Training", "step", "loss", "total", "0", "20", "100", "0.5", "1", "1.5", "2"}) CHECK(c.shows(text));
  REQUIRE(c.paths.size() == 1);
  auto const clip = c.svg.child("clipPath").child("rect");
  double const left = clip.attribute("x").as_double(), top = clip.attribute("y").as_double() + 1;
  double const width = clip.attribute("width").as_double() - 1, height = clip.attribute("height").as_double() - 2;
  double x[3], y[3];
  REQUIRE(std::sscanf(c.paths[0].c_str(), "M%lf %lfL%lf %lfL%lf %lf", x, y, x + 1, y + 1, x + 2, y + 2) == 6);
  CHECK(std::abs(x[0] - left) < 0.11);
  CHECK(std::abs(y[0] - (top + height)) < 0.11);
  CHECK(std::abs(x[1] - (left + width / 2)) < 0.11);
  CHECK(std::abs(y[1] - top) < 0.11);
  CHECK(std::abs(x[2] - (left + width)) < 0.11);
  CHECK(std::abs(y[2] - (top + height / 2)) < 0.11);
}

TEST_CASE("plot: names of any kind stay valid XML") {
  std::string const wild = "a<b>&\"c' \xC3\xA9 \xE7\x8C\xAB \xF0\x9F\x90\x95", broken = "x\x01\xFF\xC3\xED\xA0\x80\xC0\xAFy";
  chart const c(plot(titled(wild), {{wild, {0, 1}, {0, 1}}, {broken, {0, 1}, {1, 0}}}));
  CHECK(c.texts[0] == wild);
  CHECK(c.shows(wild));
  std::string const r = "\xEF\xBF\xBD";
  CHECK(c.shows("x" + r + r + r + r + r + r + r + r + "y"));
  CHECK(chart(plot({}, {{std::string(260, 'x') + "end", {0, 1}, {0, 1}}}))
            .shows(std::string(19, 'x') + "..." + std::string(15, 'x') + "end"));
}

TEST_CASE("plot: a point that is no number breaks the line; smoothing keeps the points, pale") {
  chart const broken(plot({}, {{"a", {0, 1, 2, 3, 4}, {0, 1, missing, 1, 0}}}));
  REQUIRE(broken.paths.size() == 1);
  CHECK(std::count(broken.paths[0].begin(), broken.paths[0].end(), 'M') == 2);
  CHECK(points(broken.paths[0]) == 4);
  CHECK(broken.paths[0].find("nan") == std::string::npos);

  chart_series noisy{"a", {0, 1, 2, 3}, {0, 4, missing, 4}, 0.5};
  chart const smooth(plot({}, {noisy}));
  REQUIRE(smooth.paths.size() == 2);
  CHECK(smooth.svg.child("g").first_child().attribute("stroke-opacity").as_double() < 0.5);
  CHECK(frcnn::viz::detail::smoothed(noisy)[0] == 0);
  CHECK(frcnn::viz::detail::smoothed(noisy)[1] == 2);
  CHECK(frcnn::viz::detail::smoothed(noisy)[3] == 3);
  CHECK(smooth.shows("3"));        // the axis ends at the smooth line's top
  CHECK_FALSE(smooth.shows("4"));  // not at the points'
}

TEST_CASE("plot: a million points cost four per pixel column, and the extremes stay") {
  chart_series s;
  for (int i = 0; i < 1000000; ++i) s.x.push_back(i), s.y.push_back(i % 2);
  s.y[500123] = 10, s.y[700456] = -10;
  std::string const text = plot({}, {s});
  chart const c(text);
  CHECK(points(c.paths[0]) <= 4 * 720);
  CHECK(text.size() < 60000);
  auto const clip = c.svg.child("clipPath").child("rect");
  double const top = clip.attribute("y").as_double() + 1, bottom = top + clip.attribute("height").as_double() - 2;
  CHECK(c.paths[0].find(' ' + frcnn::viz::detail::number(top, 1) + 'L') != std::string::npos);
  CHECK(c.paths[0].find(' ' + frcnn::viz::detail::number(bottom, 1) + 'L') != std::string::npos);
}

TEST_CASE("plot: data of any extent has ticks; none at all has a frame") {
  for (auto const& extent :
       {std::pair{0.0, 0.0}, {5.0, 5.0}, {-3.0, -3.0}, {1e-9, 2e-9}, {0.0, 1e12}, {-1e300, 1e300}, {999.0, 1000.0}, {1e9, 1e9 + 1}}) {
    double const low = extent.first, high = extent.second;
    CAPTURE(low);
    CAPTURE(high);
    chart const c(plot({}, {{"a", {low, high}, {low, high}}}));
    std::size_t const marks = c.texts.size() - 3;  // without the two axis labels and the legend
    CHECK(marks >= 5);
    CHECK(marks <= 24);
    CHECK(c.paths[0].find("nan") == std::string::npos);
    CHECK(c.paths[0].find("inf") == std::string::npos);
  }
  CHECK(chart(plot({}, {})).paths.empty());
  CHECK(chart(plot({}, {{"nothing", {}, {}}, {"no number", {missing}, {1}}})).paths.empty());
}

TEST_CASE("plot: precision and recall have both axes from 0 to 1 and start at recall 0") {
  struct point {
    double recall, precision;
  };
  auto const s = precision_recall_series("dog 0.50", std::vector<point>{{0.5, 1}, {0.5, 0.5}});
  CHECK(s.x == std::vector<double>{0, 0.5, 0.5});
  CHECK(s.y == std::vector<double>{1, 1, 0.5});
  CHECK(precision_recall_series("none", std::vector<point>{}).x.empty());
  chart const c(plot(precision_recall_options("PR"), {s}));
  for (char const* text : {"recall", "precision", "0", "0.2", "0.4", "0.6", "0.8", "1"}) CHECK(c.shows(text));
}

TEST_CASE("plot: legends of many classes go on in further columns, lines repeat colours in other dashes") {
  std::vector<chart_series> many(80, {"a class", {0, 1}, {0, 1}});
  std::string const text = plot({}, many);
  chart const c(text);
  CHECK(c.svg.attribute("width").as_int() > 720);
  double right = 0;
  for (auto const& t : c.svg.children("text")) {
    CHECK(t.attribute("y").as_double() <= 420);
    right = std::max(right, t.attribute("x").as_double());
  }
  CHECK(right < c.svg.attribute("width").as_double());
  CHECK(text.find("stroke-dasharray") != std::string::npos);
  CHECK(text == plot({}, many));
}

TEST_CASE("plot: a grid holds whole charts, each with a clip path of its own") {
  std::vector<chart_series> const one{{"a", {0, 1}, {0, 1}}};
  chart_panel const cell{titled("first"), one}, wide{titled("second"), std::vector<chart_series>(60, one[0])};
  std::string const svg = chart_grid(std::vector{cell, wide, cell}, 2);
  pugi::xml_document document;
  REQUIRE(document.load_string(svg.c_str()));
  auto const outer = document.child("svg");
  std::vector<std::string> places, clips, used;
  double width = 0;
  for (auto const& g : outer.children("g")) {
    places.push_back(g.attribute("transform").value());
    auto const inner = g.child("svg");
    width = std::max(width, inner.attribute("width").as_double());
    clips.push_back(inner.child("clipPath").attribute("id").value());
    used.push_back(inner.child("g").attribute("clip-path").value());
  }
  std::string const w = std::to_string(static_cast<int>(width));
  CHECK(places == std::vector<std::string>{"translate(0 0)", "translate(" + w + " 0)", "translate(0 420)"});
  CHECK(clips == std::vector<std::string>{"plot0", "plot1", "plot2"});
  CHECK(used == std::vector<std::string>{"url(#plot0)", "url(#plot1)", "url(#plot2)"});
  CHECK(outer.attribute("width").as_double() == 2 * width);
  CHECK(outer.attribute("height").as_double() == 840);
  CHECK(document.load_string(chart_grid({}, 0).c_str()));
}
