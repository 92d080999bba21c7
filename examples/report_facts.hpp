#pragma once
// What report.html is made of (report.hpp): facts about a run, a detector's detections on data, and how proposals cover objects.
#include "console.hpp"
#include "data_findings.hpp"

#include <frcnn/data.hpp>
#include <frcnn/eval.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace console {

class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

inline std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  auto const whole = static_cast<long long>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{} min {:02} s", whole / 60, whole % 60)
                      : fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

inline std::string timed_images(double seconds, std::size_t images) {
  return fmt::format("{}, {} images, {:.2f} a second", duration(seconds), images, static_cast<double>(images) / std::max(seconds, 1e-9));
}

// What a report says besides what was detected.
struct run_facts {
  std::string title;
  std::vector<std::pair<std::string, std::string>> settings, times;
  frcnn::data::named_summaries data;
  std::filesystem::path metrics{};     // metrics.jsonl; empty: nothing was trained
  findings of_data{};                  // what may be wrong with it
  std::vector<std::string> anchors{};  // how they fit it, in lines
};

// Of a training into a folder, which has done so many steps since its start or its --resume. sets: console::datasets.
template <class Datasets>
run_facts training_facts(std::filesystem::path const& out, Datasets const& sets, std::map<std::string, std::string> const& settings,
                         double seconds, std::int64_t steps) {
  run_facts f{"Training in " + out.string(), {settings.begin(), settings.end()}, {}, {}, out / "metrics.jsonl"};
  f.times.emplace_back("training", fmt::format("{}, {} steps", duration(seconds), steps));
  f.data = sets.summaries;
  return f;
}

// How proposals cover the objects of some of a data set's images.
struct recall_study {
  std::size_t images = 0;
  std::vector<frcnn::eval::proposal_recall> over;  // at growing numbers of proposals; empty: not known
};

// A detector's detections on data, both of which stay the caller's.
struct tested {
  frcnn::data::dataset const& set;
  std::span<std::string const> classes;
  std::span<std::vector<frcnn::detection> const> found;
  std::span<std::vector<frcnn::eval::truth_box> const> truth;
  frcnn::eval::ap_metric metric;
  int threads = 0;  // to evaluate with; 0: as many as there are cores
  recall_study recall{};
  std::optional<frcnn::eval::coco_evaluation> coco{};  // of data in COCO's layout: what its file says of areas and crowds
};

// proposals(i) of each image, or of `most` of them, spread over the data set.
template <class Proposals>
recall_study study_recall(Proposals proposals, std::span<std::vector<frcnn::eval::truth_box> const> truth, std::size_t most) {
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
