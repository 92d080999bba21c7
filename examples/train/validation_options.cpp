#include "validation_options.hpp"

#include "../console/options.hpp"

#include <frcnn/data/fingerprint.hpp>
#include <frcnn/io/crc32c.hpp>

namespace console {

namespace {

CLI::Validator steps_or_epochs() {
  return CLI::Validator(
      [number = whole(1, 1'000'000'000)](std::string& text) {
        std::string of = text.ends_with('e') ? text.substr(0, text.size() - 1) : text;
        auto const refusal = number(of);
        return refusal.empty() ? refusal : detail::refusal("a number of steps, such as 500, or of epochs, such as 1e", text);
      },
      "500 or 1e");
}

}  // namespace

void validation_arguments::add_to(CLI::App& app) {
  auto* often = app.add_option("--eval-every", every, "AP and losses on validation data every N steps, or every Ne epochs (1e)")
                    ->check(steps_or_epochs());
  auto* from = app.add_option("--val", data, "validation data, ROOT or ROOT:SPLIT (val)")->needs(often)->check(console::path());
  app.add_option("--val-fraction", fraction, "without --val: this part of the training images, by a hash of their ids")
      ->capture_default_str()
      ->needs(often)
      ->excludes(from)
      ->check(inside(0, 1));
  app.add_option("--patience", patience, "end after so many evaluations in a row that are not better than the best (never)")
      ->needs(often)
      ->check(whole(1));
}

std::int64_t validation_arguments::steps(std::int64_t per_epoch) const {
  bool const epochs = every.ends_with('e');
  return numbers_in<std::int64_t>(epochs ? every.substr(0, every.size() - 1) : every)[0] * (epochs ? per_epoch : 1);
}

void validation_arguments::identify(std::map<std::string, std::string>& identity, frcnn::data::dataset const& set,
                                    std::string const& metric) const {
  if (!wanted()) return;
  identity["--eval-every"] = every;
  if (metric != "area") identity["--metric"] = metric;  // of the best
  if (patience) identity["--patience"] = std::to_string(patience);
  if (data.empty()) identity["--val-fraction"] = fmt::format("{}", fraction);
  else identity["--val"] = data;
  identity["validation images"] =
      fmt::format("of CRC32C {:08x}", frcnn::io::crc32c(frcnn::data::to_text(frcnn::data::fingerprint_of(set))));
}

}  // namespace console
