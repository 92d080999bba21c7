#include "report_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace console {

namespace {

// "9.5 s", "2 min 05 s", "1 h 07 min".
std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  auto const whole = static_cast<long long>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{} min {:02} s", whole / 60, whole % 60)
                      : fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string timed_images(double seconds, std::size_t images) {
  return fmt::format("{}, {} images, {:.2f} a second", duration(seconds), images, static_cast<double>(images) / std::max(seconds, 1e-9));
}

run_facts training_facts(std::filesystem::path const& out, frcnn::data::named_summaries const& data,
                         std::map<std::string, std::string> const& settings, double seconds, std::int64_t steps) {
  run_facts f{"Training in " + out.string(), {settings.begin(), settings.end()}, {}, {}, out / "metrics.jsonl"};
  f.times.emplace_back("training", fmt::format("{}, {} steps", duration(seconds), steps));
  f.data = data;
  return f;
}

recall_study study_recall(std::function<std::vector<frcnn::box<float>>(std::size_t)> const& proposals,
                          std::span<std::vector<frcnn::eval::truth_box> const> truth, std::size_t most) {
  recall_study study{std::min(truth.size(), most), {}};
  std::vector<std::vector<frcnn::box<float>>> regions;
  std::vector<std::vector<frcnn::eval::truth_box>> objects;
  std::size_t longest = 0;
  for (std::size_t k = 0; k < study.images; ++k) {
    std::size_t const i = k * truth.size() / study.images;
    regions.push_back(proposals(i));
    objects.push_back(truth[i]);
    longest = std::max(longest, regions.back().size());
  }
  std::vector<int> limits;
  for (int const n : {1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000})
    if (limits.empty() || static_cast<std::size_t>(limits.back()) < longest) limits.push_back(n);
  if (longest) study.over = frcnn::eval::evaluate_proposals(regions, objects, limits);
  return study;
}

}  // namespace console
