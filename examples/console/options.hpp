#pragma once
// The one way in which programs check what comes from a command line. A number is finite and in range, or a sentence says which are.
//
//   app.add_option("--out", out)->check(console::path())            of files and folders, to be read or written
//   app.add_option("--lr", lr)->check(console::above(0))
//   app.add_option("--threshold", t)->check(console::between(0, 1))     inside(0, 1) where neither 0 nor 1 will do
//   app.add_option("--batch", n)->check(console::whole(1))              n an int; whole<std::uint64_t>(0) for other types
//   app.add_option("--merge", how)->check(console::one_of({"iou", "smaller"}))
//   console::add_numbers(app, "--ratios", v, help, console::above(0))   a list: 0.5,1 2
//
// Example: "--lr: expected a number above 0, found 'nan'"
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
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
bool zero_in_front(std::string_view text);

std::string refusal(std::string const& expected, std::string const& found);

}  // namespace detail

CLI::Validator above(double least, double most = std::numeric_limits<double>::infinity());

CLI::Validator between(double least, double most);

// Neither of the two.
CLI::Validator inside(double least, double most);

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

extern template CLI::Validator whole<int>(int, int);
extern template CLI::Validator whole<std::int64_t>(std::int64_t, std::int64_t);
extern template CLI::Validator whole<std::uint64_t>(std::uint64_t, std::uint64_t);

// What stands between the commas of a list, empty parts too.
std::vector<std::string> parts_of(std::string const& list);

// The numbers of a list that a validator has taken.
template <class T>
std::vector<T> numbers_in(std::string const& list) {
  std::vector<T> numbers;
  for (auto const& part : parts_of(list)) detail::parse(part, numbers.emplace_back());
  return numbers;
}

// A word of these.
CLI::Validator one_of(std::vector<std::string> words);

// Up to `most` of what the validator takes, with commas between.
CLI::Validator list(CLI::Validator one, std::size_t most = std::numeric_limits<std::size_t>::max());

// An option that takes a list, with commas or blanks between. (CLI11's own delimiter drops what is empty.)
CLI::Option* add_list(CLI::App& app, std::string const& name, std::vector<std::string>& parts, std::string const& help,
                      CLI::Validator const& one);
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

extern template CLI::Option* add_numbers(CLI::App&, std::string const&, std::vector<int>&, std::string const&, CLI::Validator const&);
extern template CLI::Option* add_numbers(CLI::App&, std::string const&, std::vector<double>&, std::string const&, CLI::Validator const&);

// "-" is standard input or output to other programs and would be a file of that name here: it is refused, ./- is that file. Where it can
// be meant (detect --json) it is allowed. An empty name, which an unset variable of a script leaves, is refused too.
CLI::Validator path(bool standard_output = false);

// Lengths in pixels: beyond this an image has more of them than the library decodes.
inline CLI::Validator side() { return whole(1, 16384); }

}  // namespace console
