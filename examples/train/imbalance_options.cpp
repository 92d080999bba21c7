#include "imbalance_options.hpp"

#include "../console/console.hpp"
#include "../console/options.hpp"

#include <frcnn/core/error.hpp>
#include <frcnn/data/repeat_factors.hpp>
#include <frcnn/data/text.hpp>
#include <frcnn/io/json.hpp>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <system_error>

namespace console {

void imbalance_arguments::add_to(CLI::App& app) {
  app.add_option("--repeat-factors", threshold_,
                 "show images of rare classes more often: those in less than this share of the images (LVIS has 0.001)")
      ->check(above(0, 1));
  add_list(app, "--class-weights", weights_,
           "NAME=W,..: weights of classes in the head's class loss, 0 to 1000000 (1 each; background is a name too)",
           CLI::Validator([](std::string&) { return std::string(); }, "NAME=W"));
}

std::vector<double> imbalance_arguments::weights_of(std::vector<std::string> const& classes) const {
  if (weights_.empty()) return {};
  std::vector<double> all(classes.size() + 1, 1);
  std::set<std::string> named;
  for (auto const& told : weights_) {
    auto const at = told.rfind('=');
    double weight = 0;
    if (at == told.npos || detail::parse(std::string_view(told).substr(at + 1), weight) != std::errc() || !(weight >= 0 && weight <= 1e6))
      throw frcnn::error("--class-weights", "NAME=W with a W from 0 to 1000000", told);
    auto const name = told.substr(0, at);
    if (!named.insert(name).second) throw frcnn::error("--class-weights", "one weight for a class", "two of " + name);
    auto const found = std::ranges::find(classes, name);
    if (found != classes.end() && name == "background")
      throw frcnn::error("--class-weights", "a name that means one thing",
                         "background, which is a class of the data and what the head calls none");
    if (found == classes.end() && name != "background")
      throw frcnn::error("--class-weights",
                         "classes of this run, " + frcnn::data::first_of(classes, 10, [](auto const& c) { return c; }) + ", or background",
                         frcnn::io::in_quotes(name));
    all[found == classes.end() ? 0 : static_cast<std::size_t>(found - classes.begin()) + 1] = weight;
  }
  say(fmt::format("--class-weights: {}; 1 for others", fmt::join(weights_, ", ")));
  if (std::ranges::all_of(all, [](double w) { return w == 0; })) warn("--class-weights: all are 0, so that no class is learned");
  return all;
}

void imbalance_arguments::say_factors(frcnn::data::dataset const& set, std::vector<std::size_t> const& images,
                                      frcnn::data::difficult_objects how, std::map<int, std::uint64_t> const& shown, bool mirrored) const {
  auto r = frcnn::data::repeat_factors_of(set, images, threshold_, how);
  r.classes.resize(set.classes.size());  // the last ones may have no object
  std::vector<std::size_t> order(r.classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t k) { return r.classes[k].images; });
  std::vector<std::string> numbers;
  for (auto const& [batch, n] : shown)
    numbers.push_back(fmt::format("{}", n) + (shown.size() > 1 ? fmt::format(" (in batches of {})", batch) : ""));
  say(fmt::format("--repeat-factors {}: an epoch shows {} images, of {}{}", threshold_, fmt::join(numbers, " or "), images.size(),
                  mirrored ? " and their mirror images" : ""));
  for (std::size_t const k : order)
    say(fmt::format("  {}: in {} images, {:.1f} %: {:.2f} times", set.classes[k], r.classes[k].images, 100 * r.classes[k].share,
                    r.classes[k].factor));
}

std::map<std::string, std::string> imbalance_arguments::described() const {
  std::map<std::string, std::string> all;
  if (threshold_ > 0) all["--repeat-factors"] = fmt::format("{}", threshold_);
  if (!weights_.empty()) all["--class-weights"] = fmt::format("{}", fmt::join(weights_, ","));
  return all;
}

}  // namespace console
