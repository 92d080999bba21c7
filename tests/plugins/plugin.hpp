#pragma once
// What the host asks of a plugin, which is compiled from one source under two names, for different processors, with and without assertions.
#include "frcnn/detector/any_detector.hpp"

#include <cstdint>

#if defined(PLUGIN)
#define PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define PLUGIN_EXPORT extern "C"
#endif

PLUGIN_EXPORT char const* plugin_build();                    // FRCNN_ABI, as this plugin sees it
PLUGIN_EXPORT frcnn::detector_interface* plugin_detector();  // the caller's: random weights, two threads
PLUGIN_EXPORT void const* plugin_table();                    // a table of the library's, as this plugin sees it
PLUGIN_EXPORT void const* plugin_static();                   // a static variable inside a function of the library's
PLUGIN_EXPORT void plugin_throw(char const* path);           // the frcnn::error of a model file that is not there
