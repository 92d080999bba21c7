#pragma once
// The one way in which programs check what comes from a command line. A number is finite and in range, or a sentence says which are.
//
//   app.add_option("--out", out)->check(console::path())            of files and folders, to be read or written
//   app.add_option("--lr", lr)->check(console::above(0))
//   app.add_option("--threshold", t)->check(console::between(0, 1))     inside(0, 1) where neither 0 nor 1 will do
//   app.add_option("--batch", n)->check(console::whole(1))              n an int; whole<std::uint64_t>(0) for other types
//   console::add_numbers(app, "--ratios", v, help, console::above(0))   a list: 0.5,1 2
//
// Example: "--lr: expected a number above 0, found 'nan'"
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <frcnn/core/message.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

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
  return fmt::format("expected {}, found {}", expected, frcnn::excerpt(found, 40));
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

inline CLI::Validator above(double least, double most = std::numeric_limits<double>::infinity()) {
  std::string const bound = std::isinf(most) ? std::string() : fmt::format(" and up to {:g}", most);
  return detail::number(fmt::format("a number above {:g}{}", least, bound), fmt::format("above {:g}{}", least, bound),
                        [=](double v) { return v > least && v <= most; });
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

// What stands between the commas of a list, empty parts too.
inline std::vector<std::string> parts_of(std::string const& list) {
  std::vector<std::string> parts;
  for (std::size_t from = 0, comma = 0; comma != list.npos; from = comma + 1)
    comma = list.find(',', from), parts.push_back(list.substr(from, comma - from));
  return parts;
}

// The numbers of a list that a validator has taken.
template <class T>
std::vector<T> numbers_in(std::string const& list) {
  std::vector<T> numbers;
  for (auto const& part : parts_of(list)) detail::parse(part, numbers.emplace_back());
  return numbers;
}

// Up to `most` of what the validator takes, with commas between.
inline CLI::Validator list(CLI::Validator one, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  bool const open = most == std::numeric_limits<std::size_t>::max();
  return CLI::Validator(
      [=](std::string& text) {
        auto parts = parts_of(text);
        for (auto& part : parts)
          if (auto const refusal = one(part); !refusal.empty())
            return parts.size() > 1 && part.empty() ? refusal + " between the commas of " + frcnn::excerpt(text, 40) : refusal;
        return parts.size() > most ? detail::refusal(fmt::format("at most {} numbers", most), text) : std::string();
      },
      open ? one.get_description() : one.get_description() + ", one or " + std::to_string(most) + " of them");
}

// An option that takes a list, with commas or blanks between. (CLI11's own delimiter drops what is empty.)
inline CLI::Option* add_list(CLI::App& app, std::string const& name, std::vector<std::string>& parts, std::string const& help,
                             CLI::Validator const& one) {
  auto const take = [&parts](std::vector<std::string> const& lists) {
    parts.clear();
    for (auto const& text : lists)
      for (auto const& part : parts_of(text)) parts.push_back(part);
  };
  return app.add_option_function<std::vector<std::string>>(name, take, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(list(one));
}
template <class T>
CLI::Option* add_numbers(CLI::App& app, std::string const& name, std::vector<T>& numbers, std::string const& help,
                         CLI::Validator const& one) {
  auto const take = [&numbers](std::vector<std::string> const& lists) {
    numbers.clear();
    for (auto const& text : lists)
      for (T const v : numbers_in<T>(text)) numbers.push_back(v);
  };
  return app.add_option_function<std::vector<std::string>>(name, take, help)
      ->type_name(std::is_integral_v<T> ? "INT" : "FLOAT")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(list(one));
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
