#pragma once
// Evaluation: VOC's and COCO's average precision, kinds of errors, confusion of classes, score thresholds, files and recall of proposals, result files.
#include "frcnn/eval/coco_lists.hpp"
#include "frcnn/eval/coco_report.hpp"
#include "frcnn/eval/confusion.hpp"
#include "frcnn/eval/detection_study.hpp"
#include "frcnn/eval/error_kinds.hpp"
#include "frcnn/eval/proposal_file.hpp"
#include "frcnn/eval/proposal_recall.hpp"
#include "frcnn/eval/proposal_size.hpp"
#include "frcnn/eval/report.hpp"
#include "frcnn/eval/score_threshold.hpp"
#include "frcnn/eval/voc_ap.hpp"
#include "frcnn/eval/voc_results.hpp"
