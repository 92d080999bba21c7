#include "regions.hpp"

#include "../console/outside_regions.hpp"

#include <frcnn/data/epoch_plan.hpp>
#include <frcnn/eval/proposal_file.hpp>
#include <frcnn/io/crc32c.hpp>

using namespace frcnn;

run_regions read_regions(arguments const& a, console::datasets const& sets) {
  int const most = data::training_options().most_regions;
  run_regions all{.most_of_training = most, .most_of_validation = most};
  if (a.proposals.empty()) return all;
  bool const one_file = a.test_proposals.empty() || a.test_proposals == a.proposals;
  auto const text = eval::text_of_proposals(a.proposals);
  data::dataset of_file;  // whose images the file may have lines of
  for (auto const* set : {&sets.train, &sets.validation, one_file ? &sets.test : nullptr})
    if (set) of_file.samples.insert(of_file.samples.end(), set->samples.begin(), set->samples.end());
  all.crc = io::crc32c(text);
  auto const in_file = [&](data::dataset const& set, int* limit = nullptr) {
    auto const lists = console::proposals_in(text, set, a.proposals, of_file);
    if (limit) *limit = lists->most_of(*limit);
    return eval::proposal_lists::source(lists);
  };
  all.training = in_file(sets.train, &all.most_of_training);
  if (a.validation.wanted()) all.validation = in_file(sets.validation, &all.most_of_validation);
  if (!a.no_test)
    all.test = one_file ? in_file(sets.test) : eval::proposal_lists::source(console::proposals_of(sets.test, a.test_proposals));
  return all;
}
