#pragma once
// report.html: a training and its test on one page, or an evaluation's.
//
//   Result            AP of each class at an IoU of .5 to .95, precision over recall at .5 and .75, AP by size of object
//   Mistakes          score thresholds of the best F1, which classes are taken for which at them, kinds of errors and the AP that each costs,
//                     recall over proposals, the thirty images with the most mistakes
//   Training          curves of metrics.jsonl
//   Run               settings, times; data: what there is, what may be wrong with it, how anchors fit it
// Its numbers are the evaluators' (eval/detection_study.hpp) and metrics.jsonl's. Pictures are at most 480 pixels long and wide, and all
// together at most 3 MB.
#include "report_facts.hpp"

#include <filesystem>

namespace console {

// t: null where nothing was tested. Whole or not there.
void write_report(std::filesystem::path const& path, run_facts const& facts, tested const* t);

}  // namespace console
