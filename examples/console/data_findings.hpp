#pragma once
// What may be wrong with data, in sentences with the cases behind them (frcnn/data/inspection.hpp): what inspect_data says, and the report of
// a training.
#include <frcnn/data/anchor_fit.hpp>
#include <frcnn/data/inspection.hpp>
#include <frcnn/viz/html_page.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace console {

struct datasets;  // data_options.hpp

struct finding {
  std::string sentence;
  std::size_t count = 0;             // of cases; 0: the sentence says all
  std::vector<std::string> cases{};  // the first of them (case_list::most)
};

// A set of data, with what is in it.
struct inspected {
  std::string name;  // "training data"
  frcnn::data::dataset const& set;
  frcnn::data::inspection of;
};

// The training data first, then those others that are there. resize: see data::inspect; sets: stay the caller's.
std::vector<inspected> inspect_sets(datasets const& sets, std::function<frcnn::resize_plan(int, int)> const& resize);

class findings {
 public:
  void add(std::string const& name, frcnn::data::case_list const& found, char const* one, char const* many);

  // sets: as inspect_sets gives them. progress: of files that are compared; may be empty.
  void add_sets(std::vector<inspected> const& sets, int threads, std::function<void(std::size_t, std::size_t)> const& progress = {});

  void add_anchors(frcnn::data::anchor_fit const& fit);

  std::vector<finding> const& list() const { return list_; }

 private:
  void add_set(inspected const& s, frcnn::data::case_list const& twice);

  std::vector<finding> list_;
};

// On stdout, of each the first ten cases.
void print(std::vector<finding> const& list);

void show(frcnn::viz::html_page& page, std::vector<finding> const& list);

}  // namespace console
