#pragma once
// The one way in which programs check what comes from a command line. A number is finite and in range, or a sentence says which are.
//
//   app.add_option("--out", out)->check(console::path())            of files and folders, to be read or written
//   app.add_option("--lr", lr)->check(console::above(0))
//   app.add_option("--threshold", t)->check(console::between(0, 1))     inside(0, 1) where neither 0 nor 1 will do
//   app.add_option("--batch", n)->check(console::whole(1))              n an int; whole<std::uint64_t>(0) for other types
//
// Example: "--lr: expected a number above 0, found 'nan'"
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace console {
namespace detail {

// The whole of a text as a decimal number.
template <class T>
std::errc parse(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end != text.data() + text.size() ? std::errc::invalid_argument : code;
}

// CLI11 takes 010 for 8.
inline bool zero_in_front(std::string_view text) {
  auto const digits = text.substr(std::min(text.find_first_not_of("+-"), text.size()));
  return digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of("0123456789") == digits.npos;
}

inline std::string refusal(std::string const& expected, std::string const& found) {
  return fmt::format("expected {}, found '{}'", expected, found.size() > 40 ? found.substr(0, 40) + "..." : found);
}

// in_range(value) says whether a finite value will do.
template <class Range>
CLI::Validator number(std::string const& expected, std::string const& in_help, Range in_range) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;  // of float's range, because models compute in it
        bool const good = parse(text, value) == std::errc() && std::isfinite(static_cast<float>(value)) && in_range(value);
        return good ? std::string() : refusal(expected, text);
      },
      in_help);
}

}  // namespace detail

inline CLI::Validator above(double least) {
  return detail::number(fmt::format("a number above {:g}", least), fmt::format("above {:g}", least), [=](double v) { return v > least; });
}

inline CLI::Validator between(double least, double most) {
  return detail::number(fmt::format("a number from {:g} to {:g}", least, most), fmt::format("{:g} to {:g}", least, most),
                        [=](double v) { return v >= least && v <= most; });
}

// Neither of the two.
inline CLI::Validator inside(double least, double most) {
  return detail::number(fmt::format("a number between {:g} and {:g}", least, most), fmt::format("between {:g} and {:g}", least, most),
                        [=](double v) { return v > least && v < most; });
}

template <std::integral T = int>
CLI::Validator whole(T least, T most = std::numeric_limits<T>::max()) {
  bool const open = most == std::numeric_limits<T>::max();
  return CLI::Validator(
      [=](std::string& text) {
        T value = 0;
        auto const code = detail::parse(text, value);
        if (detail::zero_in_front(text)) return detail::refusal("a whole number without a zero in front", text);
        if (code == std::errc() && value >= least && value <= most) return std::string();
        return detail::refusal(open && code != std::errc::result_out_of_range ? fmt::format("a whole number from {} on", least)
                                                                              : fmt::format("a whole number from {} to {}", least, most),
                               text);
      },
      open ? fmt::format("from {}", least) : fmt::format("{} to {}", least, most));
}

// Up to `most` of what the validator takes, with commas between.
inline CLI::Validator list(CLI::Validator one, std::size_t most) {
  return CLI::Validator(
      [=](std::string& text) {
        std::size_t count = 1;
        for (std::size_t from = 0, comma = 0; comma != text.npos; from = comma + 1, count += comma != text.npos) {
          comma = text.find(',', from);
          std::string part = text.substr(from, comma - from);
          if (auto const refusal = one(part); !refusal.empty()) return refusal;
        }
        return count > most ? detail::refusal(fmt::format("at most {} numbers", most), text) : std::string();
      },
      one.get_description() + ", one or " + std::to_string(most) + " of them");
}

// "-" is standard input or output to other programs and would be a file of that name here: it is refused, ./- is that file. Where it can
// be meant (detect --json) it is allowed. An empty name, which an unset variable of a script leaves, is refused too.
inline CLI::Validator path(bool standard_output = false) {
  return CLI::Validator(
      [=](std::string& text) {
        if (text.empty()) return detail::refusal("the name of a file or a folder", text);
        return text == "-" && !standard_output ? detail::refusal("the name of a file or a folder (./- where it is called so)", text)
                                               : std::string();
      },
      "");
}

// Lengths in pixels: beyond this an image has more of them than the library decodes.
inline CLI::Validator side() { return whole(1, 16384); }

}  // namespace console
