#pragma once
// What the host asks of a plugin, which is compiled from one source under two names.
#include <cstdint>

#if defined(PLUGIN)
#define PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define PLUGIN_EXPORT extern "C"
#endif

PLUGIN_EXPORT std::uint64_t plugin_detect();        // a digest of what a detector with random weights finds, on two threads
PLUGIN_EXPORT void const* plugin_table();           // a table of the library's, as this plugin sees it
PLUGIN_EXPORT void const* plugin_static();          // a static variable inside a function of the library's
PLUGIN_EXPORT void plugin_throw(char const* path);  // the frcnn::error of a model file that is not there
