#pragma once
#include <frcnn/geometry/iou.hpp>
#if __has_include(<frcnn/frcnn.hpp>)
#include <frcnn/frcnn.hpp>
#endif
#if __has_include(<frcnn/data.hpp>)
#include <frcnn/data.hpp>
#endif
#if __has_include(<frcnn/io.hpp>)
#include <frcnn/io.hpp>
#endif
#if __has_include(<frcnn/eval.hpp>)
#include <frcnn/eval.hpp>
#endif
#if __has_include(<frcnn/viz.hpp>)
#include <frcnn/viz.hpp>
#endif
