#pragma once
// COCO's JSON files, read and written. What evaluates them, which needs no library, is in frcnn/eval.hpp too.
#include "frcnn/eval/coco_report.hpp"
#include "frcnn/io/coco_json.hpp"
