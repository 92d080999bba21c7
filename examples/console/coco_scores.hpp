#pragma once
// COCO's numbers in programs: AP of each category, then the twelve, from detections of a model or from a results file.
#include <frcnn/eval/coco_ap.hpp>
#include <frcnn/io/coco_records.hpp>
#include <frcnn/train/coco_evaluation.hpp>

#include <string>
#include <vector>

namespace console {

// stops: whether a signal may end it. Not where detections that took much longer would be lost with it.
frcnn::eval::coco_options coco_options_of(bool pycocotools_exact, int threads, bool stops = false);

// Of test data in both formats.
void warn_of_mixed_data();

// json: where the twelve numbers are written in full precision, or empty.
void report_coco(frcnn::eval::coco_evaluation const& e, std::vector<frcnn::io::coco_category> const& categories, std::string const& json);

// Without a model and without images.
void evaluate_coco_files(std::string const& results, std::string const& test, std::string const& json, bool pycocotools_exact, int threads);

}  // namespace console
