#pragma once
// Line charts as SVG: loss curves and precision-recall curves, each one self-contained file that every browser shows.
//
//   series    a name for the legend (40 characters of it) and points in the order in which the line runs; a point that is
//             not finite breaks the line
//   smoothing the bold line is a running mean that forgets: it starts at the first point, then m += (1 - smoothing) * (y - m); the
//             points themselves stay visible, pale
//   range     low == high: from the data, widened to round tick marks
//
//   line_chart   one chart          chart_grid   several in one file, row by row
//
// Example: line_chart({.title = "Training", .x_label = "step", .y_label = "loss"}, {{"total", {1, 2, 3}, {2.5, 1.7, 1.2}}})
// Invariant: valid XML whatever the names hold; equal arguments give equal bytes, whatever the locale. A series of any length costs at
// most 4 points per pixel column: the extremes of each column are kept.
#include "frcnn/config.hpp"
#include "frcnn/core/finite.hpp"
#include "frcnn/viz/shortened.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::viz {

struct chart_series {
  std::string name{};
  std::vector<double> x{}, y{};  // of equal length
  double smoothing = 0;          // [0, 1)
};

struct axis_range {
  double low = 0, high = 0;
};

struct chart_options {
  std::string title{}, x_label{}, y_label{};
  axis_range x{}, y{};
  int width = 720, height = 420;  // pixels, without the legend's columns after the first
};

struct chart_panel {
  chart_options options{};
  std::vector<chart_series> series{};
};

namespace detail {

// The next character of UTF-8, "\xEF\xBF\xBD" (replacement character) for what XML 1.0 cannot hold; advances `at`.
inline std::string_view next_character(std::string_view text, std::size_t& at) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  auto const byte = [&](std::size_t k) { return at + k < text.size() ? static_cast<unsigned char>(text[at + k]) : 0u; };
  unsigned const lead = byte(0);
  std::size_t const length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  unsigned code = length == 1 ? lead : length ? lead & (0x7Fu >> length) : 0;
  bool good = length > 0;
  for (std::size_t k = 1; k < length; ++k) good = good && byte(k) >> 6 == 2, code = code << 6 | (byte(k) & 0x3F);
  constexpr unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && code >= smallest[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) && code != 0xFFFE && code != 0xFFFF;
  good = good && (code >= 0x20 || code == '\t' || code == '\n' || code == '\r');
  std::string_view const found = good ? text.substr(at, length) : replacement;
  at += good ? length : 1;
  return found;
}

inline std::string escape_xml(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::string_view const c = next_character(text, at);
    out += c == "&" ? "&amp;" : c == "<" ? "&lt;" : c == ">" ? "&gt;" : c == "\"" ? "&quot;" : c;
  }
  return out;
}

inline std::size_t characters(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) next_character(text, at);
  return n;
}

// At most `decimals` of them, no trailing zeros, never "-0".
inline std::string number(double value, int decimals) {
  char digits[400];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, decimals).ptr);
  if (decimals > 0) text.erase(std::min(text.size(), text.find_last_not_of('0') + 1));
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

// Numbers whose differences are finite; others are gaps.
inline bool drawable(double v) { return is_finite(v) && std::abs(v) <= 1e300; }

// Tick marks at 1, 2 or 5 times a power of ten.
struct ticks {
  double low, high, step;
  int decimals;

  // About `wanted` of them. A range from the data grows to whole steps; a given one stays.
  ticks(axis_range range, bool given, int wanted) : low(range.low), high(range.high) {
    // Nothing, or one value, as good as: something round it. A step below the spacing of doubles there would never arrive at the end.
    if (!(high - low > 1e-12 * std::max(std::abs(low), std::abs(high)))) {
      double const around = std::max(std::abs(low) * 0.5, 0.5);
      low -= around, high += around;
    }
    double const raw = (high - low) / wanted, power = std::pow(10.0, std::floor(std::log10(raw)));
    step = raw <= power ? power : raw <= 2 * power ? 2 * power : raw <= 5 * power ? 5 * power : 10 * power;
    decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
    if (!given) low = std::floor(low / step + 1e-9) * step, high = std::ceil(high / step - 1e-9) * step;
  }
  double first() const { return std::ceil(low / step - 1e-9); }
  double last() const { return std::floor(high / step + 1e-9); }
};

// With exponents where digits would be many; as many digits as tell neighbours apart.
inline std::string tick_text(double value, ticks const& t) {
  double const size = std::max(std::abs(t.low), std::abs(t.high));
  if (size < 1e6 && t.decimals <= 5) return number(value, t.decimals);
  int const digits = static_cast<int>(std::floor(std::log10(size)) - std::floor(std::log10(t.step) + 1e-9)) + 1;
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value + 0.0, std::chars_format::general, digits).ptr};
}

struct point {
  double x, y;
};

// Lines as paths in pixels, "M" at every gap, thinned to the extremes of each pixel column.
inline std::string path_of(std::span<point const> points) {
  std::string d;
  auto const put = [&](point p, bool move) { d += (move ? 'M' : 'L') + number(p.x, 1) + ' ' + number(p.y, 1); };
  bool move = true;
  for (std::size_t i = 0; i < points.size();) {
    if (!drawable(points[i].x) || !drawable(points[i].y)) {
      move = true, ++i;
      continue;
    }
    std::size_t end = i, low = i, high = i;
    for (double const column = std::floor(points[i].x);
         end < points.size() && std::floor(points[end].x) == column && drawable(points[end].y); ++end) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
    }
    std::size_t extremes[] = {i, low, high, end - 1};
    std::sort(std::begin(extremes), std::end(extremes));
    for (std::size_t k = 0; k < 4; ++k)
      if (k == 0 || extremes[k] != extremes[k - 1]) put(points[extremes[k]], std::exchange(move, false));
    i = end;
  }
  return d;
}

inline std::vector<double> smoothed(chart_series const& s) {
  std::vector<double> y = s.y;
  double mean = 0;
  bool started = false;
  for (double& v : y) {
    if (!drawable(v)) continue;
    mean = started ? mean + (1 - s.smoothing) * (v - mean) : v;
    started = true;
    v = mean;
  }
  return y;
}

// Ten colours that stay apart on white; later series repeat them in other dashes.
inline char const* series_colour(std::size_t k) {
  static constexpr char const* colours[] = {"#2563c9", "#d9480f", "#2b8a3e", "#9c36b5", "#c92a2a",
                                            "#0b8599", "#b08900", "#5f3dc4", "#d6336c", "#5c636a"};
  return colours[k % 10];
}
inline char const* series_dash(std::size_t k) {
  static constexpr char const* dashes[] = {"", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\"", " stroke-dasharray=\"9 3 2 3\""};
  return dashes[k / 10 % 4];
}

}  // namespace detail

// The curve points of a class (anything with recall and precision, such as eval::pr_point) as a series, from recall 0.
template <class Curve>
chart_series precision_recall_series(std::string name, Curve const& curve) {
  chart_series s;
  s.name = std::move(name);
  for (auto const& p : curve) {
    if (s.x.empty()) s.x.push_back(0), s.y.push_back(static_cast<double>(p.precision));
    s.x.push_back(static_cast<double>(p.recall));
    s.y.push_back(static_cast<double>(p.precision));
  }
  return s;
}

inline chart_options precision_recall_options(std::string title) {
  chart_options options;
  options.title = std::move(title), options.x_label = "recall", options.y_label = "precision";
  options.x = options.y = {0, 1};
  return options;
}

namespace detail {

struct drawing {
  std::string svg;
  double width, height;  // pixels
};

// clip: the id of its clip path, which is unique in a file.
inline drawing draw_chart(chart_options const& options, std::span<chart_series const> series, std::string const& clip) {
  // The data's range; where a series is smoothed only the smooth line counts, so that one spike does not flatten the rest.
  std::vector<std::vector<double>> bold;
  axis_range data_x{HUGE_VAL, -HUGE_VAL}, data_y{HUGE_VAL, -HUGE_VAL};
  for (chart_series const& s : series) {
    FRCNN_ASSERT(s.x.size() == s.y.size());
    bold.push_back(s.smoothing > 0 ? smoothed(s) : s.y);
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!drawable(s.x[i]) || !drawable(s.y[i])) continue;
      data_x = {std::min(data_x.low, s.x[i]), std::max(data_x.high, s.x[i])};
      data_y = {std::min(data_y.low, bold.back()[i]), std::max(data_y.high, bold.back()[i])};
    }
  }
  bool const given_x = options.x.low < options.x.high, given_y = options.y.low < options.y.high;
  if (!(data_x.low <= data_x.high)) data_x = data_y = {0, 1};
  if (data_x.low > 0 && data_x.low < 0.05 * data_x.high) data_x.low = 0;  // show zero where it is near
  if (data_y.low > 0 && data_y.low < 0.6 * data_y.high) data_y.low = 0;
  ticks const tx(given_x ? options.x : data_x, true, 7), ty(given_y ? options.y : data_y, given_y, 6);

  // Layout: title above, y ticks and label left, x ticks and label below, legend right.
  constexpr int line_height = 19;
  double const left = 66, top = options.title.empty() ? 18 : 44, bottom = options.height - 52.0;
  constexpr std::size_t most = 40;  // characters of a name
  std::size_t longest = 0;
  for (chart_series const& s : series) longest = std::max(longest, std::min(most, characters(s.name)));
  std::size_t const rows = std::max<std::size_t>(1, static_cast<std::size_t>(std::max(bottom - top, 19.0)) / line_height);
  std::size_t const columns = (series.size() + rows - 1) / rows;
  double const column_width = 44 + 7.0 * static_cast<double>(longest);
  double const right = std::max(left + 100, options.width - (columns ? column_width + 16 : 18)), plot_width = right - left,
               plot_height = bottom - top;
  double const width = std::max<double>(options.width, columns ? right + 16 + column_width * static_cast<double>(columns) : right + 18);
  auto const px = [&](double x) { return left + (x - tx.low) / (tx.high - tx.low) * plot_width; };
  auto const py = [&](double y) { return bottom - (y - ty.low) / (ty.high - ty.low) * plot_height; };

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width, 0) + "\" height=\"" +
                    std::to_string(options.height) + "\" viewBox=\"0 0 " + number(width, 0) + ' ' + std::to_string(options.height) +
                    "\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#343a40\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  auto const text = [&](double x, double y, std::string_view attributes, std::string_view what) {
    svg += "<text x=\"" + number(x, 1) + "\" y=\"" + number(y, 1) + "\" " + std::string(attributes) + '>' + escape_xml(what) + "</text>\n";
  };
  auto const line = [&](double x1, double y1, double x2, double y2, char const* colour) {
    svg += "<line x1=\"" + number(x1, 1) + "\" y1=\"" + number(y1, 1) + "\" x2=\"" + number(x2, 1) + "\" y2=\"" + number(y2, 1) +
           "\" stroke=\"" + colour + "\"/>\n";
  };
  if (!options.title.empty()) text(left, 26, "font-size=\"16\" font-weight=\"600\" fill=\"#212529\"", options.title);
  for (double k = tx.first(); k <= tx.last(); ++k) {
    line(px(k * tx.step), top, px(k * tx.step), bottom, "#eceff2");
    text(px(k * tx.step), bottom + 18, "text-anchor=\"middle\"", tick_text(k * tx.step, tx));
  }
  for (double k = ty.first(); k <= ty.last(); ++k) {
    line(left, py(k * ty.step), right, py(k * ty.step), "#eceff2");
    text(left - 8, py(k * ty.step) + 4, "text-anchor=\"end\"", tick_text(k * ty.step, ty));
  }
  line(left, bottom, right, bottom, "#868e96");
  line(left, top, left, bottom, "#868e96");
  text(left + plot_width / 2, options.height - 14.0, "text-anchor=\"middle\"", options.x_label);
  text(0, 0, "text-anchor=\"middle\" transform=\"translate(18 " + number(top + plot_height / 2, 1) + ") rotate(-90)\"", options.y_label);

  svg += "<clipPath id=\"" + clip + "\"><rect x=\"" + number(left, 1) + "\" y=\"" + number(top - 1, 1) + "\" width=\"" +
         number(plot_width + 1, 1) + "\" height=\"" + number(plot_height + 2, 1) + "\"/></clipPath>\n<g clip-path=\"url(#" + clip +
         ")\" fill=\"none\" stroke-linejoin=\"round\">\n";
  std::vector<point> points;
  auto const curve = [&](std::vector<double> const& x, std::vector<double> const& y, std::size_t k, std::string_view style) {
    points.clear();
    for (std::size_t i = 0; i < x.size(); ++i) points.push_back({px(x[i]), py(y[i])});
    std::string const d = path_of(points);
    if (!d.empty()) svg += "<path d=\"" + d + "\" stroke=\"" + series_colour(k) + "\" " + std::string(style) + series_dash(k) + "/>\n";
  };
  for (std::size_t k = 0; k < series.size(); ++k)
    if (series[k].smoothing > 0) curve(series[k].x, series[k].y, k, "stroke-width=\"1\" stroke-opacity=\"0.22\"");
  for (std::size_t k = 0; k < series.size(); ++k) curve(series[k].x, bold[k], k, "stroke-width=\"1.8\"");
  svg += "</g>\n";
  for (std::size_t k = 0; k < series.size(); ++k) {
    double const x = right + 16 + column_width * static_cast<double>(k / rows), y = top + 8 + line_height * static_cast<double>(k % rows);
    svg += "<path d=\"M" + number(x, 1) + ' ' + number(y, 1) + "h22\" stroke=\"" + series_colour(k) + "\" stroke-width=\"2.4\"" +
           series_dash(k) + "/>\n";
    text(x + 28, y + 4, "", characters(series[k].name) > most ? shortened(series[k].name, most) : series[k].name);
  }
  return {svg + "</svg>\n", width, static_cast<double>(options.height)};
}

}  // namespace detail

inline std::string line_chart(chart_options const& options, std::span<chart_series const> series) {
  return detail::draw_chart(options, series, "plot").svg;
}

// columns: panels of a row, 1 or more.
inline std::string chart_grid(std::span<chart_panel const> panels, std::size_t columns) {
  std::vector<detail::drawing> cells;
  double width = 0, height = 0;
  for (chart_panel const& c : panels) {
    cells.push_back(detail::draw_chart(c.options, c.series, "plot" + std::to_string(cells.size())));
    width = std::max(width, cells.back().width), height = std::max(height, cells.back().height);
  }
  std::size_t const across = std::min(std::max<std::size_t>(columns, 1), std::max<std::size_t>(cells.size(), 1));
  auto const at = [&](std::size_t k, double side) { return detail::number(static_cast<double>(k) * side, 0); };
  std::string const w = at(across, width), h = at((cells.size() + across - 1) / across, height);
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h + "\" viewBox=\"0 0 " + w + ' ' + h + "\">\n";
  for (std::size_t k = 0; k < cells.size(); ++k)
    svg += "<g transform=\"translate(" + at(k % across, width) + ' ' + at(k / across, height) + ")\">\n" + cells[k].svg + "</g>\n";
  return svg + "</svg>\n";
}

}  // namespace frcnn::inline FRCNN_ABI::viz
FRCNN_HIDDEN_END
