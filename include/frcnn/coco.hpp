#pragma once
// COCO's JSON files, read as data sets, evaluated, and written. What evaluates, which needs no library, is in frcnn/eval.hpp too.
#include "frcnn/data/coco.hpp"
#include "frcnn/eval/coco_report.hpp"
#include "frcnn/io/coco_json.hpp"
