#include "options.hpp"

#include <frcnn/core/message.hpp>

#include <algorithm>
#include <cmath>

namespace console {

namespace {

// in_range(value) says whether a finite value will do.
template <class Range>
CLI::Validator number(std::string const& expected, std::string const& in_help, Range in_range) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;  // of float's range, because models compute in it
        bool const good = detail::parse(text, value) == std::errc() && std::isfinite(static_cast<float>(value)) && in_range(value);
        return good ? std::string() : detail::refusal(expected, text);
      },
      in_help);
}

}  // namespace

namespace detail {

bool zero_in_front(std::string_view text) {
  auto const digits = text.substr(std::min(text.find_first_not_of("+-"), text.size()));
  return digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of("0123456789") == digits.npos;
}

std::string refusal(std::string const& expected, std::string const& found) {
  return fmt::format("expected {}, found {}", expected, frcnn::excerpt(found, 40));
}

}  // namespace detail

CLI::Validator above(double least, double most) {
  std::string const bound = std::isinf(most) ? std::string() : fmt::format(" and up to {:g}", most);
  return number(fmt::format("a number above {:g}{}", least, bound), fmt::format("above {:g}{}", least, bound),
                [=](double v) { return v > least && v <= most; });
}

CLI::Validator between(double least, double most) {
  return number(fmt::format("a number from {:g} to {:g}", least, most), fmt::format("{:g} to {:g}", least, most),
                [=](double v) { return v >= least && v <= most; });
}

CLI::Validator inside(double least, double most) {
  return number(fmt::format("a number between {:g} and {:g}", least, most), fmt::format("between {:g} and {:g}", least, most),
                [=](double v) { return v > least && v < most; });
}

template CLI::Validator whole<int>(int, int);
template CLI::Validator whole<std::int64_t>(std::int64_t, std::int64_t);
template CLI::Validator whole<std::uint64_t>(std::uint64_t, std::uint64_t);

std::vector<std::string> parts_of(std::string const& list) {
  std::vector<std::string> parts;
  for (std::size_t from = 0, comma = 0; comma != list.npos; from = comma + 1)
    comma = list.find(',', from), parts.push_back(list.substr(from, comma - from));
  return parts;
}

CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [=](std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        std::vector<std::string> const first(words.begin(), words.end() - 1);
        return detail::refusal(first.empty() ? words.back() : fmt::format("{} or {}", fmt::join(first, ", "), words.back()), text);
      },
      fmt::format("{{{}}}", fmt::join(words, ",")));
}

CLI::Validator list(CLI::Validator one, std::size_t most) {
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

CLI::Option* add_list(CLI::App& app, std::string const& name, std::vector<std::string>& parts, std::string const& help,
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

template CLI::Option* add_numbers(CLI::App&, std::string const&, std::vector<int>&, std::string const&, CLI::Validator const&);
template CLI::Option* add_numbers(CLI::App&, std::string const&, std::vector<double>&, std::string const&, CLI::Validator const&);

CLI::Validator path(bool standard_output) {
  return CLI::Validator(
      [=](std::string& text) {
        if (text.empty()) return detail::refusal("the name of a file or a folder", text);
        if (text.starts_with("~/"))
          return detail::refusal("a path without ~, which no shell has replaced here (./~ where it is called so)", text);
        if (text.starts_with("--") && text.size() > 2)  // the value of a variable that is empty
          return detail::refusal("the name of a file or a folder, not an option (./" + text + " where it is called so)", text);
        return text == "-" && !standard_output ? detail::refusal("the name of a file or a folder (./- where it is called so)", text)
                                               : std::string();
      },
      "");
}

}  // namespace console
