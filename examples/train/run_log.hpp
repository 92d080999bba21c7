#pragma once
// What a run says of itself while it trains: a progress line on stderr, metrics.jsonl, event files (--tensorboard).
#include "../console/console.hpp"
#include "diagnostics.hpp"

#include <frcnn/io/event_file.hpp>
#include <frcnn/train/metrics_file.hpp>
#include <frcnn/train/trainer.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// Where a step stands in its run.
struct step_place {
  std::int64_t number, steps;  // of the run, counted from 1; how many it has
  std::int64_t of_stage;       // steps of its stage
  std::int64_t per_epoch;      // steps of an epoch
  std::string stage;           // its name, of a run whose stages train in turns
  bool trains_rpn = true, trains_head = true;
};

class run_log {
 public:
  // is_first: of several processes one says and writes everything, the others nothing.
  run_log(std::filesystem::path const& out, bool is_first);

  // Metrics of a new run, or of one that goes on behind step `done`; undone: that step's lines with this field will be written again.
  void begin();
  void go_on(std::int64_t done, std::string const& undone);
  // Then, of either: what is done, and how many steps there are. Event files are written where they are asked for; goes_on: those of earlier
  // steps may be there.
  void start(std::int64_t done, std::int64_t steps, bool writes_events, bool goes_on);

  void step(frcnn::step_report const& r, step_place const& at);
  void diagnostics(frcnn::step_diagnostics const& r, std::int64_t number);
  void validation(std::vector<frcnn::metrics_file::field> const& values, std::int64_t number);
  void proposals(std::size_t image, std::size_t images);
  void flush();

 private:
  using fields = std::vector<frcnn::metrics_file::field>;
  void write(std::int64_t number, fields const& values);
  void event(std::string const& name, double value, std::int64_t number);

  bool is_first_;
  std::filesystem::path out_;
  std::optional<frcnn::metrics_file> metrics_;
  std::optional<frcnn::io::event_file> events_;
  console::progress show_;
  console::pace pace_{0};
  console::feed_watch watch_feed_;
  std::int64_t started_ = 0;
  double average_ = 0;
};
