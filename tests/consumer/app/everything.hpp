#pragma once
#ifdef APP_HAS_COCO
#include <frcnn/coco.hpp>
#endif
#include <frcnn/compress.hpp>
#include <frcnn/data.hpp>
#include <frcnn/eval.hpp>
#include <frcnn/frcnn.hpp>
#include <frcnn/io.hpp>
#include <frcnn/load.hpp>
#include <frcnn/viz.hpp>
